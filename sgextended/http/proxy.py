"""
`Proxy`: the address and credentials of an HTTP proxy, in the format of shotgun_api3; the proxies of the environment.
"""

import re
from typing import Dict, Optional, Union
from urllib.parse import unquote
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]  # no stub

from attrs import field, frozen

from sgextended.errors import ConfigurationError
from sgextended.header_text import check_header_text
from sgextended.secret import Secret, to_secret

DEFAULT_PROXY_PORT = 8080  # as in shotgun_api3
_DEFAULT_URL_PORT = 80  # of an address in the environment, as for all programs that read it

_SCHEME = r"[a-zA-Z][a-zA-Z0-9+.-]*://"
_ADDRESS = r"(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+)(?::([0-9]*))?/?"


@frozen(kw_only=True)
class Proxy:
    """
    An HTTP proxy. Its text form is that of shotgun_api3: ``[user:password@]host[:port]``.
    """

    __module__ = "sgextended"

    host: str
    port: int = DEFAULT_PROXY_PORT
    user: Optional[str] = field(default=None)
    password: Optional[Secret] = field(default=None, converter=to_secret)

    @user.validator
    def _validate_user(self, _attribute: object, value: Optional[str]) -> None:
        if value is not None:
            check_header_text("The user of the proxy", value)

    @password.validator
    def _validate_password(self, _attribute: object, value: Optional[Secret]) -> None:
        if value is not None:
            check_header_text("The password of the proxy", value.reveal())

    @classmethod
    def parse(cls, text: str) -> "Proxy":
        """
        Return the proxy for a text such as ``user:password@host:port``. A leading ``http://`` is allowed.

        Raises:
            ConfigurationError: The text has no host, its port is not a valid number, or the user or the password has
                control characters.
        """
        rest = text.removeprefix("http://")
        # The last @ is the separator: the password may contain others.
        login, _, address = rest.rpartition("@")
        found = re.fullmatch(_ADDRESS, address)
        if not found or re.match(_SCHEME, rest) or (found.group(2) and not _is_port(found.group(2))):
            shown = f"...@{address}" if login else address
            msg = f"proxy {shown!r} is not a valid proxy address. Give host, host:port or user:password@host:port."
            raise ConfigurationError(msg)
        user, _, password = login.partition(":")
        return cls(
            host=found.group(1),
            port=int(found.group(2) or DEFAULT_PROXY_PORT),
            user=user or None,
            password=Secret(password) if password else None,
        )

    @property
    def native(self) -> str:
        """
        The text form of the proxy for ``shotgun_api3.Shotgun``, including the password.
        """
        login = f"{self.user}:{self.password.reveal() if self.password else ''}@" if self.user else ""
        return f"{login}{self.host}:{self.port}"


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 65536


def to_proxy(value: Union[str, Proxy, None]) -> Optional[Proxy]:
    if not value or isinstance(value, Proxy):
        return value or None  # for shotgun_api3, an empty text is no proxy
    if not isinstance(value, str):
        msg = f"proxy is a {type(value).__name__}, which is not valid. Give a text such as 'host:port', or a Proxy."
        raise ConfigurationError(msg)
    return Proxy.parse(value)


# --- The environment


def environment_proxy(scheme: str, authority: str) -> Optional[Proxy]:
    """
    Return the proxy that the environment names for a server; None if there is none.

    The rules are those of urllib: ``http_proxy`` and ``https_proxy`` by the scheme of the server, in lower case before
    upper case. ``no_proxy`` lists servers that are reached directly. An empty variable counts as not set.

    Args:
        scheme: The scheme of the server, "http" or "https".

        authority: The host of the server, and its port if the address has one.

    Raises:
        ConfigurationError: The variable has no valid address of an HTTP proxy.
    """
    proxies = environment_proxies()
    url = proxies.get(scheme)
    if not url or proxy_bypass_environment(authority, proxies):
        return None
    # The last @ is the separator, as for urllib: a password may contain "/" and "#".
    login, _, address = re.sub("^(http:)?//", "", url.strip(), flags=re.IGNORECASE).rpartition("@")
    found = re.fullmatch(_ADDRESS, address.partition("/")[0])
    if not found or re.match(_SCHEME, login or address) or (found.group(2) and not _is_port(found.group(2))):
        msg = (
            f"The environment variable {scheme}_proxy has no valid address of an HTTP proxy. Write it like "
            f"{scheme}_proxy=http://host:port, or set proxy_from_environment to False."
        )
        raise ConfigurationError(msg)
    user, _, password = login.partition(":")
    return Proxy(
        host=found.group(1).lower(),
        port=int(found.group(2) or _DEFAULT_URL_PORT),
        user=unquote(user) or None,
        password=unquote(password) or None,
    )


def environment_proxies() -> Dict[str, str]:
    """
    Return the environment variables for proxies: the values by "http", "https" and "no".
    """
    found = getproxies_environment()
    return {name: found[name] for name in ("https", "http", "no") if found.get(name)}
