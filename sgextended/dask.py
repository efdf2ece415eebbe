"""
One function over many items on a Dask cluster: no item is lost, and no item is begun twice unless the caller allows it.
"""

from typing import Any, Callable, Iterable, Iterator, Optional, TypeVar

from sgextended.errors import ConfigurationError
from sgextended.workers.dask_executor import RETRIES, DaskCluster

Item = TypeVar("Item")


def map(  # noqa: A001 - as sg.map
    sg: Any,
    function: Callable[[Any, Item], Any],
    items: Iterable[Item],
    *,
    client: Any = None,
    idempotent: bool = False,
    retries: int = RETRIES,
    max_requests: Optional[int] = None,
    **options: Any,
) -> Iterator[Any]:
    """
    Return an iterator over ``function(sg, item)`` for each item, executed by a Dask cluster.

    The call is ``sg.map(function, items, executor=client.get_executor())`` with more options of Dask. The workers and
    the scheduler need sgextended. The workers need the environment variables that name the site and the credentials,
    because keys are not sent to them.

    A worker may be lost: killed, out of memory, disconnected or scaled down. Other workers process the items that it
    had not begun. An item that it had begun, or whose result was still in transit, becomes a `WorkerLost` error, since
    nobody knows whether the work was done. The error is collected or raised as any other. With *idempotent* such items
    are repeated instead. If no worker is left, the map waits for new ones.

    Args:
        sg: The wrapper. Each thread of the workers has a wrapper of the same class.

        function: Called with the worker's wrapper and an item.

        items: The items to process.

        client: The ``distributed.Client``. None: the current client of this thread or Dask task.

        idempotent: Whether the work on an item may be done twice. Then the workers do not claim items, which saves a
            round trip for each item, and the items that lost workers had begun are repeated. Work that still runs when
            the caller leaves the loop, or when the time is up, finishes on the cluster and its result is dropped.

        retries: How often an item is submitted again after Dask has given it up. Dask gives an item up after one more
            lost worker in a row than ``distributed.scheduler.allowed-failures`` says (3).

        max_requests: How many requests all workers of the cluster together have in flight at most, prefetched pages
            included. Maps with the same number share the limit. The requests of a lost worker count until Dask's
            ``distributed.scheduler.locks.lease-timeout`` has passed (30 s). None: each process has only its own limit,
            that of the site.

        options: The options of ``sg.map``, except *executor*.

    Raises:
        ConfigurationError: There is no client, an option is not valid, or the wrapper or the function cannot be sent
            to other processes. No item was begun.

        WorkerError: While iterating: the work on one item failed.

        WorkerLost: While iterating: the worker of an item was lost.

        MapTimeout: While iterating: the time is up.
    """
    cluster = DaskCluster(
        client or _default_client(), idempotent=idempotent, retries=retries, max_requests=max_requests
    )
    results: Iterator[Any] = sg.map(function, items, executor=cluster, **options)
    return results


def _default_client() -> Any:
    try:
        from distributed import get_client  # noqa: PLC0415 - an extra
    except ImportError as error:
        msg = 'Dask is not installed: pip install "sgextended[dask]".'
        raise ConfigurationError(msg) from error
    try:
        return get_client()
    except ValueError as error:
        msg = "There is no Dask client. Create one with distributed.Client(address), or pass client=."
        raise ConfigurationError(msg) from error
