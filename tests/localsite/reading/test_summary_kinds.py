"""
Percentages, and the groupings that fold values together: clustered dates, spans of days, lists of links.
"""

import datetime

import pytest

from sgextended.localsite import LocalSite
from sgextended.localsite.reading.groupings import CLUSTERS, cluster

COUNT = [{"field": "id", "type": "count"}]


def summary(sg, project, **asked):
    """
    Return one summary of a project's tasks.
    """
    return sg.summarize("Task", [["project", "is", project]], [asked])["summaries"][asked["field"]]


@pytest.fixture
def tasks(make):
    """
    Six tasks: two in progress, one final, two waiting, one without a status; one of them is a milestone.
    """
    for status in ("ip", "ip", "fin", "wtg", "wtg"):
        make("Task", sg_status_list=status)
    make("Task", sg_status_list=None, milestone=True)


@pytest.mark.parametrize(
    ("asked", "value"),
    [
        ({"type": "status_percentage", "value": "ip"}, 33),
        ({"type": "status_percentage", "value": "fin"}, 17),
        ({"type": "status_percentage", "value": "hld"}, 0),
        ({"type": "status_percentage"}, 0),
        ({"type": "percentage", "value": "wtg"}, 33),
        ({"type": "status_percentage_as_float", "value": "ip"}, 33),
        ({"type": "status_percentage_as_float", "value": "fin"}, 17),
    ],
    ids=str,
)
def test_percentage_is_the_share_of_a_status(sg, project, tasks, asked, value):
    """
    A percentage counts the rows that have the status among all rows, those without a status included.
    """
    came = summary(sg, project, field="sg_status_list", **asked)

    assert (came, type(came)) == (value, int)


@pytest.mark.parametrize("kind", ["status_percentage", "status_percentage_as_float"])
def test_percentage_of_rows_that_do_not_count(sg, project, make, kind):
    """
    A group of versions that are all "na" has the percentage -1; one other version makes it a percentage again.
    """
    make("Version", sg_status_list="na")
    asked = [{"field": "sg_status_list", "type": kind, "value": "rev"}]

    def percentage():
        return sg.summarize("Version", [["project", "is", project]], asked)["summaries"]["sg_status_list"]

    assert percentage() == -1
    make("Version", sg_status_list="rev")
    assert percentage() == 50


def test_percentage_of_a_checkbox_is_the_share_checked(sg, project, tasks):
    """
    For a checkbox the percentage is of the rows where it is checked.
    """
    assert summary(sg, project, field="milestone", type="percentage") == 17


@pytest.mark.parametrize("kind", ["percentage", "status_percentage", "status_percentage_as_float"])
def test_percentage_of_nothing_is_zero(sg, project, kind):
    """
    Of no rows, the share is 0.
    """
    assert summary(sg, project, field="sg_status_list", type=kind, value="ip") == 0


def test_every_summary_rolls_up(sg, project, make):
    """
    What a group shows is what its rows alone would give, on every level; so is the whole.
    """
    shots = [make("Shot", code=code) for code in ("one", "two")]
    rows = [
        (shots[0], "ip", 480, 1, "2026-01-05", True),
        (shots[0], "ip", 960, None, "2026-03-02", False),
        (shots[0], "fin", None, 5, None, False),
        (shots[1], "fin", 240, -3, "2025-12-31", True),
        (None, None, None, None, None, False),
    ]
    for entity, status, bid, order, due, checked in rows:
        make(
            "Task",
            entity=entity,
            sg_status_list=status,
            est_in_mins=bid,
            sg_sort_order=order,
            due_date=due,
            implicit=checked,
        )
    asked = [
        {"field": "id", "type": "record_count"},
        {"field": "est_in_mins", "type": "average"},
        {"field": "sg_sort_order", "type": "minimum"},
        {"field": "due_date", "type": "latest"},
        {"field": "sg_status_list", "type": "status_list"},
        {"field": "implicit", "type": "percentage"},
        {"field": "duration", "type": "sum"},
        {"field": "entity", "type": "count"},
    ]
    grouping = [{"field": name, "type": "exact", "direction": "asc"} for name in ("entity", "sg_status_list")]
    mine = [["project", "is", project]]
    found = sg.summarize("Task", mine, asked, grouping=grouping)

    def check(group, filters):
        alone = sg.summarize("Task", [*mine, *filters], asked)["summaries"]
        assert group["summaries"] == alone
        return len(group["groups"]) if "groups" in group else 0

    assert check(found, []) == 3
    for outer in found["groups"]:
        value = outer["group_value"] and {"type": "Shot", "id": outer["group_value"]["id"]}
        assert check(outer, [["entity", "is", value]]) == {"one": 2, "two": 1, "": 1}[outer["group_name"]]
        for inner in outer["groups"]:
            check(inner, [["entity", "is", value], ["sg_status_list", "is", inner["group_value"]]])
    assert found["summaries"]["est_in_mins"] == 560


