"""
`sg.map` on a real Dask cluster of processes: pickling, results, failures and limits.
"""

import functools
import itertools
import json
import os
import subprocess
import sys
import threading

import pytest
from fix_dask import PATIENCE, Unloadable, call_for_victims, note, noted, wait_until
from fix_extended import KEY
from fix_workers import Counting, Studio, fail, shots_and_worker

import sgextended.dask
from sgextended import (
    ConfigurationError,
    Failure,
    MapTimeout,
    SGExtended,
    Site,
    WorkerError,
)
from sgextended.workers import dask_executor
from sgextended.workers.dask_claims import NAME
from sgextended.workers.dask_executor import DaskCluster
from sgextended.workers.map_results import AHEAD

SCRIPT = """
import sys
from distributed import Client
from sgextended import SGExtended

class Studio(SGExtended):
    suffix = "!"
    def greet(self, item):
        return f"{item}{self.suffix}"

class Refused(Exception):
    pass

def greet(sg, item):
    return sg.greet(item)

def refuse(sg, item):
    raise Refused(item)

end = "?"
with Client(sys.argv[1]) as client:
    sg = Studio()
    print(*sg.map(greet, ["a", "b"], executor=client.get_executor()))
    print(*sg.map(lambda sg, item: sg.greet(item) + end, ["c"], executor=client.get_executor()))
    (failure,) = sg.map(refuse, [4], executor=client.get_executor(), on_error="collect")
    print(type(failure.error) is Refused, failure.error.args)
"""


@pytest.fixture
def executor(dask_client):
    """
    The executor that a user passes to ``sg.map``.
    """
    return dask_client.get_executor()


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


# --- What travels


def test_results_come_in_order(run):
    """
    A lambda runs in other processes, and its results are in the order of the items.
    """
    seen = list(run(lambda _sg, item: (item * 2, os.getpid()), range(20)))

    assert [each for each, _pid in seen] == list(range(0, 40, 2))
    assert os.getpid() not in {pid for _each, pid in seen}


def test_a_studios_class_works_with_one_wrapper_for_each_thread(executor):
    """
    However many items and maps there are, a thread of a worker has one wrapper, of the studio's class.
    """
    sg = Studio()
    seen = [each for _ in range(3) for each in sg.map(shots_and_worker, range(8), executor=executor)]

    assert {owner for _item, _count, owner, _who in seen} == {"Studio"}
    assert len({who for *_rest, who in seen}) == len({who[:2] for *_rest, who in seen}) <= 2


def test_a_worker_class_works(executor, tmp_path):
    """
    `SGWorker.map` makes its instances on the cluster, and sets each of them up once.
    """
    assert len(list(Counting.map(range(6), executor=executor, notes=str(tmp_path / "notes")))) == 6
    lines = (tmp_path / "notes").read_text().splitlines()
    assert len(lines) == len(set(lines)) <= 2
    assert {line.split()[0] for line in lines} == {"setup"}


def test_what_stands_in_a_script_travels(dask_cluster):
    """
    Classes, functions, lambdas and exceptions of ``__main__`` go to the workers and come back.
    """
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, dask_cluster.scheduler_address],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )

    assert (done.stdout.split("\n"), done.stderr) == (["a! b!", "c!?", "True (4,)", ""], "")


def test_a_literal_key_is_refused_before_anything_begins(executor, dask_site, dask_client):
    """
    The call refuses a wrapper with a literal key, and the message says what to do.
    """
    sg = SGExtended(site=Site(url=dask_site.url, script_name="robot", api_key=KEY))

    with pytest.raises(ConfigurationError, match="from_env"):
        sg.map(shots_and_worker, range(3), executor=executor)
    with pytest.raises(ConfigurationError, match="from_env"):
        sgextended.dask.map(sg, shots_and_worker, range(3), client=dask_client)


def test_keys_do_not_travel(sg, dask_site):
    """
    The data sent to the cluster does not contain the key.
    """
    sent = []

    class Listening(DaskCluster):
        def dumps(self, value):
            sent.append(DaskCluster.dumps(value))
            return sent[-1]

    class Client:
        asynchronous = False

        def sync(self, *_args, **_kwargs):
            raise ConnectionError("far enough")

    with pytest.raises(ConnectionError):
        list(sg.map(shots_and_worker, [1], executor=Listening(Client(), idempotent=True)))
    assert not [each for each in sent if dask_site.api_key.encode() in each]


