"""
``LocalSite.insert``: rows with given ids, in any order, all or none.
"""

import datetime as dt

import pytest

from sgextended.localsite import LocalSite

BIRD = {"type": "Project", "id": 70}


@pytest.fixture
def site():
    """
    A new local site.
    """
    with LocalSite() as site:
        yield site


@pytest.fixture
def sg(site, make_connection):
    """
    The official client on that site.
    """
    connection = make_connection(site)
    yield connection
    connection.close()


def test_rows_link_to_each_other_in_any_order(site, sg):
    """
    A row may link to a row that comes later, by single links and by each kind of list.
    """
    links = site.insert(
        [
            {"type": "Version", "id": 5, "code": "v1", "project": BIRD, "entity": {"type": "Shot", "id": 17}},
            {"type": "Playlist", "id": 8, "code": "today", "project": BIRD, "versions": [{"type": "Version", "id": 5}]},
            {"type": "Sequence", "id": 3, "code": "sq", "project": BIRD, "shots": [{"type": "Shot", "id": 17}]},
            {"type": "Task", "id": 2, "project": BIRD, "task_assignees": [{"type": "HumanUser", "id": 44}]},
            {"type": "Shot", "id": 17, "code": "sh", "project": BIRD, "tasks": {"type": "Task", "id": 2}},
            {"type": "HumanUser", "id": 44, "name": "Zoe Quist", "login": "zoe"},
            {**BIRD, "name": "Bird"},
        ]
    )

    assert links[4:] == [
        {"type": "Shot", "id": 17, "name": "sh"},
        {"type": "HumanUser", "id": 44, "name": "Zoe Quist"},
        {**BIRD, "name": "Bird"},
    ]
    shot = sg.find_one("Shot", [["id", "is", 17]], ["sg_sequence", "project", "sg_versions", "tasks"])
    assert shot["sg_sequence"] == {"type": "Sequence", "id": 3, "name": "sq"}
    assert (shot["project"]["name"], shot["sg_versions"][0]["id"]) == ("Bird", 5)
    assert shot["tasks"] == [{"type": "Task", "id": 2, "name": "New Task 2"}]
    assert sg.find_one("Playlist", [["versions", "is", {"type": "Version", "id": 5}]])["id"] == 8
    assert sg.find_one("Task", [["task_assignees.HumanUser.login", "is", "zoe"]])["id"] == 2


def test_rows_get_the_defaults_of_a_create(site, sg):
    """
    An inserted row has the same values as a created one, also those of custom fields.
    """
    sg.schema_field_create("Shot", "list", "Kind", {"valid_values": ["a", "b"], "default_value": "b"})
    site.insert([{**BIRD, "name": "Bird"}])
    fields = [name for name in sg.schema_field_read("Shot") if name != "updated_at"]
    site.insert([{"type": "Shot", "id": 17, "project": BIRD, "created_at": dt.datetime(2026, 3, 1, 12)}])
    inserted = sg.find_one("Shot", [["id", "is", 17]], fields)
    created = sg.create("Shot", {"project": BIRD, "created_at": dt.datetime(2026, 3, 1, 12)}, fields)

    assert created["id"] == 18
    assert (inserted["sg_kind"], inserted["code"], created["code"]) == ("b", "New Shot 17", "New Shot 18")
    own = dict.fromkeys(("id", "code", "cached_display_name"))
    assert {**inserted, **own} == {**created, **own}


def test_rows_without_ids_get_free_ones(site, sg):
    """
    Rows without ids, rows that the insert needs, and rows that are created later get higher ids than all given ones.
    """
    site.insert([{**BIRD, "name": "Bird"}])
    first, second, third = site.insert(
        [
            {"type": "Shot", "code": "a", "project": BIRD},
            {"type": "Shot", "id": 30, "code": "b", "project": BIRD},
            {"type": "Shot", "code": "c", "project": BIRD},
        ]
    )
    site.insert([{"type": "Shot", "id": 12, "code": "d", "project": BIRD}])

    assert (first["id"], second["id"], third["id"]) == (31, 30, 32)
    assert sg.create("Shot", {"project": BIRD, "code": "e"})["id"] == 33


