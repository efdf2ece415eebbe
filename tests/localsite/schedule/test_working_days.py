"""
Which days are worked, and what tasks make of it. 2026-03-02 is a Monday.
"""

import datetime

import pytest
from shotgun_api3 import Fault

from sgextended.localsite import LocalSite
from sgextended.localsite.schedule.working_days import Calendar, set_week

DAY = 480
MON, TUE, WED, THU, FRI, SAT, SUN = (f"2026-03-0{day}" for day in range(2, 9))
MON2, TUE2 = "2026-03-09", "2026-03-10"


@pytest.fixture
def own_site():
    """
    A site of the test's own, since the studio's days are everybody's.
    """
    with LocalSite() as site:
        yield site


@pytest.fixture
def sg(own_site, make_connection):
    """
    The client of that site.
    """
    sg = make_connection(own_site)
    yield sg
    sg.close()


@pytest.fixture
def project(sg):
    """
    A project.
    """
    return sg.create("Project", {"name": "show"})


@pytest.fixture
def person(sg):
    """
    A person.
    """
    return sg.create("HumanUser", {"login": "ann", "name": "Ann"})


def reasons(sg, *span, **whose):
    """
    Return reason and working of every day.
    """
    return [(day["reason"], day["working"]) for day in sg.work_schedule_read(*span, **whose).values()]


def test_ordinary_week_runs_from_monday_to_friday(sg):
    """
    A site without rules works from Monday to Friday; every day of the span has an entry.
    """
    found = sg.work_schedule_read(FRI, MON2)

    assert list(found) == [FRI, SAT, SUN, MON2]
    assert [day["working"] for day in found.values()] == [True, False, False, True]
    assert found[FRI] == {"description": None, "reason": "STUDIO_WORK_WEEK", "working": True}


def test_exception_is_returned_and_read(sg):
    """
    An update returns what it wrote; the reading gives the description and the reason.
    """
    answer = sg.work_schedule_update(TUE, working=False, description="Holiday")

    assert answer == {"date": TUE, "description": "Holiday", "project": None, "user": None, "working": False}
    assert sg.work_schedule_read(TUE, TUE) == {
        TUE: {"description": "Holiday", "reason": "STUDIO_EXCEPTION", "working": False}
    }
    sg.work_schedule_update(TUE, working=True)
    assert sg.work_schedule_read(TUE, TUE) == {
        TUE: {"description": None, "reason": "STUDIO_EXCEPTION", "working": True}
    }
    assert len(sg.find("WorkDayRule", [])) == 1


def test_person_beats_project_beats_studio(sg, own_site, project, person):
    """
    Of several rules the most personal counts, and an exception before the week.
    """
    whose = {"project": project, "user": person}
    with own_site.store.writing() as tx:
        set_week(tx, [0, 1, 2, 3, 4, 5])
    assert reasons(sg, SAT, SUN, **whose) == [("STUDIO_WORK_WEEK", True), ("STUDIO_WORK_WEEK", False)]
    sg.work_schedule_update(SUN, working=True)
    assert reasons(sg, SUN, SUN, **whose) == [("STUDIO_EXCEPTION", True)]
    with own_site.store.writing() as tx:
        set_week(tx, [0], project=project["id"])
    assert reasons(sg, SUN, SUN, **whose) == [("PROJECT_WORK_WEEK", False)]
    sg.work_schedule_update(SUN, working=True, project={"type": "Project", "id": project["id"]})
    assert reasons(sg, SUN, SUN, **whose) == [("PROJECT_EXCEPTION", True)]
    with own_site.store.writing() as tx:
        set_week(tx, [0, 1], user=person["id"])
    assert reasons(sg, SUN, MON2, **whose) == [("USER_WORK_WEEK", False), ("USER_WORK_WEEK", True)]
    sg.work_schedule_update(SUN, working=True, user=person)
    assert reasons(sg, SUN, SUN, **whose) == [("USER_EXCEPTION", True)]

    assert reasons(sg, SUN, SUN) == [("STUDIO_EXCEPTION", True)]
    assert reasons(sg, SUN, SUN, project=project) == [("PROJECT_EXCEPTION", True)]
    rules = sg.find("WorkDayRule", [["user", "is", person]], ["precedence", "day_of_week", "working", "start_date"])
    assert sorted((rule["precedence"], rule["day_of_week"], rule["working"]) for rule in rules) == [
        *((4, day, day in {1, 2}) for day in range(7)),
        (5, 0, True),
    ]


