"""
One connection and its request in flight: how far the request got, and how another thread aborts it.
"""

import socket
import ssl
import string
import time
from typing import TYPE_CHECKING, Any, Iterator, List, Mapping, Optional, Protocol, Tuple, Union
from urllib.parse import quote

from urllib3.util.wait import wait_for_read

from sgextended.http.response import Response, Sink, read_response
from sgextended.http.signal_errors import reraise_foreign_error
from sgextended.http.socket_opener import Opener

if TYPE_CHECKING:
    from sgextended.concurrency.wake_up import WakeUp
    from sgextended.http.deadline import Deadline

#: Seconds after which an idle connection is not used again: firewalls and load balancers drop such connections
#: silently.
LONGEST_IDLE = 60.0

_MAX_JOINED_BODY = 1 << 16  # bytes; a body of at most this size is sent together with the head
_PIECE_SIZE = 1 << 14  # bytes that are given to a socket at a time; the largest size of a TLS record
_MIN_TIMEOUT = 0.001  # seconds; a socket takes a timeout of 0 for non-blocking


class Body(Protocol):
    """
    A request body that is read in chunks, as it may be too large for the memory. *size* is in bytes.
    """

    size: int

    def chunks(self) -> Iterator[bytes]:
        """
        Yield the bytes. Each call starts with the first byte.
        """
        ...


class Limits:
    """
    The time limits of one request.

    Args:
        connect: The seconds for opening a connection.

        read: The seconds for each wait for bytes, or for the socket to take bytes.

        pool: The seconds for a connection to become free.

        deadline: The deadline of the whole request. None: there is none.
    """

    __slots__ = ("connect", "deadline", "pool", "read")
    connect: float
    deadline: "Optional[Deadline]"
    pool: float
    read: float

    def __init__(self, *, connect: float, read: float, pool: float, deadline: "Optional[Deadline]" = None) -> None:
        self.connect, self.read, self.pool, self.deadline = connect, read, pool, deadline


class DeadlinePassed(Exception):
    """
    The deadline of the caller has passed while a request was in flight.
    """


class InFlightRequest:
    """
    One request in flight: how much of it was sent, and on which socket.

    A server cannot execute a request that it has only in part. So the request was surely not executed until its last
    piece was given to the operating system.

    Attributes:
        is_started: Whether a connection was open and the sending began.

        is_fully_sent: Whether the last piece was given to the socket.

        is_awaiting_response: Whether the thread waits for the response.

        is_aborted: Whether another thread has aborted the request.

        wake: Wakes the thread while it waits for a connection.
    """

    __slots__ = (
        "_body",
        "_head",
        "_sock",
        "is_aborted",
        "is_awaiting_response",
        "is_fully_sent",
        "is_started",
        "limits",
        "wake",
    )
    is_aborted: bool
    is_awaiting_response: bool
    is_fully_sent: bool
    is_started: bool
    limits: Limits

    def __init__(self, head: bytes, body: Union[bytes, Body, None], limits: Limits) -> None:
        self._head, self._body, self.limits = memoryview(head), body, limits  # the repr of a view hides its bytes
        self._sock: Optional[socket.socket] = None
        self.wake: Optional[WakeUp] = None
        self.is_started = self.is_fully_sent = self.is_awaiting_response = self.is_aborted = False

    def set_socket(self, sock: Optional[socket.socket]) -> None:
        """
        Set the socket of the request, which `abort` shuts down.
        """
        self._sock = sock

    def abort(self) -> None:
        """
        Abort the request at any point, from any thread. Its own thread sees the end of the connection.
        """
        self.is_aborted = True  # set first: the request's thread reads it after it has released the socket
        wake, sock = self.wake, self._sock
        if wake is not None:
            wake.set()
        if sock is not None:
            _shut_down(sock)

    def abort_unsent(self) -> None:
        """
        Abort the request, from any thread, unless its sending has begun.
        """
        self.is_aborted = True
        wake = self.wake
        if wake is not None:
            wake.set()

    def raise_if_aborted(self) -> None:
        """
        Raises:
            ConnectionAbortedError: Another thread has aborted the request.
        """
        if self.is_aborted:
            msg = "the request was aborted before it was sent"
            raise ConnectionAbortedError(msg)

    def seconds(self, limit: float) -> float:
        """
        Return the seconds to wait at most: *limit*, or the time until the deadline if that is shorter.

        Raises:
            DeadlinePassed: The deadline has passed.
        """
        deadline = self.limits.deadline
        if deadline is None:
            return limit
        left = deadline.at - time.monotonic()
        if left <= 0:
            msg = "the deadline has passed"
            raise DeadlinePassed(msg)
        return min(limit, max(left, _MIN_TIMEOUT))

    def send_on(self, sock: socket.socket) -> None:
        """
        Send the request in pieces. The read limit applies to each piece.
        """
        self.is_started = True
        head, body = self._head, self._body
        if body is None:
            self._send(sock, head, is_last=True)
        elif isinstance(body, bytes):
            if len(body) <= _MAX_JOINED_BODY:
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
        self.is_awaiting_response = True

    def _send(self, sock: socket.socket, view: memoryview, *, is_last: bool) -> None:
        read = self.limits.read
        while view:
            sock.settimeout(self.seconds(read))
            piece = view[:_PIECE_SIZE]  # with TLS, send returns only after the whole piece was taken
            self.is_fully_sent = is_last and len(piece) == len(
                view
            )  # set before sending, since an exception may be raised at any moment
            view = view[sock.send(piece) :]
            if view:
                self.is_fully_sent = False

    def receiver(self, sock: socket.socket) -> Any:
        """
        Return a function that receives the next bytes from a socket within the time limits of the request.
        """
        read, seconds, set_timeout, recv = self.limits.read, self.seconds, sock.settimeout, sock.recv

        def receive(size: int) -> bytes:
            set_timeout(seconds(read))
            return recv(size)

        return receive


