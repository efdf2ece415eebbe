"""
`Transport`: the connections and other information that all clients of one endpoint share in a process.

All clients of a site use the same transport, so that another client costs no handshake and no request.
"""

import atexit
import datetime
import os
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Callable, ContextManager, Dict, List, Mapping, Optional, TypeVar, Union
from weakref import ref

from sgextended.concurrency.scoped_value import ScopedValue
from sgextended.errors import TransportError, TransportTimeout
from sgextended.http import cancellation
from sgextended.http.connection import Body, InFlightRequest, Limits, request_head
from sgextended.http.connection_pool import ConnectionPool
from sgextended.http.error_translation import FAILURES, pool_timeout_error, proxy_error, translate_error
from sgextended.http.response import Response, Sink
from sgextended.http.retry import Backoff
from sgextended.http.signal_errors import reraise_foreign_error
from sgextended.http.single_flight import SingleFlight
from sgextended.http.socket_opener import Endpoint, Opener

if TYPE_CHECKING:
    from sgextended.http.deadline import Deadline

Result = TypeVar("Result")

#: The number of transports kept for reuse. A process with more sites is a test suite, which does not reuse old sites.
KEPT_TRANSPORTS = 32

_CLEAN_UP_AT = 100  # users, including dead ones

#: A function that takes the deadline of a request and returns a context manager around the request; None: there is
#: none. A Dask cluster sets it to limit the requests of all workers.
REQUEST_CONTEXT: "ScopedValue[Optional[Callable[[Optional[Deadline]], ContextManager[None]]]]" = ScopedValue(
    "sgextended_around", None
)


class Transport:
    """
    The connections of one process to one endpoint. Any number of threads may use it at the same time.

    Attributes:
        endpoint: The server of the connections.

        backoff: The pause of all clients of the endpoint.
    """

    backoff: Backoff

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.backoff = Backoff()
        self._authority = endpoint.authority
        self._opener = Opener(endpoint)
        self._pool = ConnectionPool(self._opener, endpoint.connections)
        # The clients that use the connections, by identity. There is no callback for a client that is collected.
        self._users: Dict[int, ref[Any]] = {}
        self._most_users = _CLEAN_UP_AT
        self._kept: Dict[str, Any] = {}
        self.shared: SingleFlight = SingleFlight()

    @property
    def requests(self) -> int:
        """
        The number of requests that were sent, including failed ones.
        """
        return self._pool.requests

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Union[bytes, Body, None],
        headers: Mapping[str, str],
        limits: Limits,
        user: object,
        sink: Optional[Sink] = None,
    ) -> Response:
        """
        Send one request exactly once and return the response, whatever its status.

        The connections stay open until all users have called `leave`. If *sink* receives the body, the response has
        none.

        Raises:
            PoolTimeout: All connections were in use until the time limit; nothing was sent.

            ClientClosed: *user* was closed while it waited for a connection; nothing was sent.

            TransportError: There is no response. ``sent`` is whether the site may have executed the request. The
                subclasses `Unreachable`, `TransportTimeout` and `TLSError` give the reason.
        """
        around = REQUEST_CONTEXT.get()
        if around is None:
            return self._send(method, path, body, headers, limits, user, sink)
        with around(limits.deadline):
            return self._send(method, path, body, headers, limits, user, sink)

    def _send(
        self,
        method: str,
        path: str,
        body: Union[bytes, Body, None],
        headers: Mapping[str, str],
        limits: Limits,
        user: object,
        sink: Optional[Sink],
    ) -> Response:
        deadline, opener = limits.deadline, self._opener
        if deadline is not None and not deadline.left():
            msg = (
                f"Nothing was sent to {self.endpoint.url} within the {deadline.seconds} s that the caller allows. "
                "Set a longer deadline."
            )
            raise TransportTimeout(msg, sent=False)
        self._add(user)
        head = request_head(method, opener.prefix + path, self._authority, (headers, opener.headers), body)
        request = InFlightRequest(head, body, limits)
        del head  # so that a traceback with local variables does not show the headers
        token = cancellation.current()
        if token is None:
            return self._exchange(request, user, sink)
        with token.on_cancel(request.abort if token.ends_sent else request.abort_unsent):
            return self._exchange(request, user, sink)

    def _exchange(self, request: InFlightRequest, user: object, sink: Optional[Sink]) -> Response:
        pool, connection = self._pool, None
        try:
            connection = pool.lend() or pool.wait(request, user)
            if connection is None:
                raise pool_timeout_error(self.endpoint, request.limits)  # noqa: TRY301 - the except clause below raises it again
            response = connection.exchange(request, sink)
        except BaseException as error:
            request.set_socket(None)
            if connection is None:
                if not isinstance(error, ConnectionAbortedError):
                    raise
            else:
                connection.close()  # a part of a response may be left on it
            if not isinstance(error, FAILURES) or isinstance(error, TransportError):  # it has a message already
                raise
            reraise_foreign_error(error)
            raise translate_error(error, self.endpoint, request) from error
        finally:
            if connection is not None:
                pool.give_back(connection)
                pool.wake_next()
                if not self._users:
                    pool.close_idle()
        if response.status == 407 and self.endpoint.proxy:
            reason = "407 " + response.reason
            raise proxy_error(self.endpoint.proxy, self.endpoint.url, reason, lasting=True)
        return response

    def kept(self, name: str, make: Callable[[], Result]) -> Result:
        """
        Return an object that all clients of the endpoint share. Unlike ``shared.once``, this waits for no other thread.

        Args:
            name: The name of the object.

            make: Makes the object; several threads may call it, and all get the same object.
        """
        found = self._kept.get(name)
        return self._kept.setdefault(name, make()) if found is None else found  # type: ignore[no-any-return]

    def has_free_connections(self) -> bool:
        """
        Return whether a connection is free for one more request.
        """
        return self._pool.has_free()

    def _add(self, user: object) -> None:
        known = self._users.get(id(user))
        if known is None or known() is not user:
            self._users[id(user)] = ref(user)
            if len(self._users) > self._most_users:
                self._forget_dead_users()

    def _forget_dead_users(self) -> None:
        for key, each in self._users.copy().items():  # a list of items lets the collector run
            if each() is None:
                self._users.pop(key, None)
        self._most_users = max(_CLEAN_UP_AT, 2 * len(self._users))

    def has_users(self) -> bool:
        """
        Return whether a living client uses the connections.
        """
        return any(each() is not None for each in list(self._users.values()))

    def close_idle(self) -> None:
        """
        Close the connections that are not in use.
        """
        self._pool.close_idle()

    def leave(self, user: object) -> None:
        """
        Close the connections if no other user uses them. Requests in flight finish. Later requests connect again.
        """
        self._users.pop(id(user), None)
        self._pool.leave(user)
        if not self.has_users():
            self._users.clear()
            self.close_idle()