def test_a_function_that_cannot_travel_is_refused(sg, executor):
    """
    The call refuses a function that cloudpickle cannot write.
    """
    lock = threading.Lock()

    with pytest.raises(ConfigurationError, match="cannot be sent to other processes"):
        sg.map(lambda _sg, _item: lock, range(3), executor=executor)


def test_items_and_results_that_cannot_travel_are_failures_of_their_own(run):
    """
    An item that cannot be sent, or not be read there, and a result that cannot be sent back, fail by themselves.
    """
    items = [1, threading.Lock(), Unloadable(), 4]
    first, unsent, unread, unreturned = run(
        lambda _sg, item: threading.Lock() if item == 4 else item, items, on_error="collect"
    )

    assert first == 1
    assert "cannot be sent to a worker" in str(unsent.error)
    assert "cannot load the work: ValueError" in str(unread.error)
    assert "The work was done, but its result cannot be sent back" in str(unreturned.error)


def test_a_result_that_cannot_travel_leaves_the_others_of_its_chunk(run):
    """
    The other results of the chunk are returned.
    """
    one, failure, three = run(
        lambda _sg, item: threading.Lock() if item == 2 else item, [1, 2, 3], on_error="collect", chunksize=3
    )

    assert (one, failure.item, three) == (1, 2, 3)


def test_the_same_call_again_is_worked_on_again(run, tmp_path):
    """
    Dask does not return the cached result of an equal call, because the work has side effects.
    """
    function = functools.partial(_noting, notes=str(tmp_path / "notes"))
    first = run(function, range(3))
    assert [*first, *run(function, range(3))] == [0, 1, 2] * 2

    assert noted(tmp_path / "notes") == [0, 0, 1, 1, 2, 2]


def _noting(_sg, item, *, notes):
    note(notes, item)
    return item


# --- The options of sg.map


@pytest.mark.parametrize("chunksize", [None, 3])
def test_failures_are_collected(run, chunksize):
    """
    Each failure is in the place of its result, also if the class of the error is defined inside a function.
    """
    seen = list(run(fail, range(5), on_error="collect", chunksize=chunksize))

    assert [(each.item, repr(each.error)) for each in seen] == [(n, f"Local('local {n}')") for n in range(5)]
    assert all(isinstance(each, Failure) for each in seen)


def test_a_failure_ends_the_map(run):
    """
    The first failure is raised with its item; sys.exit in the work is a failure too, and ends no worker.
    """
    with pytest.raises(WorkerError, match="The work on 1 failed: SystemExit: 3") as caught:
        list(run(lambda _sg, item: sys.exit(3) if item == 1 else item, range(1000)))

    assert caught.value.item == 1


def test_results_come_as_they_are_ready(run, make_door):
    """
    Without order, a result that is ready does not wait for a slow one before it.
    """
    others_done = threading.Event()
    door = make_door(lambda _item, _pid: others_done.wait(PATIENCE) and "go")
    function = functools.partial(call_for_victims, address=door.address, victims=[0])
    found = run(function, range(4), ordered=False)
    first = [next(found) for _ in range(3)]
    others_done.set()

    assert sorted(first) == [1, 2, 3]
    assert list(found) == [0]


def test_a_journal_leaves_what_is_done(run, tmp_path):
    """
    The same call again processes only the remaining items.
    """
    function, journal = _Noting(tmp_path), tmp_path / "run.jsonl"

    assert list(run(function, [1, 2], journal=journal)) == [1, 2]
    assert list(run(function, [1, 2, 3], journal=journal)) == [1, 2, 3]
    assert noted(tmp_path / "notes") == [1, 2, 3]


class _Noting:
    def __init__(self, folder):
        self.notes = str(folder / "notes")

    def __call__(self, sg, item):
        return _noting(sg, item, notes=self.notes)


