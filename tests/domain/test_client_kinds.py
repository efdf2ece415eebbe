"""
Every function of the domain with each kind of client: SGExtended, Shotgun and Mockgun.
"""

import datetime as dt
import inspect
import json

import pytest
import shotgun_api3
from shotgun_api3.lib.mockgun import Shotgun as Mockgun
from shotgun_api3.lib.mockgun import generate_schema

import sgextended
from sgextended import ConfigurationError, InvalidArgumentError, SGExtended
from sgextended.domain import (
    entities,
    field_history,
    notes,
    playlists,
    published_files,
    startable_tasks,
    statuses,
    storage_paths,
    versions,
)
from sgextended.domain import resolve as addresses
from sgextended.domain.arguments import Ids, Links, LinksOrNames, Names
from sgextended.domain.query_fields.page_records import find_page
from sgextended.domain.query_fields.query_field_values import add_query_fields, find_with_query_fields
from sgextended.domain.tasks import assign, unassign
from sgextended.localsite.custom_fields.query_field_definitions import CURRENT_PROJECT, condition, group
from sgextended.wrapper.domain_methods import DomainMethods

SHOT = {"type": "Shot", "id": 3}
VERSION = {"type": "Version", "id": 40}
PERSON = {"type": "HumanUser", "id": 20}
PLAYLIST = {"type": "Playlist", "id": 2}

#: Arguments that are words or places to look in rather than conditions.
NO_RESTRICTION = {
    ("copy_structure", "list_fields"),
    ("latest_published_files", "group_by"),
    ("latest_versions", "group_by"),
    ("resolve", "entity_type"),
    ("resolve", "project"),
}
#: Arguments that a function needs beside the one that is tried.
REQUIRED = {"field_history": {"entity": SHOT}}
#: Functions and arguments that find something in the demo production.
CALLS = [
    ("find_projects", {"name": "*a*", "archived": None}),
    ("find_assets", {"project": {"type": "Project", "id": 1}, "name": ["chr_*", "prp_*"]}),
    ("find_shots", {"name": "*_0010"}),
    ("find_sequences", {"status": "ip"}),
    ("find_episodes", {}),
    ("find_tasks", {"entity": SHOT, "due_from": "2020-01-01"}),
    ("find_tasks", {"assignee": PERSON, "step": ["ANM", "Layout", "MDL"]}),
    ("find_startable_tasks", {}),
    ("find_versions", {"entity": SHOT}),
    ("latest_versions", {"project": {"type": "Project", "id": 1}, "group_by": "step"}),
    ("find_playlists", {"project": {"type": "Project", "id": 1}}),
    ("find_playlist_versions", {"playlist": PLAYLIST}),
    ("find_notes", {"project": {"type": "Project", "id": 1}, "include_replies": True}),
    ("find_users", {"name": "*a*", "status": None}),
    ("find_groups", {}),
    ("find_departments", {}),
    ("me", {}),
    ("find_steps", {"entity_type": "Shot"}),
    ("find_statuses", {"entity_type": "Task"}),
    ("find_by_ids", {"entity_type": "Shot", "ids": range(900, 0, -1), "fields": ["code"]}),
    ("get", {"entity_type": "Shot", "which": 3, "fields": ["code"]}),
    ("count", {"entity_type": "Task"}),
    ("exists", {"entity_type": "Task", "which": SHOT["id"]}),
    ("resolve", {"reference": "Shot:3"}),
    ("entity_url", {"entity": SHOT}),  # must be last, because it sends no request
]


@pytest.fixture(scope="module")
def official(demo_site):
    """
    A plain client on the demo production.
    """
    with_site = shotgun_api3.Shotgun(demo_site.url, demo_site.script_name, demo_site.api_key)
    yield with_site
    with_site.close()


