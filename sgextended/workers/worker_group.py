"""
`WorkerGroup`: the workers of one map, each with an *sg* of its own, in this process or in others.

A group is called with items. In the process that created it, its workers are the threads that call it. Executors of
processes and clusters pickle it: then only the recipe of its *sg* is sent, and each process makes an *sg* from that.
"""

import contextlib
import functools
import logging
import multiprocessing.util
import pickle
import sys
import threading
from collections import OrderedDict
from contextvars import Context
from typing import Any, Callable, ContextManager, List, Optional, Protocol, Tuple, Union

from attrs import frozen

from sgextended.errors import WorkerError
from sgextended.http.deadline import deadline

#: A worker process keeps the *sg* of this many recipes, for the next map with the same recipe.
KEPT_RECIPES = 4

_log = logging.getLogger("sgextended")

Numbered = List[Tuple[int, Any]]


class Guard(Protocol):
    """
    A context manager around the work on each item, as a cluster needs it.
    """

    def item(self, number: int, item: Any) -> ContextManager[Any]:
        """
        Return the context manager for one item; it may raise on entry to refuse the item.

        Args:
            number: The number of the item in the map.

            item: The item.
        """
        ...


@frozen
class Outcome:
    """
    The outcome of one item: a result or an error.
    """

    result: Any
    error: Optional[BaseException] = None


class WorkerGroup:
    """
    Workers that share one function, each with an *sg* of its own, made when it takes its first item.

    Args:
        function: Called with the worker's *sg* and an item.

        make: Makes the *sg* of one worker. It must be picklable if other processes do the work.

        collect: Whether the items of a chunk after a failed one are processed.

        guard: Surrounds the work on each item in other processes.
    """

    def __init__(
        self, function: Callable[[Any, Any], Any], make: Callable[[], Any], *, collect: bool, guard: Optional[Guard]
    ) -> None:
        self._function, self._make, self._collect, self._guard = function, make, collect, guard
        self._own = threading.local()
        self._made: List[Any] = []

    @functools.cached_property
    def recipe(self) -> bytes:
        """
        The pickled *make*, from which another process makes an *sg*.

        Raises:
            ConfigurationError: The *sg* holds a literal API key, which must not be pickled.
        """
        # Dask sends classes of __main__ by value, which only its own pickler can.
        dumps = getattr(sys.modules.get("cloudpickle"), "dumps", pickle.dumps)
        recipe: bytes = dumps(self._make)
        return recipe

    def bound(self, context: Context) -> "_GroupCall":
        """
        Return the callable for an executor; in this process it runs in the given context, that of the caller.
        """
        return _GroupCall(self, context)

    def __call__(self, numbered: Numbered) -> List[Outcome]:
        if not hasattr(self._own, "sg"):
            self._own.sg = sg = self._make()
            self._made.append(sg)
        return _work(self._own.sg, self._function, numbered, collect=self._collect, guard=None)

    def is_worker(self) -> bool:
        """
        Return whether this thread is one of the workers.
        """
        return hasattr(self._own, "sg")

    def close(self) -> None:
        """
        Call `close_worker` for each *sg* that was made in this process.
        """
        with contextlib.ExitStack() as stack:
            for sg in self._made:
                stack.callback(close_worker, sg)

    def remote_arguments(self) -> Tuple[Any, ...]:
        """
        Return the first arguments of `work_in_process`, which are the same for all items.
        """
        return self.recipe, self._function, self._collect, self._guard


class _GroupCall:
    """
    The callable that an executor receives; it is pickled as a call of `work_in_process`.
    """

    def __init__(self, group: WorkerGroup, context: Context) -> None:
        self._group, self._context = group, context

    def __call__(self, numbered: Numbered, _seconds: Optional[float]) -> List[Outcome]:
        return self._context.run(_outcomes, self._group, numbered)

    def __reduce__(self) -> Tuple[Any, ...]:
        return functools.partial, (work_in_process, *self._group.remote_arguments())


def _outcomes(group: WorkerGroup, numbered: Numbered) -> List[Outcome]:
    try:
        return group(numbered)
    except Exception as error:  # noqa: BLE001 - the sg of this worker could not be made
        return [Outcome(None, error) for _ in numbered]


