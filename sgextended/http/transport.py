"""
HTTP connections to a site: one `Transport` per site and process, shared by every client of that site.

urllib3 keeps the connections: a bounded number, each lent to one request at a time, dead ones dropped before use.
"""

import contextlib
import os
import re
import ssl
import string
import threading
import time
from collections import OrderedDict
from email.utils import parsedate_to_datetime
from html import unescape
from typing import (
    Any,
    Callable,
    ContextManager,
    Dict,
    Hashable,
    Iterator,
    List,
    Mapping,
    Optional,
    Tuple,
    TypeVar,
    Union,
)
from urllib.parse import quote
from weakref import WeakSet

import urllib3
from attrs import evolve, frozen
from urllib3 import exceptions as http

from sgextended.errors import PoolTimeout, TLSError, TransportError, TransportTimeout, Unreachable
from sgextended.http import cancellation, deadline
from sgextended.http.connection import UNDER_WAY, Answer, Body, Pool, Sending, TLSPool
from sgextended.http.deadline import WATCHDOG, Deadline
from sgextended.http.proxy import Proxy
from sgextended.scoped import ScopedValue

Result = TypeVar("Result")

#: Transports kept for reuse. More sites than that in one process is a test suite, whose old ones nobody uses again.
KEPT_TRANSPORTS = 32

#: Is given an answer without its body, and returns what takes the body piece by piece, as it was sent (a file that is
#: packed stays so); None: the answer keeps it.
Sink = Callable[[Answer], Optional[Callable[[bytes], object]]]

#: Returns what is around one request, given until when its caller waits; None: nothing is. A cluster sets it.
AROUND: "ScopedValue[Optional[Callable[[Optional[Deadline]], ContextManager[None]]]]" = ScopedValue(
    "sgextended_around", None
)

_CHUNK = 1 << 16  # bytes of a streamed answer at a time


@frozen(kw_only=True)
class Endpoint:
    """
    What two clients must have in common to share their connections.
    """

    scheme: str
    host: str
    port: Optional[int]
    proxy: Optional[Proxy]
    ca_file: str
    connections: int

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port else "")


@frozen(kw_only=True)
class Limits:
    """
    How long one request may wait, in seconds: for a connection to be made, for bytes, for a free connection; and until
    when it must be over with all of it.
    """

    connect: float
    read: float
    pool: float
    deadline: Optional[Deadline] = None

    def now(self) -> "Limits":
        """
        Return the limits as the deadline leaves them.
        """
        if self.deadline is None:
            return self
        left = max(self.deadline.left(), 0.001)  # a limit of 0 means none to a socket
        return evolve(self, connect=min(self.connect, left), read=min(self.read, left), pool=min(self.pool, left))


