"""
Taking a call back from another thread: its reads end where they stand, its writes are finished, nothing more is begun.

Whoever runs a call in a thread for somebody else, as asyncio does, sets a `Recall` for it. It is a context variable: it
holds for the call, and for the threads that it starts.
"""

import contextlib
import threading
from contextvars import ContextVar
from typing import Any, Callable, Iterator, List, Optional, Tuple

from sgextended.errors import SGExtendedError


class Recalled(SGExtendedError):
    """
    The call was taken back; nothing of it is under way.
    """


class Recall:
    """
    What may be taken back at any time.

    Attributes:
        written: What the site has done for the call so far: the name of each write, and what it gave back.
    """

    def __init__(self) -> None:
        self.written: List[Tuple[str, Any]] = []
        self._set = threading.Event()
        self._lock = threading.Lock()
        self._ends: List[Callable[[], None]] = []
        self.wait: Callable[[float], object] = self._set.wait  # sleeps, or until it is set

    @property
    def is_set(self) -> bool:
        """
        Whether the call was taken back.
        """
        return self._set.is_set()

    def set(self) -> None:
        """
        Take the call back; from any thread.
        """
        self._set.set()
        with self._lock:
            ends = list(self._ends)
        for end in ends:
            end()

    def fail_if_set(self) -> None:
        """
        Raises:
            Recalled: The call was taken back.
        """
        if self._set.is_set():
            raise Recalled("The call was taken back by whoever waited for it.")

    @contextlib.contextmanager
    def may_end(self, end: Callable[[], None]) -> Iterator[None]:
        """
        Call *end* when the call is taken back in the ``with`` block, or was before.
        """
        with self._lock:
            self._ends.append(end)
        if self._set.is_set():
            end()
        try:
            yield
        finally:
            with self._lock:
                self._ends.remove(end)


_current: "ContextVar[Optional[Recall]]" = ContextVar("sgextended_recall", default=None)


def current() -> Optional[Recall]:
    """
    Return what the call that runs can be taken back by, if it can.
    """
    return _current.get()


@contextlib.contextmanager
def under(recall: Optional[Recall]) -> Iterator[None]:
    """
    Let the ``with`` block be taken back by *recall*. None: by nobody, as a write must be finished.
    """
    token = _current.set(recall)
    try:
        yield
    finally:
        _current.reset(token)
