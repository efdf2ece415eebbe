"""
The garbage collector, kept from walking large answers, in which it finds nothing.
"""

import contextlib
import gc
import time
from typing import Callable, Iterator

_LARGE = 64 * 1024  # bytes of JSON; what is made of less is walked faster than it is worth to prevent
_FULL_EVERY = 1.0  # seconds of work on large answers after which there is a full collection
_SHARE = 10  # of the time of that work, a full collection takes at most this part


class GCPause:
    """
    Keeps the garbage collector from walking what is made of large answers.

    Args:
        clock: Seconds of a clock that never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._since = self._took = 0.0  # seconds of work since the last full collection, and of that collection

    @contextlib.contextmanager
    def paused(self, size_bytes: int) -> Iterator[None]:
        """
        Surround the work on an answer of so many bytes.

        The collector would walk what was made right after the work instead, so that is counted among what lives long.
        What is garbage by then is counted so too, and is found by full collections only, which Python makes when much
        has come to live long by its own count, and this does not count. So there is one now and then here.
        """
        if size_bytes < _LARGE or not gc.isenabled():
            yield
            return
        begun = self._clock()
        gc.disable()
        try:
            yield
        finally:
            if not gc.get_freeze_count():  # else somebody keeps objects frozen, which this would thaw
                gc.freeze()
                gc.unfreeze()
            gc.enable()
            self._since += self._clock() - begun
            if self._since > max(_FULL_EVERY, _SHARE * self._took):
                self._collect()

    def _collect(self) -> None:
        self._since = 0.0  # first, so that no other thread does the same
        begun = self._clock()
        gc.collect()
        self._took = self._clock() - begun
