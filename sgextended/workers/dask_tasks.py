"""
The part of a Dask map that runs in the workers: claim an item, limit the requests of the cluster, run the function.
"""

import contextlib
import pickle
from typing import Any, Dict, Iterator, Optional
from weakref import WeakKeyDictionary

from attrs import frozen

from sgextended.errors import ConfigurationError, PoolTimeout, WorkerError, WorkerLost
from sgextended.http.deadline import Deadline
from sgextended.http.transport import REQUEST_CONTEXT
from sgextended.workers.dask_claims import NAME
from sgextended.workers.journal import name_of

#: The message of `worker_lost` for an item whose work had begun.
BEGUN_AND_LOST = (
    "The worker of {} was lost after it had begun: it was killed, ran out of memory or was disconnected. Nobody knows "
    "whether the work was done, so it is not begun again. Check the item; if the function is safe to repeat, call "
    "sgextended.dask.map(..., idempotent=True)."
)


def worker_lost(message: str, item: Any) -> WorkerLost:
    """
    Return the error for an item of a lost worker; *message* has ``{}`` in the place of the item's name.
    """
    return WorkerLost(message.format(name_of(item)), item=item)


def dumps(value: Any) -> bytes:
    """
    Pickle a value for the cluster: lambdas and definitions of ``__main__`` go by value.
    """
    import cloudpickle  # type: ignore[import-untyped]  # noqa: PLC0415 - it comes with Dask

    written: bytes = cloudpickle.dumps(value)
    return written


def run_task(task: bytes, max_requests: Optional[int]) -> bytes:
    """
    Process a chunk of items in a thread of a Dask worker, and return the pickled outcomes.
    """
    try:
        work, numbered, seconds = pickle.loads(task)  # noqa: S301 - the client of the map wrote it
    except Exception as error:
        msg = f"A worker cannot load the work: {type(error).__name__}: {error}. Install what it needs on the workers."
        raise ConfigurationError(msg) from error
    with REQUEST_CONTEXT.bind(None if max_requests is None else _RequestLimit(max_requests).hold):
        written: bytes = work(numbered, seconds, dumps=dumps)
        return written


@frozen
class Claim:
    """
    Claims each item of a map at the scheduler before the work on it begins.

    Args:
        run: The id of the map.
    """

    run: str

    @contextlib.contextmanager
    def item(self, number: int, item: Any) -> Iterator[None]:
        """
        Claim an item, then run the block.

        Args:
            number: The number of the item in the map.

            item: The item, for messages.

        Raises:
            WorkerLost: The item was begun before.

            WorkerError: The map is over, or has withdrawn the item.
        """
        from distributed import get_worker  # noqa: PLC0415 - an extra
        from distributed.utils import sync  # noqa: PLC0415 - an extra

        worker = get_worker()
        state = sync(worker.loop, getattr(worker.scheduler, f"{NAME}_claim"), run=self.run, number=number)
        if state == "begun":
            raise worker_lost(BEGUN_AND_LOST, item)
        if state != "begin":
            msg = f"{name_of(item)} was not begun: its map is over."
            raise WorkerError(msg, item=item)
        yield


_semaphores: "WeakKeyDictionary[Any, Dict[int, Any]]" = WeakKeyDictionary()  # by worker and number


class _RequestLimit:
    """
    The limit of the requests that all workers of a cluster have in flight.
    """

    def __init__(self, most: int) -> None:
        from distributed import Semaphore, get_worker  # noqa: PLC0415 - an extra

        self._most = most
        worker = get_worker()
        kept = _semaphores.setdefault(worker, {})
        semaphore = kept.get(most)
        if semaphore is None:
            # No lock is held here: creating a semaphore runs Dask's code. Two of one name are one to the scheduler.
            made = Semaphore(  # type: ignore[no-untyped-call]
                most, f"sgextended-requests-{most}", scheduler_rpc=worker.scheduler, loop=worker.loop
            )
            semaphore = kept.setdefault(most, made)
        self._semaphore = semaphore

    @contextlib.contextmanager
    def hold(self, deadline: Optional[Deadline]) -> Iterator[None]:
        """
        Wait until fewer requests than the limit are in flight, then run the block, which sends one request.

        Raises:
            PoolTimeout: The deadline has passed; nothing was sent.
        """
        if not self._semaphore.acquire(timeout=None if deadline is None else deadline.left()):
            assert deadline is not None
            msg = (
                f"No request was sent within the {deadline.seconds} s that the caller allows: {self._most} requests of "
                "the cluster are in flight, and max_requests allows no more. Allow more time, or raise max_requests."
            )
            raise PoolTimeout(msg, pool="max_requests", waited=deadline.seconds)
        try:
            yield
        finally:
            self._semaphore.release()
