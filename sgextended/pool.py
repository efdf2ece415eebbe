"""
`SGPool`: instances that are lent to one caller at a time, made on demand up to a bound.
"""

import logging
import os
import threading
import time
from collections import deque
from contextlib import contextmanager
from typing import Any, Callable, Deque, Dict, Generic, Iterator, List, Optional, Tuple, TypeVar
from weakref import WeakSet

from attrs import define, field

from sgextended.errors import ConfigurationError, PoolClosed, PoolTimeout

LOG = logging.getLogger("sgextended")

Lent = TypeVar("Lent")


@define(eq=False)
class _Waiter(Generic[Lent]):
    """
    One caller in the queue: *ready* is set when it has a place in the pool, or when the pool is closed.
    """

    ready: threading.Event = field(factory=threading.Event)
    placed: bool = False
    instance: Optional[Lent] = None  # None: the place is there, the instance has to be made


class SGPool(Generic[Lent]):
    """
    A pool of instances of a studio's class, of a plain ``Shotgun``, or of whatever a factory makes.

    It grows when an instance is asked for and none is free, up to *max_size*; then callers wait in order of arrival.

    Args:
        factory: A class, or a function without arguments, that makes one instance.

        max_size: How many instances exist at most.

        timeout: Seconds that a caller waits for a free instance.

        max_idle: Seconds after which an instance that nobody used is closed. None keeps all.

        clock: For tests: what tells the time, in seconds.

    Raises:
        ConfigurationError: A bound that cannot work.
    """

    __module__ = "sgextended"

    def __init__(
        self,
        factory: Callable[[], Lent],
        *,
        max_size: int = 8,
        timeout: float = 60.0,
        max_idle: Optional[float] = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if isinstance(max_size, bool) or not isinstance(max_size, int) or max_size < 1:
            msg = f"max_size={max_size!r}: a pool needs room for at least 1 instance."
            raise ConfigurationError(msg)
        if not 0 <= timeout < float("inf"):
            msg = f"timeout={timeout!r}: give the seconds to wait at most. Nothing waits for ever."
            raise ConfigurationError(msg)
        if max_idle is not None and not max_idle >= 0:
            msg = f"max_idle={max_idle!r}: give the seconds after which a free instance is closed, or None."
            raise ConfigurationError(msg)
        self._factory = factory
        self._name = getattr(factory, "__name__", type(factory).__name__)
        self._max_size, self._timeout, self._max_idle, self._clock = max_size, timeout, max_idle, clock
        self._closed = False
        self._start()
        _pools.add(self)

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._idle: List[Tuple[float, Lent]] = []  # since when, the longest idle first
        self._waiters: Deque[_Waiter[Lent]] = deque()
        self._leased = 0

    @contextmanager
    def lease(self, timeout: Optional[float] = None) -> Iterator[Lent]:
        """
        Lend an instance for a ``with`` block.

        Args:
            timeout: Seconds to wait for one. None: the pool's own limit.

        Raises:
            PoolTimeout: None came free in time.

            PoolClosed: The pool was closed.
        """
        instance = self._take(self._timeout if timeout is None else timeout)
        pid = os.getpid()
        try:
            yield instance
        finally:
            if pid == os.getpid():  # else it is the parent's, leased before the fork
                self._give_back(instance)

    def _take(self, timeout: float) -> Lent:
        with self._lock:
            self._refuse_if_closed()
            expired = self._take_expired()
            instance = self._idle.pop()[1] if self._idle else None
            waiter = None
            if instance is None and self._leased >= self._max_size:
                waiter = _Waiter[Lent]()
                self._waiters.append(waiter)
            else:
                self._leased += 1
        _close_all(expired)
        if instance is not None:
            return instance
        if waiter is not None:
            self._wait(waiter, timeout)
            if waiter.instance is not None:
                return waiter.instance
        return self._make()

    def _wait(self, waiter: "_Waiter[Lent]", timeout: float) -> None:
        try:
            waiter.ready.wait(timeout)
        except BaseException:  # interrupted: the place must not go to nobody
            with self._lock:
                if waiter.placed:
                    self._pass_on(waiter.instance)
                elif waiter in self._waiters:
                    self._waiters.remove(waiter)
            raise
        with self._lock:
            if waiter.placed:  # even if at the last moment
                return
            self._refuse_if_closed()
            self._waiters.remove(waiter)
            waiting = len(self._waiters)
        msg = (
            f"No {self._name} within {timeout} s: all {self._max_size} are leased and {waiting} other callers wait. "
            "Raise max_size, hold leases for less time, or pass a longer timeout."
        )
        raise PoolTimeout(msg, pool=self._name, waited=timeout)

    def _make(self) -> Lent:
        """
        Return a new instance for a place that is already counted as leased.
        """
        try:
            return self._factory()
        except BaseException:
            with self._lock:
                self._pass_on(None)
            raise

    def _give_back(self, instance: Lent) -> None:
        with self._lock:
            closed = self._closed
            expired = self._take_expired()
            self._pass_on(None if closed else instance)
        _close_all([*expired, instance] if closed else expired)

    def _pass_on(self, instance: Optional[Lent]) -> None:
        """
        Give a leased place, with its instance if there is one, to who waits longest. Holds the lock.
        """
        if self._waiters and not self._closed:
            waiter = self._waiters.popleft()
            waiter.instance, waiter.placed = instance, True
            waiter.ready.set()
            return
        self._leased -= 1
        if instance is not None:
            self._idle.append((self._clock(), instance))

    def _take_expired(self) -> List[Lent]:
        if self._max_idle is None:
            return []
        oldest = self._clock() - self._max_idle
        expired = [instance for since, instance in self._idle if since < oldest]
        self._idle = self._idle[len(expired) :]
        return expired

    def _refuse_if_closed(self) -> None:
        if self._closed:
            msg = f"This pool of {self._name} is closed and lends nothing any more: make a new one."
            raise PoolClosed(msg)

    def stats(self) -> Dict[str, int]:
        """
        Return the counts of now: ``max_size``, ``size``, ``leased``, ``idle``, ``waiting``.
        """
        with self._lock:
            idle, leased, waiting = len(self._idle), self._leased, len(self._waiters)
        return {
            "max_size": self._max_size,
            "size": idle + leased,
            "leased": leased,
            "idle": idle,
            "waiting": waiting,
        }

    def close(self) -> None:
        """
        Close the free instances, and the leased ones when they come back. Who waits gets `PoolClosed`.
        """
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for waiter in self._waiters:
                waiter.ready.set()
            self._waiters.clear()
        _close_all([instance for _since, instance in idle])

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


def _close_all(instances: List[Any]) -> None:
    for instance in instances:
        close = getattr(instance, "close", None)
        if close is None:
            continue
        try:
            close()
        except Exception:  # the others are closed, and who leases next is not to blame
            LOG.warning("An instance of a pool could not be closed.", exc_info=True)


_pools: "WeakSet[SGPool[Any]]" = WeakSet()


def _start_after_fork() -> None:
    # A child shares nothing with its parent: not its instances, nor locks that a thread of the parent may hold.
    for pool in _pools:
        pool._start()  # noqa: SLF001 - part of the pool


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_after_fork)
