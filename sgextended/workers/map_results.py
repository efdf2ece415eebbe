"""
`MapResults`: the caller's side of a running map. It takes items, and yields results.
"""

import contextlib
import contextvars
import itertools
import logging
import os
from collections import deque
from concurrent.futures import Executor, Future
from typing import Any, Deque, Iterator, List, Optional

from attrs import frozen

from sgextended.concurrency.forked import require_own
from sgextended.concurrency.wake_up import LOOK_AGAIN, WakeUp
from sgextended.errors import MapTimeout, WorkerError, WorkerLost
from sgextended.http.deadline import Deadline, current, until
from sgextended.workers.journal import Journal, name_of
from sgextended.workers.map_dispatch import Chunk, Dispatcher
from sgextended.workers.map_options import Failure, Options, executor_for
from sgextended.workers.progress import Reporter, reporter
from sgextended.workers.worker_group import Outcome, WorkerGroup, reason_of

#: Chunks in flight for each worker, so that no worker runs dry. As many more may be done and wait for the caller.
AHEAD = 2

_log = logging.getLogger("sgextended")


@frozen
class _Submission:
    """
    Submits numbered items; the deadline of the caller, or of the map, bounds the work.
    """

    call: Any
    numbered: List[Any]
    limit: Optional[Deadline]

    def __call__(self, executor: Executor) -> "Future[Any]":
        return executor.submit(self.call, self.numbered, self.limit.left() if self.limit else None)


