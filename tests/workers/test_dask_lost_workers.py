"""
Dask workers that are killed during the work: no item is lost, and none is begun twice unless it is idempotent.
"""

import functools
import os
import threading
from types import SimpleNamespace

import pytest
from fix_dask import PATIENCE, kill, noted, work_with_notes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sgextended.dask
from sgextended import Failure, MapTimeout, SGExtended, WorkerError, WorkerLost
from sgextended.workers.dask_claims import NAME, Claims
from sgextended.workers.dask_tasks import Claim

pytestmark = pytest.mark.slow  # workers are started again


@pytest.fixture(scope="module")
def shots(dask_site, make_sg):
    """
    Twelve shots on the site.
    """
    sg = make_sg(dask_site)
    project = sg.create("Project", {"name": "Lost"})
    data = [{"code": f"sh{n:03}", "project": project} for n in range(12)]
    made = sg.batch([{"request_type": "create", "entity_type": "Shot", "data": each} for each in data])
    return [{"type": "Shot", "id": shot["id"], "code": shot["code"]} for shot in made]


@pytest.fixture
def notes(tmp_path):
    """
    The file that lists the items that have begun.
    """
    return str(tmp_path / "notes")


@pytest.fixture
def sg(dask_client):
    """
    A wrapper of the site that the environment names.
    """
    return SGExtended()


class Killing:
    """
    Makes functions whose worker is killed at some items, once, when all that it had done before has come back: what is
    on the way is lost with it, and would be reported so.
    """

    def __init__(self, make_door, notes):
        self._make_door, self._notes = make_door, notes
        self._came, self._changed = {}, threading.Condition()

    def __call__(self, *victims, beside=()):
        killed, ids, under_way = set(), ids_of(victims), {str(each) for each in ids_of([*victims, *beside])}

        def answer(item, pid):
            if item in killed:
                return "go"
            killed.add(item)
            with self._changed:
                assert self._changed.wait_for(
                    lambda: {*map(str, noted(self._notes, pid))} <= {*self._came, *under_way}, PATIENCE
                )
            return kill(item, pid)

        door = self._make_door(answer)
        return functools.partial(work_with_notes, notes=self._notes, door=door.address, victims=ids)

    def results(self, found):
        """
        Return the result of each item, by its id.
        """
        for each in found:
            number, result = (each.item["id"], each) if isinstance(each, Failure) else each
            with self._changed:
                assert str(number) not in self._came
                self._came[str(number)] = result
                self._changed.notify_all()
        return {int(number): result for number, result in self._came.items()}


@pytest.fixture
def killing(make_door, notes, whole_cluster):
    """
    Makes functions whose workers are killed.
    """
    return Killing(make_door, notes)


def ids_of(items):
    return sorted(item["id"] for item in items)


def check(results, shots, lost):
    """
    Check that each shot has one result, and that those that were lost are named.
    """
    assert sorted(results) == ids_of(shots)
    for shot in shots:
        result = results[shot["id"]]
        if shot in lost:
            assert isinstance(result, Failure)
            assert (result.item, type(result.error), result.error.item) == (shot, WorkerLost, shot)
            assert f"The worker of Shot {shot['id']} ({shot['code']}) was lost after it had begun" in str(result.error)
        else:
            assert result == shot["code"]


# --- Not declared safe to repeat


def test_a_killed_worker_loses_no_item_and_repeats_none(sg, dask_client, killing, shots, notes):
    """
    With the plain executor the item that was worked on is named as lost, and all others are done once.
    """
    executor = dask_client.get_executor()
    results = killing.results(sg.map(killing(shots[5]), shots, executor=executor, on_error="collect", ordered=False))

    check(results, shots, lost=[shots[5]])
    assert noted(notes) == ids_of(shots)


def test_a_chunk_goes_on_behind_the_item_that_was_lost(sg, dask_client, killing, shots, notes):
    """
    The finished items of a lost chunk are lost too; the items that had not begun are processed.
    """
    found = sg.map(
        killing(shots[4], beside=[shots[3]]),
        shots,
        executor=dask_client.get_executor(),
        on_error="collect",
        ordered=False,
        chunksize=3,
    )

    check(killing.results(found), shots, lost=shots[3:5])
    assert noted(notes) == ids_of(shots)


def test_a_lost_item_ends_a_map_that_raises(sg, dask_client, killing, shots, notes):
    """
    The error names the item, and says what happened and what to do.
    """
    with pytest.raises(WorkerLost, match=r"worker of Shot \d+ \(sh000\) was lost.*idempotent=True") as caught:
        list(sg.map(killing(shots[0], beside=shots), shots, executor=dask_client.get_executor()))

    assert caught.value.item == shots[0]
    assert noted(notes) == sorted(set(noted(notes)))


def test_what_dask_gives_up_is_handed_out_again(sg, dask_client, dask_cluster, killing, shots, notes, monkeypatch):
    """
    Items that only waited at a worker that died are done, though Dask calls them killers of workers.
    """
    monkeypatch.setattr(dask_cluster.scheduler, "allowed_failures", 0)
    executor = dask_client.get_executor()
    results = killing.results(sg.map(killing(shots[2]), shots, executor=executor, on_error="collect", ordered=False))

    check(results, shots, lost=[shots[2]])
    assert noted(notes) == ids_of(shots)


