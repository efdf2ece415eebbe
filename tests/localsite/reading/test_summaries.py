"""
Summaries and groups.
"""

import pytest


@pytest.fixture
def tasks(make):
    """
    Tasks of two assets and none, with values and without.
    """
    hero, kite = make("Asset", code="Hero"), make("Asset", code="kite")
    rows = [
        (hero, "ip", 480, "2026-01-05", True),
        (hero, "ip", 600, "2026-01-31", False),
        (kite, "fin", None, "2026-02-11", True),
        (kite, None, 90, None, False),
        (None, "ip", 1, "2026-05-01", False),
    ]
    for number, (entity, status, duration, due, implicit) in enumerate(rows):
        content = "Anim" if number < 2 else "anim"
        data = {"sg_status_list": status, "duration": duration, "due_date": due, "implicit": implicit}
        make("Task", content=content, entity=entity, **data)
    return hero, kite


def summary(sg, project, field, kind, *filters):
    """
    Return one summary of the tasks of a project.
    """
    found = sg.summarize("Task", [["project", "is", project], *filters], [{"field": field, "type": kind}])
    assert found["groups"] == []
    return found["summaries"][field]


@pytest.mark.parametrize(
    ("field", "kind", "value"),
    [
        ("id", "record_count", 5),
        ("id", "count", 5),
        ("duration", "count", 4),
        ("entity", "count", 4),
        ("task_assignees", "count", 0),
        ("due_date", "count", 4),
        ("entity.Asset.code", "count", 4),
        ("duration", "sum", 1171),
        ("duration", "maximum", 600),
        ("duration", "minimum", 1),
        ("duration", "average", 292.75),
        ("due_date", "earliest", "2026-01-05"),
        ("due_date", "latest", "2026-05-01"),
        ("due_date", "maximum", "2026-05-01"),
        ("implicit", "checked", 2),
        ("implicit", "unchecked", 3),
        ("sg_status_list", "status_list", "ip"),
    ],
)
def test_summary_is_that_of_the_rows(sg, project, tasks, field, kind, value):
    """
    A summary is computed over all rows found.
    """
    assert summary(sg, project, field, kind) == value


@pytest.mark.parametrize(
    ("field", "kind", "value"),
    [
        ("id", "record_count", 0),
        ("duration", "sum", 0),
        ("duration", "maximum", 0),
        ("duration", "minimum", 0),
        ("duration", "average", 0.0),
        ("due_date", "earliest", None),
        ("due_date", "latest", None),
        ("implicit", "checked", 0),
        ("sg_status_list", "status_list", "na"),
    ],
)
def test_summary_of_no_rows(sg, project, field, kind, value):
    """
    Of no rows, numbers are 0 and dates null.
    """
    assert summary(sg, project, field, kind) == value


def test_status_of_equal_rows_is_theirs(sg, project, tasks):
    """
    Rows that share one status have it as their summary.
    """
    assert summary(sg, project, "sg_status_list", "status_list", ["sg_status_list", "is", "fin"]) == "fin"
    assert summary(sg, project, "sg_status_list", "status_list", ["sg_status_list", "is", None]) == "na"


def test_query_fields_are_left_out(sg, project, make):
    """
    A summary of a query field is not in the answer; other fields of the same request are.
    """
    make("Shot")
    asked = [{"field": "open_notes_count", "type": "sum"}, {"field": "id", "type": "count"}]
    found = sg.summarize("Shot", [["project", "is", project]], asked)

    assert found == {"summaries": {"id": 1}, "groups": []}


def groups(sg, project, *grouping):
    """
    Return the groups of a project's tasks, each with its count.
    """
    asked = [{"field": field, "type": kind, "direction": direction} for field, kind, direction in grouping]
    count = [{"field": "id", "type": "count"}]
    return sg.summarize("Task", [["project", "is", project]], count, grouping=asked)["groups"]


def shape(found):
    """
    Return names, values and counts of groups.
    """
    return [(group["group_name"], group["group_value"], group["summaries"]["id"]) for group in found]


