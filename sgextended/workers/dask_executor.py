"""
`DaskCluster`: the executor that runs a map on a Dask cluster and knows which items have begun.

Dask itself repeats the tasks of a worker that died. So a worker claims each item at the scheduler, in one round trip,
before it begins the work. An item that was claimed once is not begun again. The client withdraws unwanted items at the
scheduler too, and the response says which of them have begun.
"""

import contextlib
import itertools
import logging
import sys
import time
import uuid
from concurrent.futures import CancelledError, Executor, Future, InvalidStateError
from typing import Any, Callable, Dict, List, Optional, Union

from sgextended.errors import ConfigurationError
from sgextended.workers import dask_tasks
from sgextended.workers.dask_claims import NAME, claims_plugin
from sgextended.workers.dask_tasks import BEGUN_AND_LOST, Claim, run_task, worker_lost
from sgextended.workers.worker_group import Numbered, Outcome

RETRIES = 3
_COUNT_EVERY = 2.0  # seconds between two counts of the threads, as clusters grow and shrink
_CHECK_EVERY = 1.0  # seconds between two checks whether unfinished items still have a worker

_log = logging.getLogger("sgextended.dask")


def cluster_of(executor: Any, *, idempotent: bool = False) -> "Optional[DaskCluster]":
    """
    Return the `DaskCluster` that replaces the ``get_executor()`` of a Dask client; None for other executors.

    Args:
        executor: The executor.

        idempotent: Whether items may be begun twice; not for a `DaskCluster`, which knows it.
    """
    if isinstance(executor, DaskCluster):
        return executor
    known = sys.modules.get("distributed.cfexecutor")
    if known is None or not isinstance(executor, known.ClientExecutor):
        return None
    return DaskCluster(executor._client, idempotent=idempotent, options=executor._kwargs)  # noqa: SLF001 - it has no public names for them


