"""
One connection and the request that is on it: whose it is, how far it got, and how to end it from another thread.
"""

import contextlib
import socket
import threading
import time
from typing import Any, ClassVar, Iterator, List, Mapping, Optional, Protocol, Union

import urllib3
from attrs import field, frozen
from urllib3 import exceptions as http
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.connection import allowed_gai_family

#: Seconds after which an unused connection is not used again: firewalls and balancers forget such ones silently.
LONGEST_IDLE = 60.0

_FAIR_TRY = 2.0  # seconds that each address of a name gets at least, while they last
_AN_INSTANT = 0.001  # seconds; a limit of 0 means none to a socket


@frozen(kw_only=True)
class Answer:
    """
    One HTTP answer, read to its end: status, reason, headers with names in lower case, body without compression.
    """

    status: int
    reason: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


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


class Sending:
    """
    One request while it is under way: whether all of its body went out, and on which connection it is.

    A server that lacks a part of the body cannot have executed the request. So until the operating system has taken
    the last byte, the request surely did not happen.

    Attributes:
        begun: Whether there was a connection, and the first byte of the body was to go out.

        whole: Whether the last one has.

        query: What follows the ``?`` of the address. It may be signed, so urllib3, which logs addresses, is not told.
    """

    def __init__(self, body: Union[bytes, Body, None], query: str = "") -> None:
        self._body = body
        self.query = query
        self.begun = False
        self.whole = body is None  # without a body nothing tells, so it counts as sent
        self.aborted = False
        self.connection: Any = None

    @property
    def size(self) -> Optional[int]:
        return len(self._body) if isinstance(self._body, bytes) else None if self._body is None else self._body.size

    def __iter__(self) -> Iterator[bytes]:
        self.begun = True
        if isinstance(self._body, bytes):
            yield self._body
        elif self._body is not None:
            yield from self._body.chunks()
        self.whole = True  # the next chunk is asked for when the one before has gone out

    def abort(self) -> None:
        """
        End the request where it stands: whoever waits for its bytes sees the connection end.
        """
        self.aborted = True
        if self.connection is not None:
            self.connection.abort(self)


#: What each thread sends now.
UNDER_WAY = threading.local()


class _Abortable(HTTPConnection):
    """
    A connection that knows whose request is on it, and for how long it was not used.
    """

    sending: Optional[Sending] = None
    used = 0.0
    default_socket_options: ClassVar[Any] = [
        *HTTPConnection.default_socket_options,
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    ]

    def connect(self) -> None:
        self._belong_to_this_thread()
        super().connect()

    def _new_conn(self) -> socket.socket:
        # urllib3 allows each address of a name all of the time, and the TLS handshake as much again.
        name, limit = self._dns_host, self.timeout or 0.0  # there always is one, see Limits
        end = time.monotonic() + limit
        addresses = _addresses(name, self.port)
        try:
            for number, self._dns_host in enumerate(addresses, 1):
                left = max(end - time.monotonic(), _AN_INSTANT)
                self.timeout = max(left / (len(addresses) - number + 1), min(left, _FAIR_TRY))
                try:
                    sock = super()._new_conn()
                except (http.ConnectTimeoutError, http.NewConnectionError):
                    if number == len(addresses) or time.monotonic() >= end:
                        raise
                else:
                    sock.settimeout(max(end - time.monotonic(), _AN_INSTANT))
                    return sock
        finally:
            self._dns_host, self.timeout = name, limit
        raise AssertionError  # the loop returns or raises

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        sending = self._belong_to_this_thread()
        if sending.aborted:  # while it had no connection that could be ended
            raise ConnectionAbortedError("the request was ended before it was sent")
        super().request(method, f"{url}?{sending.query}" if sending.query else url, *args, **kwargs)

    @property
    def is_connected(self) -> bool:
        return super().is_connected and time.monotonic() - self.used < LONGEST_IDLE

    def _belong_to_this_thread(self) -> Sending:
        sending: Sending = UNDER_WAY.sending
        self.sending, sending.connection = sending, self
        return sending

    def abort(self, sending: Sending) -> None:
        # Only while it is its request's own: by now another thread's may be on it.
        sock = self.sock  # the thread whose request it is may close it meanwhile
        if self.sending is sending and sock is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # beneath TLS, which would want to say goodbye


def _addresses(name: str, port: int) -> List[str]:
    """
    Return the addresses of a name, each once and in order; the name itself when it has none.
    """
    try:
        found = socket.getaddrinfo(name.strip("[]"), port, allowed_gai_family(), socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return [name]  # urllib3 says what is wrong with it
    return list(dict.fromkeys(str(entry[4][0]) for entry in found)) or [name]


class _AbortableTLS(_Abortable, HTTPSConnection):
    pass


class Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Abortable


class TLSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _AbortableTLS
