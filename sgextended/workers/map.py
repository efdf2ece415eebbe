"""
The engine of ``sg.map``: one function over many items, in threads, in processes or on a cluster.

It does not depend on `SGExtended`: it receives a factory that makes the *sg* of one worker.
"""

import contextlib
import contextvars
import functools
import inspect
import itertools
import logging
import os
import pickle
import signal
import sys
import threading
from collections import deque
from concurrent.futures import CancelledError, Executor, Future
from typing import TYPE_CHECKING, Any, Callable, Deque, Iterable, Iterator, List, Optional, Sized, Union

from attrs import evolve, frozen

from sgextended.errors import ConfigurationError, MapTimeout, WorkerError, WorkerLost
from sgextended.http.deadline import Deadline, current, until
from sgextended.workers import thread_executor
from sgextended.workers.dask_executor import DaskCluster, cluster_of
from sgextended.workers.journal import Journal, name_of
from sgextended.workers.progress import Progress, Reporter, reporter
from sgextended.workers.worker_group import Outcome, WorkerGroup, outcomes_of, reason_of
from sgextended.writes.write_events import RECORDER

if TYPE_CHECKING:
    from os import PathLike

#: Chunks in flight for each worker, so that no worker runs dry. As many more may be done and wait for the caller.
AHEAD = 2
_LONGEST_WAIT = 0.2  # seconds of one wait, since on Windows Ctrl-C does not end a wait

_log = logging.getLogger("sgextended")


@frozen
class Failure:
    """
    The result of a failed item with ``on_error="collect"``. It is false.

    Attributes:
        item: The item.

        error: The exception that the work raised.
    """

    __module__ = "sgextended"

    item: Any
    error: BaseException

    def __bool__(self) -> bool:
        return False