def test_week_can_be_set_again(sg, own_site):
    """
    A week replaces the one before; days that are none are refused.
    """
    with own_site.store.writing() as tx:
        set_week(tx, [0])
        set_week(tx, [0, 1])
        with pytest.raises(ValueError, match=r"numbers from 0, Monday, to 6, Sunday; got \[7\]"):
            set_week(tx, [7])

    assert [working for _reason, working in reasons(sg, MON, SUN)] == [True, True, *[False] * 5]
    assert len(sg.find("WorkDayRule", [])) == 7


def test_unknown_owner_reads_as_the_studio(sg):
    """
    Projects and people that are not there have the studio's days.
    """
    whose = {"project": {"type": "Project", "id": 99}, "user": {"type": "HumanUser", "id": 99}}

    assert reasons(sg, MON, MON, **whose) == [("STUDIO_WORK_WEEK", True)]


def test_rule_is_read_only(sg):
    """
    Rules are rows that callers read and do not write.
    """
    sg.work_schedule_update(TUE, working=False)
    (rule,) = sg.find("WorkDayRule", [["start_date", "is", TUE]], ["working", "project", "user"])

    assert (rule["working"], rule["project"], rule["user"]) == (False, None, None)
    with pytest.raises(Fault, match=r"WorkDayRule.working is read only"):
        sg.update("WorkDayRule", rule["id"], {"working": True})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"date": "soon"}, "Invalid date format: soon. Correct format is: 2011-01-21"),
        ({"working": None}, "'working' must be true or false. Got: nil"),
        ({"description": 5}, "'description' must be a String. Got: 5"),
        ({"recalculate_field": "start_date"}, "'recalculate_field' must be one of: due_date, duration."),
        ({"project": {"type": "Project", "id": 99}}, "'project' does not exist"),
        ({"user": {"type": "HumanUser", "id": 99}}, "'user' does not exist"),
        ({"user": {"type": "Group", "id": 1}}, "'user' must be a link to a HumanUser."),
        ({"project": 5}, "'project' must be a link to a Project. Got: 5"),
        ({"project": {"type": "Project", "id": True}}, "'project' must be a link to a Project."),
        ({"project": {"type": "Project", "id": 2**63}}, "'project' must be a link to a Project."),
    ],
    ids=str,
)
def test_bad_rule_faults(sg, changes, message):
    """
    A value that makes no rule is refused.
    """
    with pytest.raises(Fault) as caught:
        sg.work_schedule_update(**{"date": TUE, "working": False, **changes})

    assert message in str(caught.value)


def test_rule_of_two_owners_faults(sg, project, person):
    """
    A rule is a project's or a person's.
    """
    with pytest.raises(Fault, match=r"'project' and 'user' cannot be given together."):
        sg.work_schedule_update(TUE, working=False, project=project, user=person)


def test_span_that_is_none_faults(sg, make_connection, own_site):
    """
    A span needs two dates in their order, and not whole centuries.
    """
    with pytest.raises(Fault, match=r"is longer than 7320 days"):
        sg.work_schedule_read("1990-01-01", "2026-01-01")
    with pytest.raises(Fault, match=r"invalid/missing string 'start_date': nil"):
        sg._call_rpc("work_schedule_read", {"end_date": MON})
    with pytest.raises(Fault, match=r"'end_date' .* is before 'start_date'"):
        sg.work_schedule_read(TUE, MON)


@pytest.fixture
def task(sg, project):
    """
    A task from Monday to Wednesday, and one that waits for it.
    """
    first = sg.create("Task", {"project": project, "start_date": MON, "duration": 3 * DAY})
    sg.create("Task", {"project": project, "duration": DAY, "content": "next", "upstream_tasks": [first]})
    return first


def plan(sg, task):
    """
    Return the dates and the days of a task, and the start of the one that waits for it.
    """
    fields = ["start_date", "due_date", "duration"]
    row = sg.find_one("Task", [["id", "is", task["id"]]], fields)
    waiting = sg.find_one("Task", [["upstream_tasks", "is", task]], ["start_date"])
    return row["start_date"], row["due_date"], row["duration"] / DAY, waiting["start_date"]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (None, (MON, THU, 3, FRI)),
        ("due_date", (MON, THU, 3, FRI)),
        ("duration", (MON, WED, 2, THU)),
    ],
)
def test_day_off_moves_the_tasks_around_it(sg, task, field, expected):
    """
    A task around a new day off ends later or takes less work, as asked; those that wait follow.
    """
    assert plan(sg, task) == (MON, WED, 3, THU)
    sg.work_schedule_update(TUE, working=False, recalculate_field=field)

    assert plan(sg, task) == expected


