"""
Cancelling a call from another thread: its reads are cut off, its writes are finished, and nothing more is sent.

Code that runs a call in a thread for somebody else, as asyncio does, sets a `CancelToken`. The token is a context
variable: it holds for the call, and for the threads that the call starts.
"""

import contextlib
import time
from typing import Any, Callable, List, Optional, Tuple

from sgextended.concurrency.scoped_value import Block, ScopedValue
from sgextended.concurrency.wake_up import LOOK_AGAIN, WakeUp
from sgextended.errors import SGExtendedError


class RequestCancelled(SGExtendedError):
    """
    The call was taken back; nothing of it is under way.
    """


class CancelToken:
    """
    Cancels a call from another thread.

    Attributes:
        ends_sent: Whether a request ends that was sent already. A write does not, as it would have no outcome.

        written: The writes that the site has carried out for the call so far: the name of each, and its result.
    """

    ends_sent = True

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
        if self.is_cancelled:
            raise RequestCancelled("The call was cancelled by the code that waited for it.")

    def on_cancel(self, end: Callable[[], None]) -> "OnCancel":
        """
        Call *end* when the call is cancelled in the ``with`` block, or was cancelled before.
        """
        return OnCancel(self, self._ends, end)

    def wait(self, seconds: float) -> bool:
        """
        Wait so many seconds, or until the call is cancelled; return whether it is.
        """
        wake, ends_at = WakeUp(), time.monotonic() + seconds
        with self.on_cancel(wake.set):
            while not self.is_cancelled:
                left = ends_at - time.monotonic()
                if left <= 0:
                    break
                wake.wait(min(left, LOOK_AGAIN))
        return self.is_cancelled


class ForWrite(CancelToken):
    """
    The token of a call as its writes see it: they end where they were not sent yet.
    """

    ends_sent = False

    def __init__(self, token: CancelToken) -> None:
        self._token = token
        self.written, self._ends = token.written, token._ends  # noqa: SLF001 - same module

    @property
    def is_cancelled(self) -> bool:
        """
        Whether the call was cancelled.
        """
        return self._token.is_cancelled


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


_current: "ScopedValue[Optional[CancelToken]]" = ScopedValue("sgextended_recall", None)

#: Return the token that cancels the call that runs; None: nothing cancels it.
current = _current.get


def under(token: Optional[CancelToken]) -> Block[None]:
    """
    Let *token* cancel the calls of a ``with`` block. None: nothing cancels them.
    """
    return _current.bind(token)