@pytest.fixture(scope="module")
def mockgun(demo_site, make_sg, tmp_path_factory):
    """
    A Mockgun with the site's schema, and one entity of each type.
    """
    folder = tmp_path_factory.mktemp("mockgun")
    paths = [str(folder / "schema"), str(folder / "entities")]
    generate_schema(make_sg(demo_site), *paths)
    Mockgun.set_schema_paths(*paths)
    mock = Mockgun("https://studio.example", script_name="mock", api_key="key")
    when = dt.datetime(2026, 3, 1, tzinfo=dt.timezone.utc)
    project = mock.create("Project", {"name": "Mock", "archived": False})
    person = mock.create("HumanUser", {"name": "Ana", "login": "ana", "sg_status_list": "act"})
    group = mock.create("Group", {"code": "crew", "users": [person]})
    shots = [mock.create("Shot", {"code": code, "project": project}) for code in ("sh1", "sh2")]
    step = mock.create("Step", {"code": "Animation", "short_name": "ANM", "entity_type": "Shot"})
    for shot in shots:
        task = {"content": "anim", "project": project, "entity": shot, "step": step, "task_assignees": [group]}
        mock.create("Task", {**task, "due_date": "2026-03-04"})
    for number, shot in ((1, shots[0]), (3, shots[0]), (2, shots[0]), (1, shots[1])):
        version = {"code": f"x_v{number:03d}", "project": project, "entity": shot, "created_at": when}
        mock.create("Version", version)
    mock.create("Note", {"subject": "n", "project": project, "note_links": [shots[0]], "addressings_to": [group]})
    mock.create("Reply", {"content": "r", "entity": {"type": "Note", "id": 1}, "created_at": when})
    mock.create("Playlist", {"code": "p", "project": project, "created_at": when})
    mock.create("TimeLog", {"entity": {"type": "Task", "id": 1}, "project": project, "user": person, "duration": 60})
    mock.create("Booking", {"user": person, "project": project, "start_date": "2026-03-01", "end_date": "2026-03-09"})
    mock.create("Asset", {"code": "hero", "project": project, "shots": shots})
    mock.create(
        "PublishedFile", {"code": "f", "name": "f", "project": project, "entity": shots[0], "version_number": 1}
    )
    mock.create("Sequence", {"code": "sq", "project": project})
    mock.create("Episode", {"code": "ep", "project": project})
    mock.create("Department", {"name": "Animation", "code": "ANIM"})
    return mock


def functions():
    """
    Return the functions of the domain that are methods, by name.
    """
    return {
        name: function
        for name, function in vars(DomainMethods).items()
        if inspect.isfunction(function)
        and function.__module__.startswith("sgextended.domain.")
        and not function.__module__.endswith(("query_fields", "pages"))
    }


@pytest.mark.parametrize(("name", "arguments"), CALLS, ids=[name for name, _arguments in CALLS])
def test_a_plain_client_gives_the_same(demo_site, make_sg, official, name, arguments):
    """
    With equal arguments, the plain function with an official client returns the same entities, and at least one.
    """
    ours = getattr(make_sg(demo_site), name)(**arguments)

    assert ours
    assert functions()[name](official, **arguments) == ours
    assert getattr(SGExtended(official), name)(**arguments) == ours


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("find_projects", {"name": "mo*"}, 1),
        ("find_assets", {"name": "HERO", "shot": {"type": "Shot", "id": 2}}, 1),
        ("find_shots", {"name": "sh?"}, 2),
        ("find_sequences", {}, 1),
        ("find_episodes", {"name": ["ep", "none"]}, 1),
        ("find_tasks", {"entity": [{"type": "Shot", "id": 1}, {"type": "Shot", "id": 2}]}, 2),
        ("find_tasks", {"assignee": {"type": "HumanUser", "id": 1}, "step": "anm", "due_to": "2026-03-04"}, 2),
        ("find_versions", {"entity": {"type": "Shot", "id": 1}}, 3),
        ("latest_versions", {"order_by": "number"}, 2),
        ("find_published_files", {"version_number": 1}, 1),
        ("latest_published_files", {}, 1),
        ("find_upstream_files", {"published_file": {"type": "PublishedFile", "id": 1}}, 0),
        ("find_downstream_files", {"published_file": {"type": "PublishedFile", "id": 1}}, 0),
        ("find_playlists", {"name": "p"}, 1),
        ("find_playlist_versions", {"playlist": {"type": "Playlist", "id": 1}}, 0),
        ("find_notes", {"addressed_to": {"type": "HumanUser", "id": 1}, "include_replies": True}, 1),
        ("find_note_threads", {"notes": {"type": "Note", "id": 1}}, 1),
        ("find_time_logs", {"entity": {"type": "Shot", "id": 1}}, 1),
        ("find_bookings", {"date_from": "2026-03-09", "date_to": "2026-03-10"}, 1),
        ("find_users", {"name": "a*"}, 1),
        ("find_groups", {"user": {"type": "HumanUser", "id": 1}}, 1),
        ("find_departments", {}, 1),
        ("find_steps", {"name": "ani*"}, 1),
        ("find_statuses", {"entity_type": "Task"}, 5),
        ("find_by_ids", {"entity_type": "Shot", "ids": [2, 1, 9]}, 2),
        ("group_by", {"rows": [{"status": 1}, {"status": 2}], "field": "status"}, 2),
    ],
)
def test_a_mockgun_answers(mockgun, name, arguments, expected):
    """
    With a Mockgun, the plain function and the method return the same.
    """
    found = functions()[name](mockgun, **arguments)

    assert len(found) == expected
    assert getattr(SGExtended(mockgun), name)(**arguments) == found


