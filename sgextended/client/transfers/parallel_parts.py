"""
Numbered pieces of work that are done at the same time, by a few threads, for a caller who waits for all of them.
"""

import time
from typing import Callable, Dict, Generic, List, TypeVar

from sgextended.concurrency.scoped_value import ScopedValue
from sgextended.concurrency.threads import start
from sgextended.concurrency.wake_up import WakeUp
from sgextended.http.cancellation import CancelToken

Result = TypeVar("Result")

#: How the thread that runs waits between attempts.
PAUSE: "ScopedValue[Callable[[float], object]]" = ScopedValue("sgextended_pause", time.sleep)

_TELL_EVERY = 0.1  # seconds
#: Seconds for which a caller waits, when one piece has failed, until the others have stopped.
_PATIENCE = 5.0


class Stopped(Exception):
    """
    Another piece has failed, so that this one is not wanted any more.
    """


def in_parallel(
    work: Callable[[int, CancelToken], Result], count: int, workers: int, tell: Callable[[], object]
) -> List[Result]:
    """
    Return what *work* returns for each number from 1 to *count*, done in threads, in the caller's context.

    Args:
        work: Is given the number, and the token that is cancelled when the result is not wanted any more.

        count: How many there are.

        workers: How many threads work. Where none can be started, the caller works.

        tell: Is called in the caller's thread, now and then.
    """
    tell()
    parts = _Parts(work, count)
    started = [start(parts.run, f"sgextended-part-{number}") for number in range(1, min(workers, count) + 1)]
    threads = [thread for thread in started if thread is not None]
    try:
        if not threads:
            parts.run()
        while not parts.is_over() and any(thread.is_alive() for thread in threads):
            parts.wake.wait(_TELL_EVERY)
            tell()
    finally:
        parts.stopped.cancel()
        until = time.monotonic() + _PATIENCE
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
    tell()
    return parts.results()


class _Parts(Generic[Result]):
    """
    What the threads have in common.
    """

    def __init__(self, work: Callable[[int, CancelToken], Result], count: int) -> None:
        self._work, self._count = work, count
        self._numbers = iter(range(1, count + 1))
        self._done: Dict[int, Result] = {}
        self._failures: List[BaseException] = []
        self.wake = WakeUp()  # the caller
        self.stopped = CancelToken()

    def run(self) -> None:
        with PAUSE.bind(self._pause):
            while not self.stopped.is_cancelled:
                number = next(self._numbers, None)
                if number is None:
                    return
                try:
                    self._done[number] = self._work(number, self.stopped)
                except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
                    self._failures.append(error)
                    self.stopped.cancel()
                finally:
                    self.wake.set()

    def _pause(self, seconds: float) -> None:
        if self.stopped.wait(seconds):
            raise Stopped

    def is_over(self) -> bool:
        """
        Return whether all is done, or something has failed.
        """
        return bool(self._failures) or len(self._done) == self._count

    def results(self) -> List[Result]:
        if self._failures:
            raise self._failures[0]
        return [self._done[number] for number in range(1, self._count + 1)]
