"""
What uploads and downloads have in common: files that travel piece by piece, how far they are, the way to storage, and
what is raised.
"""

import contextlib
import functools
import logging
import re
import time
from typing import TYPE_CHECKING, Any, BinaryIO, Callable, Dict, Iterator, List, Optional, Tuple, Type, TypeVar, Union
from urllib.parse import urlsplit

from attrs import evolve

from sgextended.client.credentials import RedactedStr
from sgextended.client.transfers.parallel_parts import PAUSE
from sgextended.errors import ClientClosed, OutcomeUnknown, ShotgunError, TransportError
from sgextended.http import deadline, retry
from sgextended.http.connection import Limits
from sgextended.http.socket_opener import DEFAULT_PORTS, Endpoint
from sgextended.http.transport import Transport, transport_to
from sgextended.lazy_import import lazy_module
from sgextended.observe.call_events import RequestStats, Watcher, notify

if TYPE_CHECKING:
    import html

    from shotgun_api3.shotgun import Shotgun

    from sgextended.secret import Secret
    from sgextended.site import Site
else:
    html = lazy_module("html")

LOG = logging.getLogger("sgextended")

Result = TypeVar("Result")

#: Is told how many bytes of a file have gone, and how many there are; None: nobody knows.
Report = Callable[[int, Optional[int]], object]

#: Bytes that are read and sent at a time. A socket's time limit holds for each, so that slow lines need small ones.
CHUNK = 1 << 16

#: Statuses of storage that a fresh link may mend.
EXPIRED = frozenset({400, 401, 403})


class LocalError(Exception):
    """
    Something on this side of the connection failed: a file, or the caller's own function.

    It wraps the reason, so that nobody on the way takes that for an error of the connection.
    """

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Progress:
    """
    How much of a file has gone, and whom to tell. Parts may be noted in any thread.

    What is told never gets less: a part that begins again is told of when it gets further than before.
    """

    def __init__(self, report: Optional[Report]) -> None:
        self.total: Optional[int] = None
        self._report = report
        self._parts: Dict[int, int] = {}
        self._told = -1

    def note(self, part: int, done: int) -> None:
        """
        Note how many bytes of one part have gone.
        """
        self._parts[part] = done

    def tell(self) -> None:
        """
        Tell the caller, if there is news; in the caller's own thread.
        """
        done = sum(self._parts.copy().values())
        if self._report is None or done <= self._told:
            return
        self._told = done
        try:
            self._report(done, self.total)
        except Exception as error:
            raise LocalError(error) from error


