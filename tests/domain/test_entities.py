"""
Functions for entities of any type: by ids, exactly one, how many, in groups.
"""

import pickle
import threading

import pytest
import shotgun_api3

from sgextended import AmbiguousError, InvalidArgumentError, NotFoundError, SGExtended, TransportTimeout
from sgextended.domain import entities
from sgextended.localsite import LocalSite
from sgextended.localsite.storage.single_row_writes import insert_rows

GUARD = 20.0  # seconds


@pytest.fixture(scope="module")
def site():
    """
    A site with 5 000 shots, one of them retired.
    """
    with LocalSite() as site:
        yield site


@pytest.fixture(scope="module")
def many(site, make_sg):
    """
    A client on that site.
    """
    sg = make_sg(site)
    project = sg.create("Project", {"name": "Many"})
    columns = {"project__type": "Project", "project__id": project["id"]}
    rows = [{"id": number, "code": f"sh{(number - 1) % 7}", **columns} for number in range(1, 5001)]
    with site.store.writing() as tx:
        insert_rows(tx, "Shot", rows)
    sg.delete("Shot", 700)
    return sg


def test_find_by_ids_keeps_the_order_of_5000(many):
    """
    5 000 ids are returned in the order given, from ten requests. Retired and unknown ids are left out.
    """
    ids = [(number * 1237) % 5000 + 1 for number in range(5000)]
    before = many.requests_sent
    found = many.find_by_ids("Shot", iter([*ids, 99_999]), fields=["code"])

    assert [row["id"] for row in found] == [number for number in ids if number != 700]
    assert many.requests_sent - before == 11
    assert found[0] == {"type": "Shot", "id": ids[0], "code": f"sh{(ids[0] - 1) % 7}"}


def test_find_by_ids_asks_for_chunks_at_the_same_time(site, make_site, many):
    """
    Several pages are requested at the same time, with the find of the studio's own class.
    """
    together = threading.Barrier(4)

    class Studio(SGExtended):
        def find(self, *args, **kwargs):
            together.wait(GUARD)
            return super().find(*args, **kwargs)

    found = Studio(site=make_site(site)).find_by_ids("Shot", range(1, 2001))

    assert len(found) == 1999


def test_find_by_ids_takes_links_and_repeats(many):
    """
    Links are accepted as ids. An id that is given twice returns two separate dicts.
    """
    found = many.find_by_ids("Shot", [{"type": "Shot", "id": 3, "code": "x"}, 2, 3])

    assert found == [{"type": "Shot", "id": 3}, {"type": "Shot", "id": 2}, {"type": "Shot", "id": 3}]
    assert found[0] is not found[2]
    assert many.find_by_ids("Shot", []) == []


def test_find_by_ids_with_filters(many):
    """
    Conditions restrict the result and do not change its order.
    """
    assert [row["id"] for row in many.find_by_ids("Shot", [9, 8, 2, 1], filters=[["code", "is", "sh1"]])] == [9, 2]


def test_find_by_ids_required_names_what_is_missing(many):
    """
    With required=True, the error names the missing ids.
    """
    with pytest.raises(NotFoundError, match=r"2 of 3 entities of type Shot were not found: 700, 99999. They do"):
        many.find_by_ids("Shot", [1, 700, 99_999], required=True)
    with pytest.raises(NotFoundError, match=r"20 of 20 .* and 10 more"):
        many.find_by_ids("Shot", range(90_000, 90_020), required=True)


@pytest.mark.parametrize("wrong", ["12", True, None, {"type": "Asset", "id": 3}, {"id": 3}])
def test_find_by_ids_refuses_what_is_no_id(wrong):
    """
    A value that is neither a number nor a link to the type raises before a request is sent.
    """
    with pytest.raises(InvalidArgumentError):
        entities.find_by_ids(None, "Shot", [1, wrong])
    with pytest.raises(InvalidArgumentError):
        entities.find_by_ids(None, "Shot", wrong)


def test_find_by_ids_of_an_official_client(site, many):
    """
    A plain client, which is not thread-safe, sends one request after the other and returns the same.
    """
    official = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)
    ids = range(1200, 0, -1)

    assert entities.find_by_ids(official, "Shot", ids) == many.find_by_ids("Shot", ids)
    assert SGExtended(official).find_by_ids("Shot", ids) == many.find_by_ids("Shot", ids)
    official.close()


def test_find_by_ids_raises_the_fault_of_the_site(many):
    """
    A fault of the site is raised unchanged.
    """
    with pytest.raises(shotgun_api3.Fault, match="nonsense"):
        many.find_by_ids("Shot", range(1, 2000), filters=[["nonsense", "is", 1]])


def test_find_by_ids_ends_at_its_timeout(site, many):
    """
    The time limit applies to all requests together.
    """
    site.faults.add("latency=0.4:rpc=read")
    try:
        with pytest.raises(TransportTimeout):
            many.find_by_ids("Shot", range(1, 5001), timeout=0.2)
    finally:
        site.faults.clear()


