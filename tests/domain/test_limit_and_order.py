"""
``limit=`` and ``order=`` of the finders, and the default fields that their docstrings and the page list.
"""

import inspect
import re
from pathlib import Path

import pytest
import shotgun_api3

from sgextended import InvalidArgumentError, SGExtended
from sgextended.domain import shots
from sgextended.localsite import LocalSite

TEXT = (Path(__file__).parent.parent.parent / "docs" / "domain.md").read_text(encoding="utf-8")
DOWN = [{"field_name": "id", "direction": "desc"}]
#: Finders that return lists for each note, or typed entities, or that the native client has.
OTHERS = {"find_note_threads", "find_as", "find_iter", "find_iter_as", "find_one"}


def finders():
    """
    Return the names of the finders.
    """
    names = {name for owner in SGExtended.__mro__ for name in vars(owner) if name.startswith(("find_", "latest_"))}
    return sorted(names - OTHERS)


@pytest.fixture(scope="module")
def site():
    """
    A demo production.
    """
    with LocalSite(demo=True) as site:
        yield site


@pytest.fixture(scope="module")
def sg(site, make_sg):
    """
    A client of that site.
    """
    return make_sg(site)


@pytest.fixture(scope="module")
def arguments(sg):
    """
    Arguments with which each finder finds at least three entities. {} if there is no entry.
    """
    show = sg.find_projects(tank_name="emb")[0]
    shot = sg.find_shots(show)[0]
    person = sg.find_users("zoe*")[0]
    task = sg.find_tasks(shot)[0]
    for number in range(3):
        log = {"entity": task, "project": show, "user": person, "duration": 60}
        sg.create("TimeLog", {**log, "date": f"2026-03-0{number + 1}"})
        sg.create("Booking", {"user": person, "start_date": f"2026-03-0{number + 1}", "end_date": "2026-03-10"})
        sg.create("Group", {"code": f"group {number}", "users": [person]})
        sg.create("PublishedFile", {"project": show, "code": f"(publishing {number})", "entity": shot})
    files = [
        sg.create("PublishedFile", {"project": show, "code": name, "name": name, "version_number": 1, "entity": shot})
        for name in ("scene", "model", "rig", "cache")
    ]
    sg.update("PublishedFile", files[0]["id"], {"upstream_published_files": files[1:]})
    made_of = sg.create("PublishedFile", {"project": show, "code": "texture"})
    sg.update("PublishedFile", made_of["id"], {"downstream_published_files": files[:3]})
    page = sg.find("Page", [["project", "is", show], ["name", "is", "Shots"]])[0]
    playlist = max(sg.find_playlists(show), key=lambda row: len(sg.find_playlist_versions(row)))
    return {
        "find_page": {"page_id": page["id"]},
        "find_playlist_versions": {"playlist": playlist},
        "find_statuses": {"entity_type": "Task"},
        "find_unfinished_publishes": {"hours": 0},
        "find_upstream_files": {"published_file": files[0]},
        "find_downstream_files": {"published_file": made_of},
        "find_by_ids": {"entity_type": "Shot", "ids": [4, 9, 2, 2]},
        "find_notes": {"project": show, "include_replies": True},
    }


@pytest.mark.parametrize("name", finders())
def test_limit_takes_the_first_ones(sg, arguments, name):
    """
    limit= returns the first entities of the default order; 0 and None return all.
    """
    find, given = getattr(sg, name), arguments.get(name, {})
    rows = find(**given)

    assert len(rows) > 2
    assert find(**given, limit=2) == rows[:2]
    assert find(**given, limit=0) == find(**given, limit=None) == rows
    assert find(**given, limit=len(rows) + 5) == rows


@pytest.mark.parametrize("name", finders())
def test_order_replaces_the_default_order(sg, arguments, name):
    """
    order= has the form of the native find, and limit= takes the first entities of that order.
    """
    find, given = getattr(sg, name), arguments.get(name, {})
    expected = sorted((row["id"] for row in find(**given)), reverse=True)

    assert [row["id"] for row in find(**given, order=DOWN)] == expected
    assert [row["id"] for row in find(**given, order=DOWN, limit=2)] == expected[:2]


