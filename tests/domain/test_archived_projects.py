"""
The finders leave out what lies in archived projects, unless they are asked for it.
"""

import inspect

import pytest
import shotgun_api3
from shotgun_api3.lib.mockgun import Shotgun as Mockgun
from shotgun_api3.lib.mockgun import generate_schema

from sgextended import InvalidArgumentError, SGExtended
from sgextended.domain import shots
from sgextended.localsite import LocalSite
from sgextended.wrapper.domain_methods import DomainMethods

#: The finders with the option, and the type of the entities that they return.
FINDERS = {
    "find_assets": "Asset",
    "find_bookings": "Booking",
    "find_episodes": "Episode",
    "find_notes": "Note",
    "find_playlists": "Playlist",
    "find_published_files": "PublishedFile",
    "find_sequences": "Sequence",
    "find_shots": "Shot",
    "find_startable_tasks": "Task",
    "find_tasks": "Task",
    "find_time_logs": "TimeLog",
    "find_unfinished_publishes": "PublishedFile",
    "find_versions": "Version",
    "latest_published_files": "PublishedFile",
    "latest_versions": "Version",
}
#: Arguments that name entities of projects, for each finder.
OF_A_PROJECT = [
    (name, argument)
    for name in sorted(FINDERS)
    for argument in inspect.signature(getattr(SGExtended, name)).parameters
    if argument in {"project", "entity", "task", "shot", "sequence", "episode", "asset", "version", "playlist"}
]


def make_show(sg, name, *, archived):
    """
    Return a project with one entity of each type that the finders return, linked to each other.
    """
    made = {"project": sg.create("Project", {"name": name, "archived": archived})}
    made["person"] = sg.find_one("HumanUser", [["login", "is", "ana"]])

    def make(key, kind, **data):
        made[key] = sg.create(kind, {"project": made["project"], **data})

    make("episode", "Episode", code="ep")
    make("sequence", "Sequence", code="sq", episode=made["episode"])
    make("shot", "Shot", code="sh", sg_sequence=made["sequence"])
    made["entity"] = made["shot"]
    make("asset", "Asset", code="as", shots=[made["shot"]], sequences=[made["sequence"]], episodes=[made["episode"]])
    make("task", "Task", content="task", entity=made["shot"], task_assignees=[made["person"]])
    make("version", "Version", code="v1", entity=made["shot"], sg_task=made["task"])
    make("playlist", "Playlist", code="pl", versions=[made["version"]])
    file = {"entity": made["shot"], "task": made["task"], "version": made["version"]}
    make("file", "PublishedFile", code="f", name="f", version_number=1, **file)
    make("unfinished", "PublishedFile", code="(publishing 1)", **file)
    make("note", "Note", subject="n", note_links=[made["shot"]], tasks=[made["task"]])
    make("log", "TimeLog", entity=made["task"], user=made["person"], date="2026-03-02", duration=60)
    make("booking", "Booking", user=made["person"], start_date="2026-03-02", end_date="2026-03-03")
    return made


@pytest.fixture(scope="module")
def site():
    """
    A site for these tests.
    """
    with LocalSite() as site:
        site.add_user("ana", "a password")
        yield site


@pytest.fixture(scope="module")
def sg(site, make_sg):
    """
    A client of that site.
    """
    return make_sg(site)


@pytest.fixture(scope="module")
def shows(sg):
    """
    An archived project and one that is not, and a vacation, which belongs to no project.
    """
    new, old = make_show(sg, "New", archived=False), make_show(sg, "Old", archived=True)
    sg.create("Booking", {"user": new["person"], "start_date": "2026-04-01", "end_date": "2026-04-02"})
    return new, old


def projects_of(sg, name, **arguments):
    """
    Return the names of the projects of the found entities.
    """
    if name == "find_unfinished_publishes":
        arguments["hours"] = 0
    rows = getattr(sg, name)(**arguments, fields=["project"])
    return sorted(row["project"]["name"] if row["project"] else "" for row in rows)


def test_each_finder_of_entities_in_projects_has_the_option():
    """
    The finders with archived= are find_projects and those whose entities belong to projects.
    """
    names = {name for name in vars(DomainMethods) if name.startswith(("find_", "latest_"))}
    found = {name for name in names if "archived" in inspect.signature(getattr(SGExtended, name)).parameters}

    assert found == {"find_projects", *FINDERS}