@pytest.mark.parametrize(
    "which", [2, {"type": "Shot", "id": 2}, [["id", "is", 2]], [["id", "less_than", 3], ["code", "is", "sh1"]]]
)
def test_get_returns_exactly_one(many, which):
    """
    An id, a link or conditions identify the entity.
    """
    assert many.get("Shot", which, fields=["code"]) == {"type": "Shot", "id": 2, "code": "sh1"}


def test_get_refuses_a_name():
    """
    A name raises, and the error mentions sg.resolve.
    """
    with pytest.raises(InvalidArgumentError, match=r"Use sg\.resolve to find an entity by name"):
        entities.get(None, "Shot", "sh010")
    with pytest.raises(InvalidArgumentError, match="None is neither an id, a link nor conditions"):
        entities.exists(None, "Shot", None)


@pytest.mark.parametrize(("which", "named"), [(700, "the id 700"), ([["code", "is", "größe"]], "größe")])
def test_get_says_what_was_not_found(many, which, named):
    """
    No match raises a LookupError that names the type and the conditions, also for retired entities.
    """
    with pytest.raises(NotFoundError, match=f"There is no Shot with .*{named}.*, or it is retired"):
        many.get("Shot", which)


def test_get_of_several_says_which_ones(many):
    """
    Several matches raise an error with the first ones. The error can be pickled.
    """
    with pytest.raises(AmbiguousError, match=r"more than 10 have .*: 1, 8, 15") as caught:
        many.get("Shot", [["code", "is", "sh0"]], fields=["code"])
    with pytest.raises(AmbiguousError, match=r"but 2 have .*: 1, 8. Add conditions") as two:
        many.get("Shot", [["code", "is", "sh0"], ["id", "less_than", 9]])

    assert isinstance(caught.value, LookupError)
    assert caught.value.found[:2] == [
        {"type": "Shot", "id": 1, "code": "sh0"},
        {"type": "Shot", "id": 8, "code": "sh0"},
    ]
    assert len(caught.value.found) == 10
    again = pickle.loads(pickle.dumps(two.value))
    assert (str(again), again.found) == (str(two.value), two.value.found)


def test_count_lets_the_site_count(many):
    """
    A count is one request, whatever the number of entities.
    """
    before = many.requests_sent

    assert many.count("Shot") == 4999
    assert many.count("Shot", [["code", "is", "sh1"]]) == 715
    assert many.count("Asset", timeout=20) == 0
    assert many.requests_sent == before + 3


def test_exists_tells_whether(many):
    """
    exists accepts an id, a link or conditions. Retired entities do not exist.
    """
    assert many.exists("Shot", 1)
    assert not many.exists("Shot", 700)
    assert many.exists("Shot", {"type": "Shot", "id": 4})
    assert many.exists("Shot", [["code", "is", "sh3"]])
    assert not many.exists("Shot", [["code", "is", ""]])
    assert not many.exists("Asset")


def test_group_by_keeps_values_and_order(many):
    """
    Groups are in the order of their first entity, with unchanged values. A list puts an entity in several groups.
    """
    ana, crew = {"type": "HumanUser", "id": 1, "name": "Ana"}, {"type": "Group", "id": 1, "name": "crew"}
    rows = [
        {"type": "Task", "id": 1, "people": [ana], "status": "ip"},
        {"type": "Task", "id": 2, "people": [], "status": None},
        {"type": "Task", "id": 3, "people": [crew, {**ana, "name": "Ana again"}], "status": "ip"},
        {"type": "Task", "id": 4, "people": None, "status": "fin"},
    ]
    people = many.group_by(iter(rows), "people")

    assert [(value, [row["id"] for row in each]) for value, each in people] == [
        (ana, [1, 3]),
        (None, [2, 4]),
        (crew, [3]),
    ]
    assert dict(many.group_by(rows, "status")) == {"ip": [rows[0], rows[2]], None: [rows[1]], "fin": [rows[3]]}
    assert many.group_by([], "status") == []


def test_group_by_values_that_are_dicts_without_id(many):
    """
    Files and settings, which are dicts without an id, can be grouped by.
    """
    rows = [{"type": "Version", "id": 1, "x": {"url": "a"}}, {"type": "Version", "id": 2, "x": {"url": "a"}}]

    assert many.group_by(rows, "x") == [({"url": "a"}, rows)]


def test_group_by_a_field_that_was_not_asked_for(many):
    """
    A field that the rows lack raises and is not taken as empty.
    """
    with pytest.raises(InvalidArgumentError, match="A row of type Shot lacks the field 'sg_sequence'"):
        many.group_by([{"type": "Shot", "id": 1}], "sg_sequence")