@pytest.mark.parametrize("name", finders())
@pytest.mark.parametrize("wrong", [{"limit": -1}, {"limit": 1.5}, {"order": "code"}, {"order": ["id"]}])
def test_wrong_options_are_refused(sg, arguments, name, wrong):
    """
    A limit that is not a number of entities and an order that is not native are refused before a request is sent.
    """
    before = sg.requests_sent

    with pytest.raises(InvalidArgumentError, match=next(iter(wrong))):
        getattr(sg, name)(**arguments.get(name, {}), **wrong)
    assert sg.requests_sent == before


@pytest.mark.parametrize("limit", [1, 3, 38, 39, 500])
@pytest.mark.parametrize("page_size", [4, 500])
def test_limit_with_a_glob(site, limit, page_size):
    """
    A glob is matched after the response, and still limit= counts the entities that match, whatever the page size.
    """
    sg = SGExtended(site.url, site.script_name, site.api_key)
    sg.config._records_per_page = page_size  # otherwise what the site says: 500
    every = sg.find_shots(name="*0[12]0*", order=DOWN)

    assert len(every) > 38
    assert sg.find_shots(name="*0[12]0*", order=DOWN, limit=limit) == every[:limit]


def test_a_limit_with_a_glob_reads_few_pages(sg):
    """
    Pages after the one that reaches the limit are not requested.
    """
    before = sg.requests_sent
    found = sg.find_shots(name="*", limit=3)

    assert len(found) == 3
    assert sg.requests_sent == before + 1


def test_a_plain_client_has_the_options(site):
    """
    limit= and order= also work with a plain client. The caller's order is not changed.
    """
    official = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)
    order = [{"field_name": "code"}]
    found = shots.find_shots(official, name="*0[12]0*", order=order, limit=2)
    official.close()

    assert len(found) == 2
    assert found[0]["code"] <= found[1]["code"]
    assert order == [{"field_name": "code"}]


def test_latest_versions_limits_the_groups(sg, arguments):
    """
    limit= counts the latest versions, not the versions from which they are selected.
    """
    every = sg.latest_versions(group_by="step")

    assert sg.latest_versions(group_by="step", limit=4) == every[:4]
    assert sg.latest_versions(group_by="step", order=DOWN, limit=4) == every[:-5:-1]


def default_fields():
    """
    Return the default fields of each finder by its name, as the constants of its module have them.
    """
    found = {}
    for name in finders():
        function = getattr(SGExtended, name)
        match = re.search(r"return instead of `(\w+_FIELDS)`", inspect.getdoc(function) or "")
        if match:
            found[name] = (match.group(1), function.__globals__[match.group(1)])
    return found


def test_docstrings_list_the_default_fields():
    """
    The docstring of each finder lists its default fields; only those for any type have none.
    """
    assert set(finders()) - set(default_fields()) == {"find_by_ids", "find_page"}
    for name, (constant, fields) in default_fields().items():
        text = " ".join((inspect.getdoc(getattr(SGExtended, name)) or "").split())
        listed = ", ".join(f"``{field}``" for field in fields)

        assert f"`{constant}`: {listed}." in text, name


def test_the_page_lists_the_default_fields():
    """
    The table in docs/domain.md has the default fields of each finder.
    """
    rows = {
        name: fields
        for line in TEXT.splitlines()
        if line.startswith("| `") and line.count("|") == 3
        for names, fields in [line.strip("| ").split(" | ")]
        for name in re.findall(r"`(\w+)`", names)
    }

    assert rows == {
        name: ", ".join(f"`{field}`" for field in fields) for name, (_constant, fields) in default_fields().items()
    }


def test_default_fields_exist(sg):
    """
    Every default field is a field of the type on a site.
    """
    types = {"BOOKING": "Booking", "STATUS": "Status", "USER": "HumanUser", "TIME_LOG": "TimeLog"}
    for constant, fields in default_fields().values():
        stem = constant.removesuffix("_FIELDS")
        known = sg.schema_field_read(types.get(stem, stem.title().replace("_", "")))

        assert set(fields) <= set(known), constant
