"""
`SGExtended` around clients that are not ours, and work over many items.
"""

import threading
from unittest import mock

import pytest
import shotgun_api3
from fix_extended import KEY, SHOT, Job, Studio
from fix_servers import GUARD
from shotgun_api3.lib.mockgun import Shotgun as Mockgun

from sgextended import SGExtended, SGWorker, WorkerError

# --- Mockgun and mocks


def test_mockgun_works(make_mockgun):
    """
    A studio's tests with a Mockgun run through the wrapper: verbs, domain, map, with.
    """
    with Studio(make_mockgun()) as sg:
        first, second = (sg.create("Shot", {"code": code}) for code in ("a", "b"))
        sg.update("Shot", first["id"], {"code": "c"})
        sg.delete("Shot", second["id"])
        assert sg.find_one("Shot", [["id", "is", first["id"]]], ["code"])["code"] == "c"
        assert sg.count("Shot") == 1
        assert list(sg.map(lambda sg, i: (i, sg.count("Shot")), range(3), workers=2)) == [(0, 1), (1, 1), (2, 1)]
        assert sg.schema_field_read("Shot", "code")


def test_mockgun_lacks_what_it_lacks(make_mockgun):
    """
    A name that a Mockgun lacks raises AttributeError.
    """
    with pytest.raises(AttributeError, match="summarize"):
        SGExtended(make_mockgun()).summarize("Shot", [], [])


def test_mocks_are_clients(site):
    """
    A mock with the names of a Shotgun can be wrapped, also one that is autospecced.
    """
    for client in (
        mock.MagicMock(),
        mock.Mock(spec=Mockgun),
        mock.create_autospec(shotgun_api3.Shotgun, instance=True),
    ):
        client.find.return_value = [SHOT]

        assert Studio(client).count("Shot") == 1


def test_forwarding_wrappers_are_clients(shot_server):
    """
    A studio's own wrapper that forwards to a Shotgun can be wrapped.
    """

    class Old:
        def __init__(self, sg):
            self._old_sg = sg

        def __getattr__(self, name):
            return getattr(self._old_sg, name)

    native = shotgun_api3.Shotgun(shot_server.url, "robot", KEY)
    with Studio(Old(native)) as sg:
        assert sg.count("Shot") == 1


# --- Many items


def test_map_gives_each_worker_a_clone(site):
    """
    Workers have wrappers of the same class and site, apart from the first and from each other.
    """
    sg = Studio(site=site)
    barrier = threading.Barrier(2)

    def work(own, item):
        barrier.wait(GUARD)
        return own, item, own.count("Shot")

    results_ = list(sg.map(work, range(2), workers=2))

    assert [result[1:] for result in results_] == [(0, 1), (1, 1)]
    assert len({id(own) for own, _item, _count in results_} | {id(sg)}) == 3
    assert {type(own) for own, _item, _count in results_} == {Studio}


def test_worker_class_maps_over_items(environment):
    """
    A worker class works on each item, in order.
    """
    assert list(Job.map(["a", "b", "c"], workers=2)) == [("a", 7), ("b", 7), ("c", 7)]


def test_worker_class_takes_settings(site):
    """
    The arguments of each instance can be given.
    """
    assert list(Job.map(["a"], site=site)) == [("a", 7)]


def test_worker_is_a_thread_target(environment):
    """
    An instance runs as the target of a thread.
    """
    done = []

    class Once(Job):
        def __call__(self, item):
            done.append(super().__call__(item))

    thread = threading.Thread(target=Once(), args=("x",))
    thread.start()
    thread.join(GUARD)

    assert done == [("x", 7)]


def test_worker_without_work_is_refused(site):
    """
    A worker class without ``__call__`` cannot be made.
    """
    with pytest.raises(TypeError, match="abstract"):
        SGWorker(site=site)


def test_failure_in_map_names_the_item(site):
    """
    The item that failed is named as one names an entity.
    """
    with pytest.raises(WorkerError, match=r"The work on Shot 7 \(sh010\) failed: ZeroDivisionError") as caught:
        list(SGExtended(site=site).map(lambda _sg, _item: 1 / 0, [{**SHOT, "code": "sh010"}]))

    assert caught.value.item["id"] == 7
