"""
`Transport`: everything that one process shares about one endpoint, first of all its connections.

All clients of a site use the same transport, so that another client costs no handshake and no request.
"""

import atexit
import os
import re
import time
from email.utils import parsedate_to_datetime
from html import unescape
from typing import TYPE_CHECKING, Any, Callable, ContextManager, Dict, List, Mapping, Optional, Tuple, TypeVar, Union
from weakref import ref

from sgextended.errors import TransportError, TransportTimeout
from sgextended.http import cancellation
from sgextended.http.connection import Body, InFlightRequest, Limits, head_of
from sgextended.http.connection_pool import ConnectionPool
from sgextended.http.elsewhere import raise_what_comes_from_elsewhere
from sgextended.http.failures import FAILURES, no_connection, proxy_error, translated
from sgextended.http.opening import Endpoint, Opener
from sgextended.http.response import Response, Sink
from sgextended.http.retry import Backoff
from sgextended.http.single_flight import SingleFlight
from sgextended.scoped import ScopedValue

if TYPE_CHECKING:
    from sgextended.http.deadline import Deadline

Result = TypeVar("Result")

#: Transports kept for reuse. More sites than that in one process is a test suite, whose old ones nobody uses again.
KEPT_TRANSPORTS = 32

_CLEAN_UP_AT = 100  # users, dead ones included

#: Returns what is around one request, given until when its caller waits; None: nothing is. A cluster sets it.
AROUND: "ScopedValue[Optional[Callable[[Optional[Deadline]], ContextManager[None]]]]" = ScopedValue(
    "sgextended_around", None
)


class Transport:
    """
    What one process shares about one endpoint. Any number of threads may use it at the same time.

    Attributes:
        endpoint: Where the connections lead.

        backoff: Until when no client of the endpoint sends anything.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.backoff = Backoff()
        self._authority = endpoint.authority
        self._opener = Opener(endpoint)
        self._pool = ConnectionPool(self._opener, endpoint.connections)
        self._last_date: Tuple[str, float] = ("", 0.0)  # the site's clock, and ours at that moment
        # Those that use the connections, by identity. Nothing happens when one of them is collected.
        self._users: Dict[int, ref[Any]] = {}
        self._most_users = _CLEAN_UP_AT
        self._shared = SingleFlight()
        self.once, self.known, self.renew = self._shared.once, self._shared.known, self._shared.renew

    @property
    def requests(self) -> int:
        """
        How many requests were sent, or tried, in all.
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
        Return the response to one request, which is sent exactly once, whatever the status.

        Until it is closed, *user* keeps the connections open; see `leave`. What *sink* takes of the body is not in
        the response.

        Raises:
            PoolTimeout: All connections were in use until the time was up; nothing was sent.

            ClientClosed: *user* was closed while it waited for a connection; nothing was sent.

            TransportError: No response; ``sent`` says whether the site may have acted. `Unreachable`,
                `TransportTimeout` and `TLSError` say more.
        """
        around = AROUND.get()
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
            msg = f"Nothing was sent to {self.endpoint.url} within the {deadline.seconds} s that the caller allows."
            raise TransportTimeout(msg, sent=False)
        self._add(user)
        head = head_of(method, opener.prefix + path, self._authority, (headers, opener.headers), body)
        request = InFlightRequest(head, body, limits)
        del head  # a traceback with local variables is not to show the headers
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
                raise no_connection(self.endpoint, request.limits)  # noqa: TRY301 - nothing of it is caught
            response = connection.exchange(request, sink)
        except BaseException as error:
            request.belongs_to(None)
            if connection is None:
                if not isinstance(error, ConnectionAbortedError):
                    raise
            else:
                connection.close()  # it may hold the rest of a response
            if not isinstance(error, FAILURES) or isinstance(error, TransportError):  # it says already what is wrong
                raise
            raise_what_comes_from_elsewhere(error)
            raise translated(error, self.endpoint, request) from error
        finally:
            if connection is not None:
                pool.give_back(connection)
                pool.wake_next()
                if not self._users:
                    pool.close_idle()
        self._last_date = (response.headers.get("date", ""), time.time())
        if response.status == 407 and self.endpoint.proxy:
            reason = "407 " + response.reason
            raise proxy_error(self.endpoint.proxy, self.endpoint.url, reason, lasting=True)
        return response

    def clock_ahead(self) -> float:
        """
        Return by how many seconds the site's clock is ahead of ours, as its last response said; 0 when none did.
        """
        text, at = self._last_date
        try:
            return parsedate_to_datetime(text).timestamp() - at
        except (TypeError, ValueError, IndexError, OverflowError):
            return 0.0

    def has_free_connections(self) -> bool:
        """
        Return whether one more request would find a connection free now.
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
        Return whether a client that still lives uses the connections.
        """
        return any(each() is not None for each in list(self._users.values()))

    def close_idle(self) -> None:
        """
        Close the connections that carry no request.
        """
        self._pool.close_idle()

    def leave(self, user: object) -> None:
        """
        Close the connections if only *user* uses them. Requests in flight finish, and later ones connect again.
        """
        self._users.pop(id(user), None)
        self._pool.leave(user)
        if not self.has_users():
            self._users.clear()
            self.close_idle()


def retry_after(headers: Mapping[str, str], now: float) -> Optional[float]:
    """
    Return the seconds that an answer asks to wait, from its ``Retry-After``; None when it does not say.

    Args:
        headers: Headers of the answer, names in lower case.

        now: Seconds since the epoch.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


_TITLE = re.compile(r"<title\b[^>]*>([^<]*)", re.IGNORECASE)


def page_title(body: bytes) -> str:
    """
    Return the title of an HTML page in brackets, after a space; empty when it has none.
    """
    found = _TITLE.search(body[:20_000].decode("utf-8", "replace"))
    title = " ".join(unescape(found.group(1)).split())[:120] if found else ""
    return f" ({title})" if title else ""


#: By endpoint. A forked child has its own, and each of its clients sees by this that it is another one.
_transports: Dict[Endpoint, Transport] = {}
_inherited: List[Any] = []


def all_transports() -> Dict[Endpoint, Transport]:
    """
    Return the transports of this process.
    """
    return _transports


def transport_to(endpoint: Endpoint) -> Transport:
    """
    Return this process's transport to an endpoint, made on first use.
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
    Leave the parent's connections alone: a child that used or closed one would break the parent's stream.
    """
    global _transports  # noqa: PLW0603 - all that a fork has to replace
    _inherited.append(_transports)  # kept alive: collecting them could end the parent's connections
    _transports = {}


def _close_at_exit() -> None:
    for transport in list(_transports.values()):
        transport.close_idle()


# Sockets that the end of the interpreter finds open cause warnings. Calls after this open others.
atexit.register(_close_at_exit)

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
