"""
Cancelling a call from another thread: its reads are cut off, its writes are finished, and nothing more is sent.

Code that runs a call in a thread for somebody else, as asyncio does, sets a `CancelToken`. The token is a context
variable: it holds for the call, and for the threads that the call starts.
"""

import contextlib
from typing import Any, Callable, Iterator, List, Optional, Tuple

from sgextended.errors import SGExtendedError
from sgextended.scoped import Block, ScopedValue
from sgextended.turns import Signal


class RequestCancelled(SGExtendedError):
    """
    The call was taken back; nothing of it is under way.
    """


class CancelToken:
    """
    What may be taken back at any time.

    Attributes:
        written: What the site has done for the call so far: the name of each write, and what it gave back.
    """

    def __init__(self) -> None:
        self.written: List[Tuple[str, Any]] = []
        self._is_set = False
        self._signals: List[Signal] = []  # of the threads that wait
        self._ends: List[Callable[[], None]] = []

    @property
    def is_set(self) -> bool:
        """
        Whether the call was taken back.
        """
        return self._is_set

    def set(self) -> None:
        """
        Take the call back; from any thread.
        """
        self._is_set = True
        for signal in list(self._signals):
            signal.set()
        for end in list(self._ends):
            end()

    def wait(self, seconds: float) -> bool:
        """
        Sleep for so many seconds, or until the call is cancelled; return whether it is.
        """
        signal = Signal()
        try:
            self._signals.append(signal)
            if not self._is_set:  # looked at after the signal is known to `set`
                signal.wait(seconds)
        finally:
            if signal in self._signals:
                self._signals.remove(signal)
        return self._is_set

    def raise_if_cancelled(self) -> None:
        """
        Raises:
            RequestCancelled: The call was taken back.
        """
        if self._is_set:
            raise RequestCancelled("The call was taken back by whoever waited for it.")

    @contextlib.contextmanager
    def on_cancel(self, end: Callable[[], None]) -> Iterator[None]:
        """
        Call *end* when the call is taken back in the ``with`` block, or was before.
        """
        self._ends.append(end)
        try:
            if self._is_set:
                end()
            yield
        finally:
            self._ends.remove(end)


_current: "ScopedValue[Optional[CancelToken]]" = ScopedValue("sgextended_recall", None)

#: Return the token that cancels the call that runs; None: nothing cancels it.
current = _current.get


def under(token: Optional[CancelToken]) -> Block[None]:
    """
    Let *token* cancel the calls of a ``with`` block. None: nothing cancels them, since a write must be finished.
    """
    return _current.bind(token)
