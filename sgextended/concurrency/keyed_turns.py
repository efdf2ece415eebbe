"""
`Turns`: lets one thread at a time work on a key while the others wait.

It differs from a lock: the same thread may enter again, and an interrupted thread does not leave the key locked. A
waiting thread does not get the result or the failure of the thread before it; for that there is
`sgextended.http.single_flight.SingleFlight`.
"""

import itertools
import time
from typing import TYPE_CHECKING, Any, Dict, Hashable, Optional, Tuple
from weakref import ref

from sgextended.concurrency.scoped_value import DetachedMethod, thread_mark
from sgextended.concurrency.wake_up import LOOK_AGAIN, WakeUp


class _Place:
    """
    An object that lives as long as the ``with`` statement of its turn.
    """

    __slots__ = ("__weakref__",)


class _Parts:
    """
    The parts of a turn. They have only a weak reference to its place; see `DetachedMethod`.
    """

    __slots__ = ("key", "limit", "number", "owner", "place")

    def __init__(self, owner: "Turns", key: Hashable, limit: Optional[float], place: "ref[_Place]") -> None:
        self.owner, self.key, self.limit, self.place = owner, key, limit, place
        self.number = -1


def _begin(parts: _Parts) -> bool:
    return parts.owner._begin(parts)  # noqa: SLF001 - same module


def _end(parts: _Parts, *_: object) -> None:
    parts.owner._end(parts.number)  # noqa: SLF001 - same module


class Turn:
    """
    The context manager of one turn. It gives the ``with`` block whether the thread has the turn.
    """

    parts: Any

    def __init__(self, owner: "Turns", key: Hashable, limit: Optional[float]) -> None:
        self._place = _Place()
        self.parts = _Parts(owner, key, limit, ref(self._place))

    if TYPE_CHECKING:

        def __enter__(self) -> bool:
            """
            Wait for the turn. Return False if the time limit passed before.
            """

        def __exit__(self, *_: object) -> None:
            """
            End the turn and wake the waiting threads.
            """
    else:
        __enter__ = DetachedMethod(_begin)
        __exit__ = DetachedMethod(_end)


class Turns:
    """
    Lets one thread at a time work on a key, in order of arrival.

    A thread that has the turn can take it again, as a hook may repeat the call in which it runs. A turn ends when its
    ``with`` statement is gone, even if an exception interrupted its end.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._queue: Dict[int, Tuple[Hashable, ref[_Place], object]] = {}  # in order of arrival
        self._wakes: Dict[int, WakeUp] = {}  # of the waiting threads

    def take(self, key: Hashable, limit: Optional[float] = None) -> Turn:
        """
        Return a context manager in whose block this thread has the turn.

        Args:
            key: The key of the work.

            limit: The longest wait, in seconds. None: no limit.
        """
        return Turn(self, key, limit)

    def _begin(self, parts: _Parts) -> bool:
        number = parts.number = next(self._numbers)
        try:
            self._queue[number] = (parts.key, parts.place, thread_mark())
            return self._is_first(number, parts.key) or self._wait(parts)
        except BaseException:
            self._end(number)
            raise

    def _wait(self, parts: _Parts) -> bool:
        wake = self._wakes[parts.number] = WakeUp()
        until = None if parts.limit is None else time.monotonic() + parts.limit
        try:
            while not self._is_first(parts.number, parts.key):
                left = LOOK_AGAIN if until is None else until - time.monotonic()
                if left <= 0:
                    self._queue.pop(parts.number, None)
                    return False
                wake.wait(min(left, LOOK_AGAIN))
            return True
        finally:
            self._wakes.pop(parts.number, None)

    def _is_first(self, number: int, key: Hashable) -> bool:
        for other, (its_key, place, thread) in self._queue.copy().items():
            if other == number:
                return True
            if place() is None:
                self._queue.pop(other, None)
            elif its_key == key:
                return thread is thread_mark()
        return True

    def _end(self, number: int) -> None:
        self._queue.pop(number, None)
        for wake in list(self._wakes.values()):
            wake.set()  # each thread checks whether it is the next