def test_counts_and_names_are_those_of_created_rows(site, sg):
    """
    Sums, counts and names that are made of linked rows are right, whatever the order of the rows.
    """
    task, tag = {"type": "Task", "id": 2}, {"type": "Tag", "id": 6}
    site.insert(
        [
            {"type": "TimeLog", "id": 1, "project": BIRD, "entity": task, "duration": 90},
            {"type": "Booking", "id": 1, "user": {"type": "HumanUser", "id": 44}, "vacation": True},
            {**task, "project": BIRD, "start_date": "2026-03-02", "due_date": "2026-03-04", "tags": [tag]},
            {"type": "Task", "id": 3, "content": "t", "task_template": {"type": "TaskTemplate", "id": 4}},
            {"type": "TaskTemplate", "id": 4, "code": "tt", "entity_type": "Shot"},
            {"type": "HumanUser", "id": 44, "firstname": "Zoe", "lastname": "Quist", "login": "zoe"},
            {**tag, "name": "late"},
            {**BIRD, "name": "Bird"},
        ]
    )

    found = sg.find_one("Task", [["id", "is", 2]], ["time_logs_sum", "duration"])
    assert (found["time_logs_sum"], found["duration"]) == (90, 3 * 480)
    assert sg.find_one("TaskTemplate", [["id", "is", 4]], ["task_count"])["task_count"] == 1
    assert sg.find_one("Tag", [["id", "is", 6]], ["usage"])["usage"] == 1
    booking = sg.find_one("Booking", [["id", "is", 1]], ["cached_display_name"])
    assert booking["cached_display_name"] == "Zoe Quist (vacation)"


def test_inserted_rows_have_no_effects(site, sg):
    """
    A task template adds no tasks, and tasks keep their dates; a pinned task reports a violated dependency.
    """
    first = {"type": "Task", "id": 1, "project": BIRD, "start_date": "2026-03-02", "due_date": "2026-03-06"}
    second = {**first, "id": 2, "start_date": "2026-03-03", "due_date": "2026-03-04", "pinned": True}
    site.insert(
        [
            {**BIRD, "name": "Bird"},
            {"type": "TaskTemplate", "id": 4, "code": "tt", "entity_type": "Shot"},
            {"type": "Task", "id": 3, "content": "t", "task_template": {"type": "TaskTemplate", "id": 4}},
            {"type": "Shot", "id": 9, "project": BIRD, "task_template": {"type": "TaskTemplate", "id": 4}},
            {**second, "upstream_tasks": [{"type": "Task", "id": 1}]},
            first,
        ]
    )

    assert sg.find("Task", [["entity", "is", {"type": "Shot", "id": 9}]]) == []
    task = sg.find_one("Task", [["id", "is", 2]], ["start_date", "due_date", "dependency_violation"])
    assert (task["start_date"], task["due_date"], task["dependency_violation"]) == ("2026-03-03", "2026-03-04", True)


def test_events_are_logged_on_request(site, sg):
    """
    Only with ``log_events`` the event log has entries, as of creates by the site's script.
    """
    site.insert([{**BIRD, "name": "Bird"}])
    assert sg.find("EventLogEntry", []) == []
    site.insert([{"type": "Shot", "id": 17, "code": "sh", "project": BIRD}], log_events=True)

    event = sg.find_one("EventLogEntry", [["event_type", "is", "Shotgun_Shot_New"]], ["entity", "user"])
    assert (event["entity"]["id"], event["user"]["name"]) == (17, f"{site.script_name} 1.0")
    shot = sg.find_one("Shot", [], ["created_by"])
    assert shot["created_by"]["name"] == f"{site.script_name} 1.0"