def groups(sg, project, field, kind, direction="asc"):
    """
    Return name, value and count of the groups of a project's tasks.
    """
    grouping = [{"field": field, "type": kind, "direction": direction}]
    found = sg.summarize("Task", [["project", "is", project]], COUNT, grouping=grouping)["groups"]
    return [(group["group_name"], group["group_value"], group["summaries"]["id"]) for group in found]


def test_lists_group_by_what_is_in_them(sg, project, make, name):
    """
    Rows with the same links are one group, whichever way these were written; the value is the list of links.
    """
    ann, ben = (sg.create("HumanUser", {"login": f"{name} {who}", "name": who}) for who in ("Ann", "Ben"))
    team = sg.create("Group", {"code": "WorkerGroup"})
    gone = sg.create("HumanUser", {"login": f"{name} gone", "name": "Gone"})
    for people in ([ann, ben], [ben, ann], [ben], [team, ben], [], [gone], [gone, ben]):
        make("Task", task_assignees=people)
    sg.delete("HumanUser", gone["id"])

    def shown(*links):
        names = {ann["id"]: "Ann", ben["id"]: "Ben"}
        return [
            {
                "type": link["type"],
                "id": link["id"],
                "name": "WorkerGroup" if link["type"] == "Group" else names[link["id"]],
                "valid": "valid",
            }
            for link in links
        ]

    expected = [
        ("Ann, Ben", shown(ann, ben), 2),
        ("Ben", shown(ben), 2),
        ("Ben, WorkerGroup", shown(ben, team), 1),
        ("", None, 2),
    ]
    assert groups(sg, project, "task_assignees", "exact") == expected
    assert groups(sg, project, "task_assignees", "exact", "desc") == [*expected[2::-1], expected[3]]


def test_lists_kept_elsewhere_group_too(sg, project, make):
    """
    Lists that show another field, or rows of a connection, group alike; levels mix with others.
    """
    shots = [make("Shot", code=code) for code in ("one", "two")]
    make("Asset", code="kite", shots=shots)
    make("Asset", code="hero", shots=shots)
    make("Asset", code="sun", shots=shots[:1])
    grouping = [{"field": "shots", "type": "exact", "direction": "asc"}, {"field": "code", "type": "firstletter"}]
    found = sg.summarize("Asset", [["project", "is", project]], COUNT, grouping=grouping)["groups"]

    assert [(group["group_name"], group["summaries"]["id"]) for group in found] == [("one", 1), ("one, two", 2)]
    assert [group["group_name"] for group in found[1]["groups"]] == ["H", "K"]
    by_sequence = sg.summarize("Shot", [["project", "is", project]], COUNT, grouping=[{"field": "tasks"}])
    assert by_sequence["groups"] == [{"group_name": "", "group_value": None, "summaries": {"id": 2}}]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("oneday", [("2026-01-01", 1), ("2026-01-02", 1), ("2026-01-05", 2), ("2026-01-08", 1)]),
        # Day 20454 since 1970 is 2026-01-01, and 20450 = 5 * 4090.
        ("fivedays", [("2025-12-28", 1), ("2026-01-02", 3), ("2026-01-07", 1)]),
    ],
)
def test_spans_of_days(sg, project, make, kind, expected):
    """
    Dates fall into spans of one day or of five, named after their first day; five are counted from 1970.
    """
    for due in ("2026-01-01", "2026-01-02", "2026-01-05", "2026-01-05", "2026-01-08", None):
        make("Task", due_date=due)

    assert groups(sg, project, "due_date", kind) == [*((day, day, count) for day, count in expected), ("", None, 1)]


