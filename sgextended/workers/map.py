"""
The engine of ``sg.map``: one function over many items, in threads, in processes or on a cluster.

It does not depend on `SGExtended`: it receives a factory that makes the *sg* of one worker.
"""

import inspect
import pickle
import sys
from concurrent.futures import Executor
from typing import Any, Callable, Iterable, Iterator, Optional, Sized

from attrs import evolve

from sgextended.errors import ConfigurationError
from sgextended.http.deadline import Deadline
from sgextended.workers.dask_executor import DaskCluster, cluster_of
from sgextended.workers.journal import Journal, name_of
from sgextended.workers.map_options import Failure, Options
from sgextended.workers.map_results import MapResults
from sgextended.workers.worker_group import WorkerGroup
from sgextended.writes.write_events import RECORDER

__all__ = ["Failure", "Options", "check_function", "run"]


def run(
    function: Callable[[Any, Any], Any],
    items: Iterable[Any],
    *,
    make: Callable[[], Any],
    options: Options,
    site: Optional[str] = None,
) -> Iterator[Any]:
    """
    Return an iterator over ``function(sg, item)`` for each item; see ``SGExtended.map``.

    Args:
        function: Called by the workers with their *sg* and an item.

        items: The items, taken as the caller consumes results.

        make: Makes the *sg* of one worker, in the worker, when it takes its first item. It must be picklable if other
            processes do the work.

        options: The options of the map.

        site: The site on which the workers work, for the journal. None: unknown.

    Raises:
        ConfigurationError: An option is not valid, or something cannot be pickled. No item was begun.
    """
    check_function(function)
    recorder = RECORDER.get()
    if options.journal is not None and recorder is not None and recorder.is_dry:
        msg = "journal= is not allowed in a dry run: it would record planned items as done. Leave journal= out."
        raise ConfigurationError(msg)
    limit = None if options.timeout is None else Deadline.after(options.timeout)
    journal = None if options.journal is None else Journal(options.journal, function, options.key, site)
    cluster = cluster_of(options.executor)
    if cluster is not None:
        options = evolve(options, executor=cluster)
    guard = None if cluster is None else cluster.guard
    group = WorkerGroup(function, make, collect=options.on_error == "collect", guard=guard)
    check_picklable(group, function, options.executor)
    total = len(items) if isinstance(items, Sized) else None
    return MapResults(group, iter(items), total, options, journal, limit).results()


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


def check_picklable(group: WorkerGroup, function: Callable[..., Any], executor: Optional[Executor]) -> None:
    """
    Validate that an executor that uses other processes can send them the *sg* and the function.

    Raises:
        ConfigurationError: One of them cannot be pickled.
    """
    dumps: Callable[[Any], bytes]
    if isinstance(executor, DaskCluster):
        dumps = executor.dumps
    elif _is_process_pool(executor):
        dumps = pickle.dumps
    else:
        return
    group.recipe  # noqa: B018 - its error explains itself
    try:
        dumps(function)
    except Exception as error:
        msg = (
            f"{function!r:.80} cannot be sent to other processes: {error}. Pass a function that is defined in a "
            "module, or functools.partial of one."
        )
        raise ConfigurationError(msg) from error
