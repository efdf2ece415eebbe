"""
Dates and durations of tasks: what a write of one does to the others.

Weeks run from Monday to Friday; 2026-03-02 is a Monday. A day has 480 minutes.
"""

import datetime
import itertools

import pytest
from shotgun_api3 import Fault

from sgextended.localsite.schedule.working_days import Calendar

FIELDS = ["start_date", "due_date", "duration"]
MON, TUE, WED, THU, FRI, SAT, SUN = (f"2026-03-0{day}" for day in range(2, 9))
MON2, TUE2, WED2, THU2, FRI2 = (f"2026-03-{day:02d}" for day in range(9, 14))
DAY = 480


@pytest.fixture
def plan(sg):
    """
    Reads start, end and duration in days of a task.
    """

    def read(task):
        row = sg.find_one("Task", [["id", "is", task["id"]]], FIELDS)
        days = row["duration"]
        return row["start_date"], row["due_date"], None if days is None else days / DAY

    return read


# What a task has: nothing, single facts, or two or three that belong together (Monday to Wednesday, three days).
KNOWN = {
    "nothing": {},
    "start": {"start_date": MON},
    "due": {"due_date": WED},
    "duration": {"duration": 3 * DAY},
    "start+due": {"start_date": MON, "due_date": WED},
    "start+duration": {"start_date": MON, "duration": 3 * DAY},
    "due+duration": {"due_date": WED, "duration": 3 * DAY},
}


@pytest.mark.parametrize(
    ("known", "written", "expected"),
    [
        ("nothing", {"start_date": TUE}, (TUE, None, None)),
        ("nothing", {"due_date": TUE}, (None, TUE, None)),
        ("nothing", {"duration": DAY}, (None, None, 1)),
        ("start", {"start_date": TUE}, (TUE, None, None)),
        ("start", {"due_date": THU}, (MON, THU, 4)),
        ("start", {"duration": 2 * DAY}, (MON, TUE, 2)),
        ("due", {"start_date": TUE}, (TUE, WED, 2)),
        ("due", {"due_date": THU}, (None, THU, None)),
        ("due", {"duration": 2 * DAY}, (TUE, WED, 2)),
        ("duration", {"start_date": THU}, (THU, MON2, 3)),
        ("duration", {"due_date": TUE2}, (FRI, TUE2, 3)),
        ("duration", {"duration": DAY}, (None, None, 1)),
        ("start+due", {"start_date": TUE}, (TUE, THU, 3)),
        ("start+due", {"due_date": MON2}, (MON, MON2, 6)),
        ("start+due", {"duration": DAY}, (MON, MON, 1)),
        ("start+duration", {"start_date": THU}, (THU, MON2, 3)),
        ("start+duration", {"due_date": FRI}, (MON, FRI, 5)),
        ("start+duration", {"duration": 6 * DAY}, (MON, MON2, 6)),
        ("due+duration", {"start_date": THU}, (THU, MON2, 3)),
        ("due+duration", {"due_date": TUE}, (MON, TUE, 2)),
        ("due+duration", {"duration": 2 * DAY}, (MON, TUE, 2)),
    ],
    ids=str,
)
def test_one_fact_decides_about_the_others(sg, make, plan, known, written, expected):
    """
    Writing one of start, end and duration changes the others as the protocol's table says.

    A task with two of them has the third at once, so the last rows of the table are about all three.
    """
    task = make("Task", **KNOWN[known])
    sg.update("Task", task["id"], written)

    assert plan(task) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"start_date": TUE, "due_date": MON2}, (TUE, MON2, 5)),
        ({"start_date": TUE, "due_date": THU, "duration": 9 * DAY}, (TUE, THU, 3)),
        ({"start_date": FRI, "duration": 2 * DAY}, (FRI, MON2, 2)),
        ({"due_date": FRI, "duration": 2 * DAY}, (MON, FRI, 5)),
        ({"start_date": None}, (None, WED, 3)),
        ({"due_date": None}, (MON, None, 3)),
        ({"duration": None}, (MON, WED, None)),
        ({"start_date": None, "due_date": FRI}, (WED, FRI, 3)),
        ({"duration": 100}, (MON, MON, 100 / DAY)),
        ({"duration": 481}, (MON, TUE, 481 / DAY)),
        ({"start_date": SAT}, (SAT, WED2, 3)),
        ({"due_date": SUN}, (MON, SUN, 5)),
    ],
    ids=str,
)
def test_several_facts_at_once(sg, make, plan, written, expected):
    """
    Start and end together make the duration; with one of them the duration counts; null recomputes nothing.

    The task has all three, Monday to Wednesday.
    """
    task = make("Task", start_date=MON, duration=3 * DAY)
    sg.update("Task", task["id"], written)

    assert plan(task) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"start_date": MON, "due_date": TUE2, "duration": 60}, (MON, TUE2, 7)),
        ({"due_date": MON2, "duration": 2 * DAY}, (FRI, MON2, 2)),
        ({"due_date": MON2, "duration": 2 * DAY, "start_date": None}, (FRI, MON2, 2)),
        ({"start_date": MON, "duration": 0}, (MON, MON, 0)),
    ],
    ids=str,
)
def test_new_task_is_planned(make, plan, data, expected):
    """
    The facts of a new task are brought in step too.
    """
    assert plan(make("Task", **data)) == expected


