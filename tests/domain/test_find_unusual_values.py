"""
Values that a naive search gets wrong: SQL and glob characters in names, other scripts, any kind of collection, whole
records in place of links, the first and last possible day.
"""

import datetime as dt

import pytest

from sgextended import InvalidArgumentError
from sgextended.domain.latest_selection import LatestSelector
from sgextended.localsite import LocalSite

NAMES = ["100%", "100x", "a_b", "axb", "a*b", "a\\b", "[x]", "x]y", "GRÖSSE_Ä", "größe_ä2", "日本", "%", "_", "it's"]
GLOBS = {"a*b", "[x]"}


@pytest.fixture(scope="module")
def sg(make_sg):
    """
    A client on a site for this module.
    """
    with LocalSite() as site:
        yield make_sg(site)


@pytest.fixture(scope="module")
def made(sg):
    """
    Two projects. The first has a shot of each name with a task, and a retired shot of each name.
    """
    rows = {name: sg.create("Project", {"name": name}) for name in ("100% odd", "other")}
    project = rows["100% odd"]
    for name in NAMES:
        rows[name] = sg.create("Shot", {"code": name, "project": project, "description": name})
        task = {"content": name, "project": project, "entity": rows[name], "due_date": "2026-03-02"}
        sg.create("Task", task)
        twin = sg.create("Shot", {"code": name, "project": project})
        sg.delete("Shot", twin["id"])
    sg.create("Task", {"content": "undated", "project": project})
    return rows


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        *((name, [name]) for name in NAMES if name not in GLOBS),
        ("100%*", ["100%"]),
        ("*%*", ["%", "100%"]),
        ("*_*", ["_", "a_b", "größe_ä2", "GRÖSSE_Ä"]),
        ("a_*", ["a_b"]),
        ("a?b", ["a*b", "a\\b", "a_b", "axb"]),
        ("a[*]b", ["a*b"]),
        ("a\\*", ["a\\b"]),
        ("[[]x[]]", ["[x]"]),
        ("[x]", []),
        ("x[]]y", ["x]y"]),
        ("x[]_]*", ["x]y"]),
        ("x[!]]y", []),
        ("[*", ["[x]"]),
        ("*ö*ä*", ["größe_ä2", "GRÖSSE_Ä"]),
        ("日?", ["日本"]),
        ("?", ["%", "_"]),
        ("", []),
        (["%", "", "it*"], ["%", "it's"]),
    ],
)
def test_names_mean_what_they_say(sg, made, glob, expected):
    """
    SQL characters match themselves, glob characters work as in a shell, and case is ignored in any script.
    """
    found = [row["code"] for row in sg.find_shots(made["100% odd"], name=glob)]

    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("name", NAMES)
def test_resolve_takes_names_as_they_are(sg, made, name):
    """
    resolve does not read a name as a glob.
    """
    assert sg.resolve(name, fields=())["id"] == made[name]["id"]


@pytest.mark.parametrize("collection", [list, tuple, set, frozenset, iter, lambda all_: dict.fromkeys(all_).keys()])
def test_any_collection_will_do(sg, made, collection):
    """
    Any iterable is accepted where a list is, also for fields.
    """
    ids = [made[name]["id"] for name in ("a_b", "axb")]
    found = sg.find_shots(made["100% odd"], name=collection(["a_b", "AXB"]), fields=collection(["code"]))

    assert [row["id"] for row in found] == ids
    assert set(found[0]) == {"type", "id", "code"}
    assert {row["id"] for row in sg.find_by_ids("Shot", collection(ids))} == set(ids)


def test_one_field_may_stand_alone(sg, made):
    """
    A text is one field and not a field for each letter. None adds no field.
    """
    found = sg.find_shots(made["100% odd"], name="a_b", fields="code", extra_fields="description", filters=None)

    assert found == [{"type": "Shot", "id": made["a_b"]["id"], "code": "a_b", "description": "a_b"}]
    assert sg.get("Shot", made["a_b"], fields="code")["code"] == "a_b"
    assert sg.count("Shot", None) == len(NAMES)
    assert set(sg.find_shots(made["100% odd"], name="a_b", fields=(), extra_fields=None)[0]) == {"type", "id"}


