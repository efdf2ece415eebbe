"""
`SGPool`: instances that are leased to one caller at a time, and created on demand up to a limit.

The pool has no lock. Each caller adds a place to one queue, in order of arrival. The first *max_size* living places are
leases, the others wait. A place lives as long as its lease, so an interruption or a finalizer cannot lose it.
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
from typing import Any, Callable, ContextManager, Deque, Dict, Generic, List, Optional, Tuple
from weakref import WeakSet, ref

from sgextended.concurrency.close_quietly import close
from sgextended.concurrency.wake_up import LOOK_AGAIN, WakeUp
from sgextended.errors import ConfigurationError, PoolClosed, PoolTimeout
from sgextended.workers.pool.connection_errors import breaks_connection, is_closed
from sgextended.workers.pool.pool_lease import Instance, Lease, LeaseState, Place

LOG = logging.getLogger("sgextended")

#: The thread that closes idle instances sleeps at least this many seconds, so that no setting makes it spin.
SHORTEST_PAUSE = 1.0

_CALL: Any = functools.partial.__call__  # written in C


class SGPool(Generic[Instance]):
    """
    A pool of instances of a studio's class, of a plain ``Shotgun``, or of anything that a factory returns.

    The pool creates an instance when a caller needs one and none is free, up to *max_size*. Then callers wait in order
    of arrival. The instance that was returned last is leased first. An instance that may be broken is closed and
    replaced; see `lease`.

    In a forked child the pool is empty, and the child does not touch the parent's instances.

    Args:
        factory: A class, or a function without arguments, that returns a new instance.

        max_size: The largest number of instances that exist at the same time.

        timeout: Seconds that a caller waits for a free instance.

        max_idle: Seconds after which an unused instance is closed. A thread does this while there are instances, even
            if nobody uses the pool. The default is about the time after which firewalls silently drop a connection; a
            plain ``Shotgun`` would send its next request into it. None keeps all instances; with 0 no instance is
            leased twice.

        clock: Returns the time in seconds; for tests.

    Raises:
        ConfigurationError: A limit is not valid, or *factory* is not callable.
    """

    __module__ = "sgextended"

    def __init__(
        self,
        factory: Callable[[], Instance],
        *,
        max_size: int = 8,
        timeout: float = 60.0,
        max_idle: Optional[float] = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not callable(factory):
            msg = f"{factory!r:.80} is not callable. Pass a class, or a function that returns a new instance."
            raise ConfigurationError(msg)
        if isinstance(max_size, bool) or not isinstance(max_size, int) or max_size < 1:
            msg = f"max_size={max_size!r} is not valid. Pass a whole number of at least 1."
            raise ConfigurationError(msg)
        if not timeout >= 0:
            msg = f"timeout={timeout!r} is not valid. Pass the largest number of seconds to wait."
            raise ConfigurationError(msg)
        if max_idle is not None and not max_idle >= 0:
            msg = (
                f"max_idle={max_idle!r} is not valid. Pass the seconds after which a free instance is closed, or None."
            )
            raise ConfigurationError(msg)
        self._factory = factory
        self._name = getattr(factory, "__name__", type(factory).__name__)
        self._max_size, self._max_idle, self._clock = max_size, max_idle, clock
        self._timeout = _finite(timeout)
        self._closed = False
        self._start()
        _pools.add(self)

    def _start(self) -> None:
        self._queue: Dict[int, ref[Place]] = {}  # in order of arrival: leases, then waiting callers
        self._numbers = itertools.count()
        self._signals: Dict[int, WakeUp] = {}  # of the waiting callers, by their numbers in the queue
        self._idle: Deque[Tuple[float, Instance]] = deque()  # each with the time since when; the longest idle first
        self._closers: List[WakeUp] = []  # of the callers of `close` that wait for the last lease
        # The `held` of each lease whose place was collected. It is empty if the lease has ended after that.
        self._forgotten: Deque[List[Any]] = deque()
        self._counts: Dict[Tuple[str, int], int] = {}  # by name and thread, so that each thread writes its own
        self._waits: Dict[int, float] = {}  # the longest wait of each thread, in seconds
        self._idle_closer: Optional[threading.Thread] = None  # closes expired instances
        self._wake = WakeUp()

    # --- Leasing

    def lease(self, timeout: Optional[float] = None) -> ContextManager[Instance]:
        """
        Lease an instance for a ``with`` block.

        After the block the instance is returned to the pool. It is closed instead if its ``is_closed`` is true, or if
        the block ends with an error after which its connection cannot be trusted. Such errors are connection failures
        (an ``OSError`` such as `TransportError` or ``ssl.SSLError``, ``http.client.HTTPException``, ``ProtocolError``,
        those of httplib2), also as the cause of another error, and interruptions such as ``KeyboardInterrupt``. After
        a ``Fault`` of the site and after other errors the instance is leased again.

        Args:
            timeout: Seconds to wait for an instance; 0 does not wait. None: the *timeout* of the pool.

        Raises:
            PoolTimeout: No instance became free in time.

            PoolClosed: The pool is closed.

            ConfigurationError: The timeout is infinite.
        """
        return Lease(self, self._timeout if timeout is None else _finite(timeout))

    def _begin_lease(self, state: LeaseState[Instance]) -> Instance:
        self._warn_of_forgotten()
        self._refuse_if_closed()
        since, state.number = self._clock(), next(self._numbers)
        try:
            self._queue[state.number] = state.place
            self._refuse_if_closed()  # again: `close` may have looked at the queue just before
            if not self._is_admitted(state.number):
                self._wait(state, since)
            self._equip(state)
        except BaseException:  # perhaps an interruption: give up the place, and return the instance
            self._idle.extend(state.held)
            state.held.clear()
            self._leave(state.number)
            raise
        self._close_unwanted()
        return state.held[0][1]

    def _is_admitted(self, number: int) -> bool:
        """
        Return whether a place is among the first *max_size* living ones. An admitted place stays admitted.
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

    def _wait(self, state: LeaseState[Instance], since: float) -> None:
        """
        Wait until a place is admitted.

        Raises:
            PoolTimeout: The place was not admitted in time.

            PoolClosed: The pool was closed.
        """
        signal = self._signals[state.number] = WakeUp()
        left = state.timeout
        until = time.monotonic() + left
        try:
            while True:
                self._refuse_if_closed()
                if self._is_admitted(state.number):
                    return
                if left <= 0:
                    break
                # In slices: a lease that was interrupted or garbage-collected wakes no caller.
                some = min(left, LOOK_AGAIN)
                if not signal.wait(some):
                    left -= some
                left = min(left, until - time.monotonic())
        finally:
            self._signals.pop(state.number, None)
            waited, thread = self._clock() - since, threading.get_ident()
            self._waits[thread] = max(self._waits.get(thread, 0.0), waited)
        self._count("lease_timeouts")
        waiting = self.stats()["waiting"] - 1
        msg = (
            f"No {self._name} became free within {state.timeout} s. All {self._max_size} are leased and "
            f"{max(waiting, 0)} other callers wait. Raise max_size, hold leases for less time, or pass a longer "
            "timeout."
        )
        raise PoolTimeout(msg, pool=self._name, waited=state.timeout)

    def _equip(self, state: LeaseState[Instance]) -> None:
        """
        Give an instance to an admitted place: the one that was used last, or a new one.
        """
        now = self._clock()
        # One call into C moves the instance, so no exception can interrupt the move and leave it in neither list.
        while True:
            try:
                state.held.extend(itertools.islice(iter(self._idle.pop, None), 1))
            except IndexError:
                break
            idle_since, instance = state.held[0]
            expired = self._has_expired(idle_since, now)
            if not expired and not is_closed(instance):
                return
            state.held.clear()
            self._count("expired" if expired else "broken")
            close(instance)
        state.held.extend(zip((now,), map(_CALL, (functools.partial(self._factory),))))
        self._count("made")
        self._start_idle_closer()

    def _end_lease(self, state: LeaseState[Instance], error: Optional[BaseException]) -> None:
        instance = state.held[0][1]
        broken = True
        try:
            broken = breaks_connection(error) or is_closed(instance)
        finally:
            try:
                if broken:
                    state.held.clear()
                    self._count("broken")
                    close(instance)
                else:
                    self._idle.append((self._clock(), instance))
                    state.held.clear()
            finally:
                self._leave(state.number)
        # The garbage collector may end a generator anywhere, so closing expired instances is left to the next call.
        if self._closed or not isinstance(error, GeneratorExit):
            self._close_unwanted()

    def _leave(self, number: int) -> None:
        """
        Remove a place from the queue, and wake the callers that are now admitted.
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
        Close the free instances that have expired; if the pool is closed, all free instances.

        Each holds a place until it is closed, so that never more than *max_size* are open.
        """
        while self._idle and (self._closed or self._has_expired(self._longest_idle(), self._clock())):
            # Only the loop refers to the place. A variable would be kept by the frame of an interruption.
            for place in map(ref, [Place()]):
                if not self._close_longest_idle(place):
                    return

    def _close_longest_idle(self, place: "ref[Place]") -> bool:
        number = next(self._numbers)
        held: List[Tuple[float, Instance]] = []
        try:
            self._queue[number] = place
            if not self._closed and not self._is_admitted(number):
                return False  # callers wait, and they close expired instances themselves
            held.extend(itertools.islice(iter(self._idle.popleft, None), 1))
            if not self._closed and not self._has_expired(held[0][0], self._clock()):
                self._idle.extendleft(held)  # another thread took the expired one
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
                if not self._forgotten.popleft():
                    continue
                msg = (
                    f"A lease of {self!r} was never ended, so its instance was not closed. Write 'with pool.lease() as "
                    "sg:'. An exception in a signal handler, such as KeyboardInterrupt, can also cause this."
                )
                warnings.warn(msg, ResourceWarning, stacklevel=4)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            msg = f"This pool of {self._name} is closed. Create a new pool."
            raise PoolClosed(msg)

    # --- Expiry without traffic

    def _start_idle_closer(self) -> None:
        """
        Start the thread that closes expired instances, unless it runs. It ends when there are no instances.
        """
        closer = self._idle_closer
        if self._max_idle is None or self._closed or (closer is not None and closer.is_alive()):
            return
        if sys.is_finalizing():
            return  # ``start`` would wait for a thread that never runs
        wake = self._wake
        pool_ref = ref(self, lambda _: wake.set())  # ends the thread when the pool is garbage-collected
        name, args = f"sgextended-pool-{self._name}", (pool_ref, wake, max(self._max_idle, SHORTEST_PAUSE))
        self._idle_closer = threading.Thread(target=_run_idle_closer, args=args, name=name, daemon=True)
        try:
            self._idle_closer.start()
        except RuntimeError:  # too many threads, or the interpreter ends: the next use closes expired instances
            self._idle_closer = None

    def _close_expired(self) -> Optional[float]:
        """
        Close expired instances. Return the seconds until another may expire, or None to end the thread.
        """
        self._close_unwanted()
        this = threading.current_thread()
        if self._idle_closer is not this:  # two threads were started at the same time
            return None
        self._idle_closer = None  # first, so that an instance that is made from now on starts a new thread
        if self._max_idle is None or not (self._queue or self._idle):
            return None
        self._idle_closer = this
        since = self._longest_idle() if self._idle else self._clock()
        return max(min(since, self._clock()) + self._max_idle - self._clock(), SHORTEST_PAUSE)

    # --- Statistics and closing

    def stats(self) -> Dict[str, int]:
        """
        Return the present counts, and the totals since the pool was created.

        Present: ``max_size``; ``size``; ``leased``, including instances that are being created or closed; ``idle``;
        ``waiting`` callers. Totals: ``made``; ``broken``, replaced when needed; ``expired``; ``lease_timeouts``;
        ``longest_wait_ms``, the longest wait of a caller in milliseconds.
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
        Close the free instances now, and the leased instances when they are returned.

        A caller that waits for an instance receives `PoolClosed`. The pool may be closed again, for example with
        *wait*.

        Args:
            wait: Return only after the leased instances are returned and closed too.

            timeout: The largest number of seconds to wait for them. None: the *timeout* of the pool.

        Raises:
            PoolTimeout: Some instances are still leased; each is closed when it is returned.

            ConfigurationError: The timeout is infinite, or passed without *wait*.
        """
        if timeout is not None and not wait:
            msg = f"close(timeout={timeout!r}) does not wait. Write close(wait=True, timeout={timeout!r})."
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
                self._close_unwanted()  # an interrupted lease may have left its instance
        finally:
            self._closers.remove(done)
        leased = self.stats()["leased"]
        if not leased:
            return
        msg = (
            f"The pool of {self._name} is closed, but {leased} of at most {self._max_size} instances were not returned "
            f"within {limit} s. Each is closed when its lease ends. Wait longer, or find the block that holds it."
        )
        raise PoolTimeout(msg, pool=self._name, waited=limit)

    def __enter__(self) -> "SGPool[Instance]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        stats = self.stats()
        return (
            f"<SGPool of {self._name}: {stats['size']} of {self._max_size}, {stats['leased']} leased, "
            f"{stats['waiting']} waiting>"
        )


def _finite(timeout: float) -> float:
    if not timeout < float("inf"):
        msg = (
            f"timeout={timeout!r} is not valid, because the pool never waits for ever. Pass a finite number of seconds."
        )
        raise ConfigurationError(msg)
    return timeout


def _run_idle_closer(pool_ref: "ref[SGPool[Any]]", wake: WakeUp, pause: Optional[float]) -> None:
    # It does not refer to the pool while it sleeps, so that an unused pool can be garbage-collected.
    while pause is not None:
        if wake.wait(pause):
            wake.set()  # for a second thread that was started at the same time
            return
        pool = pool_ref()
        pause = None if pool is None else pool._close_expired()  # noqa: SLF001 - part of the pool
        del pool


_pools: "WeakSet[SGPool[Any]]" = WeakSet()
_inherited: List[Any] = []


def _start_after_fork() -> None:
    # A child shares neither the instances of its parent nor locks, which a thread of the parent may hold.
    for pool in _pools:
        # Kept alive on purpose: collecting an instance could close the parent's connection.
        _inherited.append(pool._idle)  # noqa: SLF001 - part of the pool
        pool._start()  # noqa: SLF001 - part of the pool


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_after_fork)
