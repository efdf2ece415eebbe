"""
`sg.map` on processes: fork, spawn and forkserver; one wrapper for each process, made from the recipe.
"""

import concurrent.futures
import multiprocessing
import os
import sys
from multiprocessing import forkserver

import pytest
from fix_extended import KEY
from fix_servers import ScriptedSite, page
from fix_workers import Counting, Studio, die, fail, returns_what_cannot_travel, shots_and_worker

from sgextended import ConfigurationError, Failure, SGExtended, Site, WorkerError
from sgextended.workers.worker_group import KEPT_RECIPES

METHODS = [each for each in ("fork", "spawn", "forkserver") if each in multiprocessing.get_all_start_methods()]

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.. may lead to deadlocks:DeprecationWarning")


@pytest.fixture(scope="module")
def server():
    """
    A site with two shots.
    """
    server = ScriptedSite(read=page({"type": "Shot", "id": 1}, {"type": "Shot", "id": 2}))
    yield server
    server.close()


@pytest.fixture(scope="module")
def environment(server):
    """
    An environment that leads to the site, for the processes too.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in ("LOGIN", "PASSWORD", "AUTH_TOKEN", "SESSION_TOKEN"):
            patch.delenv(f"SHOTGUN_{name}", raising=False)
        for name, value in (("URL", server.url), ("SCRIPT_NAME", "robot"), ("API_KEY", KEY)):
            patch.setenv(f"SHOTGUN_{name}", value)
        # Processes that are started anew import what the tests import, and have the environment of a new server.
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        forkserver._forkserver._stop()
        yield
        forkserver._forkserver._stop()


@pytest.fixture(scope="module", params=METHODS)
def executor(environment, request):
    """
    Two processes, started in each of the ways.
    """
    context = multiprocessing.get_context(request.param)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
        yield executor


def test_a_studios_class_works_in_processes(executor):
    """
    Results come in order, from other processes, with a wrapper of the studio's class.
    """
    results = list(Studio().map(shots_and_worker, range(12), executor=executor))

    assert [(item, count, owner) for item, count, owner, _who in results] == [(n, 2, "Studio") for n in range(12)]
    assert os.getpid() not in {who[0] for *_rest, who in results}


def test_a_process_makes_one_wrapper_and_keeps_it(executor):
    """
    For any number of items and maps, a process has one wrapper for each of its threads.
    """
    sg = SGExtended()
    seen = [who for _ in range(3) for *_rest, who in sg.map(shots_and_worker, range(8), executor=executor)]

    assert len(set(seen)) == len({who[:2] for who in seen}) <= 2


def test_a_failure_comes_back_with_its_item(executor):
    """
    An error that cannot be pickled is returned as its text, in the place of the item.
    """
    first, *_ = results = list(SGExtended().map(fail, [1, 2], executor=executor, on_error="collect"))

    assert all(isinstance(each, Failure) for each in results)
    assert (first.item, str(first.error)) == (1, "Local: local 1")


def test_a_worker_class_works_in_processes(executor, tmp_path):
    """
    `SGWorker.map` makes its instances there.
    """
    notes = tmp_path / "notes"
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=executor._mp_context) as fresh:
        assert list(Counting.map(range(4), executor=fresh, notes=str(notes))) == [2, 2, 2, 2]
    lines = [line.split()[:2] for line in notes.read_text().splitlines()]

    assert sorted(what for what, _pid in lines) == ["setup"] * (len(lines) // 2) + ["teardown"] * (len(lines) // 2)
    assert len(lines) == 2 * len({pid for _what, pid in lines})


def test_a_process_that_dies_loses_the_items_in_flight_by_name(environment):
    """
    Finished items keep their results, and each item that was lost with the process is a failure of its own.
    """
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        results = list(SGExtended().map(die, range(6), workers=1, executor=executor, on_error="collect"))
    failures = [each for each in results if isinstance(each, Failure)]

    assert results[:3] == [0, 1, 2]
    assert [each.item for each in failures] == [3, 4, 5]
    assert {type(each.error).__name__ for each in failures} == {"BrokenProcessPool"}


def test_a_literal_key_is_refused_before_anything_begins(executor, server):
    """
    The call refuses a wrapper with a literal key, and the message says what to do.
    """
    sg = SGExtended(site=Site(url=server.url, script_name="robot", api_key=KEY))

    with pytest.raises(ConfigurationError, match="from_env"):
        sg.map(shots_and_worker, range(3), executor=executor)


def test_a_function_that_cannot_travel_is_refused(executor):
    """
    A lambda cannot be sent to a process that imports what it runs.
    """
    with pytest.raises(ConfigurationError, match="is defined in a"):
        SGExtended().map(lambda _sg, item: item, range(3), executor=executor)


def test_a_failure_ends_the_map(executor):
    """
    The first failure is raised with its item, and the executor can be used after it.
    """
    with pytest.raises(WorkerError, match="The work on 1 failed: RuntimeError: Local: local 1") as caught:
        list(SGExtended().map(fail, [1, 2, 3], executor=executor))

    assert caught.value.item == 1
    assert executor.submit(int, "7").result() == 7


def test_results_that_cannot_travel_are_failures_of_their_own(executor):
    """
    A result that cannot be sent loses no other of its chunk; one that cannot be read does not break the executor.
    """
    map_ = SGExtended().map
    sent = list(map_(returns_what_cannot_travel, [0, 1, 3], executor=executor, on_error="collect", chunksize=3))
    read = list(map_(returns_what_cannot_travel, [0, 2, 3], executor=executor, on_error="collect"))

    assert [sent[0], sent[2], read[0], read[2]] == [0, 3, 0, 3]
    assert "The work was done, but its result cannot be sent back" in str(sent[1].error)
    assert "The work was done, but its result cannot be read in this process: ValueError: not" in str(read[1].error)
    assert executor.submit(int, "7").result() == 7


def test_workers_of_earlier_maps_are_ended_when_others_take_their_place(environment, tmp_path):
    """
    A process keeps only the workers of the last maps; the others are torn down.
    """
    notes = [tmp_path / f"notes {number}" for number in range(KEPT_RECIPES + 1)]
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        for path in notes:
            assert list(Counting.map([1], executor=executor, notes=str(path))) == [2]
        ended = [path.read_text().count("teardown") for path in notes]
    after = [path.read_text().count("teardown") for path in notes]

    assert ended == [1, *[0] * KEPT_RECIPES]
    assert after == [1] * len(notes)
