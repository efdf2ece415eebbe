"""
Limits of connections: how many there are, how long a request may take to arrive, and how slowly its body may come.

They hold before anything is known about the caller. Without them, a caller who sends half a request and waits would
keep a connection and its memory for ever.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Optional

import h11

from sgextended.localsite.faults.fault_injection import TransportProtocol

if TYPE_CHECKING:
    import asyncio

#: The most connections that are open at the same time, if the system allows so many files.
MAX_CONNECTIONS = 512
#: Seconds within which the headers of a request must arrive, from the connection or from their first byte.
HEADER_SECONDS = 30.0
#: Seconds over which the speed of a body is measured, and the fewest bytes in this time.
BODY_SECONDS = 60.0
LEAST_BODY_BYTES = 16 * 1024

_RESPONSE = (
    "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {length}\r\n"
    "connection: close\r\n\r\n{text}"
)
_TOO_SLOW = "The request did not arrive in time. Send it again.\n"
_TOO_MANY = "The site has too many connections. Try again later.\n"


class LimitedProtocol(TransportProtocol):
    """
    The HTTP/1.1 protocol with limits. The server calls ``check`` every second.
    """

    #: The most connections of this server.
    most = MAX_CONNECTIONS

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._since: Optional[float] = None  # the begin of what is waited for; None: nothing is
        self._received = 0  # bytes since then

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the base has it
        """
        Accept the connection. If there are too many, close the one that has been idle for the longest time.
        """
        super().connection_made(transport)
        self._since = self.loop.time()
        if len(self.connections) <= self.most:
            return
        idle = [each for each in self.connections if isinstance(each, LimitedProtocol) and each.is_idle()]
        # This connection is idle too, and the newest.
        oldest = min(idle, key=lambda each: each._since or 0.0)  # noqa: SLF001 - of the same class
        oldest.refuse("503 Service Unavailable", _TOO_MANY)

    def data_received(self, data: bytes) -> None:
        """
        Take the next bytes, and note whether the rest of a request is awaited.
        """
        self._received += len(data)
        was_waiting = self._is_waiting()
        super().data_received(data)
        if not self._is_waiting():
            self._since = None
        elif not was_waiting or self._since is None:
            self._begin()

    def on_response_complete(self) -> None:
        """
        Note the begin of the time in which the connection is idle.
        """
        self._begin()
        super().on_response_complete()

    def is_idle(self) -> bool:
        """
        Return whether the connection has no request in flight and no response to send.
        """
        return not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete)

    def check(self) -> None:
        """
        Refuse the request if it has not arrived in time, or arrives too slowly.
        """
        if self._since is None or not self._is_waiting() or self.transport.is_closing():
            return
        now = self.loop.time()
        if self.flow.read_paused:  # the site itself does not take more at this time
            self._begin()
        elif self.conn.their_state is h11.SEND_BODY:
            if now - self._since >= BODY_SECONDS:
                if self._received < LEAST_BODY_BYTES:
                    self.refuse("408 Request Timeout", _TOO_SLOW)
                self._begin()
        elif now - self._since >= HEADER_SECONDS:
            self.refuse("408 Request Timeout", _TOO_SLOW)

    def refuse(self, status: str, text: str) -> None:
        """
        Close the connection, with a response if none has begun.
        """
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            is_told = not cycle.response_started
        else:  # an idle connection is closed without a word, as the client would take one for the next response
            is_told = cycle is None or bool(self.conn.trailing_data[0])
        if is_told:
            self.transport.write(_RESPONSE.format(status=status, length=len(text), text=text).encode())
        self.transport.close()

    def _begin(self) -> None:
        self._since, self._received = self.loop.time(), 0

    def _is_waiting(self) -> bool:
        """
        Return whether the site waits for the rest of a request, or for the first one of a connection.
        """
        if self.conn.their_state is h11.SEND_BODY:
            return True
        if self.conn.their_state is not h11.IDLE:
            return False
        return self.cycle is None or bool(self.conn.trailing_data[0])


def most_connections() -> int:
    """
    Return how many connections the site accepts: at most half of the files that the system lets this process open.
    """
    if sys.platform == "win32":
        return MAX_CONNECTIONS
    import resource  # noqa: PLC0415 - Windows has no such module

    files, _most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_CONNECTIONS if files == resource.RLIM_INFINITY else max(16, min(MAX_CONNECTIONS, files // 2))
