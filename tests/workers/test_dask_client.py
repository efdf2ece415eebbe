"""
`sg.map` on a real Dask cluster: which client is used, invalid options, and what the scheduler keeps.
"""

import asyncio
import concurrent.futures
import functools
import os
import sys
import threading

import pytest
from fix_dask import PATIENCE, Unloadable, call_for_victims, wait_until
from fix_workers import fail

import sgextended.dask
from sgextended import (
    ConfigurationError,
    Failure,
    SGExtended,
    WorkerError,
    WorkerLost,
)
from sgextended.workers import dask_executor
from sgextended.workers.dask_claims import NAME
from sgextended.workers.dask_executor import DaskCluster


@pytest.fixture
def sg(dask_client):
    """
    A wrapper of the site that the environment names.
    """
    return SGExtended()


@pytest.fixture(params=["executor", "idempotent"])
def run(request, sg, dask_client):
    """
    Runs a map in the plain way, and in the one without claims.
    """
    if request.param == "executor":
        return lambda *args, **options: sg.map(*args, executor=dask_client.get_executor(), **options)
    return functools.partial(sgextended.dask.map, sg, client=dask_client, idempotent=True)


def claims_of(dask_cluster):
    return dask_cluster.scheduler.plugins[NAME].claims._runs


def test_the_client_of_the_thread_is_used(sg, dask_client):
    """
    Without a client the one that was made last is used.
    """
    with dask_client.as_current():
        assert list(sgextended.dask.map(sg, lambda _sg, item: item, [1])) == [1]


def test_without_a_client_the_way_out_is_said(sg, monkeypatch):
    """
    No client, and no Dask, are configuration errors.
    """
    import distributed

    def none():
        raise ValueError("No global client found")

    monkeypatch.setattr(distributed, "get_client", none)
    with pytest.raises(ConfigurationError, match="There is no Dask client"):
        sgextended.dask.map(sg, fail, [1])
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigurationError, match=r"pip install \"sgextended\[dask\]\""):
        sgextended.dask.map(sg, fail, [1])


@pytest.mark.parametrize(
    "wrong", [{"retries": -1}, {"retries": True}, {"max_requests": 0}, {"max_requests": "8"}, {"on_error": "x"}]
)
def test_options_that_cannot_work_are_refused_at_once(sg, dask_client, wrong):
    """
    They are refused by the call; the message has the value.
    """
    ((name, value),) = wrong.items()

    with pytest.raises(ConfigurationError, match=f"{name}={value!r}"):
        sgextended.dask.map(sg, fail, [1], client=dask_client, **wrong)


def test_an_asynchronous_client_is_refused(sg):
    """
    Its loop cannot be waited for.
    """

    class Client:
        asynchronous = True

    with pytest.raises(ConfigurationError, match="is asynchronous"):
        sgextended.dask.map(sg, fail, [1], client=Client())


def test_what_an_executor_was_made_with_holds(dask_client, sg):
    """
    An executor that is bound to one worker works there.
    """
    here = min(dask_client.scheduler_info()["workers"])
    pid = dask_client.run(os.getpid, workers=[here])[here]
    executor = dask_client.get_executor(workers=[here])

    assert set(sg.map(lambda _sg, _item: os.getpid(), range(6), executor=executor)) == {pid}


def test_other_executors_are_left_as_they_are():
    """
    Only Dask's own executor is replaced.
    """
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        assert dask_executor.cluster_of(executor) is None


def test_the_scheduler_keeps_nothing_of_a_map(run, dask_cluster):
    """
    When a map is over its claims and its tasks are gone.
    """
    list(run(lambda _sg, item: item, range(10)))

    assert not claims_of(dask_cluster)


def test_the_scheduler_keeps_no_task_that_failed(run, dask_client, dask_cluster):
    """
    Not even while the error is in use, whose traceback refers to the future.
    """
    with pytest.raises(WorkerError) as caught:
        list(run(lambda _sg, item: item, [Unloadable()]))
    wait_until(dask_client, lambda: not dask_cluster.scheduler.tasks)

    assert isinstance(caught.value, WorkerError)


def test_a_client_that_ends_loses_no_item_silently(sg, dask_cluster, make_door):
    """
    Items whose futures the cluster cancels are errors, each with its item.
    """
    from distributed import Client

    client = Client(dask_cluster)
    called, closed = threading.Event(), threading.Event()
    door = make_door(lambda _item, _pid: called.set() or (closed.wait(PATIENCE) and None))
    found = sg.map(
        functools.partial(call_for_victims, address=door.address, victims=[1, 2, 3]),
        [1, 2, 3],
        executor=client.get_executor(),
        on_error="collect",
    )

    def end():
        called.wait(PATIENCE)
        client.close()
        closed.set()

    ended = threading.Thread(target=end)
    ended.start()
    lost = [each for each in found if isinstance(each, Failure)]
    ended.join(PATIENCE)

    assert [each.item for each in lost] == [1, 2, 3]
    assert {type(each.error) for each in lost} == {WorkerLost}


class Gone:
    """
    A client whose connection to the scheduler, and whose loop, are gone.
    """

    asynchronous = False

    class loop:  # noqa: N801 - as Dask calls it
        add_callback = staticmethod(lambda *_: None)

    def sync(self, *_args, **_kwargs):
        raise RuntimeError("IOLoop is closed")

    async def nthreads(self, **_options):
        raise OSError("closed")


def test_nobody_waits_for_a_cluster_that_is_gone():
    """
    Items submitted to a closed client can be cancelled without an error.
    """
    cluster = DaskCluster(Gone())
    pending = cluster.submit(print, [(0, "x")], None)

    assert pending.cancel()
    assert not concurrent.futures.wait([pending], timeout=PATIENCE).not_done
    cluster.__exit__()


def test_threads_that_cannot_be_counted_are_those_of_before():
    """
    The number stays, and nothing is raised into Dask's loop.
    """
    cluster = DaskCluster(Gone())
    cluster._threads = 5
    asyncio.run(cluster._count_again())

    assert cluster._max_workers == 5