def test_a_mockgun_answers_about_one(mockgun):
    """
    Functions for one entity work with a Mockgun too.
    """
    sg = SGExtended(mockgun)
    shot = {"type": "Shot", "id": 1}

    assert (
        entities.get(mockgun, "Shot", 1, fields=["code"])
        == sg.get("Shot", shot, fields=["code"])
        == {**shot, "code": "sh1"}
    )
    assert entities.count(mockgun, "Shot") == sg.count("Shot", []) == 2
    assert entities.exists(mockgun, "Shot", [["code", "is", "sh2"]])
    assert not sg.exists("Shot", [["code", "is", "sh3"]])
    assert addresses.resolve(mockgun, "https://studio.example/detail/Shot/1", fields=["code"])["code"] == "sh1"
    assert sg.resolve("sh2", fields=[]) == {"type": "Shot", "id": 2}
    assert sg.entity_url(shot) == "https://studio.example/detail/Shot/1"


def test_the_latest_of_a_mockgun_is_right(mockgun):
    """
    With equal dates, the number or the id decides.
    """
    by_number = versions.latest_versions(mockgun, order_by="number", fields=["code"])

    assert [(row["id"], row["code"]) for row in by_number] == [(2, "x_v003"), (4, "x_v001")]
    assert [row["id"] for row in versions.latest_versions(mockgun)] == [3, 4]


def test_a_mockgun_computes_query_fields(mockgun):
    """
    Query fields are computed from the entities of a Mockgun.
    """
    shots = [{"type": "Shot", "id": number} for number in (1, 2)]
    fields = ["sg_open_tasks", "sg_latest_version", "sg_characters", "sg_tasks_final", "sg_busy_tasks"]
    rows = add_query_fields(mockgun, [dict(shot) for shot in shots], fields)

    assert [[row[field] for field in fields] for row in rows] == [[1, "x_v001", [], 0, 0]] * 2
    assert add_query_fields(SGExtended(mockgun), [dict(shot) for shot in shots], fields) == rows
    found = SGExtended(mockgun).find("Shot", [["code", "is", "sh2"]], ["sg_open_tasks"], query_fields=True)
    assert found == find_with_query_fields(mockgun, "Shot", [["code", "is", "sh2"]], ["sg_open_tasks"])
    assert found[0]["sg_open_tasks"] == 1


def test_a_mockgun_shows_a_page(mockgun):
    """
    A page in a Mockgun, with the filter and columns that a site would store, returns its records.
    """
    project = {"type": "Project", "id": 1}
    page = mockgun.create("Page", {"name": "Two", "project": project})
    filters = group("and", condition("project", "is", CURRENT_PROJECT), condition("code", "ends_with", "2"))
    content = {"type": "x", "settings": {"columns": ["code", "sg_open_tasks"]}}
    body = {
        "type": "SG.Widget.EntityQuery.EntityQueryPage",
        "settings": {"entity_type": "Shot", "filters": filters, "sorts": [{"column": "code", "direction": "desc"}]},
        "children": {"list_content": content},
    }
    whole = {"type": "SG.Widget.Page", "settings": {}, "children": {"body": body}}
    mockgun.create("PageSetting", {"page": page, "settings_json": json.dumps(whole)})
    found = find_page(mockgun, page)

    assert found == [{"type": "Shot", "id": 2, "code": "sh2", "sg_open_tasks": 1}]
    assert SGExtended(mockgun).find_page(page["id"]) == found


