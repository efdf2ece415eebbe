"""
`Proxy`: an HTTP proxy, in the spelling of shotgun_api3.
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
    An HTTP proxy, as ``[user:password@]host[:port]`` in shotgun_api3's spelling.
    """

    __module__ = "sgextended"

    host: str
    port: int = DEFAULT_PROXY_PORT
    user: Optional[str] = None
    password: Optional[Secret] = field(default=None, converter=to_secret)

    @classmethod
    def parse(cls, text: str) -> "Proxy":
        """
        Return the proxy that *text* describes; a leading ``http://`` is allowed.

        Raises:
            ConfigurationError: There is no host in it, or its port is no number.
        """
        rest = text.removeprefix("http://")
        # The last @ ends the user's part: there may be one in the password.
        who, _, where = rest.rpartition("@")
        host, _, port = where.rstrip("/").partition(":")
        if not host or _SCHEME.match(rest) or (port and not _is_port(port)):
            shown = f"...@{where}" if who else where
            msg = f"proxy {shown!r} is not understood: write host, host:port or user:password@host:port."
            raise ConfigurationError(msg)
        user, _, password = who.partition(":")
        return cls(
            host=host,
            port=int(port) if port else DEFAULT_PROXY_PORT,
            user=user or None,
            password=Secret(password) if password else None,
        )

    @property
    def native(self) -> str:
        """
        The proxy as ``shotgun_api3.Shotgun`` takes it, its password included.
        """
        who = f"{self.user}:{self.password.reveal() if self.password else ''}@" if self.user else ""
        return f"{who}{self.host}:{self.port}"


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 65536


def to_proxy(value: Union[str, Proxy, None]) -> Optional[Proxy]:
    if not value or isinstance(value, Proxy):
        return value or None  # shotgun_api3 takes an empty text for none
    if not isinstance(value, str):
        msg = f"proxy is text such as 'host:port', or a Proxy, not {type(value).__name__}."
        raise ConfigurationError(msg)
    return Proxy.parse(value)
