"""
How many requests a Dask cluster sends at once.
"""

import contextlib
import threading

import pytest
from fix_dask import PATIENCE
from fix_extended import KEY
from fix_servers import ScriptedSite, page, results

import sgextended.dask
from sgextended import PoolTimeout, SGExtended, Site
from sgextended.http.transport import REQUEST_CONTEXT


class InFlight:
    """
    Responds with four pages, and counts the requests in flight; each takes a moment, so that others can arrive.

    With *want*, those after the first page stay until so many have come.
    """

    def __init__(self, want=None):
        self.most = self.now = 0
        self._want = want
        self._changed = threading.Condition()

    def __call__(self, request):
        number = request.payload["params"][1]["paging"]["current_page"]
        with self._changed:
            self.now += 1
            self.most = max(self.most, self.now)
            self._changed.notify_all()
            if self._want is None:
                self._changed.wait_for(lambda: self.now > 2, 0.02)
            elif number > 1:
                self._changed.wait_for(lambda: self.most >= self._want, PATIENCE)
            self.now -= 1
        return results({**page({"type": "Shot", "id": number}), "paging_info": {"has_next_page": number < 4}})


def count_shots(sg, _item):
    """
    Return the number of shots, read from several pages.
    """
    return len(sg.find("Shot", [], limit=2000))


def test_each_process_keeps_its_own_bound_by_default(dask_client, slow_site):
    """
    Without max_requests two workers send more than two requests at once.
    """
    slow_site.answers["read"] = in_flight = InFlight(want=3)
    sg = SGExtended(site=Site.from_env("SLOW_"))

    assert list(sg.map(count_shots, range(6), executor=dask_client.get_executor())) == [4] * 6
    assert in_flight.most >= 3


@pytest.mark.parametrize("most", [1, 2])
def test_the_cluster_sends_no_more_requests_at_once_than_allowed(dask_client, slow_site, most):
    """
    All workers together keep the bound, with the pages that they fetch ahead.
    """
    slow_site.answers["read"] = in_flight = InFlight()
    sg = SGExtended(site=Site.from_env("SLOW_"))

    assert list(sgextended.dask.map(sg, count_shots, range(6), client=dask_client, max_requests=most)) == [4] * 6
    assert 1 <= in_flight.most <= most


def test_a_turn_that_does_not_come_in_time_is_an_error(dask_client, slow_site):
    """
    A call that may not send within its deadline raises an error that says why; nothing was sent.
    """
    from distributed import Semaphore

    sg = SGExtended(site=Site.from_env("SLOW_"))
    with Semaphore(1, "sgextended-requests-1"):
        (failure,) = sgextended.dask.map(sg, _within, [0.2], client=dask_client, max_requests=1, on_error="collect")

    assert isinstance(failure.error, PoolTimeout)
    assert "0.2 s that the caller allows: 1 requests of the cluster are in flight" in str(failure.error)
    assert not [each for each in slow_site.sent("read") if each.payload["params"][1]["type"] == "Task"]


def _within(sg, seconds):
    with sg.deadline(seconds):
        return sg.find("Task", [])


def test_each_request_is_surrounded(make_server):
    """
    The context manager of a cluster surrounds each request, and receives the deadline.
    """
    inside, seen, pages = [], [], InFlight()
    lock = threading.Lock()

    @contextlib.contextmanager
    def around(deadline):
        with lock:
            inside.append(deadline.seconds)
        yield
        with lock:
            inside.pop()

    def answer(request):
        seen.append((len(inside) > pages.now, *set(inside)))
        return pages(request)

    server = make_server(kind=ScriptedSite, read=answer)
    sg = SGExtended(site=Site(url=server.url, script_name="robot", api_key=KEY))
    with REQUEST_CONTEXT.bind(around), sg.deadline(30):
        assert count_shots(sg, None) == 4

    assert len(seen) >= 4
    assert set(seen) == {(True, 30)}