def test_reply_shows_what_was_made_of_the_values(sg, make):
    """
    An update returns the fields written as they are now, not as they were sent.
    """
    task = make("Task", start_date=MON)

    assert sg.update("Task", task["id"], {"due_date": WED, "start_date": MON, "duration": 1})["duration"] == 3 * DAY


def test_date_beyond_the_calendar_faults(sg, make):
    """
    A duration that ends after the year 9999 is refused.
    """
    task = make("Task", start_date="9999-12-01")

    with pytest.raises(Fault, match=r"Update failed for \[Task.due_date\]: \(task.rb\) The date is outside"):
        sg.update("Task", task["id"], {"duration": 400 * DAY})


@pytest.mark.parametrize(
    ("sent", "day"),
    [
        ({"milestone": True}, WED),
        ({"milestone": True, "start_date": FRI}, FRI),
        ({"milestone": True, "due_date": FRI, "duration": 9 * DAY}, FRI),
        ({"milestone": True, "due_date": FRI, "start_date": FRI}, FRI),
        ({"milestone": True, "due_date": None}, None),
    ],
    ids=str,
)
def test_milestone_is_one_day_without_work(sg, make, plan, sent, day):
    """
    A milestone starts when it ends and lasts nothing.
    """
    task = make("Task", start_date=MON, duration=3 * DAY)
    sg.update("Task", task["id"], sent)

    assert plan(task) == (day, day, 0)


def test_milestone_stays_one(sg, make, plan):
    """
    A milestone moves as a whole, and is a day of work again when it is none any more.
    """
    task = make("Task", milestone=True, start_date=MON)
    sg.update("Task", task["id"], {"due_date": TUE})
    assert plan(task) == (TUE, TUE, 0)

    sg.update("Task", task["id"], {"milestone": False})
    assert plan(task) == (TUE, TUE, 1)


def test_milestone_with_two_dates_faults(sg, make):
    """
    A milestone whose start and end differ is refused, whether new or not.
    """
    task = make("Task")

    for write in (lambda data: sg.update("Task", task["id"], data), lambda data: make("Task", **data)):
        with pytest.raises(Fault, match=r"Update failed for \[Task.start_date\]: \(task.rb\) A milestone has one date"):
            write({"milestone": True, "start_date": MON, "due_date": TUE})


def split(*days):
    """
    Return pieces from pairs of days.
    """
    return [{"start": start, "end": end} for start, end in days]


@pytest.fixture
def task(make):
    """
    A task in two pieces: Monday and Tuesday, and the Thursday and Friday after.
    """
    return make("Task", splits=split((MON, TUE), (THU, FRI)), duration=1, due_date=FRI2)


def test_pieces_make_dates_and_duration(sg, task, plan):
    """
    The pieces alone decide; dates and duration sent beside them are ignored.
    """
    row = sg.find_one("Task", [["id", "is", task["id"]]], ["splits", "split_durations"])

    assert plan(task) == (MON, FRI, 4)
    assert row["splits"] == split((MON, TUE), (THU, FRI))
    assert row["split_durations"] == [2 * DAY, 2 * DAY]


