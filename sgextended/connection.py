"""
One connection and the request that is on it: whose it is, how far it got, and how to end it from another thread.
"""

import contextlib
import socket
import threading
import time
from typing import Any, ClassVar, Iterator, Mapping, Optional, Protocol, Union

import urllib3
from attrs import field, frozen
from urllib3.connection import HTTPConnection, HTTPSConnection

#: Seconds after which an unused connection is not used again: firewalls and balancers forget such ones silently.
LONGEST_IDLE = 60.0


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
    """

    def __init__(self, body: Union[bytes, Body, None]) -> None:
        self._body = body
        self.whole = body is None  # without a body nothing tells, so it counts as sent
        self.connection: Any = None

    @property
    def size(self) -> Optional[int]:
        return len(self._body) if isinstance(self._body, bytes) else None if self._body is None else self._body.size

    def __iter__(self) -> Iterator[bytes]:
        if isinstance(self._body, bytes):
            yield self._body
        elif self._body is not None:
            yield from self._body.chunks()
        self.whole = True  # the next chunk is asked for when the one before has gone out

    def abort(self) -> None:
        """
        End the request where it stands: whoever waits for its bytes sees the connection end.
        """
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

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._belong_to_this_thread()
        super().request(*args, **kwargs)

    @property
    def is_connected(self) -> bool:
        return super().is_connected and time.monotonic() - self.used < LONGEST_IDLE

    def _belong_to_this_thread(self) -> None:
        self.sending = UNDER_WAY.sending
        self.sending.connection = self

    def abort(self, sending: Sending) -> None:
        # Only while it is its request's own: by now another thread's may be on it.
        if self.sending is sending and self.sock is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)  # beneath TLS, which would want to say goodbye


class _AbortableTLS(_Abortable, HTTPSConnection):
    pass


class Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Abortable


class TLSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _AbortableTLS