def test_whole_records_are_links(sg, made):
    """
    A found record is accepted as a link, whatever other keys it has.
    """
    shot = sg.find_one("Shot", [["id", "is", made["%"]["id"]]], ["code", "project", "created_at", "tasks"])

    assert [row["content"] for row in sg.find_tasks(shot, name="%")] == ["%"]
    assert [row["content"] for row in sg.find_tasks([shot, {**made["_"], "code": "?"}])] == ["%", "_"]
    assert sg.find_by_ids("Shot", [shot]) == [sg.get("Shot", shot)] == [sg.resolve(shot, fields=[])]


def test_conditions_may_come_from_a_generator(sg, made):
    """
    Conditions from a generator apply to each page of ids and to all other requests of the call.
    """
    ids = range(1, 1501)
    conditions = [["code", "is", "%"]]

    assert [row["id"] for row in sg.find_by_ids("Shot", ids, filters=iter(conditions))] == [made["%"]["id"]]
    assert sg.count("Shot", iter(conditions)) == 1
    assert [row["code"] for row in sg.find_shots(filters=iter(conditions))] == ["%"]


def test_a_group_of_conditions_may_stand_alone(sg, made):
    """
    A single group of conditions needs no list around it.
    """
    either = {"filter_operator": "any", "filters": [["code", "is", "%"], ["code", "is", "_"]]}

    assert [row["code"] for row in sg.find_shots(filters=either)] == ["%", "_"]
    assert sg.count("Shot", either) == 2


def test_first_and_last_possible_day(sg, made):
    """
    The first and last possible day match every day, but not missing days.
    """
    everything = sg.find_tasks(due_from=dt.date.min, due_to=dt.date.max)

    assert len(everything) == len(NAMES)
    assert sg.find_tasks(due_from=dt.date.min) == sg.find_tasks(due_to=dt.date.max) == everything


def test_url_is_read_to_its_end(sg, made):
    """
    An id followed by letters is not an id. The default port may be written.
    """
    url = sg.entity_url(made["%"])

    assert sg.resolve(f"{url}?page=1#tab", fields=[]) == {"type": "Shot", "id": made["%"]["id"]}
    with pytest.raises(InvalidArgumentError, match="is not the URL of an entity"):
        sg.resolve(f"{url}x")


class Asked:
    """
    A client that records its requests.
    """

    base_url = "https://studio.example"

    def find(self, entity_type, filters, *_more, **_options):
        return [{"type": entity_type, "id": filters[0][2]}]


@pytest.mark.parametrize("host", ["studio.example", "studio.example:443", "STUDIO.example"])
def test_default_port_is_the_same_site(host):
    """
    A URL with the default port of https refers to the same site.
    """
    from sgextended.domain.resolve import resolve

    assert resolve(Asked(), f"https://{host}/detail/Shot/5", fields=[]) == {"type": "Shot", "id": 5}
    assert resolve(Asked(), "http://studio.example/detail/Shot/5", fields=[]) == {"type": "Shot", "id": 5}
    with pytest.raises(InvalidArgumentError, match="another site"):
        resolve(Asked(), "https://studio.example:8443/detail/Shot/5")


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("sh010_v003", 3),
        ("sh010_v0010", 10),
        ("SH010.V12", 12),
        ("rev2_v003", 3),
        ("v1_v2", 2),
        ("mov10", -1),
        ("größe_v٣", 3),
        ("sh010_v003_final", 3),
        ("sh010_v003b", -1),
        ("", -1),
        (None, -1),
    ],
)
def test_number_in_a_name(name, number):
    """
    The last version number in a name counts. A name without a number sorts first.
    """
    selector = LatestSelector(group_fields={}, number_field="code", number_in_name=True)

    assert selector.rank({"code": name, "created_at": None, "id": 1}, "number")[0] == number
