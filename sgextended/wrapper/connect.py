"""
``SGExtended.connect``: a wrapper made with exactly the arguments of ``shotgun_api3.Shotgun``.
"""

from typing import TYPE_CHECKING, Any, Callable, Generic, Optional, Type, TypeVar, overload

from sgextended.site import Site, split_basic_auth

if TYPE_CHECKING:
    from sgextended.extended import SGExtended

Wrapper = TypeVar("Wrapper", bound="SGExtended")


class _Connector(Generic[Wrapper]):
    """
    What ``SGExtended.connect`` is on the class; on an instance it is the native method of that name.
    """

    def __init__(self, owner: Type[Wrapper]) -> None:
        self._owner = owner

    def __call__(
        self,
        base_url: str,
        script_name: Optional[str] = None,
        api_key: Optional[str] = None,
        convert_datetimes_to_utc: bool = True,
        http_proxy: Optional[str] = None,
        connect: bool = True,
        ca_certs: Optional[str] = None,
        login: Optional[str] = None,
        password: Optional[str] = None,
        sudo_as_login: Optional[str] = None,
        session_token: Optional[str] = None,
        auth_token: Optional[str] = None,
    ) -> Wrapper:
        """
        Return a wrapper made with exactly the arguments of ``shotgun_api3.Shotgun``.

        Raises:
            ConfigurationError: Arguments that cannot work; it is a ValueError, as native.
        """
        url, basic_auth = split_basic_auth(base_url)
        site = Site(
            url=url,
            script_name=script_name,
            api_key=api_key,
            convert_datetimes_to_utc=convert_datetimes_to_utc,
            proxy=http_proxy,
            ca_file=ca_certs,
            login=login,
            password=password,
            sudo_as_login=sudo_as_login,
            session_token=session_token,
            auth_token=auth_token,
            basic_auth=basic_auth,
        )
        made = self._owner(site=site)
        if connect:
            _ = made._sg.server_caps  # noqa: SLF001 - as native: see that the site answers; in this process it is asked once
        return made


class Connect:
    """
    Two meanings of one name: the native method on an instance, a way to make a wrapper on the class.
    """

    @overload
    def __get__(self, instance: None, owner: Type[Wrapper]) -> _Connector[Wrapper]: ...

    @overload
    def __get__(self, instance: "SGExtended", owner: Type[Wrapper]) -> Callable[[], None]: ...

    def __get__(self, instance: Any, owner: Any) -> Any:
        return _Connector(owner) if instance is None else instance._sg.connect  # noqa: SLF001 - part of the wrapper
