"""
Cancelling a call from another thread: its reads are cut off, its writes are finished, and nothing more is sent.

Code that runs a call in a thread for somebody else, as asyncio does, sets a `CancelToken`. The token is a context
variable: it holds for the call, and for the threads that the call starts.
"""

import contextlib
from contextvars import ContextVar
from typing import Any, Callable, Iterator, List, Optional, Tuple

from sgextended.errors import SGExtendedError
from sgextended.wakeup import WakeUp


class RequestCancelled(SGExtendedError):
    """
    The call was taken back; nothing of it is under way.
    """


class CancelToken:
    """
    Cancels a call from another thread.

    Attributes:
        written: The writes that the site has carried out for the call so far: the name of each, and its result.
    """

    def __init__(self) -> None:
        self.written: List[Tuple[str, Any]] = []
        self._is_cancelled = False
        self._ends: List[Callable[[], None]] = []

    @property
    def is_cancelled(self) -> bool:
        """
        Whether the call was cancelled.
        """
        return self._is_cancelled

    def cancel(self) -> None:
        """
        Cancel the call; from any thread.
        """
        self._is_cancelled = True
        for end in list(self._ends):
            end()

    def raise_if_cancelled(self) -> None:
        """
        Raises:
            RequestCancelled: The call was cancelled.
        """
        if self._is_cancelled:
            raise RequestCancelled("The call was cancelled by the code that waited for it.")

    def on_cancel(self, end: Callable[[], None]) -> "OnCancel":
        """
        Call *end* when the call is cancelled in the ``with`` block, or was cancelled before.
        """
        return OnCancel(self, self._ends, end)

    def wait(self, seconds: float) -> None:
        """
        Wait so many seconds, or until the call is cancelled.
        """
        wake = WakeUp()
        with self.on_cancel(wake.set):
            wake.wait(seconds)


class OnCancel:
    """
    The block of `CancelToken.on_cancel`.
    """

    def __init__(self, token: CancelToken, ends: List[Callable[[], None]], end: Callable[[], None]) -> None:
        self._token, self._ends, self._end = token, ends, end

    def __enter__(self) -> None:
        self._ends.append(self._end)
        if self._token.is_cancelled:
            self._end()

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ValueError):
            self._ends.remove(self._end)


_current: "ContextVar[Optional[CancelToken]]" = ContextVar("sgextended_recall", default=None)


def current() -> Optional[CancelToken]:
    """
    Return what the call that runs can be taken back by, if it can.
    """
    return _current.get()


@contextlib.contextmanager
def under(recall: Optional[CancelToken]) -> Iterator[None]:
    """
    Let the ``with`` block be taken back by *recall*. None: by nobody, as a write must be finished.
    """
    token = _current.set(recall)
    try:
        yield
    finally:
        _current.reset(token)
