"""
The time of the site, from the ``Date`` headers of its JSON responses. The clock of this machine may be wrong.
"""

import sys
import time
from typing import Any, Callable, Mapping, Optional, Tuple

from sgextended.concurrency.scoped_value import ScopedValue
from sgextended.http.transport import seconds_of_date


def _clock_that_counts_sleep() -> Callable[[], float]:
    """
    Return a function that returns the seconds of a clock that is never set and that counts the sleep of the machine.
    """
    # time.monotonic stands still while Linux and macOS sleep.
    name = "CLOCK_MONOTONIC" if sys.platform == "darwin" else "CLOCK_BOOTTIME"
    number: Optional[int] = getattr(time, name, None)
    if number is None:
        return time.monotonic
    try:
        time.clock_gettime(number)
    except OSError:  # the kernel is too old, or a sandbox forbids it
        return time.monotonic
    return lambda: time.clock_gettime(number)


#: Returns the seconds of a clock that is never set. It differs from ``time.monotonic`` in that it counts sleep.
ticks: Callable[[], float] = _clock_that_counts_sleep()


class SiteClock:
    """
    The clock of a site, as its last JSON response has shown it.
    """

    def __init__(self) -> None:
        self._read: Optional[Tuple[str, float]] = None  # the last date, and the ticks when it arrived

    def note(self, headers: Mapping[str, str]) -> None:
        """
        Keep the date of a JSON response. The names of *headers* are in lower case. Nothing changes without a date.
        """
        date = headers.get("date")
        if date:
            self._read = (date, ticks())

    def at(self, moment: float) -> Optional[float]:
        """
        Return the site's time at a moment of `ticks`, in seconds since the epoch; None if no response had a valid date.
        """
        if self._read is None:
            return None
        date, arrived = self._read
        then = seconds_of_date(date)
        return None if then is None else then + moment - arrived


#: A clock that the JSON responses of a block set in addition to the clock of the site.
RESPONSES_OF_BLOCK: "ScopedValue[Optional[SiteClock]]" = ScopedValue("sgextended_site_clock", None)


def site_clock_of(transport: Any) -> SiteClock:
    """
    Return the clock of the site of a `Transport`, which all clients of the process share.
    """
    clock: SiteClock = transport.kept("site_clock", SiteClock)
    return clock


def note_response(transport: Any, headers: Mapping[str, str]) -> None:
    """
    Set the clock of a site by the headers of a valid JSON response.
    """
    site_clock_of(transport).note(headers)
    of_block = RESPONSES_OF_BLOCK.get()
    if of_block is not None:
        of_block.note(headers)
