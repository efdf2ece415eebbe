"""
Query fields cost few calls, and have the values that one call for each record returns.
"""

import pytest

from sgextended import SGExtended
from sgextended.domain.query_fields.query_field_values import NotComputed, add_query_fields
from sgextended.localsite import LocalSite
from sgextended.localsite.custom_fields.query_field_definitions import (
    ME,
    add_query_field,
    condition,
    current,
    group,
    single,
)


class Counting(SGExtended):
    """
    A client that records its calls. Prefetched pages do not count.
    """

    def __init__(self, **settings):
        super().__init__(**settings)
        self.asked = []

    def find(self, *args, **kwargs):
        rows = super().find(*args, **kwargs)
        self.asked.append(("find", len(rows)))
        return rows

    def summarize(self, *args, **kwargs):
        self.asked.append(("summarize", 0))
        return super().summarize(*args, **kwargs)


@pytest.fixture(scope="module")
def site():
    """
    A demo production for this module, to which query fields are added.
    """
    with LocalSite(demo=True) as running:
        yield running


@pytest.fixture(scope="module")
def sg(site, make_site):
    """
    A client on that site.
    """
    return Counting(site=make_site(site))


@pytest.fixture(scope="module")
def shots(sg):
    """
    500 shots.
    """
    return sg.find("Shot", [], limit=500)


@pytest.fixture
def add(site, sg, shots):
    """
    A function that adds query fields to the Shot type, computes them for all 500 shots, and returns rows, names and
    calls.
    """

    def measure(*definitions, **options):
        names = []
        for number, (found_type, filters, summary, more) in enumerate(definitions):
            with site.store.writing() as tx:
                label = f"F {number} {site.ledger.count()}"
                names.append(add_query_field(tx, "Shot", label, (found_type, filters), summary, **more))
        rows = [{"type": "Shot", "id": shot["id"]} for shot in shots]
        sg.asked.clear()
        add_query_fields(sg, rows, names, **options)
        calls = [verb for verb, _found in sg.asked]
        assert not any(isinstance(row[name], NotComputed) for row in rows for name in names)
        return rows, names, calls

    return measure


MINE = condition("entity", "is", current("Shot"))
TASKS, VERSIONS = group("and", MINE), group("and", MINE)
LINKED = group("and", condition("note_links", "is", current("Shot")))
LATEST = single("created_at")
THREE = single("subject", limit=3)


