"""
`find_iter`: all entities in bounded memory; by id, each exactly once, whatever changes meanwhile.
"""

import itertools
import threading

import pytest
import shotgun_api3
from fix_extended import make_site
from fix_native import make_client
from fix_servers import GUARD, results
from hypothesis import given, settings
from hypothesis import strategies as st

from sgextended import ConfigurationError, SGExtended
from sgextended.client.paging import Source, by_id

BY_ID = [{"field_name": "id", "direction": "asc"}]
REQUEST = {"filters": {"logical_operator": "and", "conditions": []}}


def answer_from(ids, request):
    """
    Return the page that a site with these ids gives, in the form of a result.
    """
    low, high = -1, float("inf")
    for condition in request["filters"]["conditions"]:
        if condition.get("path") == "id":
            value = condition["values"][0]
            low, high = (value, high) if condition["relation"] == "greater_than" else (low, value)
    found = sorted((n for n in ids if low < n < high), reverse=request["sorts"][0]["direction"] == "desc")
    size = request["paging"]["entities_per_page"]
    return {"entities": [{"id": n} for n in found[:size]], "paging_info": {"has_next_page": len(found) > size}}


class Ids:
    """
    A site with nothing but ids, which counts what it is asked and may change at each request.
    """

    def __init__(self, ids, *, change=lambda ids: None):
        self.ids, self.requests, self._change, self._lock = set(ids), 0, change, threading.Lock()

    def read(self, request):
        with self._lock:
            self.requests += 1
            page = answer_from(self.ids, request)
            self._change(self.ids)
        return page

    def iterate(self, *, size, max_in_flight, limit=0):
        # A page travels as itself instead of as bytes.
        source = Source(
            read=lambda request, _look: self.read(request),
            fetch=lambda request, _sleep: self.read(request),
            decode=lambda _request, page: page,
            max_in_flight=max_in_flight,
            may_grow=lambda: True,
        )
        request = {**REQUEST, "paging": {"entities_per_page": size, "current_page": 1}, "sorts": BY_ID}
        return [row["id"] for page in by_id(source, request, limit) for row in page]


SPARSE = st.one_of(
    st.sets(st.integers(1, 200)),
    st.sets(st.integers(1, 10**9), max_size=60),
    st.builds(
        lambda start, count, rest: {*range(start, start + count), *rest},
        st.integers(1, 10**7),
        st.integers(0, 150),
        st.sets(st.integers(1, 10**8), max_size=20),
    ),
)


@settings(deadline=None)
@given(ids=SPARSE, size=st.integers(1, 20), max_in_flight=st.integers(0, 6))
def test_every_id_comes_once_and_in_order(ids, size, max_in_flight):
    """
    However the ids lie, whatever the page size and however many pages are in flight.
    """
    assert Ids(ids).iterate(size=size, max_in_flight=max_in_flight) == sorted(ids)


@settings(deadline=None)
@given(
    lasting=st.sets(st.integers(1, 300), min_size=1),
    fleeting=st.lists(st.integers(1, 300), max_size=60),
    size=st.integers(1, 20),
    max_in_flight=st.integers(0, 6),
)
def test_what_exists_throughout_comes_exactly_once(lasting, fleeting, size, max_in_flight):
    """
    Others are created and retired at every request: those that stay come once each, in order, and none comes twice.
    """
    changes = iter(fleeting)

    def change(ids):
        number = next(changes, None)
        if number is not None and number not in lasting:
            ids ^= {number}

    found = Ids(lasting, change=change).iterate(size=size, max_in_flight=max_in_flight)

    assert [n for n in found if n in lasting] == sorted(lasting)
    assert len(found) == len(set(found))


def test_evenly_spread_ids_take_few_more_requests_than_pages():
    """
    10 000 of 40 000 ids in pages of 100 are asked for with at most a quarter more requests than pages.
    """
    site = Ids(range(1, 40_001, 4))

    assert len(site.iterate(size=100, max_in_flight=4)) == 10_000
    assert site.requests <= 125


def test_a_wide_gap_is_crossed_in_few_requests():
    """
    A million ids without an entity, which is 2000 times the width of a page, cost a few dozen requests.
    """
    site = Ids({*range(1, 1001), *range(1_000_000, 1_001_000)})

    assert len(site.iterate(size=500, max_in_flight=4)) == 2000
    assert site.requests <= 50


@pytest.fixture(scope="module")
def production(demo_site):
    """
    An official client of the demo production.
    """
    client = shotgun_api3.Shotgun(demo_site.url, demo_site.script_name, demo_site.api_key)
    yield client
    client.close()


@pytest.fixture
def sg(demo_site, make_sg):
    """
    A wrapper on the demo production.
    """
    return make_sg(demo_site)


FILTERS = [
    [],
    [["sg_status_list", "is", "ip"]],
    [{"filter_operator": "any", "filters": [["sg_status_list", "is", "ip"], ["sg_status_list", "is", "fin"]]}],
    {
        "logical_operator": "or",
        "conditions": [{"path": "sg_status_list", "relation": "is", "values": [code]} for code in ("ip", "fin")],
    },
]


@pytest.mark.parametrize("filters", FILTERS)
def test_entities_are_what_the_official_client_finds(sg, production, filters):
    """
    The same values, lowest id first.
    """
    fields = ["content", "created_at", "task_assignees", "entity"]
    theirs = production.find("Task", filters, fields, order=[{"field_name": "id", "direction": "asc"}])

    assert list(sg.find_iter("Task", filters, fields, page_size=397)) == theirs


