"""
`Dispatcher`: submits the chunks of a map, records their outcomes and ends the map, in a thread of its own.

An exception can be raised in the caller's thread at any moment: by the handler of a signal, such as Ctrl-C or the
SIGTERM of a farm, or by another thread. Between the submission of a chunk and the registration of its callback, such an
exception would lose finished items from the journal. No such exception reaches the thread of a dispatcher.
"""

import contextlib
import functools
import logging
import threading
from concurrent.futures import CancelledError, Executor, Future
from queue import SimpleQueue
from typing import Any, Callable, List, Optional, Set

from sgextended.concurrency.start_thread import start
from sgextended.concurrency.wake_up import LOOK_AGAIN, WakeUp
from sgextended.errors import WorkerError
from sgextended.workers import thread_executor
from sgextended.workers.journal import Journal
from sgextended.workers.worker_group import Outcome, WorkerGroup, outcomes_of

_log = logging.getLogger("sgextended")


class Chunk:
    """
    Items that are submitted together, or one item whose result is in the journal.

    Args:
        items: The items.

        keys: Their keys in the journal, computed before the work, which may change its item.

        call: Submits the items to an executor and returns the future. None: the outcomes are known.

        outcomes: The known outcomes.
    """

    __slots__ = ("call", "future", "items", "keys", "outcomes", "settled")
    items: List[Any]
    keys: List[str]
    outcomes: List[Outcome]
    settled: bool
    call: "Optional[Callable[[Executor], Future[Any]]]"

    def __init__(
        self,
        items: List[Any],
        keys: "List[str]",
        call: "Optional[Callable[[Executor], Future[Any]]]" = None,
        outcomes: "Optional[List[Outcome]]" = None,
    ) -> None:
        self.items, self.keys, self.call, self.outcomes = items, keys, call, outcomes or []
        self.future: Optional[Future[Any]] = None
        self.settled = outcomes is not None


class Dispatcher:
    """
    Submits chunks, records outcomes, and releases what the map uses.

    Call `dispatch` for each chunk, `stop` at the end, and `join` to wait until running items are finished and recorded.
    If no thread can be started, these methods do the work in the thread that calls them.

    Args:
        group: The workers. They are closed at the end.

        executor: Does the work.

        ends: Closed at the end: the executor if it belongs to the map, and the journal.

        journal: Records each finished item.

        wake: Set whenever a chunk is settled, and at the end.
    """

    done: int
    failed: int
    settled: int
    has_ended: bool

    def __init__(
        self,
        group: WorkerGroup,
        executor: Executor,
        *,
        ends: contextlib.ExitStack,
        journal: Optional[Journal],
        wake: WakeUp,
    ) -> None:
        self._group, self._executor, self._ends, self._journal, self._wake = group, executor, ends, journal, wake
        # Guards the counts and the journal. The caller's thread takes it only if no thread can start.
        self._lock = threading.RLock()
        self._running: Set[Chunk] = set()
        self._settled = WakeUp()
        self._chunks: SimpleQueue[Optional[Chunk]] = SimpleQueue()
        self._stopping = False
        self.done = self.failed = 0  # items
        self.settled = 0  # chunks
        self.error: Optional[Exception] = None  # why no more items may be begun
        self.end_error: Optional[Exception] = None
        self.has_ended = False
        in_callers_thread = isinstance(executor, thread_executor.CallersThread)
        self._thread = None if in_callers_thread else start(self._run, "sgextended-map")

    def dispatch(self, chunk: Chunk) -> None:
        """
        Submit a chunk.
        """
        if self._thread is None:
            self._submit(chunk)
        else:
            self._chunks.put(chunk)

    def stop(self) -> None:
        """
        Begin no further chunk. It waits for nothing, and finalizers may call it.
        """
        self._stopping = True
        self._chunks.put(None)

    def join(self) -> None:
        """
        Wait until all running items are finished and recorded, however long that takes.

        The garbage collector may end a map in one of its own threads. Such a thread does not wait for itself.
        """
        if self._thread is None:
            self._end()
            return
        if self._group.is_worker() or threading.current_thread() is self._thread:
            return
        while not self.has_ended and self._thread.is_alive():
            self._wake.wait(LOOK_AGAIN)

    def _run(self) -> None:
        for chunk in iter(self._chunks.get, None):
            if not self._stopping:
                self._submit(chunk)
        self._end()

    def _submit(self, chunk: Chunk) -> None:
        assert chunk.call is not None
        self._running.add(chunk)
        try:
            future = chunk.call(self._executor)
        except Exception as error:  # noqa: BLE001 - a process of the executor died, or it was shut down
            future = Future()
            future.set_exception(error)
        chunk.future = future
        future.add_done_callback(functools.partial(self._settle, chunk))

    def _end(self) -> None:
        """
        Cancel the chunks that have not begun, wait for the others, and release everything.
        """
        self._stopping = True
        for chunk in list(self._running):
            if chunk.future is not None:
                chunk.future.cancel()
        while self._running:
            self._settled.wait(LOOK_AGAIN)
        try:
            with self._ends:
                self._group.close()
        except Exception as error:  # noqa: BLE001 - the caller's thread raises or logs it
            self.end_error = error
        self.has_ended = True
        self._wake.set()

    def _settle(self, chunk: Chunk, future: "Future[Any]") -> None:
        """
        Record the outcomes of a chunk, in the thread that completes its future, so that no finished item is lost.
        """
        outcomes = [] if future.cancelled() and self._stopping else _outcomes(chunk, future)
        with self._lock:
            if self._journal is not None:
                outcomes = [self._recorded(self._journal, *each) for each in zip(chunk.keys, outcomes)]
            failed = sum(outcome.error is not None for outcome in outcomes)
            self.done += len(outcomes) - failed
            self.failed += failed
            self.settled += 1
            chunk.outcomes, chunk.settled = outcomes, True
            self._running.discard(chunk)
        self._settled.set()
        self._wake.set()

    def _recorded(self, journal: Journal, key: str, outcome: Outcome) -> Outcome:
        """
        Record a result in the journal. A result that JSON cannot hold becomes a failure, as it would in the next run.
        """
        if outcome.error is None:
            try:
                journal.record(key, outcome.result)
            except OSError as error:  # a full disk: no later result can be recorded, so the map ends
                self.error = self.error or error
            except Exception as error:  # noqa: BLE001 - the str() of a result may raise anything
                msg = (
                    f"The work was done, but the journal cannot store its result: {error}. Return a value that JSON "
                    "can represent."
                )
                return Outcome(None, WorkerError(msg))
        return outcome


def _outcomes(chunk: Chunk, future: "Future[Any]") -> List[Outcome]:
    try:
        return outcomes_of(future.result())
    except CancelledError:
        error: BaseException = CancelledError(
            "The executor was shut down, or it cancelled the item, before the work was done."
        )
    except BaseException as raised:  # noqa: BLE001 - it becomes the outcome of each item
        error = raised
    return [Outcome(None, error) for _ in chunk.items]
