"""
Numbered pieces of work that are done at the same time, by a few threads, for a caller who waits for all of them.
"""

import contextlib
import threading
import time
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Callable, Dict, Generic, List, TypeVar

from sgextended.scoped import ScopedValue

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
    work: Callable[[int, threading.Event], Result], count: int, workers: int, tell: Callable[[], object]
) -> List[Result]:
    """
    Return what *work* returns for each number from 1 to *count*, done in threads, in the caller's context.

    Args:
        work: Is given the number, and the event that says that the result is not wanted any more.

        count: How many there are.

        workers: How many threads work.

        tell: Is called in the caller's thread, now and then.
    """
    tell()
    crew = _Crew(work, count)
    threads = [
        threading.Thread(target=copy_context().run, args=(crew.run,), name=f"sgextended-part-{number}", daemon=True)
        for number in range(1, min(workers, count) + 1)
    ]
    for thread in threads:
        thread.start()
    try:
        while not crew.is_over():
            tell()
    finally:
        crew.stopped.set()
        until = time.monotonic() + _PATIENCE
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
    tell()
    return crew.results()


class _Crew(Generic[Result]):
    """
    What the threads have in common.
    """

    def __init__(self, work: Callable[[int, threading.Event], Result], count: int) -> None:
        self._work, self._count = work, count
        self._numbers = iter(range(1, count + 1))
        self._done: Dict[int, Result] = {}
        self._failures: List[BaseException] = []
        self._news: SimpleQueue[None] = SimpleQueue()  # one for each piece that has ended
        self.stopped = threading.Event()

    def run(self) -> None:
        with PAUSE.bind(self._pause):
            self._run()

    def _run(self) -> None:
        while not self.stopped.is_set():
            number = next(self._numbers, None)  # one step of the interpreter
            if number is None:
                return
            try:
                self._done[number] = self._work(number, self.stopped)
            except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
                self._failures.append(error)
                self.stopped.set()
            self._news.put(None)

    def _pause(self, seconds: float) -> None:
        if self.stopped.wait(seconds):
            raise Stopped

    def is_over(self) -> bool:
        """
        Wait for a moment; tell whether all is done, or something has failed.
        """
        if not self._is_done():
            with contextlib.suppress(Empty):
                self._news.get(timeout=_TELL_EVERY)
        return self._is_done()

    def _is_done(self) -> bool:
        return bool(self._failures) or len(self._done) == self._count

    def results(self) -> List[Result]:
        if self._failures:
            raise self._failures[0]
        return [self._done[number] for number in range(1, self._count + 1)]