class MapResults:
    """
    One running map.

    Its methods run in the caller's thread, and any exception may interrupt them there. Submitted work belongs to the
    `Dispatcher`, whose thread is never interrupted.
    """

    def __init__(
        self,
        group: WorkerGroup,
        items: Iterator[Any],
        total: Optional[int],
        options: Options,
        journal: Optional[Journal],
        limit: Optional[Deadline],
    ) -> None:
        self._group, self._items, self._total, self._options = group, items, total, options
        self._journal, self._limit = journal, limit
        self._numbers = itertools.count()
        self._held: Optional[Chunk] = None
        self._window: Deque[Chunk] = deque()
        self._wake = WakeUp()
        self._pid = os.getpid()
        self._dispatcher: Optional[Dispatcher] = None
        self._dispatched = self._known = 0  # chunks that were submitted; items whose results the journal had
        self._exhausted = False
        self._report: Reporter = lambda _done, _failed: None
        self._error: Optional[Exception] = None  # of the items; raised after the results that are there
        self._is_late = False  # the time was up before all items were begun

    def __del__(self) -> None:
        # An exception may have interrupted the end of `results`.
        if self._dispatcher is not None and self._pid == os.getpid():
            self._dispatcher.stop()

    def results(self) -> Iterator[Any]:
        """
        Yield the result of each item.
        """
        options = self._options
        self._pid = os.getpid()
        with reporter(options.progress, self._total) as self._report, contextlib.ExitStack() as stack:
            ends = stack.enter_context(contextlib.ExitStack())
            if self._journal is not None:
                ends.enter_context(self._journal)
            executor = ends.enter_context(executor_for(options.executor, options.workers, "sgextended-worker"))
            stack.push(self._end)
            self._dispatcher = Dispatcher(
                self._group, executor, ends=ends.pop_all(), journal=self._journal, wake=self._wake
            )
            yield from self._work(self._dispatcher, executor)

    def _work(self, dispatcher: Dispatcher, executor: Executor) -> Iterator[Any]:
        while True:
            # Read each time, because clusters grow and shrink.
            workers = max(self._options.workers, getattr(executor, "_max_workers", None) or 0)
            self._feed(dispatcher, workers * AHEAD)
            if not self._window:
                error = self._error or dispatcher.error
                if error is not None:
                    raise error
                if self._limit is not None and self._is_late:
                    raise self._timeout(self._limit)
                return
            chunk = self._next()
            for item, outcome in zip(chunk.items, chunk.outcomes):
                self._report(dispatcher.done + self._known, dispatcher.failed)
                yield outcome.result if outcome.error is None else self._failure(item, outcome.error)
                require_own(self._pid, "This map")

    def _end(self, _kind: object, error: Optional[BaseException], _traceback: object) -> None:
        """
        End the map: begin nothing more, and wait for the running items.
        """
        dispatcher = self._dispatcher
        if dispatcher is None or self._pid != os.getpid():
            return  # all of it belongs to the parent of this process
        dispatcher.stop()
        try:
            dispatcher.join()
        except BaseException:
            dispatcher.join()  # a second interruption ends the wait, but not the recording
            raise
        if dispatcher.end_error is not None:
            if error is None or isinstance(error, GeneratorExit):
                raise dispatcher.end_error
            # Raising here would hide the error that has ended the map.
            _log.warning("A worker could not be closed.", exc_info=dispatcher.end_error)

    def _failure(self, item: Any, error: BaseException) -> Failure:
        if self._options.on_error == "collect":
            return Failure(item, error)
        if isinstance(error, WorkerLost):
            raise error  # its message names the item
        if self._limit is not None and self._limit.left() <= 0 and isinstance(error, TimeoutError):
            raise self._timeout(self._limit) from error  # a call noticed the end of the time first
        msg = f"The work on {name_of(item)} failed: {reason_of(error)}"
        raise WorkerError(msg, item=item) from error

    # --- Feeding

    def _feed(self, dispatcher: Dispatcher, most: int) -> None:
        while self._dispatched - dispatcher.settled < most and not self._exhausted and len(self._window) < 2 * most:
            has_failed = dispatcher.failed and self._options.on_error == "raise"
            if self._error is not None or dispatcher.error is not None or self._is_late or has_failed:
                return  # begin nothing more; the failure is raised in its turn
            chunk = self._take()
            if chunk is None:
                return
            if chunk.settled:
                self._known += 1
            elif self._limit is not None and self._limit.left() <= 0:
                self._is_late = True
                return
            else:
                self._dispatched += 1
                dispatcher.dispatch(chunk)
            self._window.append(chunk)

    def _take(self) -> Optional[Chunk]:
        """
        Return the next chunk to submit, or an item that the journal has; None when there are no more items.
        """
        if self._held is not None:
            known, self._held = self._held, None
            return known
        items: List[Any] = []
        keys: List[str] = []
        try:
            for item in self._items:
                if self._journal is not None:
                    key = self._journal.key(item)
                    if self._journal.has(key):
                        known = Chunk([item], [key], outcomes=[Outcome(self._journal.result(key))])
                        if not items:
                            return known
                        self._held = known  # returned next
                        return self._chunk(items, keys)
                    keys.append(key)
                items.append(item)
                if len(items) == (self._options.chunksize or 1):
                    return self._chunk(items, keys)
        except Exception as error:  # noqa: BLE001 - raised after the items before it
            self._error = error
        self._exhausted = True
        return self._chunk(items, keys) if items else None

    def _chunk(self, items: List[Any], keys: List[str]) -> Chunk:
        limit = _earlier(self._limit, current())
        with until(limit):
            call = self._group.bound(contextvars.copy_context())
        return Chunk(items, keys, _Submission(call, [(next(self._numbers), item) for item in items], limit))

    # --- Results

    def _next(self) -> Chunk:
        """
        Wait for the next results, and return their chunk.

        Raises:
            MapTimeout: The time is up.
        """
        while True:
            candidates = [self._window[0]] if self._options.ordered else self._window
            chunk = next((chunk for chunk in candidates if chunk.settled), None)
            if chunk is not None:
                self._window.remove(chunk)
                return chunk
            left = LOOK_AGAIN if self._limit is None else self._limit.left()
            if self._limit is not None and left <= 0:
                raise self._timeout(self._limit)
            self._wake.wait(min(LOOK_AGAIN, left))  # short, since on Windows Ctrl-C does not end a wait

    def _timeout(self, limit: Deadline) -> MapTimeout:
        assert self._dispatcher is not None
        done, failed = self._dispatcher.done + self._known, self._dispatcher.failed
        msg = (
            f"The work was not done within {limit.seconds} s: {done} items are done, {failed} failed. "
            "Running items are finished, and no more are begun. Pass a longer timeout=, or a journal= to resume."
        )
        return MapTimeout(msg, done=done, failed=failed)


def _earlier(one: Optional[Deadline], other: Optional[Deadline]) -> Optional[Deadline]:
    given = [each for each in (one, other) if each is not None]
    return min(given, key=lambda each: each.at) if given else None