def close(sock: socket.socket) -> None:
    """
    Close a socket. An error of a socket that is already lost is ignored.
    """
    try:
        sock.close()
    except OSError as error:
        reraise_foreign_error(error)


def _shut_down(sock: socket.socket) -> None:
    try:
        socket.socket.shutdown(
            sock, socket.SHUT_RDWR
        )  # not the method of the TLS socket, which would send a closing message first
    except TypeError:
        sock.shutdown(socket.SHUT_RDWR)  # eventlet has another socket class
    except OSError as error:
        reraise_foreign_error(error)


class Connection:
    """
    One connection of a pool. It is opened by the first request, and again after a failure.

    Attributes:
        requests: A list with the number of requests, including failed ones.
    """

    __slots__ = ("__weakref__", "_is_clean", "_opener", "_sock", "_used", "requests")
    requests: List[int]

    def __init__(self, opener: Opener, requests: List[int]) -> None:
        self._opener, self.requests = opener, requests
        self._sock: Optional[socket.socket] = None
        self._is_clean = False  # whether its last response was read to the end
        self._used = 0.0

    def exchange(self, request: InFlightRequest, sink: Optional[Sink]) -> Response:
        """
        Send a request and return its response. After any exception the caller must close the connection.
        """
        self.requests[0] += 1
        sock = self._sock
        if sock is None or not self._is_usable(sock):
            self.close()
            sock = self._sock = self._opened(request)
        self._is_clean = False
        request.set_socket(sock)
        request.raise_if_aborted()
        receive = request.receiver(sock)
        try:
            request.send_on(sock)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError) as error:
            reraise_foreign_error(error)
            request.is_fully_sent, request.is_awaiting_response = False, True
            # The server has stopped reading the request, and may have sent a response with the reason.
            response, is_reusable = read_response(receive, sink)[0], False
        else:
            response, is_reusable = read_response(receive, sink)
        request.set_socket(None)
        self._used = time.monotonic()
        if is_reusable and not request.is_aborted:
            self._is_clean = True
        else:
            self.close()
        return response

    def _is_usable(self, sock: socket.socket) -> bool:
        # An idle connection is readable if the server has closed it or has sent unexpected bytes.
        return self._is_clean and time.monotonic() - self._used < LONGEST_IDLE and not wait_for_read(sock, timeout=0.0)

    def _opened(self, request: InFlightRequest) -> socket.socket:
        limits = request.limits
        return self._opener.open(request.seconds(limits.connect), request.set_socket)

    def close(self) -> None:
        """
        Close the connection. The next request opens it again.
        """
        sock, self._sock, self._is_clean = self._sock, None, False
        if sock is not None:
            close(sock)


def request_head(
    method: str, path: str, host: str, headers: Tuple[Mapping[str, str], ...], body: Union[bytes, Body, None]
) -> bytes:
    """
    Return the head of a request.

    Raises:
        ValueError: A header has a line break in its value.
    """
    if not (path.isascii() and path.isprintable()) or " " in path:
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
        lines, text = [], ""  # so that a traceback with local variables does not show the headers
        msg = "A header of the request has a line break in its value, which HTTP does not allow. Nothing was sent."
        raise ValueError(msg)
    return text.encode("utf-8")
