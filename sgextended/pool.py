"""
`SGPool`: instances that are lent to one caller at a time, made on demand up to a bound.

One function, `SGPool._settle`, decides who gets what, within a critical section; factories and ``close`` run outside.
"""

import logging
import os
import threading
import time
import warnings
from collections import deque
from contextlib import contextmanager, suppress
from http.client import HTTPException
from typing import Any, Callable, ContextManager, Deque, Dict, Generic, Iterator, List, Optional, Tuple, TypeVar
from weakref import WeakSet, ref
from xmlrpc.client import ProtocolError  # shotgun_api3's own

from attrs import define, field

from sgextended.closing import close
from sgextended.errors import ConfigurationError, PoolClosed, PoolError, PoolTimeout

LOG = logging.getLogger("sgextended")

#: Seconds that the thread which closes idle instances sleeps at least, so that no setting makes it spin.
SHORTEST_PAUSE = 1.0

Lent = TypeVar("Lent")


class _Signal:
    """
    Wakes the one thread that waits for it.

    A bare lock, since the garbage collector may end a lease at any moment, in any thread: also within the methods of
    a `threading.Event`, where setting one more would wait for ever.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        with suppress(RuntimeError):  # it is set already
            self._lock.release()

    def wait(self, seconds: float) -> bool:
        return self._lock.acquire(timeout=min(max(seconds, 0.0), threading.TIMEOUT_MAX))


@define(eq=False)
class _Waiter(Generic[Lent]):
    """
    One caller in the queue. *signal* is set when it has a place in the pool, or when the pool is closed.
    """

    since: float
    signal: _Signal = field(factory=_Signal)
    placed: bool = False
    instance: Optional[Lent] = None  # None: the place is there, the instance has to be made


class _Lease(Generic[Lent]):
    """
    One lease, for one ``with`` block; the block may end in another thread than it began in.
    """

    def __init__(self, pool: "SGPool[Lent]", timeout: float) -> None:
        self._pool, self._timeout = pool, timeout
        self._unused = threading.Lock()  # whoever gets it begins the block
        self._pid = 0
        self._held: List[Lent] = []

    def __enter__(self) -> Lent:
        if not self._unused.acquire(blocking=False):
            msg = "A lease is for one block: ask the pool for another one."
            raise PoolError(msg)
        self._pid = os.getpid()
        self._held.append(self._pool._take(self._timeout))  # noqa: SLF001 - part of the pool
        return self._held[0]

    def __exit__(self, _kind: object, error: Optional[BaseException], _traceback: object) -> None:
        if self._held and self._pid == os.getpid():  # else it is the parent's, leased before the fork
            self._pool._end_lease(self._held.pop(), error)  # noqa: SLF001 - part of the pool

    def __del__(self) -> None:
        if self._held and self._pid == os.getpid():
            # Somebody may still use the instance: it is neither closed nor lent again.
            self._pool._give_back(None)  # noqa: SLF001 - part of the pool
            msg = f"A lease of {self._pool!r} was never ended: write 'with pool.lease() as sg:'."
            warnings.warn(msg, ResourceWarning, stacklevel=2)


class SGPool(Generic[Lent]):
    """
    A pool of instances of a studio's class, of a plain ``Shotgun``, or of whatever a factory makes.

    It grows when an instance is asked for and none is free, up to *max_size*; then callers wait in order of arrival.
    What came back last is lent first. An instance that may be broken is closed and replaced; see `lease`.

    A forked child finds the pool empty, and leaves the parent's instances alone.

    Args:
        factory: A class, or a function without arguments, that makes one instance.

        max_size: How many instances exist at most.

        timeout: Seconds that a caller waits for a free instance.

        max_idle: Seconds after which an instance that nobody used is closed, whether or not the pool is used: a thread
            sees to it while there are instances. The default is about the time after which firewalls silently forget
            a connection, into which a plain ``Shotgun`` would send its next request. None keeps all; with 0 none is
            lent twice.

        clock: For tests: what tells the time, in seconds.

    Raises:
        ConfigurationError: A bound that cannot work, or an instance in the place of what makes one.
    """

    __module__ = "sgextended"

    def __init__(
        self,
        factory: Callable[[], Lent],
        *,
        max_size: int = 8,
        timeout: float = 60.0,
        max_idle: Optional[float] = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not callable(factory):
            msg = f"{factory!r:.80} makes no instances: give a class, or a function that makes one."
            raise ConfigurationError(msg)
        if isinstance(max_size, bool) or not isinstance(max_size, int) or max_size < 1:
            msg = f"max_size={max_size!r}: a pool needs room for at least 1 instance."
            raise ConfigurationError(msg)
        if not timeout >= 0:
            msg = f"timeout={timeout!r}: give the seconds to wait at most."
            raise ConfigurationError(msg)
        if max_idle is not None and not max_idle >= 0:
            msg = f"max_idle={max_idle!r}: give the seconds after which a free instance is closed, or None."
            raise ConfigurationError(msg)
        self._factory = factory
        self._name = getattr(factory, "__name__", type(factory).__name__)
        self._max_size, self._max_idle, self._clock = max_size, max_idle, clock
        self._timeout = _finite(timeout)
        self._closed = False
        self._start()
        _pools.add(self)

    def _start(self) -> None:
        self._lock = threading.RLock()
        self._busy = False  # whether a critical section is under way; see _critical
        self._returned: Deque[Optional[Lent]] = deque()  # came back, and _settle has not seen it; None: a place alone
        self._discarded: Deque[Lent] = deque()  # to be closed; each has its place until it is, so it counts as leased
        self._idle: Deque[Tuple[float, Lent]] = deque()  # since when, the longest idle first
        self._waiters: Deque[_Waiter[Lent]] = deque()
        self._closers: List[_Signal] = []  # who waits for the last leased one
        self._leased = self._made = self._broken = self._expired = self._lease_timeouts = 0
        self._longest_wait = 0.0
        self._watched = False  # whether a thread looks for idle ones
        self._wake = _Signal()

    # --- Lending

    def lease(self, timeout: Optional[float] = None) -> ContextManager[Lent]:
        """
        Lend an instance for a ``with`` block.

        An instance is closed and not lent again when it is closed already (``is_closed``), or when the block ends in
        an error after which its connection cannot be trusted: a failure of the connection (an ``OSError`` such as
        `TransportError` or ``ssl.SSLError``, ``http.client.HTTPException``, ``ProtocolError``, those of httplib2), also
        as the cause of another error, or an interruption such as ``KeyboardInterrupt``. Faults of the site and other
        errors do it no harm.

        Args:
            timeout: Seconds to wait for one; 0 does not wait. None: the pool's own limit.

        Raises:
            PoolTimeout: None came free in time.

            PoolClosed: The pool was closed.

            ConfigurationError: A timeout without end.
        """
        return _Lease(self, self._timeout if timeout is None else _finite(timeout))

    def _take(self, timeout: float) -> Lent:
        waiter = _Waiter[Lent](self._clock())
        try:
            with self._critical():
                self._refuse_if_closed()
                self._waiters.append(waiter)
                self._settle()
            if not waiter.placed:
                waiter.signal.wait(timeout)
                self._leave_queue(waiter, timeout)
        except BaseException:  # interrupted perhaps: what it was given must not go to nobody
            with self._critical():
                if waiter.placed:
                    self._returned.append(waiter.instance)
                elif waiter in self._waiters:
                    self._waiters.remove(waiter)
                self._settle()
            raise
        return self._usable(waiter.instance)

    def _leave_queue(self, waiter: "_Waiter[Lent]", timeout: float) -> None:
        """
        Refuse a caller that has waited and was given nothing, not even at the last moment.
        """
        with self._critical():
            self._longest_wait = max(self._longest_wait, self._clock() - waiter.since)
            if waiter.placed:
                return
            self._refuse_if_closed()
            self._waiters.remove(waiter)
            self._lease_timeouts += 1
            waiting = len(self._waiters)
        msg = (
            f"No {self._name} within {timeout} s: all {self._max_size} are leased and {waiting} other callers wait. "
            "Raise max_size, hold leases for less time, or pass a longer timeout."
        )
        raise PoolTimeout(msg, pool=self._name, waited=timeout)

    def _usable(self, instance: Optional[Lent]) -> Lent:
        """
        Return the instance for a place that counts as leased, or a new one; if that fails the place goes on.
        """
        try:
            if instance is not None and not _is_closed(instance):
                return instance
            made = self._factory()
            with self._critical():
                self._made += 1
                self._broken += instance is not None  # closed behind our back, while it was idle
            self._watch()
        except BaseException:
            self._give_back(None)
            raise
        return made

    def _end_lease(self, instance: Lent, error: Optional[BaseException]) -> None:
        broken = True
        try:
            broken = _breaks(error) or _is_closed(instance)
        finally:
            if broken:
                with self._critical():
                    self._broken += 1
                    self._discarded.append(instance)
            else:
                self._give_back(instance)

    # --- Who gets what

    @contextmanager
    def _critical(self) -> Iterator[bool]:
        """
        A critical section: one thread at a time, nothing slow within. It knows whether it is within another one.

        The garbage collector may end a lease in the middle of it (that of a generator, say, which nobody reads to its
        end), in this very thread. So the lock lets the thread in again, and the inner section changes nothing but
        the queues *_returned* and *_discarded*: the outer one sees to them.
        """
        outermost = True
        try:
            with self._lock:
                outermost, self._busy = not self._busy, True
                try:
                    yield outermost
                finally:
                    self._busy = not outermost
        finally:
            if outermost:
                self._clear_up()

    def _clear_up(self) -> None:
        """
        After a critical section: close what was discarded, and take in what came back meanwhile.
        """
        try:
            while self._discarded:
                with suppress(IndexError):  # another thread took the last one
                    instance = self._discarded.popleft()
                    try:
                        close(instance)
                    finally:
                        self._returned.append(None)
        finally:
            if self._returned:
                self._take_in()

    def _give_back(self, instance: Optional[Lent]) -> None:
        self._returned.append(instance)
        self._take_in()

    def _take_in(self) -> None:
        with self._critical() as outermost:
            if outermost:
                self._settle()

    def _settle(self) -> None:
        """
        Decide who gets what: what came back is idle, what was idle for too long is closed, the rest goes to who waits.

        Leased and idle together are never more than *max_size*. Within a critical section.
        """
        now = self._clock()
        while self._returned:
            instance = self._returned.popleft()
            self._leased -= 1
            if instance is not None:
                self._idle.append((now, instance))
        while self._idle and (self._closed or self._has_expired(now)):
            self._leased += 1
            self._expired += not self._closed
            self._discarded.append(self._idle.popleft()[1])
        while self._waiters and (self._idle or self._leased < self._max_size):
            self._leased += 1
            waiter = self._waiters.popleft()
            waiter.instance = self._idle.pop()[1] if self._idle else None
            waiter.placed = True
            waiter.signal.set()
        if self._closed and not self._leased:
            while self._closers:
                self._closers.pop().set()

    def _has_expired(self, now: float) -> bool:
        return self._max_idle is not None and self._idle[0][0] + self._max_idle <= now

    def _refuse_if_closed(self) -> None:
        if self._closed:
            msg = f"This pool of {self._name} is closed and lends nothing any more: make a new one."
            raise PoolClosed(msg)

    # --- Expiry without traffic

    def _watch(self) -> None:
        """
        Have a thread close what is idle for too long, as long as there are instances.
        """
        with self._critical():
            if self._max_idle is None or self._watched or self._closed:
                return
            self._watched = True
        wake = self._wake
        watched = ref(self, lambda _: wake.set())  # a pool that is gone needs no thread
        name, args = f"sgextended-pool-{self._name}", (watched, wake, max(self._max_idle, SHORTEST_PAUSE))
        try:
            threading.Thread(target=_close_idle, args=args, name=name, daemon=True).start()
        except RuntimeError:  # too many threads, or the interpreter ends: then what has expired goes with the next use
            self._watched = False

    def _close_expired(self) -> Optional[float]:
        """
        Return the seconds until something may expire again; None when there is nothing left to watch.
        """
        self._take_in()
        with self._critical():
            if self._max_idle is None or not self._leased + len(self._idle):
                self._watched = False
                return None
            now = self._clock()
            since = self._idle[0][0] if self._idle else now
            return max(since + self._max_idle - now, SHORTEST_PAUSE)

    # --- Looks and end

    def stats(self) -> Dict[str, int]:
        """
        Return the counts of now, and those since the pool was made.

        Now: ``max_size``; ``size``; ``leased``, those being made or closed included; ``idle``; ``waiting``. In all:
        ``made``; ``broken``, which are replaced when they are needed; ``expired``; ``lease_timeouts``;
        ``longest_wait_ms``, the milliseconds that the least lucky caller waited.
        """
        with self._critical():
            idle, leased = len(self._idle), self._leased
            return {
                "max_size": self._max_size,
                "size": idle + leased,
                "leased": leased,
                "idle": idle,
                "waiting": len(self._waiters),
                "made": self._made,
                "broken": self._broken,
                "expired": self._expired,
                "lease_timeouts": self._lease_timeouts,
                "longest_wait_ms": round(self._longest_wait * 1000),
            }

    def close(self, *, wait: bool = False, timeout: Optional[float] = None) -> None:
        """
        Close the free instances, and the leased ones when they come back. Who waits for one gets `PoolClosed`.

        Closing again does no harm, with *wait* for instance.

        Args:
            wait: Return when the leased ones have come back and are closed too.

            timeout: Seconds to wait for that at most. None: the pool's own limit.

        Raises:
            PoolTimeout: Some are still leased; they are closed when they come back.

            ConfigurationError: A timeout without end, or without *wait*.
        """
        if timeout is not None and not wait:
            msg = f"close(timeout={timeout!r}) waits for nothing: write close(wait=True, timeout={timeout!r})."
            raise ConfigurationError(msg)
        limit = self._timeout if timeout is None else _finite(timeout)
        done = _Signal()
        with self._critical():
            self._closed = True
            while self._waiters:
                self._waiters.popleft().signal.set()
            self._closers.append(done)
            self._settle()
        self._wake.set()
        if not wait or done.wait(limit):
            return
        leased = self.stats()["leased"]
        if not leased:  # at the last moment
            return
        msg = (
            f"The pool of {self._name} is closed, and {leased} of at most {self._max_size} instances did not come back "
            f"within {limit} s: each is closed when its lease ends. Wait longer, or look for the block that keeps it."
        )
        raise PoolTimeout(msg, pool=self._name, waited=limit)

    def __enter__(self) -> "SGPool[Lent]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        stats = self.stats()
        return (
            f"<SGPool of {self._name}: {stats['size']} of {self._max_size}, {stats['leased']} leased, "
            f"{stats['waiting']} waiting>"
        )


def _is_closed(instance: object) -> bool:
    return getattr(instance, "is_closed", False) is True


def _breaks(error: Optional[BaseException]) -> bool:
    """
    Tell whether the connection of an instance may be unusable after an error: half of an answer may be left in it.
    """
    for _ in range(10):  # causes, which may go in a circle
        if error is None or isinstance(error, GeneratorExit):
            return False
        if not isinstance(error, Exception):  # an interruption at any point
            return True
        if isinstance(error, (HTTPException, ProtocolError)) or _is_of_httplib2(error):
            return True
        # A file that cannot be opened is named in its error; a wait for another pool says nothing of this one.
        if isinstance(error, OSError) and error.filename is None and not isinstance(error, PoolError):
            return True
        error = error.__cause__
    return False


def _is_of_httplib2(error: BaseException) -> bool:
    # By name: shotgun_api3 brings a copy of its own, at a place that has changed.
    return any(base.__name__ == "HttpLib2Error" for base in type(error).__mro__)


def _finite(timeout: float) -> float:
    if not timeout < float("inf"):
        msg = f"timeout={timeout!r}: give the seconds to wait at most. Nothing waits for ever."
        raise ConfigurationError(msg)
    return timeout


def _close_idle(watched: "ref[SGPool[Any]]", wake: _Signal, pause: Optional[float]) -> None:
    # Between two looks it holds no pool, so that one which nobody uses any more can go.
    while pause is not None and not wake.wait(pause):
        pool = watched()
        pause = None if pool is None else pool._close_expired()  # noqa: SLF001 - part of the pool
        del pool


_pools: "WeakSet[SGPool[Any]]" = WeakSet()
_inherited: List[Any] = []


def _start_after_fork() -> None:
    # A child shares nothing with its parent: not its instances, nor locks that a thread of the parent may hold.
    for pool in _pools:
        # Kept alive on purpose: collecting an instance could end the parent's connection.
        _inherited.append((pool._idle, pool._returned, pool._discarded))  # noqa: SLF001 - part of the pool
        pool._start()  # noqa: SLF001 - part of the pool


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_after_fork)
