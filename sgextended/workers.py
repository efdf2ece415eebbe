"""
Running one function over many items, each worker with a wrapper of its own.

It knows nothing of `SGExtended`: it is told how a worker makes what it works with. So it stands below the wrapper,
whose ``map`` it is.
"""

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Deque, Iterable, Iterator, Tuple, TypeVar

from sgextended.errors import ConfigurationError, WorkerError

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Items taken ahead of the result that is waited for, for each worker: enough that none runs dry.
AHEAD = 2


def run(
    function: Callable[[Any, Item], Result], items: Iterable[Item], *, make: Callable[[], Any], workers: int
) -> Iterator[Result]:
    """
    Return an iterator over ``function(sg, item)`` for each item, in the order of the items.

    Items are taken as results are asked for, a bounded number ahead: they may be an endless generator. Leaving the
    loop early begins nothing more and waits for what runs.

    Args:
        function: Called in the threads of the workers.

        items: What to work on.

        make: Makes the *sg* of one worker, in its thread, when it takes its first item.

        workers: How many threads.

    Raises:
        ConfigurationError: *workers* is below 1.

        WorkerError: While iterating: one item failed. Nothing more is begun, what runs is finished first.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        msg = f"workers={workers!r}: at least 1 worker is needed."
        raise ConfigurationError(msg)
    return _run(function, items, make, workers)


def _run(
    function: Callable[[Any, Item], Result], items: Iterable[Item], make: Callable[[], Any], workers: int
) -> Iterator[Result]:
    own = threading.local()

    def work(item: Item) -> Result:
        if not hasattr(own, "sg"):
            own.sg = make()
        return function(own.sg, item)

    window: Deque[Tuple[Item, Future[Result]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="sgextended-worker") as executor:
        try:
            for item in items:
                window.append((item, executor.submit(work, item)))
                if len(window) > workers * AHEAD:
                    yield _result(*window.popleft())
            while window:
                yield _result(*window.popleft())
        finally:
            for _item, future in window:
                future.cancel()


def _result(item: Item, future: "Future[Result]") -> Result:
    try:
        return future.result()
    except Exception as error:
        msg = f"The work on {_name(item)} failed: {type(error).__name__}: {error}"
        raise WorkerError(msg, item=item) from error


def _name(item: object) -> str:
    if isinstance(item, dict) and "type" in item and "id" in item:
        name = item.get("name") or item.get("code") or item.get("content")
        return f"{item['type']} {item['id']}" + (f" ({name})" if name else "")
    return f"{item!r:.80}"
