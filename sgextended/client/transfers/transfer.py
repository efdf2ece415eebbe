"""
The common parts of uploads and downloads: file parts as request bodies, progress, transports to storage, and errors.
"""

import contextlib
import functools
import logging
import re
import time
from typing import TYPE_CHECKING, Any, BinaryIO, Callable, Dict, Iterator, List, Optional, Tuple, Type, TypeVar, Union
from urllib.parse import urlsplit

from sgextended.client.protocol.site_clock import site_clock_of, ticks
from sgextended.client.transfers.parallel_parts import PAUSE
from sgextended.errors import ClientClosed, OutcomeUnknown, ShotgunError, TransportError
from sgextended.http import deadline, retry
from sgextended.http.connection import Limits
from sgextended.http.socket_opener import DEFAULT_PORTS, Endpoint, ascii_host
from sgextended.http.transport import Transport, transport_to
from sgextended.lazy_import import lazy_module
from sgextended.observe.call_events import RequestStats
from sgextended.observe.watchers import Watcher, notify
from sgextended.secret import RedactedStr

if TYPE_CHECKING:
    import html

    from shotgun_api3.shotgun import Shotgun

    from sgextended.client.protocol.codec import LocalTime
    from sgextended.secret import Secret
    from sgextended.site_settings import Site
else:
    html = lazy_module("html")

LOG = logging.getLogger("sgextended")

Result = TypeVar("Result")
Sleep = Callable[[float], object]

#: Called with the number of bytes transferred so far and the size of the file; None: the size is unknown.
ProgressCallback = Callable[[int, Optional[int]], object]

#: Bytes that are read and sent at a time. A socket's time limit applies to each chunk, so slow lines need small ones.
CHUNK = 1 << 16

#: The HTTP statuses of storage for an expired link. A new link may help.
EXPIRED = frozenset({400, 401, 403})


class ClientSideError(Exception):
    """
    A local file, or a function of the caller, failed.

    It wraps the reason, so that the layers between do not mistake an ``OSError`` for an error of the connection.
    """

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Progress:
    """
    The progress of one file, and the callback of the caller. Any thread may record a part.

    The reported number never decreases: while a part is sent again, nothing is reported until the sum
    is above the last reported number.
    """

    def __init__(self, report: Optional[ProgressCallback]) -> None:
        self.total: Optional[int] = None
        self._report = report
        self._parts: Dict[int, int] = {}
        self._reported = -1

    def record(self, part: int, done: int) -> None:
        """
        Record how many bytes of one part were transferred.
        """
        self._parts[part] = done

    def report(self) -> None:
        """
        Call the caller's function if the number has increased. Runs in the caller's thread.
        """
        done = sum(self._parts.copy().values())
        if self._report is None or done <= self._reported:
            return
        self._reported = done
        try:
            self._report(done, self.total)
        except Exception as error:
            raise ClientSideError(error) from error


class FilePart:
    """
    A part of an open file as the body of a request.

    Args:
        file: The file. No other code may change its position during the upload.

        start: The offset of the part, in bytes.

        size: The size of the part, in bytes. None: all bytes from *start*.

        moved: Called with the number of bytes sent, after each chunk.
    """

    size: int

    def __init__(
        self,
        file: BinaryIO,
        *,
        start: int = 0,
        size: Optional[int] = None,
        moved: Callable[[int], object] = lambda _done: None,
    ) -> None:
        self._file, self._start, self._moved = file, start, moved
        self.size = file.seek(0, 2) - start if size is None else size

    def chunks(self) -> Iterator[bytes]:
        """
        Yield the bytes. Each call starts with the first byte.
        """
        done = 0
        self._moved(done)
        while done < self.size:
            piece = self._read(done)
            if not piece:
                msg = (
                    f"{self._file.name!r} was cut to {self._start + done} bytes by another program while it was "
                    "uploaded. Upload it again."
                )
                raise ClientSideError(_combined_class(TransportError, ShotgunError)(msg, sent=False, lasting=True))
            yield piece
            done += len(piece)
            self._moved(done)

    def _read(self, done: int) -> bytes:
        try:
            if not done:
                self._file.seek(self._start)
            return self._file.read(min(CHUNK, self.size - done))
        except OSError as error:
            raise ClientSideError(error) from error