def retry_after(headers: Mapping[str, str], now: float) -> Optional[float]:
    """
    Return the seconds in the ``Retry-After`` header of a response; None if there is no valid one.

    A date counts from the ``Date`` of the same response, because the clock of this machine may be wrong.

    Args:
        headers: The headers of the response, with names in lower case.

        now: The time to count from if the response has no date, in seconds since the epoch.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    until, sent_at = seconds_of_date(value), seconds_of_date(headers.get("date", ""))
    return None if until is None else max(0.0, until - (now if sent_at is None else sent_at))


def seconds_of_date(text: str) -> Optional[float]:
    """
    Return the date of a header in seconds since the epoch; None if it is not a valid date.
    """
    try:
        date = parsedate_to_datetime(text)
        if date.tzinfo is None:  # without a zone, or with "-0000". It is UTC then, not the zone of this machine.
            date = date.replace(tzinfo=datetime.timezone.utc)
        return date.timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


#: The transports by endpoint. A forked child has another dict, by which each client notices the fork.
_transports: Dict[Endpoint, Transport] = {}
_inherited: List[Any] = []


def all_transports() -> Dict[Endpoint, Transport]:
    """
    Return the transports of this process.
    """
    return _transports


def transport_to(endpoint: Endpoint) -> Transport:
    """
    Return the transport of this process to an endpoint. The first call creates it.
    """
    transports = _transports
    found = transports.get(endpoint)
    if found is not None:
        return found
    if len(transports) >= KEPT_TRANSPORTS:
        _forget_unused(transports)
    return transports.setdefault(endpoint, Transport(endpoint))


def _forget_unused(transports: Dict[Endpoint, Transport]) -> None:
    for endpoint, transport in transports.copy().items():
        if not transport.has_users():
            transports.pop(endpoint, None)
            transport.close_idle()


def _forget_after_fork() -> None:
    """
    Give a forked child new transports. If the child used or closed a connection of the parent, the parent would fail.
    """
    global _transports  # noqa: PLW0603 - a fork replaces only this
    _inherited.append(_transports)  # kept, since collecting them could close the parent's connections
    _transports = {}


def _close_at_exit() -> None:
    for transport in list(_transports.values()):
        transport.close_idle()


# Sockets that are open at the end of the interpreter cause warnings. Later calls open new sockets.
atexit.register(_close_at_exit)

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