def test_an_order_is_kept(sg, production):
    """
    With an order, entities come in it.
    """
    order = [{"field_name": "content", "direction": "desc"}, {"field_name": "id", "direction": "asc"}]
    theirs = production.find("Task", [], ["content"], order=order)

    assert list(sg.find_iter("Task", [], ["content"], order, page_size=200)) == theirs
    assert list(sg.find_iter("Task", [], ["content"], order, read_ahead=0)) == theirs


@pytest.mark.parametrize("order", [None, [{"field_name": "id", "direction": "desc"}]])
@pytest.mark.parametrize("limit", [1, 100, 101, 250])
def test_a_limit_ends_the_iteration(sg, production, order, limit):
    """
    Exactly as many entities come as were asked for, and no more pages than that takes, but for the highest id.
    """
    before = sg.requests_sent
    found = list(sg.find_iter("Task", [], None, order, limit=limit, page_size=100))

    assert found == production.find("Task", [], None, order or BY_ID, limit=limit)
    assert sg.requests_sent - before <= -(-limit // 100) + (order is None) + 1


def test_retired_entities_can_be_iterated_over(any_site, make_sg):
    """
    ``retired_only`` is passed on.
    """
    sg = make_sg(any_site)
    project = sg.create("Project", {"name": "retired", "tank_name": "retired"})
    gone = [sg.create("Shot", {"code": f"gone{n}", "project": project}) for n in range(3)]
    for shot in gone:
        sg.delete("Shot", shot["id"])
    ids = [row["id"] for row in sg.find_iter("Shot", [], retired_only=True, page_size=2)]

    assert set(ids) >= {shot["id"] for shot in gone}


def test_one_page_can_be_asked_for(sg):
    """
    With a page number only that page comes, as native.
    """
    assert (
        list(sg.find_iter("Task", [], None, BY_ID, page=3, page_size=50)) == sg.find("Task", [], None, BY_ID)[100:150]
    )


def test_nothing_found_is_one_request(sg):
    """
    An empty result costs one request.
    """
    sg.find_one("Task", [])
    before = sg.requests_sent

    assert list(sg.find_iter("Task", [["id", "is", 0]])) == []
    assert sg.requests_sent == before + 1


def test_a_site_that_changes_meanwhile_loses_and_doubles_nothing(any_site, make_sg):
    """
    Shots are created and retired by others at every page; those that stay come exactly once.
    """
    sg, other = make_sg(any_site), make_sg(any_site)
    project = sg.create("Project", {"name": "changes", "tank_name": "changes"})
    made = sg.batch(
        [
            {"request_type": "create", "entity_type": "Shot", "data": {"code": f"sh{n:03}", "project": project}}
            for n in range(120)
        ]
    )
    doomed = made[::5]
    found = []
    for number, shot in enumerate(sg.find_iter("Shot", [["project", "is", project]], page_size=7)):
        found.append(shot["id"])
        if number % 4 == 0 and doomed:
            other.delete("Shot", doomed.pop()["id"])
            other.create("Shot", {"code": f"new{number}", "project": project})
    stayed = {shot["id"] for shot in made} - {shot["id"] for shot in made[::5]}

    assert len(found) == len(set(found))
    assert stayed <= set(found)


@pytest.mark.parametrize("wrong", [{"page_size": 0}, {"page_size": "7"}, {"read_ahead": -1}, {"page_size": True}])
def test_what_cannot_be_is_refused_at_once(sg, wrong):
    """
    A page size or read-ahead that cannot be is refused when it is given, and nothing is sent.
    """
    before = sg.requests_sent

    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        sg.find_iter("Task", [], **wrong)
    assert sg.requests_sent == before


def test_bad_arguments_are_refused_before_the_loop(sg):
    """
    What the official find refuses is refused by the call, not by the loop.
    """
    with pytest.raises(ValueError, match="limit"):
        sg.find_iter("Task", [], limit=-1)


def test_leaving_the_loop_ends_the_reading(make_site_server):
    """
    After the loop is left no page is asked for any more, and no thread is left.
    """

    def read(request):
        paging = request.payload["params"][1]["paging"]
        entities = [{"type": "Shot", "id": paging["current_page"]}]
        return results({"entities": entities, "paging_info": {"has_next_page": True}})

    server = make_site_server(read=read)
    client = make_client(server, connections=2)
    rows = list(itertools.islice(client.find_iter("Shot", [], order=BY_ID), 5))
    pages = [thread for thread in threading.enumerate() if thread.name.startswith("sgextended-page")]
    for thread in pages:
        thread.join(GUARD)

    assert [row["id"] for row in rows] == [1, 2, 3, 4, 5]
    assert not any(thread.is_alive() for thread in pages)
    assert len(server.sent("read")) <= 5 + 4 + 2


def test_a_client_that_was_handed_in_is_asked_at_once(make_mockgun):
    """
    A Mockgun, which knows no pages, gives its entities too.
    """
    sg = SGExtended(make_mockgun())
    made = [sg.create("Shot", {"code": code}) for code in ("b", "a")]

    assert [row["id"] for row in sg.find_iter("Shot", [])] == [shot["id"] for shot in made]


def test_subclasses_have_it(shot_server):
    """
    A studio's subclass iterates like the base.
    """
    studio = type("Studio", (SGExtended,), {})(site=make_site(shot_server))

    assert [row["id"] for row in studio.find_iter("Shot", [])] == [7]
