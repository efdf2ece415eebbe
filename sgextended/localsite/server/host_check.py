"""
The check of the ``Host`` header, by which a site refuses requests that were meant for another name.

A web page of an attacker can make its own name lead to this machine. A browser then sends requests of that page to the
site, but with the attacker's name as their host.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import TYPE_CHECKING, Optional

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

from sgextended.localsite.server.listener import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

#: The names of a machine for itself.
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

# The official client omits the brackets of an IPv6 address when it uploads a file.
_HOST = re.compile(
    r"(?P<name>[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Fa-f.]{0,4}(?::[0-9A-Fa-f.]{0,15}){2,8}?)"
    r"(?P<port>:[0-9]{1,5})?"
)
_LONGEST_SHOWN = 100


def names_of_site(host: str, hostnames: Iterable[str]) -> tuple[str, ...]:
    """
    Return the names of a site, in addition to those of loopback.

    Args:
        host: The address that the site listens on.

        hostnames: The names that the site was given. If there are none, and other machines can reach the site, it has
            the name of its machine.

    Raises:
        ValueError: A name is not one of a host.
    """
    given = tuple(dict.fromkeys(_checked(name) for name in hostnames))
    if is_loopback(host):
        return given
    address = () if is_wildcard(host) else (_plain(host),)
    return (*(given or (_plain(socket.gethostname()),)), *address)


def checked_proxies(addresses: Iterable[str]) -> tuple[str, ...]:
    """
    Return the addresses and networks of proxies.

    Raises:
        ValueError: One of them is no address. A name or an asterisk would trust more than its writer knows.
    """
    return tuple(_checked_proxy(address.strip()) for address in addresses)


def is_wildcard(host: str) -> bool:
    """
    Return whether *host* stands for all addresses of the machine.
    """
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return not host


class HostCheck:
    """
    An ASGI application that passes on only requests for the names of the site, or for the address that they reached.

    Args:
        app: The application that answers these requests.

        names: The names of the site, in addition to those of loopback.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        self._names = LOOPBACK_NAMES.union(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Answer one request.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        hosts = Headers(scope=scope).getlist("host")
        host = hosts[0] if len(hosts) == 1 else ""
        if self._is_own(host, scope.get("server")):
            await self._app(scope, receive, send)
            return
        shown = ascii(host[:_LONGEST_SHOWN])
        text = (
            f"This site does not have the name {shown}. If it is a name of this site, start the site with it: "
            "sgextended site --hostname NAME.\n"
        )
        await PlainTextResponse(text, status_code=421)(scope, receive, send)

    def _is_own(self, host: str, reached: Optional[tuple[str, Optional[int]]]) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = _plain(found["name"])
        return name in self._names or (reached is not None and name == _plain(reached[0]))


def address_in(scheme: str, host: str) -> str:
    """
    Return the address of a site from a ``Host`` header that has passed the check.
    """
    found = _HOST.fullmatch(host)
    name, port = (host, "") if found is None else (found["name"], found["port"] or "")
    bare = ":" in name and not name.startswith("[")
    return f"{scheme}://[{name}]{port}" if bare else f"{scheme}://{name}{port}"


def _checked_proxy(address: str) -> str:
    try:
        ipaddress.ip_network(address, strict=False)
    except ValueError:
        raise ValueError(
            f"{address!r} is not the address of a proxy, so it is not known whom to trust. Give an address such as "
            "192.0.2.7, or a network such as 192.0.2.0/24."
        ) from None
    return address


def _checked(name: str) -> str:
    plain = _plain(name)
    found = _HOST.fullmatch(f"[{plain}]" if ":" in plain else plain)
    if found is None or is_wildcard(plain):
        raise ValueError(
            f"{name!r} is not the name of a host, so no request could be for it. Give a name such as "
            "shots.studio.example, without a scheme and a port."
        )
    return plain


def _plain(name: str) -> str:
    """
    Return a name or an address in one spelling.
    """
    name = name.strip().strip("[]").rstrip(".").lower()
    try:
        return ipaddress.ip_address(name).compressed
    except ValueError:
        return name
