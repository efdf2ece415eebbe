"""
How a wrapper is made: with the arguments of ``shotgun_api3.Shotgun``, around a client, or from a connection of Toolkit.
"""

import inspect
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Optional, Tuple, Type, TypeVar, Union

from shotgun_api3.shotgun import Shotgun

from sgextended.client.locked_client import LockedClient
from sgextended.client.native_client import NativeClient
from sgextended.client.toolkit import ToolkitRenewal, connection_of
from sgextended.errors import ConfigurationError
from sgextended.http.proxy import Proxy, to_proxy
from sgextended.site_settings import Site, check_url, split_basic_auth
from sgextended.wrapper.hooks_mixin import HooksMixin

if TYPE_CHECKING:
    from sgextended.secret import Secret

Wrapper = TypeVar("Wrapper", bound="Construction")

_NATIVE = inspect.signature(Shotgun.__init__)
_OURS = [
    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
    for name, default in (("sg", None), ("site", None), ("validate", False), ("read_only", False))
]
_KEYWORDS = frozenset(parameter.name for parameter in _OURS)

#: The parameters of the installed ``Shotgun``, all of which may be left out, and ours by keyword.
SIGNATURE = _NATIVE.replace(
    parameters=[
        *(
            parameter.replace(default=None) if parameter.name == "base_url" else parameter
            for parameter in _NATIVE.parameters.values()
        ),
        *_OURS,
    ],
    return_annotation=inspect.Signature.empty,
)


#: The types of a first argument that is meant as an address. A client is of another type.
_NO_CLIENTS = (str, bytes, type(None), int, PurePath, list, tuple, dict)


