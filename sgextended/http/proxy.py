"""
`Proxy`: the address and credentials of an HTTP proxy, in the format of shotgun_api3.
"""

import re
from typing import Optional, Union

from attrs import field, frozen

from sgextended.errors import ConfigurationError
from sgextended.secret import Secret, to_secret

DEFAULT_PROXY_PORT = 8080  # as in shotgun_api3

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


@frozen(kw_only=True)
class Proxy:
    """
    An HTTP proxy. Its text form is that of shotgun_api3: ``[user:password@]host[:port]``.
    """

    __module__ = "sgextended"

    host: str
    port: int = DEFAULT_PROXY_PORT
    user: Optional[str] = None
    password: Optional[Secret] = field(default=None, converter=to_secret)

    @classmethod
    def parse(cls, text: str) -> "Proxy":
        """
        Return the proxy for a text such as ``user:password@host:port``. A leading ``http://`` is allowed.

        Raises:
            ConfigurationError: The text has no host, or its port is not a valid number.
        """
        rest = text.removeprefix("http://")
        # The last @ is the separator: the password may contain others.
        login, _, address = rest.rpartition("@")
        host, _, port = address.rstrip("/").partition(":")
        if not host or _SCHEME.match(rest) or (port and not _is_port(port)):
            shown = f"...@{address}" if login else address
            msg = f"proxy {shown!r} is not a valid proxy address. Give host, host:port or user:password@host:port."
            raise ConfigurationError(msg)
        user, _, password = login.partition(":")
        return cls(
            host=host,
            port=int(port) if port else DEFAULT_PROXY_PORT,
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
