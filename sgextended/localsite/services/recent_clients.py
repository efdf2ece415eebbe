"""
Downloads by number from a site for one person, by clients that cannot send their session.

The official client sends its session cookie only to hosts without a port, and most local sites have one. It starts a
session right before its first download, however. So a site for one person remembers which clients have a session.
"""

from __future__ import annotations

import collections
import ipaddress
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request

_AGENT = "shotgun-json"
_MOST = 256
_SECONDS = 600.0
# A client that was remembered a shorter time ago is not looked for again.
_STILL_NEW = 30.0
# Headers that browsers and proxies add, and the official client does not.
_FOREIGN = (
    *("origin", "referer", "sec-fetch-site", "authorization", "cookie"),
    *("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"),
)
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")


@attrs.frozen
class Peer:
    """
    A client as the site sees it: its user agent, and the number of the system's user who runs it.

    Attributes:
        agent: The user agent.

        owner: The number of the user. None: the system does not tell.
    """

    agent: str
    owner: Optional[int]


class RecentClients:
    """
    The sessions of clients on this machine that used the site a short time ago.

    Args:
        personal: Whether the site is for one person. Other sites remember nobody.

        seconds: How long a client is remembered.
    """

    def __init__(self, *, personal: bool, seconds: float = _SECONDS) -> None:
        self._personal = personal
        self._seconds = seconds
        self._known: collections.OrderedDict[Peer, tuple[str, float]] = collections.OrderedDict()
        self._lock = threading.Lock()

    def remember(self, request: Request, token: str) -> None:
        """
        Remember that the sender of *request* has just received or used a session.
        """
        now = time.monotonic()
        with self._lock:
            if any(held == token and now - since < _STILL_NEW for held, since in self._known.values()):
                return
        peer = self._peer(request)
        if peer is not None:
            self._keep(peer, token)

    def session_of(self, request: Request) -> Optional[str]:
        """
        Return the session of a client that asks for a file by number; None if the client is unknown.
        """
        peer = self._peer(request)
        if peer is None:
            return None
        with self._lock:
            token, since = self._known.get(peer, ("", 0.0))
        if not token or time.monotonic() - since > self._seconds:
            return None
        self._keep(peer, token)
        return token

    def _keep(self, peer: Peer, token: str) -> None:
        with self._lock:
            self._known[peer] = token, time.monotonic()
            self._known.move_to_end(peer)
            while len(self._known) > _MOST:
                self._known.popitem(last=False)

    def _peer(self, request: Request) -> Optional[Peer]:
        agent = request.headers.get("user-agent", "")
        client = request.client
        if not self._personal or client is None or not agent.startswith(_AGENT) or len(agent) > 500:
            return None
        if any(name in request.headers for name in _FOREIGN):
            return None
        try:
            address = ipaddress.ip_address(client.host)
        except ValueError:
            return None
        if not address.is_loopback:
            return None
        server = request.scope.get("server") or ("", 0)
        return Peer(agent, _owner(address, client.port, server[1] or 0))


def _owner(address: Any, port: int, server_port: int) -> Optional[int]:
    """
    Return the number of the system's user who owns a connection from this machine; None where Linux does not tell.
    """
    found = f"{_in_hexadecimal(address)}:{port:04X}", f":{server_port:04X}"
    for table in _TABLES:
        try:
            with Path(table).open(encoding="ascii") as lines:
                owner = _owner_in(lines, found)
        except (OSError, ValueError):
            continue
        if owner is not None:
            return owner
    return None


def _owner_in(lines: Iterable[str], found: tuple[str, str]) -> Optional[int]:
    for line in lines:
        columns = line.split(maxsplit=8)
        if len(columns) > 7 and columns[1] == found[0] and columns[2].endswith(found[1]):
            return int(columns[7])
    return None


def _in_hexadecimal(address: Any) -> str:
    """
    Return an address as the kernel's table spells it: in words of four bytes, in the order of this machine.
    """
    packed = address.packed
    words = (packed[at : at + 4] for at in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)
