"""
Deadlines: until when a block of code may take, and a watchdog that ends what waits longer.

The deadline of a block is a context variable: it holds for the calls that the block makes in its own thread, and for
the threads that such a call starts.
"""

import contextlib
import heapq
import itertools
import logging
import math
import os
import threading
import time
from typing import Any, Callable, Iterator, List, Optional, Tuple, Union

from attrs import frozen

from sgextended.errors import ConfigurationError
from sgextended.scoped import NO_BLOCK, Block, NoBlock, ScopedValue

LOG = logging.getLogger("sgextended")


@frozen
class Deadline:
    """
    A point on the monotonic clock.

    Args:
        seconds: How long before it was set; errors name this number.

        at: The point.
    """

    seconds: float
    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """
        Return the deadline in so many seconds.

        Raises:
            ConfigurationError: It is no number of seconds above 0.
        """
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < math.inf:
            msg = f"A deadline of {seconds!r} cannot be: give a number of seconds above 0."
            raise ConfigurationError(msg)
        return cls(seconds, time.monotonic() + seconds)

    def left(self) -> float:
        """
        Return the seconds until then, 0 when it has passed.
        """
        return max(0.0, self.at - time.monotonic())


_current: "ScopedValue[Optional[Deadline]]" = ScopedValue("sgextended_deadline", None)

#: Return the deadline of the block that runs; None: it has none.
current = _current.get


def deadline(seconds: Optional[float]) -> "Union[Block[None], NoBlock]":
    """
    Bound a ``with`` block: every call in it fails once *seconds* have passed. Inside another one, the sooner holds.

    None sets no bound.
    """
    if seconds is None:
        return NO_BLOCK

    def begin(_held: object) -> Tuple[Deadline, None]:
        new, outer = Deadline.after(seconds), _current.get()
        return (new if outer is None or new.at < outer.at else outer), None

    return Block(_current, begin)


def until(limit: Optional[Deadline]) -> "Union[Block[None], NoBlock]":
    """
    Run a ``with`` block under a deadline that was set before; None leaves it as it is.
    """
    return NO_BLOCK if limit is None else _current.bind(limit)


def within(sg: Any, seconds: Optional[float]) -> "Union[Block[None], NoBlock]":
    """
    Return the `deadline` of a block that asks *sg*.

    Raises:
        ConfigurationError: *sg* is an official client, which obeys none.
    """
    client = getattr(sg, "_sg", sg)
    if seconds is not None and hasattr(client, "_get_connection") and not getattr(client, "obeys_deadlines", False):
        msg = "A shotgun_api3.Shotgun knows no time limits for a call: use SGExtended.adopt(sg)."
        raise ConfigurationError(msg)
    return deadline(seconds)


class Watchdog:
    """
    Calls functions at their times, unless it is told before that they are not needed.

    One thread waits for all of them; it starts with the first and ends a while after the last.
    """

    IDLE = 10.0  # seconds that the thread waits for something to do
    MANY = 100  # times that are not needed any more are kept, or as many as those that are

    def __init__(self) -> None:
        self.start_afresh()

    def start_afresh(self) -> None:
        """
        Forget everything; after a fork, whose child lacks the thread and may find the lock held.
        """
        self._changed = threading.Condition()
        self._heap: List[Tuple[float, int, List[Callable[[], None]]]] = []
        self._numbers = itertools.count()
        self._running = False
        self._over = 0  # about so many in the heap are not needed any more

    @contextlib.contextmanager
    def at(self, when: float, function: Callable[[], None]) -> Iterator[None]:
        """
        Call *function* when the monotonic clock shows *when*, if the ``with`` block is not over by then.
        """
        held = [function]  # emptied when the block is over
        with self._changed:
            heapq.heappush(self._heap, (when, next(self._numbers), held))
            if not self._running:
                threading.Thread(target=self._run, name="sgextended-watchdog", daemon=True).start()
                self._running = True  # not if it could not be started: the next one tries again
            elif self._heap[0][2] is held:
                self._changed.notify()
        try:
            yield
        finally:
            held.clear()
            self._over += 1
            if self._over > max(self.MANY, len(self._heap) // 2):
                with self._changed:
                    self._changed.notify()  # the thread alone takes from the heap

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._over > self.MANY:
                    self._heap = [each for each in self._heap if each[2]]
                    heapq.heapify(self._heap)
                    self._over = 0
                while self._heap and not self._heap[0][2]:
                    heapq.heappop(self._heap)
                due = self._heap[0][0] - time.monotonic() if self._heap else None
                if due is None:
                    if not self._changed.wait(self.IDLE) and not self._heap:
                        self._running = False
                        return
                    continue
                if due > 0:
                    self._changed.wait(min(due, self.IDLE))  # what it waits for may be over long before
                    continue
                held = heapq.heappop(self._heap)[2]
            for function in list(held):
                try:
                    function()
                except Exception:  # noqa: PERF203 - the thread ends requests of others too
                    LOG.exception("A request that is over its deadline could not be ended.")


WATCHDOG = Watchdog()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=WATCHDOG.start_afresh)
