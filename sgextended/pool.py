"""
`SGPool`: instances that are lent to one caller at a time, made on demand up to a bound.

The pool has no lock. Each caller adds a place to one queue, in order of arrival. The first *max_size* living places are
leases, the others wait. A place lives as long as its lease, so it cannot be lost by an interruption or a finalizer.
"""

import functools
import itertools
import logging
import os
import sys
import threading
import time
import warnings
from collections import deque
from contextlib import suppress
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Callable, ContextManager, Deque, Dict, Generic, List, Optional, Tuple, TypeVar
from weakref import WeakSet, ref
from xmlrpc.client import ProtocolError  # shotgun_api3's own

from sgextended.closing import close
from sgextended.errors import ConfigurationError, PoolClosed, PoolError, PoolTimeout
from sgextended.scoped import DetachedMethod
from sgextended.wakeup import LOOK_AGAIN, WakeUp

LOG = logging.getLogger("sgextended")

#: Seconds that the thread which closes idle instances sleeps at least, so that no setting makes it spin.
SHORTEST_PAUSE = 1.0

_CALL: Any = functools.partial.__call__  # written in C

Lent = TypeVar("Lent")


class _Place:
    """
    Lives as long as its lease. The pool counts the living ones, so that no interruption loses a place.
    """

    __slots__ = ("__weakref__",)


class _Parts(Generic[Lent]):
    """
    The parts of a lease. They refer to its place weakly; see `DetachedMethod`.
    """

    def __init__(self, pool: "SGPool[Lent]", timeout: float, place: _Place) -> None:
        self.pool, self.timeout = pool, timeout
        self.unused = [None]  # the caller that pops it begins the block
        self.pid = 0
        self.number = 0  # in the queue
        self.held: List[Tuple[float, Lent]] = []  # since when, and the instance
        note = functools.partial(_note_forgotten, pool._forgotten, self.held)  # noqa: SLF001 - part of the pool
        self.place = ref(place, note)


def _begin(parts: "_Parts[Lent]") -> Lent:
    try:
        parts.unused.pop()
    except IndexError:
        msg = "A lease is for one block: ask the pool for another one."
        raise PoolError(msg) from None
    parts.pid = os.getpid()
    return parts.pool._take(parts)  # noqa: SLF001 - part of the pool


def _end(parts: "_Parts[Any]", _kind: object, error: Optional[BaseException], _traceback: object) -> None:
    if parts.held and parts.pid == os.getpid():  # else it is the parent's, leased before the fork
        parts.pool._end_lease(parts, error)  # noqa: SLF001 - part of the pool


class _Lease(Generic[Lent]):
    """
    One lease, for one ``with`` block; the block may end in another thread than it began in.
    """

    def __init__(self, pool: "SGPool[Lent]", timeout: float) -> None:
        self._place = _Place()
        self.parts = _Parts(pool, timeout, self._place)

    if TYPE_CHECKING:

        def __enter__(self) -> Lent: ...

        def __exit__(self, *_: object) -> None: ...
    else:
        __enter__ = DetachedMethod(_begin)
        __exit__ = DetachedMethod(_end)


