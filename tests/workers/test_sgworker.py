"""
`SGWorker`: a wrapper that is itself the work; one instance for each worker, begun and ended once.
"""

import threading

import pytest
from attrs import define, field
from fix_extended import make_site

from sgextended import ConfigurationError, SGExtended, SGWorker, WorkerError


@define(slots=False, eq=False)
class Noting(SGWorker):
    """
    A worker that notes its calls, and their threads.
    """

    notes: list = field(kw_only=True)
    gate: threading.Barrier = field(kw_only=True, default=None)

    def setup(self):
        self.notes.append(("setup", self))

    def __call__(self, item):
        if self.gate is not None:
            self.gate.wait(5)
        if item == "bad":
            raise KeyError(item)
        self.notes.append(("item", self))
        return item

    def teardown(self):
        self.notes.append(("teardown", self))


def test_each_worker_is_begun_and_ended_once(site):
    """
    Two workers are two instances: each is set up before its first item, and torn down after its last.
    """
    notes = []
    results = list(Noting.map(range(8), workers=2, site=site, notes=notes, gate=threading.Barrier(2)))
    by_worker = {id(worker): [what for what, who in notes if who is worker] for _what, worker in notes}

    assert results == list(range(8))
    assert len(by_worker) == 2
    for each in by_worker.values():
        assert each == ["setup", *["item"] * (len(each) - 2), "teardown"]


@pytest.mark.parametrize("end", ["failure", "leaving"])
def test_workers_are_ended_whatever_ends_the_work(site, end):
    """
    After a failed item, and after the loop was left, every worker that was begun is torn down and closed.
    """
    notes = []
    results = Noting.map(["good", "bad", "more"] * 5, workers=2, site=site, notes=notes)
    assert next(results) == "good"
    if end == "failure":
        with pytest.raises(WorkerError, match="bad"):
            list(results)
    else:
        results.close()
    begun = [worker for what, worker in notes if what == "setup"]

    assert [worker for what, worker in notes if what == "teardown"] == begun[::-1]
    assert all(worker.is_closed for worker in begun)


def test_a_failing_teardown_keeps_no_other_from_being_called(site):
    """
    Each worker is torn down, and the failure is raised after that.
    """
    ended = []

    class Failing(SGWorker):
        def __call__(self, item):
            gate.wait(5)

        def teardown(self):
            ended.append(self)
            msg = "teardown"
            raise RuntimeError(msg)

    gate = threading.Barrier(2)
    with pytest.raises(RuntimeError, match="teardown"):
        list(Failing.map(range(2), workers=2, site=site))
    assert len(ended) == 2


def test_a_worker_that_cannot_be_set_up_fails_its_items(site):
    """
    An exception in setup is the failure of the item that the worker had taken; teardown is not called.
    """
    ended = []

    class Broken(SGWorker):
        def setup(self):
            msg = "no licence"
            raise OSError(msg)

        def __call__(self, item):
            return item

        def teardown(self):
            ended.append(self)

    with pytest.raises(WorkerError, match="OSError: no licence"):
        list(Broken.map([1], site=site))
    assert ended == []


def test_the_options_of_map_are_told_from_those_of_the_class(site):
    """
    Options that map does not have are arguments of each instance.
    """
    told = []
    results = Noting.map(
        ["bad"], site=site, notes=[], on_error="collect", progress=lambda *call: told.append(call), workers=1
    )
    (failure,) = results

    assert failure.item == "bad"
    assert told == [(0, 1, 1)]


def test_clones_of_workers_are_closed(site):
    """
    The wrappers that map creates for its workers are closed after it; the caller's wrapper is not.
    """
    sg, seen = SGExtended(site=site), []
    list(sg.map(lambda worker, _item: seen.append(worker), range(3), workers=2))

    assert all(worker.is_closed for worker in seen)
    assert not sg.is_closed


def test_a_client_that_was_handed_in_stays_open(shot_server):
    """
    A wrapper around another library's client shares the client with its workers, and never closes it.
    """
    import shotgun_api3

    site = make_site(shot_server)
    official = shotgun_api3.Shotgun(site.url, "robot", "key")
    official.find("Shot", [])
    connection = official._connection
    list(SGExtended(official).map(lambda sg, _item: sg.find("Shot", []), range(3), workers=2))

    assert official._connection is connection is not None
    official.close()


def test_a_failing_teardown_hides_no_failure_of_the_work(site, caplog):
    """
    The item that has failed is named; that the worker could not be ended is logged.
    """

    class Failing(SGWorker):
        def __call__(self, item):
            raise KeyError(item)

        def teardown(self):
            msg = "teardown"
            raise RuntimeError(msg)

    with pytest.raises(WorkerError, match="The work on 1 failed: KeyError"):
        list(Failing.map([1], site=site))
    assert ["could not be closed" in record.message for record in caplog.records if record.levelname == "WARNING"] == [
        True
    ]


def test_an_argument_that_nobody_takes_is_refused_at_once(site):
    """
    The call refuses a misspelled option such as ``worker=`` before an instance is created.
    """
    with pytest.raises(ConfigurationError, match=r"Neither map nor Noting accepts .*'worker'.*workers"):
        Noting.map([1], worker=4, site=site, notes=[])
