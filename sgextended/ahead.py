"""
Fetching ahead: threads bring bytes that are needed soon, while the caller works on those that came before.

Threads carry bytes and one thread burns the CPU: decoding in several would only make them fight for the interpreter.
"""

import contextvars
import threading
from collections import deque
from typing import Callable, Deque, Generic, Optional, TypeVar

Job = TypeVar("Job")
Sleep = Callable[[float], object]

#: Jobs in flight when fetching begins; they double while the caller has to wait.
FIRST_IN_FLIGHT = 2


class Closed(Exception):
    """
    What is fetched is not wanted any more.
    """


class Asked(Generic[Job]):
    """
    One job that was asked for: what to fetch, and later what came.
    """

    __slots__ = ("arrived", "body", "error", "job")

    def __init__(self, job: Job) -> None:
        self.job = job
        self.arrived = False
        self.body = b""
        self.error: Optional[BaseException] = None


class ReadAhead(Generic[Job]):
    """
    Jobs that are fetched before their bytes are taken.

    `ask` while there `has_room`, `take` what was asked for, in any order, and `close` it when no more is wanted:
    nothing more is fetched then, and what is under way ends by itself. A failure is raised where its bytes would
    have been taken.

    Args:
        fetch: Returns the bytes of a job; called in threads, in the caller's context. It waits between attempts with
            the function that it is given beside the job, which raises `Closed` when nobody wants the bytes any more.

        bound: How many jobs are in flight at most; as many more may wait to be taken. With 0 the caller fetches
            by itself what it takes, and there are no threads.

        may_grow: Tells whether one more may be in flight, for the sake of others that use the same connections.

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
        self._threads = self._idle = 0
        self._closed = threading.Event()
        self._changed = threading.Condition()

    def has_room(self) -> bool:
        """
        Tell whether one more job may be asked for before another one is taken.
        """
        return self._untaken < max(1, 2 * self._in_flight)

    def ask(self, job: Job) -> Asked[Job]:
        """
        Have a job fetched, after those that were asked for before.
        """
        asked = Asked(job)
        with self._changed:
            self._untaken += 1
            if self._bound:
                self._queue.append(asked)
                self._set_to_work()
        return asked

    def take(self, asked: Asked[Job]) -> bytes:
        """
        Return the bytes of a job, once; wait for them if they are not there yet.
        """
        if not self._bound:
            self._untaken -= 1
            return self._fetch(asked.job, self._sleep)
        with self._changed:
            has_to_wait = not asked.arrived
            while not asked.arrived:
                if not self._changed.wait(self.patience):
                    self._double()
            self._untaken -= 1
            if has_to_wait:
                self._double()
        if asked.error is not None:
            raise asked.error
        return asked.body

    def _double(self) -> None:
        self._in_flight = min(2 * self._in_flight, self._bound)
        self._set_to_work()

    def _set_to_work(self) -> None:
        # Holds the lock. Who is idle is woken; where that is not enough, threads are added.
        self._changed.notify_all()
        while (
            len(self._queue) > self._idle
            and self._threads < self._in_flight
            and (self._threads < FIRST_IN_FLIGHT or self._may_grow())
        ):
            self._threads += 1
            self._idle += 1  # until it takes its first job
            run = contextvars.copy_context().run
            name = f"sgextended-page-{self._threads}"
            threading.Thread(target=run, args=(self._work,), name=name, daemon=True).start()

    def close(self) -> None:
        """
        Fetch nothing more. Who fetches now ends after it.
        """
        self._closed.set()
        with self._changed:
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._queue and not self._closed.is_set():
                    self._changed.wait()
                if self._closed.is_set():
                    return
                asked = self._queue.popleft()
                self._idle -= 1
            try:
                asked.body = self._fetch(asked.job, self._sleep)
            except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
                asked.error = error
            with self._changed:
                asked.arrived = True
                self._idle += 1
                self._changed.notify_all()

    def _sleep(self, seconds: float) -> None:
        if self._closed.wait(seconds):
            raise Closed