def _note_forgotten(forgotten: Deque[None], held: List[Any], _gone: object) -> None:
    """
    Note that a place is gone whose lease was never ended.

    Somebody may still use the instance: it is neither closed nor lent again. This is no ``__del__`` of the lease: an
    exception there would be kept with its frame by some programs, and the lease with it.
    """
    if held:
        forgotten.append(None)


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
        self._queue: Dict[int, ref[_Place]] = {}  # in order of arrival: leases, then callers that wait
        self._numbers = itertools.count()
        self._signals: Dict[int, WakeUp] = {}  # of the callers that wait, by their numbers in the queue
        self._idle: Deque[Tuple[float, Lent]] = deque()  # since when, the longest idle first
        self._closers: List[WakeUp] = []  # of the callers that wait for the end of the last lease
        self._forgotten: Deque[None] = deque()  # one for each lease that was never ended
        self._counts: Dict[Tuple[str, int], int] = {}  # by name and thread, so that no two threads write the same one
        self._waits: Dict[int, float] = {}  # the longest wait of each thread, in seconds
        self._watcher: Optional[threading.Thread] = None  # closes what is idle for too long
        self._wake = WakeUp()

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

    def _take(self, parts: _Parts[Lent]) -> Lent:
        self._warn_of_forgotten()
        self._refuse_if_closed()
        since, parts.number = self._clock(), next(self._numbers)
        try:
            self._queue[parts.number] = parts.place
            self._refuse_if_closed()  # again: `close` may have looked at the queue just before
            if not self._is_admitted(parts.number):
                self._wait(parts, since)
            self._equip(parts)
        except BaseException:  # interrupted perhaps: nobody is to wait for this place, nor for the instance
            self._idle.extend(parts.held)
            parts.held.clear()
            self._leave(parts.number)
            raise
        self._close_unwanted()
        return parts.held[0][1]

    def _is_admitted(self, number: int) -> bool:
        """
        Return whether a place is among the first *max_size* living ones. Once it is, it stays so.
        """
        ahead = 0
        for other, place in self._queue.copy().items():
            if other == number:
                return True
            if place() is None:
                self._queue.pop(other, None)
                continue
            ahead += 1
            if ahead == self._max_size:
                return False
        return False

    def _wait(self, parts: _Parts[Lent], since: float) -> None:
        """
        Wait until a place is admitted.

        Raises:
            PoolTimeout: It was not in time.

            PoolClosed: The pool was closed.
        """
        signal = self._signals[parts.number] = WakeUp()
        left = parts.timeout
        until = time.monotonic() + left
        try:
            while True:
                self._refuse_if_closed()
                if self._is_admitted(parts.number):
                    return
                if left <= 0:
                    break
                # In slices: an interrupted or collected lease wakes nobody.
                some = min(left, LOOK_AGAIN)
                if not signal.wait(some):
                    left -= some
                left = min(left, until - time.monotonic())
        finally:
            self._signals.pop(parts.number, None)
            waited, thread = self._clock() - since, threading.get_ident()
            self._waits[thread] = max(self._waits.get(thread, 0.0), waited)
        self._count("lease_timeouts")
        waiting = self.stats()["waiting"] - 1
        msg = (
            f"No {self._name} within {parts.timeout} s: all {self._max_size} are leased and {max(waiting, 0)} other "
            "callers wait. Raise max_size, hold leases for less time, or pass a longer timeout."
        )
        raise PoolTimeout(msg, pool=self._name, waited=parts.timeout)

    def _equip(self, parts: _Parts[Lent]) -> None:
        """
        Give an instance to a place that is admitted: the one that was used last, or a new one.
        """
        now = self._clock()
        # Each instance is moved by one call into C: no exception can come between, and the instance be in neither list.
        while True:
            try:
                parts.held.extend(itertools.islice(iter(self._idle.pop, None), 1))
            except IndexError:
                break
            idle_since, instance = parts.held[0]
            expired = self._has_expired(idle_since, now)
            if not expired and not _is_closed(instance):
                return
            parts.held.clear()
            self._count("expired" if expired else "broken")
            close(instance)
        parts.held.extend(zip((now,), map(_CALL, (functools.partial(self._factory),))))
        self._count("made")
        self._watch()

    def _end_lease(self, parts: _Parts[Lent], error: Optional[BaseException]) -> None:
        instance = parts.held[0][1]
        broken = True
        try:
            broken = _breaks(error) or _is_closed(instance)
        finally:
            try:
                if broken:
                    parts.held.clear()
                    self._count("broken")
                    close(instance)
                else:
                    self._idle.append((self._clock(), instance))
                    parts.held.clear()
            finally:
                self._leave(parts.number)
        # The garbage collector may end a generator in the middle of anything: expired ones are left to the next call.
        if self._closed or not isinstance(error, GeneratorExit):
            self._close_unwanted()

    def _leave(self, number: int) -> None:
        """
        Give a place up, and wake the callers that are admitted by that.
        """
        self._queue.pop(number, None)
        if self._signals:
            admitted = 0
            for other, place in self._queue.copy().items():
                if admitted == self._max_size:
                    break
                admitted += place() is not None
                signal = self._signals.get(other)
                if signal is not None:
                    signal.set()
        for closer in list(self._closers):
            closer.set()

    def _close_unwanted(self) -> None:
        """
        Close the free instances that are idle for too long; all of them where the pool is closed.

        Each has a place until it is closed, so that there are never more than *max_size* open ones.
        """
        while self._idle and (self._closed or self._has_expired(self._longest_idle(), self._clock())):
            # The loop alone refers to the place: a frame that an interruption keeps would keep a variable.
            for place in map(ref, [_Place()]):
                if not self._close_longest_idle(place):
                    return

    def _close_longest_idle(self, place: "ref[_Place]") -> bool:
        number = next(self._numbers)
        held: List[Tuple[float, Lent]] = []
        try:
            self._queue[number] = place
            if not self._closed and not self._is_admitted(number):
                return False  # callers wait: they look at what is idle themselves
            held.extend(itertools.islice(iter(self._idle.popleft, None), 1))
            if not self._closed and not self._has_expired(held[0][0], self._clock()):
                self._idle.extendleft(held)  # another thread took the one that has expired
                return False
            if not self._closed:
                self._count("expired")
            close(held[0][1])
        except IndexError:  # another thread took the last one
            return False
        finally:
            self._leave(number)
        return True

    def _longest_idle(self) -> float:
        try:
            return self._idle[0][0]
        except IndexError:  # another thread took the last one
            return float("inf")

    def _has_expired(self, since: float, now: float) -> bool:
        return self._max_idle is not None and since + self._max_idle <= now

    def _count(self, name: str) -> None:
        key = name, threading.get_ident()
        self._counts[key] = self._counts.get(key, 0) + 1

    def _warn_of_forgotten(self) -> None:
        while self._forgotten:
            with suppress(IndexError):  # another thread took the last one
                self._forgotten.popleft()
                msg = (
                    f"A lease of {self!r} was never ended, so its instance was not closed. Write 'with pool.lease() as "
                    "sg:'. An exception in a signal handler, such as KeyboardInterrupt, has the same effect."
                )
                warnings.warn(msg, ResourceWarning, stacklevel=4)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            msg = f"This pool of {self._name} is closed and lends nothing any more: make a new one."
            raise PoolClosed(msg)

    # --- Expiry without traffic

    def _watch(self) -> None:
        """
        Have a thread close what is idle for too long, as long as there are instances.
        """
        watcher = self._watcher
        if self._max_idle is None or self._closed or (watcher is not None and watcher.is_alive()):
            return
        wake = self._wake
        watched = ref(self, lambda _: wake.set())  # a pool that is gone needs no thread
        if sys.is_finalizing():
            return  # ``start`` would wait for ever for a thread that never runs
        name, args = f"sgextended-pool-{self._name}", (watched, wake, max(self._max_idle, SHORTEST_PAUSE))
        self._watcher = threading.Thread(target=_close_idle, args=args, name=name, daemon=True)
        try:
            self._watcher.start()
        except RuntimeError:  # too many threads, or the interpreter ends: then what has expired goes with the next use
            self._watcher = None

    def _close_expired(self) -> Optional[float]:
        """
        Return the seconds until something may expire again; None when there is nothing left to watch.
        """
        self._close_unwanted()
        this = threading.current_thread()
        if self._watcher is not this:  # two threads began to watch at the same time
            return None
        self._watcher = None  # first: an instance that is made from now on has a thread of its own started
        if self._max_idle is None or not (self._queue or self._idle):
            return None
        self._watcher = this
        since = self._longest_idle() if self._idle else self._clock()
        return max(min(since, self._clock()) + self._max_idle - self._clock(), SHORTEST_PAUSE)

    # --- Looks and end

    def stats(self) -> Dict[str, int]:
        """
        Return the counts of now, and those since the pool was made.

        Now: ``max_size``; ``size``; ``leased``, those being made or closed included; ``idle``; ``waiting``. In all:
        ``made``; ``broken``, which are replaced when they are needed; ``expired``; ``lease_timeouts``;
        ``longest_wait_ms``, the milliseconds that the least lucky caller waited.
        """
        living = sum(place() is not None for place in self._queue.copy().values())
        leased, idle = min(living, self._max_size), len(self._idle)
        counts = dict.fromkeys(("made", "broken", "expired", "lease_timeouts"), 0)
        for (name, _thread), number in self._counts.copy().items():
            counts[name] += number
        return {
            "max_size": self._max_size,
            "size": min(idle + leased, self._max_size),
            "leased": leased,
            "idle": idle,
            "waiting": living - leased,
            **counts,
            "longest_wait_ms": round(max(self._waits.copy().values(), default=0.0) * 1000),
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
        self._warn_of_forgotten()
        done = WakeUp()
        self._closed = True
        for signal in list(self._signals.values()):
            signal.set()
        self._close_unwanted()
        self._wake.set()
        if not wait:
            return
        self._closers.append(done)
        left, until = limit, time.monotonic() + limit
        try:
            while left > 0 and self.stats()["size"]:
                some = min(left, LOOK_AGAIN)
                if not done.wait(some):
                    left -= some
                left = min(left, until - time.monotonic())
                self._close_unwanted()  # a lease that was interrupted has left its instance
        finally:
            self._closers.remove(done)
        leased = self.stats()["leased"]
        if not leased:
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


def _close_idle(watched: "ref[SGPool[Any]]", wake: WakeUp, pause: Optional[float]) -> None:
    # Between two looks it holds no pool, so that one which nobody uses any more can go.
    while pause is not None:
        if wake.wait(pause):
            wake.set()  # for a second thread that began to watch at the same time
            return
        pool = watched()
        pause = None if pool is None else pool._close_expired()  # noqa: SLF001 - part of the pool
        del pool


_pools: "WeakSet[SGPool[Any]]" = WeakSet()
_inherited: List[Any] = []


def _start_after_fork() -> None:
    # A child shares nothing with its parent: not its instances, nor locks that a thread of the parent may hold.
    for pool in _pools:
        # Kept alive on purpose: collecting an instance could end the parent's connection.
        _inherited.append(pool._idle)  # noqa: SLF001 - part of the pool
        pool._start()  # noqa: SLF001 - part of the pool


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_after_fork)