@pytest.mark.parametrize(
    ("sent", "pieces", "expected"),
    [
        ({"start_date": TUE}, split((TUE, WED), (FRI, MON2)), (TUE, MON2, 4)),
        ({"duration": 5 * DAY}, split((MON, TUE), (THU, MON2)), (MON, MON2, 5)),
        ({"duration": 3 * DAY}, split((MON, TUE), (THU, THU)), (MON, THU, 3)),
        ({"duration": 2 * DAY}, None, (MON, TUE, 2)),
        ({"duration": DAY}, None, (MON, MON, 1)),
        ({"due_date": MON2}, split((MON, TUE), (THU, MON2)), (MON, MON2, 5)),
        ({"due_date": THU}, split((MON, TUE), (THU, THU)), (MON, THU, 3)),
        ({"due_date": WED}, split((MON, WED)), (MON, WED, 3)),
        ({"splits": None}, None, (MON, FRI, 5)),
        ({"splits": []}, None, (MON, FRI, 5)),
        ({"start_date": MON, "due_date": WED}, None, (MON, WED, 3)),
        ({"due_date": None}, None, (MON, None, 4)),
        ({"splits": split((MON2, MON2), (WED2, FRI2))}, split((MON2, MON2), (WED2, FRI2)), (MON2, FRI2, 4)),
    ],
    ids=str,
)
def test_split_task_moves_as_its_pieces_do(sg, task, plan, sent, pieces, expected):
    """
    The start moves all pieces, a longer duration the last one, a shorter one takes from the end, null joins them.
    """
    sg.update("Task", task["id"], sent)

    assert plan(task) == expected
    assert sg.find_one("Task", [["id", "is", task["id"]]], ["splits"])["splits"] == pieces


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        (WED, split((MON, WED))),
        (THU, split((MON, TUE), (THU, THU))),
        (MON2, split((MON, TUE), (MON2, MON2))),
        (TUE2, split((MON, TUE), (TUE2, TUE2))),
    ],
)
def test_due_date_in_a_gap_is_a_piece(sg, make, due, expected):
    """
    A due date in a gap makes a piece of one day; the day after a piece makes that piece longer.
    """
    task = make("Task", splits=split((MON, TUE), (TUE2, FRI2)))
    sg.update("Task", task["id"], {"due_date": due})
    row = sg.find_one("Task", [["id", "is", task["id"]]], ["splits", "split_durations", "duration", "due_date"])

    assert row["splits"] == expected
    assert row["duration"] == sum(row["split_durations"])
    assert row["due_date"] == due


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        (
            split((MON, TUE), (WED, FRI)),
            (
                "API update() CRUD ERROR #5: Update failed for [Task.splits]: (task.rb) The start date in split "
                "segment 2 is only one calendar day away from  the end date of the previous segment. There must be "
                "calendar days between split segments."
            ),
        ),
        (split((MON, FRI), (MON2, TUE2)), "The start date in split segment 2 is only one calendar day away"),
        (split((MON, MON), (WED, WED), (THU, FRI)), "split segment 3 is only one calendar day away"),
        (split((MON, TUE), (TUE, FRI)), "The start date in split segment 2 is not after the previous segment."),
        (split((TUE, MON)), "The end date in split segment 1 is before its start date."),
        ([{"start": MON}], "Split segment 1 needs a start and an end, each as YYYY-MM-DD."),
        ([{"start": MON, "end": "soon"}], "Split segment 1 needs a start and an end"),
        ([5], "no implicit conversion of String into Integer"),
        ({"start": MON, "end": TUE}, "no implicit conversion of String into Integer"),
    ],
    ids=str,
)
def test_pieces_that_do_not_fit_fault(sg, make, pieces, message):
    """
    Pieces stand in order with a working day between them; a weekend is none.
    """
    task = make("Task")
    with pytest.raises(Fault) as caught:
        sg.update("Task", task["id"], {"splits": pieces})

    assert message in str(caught.value)


def test_time_logged_is_compared_with_the_bid(sg, make):
    """
    Logged time sums up over live logs, and what follows from it can be searched.
    """
    fields = ["time_logs_sum", "time_vs_est", "time_percent_of_est"]
    task, other = make("Task", est_in_mins=600), make("Task")

    def facts(of):
        row = sg.find_one("Task", [["id", "is", of["id"]]], fields)
        return tuple(row[field] for field in fields)

    assert facts(task) == (0, 600, 0)
    assert facts(other) == (0, None, None)
    logs = [make("TimeLog", entity=task, duration=minutes) for minutes in (100, 50)]
    assert facts(task) == (150, 450, 25)
    sg.update("TimeLog", logs[0]["id"], {"duration": 700})
    assert facts(task) == (750, -150, 125)
    assert sg.find("Task", [["id", "is", task["id"]], ["time_vs_est", "less_than", 0]]) == [task]
    sg.delete("TimeLog", logs[1]["id"])
    assert facts(task) == (700, -100, 117)
    sg.update("TimeLog", logs[0]["id"], {"entity": other})
    assert (facts(task), facts(other)) == ((0, 600, 0), (700, None, None))
    sg.revive("TimeLog", logs[1]["id"])
    assert facts(task)[0] == 50


