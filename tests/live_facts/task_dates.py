"""
Dates and durations of tasks. 2026-03-02 is a Monday.
"""
# ruff: noqa: E501
# fmt: off

from live_facts.fact import Facts, Says

fact = Facts()

WEEK = {"start_date": "2026-03-02", "due_date": "2026-03-06"}
DAYS = {"start_date": "2026-03-02", "due_date": "2026-03-03"}


def plan(live, task):
    """
    Return the dates of a task without the year, and its duration: `("03-02..03-06", 2400)`.
    """
    row = live.row(task, "start_date", "due_date", "duration")
    start, due = (row[field] and row[field][5:] for field in ("start_date", "due_date"))
    return f"{start}..{due}", row["duration"]


def after(live, made, *writes):
    """
    Return the plan of a task that is made with some fields and then written to, once or more.
    """
    task = live.make("Task", **made)
    for data in writes:
        live.update(task, **data)
    return plan(live, task)


fact("F409", "Task", "M S", "the duration is the working days from start to due: 2400 minutes for Monday to Friday", lambda live: (after(live, WEEK), ("03-02..03-06", 2400)))
fact("F410", "Task", "M S", "a written duration moves the due date and not the start", lambda live: ((after(live, WEEK, {"duration": 480}), after(live, DAYS, {"duration": 2400})), (("03-02..03-02", 480), ("03-02..03-06", 2400))))
fact("F411", "Task", "M S", "a written start moves the due date, a written due date changes the duration", lambda live: ((after(live, DAYS, {"start_date": "2026-03-04"}), after(live, DAYS, {"due_date": "2026-03-06"})), (("03-04..03-05", 960), ("03-02..03-06", 2400))))
fact("F412", "Task/093", "M S", "null for one date leaves the other date and the duration", lambda live: ((after(live, DAYS, {"start_date": None}), after(live, DAYS, {"due_date": None})), (("None..03-03", 960), ("03-02..None", 960))))
fact("F413", "Task", "M S", "a text such as '2 days' is no duration", lambda live: (live.refusal("Task.duration", "2 days"), Says("Invalid data for 'duration' data type")))
fact("F414", "102", "M S", "a task that becomes a milestone has its due date alone, and no duration", lambda live: (after(live, WEEK, {"milestone": True}), ("03-06..03-06", 0)))
fact("F415", "083", "M S", "a milestone made with a duration has none", lambda live: (live.get(live.make("Task", milestone=True, duration=960), "duration"), 0))