@pytest.mark.parametrize(
    ("definition", "calls"),
    [
        (("Task", TASKS, "record_count", {}), ["summarize"]),
        (("Task", TASKS, "sum", {"field": "est_in_mins"}), ["summarize"]),
        (("Task", TASKS, "average", {"field": "est_in_mins"}), ["summarize"]),
        (("Task", TASKS, "status_percentage", {"field": "sg_status_list", "value": "fin"}), ["summarize"]),
        (("Task", TASKS, "status_list", {"field": "sg_status_list"}), ["summarize"]),
        (("Note", LINKED, "record_count", {}), ["summarize"]),
        (("Version", VERSIONS, "single_record", {"field": "code", "value": LATEST}), ["summarize", "find"]),
        (("Task", TASKS, "single_record", {"field": "content", "value": single("due_date")}), ["summarize", "find"]),
        (("Note", LINKED, "single_record", {"field": "subject", "value": single("id")}), ["summarize", "find"]),
        (
            ("Note", LINKED, "single_record", {"field": "subject", "value": THREE}),
            ["summarize", "find"],
        ),
        (("Task", TASKS, "single_record", {"field": "due_date", "value": single("content")}), ["summarize", "find"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else f"{value[0]}-{value[2]}",
)
def test_field_costs_two_calls_at_most(add, definition, calls):
    """
    For a page of 500 records, a field costs one or two calls.
    """
    assert add(definition)[2] == calls


def test_condition_behind_a_list_costs_one_more_find(add, shots):
    """
    A condition behind a list of links costs one more find.
    """
    behind = group("and", condition("shots.Shot.sg_sequence.Sequence.shots", "is", current("Shot")))
    calls = add(("Asset", behind, "record_count", {}))[2]

    assert calls == ["find", "summarize"]


def test_fields_of_the_same_rows_share_a_call(add):
    """
    Ten fields about the tasks of a shot cost two calls: one grouped by shot, one grouped by shot and status.
    """
    shares = [
        ("Task", TASKS, kind, {"field": "sg_status_list", "value": value})
        for kind, value in (("status_percentage", "fin"), ("status_percentage", "ip"), ("status_list", None))
    ]
    sums = [
        ("Task", TASKS, "record_count", {}),
        ("Task", TASKS, "sum", {"field": "est_in_mins"}),
        ("Task", TASKS, "minimum", {"field": "due_date"}),
        ("Task", TASKS, "count", {"field": "content"}),
    ]

    assert add(*shares, *sums)[2] == ["summarize"] * 2


def test_sums_of_one_field_do_not_mix(add, shots):
    """
    A response has one summary for each field, so two summaries of one field are requested separately.
    """
    low, high = (("Task", TASKS, kind, {"field": "est_in_mins"}) for kind in ("minimum", "maximum"))
    rows, names, calls = add(low, high)

    assert calls == ["summarize"] * 2
    assert all(row[names[0]] <= row[names[1]] for row in rows)
    assert any(row[names[0]] < row[names[1]] for row in rows)


@pytest.mark.parametrize(("column", "descending"), [("code", True), ("created_at", True), ("sg_status_list", False)])
def test_several_records_cost_one_more_find(sg, add, column, descending):
    """
    Fields that show several records find the leading values first, then the rows with these values and few others.
    """
    which = single(column, descending=descending, limit=2)
    rows, (name,), calls = add(("Version", VERSIONS, "single_record", {"field": "code", "value": which}))
    order = [{"field_name": column, "direction": "desc" if descending else "asc"}]

    assert calls == ["summarize", "find"]
    assert sg.asked[1][1] <= 2 * len(rows)
    for row in rows[::61]:
        alone = sg.find("Version", [["entity", "is", {"type": "Shot", "id": row["id"]}]], ["code"], order, limit=2)
        assert row[name] == [version["code"] for version in alone]


@pytest.mark.parametrize("kind", ["record_count", "sum", "average", "minimum", "maximum", "status_list"])
@pytest.mark.parametrize(
    ("found_type", "path", "field"),
    [("Task", "entity", "est_in_mins"), ("Asset", "shots", "id")],
)
def test_values_are_those_of_one_call_per_record(sg, shots, add, kind, found_type, path, field):
    """
    The values of all records at once equal the values of one call for each record.
    """
    about = "sg_status_list" if kind == "status_list" else "id" if kind == "record_count" else field
    rows, (name,), _calls = add(
        (found_type, group("and", condition(path, "is", current("Shot"))), kind, {"field": about})
    )

    for row in rows[::61]:
        link = {"type": "Shot", "id": row["id"]}
        alone = sg.summarize(found_type, [[path, "is", link]], [{"field": about, "type": kind}])
        assert row[name] == pytest.approx(alone["summaries"][about])


def test_demo_equals_one_call_per_record(sg):
    """
    The query fields of the demo have the values that one call for each record returns.
    """
    user = {"type": "HumanUser", "id": 28}
    rows = sg.find("Shot", [], limit=200)
    fields = ["open_tasks", "my_tasks", "latest_version", "latest_artists", "next_task", "characters", "bid_total"]
    found = add_query_fields(sg, rows, [f"sg_{name}" for name in fields], user=user)

    for row in found[::23]:
        link = {"type": "Shot", "id": row["id"]}
        tasks = [["entity", "is", link]]
        order = [{"field_name": "created_at", "direction": "desc"}]
        due = [{"field_name": "due_date", "direction": "asc"}]
        opened = [*tasks, ["sg_status_list", "not_in", ["fin", "omt"]]]
        latest = sg.find("Version", tasks, ["code", "user"], order, limit=3)
        next_task = sg.find_one("Task", opened, ["content"], due)
        mine = [*tasks, ["task_assignees", "is", user]]
        heroes = [["shots", "is", link], ["sg_asset_type", "is", "Character"]]
        assert row["sg_open_tasks"] == len(sg.find("Task", opened))
        assert row["sg_my_tasks"] == len(sg.find("Task", mine))
        assert row["sg_latest_version"] == (latest[0]["code"] if latest else None)
        assert row["sg_latest_artists"] == [version["user"] for version in latest]
        assert row["sg_next_task"] == (next_task and next_task["content"])
        assert row["sg_characters"] == sorted(asset["code"] for asset in sg.find("Asset", heroes, ["code"]))
        total = sg.summarize("Task", tasks, [{"field": "est_in_mins", "type": "sum"}])["summaries"]["est_in_mins"]
        assert row["sg_bid_total"] == total


def test_me_is_looked_up_once(site, sg, add, make_site):
    """
    The current user is looked up once, however many fields refer to Me.
    """
    mine = group("and", MINE, condition("task_assignees", "is", ME))
    user = site.add_user("mia", "pw")

    assert add(("Task", mine, "record_count", {}), ("Task", mine, "count", {"field": "content"}), user=user)[2] == [
        "summarize"
    ]


def test_many_records_are_computed_in_pages(site, sg, shots):
    """
    More than 500 records cost a call for each 500.
    """
    with site.store.writing() as tx:
        name = add_query_field(
            tx,
            "Version",
            "Tasks",
            ("Task", group("and", condition("sg_versions", "is", current("Version")))),
            "record_count",
        )
    rows = sg.find("Version", [])
    before = site.ledger.count("summarize")
    add_query_fields(sg, rows, [name])

    assert len(rows) == 2200
    assert site.ledger.count("summarize") - before == 5
    assert sum(row[name] for row in rows) == 2200
