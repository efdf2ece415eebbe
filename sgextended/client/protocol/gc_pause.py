"""
`GCPause`: pauses the garbage collector while a large response is decoded, as there is no garbage in it.
"""

import contextlib
import gc
import time
from typing import Callable, Iterator

_LARGE = 64 * 1024  # bytes of JSON; for smaller responses a pause costs more than it saves
_FULL_EVERY = 1.0  # seconds of decoding after which there is a full collection
_SHARE = 10  # a full collection runs once the decoding has taken this many times as long as the last collection


class GCPause:
    """
    Keeps the garbage collector from traversing the new objects of large responses.

    Args:
        clock: Returns the seconds of a monotonic clock.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._since = self._took = 0.0  # seconds of decoding since the last full collection, and of that collection

    @contextlib.contextmanager
    def paused(self, size_bytes: int) -> Iterator[None]:
        """
        Return a context manager that pauses the collector while a response of *size_bytes* is decoded.

        A pause alone would not help: the collector would traverse the new objects right after it. So the objects are
        moved to the oldest generation, which only full collections traverse. Python starts full collections by a count
        that does not include these objects. So this method starts one from time to time.
        """
        if size_bytes < _LARGE or not gc.isenabled():
            yield
            return
        begun = self._clock()
        gc.disable()
        try:
            yield
        finally:
            if not gc.get_freeze_count():  # the program may have frozen objects, which unfreeze would unfreeze as well
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