def test_a_mockgun_assigns(mockgun):
    """
    batch of a Mockgun ignores the update mode, and still no assignee is lost.
    """
    one, other = ({"type": "HumanUser", "id": number} for number in (1, 2))
    tasks = [mockgun.create("Task", {"content": name, "task_assignees": [one]}) for name in "ab"]
    assign(mockgun, tasks, other)
    unassign(SGExtended(mockgun), tasks[0], one)
    found = [mockgun.find_one("Task", [["id", "is", task["id"]]], ["task_assignees"]) for task in tasks]
    for task in tasks:
        mockgun.delete("Task", task["id"])

    assert [sorted(user["id"] for user in task["task_assignees"]) for task in found] == [[2], [1, 2]]


def test_every_function_is_a_method():
    """
    Each public function of the domain is a method of SGExtended and the plain function itself.
    """
    methods = functions()
    modules = (
        addresses,
        entities,
        field_history,
        notes,
        playlists,
        published_files,
        startable_tasks,
        statuses,
        storage_paths,
        versions,
    )
    offered = {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }

    assert offered
    assert {name: methods.get(name) for name in offered} == offered


@pytest.mark.parametrize("name", sorted(functions()))
def test_signatures_are_alike(name):
    """
    sg comes first, then at most two positional arguments. Options are keywords, and find functions have four options in
    common.
    """
    parameters = list(inspect.signature(functions()[name]).parameters.values())
    by_position = [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]

    assert by_position[0] in {"sg", "_sg"}
    assert len(by_position) <= 3
    assert all(each.kind is not each.VAR_KEYWORD for each in parameters)
    if name.startswith(("find_", "latest_")) and not name.endswith(
        ("threads", "_as")
    ):  # a record class defines the fields
        assert {"fields", "extra_fields", "filters", "timeout"} <= {each.name for each in parameters}


def collections_taken():
    """
    Return each find function with each of its arguments that may be a collection.
    """
    several = (Names, Links, LinksOrNames, Ids)
    writing = {"create_many", "update_many", "set_status", "add_note", "publish"}
    return [
        (name, parameter.name)
        for name, function in functions().items()
        for parameter in inspect.signature(function).parameters.values()
        if parameter.annotation in several and (name, parameter.name) not in NO_RESTRICTION and name not in writing
    ]


@pytest.mark.parametrize(("name", "argument"), collections_taken())
def test_an_empty_collection_never_asks(name, argument):
    """
    In any argument, an empty collection matches nothing and sends no request.
    """
    assert functions()[name](None, **REQUIRED.get(name, {}), **{argument: []}) == []


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("find_note_threads", "notes"),
        ("find_upstream_files", "published_file"),
        ("find_downstream_files", "published_file"),
    ],
)
def test_none_where_something_must_be_given(name, argument):
    """
    For a required argument, None raises, and an empty collection still sends no request.
    """
    with pytest.raises(InvalidArgumentError, match="must be a dict with 'type' and 'id'"):
        functions()[name](None, None)

    assert functions()[name](None, **{argument: []}) == []


@pytest.mark.parametrize(("name", "arguments"), CALLS[:-1], ids=[name for name, _arguments in CALLS[:-1]])
def test_timeout_with_a_plain_client_is_refused(official, name, arguments):
    """
    An official client has no time limit for a call, so timeout= raises instead of being ignored.
    """
    with pytest.raises(ConfigurationError, match="does not support time limits"):
        functions()[name](official, **arguments, timeout=5)


def test_errors_are_public():
    """
    AmbiguousError and NotFoundError are exported.
    """
    assert issubclass(sgextended.AmbiguousError, LookupError)
    assert sgextended.AmbiguousError.__module__ == "sgextended"