def work_in_process(
    recipe: bytes,
    function: Callable[[Any, Any], Any],
    collect: bool,
    guard: Optional[Guard],
    numbered: Numbered,
    seconds: Optional[float],
    dumps: Callable[[Any], bytes] = pickle.dumps,
) -> bytes:
    """
    Process items in another process, and return the pickled outcomes for `outcomes_of`.

    The *sg* is made from the recipe once for each thread, and kept. The outcomes are pickled here rather than by the
    executor: a result that cannot be pickled must not lose the other results of its chunk, nor break the executor.

    Args:
        recipe: The pickled function that makes the *sg*.

        function: Called with the *sg* and an item.

        collect: Whether the items after a failed one are processed.

        guard: Surrounds the work on each item.

        numbered: Pairs of an item's number in the map and the item.

        seconds: Time limit for the chunk. None: no limit.

        dumps: Pickles the outcomes.
    """
    with deadline(seconds):
        try:
            sg = _sg_of(recipe)
        except Exception as error:  # noqa: BLE001 - it becomes the outcome of each item
            return _written([Outcome(None, error) for _ in numbered], dumps)
        outcomes = _work(sg, function, numbered, collect=collect, guard=guard)
    return _written(outcomes, dumps)


def outcomes_of(returned: Union[bytes, List[Outcome]]) -> List[Outcome]:
    """
    Return the outcomes in what an executor returned, which are pickled if another process did the work.

    Raises:
        WorkerError: One of the results cannot be read in this process.
    """
    if isinstance(returned, list):
        return returned
    try:
        outcomes: List[Outcome] = pickle.loads(returned)  # noqa: S301 - our worker wrote it
    except Exception as error:
        msg = (
            f"The work was done, but its result cannot be read in this process: {reason_of(error)}. Return a value "
            "that can be pickled."
        )
        raise WorkerError(msg) from error
    return outcomes


def _written(outcomes: List[Outcome], dumps: Callable[[Any], bytes]) -> bytes:
    sendable = [each if each.error is None else Outcome(None, _sendable(each.error, dumps)) for each in outcomes]
    try:
        return dumps(sendable)
    except Exception as error:  # noqa: BLE001 - pickling may raise anything
        if len(sendable) > 1:
            return dumps([outcomes_of(_written([each], dumps))[0] for each in sendable])
        msg = f"The work was done, but its result cannot be sent back: {error}. Return a value that can be pickled."
        return dumps([Outcome(None, WorkerError(msg))])


def _work(
    sg: Any, function: Callable[[Any, Any], Any], numbered: Numbered, *, collect: bool, guard: Optional[Guard]
) -> List[Outcome]:
    outcomes: List[Outcome] = []
    for number, item in numbered:
        try:
            with guard.item(number, item) if guard is not None else contextlib.nullcontext():
                outcomes.append(Outcome(function(sg, item)))
        except (Exception, SystemExit) as error:  # noqa: BLE001, PERF203 - the outcome; a SystemExit would end a Dask worker
            outcomes.append(Outcome(None, error))
            if not collect:
                break
    return outcomes


def close_worker(sg: Any) -> None:
    """
    Call the ``teardown`` of a worker's *sg*, if it has one, and close the *sg*, if its client is our own.
    """
    try:
        teardown = getattr(type(sg), "teardown", None)
        if teardown is not None:
            teardown(sg)
    finally:
        if hasattr(getattr(sg, "_sg", None), "is_closed"):  # else it wraps a client of the caller
            sg.close()


_own = threading.local()


def _sg_of(recipe: bytes) -> Any:
    kept: OrderedDict[bytes, Tuple[Any, Callable[[], Any]]] = _own.__dict__.setdefault("kept", OrderedDict())
    if recipe not in kept:
        sg = pickle.loads(recipe)()  # noqa: S301 - the process that runs the map wrote it
        ending = multiprocessing.util.Finalize(None, close_worker, args=(sg,), exitpriority=10)  # when the process ends
        kept[recipe] = sg, ending
        if len(kept) > KEPT_RECIPES:
            _close_oldest(kept)
    kept.move_to_end(recipe)
    return kept[recipe][0]


def _close_oldest(kept: "OrderedDict[bytes, Tuple[Any, Callable[[], Any]]]") -> None:
    _recipe, (sg, close_now) = kept.popitem(last=False)
    try:
        close_now()
    except Exception:  # noqa: BLE001 - an error of its teardown must not fail the items of the next map
        _log.warning("The %s of an earlier map could not be closed.", type(sg).__name__, exc_info=True)


def _sendable(error: BaseException, dumps: Callable[[Any], bytes]) -> BaseException:
    """
    Return the error itself if it can be pickled, else a RuntimeError with its text.
    """
    try:
        pickle.loads(dumps(error))  # noqa: S301 - just written
    except Exception:  # noqa: BLE001 - pickling may raise anything
        return RuntimeError(reason_of(error))
    return error


def reason_of(error: BaseException) -> str:
    """
    Return the class and the text of an error, for messages.
    """
    return f"{type(error).__name__}: {error}"
