"""
Fetching ahead: threads bring bytes that are needed soon, while the caller works on those that came before.

Threads carry bytes and one thread burns the CPU: decoding in several would only make them fight for the interpreter.
"""

import threading
import time
from collections import deque
from contextlib import suppress
from typing import Callable, Deque, Generic, List, Optional, TypeVar

from sgextended.concurrency.threads import start
from sgextended.concurrency.wake_up import LOOK_AGAIN, WakeUp
from sgextended.http.cancellation import CancelToken

Job = TypeVar("Job")
Sleep = Callable[[float], object]

#: Jobs in flight when fetching begins; they double while the caller has to wait.
FIRST_IN_FLIGHT = 2

_LONGEST_IDLE = 60.0  # seconds after which a thread without work ends, should nobody have closed what it works for


class Closed(Exception):
    """
    What is fetched is not wanted any more.
    """


class Asked(Generic[Job]):
    """
    One job that was asked for: what to fetch, and later what came.
    """

    __slots__ = ("arrived", "body", "error", "job", "thread", "wake")

    def __init__(self, job: Job) -> None:
        self.job = job
        self.arrived = False
        self.body = b""
        self.error: Optional[BaseException] = None
        self.thread: Optional[threading.Thread] = None  # that fetches it
        self.wake = WakeUp()  # the caller


class Prefetcher(Generic[Job]):
    """
    Jobs that are fetched before their bytes are taken.

    `ask` while there `has_room`, `take` what was asked for, in any order, and `close` it when no more is wanted:
    nothing more is fetched then, and what is in flight ends by itself. A failure is raised where its bytes would
    have been taken. All methods are called by one thread at a time.

    Args:
        fetch: Returns the bytes of a job; called in threads, in the caller's context. It waits between attempts with
            the function that it is given beside the job, which raises `Closed` when the bytes are not wanted any more.

        bound: How many jobs are in flight at most; as many more may wait to be taken. With 0 the caller fetches
            by itself what it takes, and there are no threads; so it is where no thread can be started.

        may_grow: Returns whether one more may be in flight, for the sake of others that use the same connections.

        patience: Seconds that the caller waits for one job before more are fetched at the same time; it may be set
            later.
    """

    def __init__(
        self, fetch: Callable[[Job, Sleep], bytes], *, bound: int, may_grow: Callable[[], bool], patience: float = 1.0
    ) -> None:
        self._fetch, self._bound, self._may_grow, self.patience = fetch, bound, may_grow, patience
        self._in_flight = min(FIRST_IN_FLIGHT, bound)
        self._queue: Deque[Asked[Job]] = deque()
        self._untaken = 0
        self._threads: List[threading.Thread] = []
        self._sleeping: Deque[WakeUp] = deque()  # threads that have nothing to do
        self._token = CancelToken()  # cancelled when it is closed

    def has_room(self) -> bool:
        """
        Return whether one more job may be asked for before another one is taken.
        """
        return self._untaken < max(1, 2 * self._in_flight)

    def ask(self, job: Job) -> Asked[Job]:
        """
        Have a job fetched, after those that were asked for before.
        """
        asked = Asked(job)
        self._untaken += 1
        if self._bound:
            self._queue.append(asked)
            self._set_to_work()
        return asked

    def take(self, asked: Asked[Job]) -> bytes:
        """
        Return the bytes of a job, once; wait for them if they are not there yet.
        """
        has_to_wait = not asked.arrived
        while self._bound and not asked.arrived:
            if not asked.wake.wait(min(self.patience, LOOK_AGAIN)):
                if self._is_lost(asked):
                    break
                self._double()
        self._untaken -= 1
        if not asked.arrived:
            with suppress(ValueError):
                self._queue.remove(asked)
            return self._fetch(asked.job, self._sleep)
        if has_to_wait:
            self._double()
        if asked.error is not None:
            raise asked.error
        return asked.body

    def _is_lost(self, asked: Asked[Job]) -> bool:
        """
        Return whether no thread fetches a job, nor ever will.
        """
        if asked in self._queue:
            return not any(thread.is_alive() for thread in self._threads)
        thread = asked.thread
        return not asked.arrived and (thread is None or not thread.is_alive())

    def _double(self) -> None:
        self._in_flight = min(2 * self._in_flight, self._bound)
        self._set_to_work()

    def _set_to_work(self) -> None:
        """
        Wake the threads that sleep; where that is not enough, start others.
        """
        jobs = len(self._queue)
        while jobs and self._sleeping:
            with suppress(IndexError):  # it has woken by itself
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
                    self._bound = 0
                return
            self._threads.append(thread)
            jobs -= 1

    def close(self) -> None:
        """
        Fetch nothing more. A thread that fetches now ends after that.
        """
        self._token.cancel()
        for wake in list(self._sleeping):
            wake.set()

    def _work(self) -> None:
        idle_since = time.monotonic()
        while not self._token.is_cancelled and time.monotonic() - idle_since < _LONGEST_IDLE:
            try:
                asked = self._queue.popleft()
            except IndexError:
                self._wait_for_work()
                continue
            try:
                asked.thread = threading.current_thread()
                asked.body = self._fetch(asked.job, self._sleep)
            except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
                asked.error = error
            finally:
                asked.arrived = True
                asked.wake.set()
            del asked
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
