"""
Run numbered pieces of work in a few threads, while the caller waits for all results.
"""

import time
from typing import Callable, Dict, Generic, List, TypeVar

from sgextended.concurrency.scoped_value import ScopedValue
from sgextended.concurrency.start_thread import start
from sgextended.concurrency.wake_up import WakeUp
from sgextended.http.cancellation import CancelToken

Result = TypeVar("Result")

#: The function with which the current thread waits between attempts.
PAUSE: "ScopedValue[Callable[[float], object]]" = ScopedValue("sgextended_pause", time.sleep)

_REPORT_INTERVAL = 0.1  # seconds
#: Seconds that the caller waits for the other threads to stop when one piece has failed.
_STOP_TIMEOUT = 5.0


class Stopped(Exception):
    """
    Another piece has failed, so the result of this one is not needed.
    """


def in_parallel(
    work: Callable[[int, CancelToken], Result], count: int, workers: int, report: Callable[[], object]
) -> List[Result]:
    """
    Call *work* with each number from 1 to *count*, in threads with the caller's context. Return the results in order.

    Args:
        work: Called with the number, and with a token that is cancelled when the result is not needed any more.

        count: The number of pieces.

        workers: The number of threads. If no thread can be started, the caller's thread does the work.

        report: Called in the caller's thread at the start, several times a second, and at the end.
    """
    report()
    parts = _Parts(work, count)
    started = [start(parts.run, f"sgextended-part-{number}") for number in range(1, min(workers, count) + 1)]
    threads = [thread for thread in started if thread is not None]
    try:
        if not threads:
            parts.run()
        while not parts.is_over() and any(thread.is_alive() for thread in threads):
            parts.wake.wait(_REPORT_INTERVAL)
            report()
    finally:
        parts.stopped.cancel()
        until = time.monotonic() + _STOP_TIMEOUT
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
    report()
    return parts.results()


class _Parts(Generic[Result]):
    """
    The state that the threads share.
    """

    def __init__(self, work: Callable[[int, CancelToken], Result], count: int) -> None:
        self._work, self._count = work, count
        self._numbers = iter(range(1, count + 1))
        self._done: Dict[int, Result] = {}
        self._failures: List[BaseException] = []
        self.wake = WakeUp()  # wakes the caller
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
        Return whether all pieces are done, or one has failed.
        """
        return bool(self._failures) or len(self._done) == self._count

    def results(self) -> List[Result]:
        if self._failures:
            raise self._failures[0]
        return [self._done[number] for number in range(1, self._count + 1)]