class JoinedBody:
    """
    A request body of several parts: bytes and parts of files, in this order.
    """

    size: int

    def __init__(self, parts: List[Union[bytes, FilePart]]) -> None:
        self._parts = parts
        self.size = sum(len(part) if isinstance(part, bytes) else part.size for part in parts)

    def chunks(self) -> Iterator[bytes]:
        """
        Yield the bytes. Each call starts with the first byte.
        """
        for part in self._parts:
            if isinstance(part, bytes):
                yield part
            else:
                yield from part.chunks()


# --- Errors


@contextlib.contextmanager
def as_native_error(native: Type[ShotgunError]) -> Iterator[None]:
    """
    Make the transport errors of a block instances of an official exception class, too.

    A `ClientSideError` is replaced by its reason.

    Args:
        native: The class that the official client raises there.
    """
    try:
        yield
    except ClientSideError as error:
        raise error.reason from error.reason.__cause__
    except TransportError as error:
        if not isinstance(error, native):
            error.__class__ = _combined_class(type(error), native)  # type: ignore[arg-type]  # a class that defines no hash
        raise


@functools.cache
def _combined_class(kind: Type[TransportError], native: Type[ShotgunError]) -> Type[TransportError]:
    name = kind.__name__ if native is ShotgunError else native.__name__  # the more specific name
    return type(name, (kind, native), {"__module__": __name__, "__doc__": kind.__doc__, "__reduce__": _reduce})


def _reduce(error: TransportError) -> Tuple[Any, ...]:
    # pickle cannot import a generated class, so the pickle has its two bases.
    return _restore, (*type(error).__bases__, error.args, vars(error).copy())


def _restore(
    kind: Type[TransportError], native: Type[ShotgunError], args: Tuple[str], state: Dict[str, Any]
) -> TransportError:
    error = _combined_class(kind, native)(*args)  # type: ignore[arg-type]  # as above
    vars(error).update(state)
    return error


# --- The client

if TYPE_CHECKING:

    class ClientBase(Shotgun):
        """
        The attributes of `sgextended.client.native_client.NativeClient` that its mixin classes use.
        """

        config: Any
        _site: Site
        _closed: bool
        _elsewhere: Dict[str, Endpoint]
        _watcher: Optional[Watcher]

        @property
        def _transport(self) -> Transport: ...

        @property
        def _local_zone(self) -> LocalTime: ...

        @property
        def site(self) -> Site: ...

        def _take_user_agents(self, agents: Any) -> None: ...
        def _endpoint(self, scheme: str, server: str) -> Endpoint: ...
        def clone(self) -> Any: ...
        def _of(self, site: Site) -> Any: ...
        def _fail_if_closed(self) -> None: ...
        def _begin_session(self) -> str: ...
        def _download_session(self, refused: Optional[Secret]) -> Secret: ...
        def _renew_session(self, refused: Optional[Secret]) -> Optional[Secret]: ...
        def _first_request(self, *args: Any, **kwargs: Any) -> Dict[str, Any]: ...
        def _send_rpc(self, method: str, params: Any, read: Callable[[bytes], Any], *, sleep: Sleep = ...) -> Any: ...
        def _call_with_session(self, method: str, params: Any, read: Callable[[bytes], Any]) -> Any: ...
        def _result_of(self, reply: Any, method: str, params: Any) -> Any: ...
        def _make_call(self, verb: str, path: str, body: Any, headers: Any) -> Tuple[Tuple[int, str], Any, bytes]: ...  # type: ignore[override]  # bytes, not str
else:
    ClientBase = object