def test_spans_of_work(sg, project, make):
    """
    Durations fall into days and fives of days of work.
    """
    for minutes in (0, 479, 480, 2399, 2400):
        make("Task", duration=minutes)

    assert groups(sg, project, "duration", "oneday") == [
        *(("0.00 days", 0, 2), ("1.00 days", 480, 1), ("4.00 days", 1920, 1), ("5.00 days", 2400, 1)),
    ]
    assert groups(sg, project, "duration", "fivedays") == [("0.00 days", 0, 4), ("5.00 days", 2400, 1)]


def test_calculated_values_group_by_their_text(sg, project, make):
    """
    Groups of a calculated duration have it as text with six places, as the live site does.
    """
    for minutes in (600, 600, 1200):
        make("Task", duration=minutes)

    assert groups(sg, project, "workload", "exact") == [
        ("1.25 days", "600.000000", 2),
        ("2.50 days", "1200.000000", 1),
    ]


TODAY = datetime.date(2026, 3, 11)  # a Wednesday


@pytest.mark.parametrize(
    ("day", "name"),
    [
        ("2024-12-31", "Older"),
        ("2025-01-01", "Last Year"),
        ("2026-01-31", "This Year"),
        ("2026-02-01", "Last Month"),
        ("2026-03-01", "This Month"),
        ("2026-03-02", "Last Week"),
        ("2026-03-09", "This Week"),
        ("2026-03-10", "Yesterday"),
        ("2026-03-11", "Today"),
        ("2026-03-12", "Tomorrow"),
        ("2026-03-13", "This Week"),
        ("2026-03-16", "Next Week"),
        ("2026-03-23", "This Month"),
        ("2026-04-30", "Next Month"),
        ("2026-05-01", "This Year"),
        ("2027-12-31", "Next Year"),
        ("2028-01-01", "Later"),
    ],
)
def test_day_belongs_to_the_nearest_cluster(day, name):
    """
    A day is named by the smallest span around today that has it.
    """
    assert cluster(datetime.date.fromisoformat(day), TODAY) == name
    assert name in CLUSTERS


def test_dates_cluster_around_today(make_connection):
    """
    Groups of clustered dates run in time's order, with summaries over all of their days.
    """
    with LocalSite() as site:
        site.store.clock = lambda: datetime.datetime(2026, 3, 11, 12, tzinfo=datetime.timezone.utc)
        sg = make_connection(site)
        project = sg.create("Project", {"name": "show"})
        for due in ("2026-03-11", "2026-03-13", "2026-03-09", "2025-05-05", "2025-06-06", "2020-01-01", None):
            sg.create("Task", {"project": project, "due_date": due})
        forth = groups(sg, project, "due_date", "clustered_date")
        back = groups(sg, project, "due_date", "clustered_date", "desc")
        (made,) = groups(sg, project, "created_at", "clustered_date")
        sg.close()

    names = [("Older", 1), ("Last Year", 2), ("Today", 1), ("This Week", 2)]
    assert forth == [*((name, name, count) for name, count in names), ("", None, 1)]
    assert back == [*((name, name, count) for name, count in names[::-1]), ("", None, 1)]
    assert made == ("Today", "Today", 7)


def test_grouping_on_single_typed_links(sg, project, make):
    """
    A field that takes one type groups by links like any other, those to retired rows under nothing.
    """
    steps = sg.find("Step", [["entity_type", "is", "Shot"]], ["code"])[:2]
    template = sg.create("TaskTemplate", {"code": "gone"})
    for step in (steps[0], steps[1], steps[1], None):
        make("Task", step=step)
    found = groups(sg, project, "step", "exact")
    links = sorted(({"type": "Step", "id": s["id"], "name": s["code"], "valid": "valid"} for s in steps), key=str)

    assert sorted((value for _name, value, _count in found if value), key=str) == links
    assert found[-1] == ("", None, 1)
    make("Shot", task_template=template)
    sg.delete("TaskTemplate", template["id"])
    grouped = sg.summarize("Shot", [["project", "is", project]], COUNT, grouping=[{"field": "task_template"}])
    assert [group["group_value"] for group in grouped["groups"]] == [None]
