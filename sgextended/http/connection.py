"""
One connection, and the request that is on it: whose it is, how far it got, and how to end it from another thread.
"""

import re
import socket
import ssl
import string
import time
from typing import TYPE_CHECKING, Any, Iterator, List, Mapping, Optional, Protocol, Tuple, Union
from urllib.parse import quote

from urllib3.util.wait import wait_for_read

from sgextended.http.elsewhere import raise_what_comes_from_elsewhere
from sgextended.http.opening import Opener
from sgextended.http.response import Response, Sink, read_response

if TYPE_CHECKING:
    from sgextended.http.deadline import Deadline
    from sgextended.wakeup import WakeUp

#: Seconds after which an unused connection is not used again: firewalls and balancers forget such ones silently.
LONGEST_IDLE = 60.0

_JOINED = 1 << 16  # bytes; a body of at most so many is sent together with the head
_PIECE = 1 << 14  # bytes that are handed to a socket at a time; the most that a record of TLS has
_SHORTEST = 0.001  # seconds; a limit of 0 means none to a socket
_VISIBLE = re.compile(r"[!-~]+")


class Body(Protocol):
    """
    What a request carries, where it is too large for the memory: its size in bytes, and its bytes from the first on.
    """

    size: int

    def chunks(self) -> Iterator[bytes]:
        """
        Yield the bytes, from the first on each time that it is called.
        """
        ...


class Limits:
    """
    How long one request may wait, in seconds: for a connection to be made, for bytes, for a free connection; and until
    when it must be over with all of it.
    """

    __slots__ = ("connect", "deadline", "pool", "read")

    def __init__(self, *, connect: float, read: float, pool: float, deadline: "Optional[Deadline]" = None) -> None:
        self.connect, self.read, self.pool, self.deadline = connect, read, pool, deadline


class DeadlinePassed(Exception):
    """
    The deadline of the caller has passed while a request was in flight.
    """


class InFlightRequest:
    """
    One request in flight: whether all of it was sent, and on which connection it is.

    A server that lacks a part of the request cannot have executed it. So until the last piece was handed to the
    operating system, the request surely did not happen.

    Attributes:
        begun: Whether there was a connection, and the first byte was to be sent.

        whole: Whether the last piece was handed to the socket.

        receiving: Whether the thread waits for the response.

        aborted: Whether another thread has ended it.

        wake: Wakes the thread while it waits for a connection.
    """

    __slots__ = ("_body", "_head", "_sock", "aborted", "begun", "limits", "receiving", "wake", "whole")

    def __init__(self, head: bytes, body: Union[bytes, Body, None], limits: Limits) -> None:
        self._head, self._body, self.limits = memoryview(head), body, limits  # a view does not show its bytes
        self._sock: Optional[socket.socket] = None
        self.wake: Optional[WakeUp] = None
        self.begun = self.whole = self.receiving = self.aborted = False

    def belongs_to(self, sock: Optional[socket.socket]) -> None:
        """
        Note which socket the request is on: `abort` shuts it down.
        """
        self._sock = sock

    def abort(self) -> None:
        """
        End the request where it stands, from any thread: its own thread sees the connection end.
        """
        self.aborted = True  # first: a thread that has let go of the socket looks at this after it has
        wake, sock = self.wake, self._sock
        if wake is not None:
            wake.set()
        if sock is not None:
            _shut_down(sock)

    def abort_unsent(self) -> None:
        """
        End the request, from any thread, unless it is being sent already.
        """
        self.aborted = True
        wake = self.wake
        if wake is not None:
            wake.set()

    def raise_if_aborted(self) -> None:
        """
        Raises:
            ConnectionAbortedError: Another thread has ended the request.
        """
        if self.aborted:
            msg = "the request was ended before it was sent"
            raise ConnectionAbortedError(msg)

    def seconds(self, limit: float) -> float:
        """
        Return how long to wait at most now: *limit*, or what is left of the deadline.

        Raises:
            DeadlinePassed: Nothing is left of it.
        """
        deadline = self.limits.deadline
        if deadline is None:
            return limit
        left = deadline.at - time.monotonic()
        if left <= 0:
            msg = "the deadline has passed"
            raise DeadlinePassed(msg)
        return min(limit, max(left, _SHORTEST))

    def send_on(self, sock: socket.socket) -> None:
        """
        Send all of it, in pieces, each of which may take as long as the read limit.
        """
        self.begun = True
        head, body = self._head, self._body
        if body is None:
            self._send(sock, head, is_last=True)
        elif isinstance(body, bytes):
            if len(body) <= _JOINED:
                self._send(sock, memoryview(b"".join((head, body))), is_last=True)
            else:
                self._send(sock, head, is_last=False)
                self._send(sock, memoryview(body), is_last=True)
        else:
            self._send(sock, head, is_last=not body.size)
            left = body.size
            for piece in body.chunks():
                left -= len(piece)
                self._send(sock, memoryview(piece), is_last=left <= 0)
        self.receiving = True

    def _send(self, sock: socket.socket, view: memoryview, *, is_last: bool) -> None:
        read = self.limits.read
        while view:
            sock.settimeout(self.seconds(read))
            piece = view[:_PIECE]  # TLS gives no word of what was taken before all of it was
            self.whole = is_last and len(piece) == len(view)  # before it is: an exception may come at any moment
            view = view[sock.send(piece) :]
            if view:
                self.whole = False

    def receiver(self, sock: socket.socket) -> Any:
        """
        Return the function that receives the next bytes from a socket, within the limits of the request.
        """
        read, seconds, set_timeout, recv = self.limits.read, self.seconds, sock.settimeout, sock.recv

        def receive(size: int) -> bytes:
            set_timeout(seconds(read))
            return recv(size)

        return receive


