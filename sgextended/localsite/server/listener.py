"""
The listening socket of a site, and the HTTP server on it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
from typing import TYPE_CHECKING, Any, Callable, Optional

import uvicorn

from sgextended.localsite.faults.fault_injection import ResetConnection
from sgextended.localsite.server.connection_limits import LimitedProtocol

if TYPE_CHECKING:
    import threading

    from starlette.types import ASGIApp, Receive, Scope, Send

#: Seconds that a stopping site waits for requests in flight.
GRACE = 3
_BUSY_TICK = 0.002  # seconds between two looks at requests in flight
_TICK = 0.1  # seconds
# Ticks of the server between two checks of all connections.
_CHECK_EVERY = 10


class Server(uvicorn.Server):
    """
    A uvicorn server that sets an event when it accepts connections, and that can refuse connections for a while.
    """

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready
        self._refusing: Optional[asyncio.Task[None]] = None
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._stopping: asyncio.Event

    async def startup(self, sockets: Optional[list[socket.socket]] = None) -> None:
        self._stopping, self._loop = asyncio.Event(), asyncio.get_running_loop()
        await super().startup(sockets=sockets)
        self._ready.set()

    def stop_soon(self) -> None:
        """
        Have the server stop, from another thread.
        """
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has stopped already, and its loop is closed
                self._loop.call_soon_threadsafe(self._stopping.set)

    async def main_loop(self) -> None:
        """
        Wait until the server is to stop. The base class would notice only at its next tick.
        """
        counter = 0
        while not await self.on_tick(counter):
            counter += 1
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _TICK)

    async def on_tick(self, counter: int) -> bool:
        """
        Close the connections whose requests do not arrive. This is called ten times a second.
        """
        if counter % _CHECK_EVERY == 0:
            for connection in list(self.server_state.connections):
                if isinstance(connection, LimitedProtocol):
                    connection.check()
        return await super().on_tick(counter)

    def turn_away(self, seconds: float, slam: bool) -> None:
        """
        Refuse new connections for *seconds*, or with *slam* accept and reset them. Open connections continue.
        """
        if self._refusing is None or self._refusing.done():
            self._refusing = asyncio.get_running_loop().create_task(self._refuse(seconds, slam))

    async def _refuse(self, seconds: float, slam: bool) -> None:
        (listener,) = self.servers[0].sockets
        family, address = listener.family, listener.getsockname()
        self.servers[0].close()
        # A bound socket that does not listen keeps the port, and the system refuses connections to it.
        placeholder = bound(family, address)
        try:
            if slam:
                resetting = await asyncio.get_running_loop().create_server(ResetConnection, sock=placeholder)
                await asyncio.sleep(seconds)
                resetting.close()
                placeholder = bound(family, address)
            else:
                await asyncio.sleep(seconds)
            await super().startup(sockets=[placeholder])
        except BaseException:
            placeholder.close()
            raise

    async def shutdown(self, sockets: Optional[list[socket.socket]] = None) -> None:
        """
        Stop as soon as no request is in flight, at the latest after `GRACE`. The base class always waits a tenth of a
        second, and logs the requests that it ends as errors.
        """
        state = self.server_state
        for server in self.servers:
            server.close()
        for sock in sockets or []:
            sock.close()
        await _wait_while(lambda: state.tasks or any(map(_is_sending, state.connections)))
        # An idle client does not answer the TLS shutdown, for which asyncio would wait, so connections are aborted.
        for connection in list(state.connections):
            connection.transport.abort()
        await _wait_while(lambda: state.connections)
        ending = list(state.tasks)
        for task in ending:
            task.cancel()
        ended = asyncio.gather(*ending, *(server.wait_closed() for server in self.servers), return_exceptions=True)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(ended, GRACE)


async def _wait_while(lasts: Callable[[], object]) -> None:
    """
    Wait until *lasts* returns something false, at most for `GRACE`.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + GRACE
    while lasts() and loop.time() < deadline:  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(_BUSY_TICK)


def cancellable(app: ASGIApp) -> ASGIApp:
    """
    Return *app* so that a stopping server can cancel its requests. uvicorn would log each of them as an error.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await app(scope, receive, send)

    return answer


def _is_sending(connection: Any) -> bool:
    """
    Return whether a connection has bytes of a response to send.
    """
    try:
        return bool(connection.transport.get_write_buffer_size() > 0)
    except AttributeError:  # before Python 3.11, a TLS connection that has just been lost
        return False


def bound(family: int, address: tuple[Any, ...]) -> socket.socket:
    """
    Return a socket that is bound to *address* and does not listen yet.
    """
    # asyncio turns Nagle's algorithm off for sockets whose protocol is TCP. With it, every response waits 40 ms.
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
    Return whether *host* is a loopback address or name, which only this machine can reach.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
