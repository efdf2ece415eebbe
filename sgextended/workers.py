"""
One function over many items: on threads of this process, on processes, or on a cluster.

It knows nothing of `SGExtended`: it is told how a worker makes what it works with. So it stands below the wrapper,
whose ``map`` it is.
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

from sgextended import thread_executor
from sgextended.dask import Cluster, cluster_of
from sgextended.errors import ConfigurationError, MapTimeout, WorkerError, WorkerLost
from sgextended.hooks import RECORDER
from sgextended.http.deadline import Deadline, current, until
from sgextended.journal import Journal, name_of
from sgextended.progress import Progress, Reporter, reporter
from sgextended.remote import Crew, Guard, Outcome, outcomes_of, reason_of

if TYPE_CHECKING:
    from os import PathLike

#: Chunks in flight for each worker: enough that none runs dry. As many more may be done and wait for their turn.
AHEAD = 2
_AWAKE = 0.2  # seconds a wait lasts at once: one that Ctrl-C does not end, as on Windows, ends then

_log = logging.getLogger("sgextended")


@frozen
class Failure:
    """
    What came of an item whose work failed, where failures are collected.
    """

    __module__ = "sgextended"

    item: Any
    error: BaseException

    def __bool__(self) -> bool:
        return False


@frozen(kw_only=True)
class Options:
    """
    How items are worked on: the options of ``sg.map``, which documents them.
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
    guard: Optional[Guard] = None

    def __attrs_post_init__(self) -> None:
        for name, value in (("workers", self.workers), ("chunksize", 1 if self.chunksize is None else self.chunksize)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                msg = f"{name}={value!r}: give a whole number of at least 1."
                raise ConfigurationError(msg)
        if self.on_error not in ("raise", "collect"):
            msg = f"on_error={self.on_error!r}: 'raise' ends at the first failure, 'collect' hands each one back."
            raise ConfigurationError(msg)
        if self.executor is not None and not callable(getattr(self.executor, "submit", None)):
            msg = f"executor={self.executor!r:.80}: give a concurrent.futures.Executor, or None for threads."
            raise ConfigurationError(msg)
        if self.progress is not None and not isinstance(self.progress, bool) and not callable(self.progress):
            msg = f"progress={self.progress!r:.80}: True shows a bar, a function is called with (done, failed, total)."
            raise ConfigurationError(msg)


def run(
    function: Callable[[Any, Any], Any], items: Iterable[Any], *, make: Callable[[], Any], options: Options
) -> Iterator[Any]:
    """
    Return an iterator over ``function(sg, item)`` for each item; see ``SGExtended.map``.

    Args:
        function: Called by the workers.

        items: What to work on, taken as results are asked for.

        make: Makes the *sg* of one worker, where it works, when it takes its first item. To go to other processes, it
            must be picklable.

        options: How.

    Raises:
        ConfigurationError: Before anything is begun.
    """
    check_function(function)
    recorder = RECORDER.get()
    if options.journal is not None and recorder is not None and recorder.is_dry:
        msg = "In a dry run nothing is done, and a journal would say that it was: leave journal= out."
        raise ConfigurationError(msg)
    limit = None if options.timeout is None else Deadline.after(options.timeout)
    journal = None if options.journal is None else Journal(options.journal, function, options.key)
    cluster = cluster_of(options.executor)
    if cluster is not None:
        options = evolve(options, executor=cluster, guard=options.guard or cluster.guard)
    crew = Crew(function, make, collect=options.on_error == "collect", guard=options.guard)
    if cluster is not None or _is_of_processes(options.executor):
        _check_that_it_travels(crew, function, pickle.dumps if cluster is None else cluster.dumps)
    total = len(items) if isinstance(items, Sized) else None
    return _Run(crew, iter(items), total, options, journal, limit).results()


def _is_of_processes(executor: Optional[Executor]) -> bool:
    # The import takes long, and Python refuses it once its main thread has ended. A caller who has such an executor has
    # imported the module.
    process = sys.modules.get("concurrent.futures.process")
    return process is not None and isinstance(executor, process.ProcessPoolExecutor)


def check_function(function: Callable[..., Any]) -> None:
    """
    Refuse what is no function, and one whose call alone does nothing.

    Raises:
        ConfigurationError: It is such a one.
    """
    if not callable(function):
        msg = f"{function!r:.80} cannot be called: map takes a function first, and then the items."
        raise ConfigurationError(msg)
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        kind = "asynchronous: nobody would await it" if inspect.iscoroutinefunction(function) else "a generator"
        name = getattr(function, "__name__", name_of(function))  # a partial has none
        msg = f"{name} is {kind}, so that nothing would be done. Give a function that does the work."
        raise ConfigurationError(msg)


def _check_that_it_travels(crew: Crew, function: Callable[..., Any], dumps: Callable[[Any], bytes]) -> None:
    """
    Refuse what cannot go to another process, before anything is begun.
    """
    crew.recipe  # noqa: B018 - it says by itself what is wrong
    try:
        dumps(function)
    except Exception as error:
        msg = (
            f"{function!r:.80} cannot be sent to other processes: {error}. Give a function that stands in a module, "
            "or functools.partial of one."
        )
        raise ConfigurationError(msg) from error


class _Entry:
    """
    Items that were handed to a worker together, or one whose result is known from the journal.
    """

    __slots__ = ("future", "items", "keys", "outcomes", "settled")

    def __init__(
        self, items: List[Any], keys: "Optional[List[str]]" = None, outcomes: "Optional[List[Outcome]]" = None
    ) -> None:
        self.items, self.outcomes = items, outcomes or []
        self.keys = keys or []  # in the journal; the work may change its item
        self.future: Optional[Future[List[Outcome]]] = None
        self.settled = outcomes is not None


class _Run:
    """
    One map while it runs.
    """

    def __init__(
        self,
        crew: Crew,
        items: Iterator[Any],
        total: Optional[int],
        options: Options,
        journal: Optional[Journal],
        limit: Optional[Deadline],
    ) -> None:
        self._crew, self._items, self._total, self._options = crew, items, total, options
        self._journal, self._limit = journal, limit
        self._numbers = itertools.count()
        self._held: Optional[_Entry] = None
        self._window: Deque[_Entry] = deque()
        self._in_flight = 0
        self._exhausted = False
        self._report: Reporter = lambda _done, _failed: None
        self._error: Optional[Exception] = None  # ends the map, after the results that there are
        self._is_late = False  # there was more to begin when the time was up
        self._stopping = False
        self._changed = threading.Condition()  # guards what is counted, and tells that an entry is settled
        self._done = self._failed = 0

    def results(self) -> Iterator[Any]:
        """
        Yield what comes of each item.
        """
        options = self._options
        with contextlib.ExitStack() as stack:
            self._report = stack.enter_context(reporter(options.progress, self._total))
            if self._journal is not None:
                stack.enter_context(self._journal)
            stack.push(self._dismiss)
            executor = options.executor
            if executor is None:
                executor = thread_executor.executor(options.workers, "sgextended-worker")
                stack.enter_context(executor)
            elif isinstance(executor, Cluster):
                stack.enter_context(executor)
            stack.callback(self._stop)
            try:
                yield from self._work(executor)
            finally:
                if self._crew.is_worker() and not isinstance(
                    executor, thread_executor.CallersThread
                ):  # it collects what nobody iterates any more, and cannot wait for itself
                    threading.Thread(target=stack.pop_all().close, name="sgextended-end").start()

    def _dismiss(self, _kind: object, error: Optional[BaseException], _traceback: object) -> None:
        try:
            self._crew.dismiss()
        except Exception:
            if error is None or isinstance(error, GeneratorExit):
                raise
            # Raised, it would hide the error that has ended the map.
            _log.warning("A worker could not be ended.", exc_info=True)

    def _work(self, executor: Executor) -> Iterator[Any]:
        while True:
            # Asked each time, as clusters grow and shrink.
            workers = max(self._options.workers, getattr(executor, "_max_workers", None) or 0)
            self._feed(executor, workers * AHEAD)
            if not self._window:
                if self._error is not None:
                    raise self._error
                if self._limit is not None and self._is_late:
                    raise self._timeout(self._limit)
                return
            entry = self._next()
            for item, outcome in zip(entry.items, entry.outcomes):
                self._report(self._done, self._failed)
                yield outcome.result if outcome.error is None else self._failure(item, outcome.error)

    def _failure(self, item: Any, error: BaseException) -> Failure:
        if self._options.on_error == "collect":
            return Failure(item, error)
        if isinstance(error, WorkerLost):
            raise error  # it names the item by itself
        if self._limit is not None and self._limit.left() <= 0 and isinstance(error, TimeoutError):
            raise self._timeout(self._limit) from error  # a call that has ended with the map's time, a moment sooner
        msg = f"The work on {name_of(item)} failed: {reason_of(error)}"
        raise WorkerError(msg, item=item) from error

    # --- Feeding

    def _feed(self, executor: Executor, most: int) -> None:
        while self._in_flight < most and not self._exhausted and len(self._window) < 2 * most:
            if self._error is not None or self._is_late or (self._failed and self._options.on_error == "raise"):
                return  # the failure comes in its turn, and nothing more is begun
            entry = self._take()
            if entry is None:
                return
            if self._limit is not None and self._limit.left() <= 0 and not entry.settled:
                self._is_late = True
                return
            with _uninterrupted():  # what was handed out and not noted would be lost, done or not
                with self._changed:
                    self._done += entry.settled
                    self._in_flight += not entry.settled
                self._window.append(entry)
                if not entry.settled:
                    entry.future = self._submit(executor, entry.items)
                    entry.future.add_done_callback(functools.partial(self._settle, entry))

    def _take(self) -> Optional[_Entry]:
        """
        Return the next items to hand out together, or one that the journal knows.
        """
        if self._held is not None:
            known, self._held = self._held, None
            return known
        chunk: List[Any] = []
        keys: List[str] = []
        try:
            for item in self._items:
                if self._journal is not None:
                    key = self._journal.key(item)
                    if self._journal.has(key):
                        known = _Entry([item], outcomes=[Outcome(self._journal.result(key))])
                        if not chunk:
                            return known
                        self._held = known  # it comes after them
                        return _Entry(chunk, keys)
                    keys.append(key)
                chunk.append(item)
                if len(chunk) == (self._options.chunksize or 1):
                    return _Entry(chunk, keys)
        except Exception as error:  # noqa: BLE001 - raised when what was taken before it is done
            self._error = error
        self._exhausted = True
        return _Entry(chunk, keys) if chunk else None

    def _submit(self, executor: Executor, chunk: List[Any]) -> "Future[List[Outcome]]":
        numbered = [(next(self._numbers), item) for item in chunk]
        limit = _sooner(self._limit, current())
        with until(limit):
            crew = self._crew.bound(contextvars.copy_context())
        try:
            return executor.submit(crew, numbered, limit.left() if limit else None)
        except RuntimeError as error:  # it is broken, as by a process that died, or was shut down
            failed: Future[List[Outcome]] = Future()
            failed.set_exception(error)
            return failed

    # --- Results

    def _next(self) -> _Entry:
        """
        Return the entry whose results come next, once they are there.
        """
        first = self._window[0]
        if self._options.ordered:
            self._wait(lambda: first.settled, self._limit)
            return self._window.popleft()
        self._wait(lambda: any(entry.settled for entry in self._window), self._limit)
        entry = next(entry for entry in self._window if entry.settled)
        self._window.remove(entry)
        return entry

    def _wait(self, is_so: Callable[[], bool], limit: Optional[Deadline]) -> None:
        """
        Wait until it is so.

        Raises:
            MapTimeout: The time is up.
        """
        with self._changed:
            while not self._changed.wait_for(is_so, min(_AWAKE, limit.left()) if limit else _AWAKE):
                if limit is not None and limit.left() <= 0:
                    raise self._timeout(limit)

    def _timeout(self, limit: Deadline) -> MapTimeout:
        msg = (
            f"The work was not done within {limit.seconds} s: {self._done} items are done, {self._failed} failed. "
            "What runs is finished, nothing more is begun."
        )
        return MapTimeout(msg, done=self._done, failed=self._failed)

    def _settle(self, entry: _Entry, future: "Future[List[Outcome]]") -> None:
        """
        Note what came of a chunk, in the thread that knows it first: nothing that is done may be lost.
        """
        outcomes = [] if future.cancelled() and self._stopping else _outcomes(entry, future)
        with self._changed:
            if self._journal is not None:
                outcomes = [self._noted(self._journal, *each) for each in zip(entry.keys, outcomes)]
            failed = sum(outcome.error is not None for outcome in outcomes)
            self._done += len(outcomes) - failed
            self._failed += failed
            self._in_flight -= 1
            entry.outcomes, entry.settled = outcomes, True
            self._changed.notify_all()

    def _noted(self, journal: Journal, key: str, outcome: Outcome) -> Outcome:
        """
        Write into the journal what came of an item. What it cannot hold is a failure, so that the next run fails too.
        """
        if outcome.error is None:
            try:
                journal.note(key, outcome.result)
            except OSError as error:  # the disk is full, say: what is done from now on would be lost
                self._error = self._error or error
            except Exception as error:  # noqa: BLE001 - whatever JSON, or the text of a result, refuses
                msg = f"It was done, but the journal cannot hold its result: {error}. Return what JSON has a form for."
                return Outcome(None, WorkerError(msg))
        return outcome

    def _stop(self) -> None:
        """
        Begin nothing more, and let what runs finish.
        """
        self._stopping = True
        running = [entry for entry in self._window if entry.future is not None and not entry.future.cancel()]
        self._wait(lambda: all(entry.settled for entry in running), None)  # however long it takes


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """
    Keep Ctrl-C back to the end of a block: for a few steps that are done all or not at all.
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
    # Python runs handlers in its main thread alone. It knows that thread better than the module threading does, which
    # takes the thread that imported it first for the main one.
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


def _outcomes(entry: _Entry, future: "Future[List[Outcome]]") -> List[Outcome]:
    try:
        return outcomes_of(future.result())
    except CancelledError:
        error: BaseException = CancelledError("The executor was shut down, or has cancelled it, before it was done.")
    except BaseException as raised:  # noqa: BLE001 - what came of the items, whatever it is
        error = raised
    return [Outcome(None, error) for _ in entry.items]


def _sooner(one: Optional[Deadline], other: Optional[Deadline]) -> Optional[Deadline]:
    given = [each for each in (one, other) if each is not None]
    return min(given, key=lambda each: each.at) if given else None
