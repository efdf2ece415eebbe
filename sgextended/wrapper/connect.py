"""
``SGExtended.connect``: return a wrapper for exactly the arguments of ``shotgun_api3.Shotgun``.
"""

from typing import Any, Callable, Generic, Optional, Protocol, TypeVar, overload

from sgextended.site import Site, split_basic_auth

Wrapper = TypeVar("Wrapper")


class _HasClient(Protocol):
    """
    A wrapper, as this module uses it.
    """

    @property
    def _sg(self) -> Any: ...


class _Connector(Generic[Wrapper]):
    """
    The value of ``SGExtended.connect`` on the class.
    """

    def __init__(self, owner: Callable[..., Wrapper]) -> None:
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
        Return a wrapper for exactly the arguments of ``shotgun_api3.Shotgun``.

        Args:
            base_url: The address of the site.

            script_name: The name of the script user.

            api_key: The key of the script user.

            convert_datetimes_to_utc: Whether datetimes are converted between local time and UTC.

            http_proxy: The proxy, as ``[user:password@]host[:port]``.

            connect: Whether to send a request now, which fails if the site cannot be reached. The response is shared
                by all wrappers of the process.

            ca_certs: Path of a file with the certificates of trusted authorities.

            login: The login of a person, with *password* in place of a script.

            password: The password of that person.

            sudo_as_login: The login of the user whose permissions the script uses.

            session_token: The token of an existing session, in place of a script or a login.

            auth_token: A one-time code of two-factor authentication.

        Raises:
            ConfigurationError: The arguments are not valid. It is a ValueError, as native.
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
        sg: Any = self._owner(site=site)
        if connect:
            sg._sg.server_caps  # noqa: B018, SLF001 - as native: the request fails if the site cannot be reached
        made: Wrapper = sg
        return made


class Connect:
    """
    The descriptor of ``connect``: on the class it creates a wrapper; on an instance it is the native method.
    """

    @overload
    def __get__(self, instance: None, owner: Callable[..., Wrapper]) -> _Connector[Wrapper]: ...

    @overload
    def __get__(self, instance: _HasClient, owner: object) -> Callable[[], None]: ...

    def __get__(self, instance: Any, owner: Any) -> Any:
        return _Connector(owner) if instance is None else instance._sg.connect  # noqa: SLF001 - part of the wrapper
