"""
The socket of a site, and the server on it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from typing import TYPE_CHECKING, Any, Optional

import uvicorn

from sgextended.localsite.faults.fault_injection import Slammed

if TYPE_CHECKING:
    import threading

#: Seconds that a stopping site gives to requests at work.
GRACE = 3
_TICK = 0.02


class Server(uvicorn.Server):
    """
    A server that says when it accepts connections, and that leaves the process's signals alone.
    """

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready
        self._away: Optional[asyncio.Task[None]] = None

    async def startup(self, sockets: Optional[list[socket.socket]] = None) -> None:
        await super().startup(sockets=sockets)
        self._ready.set()

    def turn_away(self, seconds: float, slam: bool) -> None:
        """
        Let nobody connect for so long; connections that are open go on. Who comes is refused, or let in and reset.
        """
        if self._away is None or self._away.done():
            self._away = asyncio.get_running_loop().create_task(self._stay_away(seconds, slam))

    async def _stay_away(self, seconds: float, slam: bool) -> None:
        (listener,) = self.servers[0].sockets
        family, address = listener.family, listener.getsockname()
        self.servers[0].close()
        # A socket that is bound and does not listen keeps the port, and who connects to it is refused.
        door = bound(family, address)
        try:
            if slam:
                slamming = await asyncio.get_running_loop().create_server(Slammed, sock=door)
                await asyncio.sleep(seconds)
                slamming.close()
                door = bound(family, address)
            else:
                await asyncio.sleep(seconds)
            await super().startup(sockets=[door])
        except BaseException:
            door.close()
            raise

    async def shutdown(self, sockets: Optional[list[socket.socket]] = None) -> None:
        for server in self.servers:
            server.close()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + GRACE
        while any(map(_is_busy, self.server_state.connections)) and loop.time() < deadline:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(_TICK)
        # An idle client does not answer the end of TLS, and asyncio would wait for that; so hang up.
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets=sockets)


def _is_busy(connection: Any) -> bool:
    """
    Tell whether a connection still has a request at work, or bytes of a reply to send.
    """
    at_work = connection.cycle is not None and not connection.cycle.response_complete
    try:
        return at_work or connection.transport.get_write_buffer_size() > 0
    except AttributeError:  # before Python 3.11, a TLS connection that was lost at this very moment
        return False


def bound(family: int, address: tuple[Any, ...]) -> socket.socket:
    """
    Return a socket that is bound to an address and does not listen yet.
    """
    # asyncio turns Nagle's algorithm off for sockets that say they are TCP; with it, every reply waits 40 ms.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except BaseException:
        made.close()
        raise
    return made


def is_loopback(host: str) -> bool:
    """
    Tell whether an address or a name is this machine's own, for itself alone.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