def close(sock: socket.socket) -> None:
    """
    Close a socket; that it was lost already does not matter.
    """
    try:
        sock.close()
    except OSError as error:
        raise_what_comes_from_elsewhere(error)


def _shut_down(sock: socket.socket) -> None:
    try:
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # beneath TLS, which would want to say goodbye
    except TypeError:
        sock.shutdown(socket.SHUT_RDWR)  # a socket of eventlet
    except OSError as error:
        raise_what_comes_from_elsewhere(error)


class Connection:
    """
    A place for one connection in a pool; it is opened when it is needed.

    Attributes:
        requests: How many requests it has carried, or was to carry.
    """

    __slots__ = ("__weakref__", "_is_clean", "_opener", "_sock", "_used", "requests")

    def __init__(self, opener: Opener, requests: List[int]) -> None:
        self._opener, self.requests = opener, requests
        self._sock: Optional[socket.socket] = None
        self._is_clean = False  # whether its last response was read to the end
        self._used = 0.0

    def exchange(self, request: InFlightRequest, sink: Optional[Sink]) -> Response:
        """
        Send a request and return the response to it. After any exception the connection has to be closed.
        """
        self.requests[0] += 1
        sock = self._sock
        if sock is None or not self._is_usable(sock):
            self.close()
            sock = self._sock = self._opened(request)
        self._is_clean = False
        request.belongs_to(sock)
        request.raise_if_aborted()
        receive = request.receiver(sock)
        try:
            request.send_on(sock)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError) as error:
            raise_what_comes_from_elsewhere(error)
            request.whole, request.receiving = False, True
            # The server reads no more of the request, and may have said why.
            response, is_reusable = read_response(receive, sink)[0], False
        else:
            response, is_reusable = read_response(receive, sink)
        request.belongs_to(None)
        self._used = time.monotonic()
        if is_reusable and not request.aborted:
            self._is_clean = True
        else:
            self.close()
        return response

    def _is_usable(self, sock: socket.socket) -> bool:
        # A server that has closed it, or sends something that was not asked for, makes it readable.
        return self._is_clean and time.monotonic() - self._used < LONGEST_IDLE and not wait_for_read(sock, timeout=0.0)

    def _opened(self, request: InFlightRequest) -> socket.socket:
        limits = request.limits
        return self._opener.open(request.seconds(limits.connect), request.belongs_to)

    def close(self) -> None:
        """
        Close the connection. The place can be used again.
        """
        sock, self._sock, self._is_clean = self._sock, None, False
        if sock is not None:
            close(sock)


def head_of(
    method: str, path: str, host: str, headers: Tuple[Mapping[str, str], ...], body: Union[bytes, Body, None]
) -> bytes:
    """
    Return the head of a request.

    Raises:
        ValueError: A header has a line break in its value.
    """
    if not _VISIBLE.fullmatch(path):
        path = quote(path, safe=string.punctuation)
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "accept-encoding: gzip, deflate"]
    if any("accept-encoding" in each for each in headers):
        lines.pop()
    for each in headers:
        lines.extend(f"{name}: {value}" for name, value in each.items())
    if body is not None:
        lines.append(f"content-length: {len(body) if isinstance(body, bytes) else body.size}")
    count = len(lines)
    lines.append("\r\n")
    text = "\r\n".join(lines)
    if text.count("\n") != count + 1 or text.count("\r") != count + 1 or "\0" in text:
        lines, text = [], ""  # a traceback with local variables is not to show them
        msg = "A header of the request has a line break in its value."
        raise ValueError(msg)
    return text.encode("utf-8")
