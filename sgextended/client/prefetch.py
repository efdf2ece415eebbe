"""
`Prefetcher`: threads fetch the bytes of later pages, while the caller's thread decodes the earlier ones.

The threads only receive bytes, and one thread decodes. Decoding in several threads would not be faster, as Python runs
the code of one thread at a time.
"""

import threading
import time
from collections import deque
from contextlib import suppress
from typing import Callable, Deque, Generic, List, Optional, TypeVar

from sgextended.concurrency.start_thread import start
from sgextended.concurrency.wake_up import LOOK_AGAIN, WakeUp
from sgextended.http.cancellation import CancelToken

Job = TypeVar("Job")
Sleep = Callable[[float], object]

#: The number of jobs in flight at the start. It doubles each time that the caller has to wait.
FIRST_IN_FLIGHT = 2

_LONGEST_IDLE = 60.0  # seconds after which an idle thread ends, in case nobody closes its Prefetcher


class Closed(Exception):
    """
    The prefetcher was closed, so the bytes are not needed any more.
    """


class PendingFetch(Generic[Job]):
    """
    One submitted job, and later its bytes or its error.
    """

    __slots__ = ("arrived", "body", "error", "job", "thread", "wake")
    arrived: bool
    body: bytes
    job: Job
    wake: WakeUp

    def __init__(self, job: Job) -> None:
        self.job = job
        self.arrived = False
        self.body = b""
        self.error: Optional[BaseException] = None
        self.thread: Optional[threading.Thread] = None  # the thread that fetches the job
        self.wake = WakeUp()  # wakes the caller


class Prefetcher(Generic[Job]):
    """
    Fetches jobs in threads before the caller needs their bytes.

    Call `submit` while it `has_room`, `result` for each submitted job in any order, and `close` at the end. After
    `close` no further job is fetched, and jobs in flight end by themselves. The failure of a job is raised by `result`.
    Only one thread at a time may call these methods.

    Args:
        fetch: Returns the bytes of a job. It is called in threads, in the caller's context, with the job and a function
            that waits a number of seconds between attempts. That function raises `Closed` after `close`.

        max_in_flight: The highest number of jobs in flight. As many finished jobs may wait for `result`. 0: there are
            no threads, and `result` fetches the job in the caller's thread. It also does so if no thread can start.

        may_grow: Returns whether one more job may be in flight, so that others can use the same connections.

        patience: The seconds that the caller waits for one job before the number of jobs in flight doubles. It may be
            changed later.
    """

    patience: float

    def __init__(
        self,
        fetch: Callable[[Job, Sleep], bytes],
        *,
        max_in_flight: int,
        may_grow: Callable[[], bool],
        patience: float = 1.0,
    ) -> None:
        self._fetch, self._max_in_flight, self._may_grow, self.patience = fetch, max_in_flight, may_grow, patience
        self._in_flight = min(FIRST_IN_FLIGHT, max_in_flight)
        self._queue: Deque[PendingFetch[Job]] = deque()
        self._outstanding = 0
        self._threads: List[threading.Thread] = []
        self._sleeping: Deque[WakeUp] = deque()  # the threads without a job
        self._token = CancelToken()  # cancelled by close

    def has_room(self) -> bool:
        """
        Return whether one more job may be submitted before the next `result`.
        """
        return self._outstanding < max(1, 2 * self._in_flight)

    def submit(self, job: Job) -> PendingFetch[Job]:
        """
        Queue a job, which is fetched after the earlier ones.
        """
        pending = PendingFetch(job)
        self._outstanding += 1
        if self._max_in_flight:
            self._queue.append(pending)
            self._start_work()
        return pending

    def result(self, pending: PendingFetch[Job]) -> bytes:
        """
        Return the bytes of a job; wait for them if necessary. Call it once for each job.
        """
        has_to_wait = not pending.arrived
        while self._max_in_flight and not pending.arrived:
            if not pending.wake.wait(min(self.patience, LOOK_AGAIN)):
                if self._is_abandoned(pending):
                    break
                self._double()
        self._outstanding -= 1
        if not pending.arrived:
            with suppress(ValueError):
                self._queue.remove(pending)
            return self._fetch(pending.job, self._sleep)
        if has_to_wait:
            self._double()
        if pending.error is not None:
            raise pending.error
        return pending.body

    def _is_abandoned(self, pending: PendingFetch[Job]) -> bool:
        """
        Return whether no thread fetches the job now or later.
        """
        if pending in self._queue:
            return not any(thread.is_alive() for thread in self._threads)
        thread = pending.thread
        return not pending.arrived and (thread is None or not thread.is_alive())

    def _double(self) -> None:
        self._in_flight = min(2 * self._in_flight, self._max_in_flight)
        self._start_work()

    def _start_work(self) -> None:
        """
        Wake idle threads, and start new ones if there are more jobs.
        """
        jobs = len(self._queue)
        while jobs and self._sleeping:
            with suppress(IndexError):  # the thread has woken by itself
                self._sleeping.popleft().set()
                jobs -= 1
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        while (
            jobs > 0
            and len(self._threads) < self._in_flight
            and (len(self._threads) < FIRST_IN_FLIGHT or self._may_grow())
        ):
            thread = start(self._work, f"sgextended-page-{len(self._threads) + 1}")
            if thread is None:
                if not self._threads:
                    self._max_in_flight = 0
                return
            self._threads.append(thread)
            jobs -= 1

    def close(self) -> None:
        """
        Fetch no further job. A thread ends after the job that it fetches now.
        """
        self._token.cancel()
        for wake in list(self._sleeping):
            wake.set()

    def _work(self) -> None:
        idle_since = time.monotonic()
        while not self._token.is_cancelled and time.monotonic() - idle_since < _LONGEST_IDLE:
            try:
                pending = self._queue.popleft()
            except IndexError:
                self._wait_for_work()
                continue
            try:
                pending.thread = threading.current_thread()
                pending.body = self._fetch(pending.job, self._sleep)
            except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
                pending.error = error
            finally:
                pending.arrived = True
                pending.wake.set()
            del pending
            idle_since = time.monotonic()

    def _wait_for_work(self) -> None:
        wake = WakeUp()
        self._sleeping.append(wake)
        try:
            if not self._queue and not self._token.is_cancelled:
                wake.wait(_LONGEST_IDLE)
        finally:
            with suppress(ValueError):
                self._sleeping.remove(wake)

    def _sleep(self, seconds: float) -> None:
        if self._token.wait(seconds):
            raise Closed