def test_read_only_fields_may_be_given(site, sg):
    """
    Fields that only the site writes can be given, but computed ones cannot.
    """
    moment = "2020-01-01T00:00:00Z"
    zoe = {"type": "HumanUser", "id": 44}
    site.insert([{**zoe, "name": "Zoe"}, {**BIRD, "name": "Bird", "updated_by": zoe, "updated_at": moment}])

    assert sg.find_one("Project", [], ["updated_by"])["updated_by"]["name"] == "Zoe"
    assert sg.find("Project", [["updated_at", "is", moment]])
    with pytest.raises(ValueError, match="Row 1 has 'workload', whose value the site computes"):
        site.insert([{"type": "Task", "id": 1, "project": BIRD, "workload": 5}])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"type": "Shot", "id": 17, "project": BIRD}, "has the id of a row that the site has already: Shot 17\\."),
        ({"type": "Shot", "id": 18, "project": BIRD}, "Shot 18, and it is deleted"),
        ({"type": "Asset", "id": 1, "project": BIRD}, "has the id of an earlier row: Asset 1"),
        ({"type": "Shoot", "id": 1}, "the unknown type 'Shoot'. Did you mean 'Shot'"),
        ({"id": 1}, "is not a dict with a type"),
        (["Shot", 1], "is not a dict with a type"),
        ({"type": "Shot", "id": 0, "project": BIRD}, "has the id 0. An id is a whole number"),
        ({"type": "Shot", "id": "19", "project": BIRD}, "has the id '19'. An id is a whole number"),
        ({"type": "Shot", "id": 19, "project": BIRD, "cod": "a"}, "has no such field. Did you mean 'code'"),
        ({"type": "Shot", "id": 19, "project": BIRD, "code": {1}}, "'code' with a value that a client cannot send"),
        ({"type": "Shot", "id": 19, "project": BIRD, "code": 5}, "Row 2, Shot 19, has a value that the site refuses"),
        ({"type": "Shot", "id": 19, "project": BIRD, "image": "a.jpg"}, "'image', which is a file"),
        ({"type": "Shot", "id": 19, "code": "x"}, "missing 'project'"),
        ({"type": "Shot", "id": 19, "project": {"type": "Project", "id": 9}}, "Shot 19, has a value"),
        ({"type": "Sequence", "id": 1, "project": BIRD, "shots": [{"type": "Shot", "id": 99}]}, "Shot 99, which is"),
        ({"type": "Sequence", "id": 1, "project": BIRD, "shots": [17]}, "17, which is not a link"),
        ({"type": "Sequence", "id": 1, "project": BIRD, "shots": [{"type": "Shot", "id": "1"}]}, "Shot 1, which is"),
        ({**BIRD, "id": 71, "name": "Bird"}, "unique"),
    ],
)
def test_a_row_that_is_refused_leaves_nothing(site, sg, row, said):
    """
    If one row cannot be inserted, the message names it and says why, and no row is inserted.
    """
    site.insert([{**BIRD, "name": "Bird"}, *({"type": "Shot", "id": number, "project": BIRD} for number in (17, 18))])
    sg.delete("Shot", 18)
    with pytest.raises(ValueError, match=said) as caught:
        site.insert([{"type": "Asset", "id": 1, "project": BIRD}, row])

    assert str(caught.value).startswith("No row was inserted.\nRow 2")
    assert sg.find("Asset", []) == []
    assert [shot["id"] for shot in sg.find("Shot", [])] == [17]
    assert sg.create("Asset", {"project": BIRD})["id"] == 1


def test_all_problems_are_named_at_once(site):
    """
    Wrong types, fields and ids of all rows are in one message; a long list is shortened.
    """
    with pytest.raises(ValueError, match=r"'a'.*\n.*'b'") as caught:
        site.insert([{"type": "Shot", "a": 1, "b": 2}] * 20)

    assert str(caught.value).endswith("There are 30 more problems.")


def test_lists_and_links_that_contradict_each_other_are_refused(site):
    """
    A shot that names another sequence than the one that lists it is refused.
    """
    with pytest.raises(ValueError, match="has Shot 1 in shots, but its sg_sequence differs"):
        site.insert(
            [
                {**BIRD, "name": "Bird"},
                {"type": "Sequence", "id": 1, "project": BIRD, "shots": [{"type": "Shot", "id": 1}]},
                {"type": "Shot", "id": 1, "project": BIRD, "sg_sequence": {"type": "Sequence", "id": 2}},
                {"type": "Sequence", "id": 2, "project": BIRD},
            ]
        )


def test_a_loop_of_tasks_is_refused(site):
    """
    Tasks that depend on each other are refused, as a site refuses them.
    """
    one, two = ({"type": "Task", "id": number} for number in (1, 2))
    with pytest.raises(ValueError, match=r"Task 1, has a value that the site refuses"):
        site.insert(
            [
                {**BIRD, "name": "Bird"},
                {**one, "project": BIRD, "upstream_tasks": [two]},
                {**two, "project": BIRD, "upstream_tasks": [one]},
            ]
        )


def test_far_rows_that_exist_get_the_link(site, sg):
    """
    A list may contain rows that the site has already.
    """
    site.insert([{**BIRD, "name": "Bird"}, {"type": "Shot", "id": 17, "project": BIRD}])
    site.insert([{"type": "Sequence", "id": 1, "project": BIRD, "shots": [{"type": "Shot", "id": 17}]}])

    assert sg.find_one("Shot", [], ["sg_sequence"])["sg_sequence"]["id"] == 1