def arguments_of(owner: str, args: Tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tuple[Dict[str, Any], bool]:
    """
    Return the arguments for the fields of `SGExtended`, and whether the site is to be requested once.

    Args:
        owner: Name of the class, for errors.

        args: The arguments by position: those of ``Shotgun``, or a client.

        kwargs: The arguments by keyword.

    Raises:
        ConfigurationError: The arguments do not name one site and one identity.

        TypeError: An argument that neither ``Shotgun`` nor `SGExtended` has.
    """
    ours = {name: value for name, value in kwargs.items() if name in _KEYWORDS}
    native = {name: value for name, value in kwargs.items() if name not in _KEYWORDS}
    has_more = any(value is not None for value in [*args[1:], *native.values(), ours.get("sg")])
    if args and not isinstance(args[0], _NO_CLIENTS if has_more else (str, bytes, type(None))):
        if has_more:
            msg = f"{owner}(client) takes a client alone: the client has its site and credentials already."
            raise ConfigurationError(msg)
        return {**ours, "sg": args[0]}, False
    if args == (None,):
        args = ()
    if not args and not native:
        return ours, False
    if ours.get("sg") is not None or ours.get("site") is not None:
        given = "sg=" if ours.get("sg") is not None else "site="
        msg = (
            f"{owner}({given}...) was given an address or credentials as well. Give {given} alone, or the arguments of "
            "shotgun_api3.Shotgun alone."
        )
        raise ConfigurationError(msg)
    bound = _NATIVE.bind(None, *args, **native)
    bound.apply_defaults()
    values = dict(bound.arguments)
    values.pop("self")
    connect = values.pop("connect", True)
    return {**ours, "site": _site_of(values, is_anonymous=not connect)}, bool(connect)


def _site_of(values: Dict[str, Any], *, is_anonymous: bool) -> Site:
    """
    Return the site for the arguments of ``Shotgun``.

    Args:
        values: The arguments.

        is_anonymous: Whether the credentials may be missing.
    """
    url = values.pop("base_url")
    if not isinstance(url, str) or not url.strip():
        check_url(url, "base_url")
    credentials: Dict[str, Any] = {name: values.get(name) or None for name in _CREDENTIALS}
    if not any(credentials.values()) and not is_anonymous:
        msg = (
            "No credentials were given. Give script_name and api_key, or login and password, or session_token. Without "
            "any argument the environment is read: SHOTGUN_URL, SHOTGUN_SCRIPT_NAME, SHOTGUN_API_KEY."
        )
        raise ConfigurationError(msg)
    url, basic_auth = split_basic_auth(url)
    return Site(
        url=url,
        basic_auth=basic_auth,
        convert_datetimes_to_utc=values.get("convert_datetimes_to_utc", True),
        proxy=_proxy_of(values.get("http_proxy")),
        ca_file=values.get("ca_certs"),
        sudo_as_login=values.get("sudo_as_login"),
        **credentials,
    )


def _proxy_of(text: Any) -> Optional[Proxy]:
    """
    Return the proxy for the argument http_proxy, which has the format of ``Shotgun`` exactly.
    """
    if isinstance(text, str):
        text = text.rstrip()  # a line break at the end comes from a file or a variable
    login, at, address = text.rpartition("@") if isinstance(text, str) else ("", "", "")
    if "://" in address or "[" in address or address.endswith((":", "/")) or (at and ":" not in login):
        msg = (
            f"http_proxy '{'...@' if at else ''}{address}' is not in the format of shotgun_api3. Write it as host:port "
            "or user:password@host:port, without 'http://'."
        )
        raise ConfigurationError(msg)
    try:
        return to_proxy(text)
    except ConfigurationError as error:
        msg = f"http_proxy: {error}"
        raise ConfigurationError(msg) from None


_CREDENTIALS = ("script_name", "api_key", "login", "password", "session_token", "auth_token")


def private_client(wrapper: Any) -> NativeClient:
    """
    Return the client of a wrapper that was not given one.
    """
    return NativeClient(wrapper._site or Site.from_env())  # noqa: SLF001 - part of the wrapper


def wrapped_client(sg: Any) -> Any:
    """
    Return the client that a wrapper of *sg* uses.
    """
    if isinstance(sg, Construction):
        return sg._client  # noqa: SLF001 - part of the wrapper
    if isinstance(sg, (NativeClient, LockedClient)):
        return sg
    # Check the instance, not its class: a mock or a studio's own wrapper may define the names on the instance only.
    if isinstance(sg, (str, bytes, type, Site)) or not callable(getattr(sg, "find", None)):
        msg = (
            f"SGExtended(client) wraps a client, but it was given a {type(sg).__name__}. Write SGExtended(url, "
            "script_name, api_key) or SGExtended(site=Site(...)). A subclass with attrs' @define takes site= and its "
            "own fields by keyword."
        )
        raise ConfigurationError(msg)
    return LockedClient(sg)


class Construction(HooksMixin):
    """
    The ways to make a wrapper.
    """

    if TYPE_CHECKING:

        def __init__(
            self,
            base_url: Any = None,
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
            *,
            sg: Any = None,
            site: Optional[Site] = None,
            validate: bool = False,
            read_only: bool = False,
        ) -> None: ...

        __attrs_init__: Any

    else:

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            arguments, connect = arguments_of(type(self).__name__, args, kwargs)
            if arguments.get("sg", self) is None:
                del arguments["sg"]
            self.__attrs_init__(**arguments)
            if connect:  # Shotgun checks that the site responds, too; a process sends this request once
                _ = self._sg.server_caps

        __init__.__signature__ = SIGNATURE

    @classmethod
    def from_shotgun(
        cls: Type[Wrapper],
        sg: Any,
        *,
        login: Optional[str] = None,
        renew_session: "Optional[Callable[[Site], Union[str, Secret, None]]]" = None,
    ) -> Wrapper:
        """
        Return a wrapper with a thread-safe client of its own, for the site, credentials and settings of a ``Shotgun``.

        The ``Shotgun`` itself is neither used nor changed.

        Args:
            sg: The ``Shotgun``.

            login: The login of the user whose session it is, if it uses a session; see `Site`.

            renew_session: Returns a new session token when the site refuses the old one; see `Site`.
        """
        made = cls.__new__(cls)
        client = NativeClient.from_shotgun(wrapped_client(sg), login=login, renew_session=renew_session)
        made.__attrs_init__(sg=client)
        return made

    @classmethod
    def from_toolkit(cls: Type[Wrapper], source: Any) -> Wrapper:
        """
        Return a wrapper with a thread-safe client of its own, for the connection of Toolkit.

        Toolkit's connection renews an expired session, once for all threads; it asks its user for the password. The
        login of the user and the user agents are taken over.

        Args:
            source: An engine, a user (``sgtk.get_authenticated_user()``), or a connection (``engine.shotgun``).

        Raises:
            ConfigurationError: *source* is none of these.
        """
        connection, login = connection_of(source)
        renewal = ToolkitRenewal(wrapped_client(connection))
        return cls.from_shotgun(connection, login=login, renew_session=renewal)