class Transport:
    """
    The connections of one process to one endpoint. Any number of threads may use it at the same time.

    Attributes:
        endpoint: Where they lead.

        requests: How many requests were sent, or tried, in all.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.requests = 0
        self._under_way = 0
        self._last_date: Tuple[str, float] = ("", 0.0)  # the site's clock, and ours at that moment
        self._users: WeakSet[object] = WeakSet()
        self._count_lock = threading.RLock()  # the garbage collector may end a user in a thread that holds it
        self._memo: Dict[Hashable, Any] = {}
        self._asking: Dict[Hashable, int] = {}  # how many threads wait in `once`, for what
        self._failures: Dict[Hashable, Tuple[float, Exception]] = {}  # when, and which
        self._memo_lock = threading.RLock()  # what one client asks first may need what another asked
        # Read once: 20 ms, and the file may be gone by the time that connections are closed.
        self._tls = _tls_context(endpoint.ca_file) if endpoint.scheme == "https" else None
        self._left: WeakSet[urllib3.HTTPConnectionPool] = WeakSet()  # while requests were under way
        self._manager = self._new_manager()

    def _new_manager(self) -> urllib3.PoolManager:
        endpoint = self.endpoint
        options: Dict[str, Any] = {"num_pools": 1, "maxsize": endpoint.connections, "block": True, "retries": False}
        if self._tls is not None:
            options["ssl_context"] = self._tls
        manager: urllib3.PoolManager
        if endpoint.proxy is None:
            manager = urllib3.PoolManager(**options)
        else:
            manager = self._new_proxied_manager(endpoint.proxy, options)
        manager.pool_classes_by_scheme = {"http": Pool, "https": TLSPool}
        return manager

    def _new_proxied_manager(self, proxy: Proxy, options: Dict[str, Any]) -> urllib3.ProxyManager:
        headers = None
        if proxy.user:
            password = proxy.password.reveal() if proxy.password else ""
            headers = urllib3.util.make_headers(proxy_basic_auth=f"{proxy.user}:{password}")
        return urllib3.ProxyManager(f"http://{proxy.host}:{proxy.port}", proxy_headers=headers, **options)

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
    ) -> Answer:
        """
        Return the site's answer to one request, sent exactly once, whatever its status.

        Until it is closed, or gone, *user* keeps the connections open; see `leave`. What *sink* takes of the answer's
        body is not in the answer.

        Raises:
            PoolTimeout: All connections were in use until the time was up; nothing was sent.

            TransportError: No answer; ``sent`` tells whether the site may have acted. `Unreachable`,
                `TransportTimeout` and `TLSError` say more.
        """
        around = AROUND.get()
        if around is None:
            return self._send_now(method, path, body, headers, limits, user, sink)
        with around(limits.deadline):
            return self._send_now(method, path, body, headers, limits, user, sink)

    def _send_now(
        self,
        method: str,
        path: str,
        body: Union[bytes, Body, None],
        headers: Mapping[str, str],
        limits: Limits,
        user: object,
        sink: Optional[Sink],
    ) -> Answer:
        path, _, query = path.partition("?")
        limits, sending = limits.now(), Sending(body, quote(query, safe=string.punctuation))
        if limits.deadline is not None and not limits.deadline.left():
            seconds = limits.deadline.seconds
            msg = f"Nothing was sent to {self.endpoint.url} within the {seconds} s that the caller allows."
            raise TransportTimeout(msg, sent=False)
        with self._count_lock:
            self.requests += 1
            self._under_way += 1
            self._users.add(user)
        UNDER_WAY.sending = sending
        try:
            with _watched(sending, limits.deadline):
                return self._send(method, path, sending, headers, limits, sink)
        except (http.HTTPError, OSError) as error:
            if isinstance(error, TransportError):
                raise  # it says already what is wrong
            raise _translate(error, self.endpoint, limits, sending) from error
        finally:
            with self._count_lock:
                self._under_way -= 1
            if self._left:
                self._close_left()

    def _send(
        self,
        method: str,
        path: str,
        sending: Sending,
        headers: Mapping[str, str],
        limits: Limits,
        sink: Optional[Sink],
    ) -> Answer:
        sent_headers = {"accept-encoding": "gzip, deflate", **headers}
        if sending.size is not None:
            sent_headers["content-length"] = str(sending.size)
        response = self._manager.urlopen(
            method,
            self.endpoint.url + path,
            body=None if sending.size is None else sending,
            headers=sent_headers,
            redirect=False,
            retries=False,
            timeout=urllib3.Timeout(connect=limits.connect, read=limits.read),
            pool_timeout=limits.pool,
            preload_content=False,
        )
        self._last_date = (response.headers.get("date", ""), time.time())
        try:
            answer = Answer(
                status=response.status,
                reason=response.reason or "",
                headers={name.lower(): value for name, value in response.headers.items()},
                body=b"",
            )
            if answer.status == 407 and self.endpoint.proxy:
                raise _proxy_error(  # noqa: TRY301 - here alone it is known
                    self.endpoint.proxy, self.endpoint.url, "407 " + answer.reason, lasting=True
                )
            write = sink(answer) if sink is not None else None
            if write is None:
                answer = evolve(answer, body=response.read())
            else:
                for chunk in response.stream(_CHUNK, decode_content=False):
                    write(chunk)
        except BaseException:
            response.close()  # the connection ends with what was not read
            raise
        finally:
            if sending.connection is not None:
                sending.connection.used = time.monotonic()
            response.release_conn()
        return answer

    def clock_ahead(self) -> float:
        """
        Return by how many seconds the site's clock is ahead of ours, as its last answer said; 0 when none did.
        """
        text, at = self._last_date
        try:
            return parsedate_to_datetime(text).timestamp() - at
        except (TypeError, ValueError, IndexError, OverflowError):
            return 0.0

    def has_free_connections(self) -> bool:
        """
        Tell whether one more request would find a connection free now.
        """
        return self._under_way < self.endpoint.connections

    def once(self, key: Hashable, make: Callable[[], Result]) -> Result:
        """
        Return what *make* returned the first time that *key* was asked for, at whatever client of this endpoint.

        Others that ask meanwhile wait for the first, each until its own deadline, and share its failure. A failure is
        kept for nobody else: who asks later tries again.

        Raises:
            TransportTimeout: The deadline passed while another thread was at it.
        """
        if key in self._memo:
            return self._memo[key]  # type: ignore[no-any-return]
        asked, limit = time.monotonic(), deadline.current()
        with self._count_lock:
            self._asking[key] = self._asking.get(key, 0) + 1
        try:
            self._take_memo(limit)
            try:
                if key not in self._memo:
                    failed, error = self._failures.get(key, (0.0, None))
                    if error is not None and failed > asked:
                        raise error
                    self._memo[key] = self._made(key, make, shared=limit is None)
                return self._memo[key]  # type: ignore[no-any-return]
            finally:
                self._memo_lock.release()
        finally:
            with self._count_lock:
                self._asking[key] -= 1
                if not self._asking[key]:
                    del self._asking[key]
                    self._failures.pop(key, None)  # its traceback holds on to much

    def known(self, key: Hashable) -> Any:
        """
        Return what `once` has kept for *key*; None when that is nothing.
        """
        return self._memo.get(key)

    def _take_memo(self, limit: Optional[Deadline]) -> None:
        if self._memo_lock.acquire(timeout=-1 if limit is None else limit.left()):
            return
        msg = (
            f"Another thread still asks {self.endpoint.url} for what all need to know, and the "
            f"{limit.seconds if limit else 0} s that the caller allows are up."
        )
        raise TransportTimeout(msg, sent=False)

    def _made(self, key: Hashable, make: Callable[[], Result], *, shared: bool) -> Result:
        try:
            return make()
        except Exception as error:
            # Not where the deadline of this one thread may be the reason, or who waits for it has taken it back.
            if shared and not isinstance(error, cancellation.RequestCancelled):
                self._failures[key] = time.monotonic(), error
            raise

    def leave(self, user: object) -> None:
        """
        Close the connections if nobody but *user* uses them. Requests under way finish, and later ones connect again.
        """
        with self._count_lock:
            self._users.discard(user)
            if self._users:
                return
            old, self._manager = self._manager, self._new_manager()
            self._left.update(old.pools[key] for key in old.pools.keys())  # noqa: SIM118 - no dict
        old.clear()
        self._close_left()

    def _close_left(self) -> None:
        """
        Close the pools that were left, unless a request is under way: the last one does it then.

        urllib3 closes the connections of a pool that nobody holds, but an error that somebody keeps may hold it.
        """
        with self._count_lock:
            left = [] if self._under_way else list(self._left)
            self._left.difference_update(left)
        for pool in left:
            pool.close()


@contextlib.contextmanager
def _watched(sending: Sending, deadline: Optional[Deadline]) -> Iterator[None]:
    """
    Abort a request when its deadline passes: a limit on each wait does not end an answer that trickles. Or when its
    caller takes it back.
    """
    with contextlib.ExitStack() as stack:
        if deadline is not None:
            stack.enter_context(WATCHDOG.at(deadline.at, sending.abort))
        reach = cancellation.current()
        if reach is not None:
            stack.enter_context(reach.on_cancel(sending.abort))
        yield


def _tls_context(ca_file: str) -> ssl.SSLContext:
    # As the official client's: its certificates, host names checked, no rule stricter than it has.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        msg = f"The certificate file {ca_file!r} cannot be read as PEM certificates: {error}."
        raise TLSError(msg, sent=False, lasting=True) from error
    return context


def _translate(error: Exception, endpoint: Endpoint, limits: Limits, sending: Sending) -> Exception:
    """
    Return what to raise for an error of urllib3: what happened, why, and what to do.
    """
    url, sent = endpoint.url, sending.whole
    if limits.deadline is not None and not limits.deadline.left():
        return _too_late(error, url, limits.deadline, sending)
    if isinstance(error, http.EmptyPoolError):
        msg = (
            f"No connection to {url} came free within {limits.pool} s: all {endpoint.connections} are in use. Raise "
            "the site's connections or pool_timeout, or ask with fewer threads."
        )
        return PoolTimeout(msg, pool=url, waited=limits.pool)
    if isinstance(error, http.ProxyError) and endpoint.proxy and not sent:
        reason = _reason(error)
        return _proxy_error(endpoint.proxy, url, reason, lasting="407" in reason)
    if isinstance(error, http.SSLError):
        return _tls_error(error, url, sent=sent)
    # These two are also ConnectTimeoutErrors, so they come first.
    if isinstance(error, http.NameResolutionError):
        return Unreachable(f"The name {endpoint.host!r} is unknown here. Check the site's address and DNS.", sent=sent)
    if isinstance(error, http.NewConnectionError):
        msg = f"{url} does not accept connections: {_reason(error)}. Check the address, and that the site runs."
        return Unreachable(msg, sent=sent)
    # A handshake that takes too long is a ReadTimeoutError too.
    if isinstance(error, http.ConnectTimeoutError) or (isinstance(error, http.ReadTimeoutError) and not sent):
        msg = f"{url} took no connection within {limits.connect} s. Check the address, the network and the proxy."
        return TransportTimeout(msg, sent=sent)
    if isinstance(error, http.ReadTimeoutError):
        msg = f"{url} sent nothing for {limits.read} s. Raise the site's read_timeout if the call may take longer."
        return TransportTimeout(msg, sent=sent)
    if isinstance(error, http.DecodeError):
        return TransportError(f"The answer of {url} is garbled: {_reason(error)}.", sent=sent)
    return TransportError(f"The connection to {url} was lost: {_reason(error)}.", sent=sent)


def _proxy_error(proxy: Proxy, url: str, reason: str, *, lasting: bool) -> Unreachable:
    # A wrong password is not offered again: many proxies lock an account after a few.
    advice = " Give its user and password as proxy='user:password@host:port'." if lasting else ""
    msg = f"The proxy {proxy.host}:{proxy.port} does not lead to {url}: {reason}.{advice}"
    return Unreachable(msg, sent=False, lasting=lasting)


def _too_late(error: Exception, url: str, deadline: Deadline, sending: Sending) -> Exception:
    if isinstance(error, http.EmptyPoolError):
        msg = (
            f"No connection to {url} came free within the {deadline.seconds} s that the caller allows: all are in use."
        )
        return PoolTimeout(msg, pool=url, waited=deadline.seconds)
    if sending.whole:
        what = "gave no whole answer"
    else:
        what = "did not take all of the request" if sending.begun else "took no connection"
    return TransportTimeout(f"{url} {what} within the {deadline.seconds} s that the caller allows.", sent=sending.whole)


def _tls_error(error: Exception, url: str, *, sent: bool) -> TLSError:
    reason = _reason(error)
    advice, lasting = "", False
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        advice = (
            " The server's certificate is not signed by an authority that is trusted here: set ca_file, or the "
            "variable SHOTGUN_API_CACERTS, to the PEM file of the authority that signed it."
        )
        lasting = True
    elif not sent and ("WRONG_VERSION_NUMBER" in reason or "wrong version number" in reason):
        advice = " What answers there does not speak TLS: a plain http address, or a proxy that must be named as proxy."
        lasting = True
    return TLSError(f"No TLS connection to {url}: {reason}.{advice}", sent=sent, lasting=lasting)


def _reason(error: BaseException) -> str:
    """
    Return the innermost reason of an error, in one line.
    """
    seen = set()
    while error not in seen:
        seen.add(error)
        inner = (
            error.__cause__ or getattr(error, "reason", None) or next(iter(error.args[1:]), None) or error.__context__
        )
        if isinstance(inner, BaseException):
            error = inner
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


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


_transports: "OrderedDict[Endpoint, Transport]" = OrderedDict()
_lock = threading.Lock()
_inherited: List[Any] = []


def transport_to(endpoint: Endpoint) -> Transport:
    """
    Return this process's transport to an endpoint, made on first use.
    """
    with _lock:
        found = _transports.get(endpoint)
        if found is None:
            found = _transports[endpoint] = Transport(endpoint)
            if len(_transports) > KEPT_TRANSPORTS:
                _transports.popitem(last=False)
        else:
            _transports.move_to_end(endpoint)  # who was not used for longest goes first
        return found


def _forget_after_fork() -> None:
    """
    Leave the parent's connections alone: a child that used or closed one would break the parent's stream.
    """
    global _transports, _lock
    # Kept alive on purpose: collecting them would touch locks that a thread of the parent may hold for ever.
    _inherited.append(_transports)
    _transports, _lock = OrderedDict(), threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
