"""
Cancelling a call from another thread: its reads are aborted, its writes in flight finish, and nothing more is sent.

Code that runs a call in a thread for another caller, as asyncio does, sets a `CancelToken`. The token is a context
variable: it applies to the call and to the threads that the call starts.
"""

import contextlib
import time
from typing import Any, Callable, List, Optional, Tuple

from sgextended.concurrency.scoped_value import Block, ScopedValue
from sgextended.concurrency.wake_up import LOOK_AGAIN, WakeUp
from sgextended.errors import SGExtendedError


class RequestCancelled(SGExtendedError):
    """
    The call was cancelled, and no request of it is in flight.
    """


class CancelToken:
    """
    Cancels a call from another thread.

    Attributes:
        ends_sent: Whether `cancel` aborts a request whose sending has begun. It does not for writes, since their
            outcome would be unknown.

        written: The writes that the site has executed for the call so far: the name and the result of each.
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
        Cancel the call. Any thread may call this.
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
        Return a context manager. *end* is called if the call is cancelled during its block, or was cancelled before.
        """
        return OnCancel(self, self._ends, end)

    def wait(self, seconds: float) -> bool:
        """
        Wait for a number of seconds, or until the call is cancelled. Return whether the call is cancelled.
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
    The token for the writes of a call: it aborts only writes that are not sent yet.
    """

    ends_sent = False
    written: List[Tuple[str, Any]]

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
    The context manager of `CancelToken.on_cancel`.
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


_current: "ScopedValue[Optional[CancelToken]]" = ScopedValue("sgextended_cancel_token", None)

#: Return the token of the current call; None: the call cannot be cancelled.
current: Callable[[], Optional[CancelToken]] = _current.get


def under(token: Optional[CancelToken]) -> Block[None]:
    """
    Return a context manager in whose block *token* cancels the calls. None: the calls cannot be cancelled.
    """
    return _current.bind(token)