def test_the_time_is_up_though_the_only_worker_is_gone(sg, dask_client, killing, shots):
    """
    The map does not wait for an item if its worker is lost and no other worker exists.
    """
    here = min(dask_client.scheduler_info()["workers"])
    executor = dask_client.get_executor(workers=[here])
    caught = []

    def iterate():
        try:
            list(sg.map(killing(shots[0], beside=shots), shots, executor=executor, timeout=2))
        except MapTimeout as error:
            caught.append(error)

    thread = threading.Thread(target=iterate, daemon=True)
    thread.start()
    thread.join(PATIENCE)

    assert len(caught) == 1


# --- Declared safe to repeat


def test_what_is_safe_to_repeat_is_repeated(sg, dask_client, killing, shots, notes):
    """
    With idempotent=True lost items are repeated, and no item is lost.
    """
    function = killing(shots[5], beside=shots)
    results = list(sgextended.dask.map(sg, function, shots, client=dask_client, idempotent=True))

    assert results == [(shot["id"], shot["code"]) for shot in shots]
    assert noted(notes).count(shots[5]["id"]) == 2
    assert set(noted(notes)) == set(ids_of(shots))


@pytest.mark.parametrize(("retries", "done"), [(0, False), (1, True)])
def test_what_dask_gives_up_is_retried_as_often_as_allowed(
    sg, dask_client, dask_cluster, killing, shots, monkeypatch, retries, done
):
    """
    A lost item is submitted again *retries* times, and is then a failure that names it.
    """
    monkeypatch.setattr(dask_cluster.scheduler, "allowed_failures", 0)
    (result,) = sgextended.dask.map(
        sg, killing(shots[0]), shots[:1], client=dask_client, idempotent=True, retries=retries, on_error="collect"
    )

    assert (result == (shots[0]["id"], "sh000")) is done
    assert done or type(result.error) is WorkerLost
    assert done or f"Each worker of Shot {shots[0]['id']} (sh000) was lost" in str(result.error)


# --- The claims


class Scheduler:
    def __init__(self, **states):
        self.handlers = {}
        self.tasks = {key: SimpleNamespace(state=state) for key, state in states.items()}


@pytest.fixture
def claims():
    """
    The claims of a map, at a scheduler with three tasks.
    """
    claims = Claims(Scheduler(first="processing", second="no-worker", third="processing"))
    claims.open("map", "client")
    return claims


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # other processes may have the machine
@given(st.lists(st.integers(min_value=0, max_value=3000), max_size=50))
def test_a_number_is_granted_once(numbers):
    """
    In any order of claims, each number is granted to the first claim only.
    """
    claims = Claims(Scheduler())
    claims.open("map", "client")
    answers = [(number, claims.claim("map", number)) for number in numbers]

    assert sorted(number for number, answer in answers if answer == "begin") == sorted(set(numbers))
    assert {answer for _number, answer in answers} <= {"begin", "begun"}


def test_what_was_withdrawn_is_not_granted(claims):
    """
    The result distinguishes tasks that have begun, tasks that have not, and tasks without a worker.
    """
    claims.claim("map", 1)
    claims.claim("map", 2)
    chunks = {"first": [0, 1], "second": [2], "third": [3, 4], "gone": [5]}

    assert claims.withdraw("map", chunks) == {
        "first": "begun", "second": "lost", "third": "withdrawn", "gone": "withdrawn"
    }  # fmt: skip
    assert [claims.claim("map", number) for number in (0, 1, 3)] == ["withdrawn", "begun", "withdrawn"]
    assert claims.withdraw("map", chunks)["first"] == "begun"


@pytest.mark.parametrize("end", [lambda claims: claims.close("map"), lambda claims: claims.forget("client")])
def test_nothing_is_granted_when_the_map_is_over(claims, end):
    """
    A task that comes late finds its map closed, or its client gone.
    """
    claims.open("other", "somebody")
    end(claims)

    assert claims.claim("map", 0) is None
    assert claims.withdraw("map", {"first": [0]}) == {}
    assert claims.claim("other", 0) == "begin"


def test_a_task_that_comes_late_does_not_begin(dask_client):
    """
    Claiming an item of a finished map raises an error.
    """

    def work():
        with Claim("over").item(0, "x"):
            return "begun"

    with pytest.raises(WorkerError, match="'x' was not begun: its map is over"):
        dask_client.submit(work, pure=False).result()


def test_the_claims_of_a_client_that_ends_are_forgotten(dask_cluster, sg):
    """
    The scheduler keeps nothing of a client that went away in the middle of a map.
    """
    from distributed import Client

    claims = dask_cluster.scheduler.plugins
    with Client(dask_cluster) as client:
        found = sg.map(lambda _sg, item: (item, os.getpid()), range(50), executor=client.get_executor())
        next(found)
        kept = claims[NAME].claims._runs
        assert client.id in {owner for owner, _marks in kept.values()}
    found.close()

    assert client.id not in {owner for owner, _marks in kept.values()}