@pytest.mark.parametrize(
    ("grouping", "expected"),
    [
        (("sg_status_list", "exact", "asc"), [("fin", "fin", 1), ("ip", "ip", 3), ("", None, 1)]),
        (("sg_status_list", "exact", "desc"), [("ip", "ip", 3), ("fin", "fin", 1), ("", None, 1)]),
        (("content", "exact", "asc"), [("Anim", "Anim", 2), ("anim", "anim", 3)]),
        (("implicit", "exact", "asc"), [("[ ]", False, 3), ("[X]", True, 2)]),
        (
            ("duration", "exact", "asc"),
            [("0.00 days", 1, 1), ("0.19 days", 90, 1), ("1.00 days", 480, 1), ("1.25 days", 600, 1), ("", None, 1)],
        ),
        (("duration", "hundreds", "desc"), [("600", 600, 1), ("400", 400, 1), ("0", 0, 2), ("", None, 1)]),
        (
            ("due_date", "month", "asc"),
            [("2026-01-01",) * 2 + (2,), ("2026-02-01",) * 2 + (1,), ("2026-05-01",) * 2 + (1,), ("", None, 1)],
        ),
        (("due_date", "quarter", "asc"), [("2026-01-01",) * 2 + (3,), ("2026-04-01",) * 2 + (1,), ("", None, 1)]),
        (("due_date", "year", "asc"), [("2026-01-01",) * 2 + (4,), ("", None, 1)]),
        (
            ("due_date", "week", "asc"),
            [
                ("2026-01-05",) * 2 + (1,),
                ("2026-01-26",) * 2 + (1,),
                ("2026-02-09",) * 2 + (1,),
                ("2026-04-27",) * 2 + (1,),
                ("", None, 1),
            ],
        ),
        (("created_at", "day", "asc"), None),
        (("entity", "entitytype", "asc"), [("Asset", "Asset", 4), ("", None, 1)]),
        (("content", "firstletter", "asc"), [("A", "A", 5)]),
        (("entity.Asset.code", "exact", "desc"), [("kite", "kite", 2), ("Hero", "Hero", 2), ("", None, 1)]),
    ],
    ids=str,
)
def test_rows_fall_into_groups(sg, project, tasks, grouping, expected):
    """
    Each grouping makes its groups, in order, those without a value last.
    """
    found = shape(groups(sg, project, grouping))

    if expected is None:
        assert [count for _name, _value, count in found] == [5]
    else:
        assert found == expected


def test_groups_of_links_show_the_linked_rows(sg, project, tasks):
    """
    A group of an entity field is valued by a link; rows that link to a retired row have none.
    """
    hero, kite = tasks
    sg.delete("Asset", kite["id"])
    found = groups(sg, project, ("entity", "exact", "asc"))

    assert shape(found) == [("Hero", {**hero, "name": "Hero", "valid": "valid"}, 2), ("", None, 3)]


def test_groups_nest(sg, project, tasks):
    """
    Each further grouping divides the groups before it; the last ones have no groups of their own.
    """
    found = groups(
        sg, project, ("entity", "exact", "desc"), ("sg_status_list", "exact", "asc"), ("implicit", "exact", "asc")
    )

    assert [group["group_name"] for group in found] == ["kite", "Hero", ""]
    assert shape(found[0]["groups"]) == [("fin", "fin", 1), ("", None, 1)]
    assert shape(found[1]["groups"]) == [("ip", "ip", 2)]
    assert shape(found[1]["groups"][0]["groups"]) == [("[ ]", False, 1), ("[X]", True, 1)]
    assert "groups" not in found[1]["groups"][0]["groups"][0]