class Transfers(ClientBase):
    """
    The part of a client that sends requests with retries, to the site and to other servers.
    """

    @property
    def _limits(self) -> Limits:
        """
        The time limits of a request that is sent now.
        """
        site, override = self._site, self.config.timeout_secs
        return Limits(
            connect=override or site.connect_timeout,
            read=override or site.read_timeout,
            pool=site.pool_timeout,
            deadline=deadline.current(),
        )

    @property
    def _file_limits(self) -> Limits:
        """
        The time limits of a file transfer. It waits longer for a free connection: other transfers keep theirs for long.
        """
        limits = self._limits
        limits.pool = max(self._site.pool_timeout, self._site.call_timeout)
        return limits

    def _fail_if_closed(self) -> None:
        if self._closed:
            msg = f"{self!r} is closed, so it sends nothing. Create a new client; that costs no request."
            raise ClientClosed(msg)

    def _transport_for_url(self, url: str) -> Tuple[Transport, str, bool]:
        """
        Return the transport for a URL, the path of the URL, and whether the URL leads to the site itself.

        Raises:
            TransportError: The URL is not a valid http or https address.
        """
        own = self._transport
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            parts, host, port = urlsplit(""), "", None
        if parts.scheme not in DEFAULT_PORTS or not host:
            msg = (
                f"Nothing was sent to {without_query(url)!r}: it is not a valid http or https address. "
                "Check the address of the file."
            )
            raise TransportError(msg, sent=False, lasting=True)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        site = own.endpoint
        here = (site.scheme, site.host.strip("[]").lower(), site.port or DEFAULT_PORTS[site.scheme])
        if here == (parts.scheme, ascii_host(host), port or DEFAULT_PORTS[parts.scheme]):
            return own, path, True
        host = f"[{host}]" if ":" in host else host
        endpoint = self._endpoint(parts.scheme, host + (f":{port}" if port else ""))
        self._elsewhere[repr(endpoint)] = endpoint  # close() leaves these connections, too
        return transport_to(endpoint), path, False

    def _headers(self, *, own: bool) -> Dict[str, str]:
        """
        Return the headers of every request. Only requests to the site itself have the site's basic_auth.
        """
        headers = {"user-agent": "; ".join(self._user_agents), "accept-encoding": "identity"}
        if own and self.config.authorization:
            headers["authorization"] = RedactedStr(self.config.authorization)
        return headers

    def _send_with_retries(
        self,
        send: Callable[[RequestStats], Result],
        *,
        rpc: str,
        kind: retry.RequestKind,
        transport: Transport,
        entity_type: Optional[str] = None,
        limit: Optional[float] = None,
        intended: Callable[[], Any] = lambda: None,
        policy: Optional[retry.RetryPolicy] = None,
        adapt_repeated: Optional[Callable[[Result], Result]] = None,
        finish: Optional[Callable[[Result, RequestStats], Any]] = None,
        sleep: Optional[Callable[[float], object]] = None,
    ) -> Any:
        """
        Send a request with the retries that `retry` allows, return its result, and notify the watcher.

        Args:
            send: Sends the request once, returns the result, and counts the bytes.

            rpc: The name of the request.

            kind: The effect of a second execution.

            transport: The transport to the server.

            entity_type: The entity type of the request.

            limit: The seconds for all attempts together, if the caller sets no deadline. None: no limit.

            intended: Returns the data that the request is to write, without secrets.

            policy: The number of attempts and the waits. None: those of the site.

            adapt_repeated: Returns the result to use for the result of a repeated request.

            finish: Returns the final result for the result of *send*.

            sleep: Waits for a number of seconds. None: the function of the current thread.
        """
        self._fail_if_closed()
        stats, sent_at, sent_tick = RequestStats(), time.time(), ticks()
        policy = policy or self._site.retry
        if limit is not None:
            limit += policy.wait_for_site
        failure: Optional[Type[BaseException]] = (
            None  # only the class: the error refers to this frame, which would keep the error alive
        )
        try:
            with deadline.deadline(None if deadline.current() else limit):
                result = retry.send_with_retries(
                    functools.partial(_counted, send, stats),
                    rpc=rpc,
                    kind=kind,
                    policy=policy,
                    backoff=transport.backoff,
                    adapt_repeated=adapt_repeated,
                    sleep=sleep or PAUSE.get(),
                )
            return result if finish is None else finish(result, stats)
        except TransportError as error:
            failure = type(error)
            error.elapsed, error.entity_type = time.monotonic() - stats.started, entity_type
            if isinstance(error, OutcomeUnknown):
                then = site_clock_of(transport).at(sent_tick)
                error.sent_at, error.clock_ahead = sent_at, None if then is None else then - sent_at
                error.sent_tick, error.data = sent_tick, intended()
            LOG.debug("%s: failed after %.3f s: %s", rpc, error.elapsed, error)
            raise
        except BaseException as error:
            failure = type(error)
            raise
        finally:
            if self._watcher is not None:
                notify(self._watcher, stats.call(rpc, entity_type, failure))


def _counted(send: Callable[[RequestStats], Result], stats: RequestStats) -> Result:
    stats.attempts += 1
    return send(stats)


def without_query(url: str) -> str:
    """
    Return a URL without the parts that may hold a secret: its query, which may be signed, and its user.
    """
    address, question, _query = url.partition("?")
    scheme, separator, rest = address.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}{'?...' if question else ''}"


def storage_message(body: bytes) -> str:
    """
    Return the message in a response of storage, or "". The other parts of the response may hold signatures.
    """
    found = re.search(rb"<Message>([^<]+)</Message>", body)
    return html.unescape(found.group(1).decode("utf-8", "replace")) if found else ""