def test_progress_is_told(run):
    """
    A progress function is called.
    """
    told = []
    list(run(lambda _sg, item: item, range(3), progress=lambda *call: told.append(call)))

    assert told[-1] == (3, 0, 3)


def test_time_that_is_up_ends_the_map(run, make_door):
    """
    When the time is up, the map raises with the number of finished items, and running items are finished.
    """
    door = make_door(lambda _item, _pid: threading.Event().wait(0.5))
    function = functools.partial(call_for_victims, address=door.address, victims=range(50))
    with pytest.raises(MapTimeout, match=r"within 0\.3 s: 0 items are done"):
        list(run(function, range(50), timeout=0.3))

    assert len(door.calls) <= 3


class _Named:
    """
    A function for the journal.
    """

    def __init__(self, function):
        self.function = function

    def __call__(self, *args):
        return self.function(*args)


def _tasks_that_wait(dask_worker):
    return sum(task.state == "ready" for task in dask_worker.state.tasks.values())


@pytest.fixture
def gate(make_door):
    """
    A door that lets the first call pass, and the others when it is opened.
    """
    numbers, opened = itertools.count(), threading.Event()

    def answer(_item, _pid):
        return "go" if not next(numbers) or opened.wait(PATIENCE) else None

    door = make_door(answer)
    door.opened = opened
    door.function = functools.partial(call_for_victims, address=door.address, victims=range(50))
    return door


def test_leaving_early_finishes_what_runs_and_begins_nothing_more(sg, executor, gate, tmp_path, monkeypatch):
    """
    Items that had begun when the loop was left are in the journal; no other item is begun.
    """
    withdraw = DaskCluster._withdraw

    async def withdrawing(self):
        await withdraw(self)
        gate.opened.set()

    monkeypatch.setattr(DaskCluster, "_withdraw", withdrawing)
    journal = tmp_path / "run.jsonl"
    found = sg.map(_Named(gate.function), range(50), executor=executor, journal=journal, ordered=False)
    next(found)
    found.close()
    begun = {item for item, _pid in gate.calls}

    assert {json.loads(line)["key"] for line in journal.read_text().splitlines()[1:]} == begun
    assert 1 <= len(begun) <= 3
    assert list(sg.map(lambda _sg, item: item, range(4), executor=executor)) == [0, 1, 2, 3]
    assert {item for item, _pid in gate.calls} == begun


def test_leaving_early_begins_nothing_more_without_claims(sg, dask_client, dask_cluster, gate):
    """
    Without claims, items that have not begun are cancelled too.
    """
    found = sgextended.dask.map(sg, gate.function, range(50), client=dask_client, idempotent=True, ordered=False)
    next(found)
    found.close()
    wait_until(  # all have heard of it
        dask_client,
        lambda: not dask_cluster.scheduler.tasks and not any(dask_client.run(_tasks_that_wait).values()),
    )
    gate.opened.set()

    assert list(sg.map(lambda _sg, item: item, range(4), executor=dask_client.get_executor())) == [0, 1, 2, 3]
    assert len(gate.calls) <= 3


def test_a_bounded_number_of_items_is_taken_ahead(dask_client, sg):
    """
    The number of items taken ahead depends on the threads of the cluster.
    """
    taken = []
    found = sg.map(
        lambda _sg, item: item, map(taken.append, itertools.count()), workers=1, executor=DaskCluster(dask_client)
    )
    next(found)
    found.close()

    assert 2 * AHEAD <= len(taken) <= 2 * 2 * AHEAD


def test_a_cluster_that_grows_is_noticed(dask_client, monkeypatch):
    """
    The number of threads is read again after a while.
    """
    counted = threading.Event()
    with DaskCluster(dask_client) as cluster:
        assert cluster._max_workers == 2
        monkeypatch.setattr(dask_executor, "_COUNT_EVERY", 0.0)
        cluster._threads = 1
        count = cluster._count_again

        async def counting():
            await count()
            counted.set()

        monkeypatch.setattr(cluster, "_count_again", counting)

        cluster._max_workers  # noqa: B018 - has them counted again
        assert counted.wait(PATIENCE)
        assert cluster._max_workers == 2