def test_rule_of_others_moves_nobody(sg, task, person):
    """
    A day off of another project, of a person who is not assigned, or off anyway, changes nothing.
    """
    other = sg.create("Project", {"name": "other"})
    sg.work_schedule_update(TUE, working=False, project=other)
    sg.work_schedule_update(TUE, working=False, user=person)
    sg.work_schedule_update(TUE, working=True)
    sg.work_schedule_update(SAT, working=False)

    assert plan(sg, task) == (MON, WED, 3, THU)


def test_assignees_decide_who_works(sg, task, person):
    """
    A task goes by the days of the one assigned, or of any of several: one who works is enough.
    """
    sg.update("Task", task["id"], {"task_assignees": [person]})
    sg.work_schedule_update(TUE, working=False, user=person)
    assert plan(sg, task)[:3] == (MON, THU, 3)

    ben = sg.create("HumanUser", {"login": "ben", "name": "Ben"})
    sg.update("Task", task["id"], {"task_assignees": [person, ben], "start_date": MON})
    assert plan(sg, task)[:3] == (MON, WED, 3)


def test_new_task_goes_by_its_assignees(sg, project, person):
    """
    A person's days count from the task's creation.
    """
    sg.work_schedule_update(TUE, working=False, user=person)
    data = {"project": project, "start_date": MON, "due_date": WED}
    task = sg.create("Task", {**data, "task_assignees": [person]}, ["duration"])

    assert task["duration"] == 2 * DAY
    assert sg.create("Task", data, ["duration"])["duration"] == 3 * DAY


def test_split_tasks_and_milestones_keep_their_days(sg, project):
    """
    A day off shortens a split task's piece and leaves milestones alone.
    """
    pieces = [{"start": MON, "end": TUE}, {"start": THU, "end": THU}]
    narrow = [{"start": MON, "end": MON}, {"start": WED, "end": WED}]
    split = sg.create("Task", {"project": project, "splits": pieces}, ["duration"])
    sg.create("Task", {"project": project, "milestone": True, "start_date": TUE})
    sg.create("Task", {"project": project, "splits": narrow})
    assert split["duration"] == 3 * DAY
    sg.work_schedule_update(TUE, working=False)

    rows = sg.find("Task", [], ["start_date", "due_date", "duration"])
    assert [(row["start_date"], row["due_date"], row["duration"] // DAY) for row in rows] == [
        (MON, THU, 2),
        (TUE, TUE, 0),
        (MON, WED, 2),
    ]


def test_day_off_at_the_calendars_end_faults(sg, project):
    """
    A task that cannot end later is not moved past the year 9999; the day stays as it was.
    """
    sg.create("Task", {"project": project, "start_date": "9999-12-30", "duration": 2 * DAY})
    with pytest.raises(Fault, match=r"The date is outside the calendar"):
        sg.work_schedule_update("9999-12-31", working=False)

    assert reasons(sg, "9999-12-31", "9999-12-31") == [("STUDIO_WORK_WEEK", True)]


D = datetime.date.fromisoformat


def test_calendar_counts_as_one_would_day_by_day():
    """
    Counting and finding days agree with looking at every single one.
    """
    exceptions = {D("2026-03-04"): False, D("2026-03-08"): True, D("2026-03-16"): False}
    calendar = Calendar((True, True, False, True, True, False, False), exceptions)
    first = D("2026-02-25")
    days = [first + datetime.timedelta(days=at) for at in range(40)]
    worked = [day for day in days if calendar.works_on(day)]

    for at, day in enumerate(days):
        assert calendar.count(first, day) == sum(calendar.works_on(other) for other in days[: at + 1])
        assert calendar.count(day, first) == (day == first and calendar.works_on(day))
    assert [calendar.forward(first, number) for number in range(1, len(worked) + 1)] == worked
    assert [calendar.backward(days[-1], number) for number in range(1, len(worked) + 1)] == worked[::-1]
    assert calendar.shift(D("2026-03-03"), 2) == D("2026-03-06")
    assert calendar.shift(D("2026-03-09"), -1) == D("2026-03-08")
    assert calendar.shift(D("2026-03-07"), 0) == D("2026-03-07")


def test_calendar_without_work_counts_days():
    """
    Where nobody ever works, days are counted as they come, so that every span ends.
    """
    calendar = Calendar((False,) * 7)

    assert calendar.forward(D(MON), 3) == D(WED)
    assert calendar.backward(D(WED), 3) == D(MON)
    with pytest.raises(OverflowError):
        calendar.forward(D("9999-12-31"), 2)
    with pytest.raises(OverflowError):
        Calendar().backward(D("0001-01-02"), 9)
