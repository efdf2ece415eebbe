"""
The values of query fields, on definitions whose values were counted by hand in a small production.

The fixture `made` contains the tasks, versions and notes; each expected value can be counted there.
"""

import datetime as dt
import pickle

import pytest
from fix_query_fields import day

from sgextended.domain.query_fields.query_field_values import NotComputed, add_query_fields
from sgextended.localsite.custom_fields.query_field_definitions import (
    CURRENT_PROJECT,
    ME,
    condition,
    current,
    group,
    single,
)

SHOT = current("Shot")
OF_SHOT = condition("entity", "is", SHOT)


@pytest.fixture
def values(sg, made, define):
    """
    A function that adds a query field to the Shot type and returns its values for the shots a, b, c and d.
    """

    def compute(*definition, user="ana", **options):
        field = define(*definition, **options)
        rows = [{"type": "Shot", "id": made[key]["id"]} for key in "abcd"]
        add_query_fields(sg, rows, [field], user=made[user])
        return [row[field] for row in rows]

    return compute


OPEN = condition("sg_status_list", "is_not", "fin")
LATE = condition("due_date", "greater_than", day(6))
MINE = condition("task_assignees", "is", ME)
IN_PROJECT = condition("project", "is", CURRENT_PROJECT)
ALSO_THEIRS = group("or", condition("note_links", "is", SHOT), condition("tasks.Task.entity", "is", SHOT))


@pytest.mark.parametrize(
    ("definition", "options", "expected"),
    [
        pytest.param(("Task", group("and", OF_SHOT)), {}, [3, 2, 0, 1], id="records"),
        pytest.param(("Task", OF_SHOT), {}, [3, 2, 0, 1], id="a condition without a group"),
        pytest.param(("Task", group("and", OF_SHOT, OPEN)), {}, [2, 0, 0, 1], id="all"),
        pytest.param(("Task", group("and", OF_SHOT, group("or", OPEN, LATE))), {}, [2, 2, 0, 1], id="any in all"),
        pytest.param(
            ("Task", group("and", OF_SHOT, group("or", group("and", LATE, MINE), condition("content", "is", "light")))),
            {},
            [1, 2, 0, 0],
            id="all in any in all",
        ),
        pytest.param(
            ("Task", group("and", group("and", group("and", OF_SHOT)), OPEN)), {}, [2, 0, 0, 1], id="nested all"
        ),
        pytest.param(
            ("Task", group("and", OF_SHOT, condition("content", "is", "light", active=False))),
            {},
            [3, 2, 0, 1],
            id="switched off",
        ),
        pytest.param(
            ("Task", group("and", OF_SHOT, group("or", condition("content", "is", "x", active=False)))),
            {},
            [3, 2, 0, 1],
            id="a group that is empty without what is switched off",
        ),
        pytest.param(("Task", group("and", OF_SHOT, MINE)), {}, [1, 2, 0, 1], id="me"),
        pytest.param(("Task", group("and", OF_SHOT, MINE)), {"user": "ben"}, [1, 0, 0, 0], id="somebody else"),
        pytest.param(("Task", group("and", IN_PROJECT)), {}, [5, 5, 5, 1], id="current project alone"),
        pytest.param(("Task", group("and", OF_SHOT, IN_PROJECT)), {}, [3, 2, 0, 1], id="current project and entity"),
        pytest.param(("Task", group("and")), {}, [6, 6, 6, 6], id="no condition"),
        pytest.param(("Task", group("and", OPEN)), {}, [3, 3, 3, 3], id="nothing of the record at hand"),
        pytest.param(
            ("Task", group("and", condition("entity", "in", SHOT, {"type": "Shot", "id": 10**8}))),
            {},
            [3, 2, 0, 1],
            id="the current entity among others",
        ),
        pytest.param(
            ("Task", group("and", condition("entity", "is_not", SHOT), IN_PROJECT)), {}, [2, 3, 5, 0], id="the others"
        ),
        pytest.param(
            ("Version", group("and", condition("sg_task.Task.entity", "is", SHOT))), {}, [3, 1, 0, 0], id="dotted"
        ),
        pytest.param(("Note", group("and", condition("note_links", "is", SHOT))), {}, [1, 2, 0, 0], id="in a list"),
        pytest.param(("Note", group("or", condition("note_links", "is", SHOT))), {}, [1, 2, 0, 0], id="any of one"),
        pytest.param(
            ("Note", group("and", condition("tasks.Task.entity", "is", SHOT))), {}, [1, 0, 0, 0], id="behind a list"
        ),
        pytest.param(("Note", ALSO_THEIRS), {}, [2, 2, 0, 0], id="in several places"),
        pytest.param(
            ("Note", group("and", ALSO_THEIRS, condition("sg_status_list", "is", "opn"))),
            {},
            [2, 1, 0, 0],
            id="in several places, and more",
        ),
        pytest.param(
            ("Task", group("or", group("and", OF_SHOT, OPEN), condition("content", "is", "light"))),
            {},
            [2, 1, 1, 2],
            id="any of what is of the record and what is not",
        ),
        pytest.param(
            (
                "Note",
                group(
                    "or",
                    group("and", condition("note_links", "is", SHOT), condition("sg_status_list", "is", "clsd")),
                    group("and", condition("tasks.Task.entity", "is", SHOT), condition("subject", "is", "n3")),
                ),
            ),
            {},
            [1, 1, 0, 0],
            id="alternatives of their own",
        ),
    ],
)
def test_records_are_those_of_the_filter(values, definition, options, expected):
    """
    A field counts the rows that its filter finds, for every form of filter.
    """
    assert values(*definition, **options) == expected