class DaskCluster(Executor):
    """
    The executor of one map on a Dask cluster.

    Dask's own executor cannot say which items have begun. It returns the result of an earlier map for an equal call,
    and loses items that the cluster cancels.

    Args:
        client: The ``distributed.Client``.

        idempotent: Whether items may be begun twice, so that the workers need not claim them.

        retries: How often an item is submitted again after Dask has given it up.

        max_requests: See `sgextended.dask.map`.

        options: Options of ``client.submit``, such as ``resources``.

    Raises:
        ConfigurationError: An option is not valid, or the client is asynchronous.
    """

    dumps: "staticmethod[[Any], bytes]" = staticmethod(dask_tasks.dumps)
    guard: Optional[Claim]

    def __init__(
        self,
        client: Any,
        *,
        idempotent: bool = False,
        retries: int = RETRIES,
        max_requests: Optional[int] = None,
        options: Optional[Dict[str, Any]] = None,
    ) -> None:
        for name, value, least in (("retries", retries, 0), ("max_requests", max_requests, 1)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
                msg = f"{name}={value!r} is not valid. Pass a whole number of at least {least}."
                raise ConfigurationError(msg)
        if client.asynchronous:
            msg = f"{client!r} is asynchronous, but a map blocks until results arrive. Pass a plain distributed.Client."
            raise ConfigurationError(msg)
        self._client, self._retries, self._max_requests = client, retries, max_requests
        self._options = {**(options or {}), "pure": False}  # else Dask returns the result of an equal call
        self._run = uuid.uuid4().hex
        self.guard = None if idempotent else Claim(self._run)
        self._keys = itertools.count()
        self._submitted: Dict[str, _DaskFuture] = {}  # by key; only Dask's thread changes it
        self._stopped = self._is_gone = False
        self._threads, self._counted = 0, 0.0

    def __enter__(self) -> "DaskCluster":  # noqa: PYI034 - typing.Self came with Python 3.11
        client = self._client
        client.sync(self._count)
        if self.guard is not None:
            client.register_plugin(claims_plugin()())
            client.sync(getattr(client.scheduler, f"{NAME}_open"), run=self._run, client=client.id)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._client.sync(self._close)
        except Exception:  # noqa: BLE001 - the scheduler is gone, and the map with it
            _log.debug("The scheduler could not be notified of the end of a map.", exc_info=True)

    async def _close(self) -> None:
        left = [pending.future for pending in self._submitted.values()]  # the caller was interrupted while it waited
        self._submitted.clear()
        if left:
            await self._client.cancel(left, asynchronous=True)
        if self.guard is not None:
            await getattr(self._client.scheduler, f"{NAME}_close")(run=self._run)

    @property
    def _max_workers(self) -> int:
        """
        The number of threads of the workers, at most a few seconds old. Other executors have the same attribute.
        """
        now = time.monotonic()
        if now - self._counted > _COUNT_EVERY:
            self._counted = now
            self._client.loop.add_callback(self._count_again)
        return self._threads

    async def _count_again(self) -> None:
        try:
            await self._count()
        except Exception:  # noqa: BLE001 - the last number is good enough
            _log.debug("The threads of the cluster could not be counted.", exc_info=True)

    async def _count(self) -> None:
        self._counted = time.monotonic()
        self._threads = sum((await self._client.nthreads(asynchronous=True)).values())

    def submit(  # type: ignore[override]
        self, work: Callable[..., Any], numbered: Numbered, seconds: Optional[float]
    ) -> "_DaskFuture":
        """
        Send a chunk of items to the cluster and return its future.
        """
        pending = _DaskFuture(self, numbered)
        try:
            # As bytes: the scheduler unpickles what it passes on, and would need all modules of the function.
            task = self.dumps((work, numbered, seconds))
        except Exception as error:  # noqa: BLE001 - pickling may raise anything
            msg = f"The items cannot be sent to a worker: {error}. Pass items that can be pickled."
            pending.set_exception(ConfigurationError(msg))
            return pending
        self._client.loop.add_callback(self._follow, pending, task)
        return pending

    async def _follow(self, pending: "_DaskFuture", task: bytes) -> None:
        from distributed import KilledWorker  # noqa: PLC0415 - an extra

        client, name = self._client, "sgextended-map"
        for _ in range(1 + self._retries):
            key = f"{name}-{self._run}-{next(self._keys)}"
            try:
                pending.future = client.submit(run_task, task, self._max_requests, key=key, **self._options)
                self._submitted[key] = pending
                return pending.finish(await client.gather(pending.future, asynchronous=True))
            except KilledWorker as error:
                killed = error
                if self._stopped:
                    break
            except CancelledError:
                return pending.lose(
                    "The cluster gave up {}: the client or the scheduler was restarted or closed, or its futures were "
                    "cancelled. Nobody knows whether the work was done. Check the item."
                )
            except BaseException as error:  # noqa: BLE001 - the future raises it in the caller's thread
                return pending.fail(error)
            finally:
                self._submitted.pop(key, None)
                if pending.future is not None:
                    pending.future.release()  # else an error's traceback holds it, and the scheduler keeps the task
        return pending.lose(
            f"Each worker of {{}} was lost, the last one at {killed.last_worker.address}. Dask has given the item up, "
            f"with retries={self._retries}. Nobody knows whether the work was done. Read the logs of the workers."
        )

    def withdraw(self) -> bool:
        """
        Cancel the items that have not begun. Return False if the cluster cannot be reached.
        """
        if not self._stopped:
            self._stopped = True
            try:
                self._client.sync(self._withdraw)
            except Exception:  # noqa: BLE001 - a closed Dask may raise anything
                self._is_gone = True
                _log.debug("The remaining items of a map could not be withdrawn.", exc_info=True)
        return not self._is_gone

    async def _withdraw(self) -> None:
        submitted = dict(self._submitted)
        if not submitted:
            return
        states: Dict[str, str] = {}
        if self.guard is not None:
            chunks = {key: [number for number, _item in pending.numbered] for key, pending in submitted.items()}
            with contextlib.suppress(OSError):  # the scheduler is gone, and the items with it
                states = await getattr(self._client.scheduler, f"{NAME}_withdraw")(run=self._run, chunks=chunks) or {}
        over = []
        for key, pending in submitted.items():
            state = states.get(key, "withdrawn")
            if state == "withdrawn":
                pending.drop()
            elif state == "lost":
                pending.lose(BEGUN_AND_LOST)
            else:
                continue
            self._submitted.pop(key, None)
            over.append(pending.future)
        if over:
            await self._client.cancel(over, asynchronous=True)
        if self._submitted:  # the workers may be lost without a replacement
            self._client.loop.call_later(_CHECK_EVERY, self._withdraw)


class _DaskFuture(Future[Any]):
    """
    The future of a chunk of items that was submitted to the cluster.
    """

    def __init__(self, cluster: DaskCluster, numbered: Numbered) -> None:
        super().__init__()
        self._cluster = cluster
        self.numbered: Numbered = numbered
        self.future: Any = None  # Dask's

    def cancel(self) -> bool:
        """
        Withdraw all items of the map that have not begun. Return False if one of this chunk has begun.
        """
        if not self._cluster.withdraw():
            self.drop()
        return self.cancelled()

    def drop(self) -> None:
        """
        Cancel this future without asking the cluster.
        """
        if super().cancel():
            self.set_running_or_notify_cancel()

    def finish(self, outcomes: Union[bytes, List[Outcome]]) -> None:
        """
        Set the outcomes of the items, pickled or not; see `worker_group.outcomes_of`.
        """
        with contextlib.suppress(InvalidStateError):  # `drop` was called in between
            self.set_result(outcomes)

    def fail(self, error: BaseException) -> None:
        """
        Set the error that the future raises.
        """
        with contextlib.suppress(InvalidStateError):
            self.set_exception(error)

    def lose(self, message: str) -> None:
        """
        Set a `WorkerLost` for each item; *message* has ``{}`` in the place of the item's name.
        """
        self.finish([Outcome(None, worker_lost(message, item)) for _number, item in self.numbered])
