"""
`EventRunner` with an executor: the handlers run in other processes, or on a Dask cluster.
"""

import concurrent.futures
import contextlib
import multiprocessing
import os
import sys
import threading

import fix_event_handlers
import pytest
from fix_event_handlers import GUARD, wait_for

from sgextended import ConfigurationError, EventRunner, SGExtended, WorkerError, on

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.. may lead to deadlocks:DeprecationWarning")


@pytest.fixture
def environment(event_site, monkeypatch):
    """
    An environment that leads to the site, for the processes too.
    """
    for name in ("LOGIN", "PASSWORD", "AUTH_TOKEN", "SESSION_TOKEN"):
        monkeypatch.delenv(f"SHOTGUN_{name}", raising=False)
    settings = {"URL": event_site.url, "SCRIPT_NAME": event_site.script_name, "API_KEY": event_site.api_key}
    for name, value in settings.items():
        monkeypatch.setenv(f"SHOTGUN_{name}", value)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


@pytest.fixture
def processes(environment):
    """
    One other process.
    """
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        yield executor


@pytest.fixture
def run(environment, tmp_path):
    """
    Runs handlers on an executor for a block of code. At the end of the block they are closed, and a failure is raised.
    """

    @contextlib.contextmanager
    def running(executor, *sources):
        with SGExtended() as sg:
            runner = EventRunner(sg, sources, tmp_path / "places", poll_seconds=0.01, executor=executor)
            runner.find_starts()
            with concurrent.futures.ThreadPoolExecutor(1) as thread:
                ended = thread.submit(runner.run)
                try:
                    yield runner
                finally:
                    runner.close()
            ended.result()

    return running


def make_shot(studio, name, **values):
    sg, project = studio
    return sg.create("Shot", {"project": project, "code": name, **values})


def test_handlers_run_in_other_processes(studio, run, processes):
    """
    A function and a method handle each event once, in the process of the executor.
    """
    with run(processes, fix_event_handlers.write_process, fix_event_handlers.Studio) as runner:
        shots = [make_shot(studio, name) for name in ("a", "b")]
        wait_for(lambda: runner.handled == {"write_process": 2, "Studio.write_event": 2})

    sg, _project = studio
    rows = sg.find("Shot", [["id", "in", [shot["id"] for shot in shots]]], ["description", "sg_cut_in"])
    (process,) = processes._processes
    assert [row["description"] for row in rows] == [f"process {process}"] * 2
    assert all(row["sg_cut_in"] for row in rows)


def test_failure_in_another_process_is_parked(studio, run, processes):
    """
    The error comes back from the process, its event is parked, and the others are handled.
    """
    with run(processes, fix_event_handlers.refuse_first) as runner:
        make_shot(studio, "bad")
        make_shot(studio, "good")
        wait_for(lambda: runner.handled == {"picky": 1})
        (loop,) = runner._loops
        wait_for(loop.parked.to_json)

    assert "not this one" in str(loop.parked.to_json())


def test_events_of_an_executor_that_ended_come_again(studio, run, environment):
    """
    The death of a process is no failure of the handler. The run ends, and the next one handles the event.
    """
    shots = []

    def work(*, until):
        pool = concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
        with pool as executor, run(executor, fix_event_handlers.end_process) as runner:
            if not shots:
                shots.append(make_shot(studio, "a"))
            wait_for(lambda: until(runner))
        return runner

    with pytest.raises(WorkerError, match="The executor of the handler deadly has ended"):
        work(until=lambda runner: runner._loops[0].error is not None)
    sg, _project = studio
    sg.update("Shot", shots[0]["id"], {"description": "safe"})
    runner = work(until=lambda runner: runner.handled == {"deadly": 1})

    assert not runner._loops[0].parked.to_json()
    assert sg.find_one("Shot", [["id", "is", shots[0]["id"]]], ["sg_cut_out"])["sg_cut_out"]


def test_handler_that_meets_an_ended_executor_ends(studio, run, processes):
    """
    A handler whose first event comes when the executor has ended, ends as well, and its event comes again.
    """
    sg, project = studio

    def work():
        with run(processes, fix_event_handlers.end_process, fix_event_handlers.rename) as runner:
            deadly, other = runner._loops
            make_shot(studio, "a")
            wait_for(lambda: deadly.error is not None)
            sg.create("Sequence", {"project": project, "code": "before"})
            wait_for(lambda: other.error is not None)
            assert not other.parked.to_json()
            assert other.mark < sg.find_one("EventLogEntry", [["event_type", "is", "Shotgun_Sequence_New"]])["id"]

    with pytest.raises(WorkerError, match="has ended"):
        work()


def test_handlers_run_on_a_cluster(studio, run, environment):
    """
    The executor of a Dask client handles events on its workers.
    """
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
        client.get_executor() as executor,
        run(executor, fix_event_handlers.write_process) as runner,
    ):
        shot = make_shot(studio, "a")
        wait_for(lambda: runner.handled == {"write_process": 1})

    sg, _project = studio
    written = sg.find_one("Shot", [["id", "is", shot["id"]]], ["description"])["description"]
    assert written.startswith("process ")
    assert written != f"process {os.getpid()}"


def test_what_cannot_be_sent_is_refused_at_once(studio, processes, tmp_path):
    """
    A handler inside a function, and a wrapper with a literal key, are errors before anything is followed.
    """

    @on("Shotgun_Shot_New")
    def local(_sg, _event):
        pass

    with SGExtended() as sg, pytest.raises(ConfigurationError, match="cannot be sent to other processes"):
        EventRunner(sg, [local], tmp_path / "places", executor=processes)
    with pytest.raises(ConfigurationError, match="key"):
        EventRunner(studio[0], [fix_event_handlers.write_process], tmp_path / "places", executor=processes)
    with SGExtended() as sg, pytest.raises(ConfigurationError, match="executor=4 is not valid"):
        EventRunner(sg, [fix_event_handlers.write_process], tmp_path / "places", executor=4)


def test_executor_of_threads_is_shared_and_stays_open(studio, run):
    """
    All handlers use the caller's executor, which goes on after the run.
    """
    with concurrent.futures.ThreadPoolExecutor(2, thread_name_prefix="own") as executor:
        names = set()

        @on("Shotgun_Shot_New", name="one")
        def one(_sg, _event):
            names.add(threading.current_thread().name[:3])

        @on("Shotgun_Shot_New", name="two")
        def two(_sg, _event):
            names.add(threading.current_thread().name[:3])

        with run(executor, one, two) as runner:
            make_shot(studio, "a")
            wait_for(lambda: runner.handled == {"one": 1, "two": 1})
        assert executor.submit(int).result(GUARD) == 0

    assert names == {"own"}