class FilePart:
    """
    A part of an open file as the body of a request, the whole of it unless said otherwise.

    Args:
        file: The file. Nobody else moves in it meanwhile.

        start: Where the part begins.

        size: How many bytes it has.

        moved: Is told how many of them have gone, after each piece.
    """

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
        Yield the bytes, from the first on each time that it is called.
        """
        done = 0
        self._moved(done)
        while done < self.size:
            piece = self._read(done)
            if not piece:
                msg = f"{self._file.name!r} was cut at {self._start + done} bytes while it was uploaded: do that again."
                raise LocalError(_both(TransportError, ShotgunError)(msg, sent=False, lasting=True))
            yield piece
            done += len(piece)
            self._moved(done)

    def _read(self, done: int) -> bytes:
        try:
            if not done:
                self._file.seek(self._start)
            return self._file.read(min(CHUNK, self.size - done))
        except OSError as error:
            raise LocalError(error) from error


class Joined:
    """
    Bytes and parts of files as the body of a request, one after the other.
    """

    def __init__(self, parts: List[Union[bytes, FilePart]]) -> None:
        self._parts = parts
        self.size = sum(len(part) if isinstance(part, bytes) else part.size for part in parts)

    def chunks(self) -> Iterator[bytes]:
        """
        Yield the bytes, from the first on each time that it is called.
        """
        for part in self._parts:
            if isinstance(part, bytes):
                yield part
            else:
                yield from part.chunks()


# --- What is raised


@contextlib.contextmanager
def known_as(native: Type[ShotgunError]) -> Iterator[None]:
    """
    Let the failures of a block also be what the official client raises there, and what failed on this side be itself.
    """
    try:
        yield
    except LocalError as error:
        raise error.reason from error.reason.__cause__
    except TransportError as error:
        if not isinstance(error, native):
            error.__class__ = _both(type(error), native)  # type: ignore[arg-type]  # a class that defines no hash
        raise


@functools.cache
def _both(kind: Type[TransportError], native: Type[ShotgunError]) -> Type[TransportError]:
    name = kind.__name__ if native is ShotgunError else native.__name__  # the one that says more
    return type(name, (kind, native), {"__module__": __name__, "__doc__": kind.__doc__, "__reduce__": _reduce})


def _reduce(error: TransportError) -> Tuple[Any, ...]:
    # A class that was made here is found again by what it was made of.
    return _restore, (*type(error).__bases__, error.args, vars(error).copy())


def _restore(
    kind: Type[TransportError], native: Type[ShotgunError], args: Tuple[str], state: Dict[str, Any]
) -> TransportError:
    error = _both(kind, native)(*args)  # type: ignore[arg-type]  # as above
    vars(error).update(state)
    return error


# --- The client

if TYPE_CHECKING:

    class Client(Shotgun):
        """
        What transfers know of the client that they are a part of, see `sgextended.client.native_client.NativeClient`.
        """

        config: Any
        _site: Site
        _closed: bool
        _elsewhere: Dict[str, Endpoint]
        _watcher: Optional[Watcher]

        @property
        def _transport(self) -> Transport: ...

        def _renewed(self, refused: Optional[Secret]) -> Optional[Secret]: ...
        def _make_call(self, verb: str, path: str, body: Any, headers: Any) -> Tuple[Tuple[int, str], Any, bytes]: ...  # type: ignore[override]  # bytes, not str
else:
    Client = object


class Transfers(Client):
    """
    How a client sends what is no call of the site's API.
    """

    @property
    def _limits(self) -> Limits:
        """
        How long a request may wait that is sent now.
        """
        site, override = self._site, self.config.timeout_secs
        return Limits(
            connect=override or site.connect_timeout,
            read=override or site.read_timeout,
            pool=site.pool_timeout,
            deadline=deadline.current(),
        )

    @property
    def _patient_limits(self) -> Limits:
        """
        The same for a file: it waits for a free connection for longer, since other files keep theirs for long.
        """
        limits = self._limits
        limits.pool = max(self._site.pool_timeout, self._site.call_timeout)
        return limits

    def _fail_if_closed(self) -> None:
        if self._closed:
            msg = f"{self!r} is closed: make a new one, it costs nothing."
            raise ClientClosed(msg)

    def _way_to(self, url: str) -> Tuple[Transport, str, bool]:
        """
        Return the transport to where an address leads, the path there, and whether that is the site itself.

        Raises:
            TransportError: It is no address that could be asked.
        """
        own = self._transport
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            parts, host, port = urlsplit(""), "", None
        if parts.scheme not in DEFAULT_PORTS or not host:
            msg = f"{without_query(url)!r} is no address of a web server, so nothing can be sent there."
            raise TransportError(msg, sent=False, lasting=True)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        site = own.endpoint
        here = (site.scheme, site.host.lower(), site.port or DEFAULT_PORTS[site.scheme])
        if here == (parts.scheme, host, port or DEFAULT_PORTS[parts.scheme]):
            return own, path, True
        host = f"[{host}]" if ":" in host else host
        endpoint = evolve(site, scheme=parts.scheme, host=host, port=port)
        self._elsewhere[endpoint.url] = endpoint  # to leave it when the client is closed
        return transport_to(endpoint), path, False

    def _headers(self, *, own: bool) -> Dict[str, str]:
        """
        Return what every request says: who we are to the site, and nothing of it to others.
        """
        headers = {"user-agent": "; ".join(self._user_agents), "accept-encoding": "identity"}
        if own and self.config.authorization:
            headers["authorization"] = RedactedStr(self.config.authorization)
        return headers

    def _carry_out(
        self,
        send: Callable[[RequestStats], Result],
        *,
        rpc: str,
        kind: retry.Kind,
        transport: Transport,
        entity_type: Optional[str] = None,
        limit: Optional[float] = None,
        written: Callable[[], Any] = lambda: None,
        policy: Optional[retry.RetryPolicy] = None,
        again: Optional[Callable[[Result], Result]] = None,
        finish: Optional[Callable[[Result, RequestStats], Any]] = None,
        sleep: Optional[Callable[[float], object]] = None,
    ) -> Any:
        """
        Return what *send* returns, repeated as `retry` allows; whoever watches is told of it.

        Args:
            send: Sends the request once, and counts what goes and comes.

            rpc: Name of the request.

            kind: What a second execution would do.

            transport: Where it goes.

            entity_type: What it is about.

            limit: Seconds for all of it where the caller sets no deadline. None: no limit of the whole.

            written: Returns what it is to write, without secrets.

            policy: How often it is tried. None: as the site says.

            again: Makes the result of an answer to a repeated request.

            finish: Makes what is returned of the result.

            sleep: Waits so many seconds. None: as the thread that runs does.
        """
        self._fail_if_closed()
        stats, sent_at = RequestStats(), time.time()
        failure: Optional[Type[BaseException]] = (
            None  # the class alone: the error would keep this frame, and itself, alive
        )
        try:
            with deadline.deadline(None if deadline.current() else limit):
                result = retry.persist(
                    functools.partial(_counted, send, stats),
                    rpc=rpc,
                    kind=kind,
                    policy=policy or self._site.retry,
                    backoff=transport.backoff,
                    again=again,
                    sleep=sleep or PAUSE.get(),
                )
            return result if finish is None else finish(result, stats)
        except TransportError as error:
            failure = type(error)
            error.elapsed, error.entity_type = time.monotonic() - stats.started, entity_type
            if isinstance(error, OutcomeUnknown):
                error.sent_at, error.clock_ahead, error.data = sent_at, transport.clock_ahead(), written()
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
    Return an address without what may be a key: its query, which may be signed, and its user.
    """
    address, question, _query = url.partition("?")
    scheme, separator, rest = address.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}{'?...' if question else ''}"


def storage_message(body: bytes) -> str:
    """
    Return what storage says in its answer, if it says something; the rest of the answer may hold signatures.
    """
    found = re.search(rb"<Message>([^<]+)</Message>", body)
    return html.unescape(found.group(1).decode("utf-8", "replace")) if found else ""