TASKS = ("Task", group("and", OF_SHOT))
NOTED = ("Note", group("and", condition("note_links", "is", SHOT)))
OF_ASSET = ("Shot", group("and", condition("assets", "is", current("Asset"))))
STATUS = {"field": "sg_status_list"}


@pytest.mark.parametrize(
    ("query", "summary", "options", "expected"),
    [
        (TASKS, "count", {"field": "est_in_mins"}, [2, 2, 0, 1]),
        (TASKS, "count", {"field": "task_assignees"}, [2, 2, 0, 1]),
        (TASKS, "sum", {"field": "est_in_mins"}, [180, 120, 0, 480]),
        (TASKS, "average", {"field": "est_in_mins"}, [90.0, 60.0, 0.0, 480.0]),
        (TASKS, "minimum", {"field": "est_in_mins"}, [60, 30, 0, 480]),
        (TASKS, "maximum", {"field": "est_in_mins"}, [120, 90, 0, 480]),
        (TASKS, "minimum", {"field": "due_date"}, [day(5), day(7), None, day(1)]),
        (TASKS, "maximum", {"field": "due_date"}, [day(9), day(7), None, day(1)]),
        (TASKS, "status_percentage", {**STATUS, "value": "fin"}, [33, 100, 0, 0]),
        (TASKS, "status_percentage_as_float", {**STATUS, "value": "fin"}, [100 / 3, 100.0, 0.0, 0.0]),
        (TASKS, "percentage", {**STATUS, "value": "ip"}, [33, 0, 0, 100]),
        (TASKS, "percentage", {"field": "milestone"}, [33, 0, 0, 100]),
        (TASKS, "percentage", {"field": "milestone", "value": False}, [67, 100, 0, 0]),
        (TASKS, "status_list", STATUS, ["ip", "fin", "na", "ip"]),
        (NOTED, "status_list", STATUS, ["opn", "ip", "na", "na"]),
        (NOTED, "status_percentage", {**STATUS, "value": "opn"}, [100, 50, 0, 0]),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_rows_are_summed_up(values, query, summary, options, expected):
    """
    Counts, sums, averages, minima, maxima and percentages cover the record's own rows, in the type of the field.
    """
    found = values(*query, summary, **options)

    assert found == pytest.approx(expected)
    assert [type(value) for value in found] == [type(value) for value in expected]


@pytest.mark.parametrize(
    ("summary", "options", "expected"),
    [
        # hero is in a (10) and b (32), cart in b alone; c has no duration and no asset.
        ("record_count", {}, [2, 1]),
        ("sum", {"field": "sg_cut_duration"}, [42, 32]),
        ("average", {"field": "sg_cut_duration"}, [21.0, 32.0]),
        ("minimum", {"field": "sg_cut_duration"}, [10, 32]),
        ("maximum", {"field": "sg_cut_duration"}, [32, 32]),
        ("single_record", {"field": "code", "value": single("sg_cut_duration")}, ["b", "b"]),
        ("single_record", {"field": "code", "value": single("sg_cut_duration", descending=False)}, ["a", "b"]),
    ],
)
def test_rows_that_several_records_share_count_for_each(sg, made, define, summary, options, expected):
    """
    A row that is linked to several records counts for all of them.
    """
    field = define(*OF_ASSET, summary, of="Asset", **options)
    rows = sg.find("Asset", [], [field], [{"field_name": "id", "direction": "asc"}], query_fields=True)

    assert [row[field] for row in rows] == expected


def test_rows_without_a_value_do_not_pull_an_average_down(sg, made, define):
    """
    In an average of shared rows, rows without a value are ignored.
    """
    empty = sg.create("Shot", {"code": "e", "project": made["film"], "assets": [made["cart"]]})
    try:
        fields = [define(*OF_ASSET, kind, of="Asset", field="sg_cut_duration") for kind in ("average", "minimum")]
        rows = add_query_fields(sg, [dict(made["cart"])], fields)
    finally:
        sg.delete("Shot", empty["id"])

    assert [rows[0][field] for field in fields] == [32.0, 32]


VERSIONS = ("Version", group("and", OF_SHOT))


@pytest.mark.parametrize(
    ("query", "field", "which", "expected"),
    [
        (VERSIONS, "code", single("created_at"), ["a_v1", "b_v1", None, None]),
        (VERSIONS, "code", single("created_at", descending=False), ["a_v2", "b_v1", None, None]),
        (VERSIONS, "code", single("id"), ["a_v3", "b_v1", None, None]),
        (VERSIONS, "code", single("code"), ["a_v3", "b_v1", None, None]),
        (VERSIONS, "code", single("created_at", limit=2), [["a_v1", "a_v3"], ["b_v1"], [], []]),
        (VERSIONS, "code", None, ["a_v1", "b_v1", None, None]),
        # Two tasks of b are due on one day: the one with the lower id. The one of a that has no date comes last.
        (TASKS, "content", single("due_date", descending=False), ["layout", "layout", None, "layout"]),
        (
            TASKS,
            "content",
            single("due_date", limit=3),
            [["anim", "layout", "light"], ["layout", "anim"], [], ["layout"]],
        ),
        (TASKS, "due_date", single("est_in_mins"), [day(9), day(7), None, day(1)]),
        (
            ("Task", group("and", OF_SHOT, condition("content", "is", "light"))),
            "content",
            single("due_date"),
            ["light", None, None, None],
        ),
        (
            ("Task", group("and", OF_SHOT, condition("content", "is", "light"))),
            "content",
            single("est_in_mins"),
            ["light", None, None, None],
        ),
        (("Task", group("and", OPEN)), "content", single("est_in_mins"), ["layout"] * 4),
        (
            ("Task", group("or", group("and", OF_SHOT, OPEN), condition("content", "is", "light"))),
            "content",
            single("due_date"),
            ["anim", "light", "light", "layout"],
        ),
        (("Note", ALSO_THEIRS), "subject", single("id"), ["n3", "n2", None, None]),
    ],
)
def test_single_record_is_the_first_in_its_order(values, query, field, which, expected):
    """
    A single-record field shows the first of the record's rows. Rows without a value come last in both directions.
    """
    assert values(*query, "single_record", field=field, value=which) == expected


def test_single_record_of_a_link_is_a_link(values, made):
    """
    The value of a single record has the type of the shown field.
    """
    found = values(*VERSIONS, "single_record", field="user", value=single("created_at"))

    assert [value and (value["type"], value["id"]) for value in found] == [
        ("HumanUser", made["ana"]["id"]),
        ("HumanUser", made["ben"]["id"]),
        None,
        None,
    ]


def test_date_time_is_a_datetime(values):
    """
    The minimum or maximum of a date and time is a datetime, as in any other field.
    """
    found = values(*VERSIONS, "maximum", field="created_at")

    assert found[:3] == [
        dt.datetime(2026, 2, 20, 12, tzinfo=dt.timezone.utc),
        dt.datetime(2026, 2, 15, 12, tzinfo=dt.timezone.utc),
        None,
    ]


@pytest.mark.parametrize(
    ("query", "summary", "options", "reason"),
    [
        (TASKS, "status_percentage", {**STATUS, "value": None}, "does not define the value"),
        (TASKS, "percentage", {"field": "content", "value": "x"}, "has no meaning"),
        (TASKS, "status_list", {"field": "content"}, "has no status"),
        (TASKS, "sum", {"field": "sg_gone"}, "Task.sg_gone, which is not a field"),
        (TASKS, "sum", {"field": "content"}, "the site does not summarize Task.content"),
        (
            ("Task", group("and", condition("entity", "is", {"name": "sh", "valid": "autocomplete"}))),
            "record_count",
            {},
            "the text 'sh' instead of a link",
        ),
        (
            ("Task", group("and", condition("entity", "is", {"type": "Shot", "id": 0, "valid": "odd_token"}))),
            "record_count",
            {},
            "the unknown placeholder 'odd_token'",
        ),
        (("Task", group("and", condition("entity", "is"))), "record_count", {}, "condition on entity has no value"),
        (("Task", group("and", condition("entity", "name_is", SHOT))), "record_count", {}, "by 'name_is'"),
        (("Task", group("and", condition("sg_gone", "is", SHOT))), "record_count", {}, "sg_gone, which is not a field"),
        (("Task", group("and", OF_SHOT, condition("sg_gone", "is", 1))), "record_count", {}, "refused.*doesn't exist"),
        (
            ("Task", group("and", condition("entity", "is", {"type": "Shot", "id": 0}))),
            "record_count",
            {},
            "without type",
        ),
        (TASKS, "single_record", {"field": "content", "value": {"limit": "many"}}, "its limit 'many' is not a number"),
        (("Task", group("xor", OF_SHOT)), "record_count", {}, "joins conditions by 'xor'"),
        (("Task", "odd"), "record_count", {}, "filter has an unknown form: 'odd'"),
        (("Task", group("and", {"path": "entity"})), "record_count", {}, "has an unknown form"),
        (
            (
                "Task",
                group("and", *(group("or", OF_SHOT, condition("content", "is", name)) for name in "abcd")),
            ),
            "record_count",
            {},
            "alternatives that depend on the current entity",
        ),
    ],
)
def test_what_cannot_be_computed_says_why(values, query, summary, options, reason):
    """
    The value of a field that cannot be computed is false and has a reason.
    """
    found = values(*query, summary, **options)

    assert all(isinstance(value, NotComputed) and not value for value in found)
    assert found[0].field.startswith("Shot.sg_q_")
    with pytest.raises(ValueError, match=reason):
        raise ValueError(found[0].reason)
    assert pickle.loads(pickle.dumps(found[0])) == found[0]
    assert str(found[0]) == f"{found[0].field} is not computed: {found[0].reason}."
