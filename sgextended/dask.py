"""
One function over many items on a Dask cluster: no item is lost, and none is begun twice unless it is declared safe.

Dask by itself repeats the tasks of a worker that died. So a worker claims each item at the scheduler before it begins
with it, in one round trip, and what was claimed once is never begun again. In the same way the client withdraws what
it does not want any more, and thereby learns what has begun.
"""

import contextlib
import functools
import itertools
import logging
import pickle
import sys
import time
import uuid
from concurrent.futures import CancelledError, Executor, Future, InvalidStateError
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple, TypeVar, Union
from weakref import WeakKeyDictionary

from attrs import frozen

from sgextended.errors import ConfigurationError, PoolTimeout, WorkerError, WorkerLost
from sgextended.http.deadline import Deadline
from sgextended.http.transport import REQUEST_CONTEXT
from sgextended.workers.journal import name_of
from sgextended.workers.worker_group import Numbered, Outcome

Item = TypeVar("Item")

#: The calls that the scheduler learns begin with it, and its version: schedulers live longer than clients.
NAME = "sgextended_1"

RETRIES = 3
_COUNT_EVERY = 2.0  # seconds, as clusters grow and shrink
_LOOK_EVERY = 1.0  # seconds, whether what is waited for is still worked on

_log = logging.getLogger("sgextended.dask")


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
    Return an iterator over ``function(sg, item)`` for each item, worked on by a Dask cluster.

    It is ``sg.map(function, items, executor=client.get_executor())``, with what Dask offers more. The workers and
    the scheduler need sgextended, and the workers the environment variables that say which site and who asks: keys do
    not travel.

    A worker may be lost: killed, out of memory, cut off, scaled down. What it had not begun is done by others. What it
    had begun, and what it had done an instant ago, so that the result was still on its way, is an error, `WorkerLost`,
    that is collected or raised as any other, for nobody knows whether it was done; unless *idempotent* says that it may
    be repeated. Where no worker is left, others are waited for.

    Args:
        sg: The wrapper; the workers have one of its class for each of their threads.

        function: Called with the worker's wrapper and an item.

        items: What to work on.

        client: The ``distributed.Client``. None: the one of this thread, or of this task.

        idempotent: Whether the work on an item may be done twice. Then nothing is claimed, which saves a round trip for
            each item, and what lost workers had begun is repeated. What still runs when the loop is left, or the time
            is up, finishes there, and its result is dropped.

        retries: How often an item is handed out again when Dask has given it up, which it does after so many lost
            workers in a row as ``distributed.scheduler.allowed-failures`` says (3) and one more.

        max_requests: How many requests all workers of the cluster together send at once, pages that are fetched ahead
            included. Maps with the same number share the bound. What a lost worker had asked for counts until Dask's
            ``distributed.scheduler.locks.lease-timeout`` is over (30 s). None: only each process has its own bound,
            that of the site.

        options: Those of ``sg.map``, but for *executor*.

    Raises:
        ConfigurationError: No client, options that cannot work, or a wrapper or function that cannot go to other
            processes; nothing was begun.

        WorkerError: While iterating: the work on one item failed.

        WorkerLost: While iterating: the worker of an item was lost.

        MapTimeout: While iterating: the time is up.
    """
    cluster = Cluster(client or _default_client(), idempotent=idempotent, retries=retries, max_requests=max_requests)
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
        msg = "There is no Dask client: make one with distributed.Client(address), or give client=."
        raise ConfigurationError(msg) from error


def cluster_of(executor: Any) -> "Optional[Cluster]":
    """
    Return what runs a map in place of the ``get_executor()`` of a Dask client; None for other executors.
    """
    if isinstance(executor, Cluster):
        return executor
    known = sys.modules.get("distributed.cfexecutor")
    if known is None or not isinstance(executor, known.ClientExecutor):
        return None
    return Cluster(executor._client, options=executor._kwargs)  # noqa: SLF001 - it gives them by no other name


class Cluster(Executor):
    """
    What runs the items of one map on a Dask cluster.

    Dask's own executor does not tell what has begun from what has not, gives the result of an earlier map for an equal
    call, and loses what the cluster cancels.

    Args:
        client: The ``distributed.Client``.

        idempotent: Whether items may be begun twice, so that they are not claimed.

        retries: How often what Dask gave up is handed out again.

        max_requests: See `map`.

        options: Those of ``client.submit``, such as ``resources``.
    """

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
                msg = f"{name}={value!r}: give a whole number of at least {least}."
                raise ConfigurationError(msg)
        if client.asynchronous:
            msg = f"{client!r} is asynchronous, and results are waited for here: give a plain distributed.Client."
            raise ConfigurationError(msg)
        self._client, self._retries, self._max_requests = client, retries, max_requests
        self._options = {**(options or {}), "pure": False}  # else Dask gives the result of an equal call
        self._run = uuid.uuid4().hex
        self.guard = None if idempotent else Claim(self._run)
        self._keys = itertools.count()
        self._given: Dict[str, _Pending] = {}  # by key; only Dask's thread changes it
        self._stopped = self._is_gone = False
        self._threads, self._counted = 0, 0.0

    @staticmethod
    def dumps(value: Any) -> bytes:
        """
        Return what travels: lambdas, and what stands in ``__main__``, by value.
        """
        import cloudpickle  # type: ignore[import-untyped]  # noqa: PLC0415 - it comes with Dask

        written: bytes = cloudpickle.dumps(value)
        return written

    def __enter__(self) -> "Cluster":  # noqa: PYI034 - typing.Self came with Python 3.11
        client = self._client
        client.sync(self._count)
        if self.guard is not None:
            client.register_plugin(_plugin()())
            client.sync(getattr(client.scheduler, f"{NAME}_open"), run=self._run, client=client.id)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._client.sync(self._close)
        except Exception:  # noqa: BLE001 - the scheduler is gone, and has forgotten it
            _log.debug("The end of a map could not be told to the scheduler.", exc_info=True)

    async def _close(self) -> None:
        left = [pending.future for pending in self._given.values()]  # who waited for them was interrupted
        self._given.clear()
        if left:
            await self._client.cancel(left, asynchronous=True)
        if self.guard is not None:
            await getattr(self._client.scheduler, f"{NAME}_close")(run=self._run)

    @property
    def _max_workers(self) -> int:
        """
        How many threads the workers had a moment ago, as other executors say it.
        """
        now = time.monotonic()
        if now - self._counted > _COUNT_EVERY:
            self._counted = now
            self._client.loop.add_callback(self._count_again)
        return self._threads

    async def _count_again(self) -> None:
        try:
            await self._count()
        except Exception:  # noqa: BLE001 - the number of a moment ago will do
            _log.debug("The threads of the cluster could not be counted.", exc_info=True)

    async def _count(self) -> None:
        self._counted = time.monotonic()
        self._threads = sum((await self._client.nthreads(asynchronous=True)).values())

    def submit(  # type: ignore[override]
        self, work: Callable[..., Any], numbered: Numbered, seconds: Optional[float]
    ) -> "_Pending":
        """
        Have items worked on.
        """
        pending = _Pending(self, numbered)
        try:
            # As bytes: the scheduler reads what it passes on, and would need all that it is made of.
            task = self.dumps((work, numbered, seconds))
        except Exception as error:  # noqa: BLE001 - whatever keeps it from being pickled
            msg = f"It cannot be sent to a worker: {error}. Give items that can be pickled."
            pending.set_exception(ConfigurationError(msg))
            return pending
        self._client.loop.add_callback(self._follow, pending, task)
        return pending

    async def _follow(self, pending: "_Pending", task: bytes) -> None:
        from distributed import KilledWorker  # noqa: PLC0415 - an extra

        client, name = self._client, "sgextended-map"
        for _ in range(1 + self._retries):
            key = f"{name}-{self._run}-{next(self._keys)}"
            try:
                pending.future = client.submit(_work, task, self._max_requests, key=key, **self._options)
                self._given[key] = pending
                return pending.finish(await client.gather(pending.future, asynchronous=True))
            except KilledWorker as error:
                killed = error
                if self._stopped:
                    break
            except CancelledError:
                return pending.lose(
                    "The cluster gave up {}: the client or the scheduler was restarted or closed, or its futures were "
                    "cancelled. Nobody knows whether it was done."
                )
            except BaseException as error:  # noqa: BLE001 - raised where its result is waited for
                return pending.fail(error)
            finally:
                self._given.pop(key, None)
                if pending.future is not None:
                    pending.future.release()  # an error's traceback holds it, and the scheduler would keep the task
        return pending.lose(
            f"Each worker that {{}} was given to was lost, the last one at {killed.last_worker.address}: Dask has "
            f"given it up, with retries={self._retries}. Nobody knows whether it was done. Look into their logs."
        )

    def withdraw(self) -> bool:
        """
        Have nothing begun any more: what has not is cancelled. False when the cluster cannot be reached.
        """
        if not self._stopped:
            self._stopped = True
            try:
                self._client.sync(self._withdraw)
            except Exception:  # noqa: BLE001 - whatever Dask raises when it is closed
                self._is_gone = True
                _log.debug("What is left of a map could not be withdrawn.", exc_info=True)
        return not self._is_gone

    async def _withdraw(self) -> None:
        given = dict(self._given)
        if not given:
            return
        answers: Dict[str, str] = {}
        if self.guard is not None:
            chunks = {key: [number for number, _item in pending.numbered] for key, pending in given.items()}
            with contextlib.suppress(OSError):  # the scheduler is gone, and with it what was given
                answers = await getattr(self._client.scheduler, f"{NAME}_withdraw")(run=self._run, chunks=chunks) or {}
        over = []
        for key, pending in given.items():
            answer = answers.get(key, "withdrawn")
            if answer == "withdrawn":
                pending.drop()
            elif answer == "lost":
                pending.lose(LOST)
            else:
                continue
            self._given.pop(key, None)
            over.append(pending.future)
        if over:
            await self._client.cancel(over, asynchronous=True)
        if self._given:  # its workers may be lost, and no others come
            self._client.loop.call_later(_LOOK_EVERY, self._withdraw)


class _Pending(Future[Any]):
    """
    Items that were given to the cluster.
    """

    def __init__(self, cluster: Cluster, numbered: Numbered) -> None:
        super().__init__()
        self._cluster, self.numbered = cluster, numbered
        self.future: Any = None  # Dask's

    def cancel(self) -> bool:
        """
        Have the items not begun any more, nor any others of their map; False when one of them has begun.
        """
        if not self._cluster.withdraw():
            self.drop()
        return self.cancelled()

    def drop(self) -> None:
        """
        Be cancelled.
        """
        if super().cancel():
            self.set_running_or_notify_cancel()

    def finish(self, answer: Union[bytes, List[Outcome]]) -> None:
        """
        Have what came of the items; see `remote.outcomes_of`.
        """
        with contextlib.suppress(InvalidStateError):  # it was dropped meanwhile
            self.set_result(answer)

    def fail(self, error: BaseException) -> None:
        """
        Have no result.
        """
        with contextlib.suppress(InvalidStateError):
            self.set_exception(error)

    def lose(self, message: str) -> None:
        """
        Be lost: the message has ``{}`` where the item is named.
        """
        self.finish([Outcome(None, _lost(message, item)) for _number, item in self.numbered])


LOST = (
    "The worker that had begun with {} was lost: killed, out of memory or cut off. Nobody knows whether it was done, "
    "so it is not begun again. Look at it; or declare the function safe to repeat, with sgextended.dask.map(..., "
    "idempotent=True)."
)


def _lost(message: str, item: Any) -> WorkerLost:
    return WorkerLost(message.format(name_of(item)), item=item)


# --- In the workers


def _work(task: bytes, max_requests: Optional[int]) -> bytes:
    """
    Work on items, in a thread of a Dask worker.
    """
    try:
        work, numbered, seconds = pickle.loads(task)  # noqa: S301 - it comes from who runs the work
    except Exception as error:
        msg = f"A worker cannot load the work: {type(error).__name__}: {error}. Install what it needs on the workers."
        raise ConfigurationError(msg) from error
    with REQUEST_CONTEXT.bind(None if max_requests is None else _Turns(max_requests).turn):
        written: bytes = work(numbered, seconds, dumps=Cluster.dumps)
        return written


@frozen
class Claim:
    """
    Claims each item of a map before the work on it begins.

    Args:
        run: Which map.
    """

    run: str

    @contextlib.contextmanager
    def item(self, number: int, item: Any) -> Iterator[None]:
        """
        Surround the work on the item of that number.

        Raises:
            WorkerLost: It was begun before.

            WorkerError: It is not wanted any more.
        """
        from distributed import get_worker  # noqa: PLC0415 - an extra
        from distributed.utils import sync  # noqa: PLC0415 - an extra

        worker = get_worker()
        answer = sync(worker.loop, getattr(worker.scheduler, f"{NAME}_claim"), run=self.run, number=number)
        if answer == "begun":
            raise _lost(LOST, item)
        if answer != "begin":
            msg = f"{name_of(item)} was not begun: its map is over."
            raise WorkerError(msg, item=item)
        yield


_semaphores: "WeakKeyDictionary[Any, Dict[int, Any]]" = WeakKeyDictionary()  # by worker and number


class _Turns:
    """
    The turns in which all workers of a cluster send their requests.
    """

    def __init__(self, most: int) -> None:
        from distributed import Semaphore, get_worker  # noqa: PLC0415 - an extra

        self._most = most
        worker = get_worker()
        kept = _semaphores.setdefault(worker, {})
        semaphore = kept.get(most)
        if semaphore is None:
            # No lock: making one runs the code of Dask. Two of one name are the same to the scheduler.
            made = Semaphore(  # type: ignore[no-untyped-call]
                most, f"sgextended-requests-{most}", scheduler_rpc=worker.scheduler, loop=worker.loop
            )
            semaphore = kept.setdefault(most, made)
        self._semaphore = semaphore

    @contextlib.contextmanager
    def turn(self, deadline: Optional[Deadline]) -> Iterator[None]:
        """
        Surround one request; wait until there are fewer than the most.

        Raises:
            PoolTimeout: The deadline has passed; nothing was sent.
        """
        if not self._semaphore.acquire(timeout=None if deadline is None else deadline.left()):
            assert deadline is not None
            msg = (
                f"Nothing was sent within the {deadline.seconds} s that the caller allows: {self._most} requests of "
                "the cluster are under way, and max_requests allows no more."
            )
            raise PoolTimeout(msg, pool="max_requests", waited=deadline.seconds)
        try:
            yield
        finally:
            self._semaphore.release()


# --- In the scheduler


class Claims:
    """
    What has begun in each map that runs.

    Args:
        scheduler: Dask's, which answers these calls.
    """

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler
        self._runs: Dict[str, Tuple[str, bytearray]] = {}  # the client, and what became of each number
        for call in (self.open, self.claim, self.withdraw, self.close):
            scheduler.handlers[f"{NAME}_{call.__name__}"] = call

    def open(self, run: str, client: str) -> None:
        """
        Begin a map.
        """
        self._runs[run] = client, bytearray()

    def close(self, run: str) -> None:
        """
        End a map: nothing of it is begun any more.
        """
        self._runs.pop(run, None)

    def forget(self, client: str) -> None:
        """
        End the maps of a client.
        """
        for run in [run for run, (owner, _marks) in self._runs.items() if owner == client]:
            self.close(run)

    def claim(self, run: str, number: int) -> Optional[str]:
        """
        Return ``"begin"``, once for each number; else what became of it, or None when the map is over.
        """
        return self._mark(run, number, BEGUN) if run in self._runs else None

    def withdraw(self, run: str, chunks: Dict[str, List[int]]) -> Dict[str, str]:
        """
        Have numbers not begun any more, and return what became of each task that holds some of them: ``"withdrawn"``,
        ``"begun"``, or ``"lost"``, which it is when it has begun and nobody works on it.
        """
        answers = {}
        for key, numbers in chunks.items() if run in self._runs else ():
            begun = "begun" in [self._mark(run, number, WITHDRAWN) for number in numbers]
            task = self._scheduler.tasks.get(key)
            is_idle = task is not None and task.state in ("waiting", "queued", "no-worker")
            answers[key] = ("lost" if is_idle else "begun") if begun else "withdrawn"
        return answers

    def _mark(self, run: str, number: int, mark: int) -> str:
        marks = self._runs[run][1]
        if number >= len(marks):
            marks.extend(bytes(number + 1024 - len(marks)))
        before, marks[number] = marks[number], marks[number] or mark
        return ("begin", "begun", "withdrawn")[before]


BEGUN, WITHDRAWN = 1, 2


@functools.cache
def _plugin() -> Any:
    """
    Return the class that brings `Claims` to a scheduler.
    """
    from distributed.diagnostics.plugin import SchedulerPlugin  # noqa: PLC0415 - an extra

    class Plugin(SchedulerPlugin):
        name = NAME
        idempotent = True  # the first one that is registered stays

        async def start(self, scheduler: Any) -> None:
            self.claims = Claims(scheduler)

        def remove_client(self, scheduler: Any, client: str) -> None:  # noqa: ARG002 - as Dask calls it
            self.claims.forget(client)

    return Plugin
