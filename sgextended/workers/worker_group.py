"""
Where the work is done: a crew of workers, each with what it works with, in this process or in others.

A `WorkerGroup` is called with items. Where it is called in the process that made it, its workers are the threads that call it.
When it is pickled, as executors of processes and clusters do, only the recipe of what its workers need travels.
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

#: What the workers of this many maps need is kept in a process for the next map of the same kind.
KEPT_RECIPES = 4

_log = logging.getLogger("sgextended")

Numbered = List[Tuple[int, Any]]


class Guard(Protocol):
    """
    What a cluster adds to the work on each item.
    """

    def item(self, number: int, item: Any) -> ContextManager[Any]:
        """
        Return what is around the work on the item of that number; entering it may raise instead.
        """
        ...


@frozen
class Outcome:
    """
    What came of one item: a result, or an error.
    """

    result: Any
    error: Optional[BaseException] = None


class WorkerGroup:
    """
    Workers that share one function, each with an *sg* of its own, made when it takes its first item.

    Args:
        function: Called with the worker's *sg* and an item.

        make: Makes the *sg*. To leave the process, it must be picklable.

        collect: Whether the items after a failed one are worked on.

        guard: What is around the work on each item, elsewhere.
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
        What another process needs to make an *sg*.

        Raises:
            ConfigurationError: It holds a literal key, which no pickle may.
        """
        # Dask sends classes of __main__ by value, so what it sends must be written by its own pickler.
        dumps = getattr(sys.modules.get("cloudpickle"), "dumps", pickle.dumps)
        recipe: bytes = dumps(self._make)
        return recipe

    def bound(self, context: Context) -> "_Bound":
        """
        Return the crew as the executor calls it: in this process, in the context of who iterates.
        """
        return _Bound(self, context)

    def __call__(self, numbered: Numbered) -> List[Outcome]:
        if not hasattr(self._own, "sg"):
            self._own.sg = sg = self._make()
            self._made.append(sg)
        return _work(self._own.sg, self._function, numbered, collect=self._collect, guard=None)

    def is_worker(self) -> bool:
        """
        Tell whether this thread is one of the workers.
        """
        return hasattr(self._own, "sg")

    def dismiss(self) -> None:
        """
        End what was made for the workers of this process: `end` for each.
        """
        with contextlib.ExitStack() as stack:
            for sg in self._made:
                stack.callback(end, sg)

    def there(self) -> Tuple[Any, ...]:
        """
        Return the arguments of `work_there`, but for the items.
        """
        return self.recipe, self._function, self._collect, self._guard


class _Bound:
    """
    What an executor is given to call.
    """

    def __init__(self, crew: WorkerGroup, context: Context) -> None:
        self._crew, self._context = crew, context

    def __call__(self, numbered: Numbered, _seconds: Optional[float]) -> List[Outcome]:
        return self._context.run(_outcomes, self._crew, numbered)

    def __reduce__(self) -> Tuple[Any, ...]:
        return functools.partial, (work_there, *self._crew.there())


def _outcomes(crew: WorkerGroup, numbered: Numbered) -> List[Outcome]:
    try:
        return crew(numbered)
    except Exception as error:  # noqa: BLE001 - the sg of this worker could not be made
        return [Outcome(None, error) for _ in numbered]


def work_there(
    recipe: bytes,
    function: Callable[[Any, Any], Any],
    collect: bool,
    guard: Optional[Guard],
    numbered: Numbered,
    seconds: Optional[float],
    dumps: Callable[[Any], bytes] = pickle.dumps,
) -> bytes:
    """
    Work on items in a process that has the recipe alone; its *sg* is made once for each thread, and kept.

    The outcomes are written here, for `outcomes_of`: what one of them cannot do must not cost the others of its chunk,
    nor the executor, which breaks over a result that it cannot read.
    """
    with deadline(seconds):
        try:
            sg = _sg_of(recipe)
        except Exception as error:  # noqa: BLE001 - goes back to who asked, as what came of the items
            return _written([Outcome(None, error) for _ in numbered], dumps)
        outcomes = _work(sg, function, numbered, collect=collect, guard=guard)
    return _written(outcomes, dumps)


def outcomes_of(answer: Union[bytes, List[Outcome]]) -> List[Outcome]:
    """
    Return the outcomes of what an executor has called, here or elsewhere.

    Raises:
        WorkerError: One of the results cannot be read in this process.
    """
    if isinstance(answer, list):
        return answer
    try:
        outcomes: List[Outcome] = pickle.loads(answer)  # noqa: S301 - it comes from who does the work
    except Exception as error:
        msg = f"It was done, but its result cannot be read here: {reason_of(error)}. Return what survives pickling."
        raise WorkerError(msg) from error
    return outcomes


def _written(outcomes: List[Outcome], dumps: Callable[[Any], bytes]) -> bytes:
    sendable = [each if each.error is None else Outcome(None, _sendable(each.error, dumps)) for each in outcomes]
    try:
        return dumps(sendable)
    except Exception as error:  # noqa: BLE001 - whatever keeps it from being pickled
        if len(sendable) > 1:
            return dumps([outcomes_of(_written([each], dumps))[0] for each in sendable])
        msg = f"It was done, but its result cannot be sent back: {error}. Return what can be pickled."
        return dumps([Outcome(None, WorkerError(msg))])


def _work(
    sg: Any, function: Callable[[Any, Any], Any], numbered: Numbered, *, collect: bool, guard: Optional[Guard]
) -> List[Outcome]:
    outcomes: List[Outcome] = []
    for number, item in numbered:
        try:
            with guard.item(number, item) if guard is not None else contextlib.nullcontext():
                outcomes.append(Outcome(function(sg, item)))
        except (Exception, SystemExit) as error:  # noqa: BLE001, PERF203 - goes back to who asked; Dask's workers exit
            outcomes.append(Outcome(None, error))
            if not collect:
                break
    return outcomes


def end(sg: Any) -> None:
    """
    End what a worker worked with: its ``teardown``, if it has one, and its connections, if it has its own.
    """
    try:
        teardown = getattr(type(sg), "teardown", None)
        if teardown is not None:
            teardown(sg)
    finally:
        if hasattr(getattr(sg, "_sg", None), "is_closed"):  # else it is around a client that was handed in
            sg.close()


_own = threading.local()


def _sg_of(recipe: bytes) -> Any:
    kept: OrderedDict[bytes, Tuple[Any, Callable[[], Any]]] = _own.__dict__.setdefault("kept", OrderedDict())
    if recipe not in kept:
        sg = pickle.loads(recipe)()  # noqa: S301 - it comes from who runs the work
        ending = multiprocessing.util.Finalize(None, end, args=(sg,), exitpriority=10)  # when the process ends
        kept[recipe] = sg, ending
        if len(kept) > KEPT_RECIPES:
            _end_oldest(kept)
    kept.move_to_end(recipe)
    return kept[recipe][0]


def _end_oldest(kept: "OrderedDict[bytes, Tuple[Any, Callable[[], Any]]]") -> None:
    _recipe, (sg, end_now) = kept.popitem(last=False)
    try:
        end_now()
    except Exception:  # noqa: BLE001 - whatever its teardown raises; the items of the next map are not to blame
        _log.warning("A %s of an earlier map could not be ended.", type(sg).__name__, exc_info=True)


def _sendable(error: BaseException, dumps: Callable[[Any], bytes]) -> BaseException:
    """
    Return an error that survives the way back, the same one where it does.
    """
    try:
        pickle.loads(dumps(error))  # noqa: S301 - just written
    except Exception:  # noqa: BLE001 - whatever keeps it from being pickled
        return RuntimeError(reason_of(error))
    return error


def reason_of(error: BaseException) -> str:
    """
    Return how messages tell an error.
    """
    return f"{type(error).__name__}: {error}"