def test_timecode_is_shown_as_one():
    """
    Milliseconds show as hours, minutes, seconds and rounded frames; a second that is full of frames is the next one.
    """
    from sgextended.localsite.reading.groupings import timecode

    assert timecode(3_723_500) == "01:02:03:12"
    assert timecode(-1000) == "-00:00:01:00"
    assert [timecode(each) for each in (813, 814, 980, 981)] == [
        *("00:00:00:19", "00:00:00:20", "00:00:00:23", "00:00:01:00")
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"summaries": [{"field": "id", "type": "bogus"}]}, "type must be one of: record_count, count, sum"),
        (
            {"summaries": [{"field": "sg_status_list", "type": "percentage", "value": 5}]},
            "The value of a percentage of Task.sg_status_list is a code: 5",
        ),
        ({"summaries": [{"field": "bogus", "type": "count"}]}, "API summarize() Task.bogus doesn't exist."),
        ({"summaries": [5]}, "'summaries' expected an Array of Hash but got: [5]"),
        ({"grouping": [{"field": "id", "type": "bogus"}]}, "type must be one of: exact, tens"),
        ({"grouping": [{"field": "id", "direction": "up"}]}, "direction must be one of: asc, desc"),
        ({"grouping": [{"field": "image"}]}, "Grouping is not allowed for field Task.image."),
        ({"grouping": [{"field": "splits"}]}, "Grouping is not allowed for field Task.splits."),
        (
            {"grouping": [{"field": "task_assignees", "type": "firstletter"}]},
            "Grouping by 'firstletter' is not allowed for field Task.task_assignees.",
        ),
        (
            {"grouping": [{"field": "entity", "type": "clustered_date"}]},
            "Grouping by 'clustered_date' is not allowed for field Task.entity.",
        ),
        (
            {"grouping": [{"field": "content", "type": "month"}]},
            "Grouping by 'month' is not allowed for field Task.content.",
        ),
        ({"grouping": [{"field": 5}]}, "doesn't exist."),
    ],
    ids=str,
)
def test_bad_summary_faults(call, change, message):
    """
    A summary or grouping that is unknown or unfit is refused by its name.
    """
    payload = {"type": "Task", "filters": {"logical_operator": "and", "conditions": []}, "summaries": [], **change}

    assert message in call("summarize", payload)["message"]


def test_empty_grouping_makes_no_groups(sg, project, tasks):
    """
    An empty list of groupings is as none.
    """
    found = sg.summarize("Task", [["project", "is", project]], [{"field": "id", "type": "count"}], grouping=[])

    assert found == {"summaries": {"id": 5}, "groups": []}


def test_count_of_a_password_counts_rows(sg):
    """
    A password field is always filled.
    """
    people = sg.summarize("HumanUser", [], [{"field": "password_proxy", "type": "count"}])["summaries"][
        "password_proxy"
    ]

    assert people == sg.summarize("HumanUser", [], [{"field": "id", "type": "count"}])["summaries"]["id"]


@pytest.mark.parametrize(
    ("entity_type", "field", "kind"),
    [
        ("HumanUser", "password_proxy", "sum"),
        ("Task", "content", "sum"),
        ("Task", "image", "earliest"),
        ("Task", "task_assignees", "maximum"),
        ("Task", "id", "checked"),
        ("Shot", "open_notes_count", "sum"),
    ],
)
def test_summary_that_a_field_cannot_have_is_left_out(sg, entity_type, field, kind):
    """
    A summary that does not suit its field is missing from the response, of groups too; the others are there.
    """
    asked = [{"field": field, "type": kind}, {"field": "created_at", "type": "count"}]
    found = sg.summarize(entity_type, [], asked, grouping=[{"field": "cached_display_name"}])

    assert set(found["summaries"]) == {"created_at"}
    assert all(set(group["summaries"]) == {"created_at"} for group in found["groups"])


def test_percentage_of_a_number_is_zero(sg, project, tasks):
    """
    A number has no percentage; the response has 0.
    """
    asked = [{"field": "duration", "type": "percentage"}]
    found = sg.summarize("Task", [["project", "is", project]], asked, grouping=[{"field": "content"}])

    assert found["summaries"] == {"duration": 0}
    assert all(group["summaries"] == {"duration": 0} for group in found["groups"])