@pytest.mark.parametrize("name", FINDERS)
def test_archived_projects_are_left_out(sg, shows, name):
    """
    Without a project, archived=False is the default; True and None say otherwise. Entities without a project stay.
    """
    outside = [""] if name == "find_bookings" else []

    assert projects_of(sg, name) == [*outside, "New"]
    assert projects_of(sg, name, archived=False) == [*outside, "New"]
    assert projects_of(sg, name, archived=True) == ["Old"]
    assert projects_of(sg, name, archived=None) == [*outside, "New", "Old"]


@pytest.mark.parametrize(("name", "argument"), OF_A_PROJECT)
def test_nothing_is_left_out_of_a_project_that_is_given(sg, shows, name, argument):
    """
    Entities of an archived project are found by that project and by the entities in it.
    """
    old = shows[1]

    assert projects_of(sg, name, **{argument: old[argument]}) == ["Old"]
    assert projects_of(sg, name, **{argument: [each[argument] for each in shows]}) == ["New", "Old"]


def test_people_and_steps_name_no_project(sg, shows):
    """
    An argument that links to a person does not bring back what lies in archived projects.
    """
    person = shows[0]["person"]

    assert projects_of(sg, "find_tasks", assignee=person) == ["New"]
    assert projects_of(sg, "find_time_logs", user=person) == ["New"]
    assert projects_of(sg, "find_bookings", user=person) == ["", "New"]
    assert projects_of(sg, "find_tasks", filters=[["task_assignees", "is", person]]) == ["New"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (lambda old: ["project", "is", old["project"]], ["Old"]),
        (lambda old: ["project.Project.name", "is", "Old"], ["Old"]),
        (lambda old: ["project.Project.archived", "is_not", False], ["Old"]),
        (lambda old: ["entity", "in", [old["shot"]]], ["Old"]),
        (lambda old: ["id", "is", old["task"]["id"]], ["Old"]),
        (lambda old: ["entity.Shot.id", "is", old["shot"]["id"]], ["Old"]),
        (lambda old: {"filter_operator": "any", "filters": [["project", "is", old["project"]]]}, ["Old"]),
        (lambda old: ["entity.Shot.code", "is", "sh"], ["New"]),
        (lambda old: ["project", "is_not", old["project"]], ["New"]),
        (lambda old: ["task_assignees.HumanUser.id", "is", old["person"]["id"]], ["New"]),
    ],
)
def test_native_conditions_may_name_the_project(sg, shows, condition, expected):
    """
    Nothing is left out if a condition among filters= names projects or entities of projects.
    """
    assert projects_of(sg, "find_tasks", filters=[condition(shows[1])]) == expected


def test_the_site_leaves_them_out(sg, shows):
    """
    One request brings the rows, so archived entities are not sent.
    """
    before = sg.requests_sent
    rows = sg.find_shots()

    assert len(rows) == 1
    assert sg.requests_sent == before + 1


def test_wrong_values_are_refused(sg):
    """
    archived= takes True, False or None.
    """
    with pytest.raises(InvalidArgumentError, match="archived must be True, False or None"):
        sg.find_shots(archived="no")


def test_other_clients_leave_them_out(site, shows, make_sg, tmp_path):
    """
    A plain client and a Mockgun give the same. A Mockgun may have links to projects that do not exist.
    """
    official = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)
    paths = [str(tmp_path / "schema"), str(tmp_path / "entities")]
    generate_schema(make_sg(site), *paths)
    Mockgun.set_schema_paths(*paths)
    mockgun = Mockgun("https://studio.example", script_name="mock", api_key="key")
    old = mockgun.create("Project", {"name": "Old", "archived": True})
    mockgun.create("Shot", {"code": "sh", "project": old})

    def found(client, **arguments):
        return [row["project"] and row["project"]["id"] for row in shots.find_shots(client, **arguments)]

    assert found(official) == [shows[0]["project"]["id"]]
    official.close()
    assert found(mockgun, project=old) == [old["id"]]
    for project in ({"type": "Project", "id": 99}, None):
        mockgun.create("Shot", {"code": "sh", "project": project})
    for client in (mockgun, SGExtended(mockgun)):
        assert found(client) == [99, None]
        assert found(client, archived=True) == [old["id"]]
        assert found(client, archived=None) == [old["id"], 99, None]
        assert found(client, limit=1) == [99]
        assert "project" not in shots.find_shots(client, fields=["code"])[0]