@frozen(kw_only=True)
class Options:
    """
    The options of ``sg.map``, which documents them.

    Raises:
        ConfigurationError: An option is not valid.
    """

    workers: int = 8
    executor: Optional[Executor] = None
    ordered: bool = True
    on_error: str = "raise"
    progress: Progress = None
    timeout: Optional[float] = None
    chunksize: Optional[int] = None
    journal: Union[str, "PathLike[str]", None] = None
    key: Optional[Callable[[Any], str]] = None

    def __attrs_post_init__(self) -> None:
        for name, value in (("workers", self.workers), ("chunksize", 1 if self.chunksize is None else self.chunksize)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                msg = f"{name}={value!r} is not valid. Pass a whole number of at least 1."
                raise ConfigurationError(msg)
        if self.on_error not in ("raise", "collect"):
            msg = (
                f"on_error={self.on_error!r} is not valid. Pass 'raise' to end at the first failure, or 'collect' to "
                "receive each one."
            )
            raise ConfigurationError(msg)
        if self.executor is not None and not callable(getattr(self.executor, "submit", None)):
            msg = f"executor={self.executor!r:.80} is not valid. Pass a concurrent.futures.Executor, or None."
            raise ConfigurationError(msg)
        if self.progress is not None and not isinstance(self.progress, bool) and not callable(self.progress):
            msg = (
                f"progress={self.progress!r:.80} is not valid. Pass True for a bar, or a function; it is called "
                "with (done, failed, total)."
            )
            raise ConfigurationError(msg)


def run(
    function: Callable[[Any, Any], Any], items: Iterable[Any], *, make: Callable[[], Any], options: Options
) -> Iterator[Any]:
    """
    Return an iterator over ``function(sg, item)`` for each item; see ``SGExtended.map``.

    Args:
        function: Called by the workers with their *sg* and an item.

        items: The items, taken as the caller consumes results.

        make: Makes the *sg* of one worker, in the worker, when it takes its first item. It must be picklable if other
            processes do the work.

        options: The options of the map.

    Raises:
        ConfigurationError: An option is not valid, or something cannot be pickled. No item was begun.
    """
    check_function(function)
    recorder = RECORDER.get()
    if options.journal is not None and recorder is not None and recorder.is_dry:
        msg = "journal= is not allowed in a dry run: it would record planned items as done. Leave journal= out."
        raise ConfigurationError(msg)
    limit = None if options.timeout is None else Deadline.after(options.timeout)
    journal = None if options.journal is None else Journal(options.journal, function, options.key)
    cluster = cluster_of(options.executor)
    if cluster is not None:
        options = evolve(options, executor=cluster)
    guard = None if cluster is None else cluster.guard
    group = WorkerGroup(function, make, collect=options.on_error == "collect", guard=guard)
    if cluster is not None or _is_process_pool(options.executor):
        _check_picklable(group, function, pickle.dumps if cluster is None else cluster.dumps)
    total = len(items) if isinstance(items, Sized) else None
    return _Run(group, iter(items), total, options, journal, limit).results()


def _is_process_pool(executor: Optional[Executor]) -> bool:
    # Not imported here: the import takes long, and Python refuses it once its main thread has ended. A caller that has
    # such an executor has imported the module.
    process = sys.modules.get("concurrent.futures.process")
    return process is not None and isinstance(executor, process.ProcessPoolExecutor)


def check_function(function: Callable[..., Any]) -> None:
    """
    Validate the function of a map.

    Raises:
        ConfigurationError: The value is not callable, or a coroutine or generator function, whose call does nothing.
    """
    if not callable(function):
        msg = f"{function!r:.80} is not callable. map takes a function first, and then the items."
        raise ConfigurationError(msg)
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        kind = "a coroutine" if inspect.iscoroutinefunction(function) else "a generator"
        name = getattr(function, "__name__", name_of(function))  # a partial has none
        msg = f"{name} is {kind} function: calling it would not do the work. Pass an ordinary function."
        raise ConfigurationError(msg)


def _check_picklable(group: WorkerGroup, function: Callable[..., Any], dumps: Callable[[Any], bytes]) -> None:
    """
    Raise ConfigurationError if the *sg* or the function cannot be sent to another process.
    """
    group.recipe  # noqa: B018 - its error explains itself
    try:
        dumps(function)
    except Exception as error:
        msg = (
            f"{function!r:.80} cannot be sent to other processes: {error}. Pass a function that is defined in a "
            "module, or functools.partial of one."
        )
        raise ConfigurationError(msg) from error


class _Chunk:
    """
    A chunk of items that was submitted, or one item whose result is in the journal.
    """

    __slots__ = ("future", "items", "keys", "outcomes", "settled")

    def __init__(
        self, items: List[Any], keys: "Optional[List[str]]" = None, outcomes: "Optional[List[Outcome]]" = None
    ) -> None:
        self.items, self.outcomes = items, outcomes or []
        self.keys = keys or []  # in the journal; computed first, since the work may change its item
        self.future: Optional[Future[List[Outcome]]] = None
        self.settled = outcomes is not None


class _Run:
    """
    One running map.
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
        self._held: Optional[_Chunk] = None
        self._window: Deque[_Chunk] = deque()
        self._in_flight = 0
        self._exhausted = False
        self._report: Reporter = lambda _done, _failed: None
        self._error: Optional[Exception] = None  # raised after the results that are there
        self._is_late = False  # the time was up before all items were begun
        self._stopping = False
        self._changed = threading.Condition()  # guards the counts; notified when a chunk is settled
        self._done = self._failed = 0

    def results(self) -> Iterator[Any]:
        """
        Yield the result of each item.
        """
        options = self._options
        with contextlib.ExitStack() as stack:
            self._report = stack.enter_context(reporter(options.progress, self._total))
            if self._journal is not None:
                stack.enter_context(self._journal)
            stack.push(self._close_workers)
            executor = options.executor
            if executor is None:
                executor = thread_executor.executor(options.workers, "sgextended-worker")
                stack.enter_context(executor)
            elif isinstance(executor, DaskCluster):
                stack.enter_context(executor)
            stack.callback(self._stop)
            try:
                yield from self._work(executor)
            finally:
                # A worker may run the garbage collector that ends this generator. It cannot wait for itself.
                if self._group.is_worker() and not isinstance(executor, thread_executor.CallersThread):
                    threading.Thread(target=stack.pop_all().close, name="sgextended-end").start()

    def _close_workers(self, _kind: object, error: Optional[BaseException], _traceback: object) -> None:
        try:
            self._group.close()
        except Exception:
            if error is None or isinstance(error, GeneratorExit):
                raise
            # Raising here would hide the error that has ended the map.
            _log.warning("A worker could not be closed.", exc_info=True)

    def _work(self, executor: Executor) -> Iterator[Any]:
        while True:
            # Read each time, because clusters grow and shrink.
            workers = max(self._options.workers, getattr(executor, "_max_workers", None) or 0)
            self._feed(executor, workers * AHEAD)
            if not self._window:
                if self._error is not None:
                    raise self._error
                if self._limit is not None and self._is_late:
                    raise self._timeout(self._limit)
                return
            chunk = self._next()
            for item, outcome in zip(chunk.items, chunk.outcomes):
                self._report(self._done, self._failed)
                yield outcome.result if outcome.error is None else self._failure(item, outcome.error)

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

    def _feed(self, executor: Executor, most: int) -> None:
        while self._in_flight < most and not self._exhausted and len(self._window) < 2 * most:
            if self._error is not None or self._is_late or (self._failed and self._options.on_error == "raise"):
                return  # begin nothing more; the failure is raised in its turn
            chunk = self._take()
            if chunk is None:
                return
            if self._limit is not None and self._limit.left() <= 0 and not chunk.settled:
                self._is_late = True
                return
            with _uninterrupted():  # an interruption between these steps would lose the submitted items
                with self._changed:
                    self._done += chunk.settled
                    self._in_flight += not chunk.settled
                self._window.append(chunk)
                if not chunk.settled:
                    chunk.future = self._submit(executor, chunk.items)
                    chunk.future.add_done_callback(functools.partial(self._settle, chunk))

    def _take(self) -> Optional[_Chunk]:
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
                        known = _Chunk([item], outcomes=[Outcome(self._journal.result(key))])
                        if not items:
                            return known
                        self._held = known  # returned next
                        return _Chunk(items, keys)
                    keys.append(key)
                items.append(item)
                if len(items) == (self._options.chunksize or 1):
                    return _Chunk(items, keys)
        except Exception as error:  # noqa: BLE001 - raised after the items before it
            self._error = error
        self._exhausted = True
        return _Chunk(items, keys) if items else None

    def _submit(self, executor: Executor, items: List[Any]) -> "Future[List[Outcome]]":
        numbered = [(next(self._numbers), item) for item in items]
        limit = _earlier(self._limit, current())
        with until(limit):
            call = self._group.bound(contextvars.copy_context())
        try:
            return executor.submit(call, numbered, limit.left() if limit else None)
        except RuntimeError as error:  # a process of the executor died, or it was shut down
            failed: Future[List[Outcome]] = Future()
            failed.set_exception(error)
            return failed

    # --- Results

    def _next(self) -> _Chunk:
        """
        Wait for the next results, and return their chunk.
        """
        first = self._window[0]
        if self._options.ordered:
            self._wait(lambda: first.settled, self._limit)
            return self._window.popleft()
        self._wait(lambda: any(chunk.settled for chunk in self._window), self._limit)
        chunk = next(chunk for chunk in self._window if chunk.settled)
        self._window.remove(chunk)
        return chunk

    def _wait(self, predicate: Callable[[], bool], limit: Optional[Deadline]) -> None:
        """
        Wait until the predicate is true.

        Raises:
            MapTimeout: The time is up.
        """
        with self._changed:
            while not self._changed.wait_for(predicate, min(_LONGEST_WAIT, limit.left()) if limit else _LONGEST_WAIT):
                if limit is not None and limit.left() <= 0:
                    raise self._timeout(limit)

    def _timeout(self, limit: Deadline) -> MapTimeout:
        msg = (
            f"The work was not done within {limit.seconds} s: {self._done} items are done, {self._failed} failed. "
            "Running items are finished, and no more are begun. Pass a longer timeout=, or a journal= to resume."
        )
        return MapTimeout(msg, done=self._done, failed=self._failed)

    def _settle(self, chunk: _Chunk, future: "Future[List[Outcome]]") -> None:
        """
        Record the outcomes of a chunk, in the thread that completes its future, so that no finished item is lost.
        """
        outcomes = [] if future.cancelled() and self._stopping else _outcomes(chunk, future)
        with self._changed:
            if self._journal is not None:
                outcomes = [self._recorded(self._journal, *each) for each in zip(chunk.keys, outcomes)]
            failed = sum(outcome.error is not None for outcome in outcomes)
            self._done += len(outcomes) - failed
            self._failed += failed
            self._in_flight -= 1
            chunk.outcomes, chunk.settled = outcomes, True
            self._changed.notify_all()

    def _recorded(self, journal: Journal, key: str, outcome: Outcome) -> Outcome:
        """
        Record a result in the journal. A result that JSON cannot hold becomes a failure, as it would in the next run.
        """
        if outcome.error is None:
            try:
                journal.record(key, outcome.result)
            except OSError as error:  # a full disk: no later result can be recorded, so the map ends
                self._error = self._error or error
            except Exception as error:  # noqa: BLE001 - the str() of a result may raise anything
                msg = (
                    f"The work was done, but the journal cannot store its result: {error}. Return a value that JSON "
                    "can represent."
                )
                return Outcome(None, WorkerError(msg))
        return outcome

    def _stop(self) -> None:
        """
        Cancel the chunks that have not begun, and wait for the others.
        """
        self._stopping = True
        running = [chunk for chunk in self._window if chunk.future is not None and not chunk.future.cancel()]
        self._wait(lambda: all(chunk.settled for chunk in running), None)  # however long it takes


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """
    Postpone Ctrl-C to the end of the block, so that a few steps are done all or not at all.
    """
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):
        yield  # Ctrl-C raises nothing
        return
    pid, kept = os.getpid(), []

    def keep(number: int, frame: Any) -> None:
        if os.getpid() == pid:
            kept.append((number, frame))
        else:  # a process that was forked in the block
            handler(number, frame)

    is_set = False
    # Only the main thread can set handlers; in another thread this raises ValueError. The module threading may name the
    # wrong main thread: the one that imported it first.
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, keep)
        is_set = True
    try:
        yield
    finally:
        if is_set:
            signal.signal(signal.SIGINT, handler)
            if kept:
                handler(*kept[0])


def _outcomes(chunk: _Chunk, future: "Future[List[Outcome]]") -> List[Outcome]:
    try:
        return outcomes_of(future.result())
    except CancelledError:
        error: BaseException = CancelledError(
            "The executor was shut down, or it cancelled the item, before the work was done."
        )
    except BaseException as raised:  # noqa: BLE001 - it becomes the outcome of each item
        error = raised
    return [Outcome(None, error) for _ in chunk.items]


def _earlier(one: Optional[Deadline], other: Optional[Deadline]) -> Optional[Deadline]:
    given = [each for each in (one, other) if each is not None]
    return min(given, key=lambda each: each.at) if given else None