def test_tickets_have_logged_time_too(sg, make):
    """
    A ticket sums its time logs as a task does.
    """
    ticket = make("Ticket", title="broken")
    make("TimeLog", entity=ticket, duration=15)

    assert sg.find_one("Ticket", [["id", "is", ticket["id"]]], ["time_logs_sum"])["time_logs_sum"] == 15


def test_workload_is_shared_by_day_and_person(sg, make, name):
    """
    The workload is the duration, per day of it, and per person assigned.
    """
    people = [sg.create("HumanUser", {"login": f"{name} {at}", "name": "A"}) for at in range(2)]
    task = make("Task", duration=600, task_assignees=people)
    fields = ["workload", "workload_assignee_count", "workload_per_day", "workload_per_day_per_assignee"]

    def facts():
        row = sg.find_one("Task", [["id", "is", task["id"]]], fields)
        return [row[field] for field in fields]

    assert facts() == [600, 2, 300, 150]
    sg.update("Task", task["id"], {"task_assignees": people[:1]})
    assert facts() == [600, 1, 300, 300]
    sg.update("Task", task["id"], {"task_assignees": [], "duration": None})
    assert facts() == [None, 0, None, None]


def test_calculated_fields_sort_and_sum_but_do_not_filter(sg, make, project):
    """
    Calculated fields have an order and summaries; conditions on them are refused.
    """
    long, short = make("Task", duration=960), make("Task", duration=480)
    mine = [["project", "is", project]]

    assert sg.find("Task", mine, order=[{"field_name": "workload", "direction": "asc"}]) == [short, long]
    asked = [{"field": "workload", "type": "sum"}]
    assert sg.summarize("Task", mine, asked)["summaries"] == {"workload": 1440}
    with pytest.raises(Fault, match=r"Task.workload's 'calculated' data type cannot be used in a filter."):
        sg.find("Task", [["workload", "is", 5]])
    with pytest.raises(Fault, match=r"Task.workload is read only"):
        sg.update("Task", long["id"], {"workload": 5})


def test_every_write_from_every_state_keeps_the_facts_in_step(sg, project, plan):
    """
    Whatever is written over whatever was there, a task with both dates and a duration has one that spans them.
    """
    writes = [
        {},
        {"start_date": THU},
        {"due_date": THU2},
        {"duration": 2 * DAY},
        {"start_date": THU, "due_date": THU2},
        {"start_date": THU, "duration": 2 * DAY},
        {"due_date": THU2, "duration": 2 * DAY},
    ]
    pairs = list(itertools.product(writes, writes[1:]))
    made = sg.batch(
        [{"request_type": "create", "entity_type": "Task", "data": {"project": project, **old}} for old, _new in pairs]
    )
    updates = zip(made, pairs)
    sg.batch(
        [
            {"request_type": "update", "entity_type": "Task", "entity_id": task["id"], "data": new}
            for task, (_old, new) in updates
        ]
    )
    ids = {"start_date": (MON, THU), "due_date": (THU, THU2, FRI, FRI2, WED2)}
    rows = sg.find("Task", [["project", "is", project], *([field, "is_not", None] for field in ids)], FIELDS)

    assert len(rows) > 20
    days = [f"2026-03-{day:02d}" for day in range(2, 32) if day % 7 not in {0, 1}]
    for row in rows:
        span = [day for day in days if row["start_date"] <= day <= row["due_date"]]
        assert row["duration"] == len(span) * DAY


def test_calculated_fields_say_what_they_are_made_of(sg):
    """
    The schema gives the formula of a calculated field, and how it is shown.
    """
    properties = sg.schema_field_read("Task", "workload")["workload"]["properties"]

    assert properties["calculated_function"] == {"value": "{duration}", "editable": False}
    assert properties["renderer"] == {"value": "duration", "editable": False}


def test_demo_is_planned_like_any_production(demo_site, make_connection):
    """
    Tasks of the demo have durations that span their dates, and start after the tasks that they wait for.
    """
    sg = make_connection(demo_site)
    fields = ["start_date", "due_date", "duration", "dependency_violation"]
    pair = ["task.Task.start_date", "dependent_task.Task.due_date"]
    tasks = sg.find("Task", [], fields, limit=200)
    pairs = sg.find("TaskDependency", [], pair, limit=200)
    sg.close()

    calendar = Calendar()
    for task in tasks:
        first, last = (datetime.date.fromisoformat(task[field]) for field in ("start_date", "due_date"))
        assert task["duration"] == calendar.count(first, last) * DAY
        assert task["dependency_violation"] is False
    for each in pairs:
        due = datetime.date.fromisoformat(each["dependent_task.Task.due_date"])
        assert each["task.Task.start_date"] == calendar.forward(due + datetime.timedelta(days=1), 1).isoformat()
