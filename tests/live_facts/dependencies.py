"""
Dependencies between tasks. 2026-03-02 is a Monday.
"""
# ruff: noqa: E501
# fmt: off

from live_facts.fact import Facts, Says
from live_facts.task_dates import DAYS, WEEK, plan

fact = Facts()

GONE = Says(r"Entity of type \[TaskDependency\] with id=\d+ does not exist")
INVALID = Says(r"Validation failed: Dependency type Dependency type '.*' is invalid, accepted values are finish-to-start-next-day, ")
LOOP = Says(r"Can't create this dependency as it causes a loop\.")
TWICE = Says(r"Validation failed: There is already a connection between the entities\.")
NOT_UNIQUE = Says(r"Can't unretire the entity because a field has a non-unique value")


def day(number):
    """
    Return a day of March 2026.
    """
    return f"2026-03-{number:02d}"


def dates(live, *tasks):
    """
    Return the dates of tasks without the year: `"03-02..03-06"`, a list for several tasks.
    """
    found = [plan(live, task)[0] for task in tasks]
    return found if len(found) > 1 else found[0]


def flags(live, task):
    """
    Return whether a task is pinned, and whether it is too early.
    """
    return live.get(task, "pinned"), live.get(task, "dependency_violation")


def wait(live, task, other, **data):
    """
    Make a task wait for another one, and return the link to the dependency.
    """
    return live.make("TaskDependency", task=task, dependent_task=other, **data)


def pair(live, **data):
    """
    Return a task of two days, a task of two days that waits for it, and their dependency.
    """
    first, second = live.make("Task", **DAYS), live.make("Task", **DAYS)
    return first, second, wait(live, second, first, **data)


def chain(live, length=3):
    """
    Return tasks of two days of which each waits for the one before.
    """
    tasks = [live.make("Task", **DAYS) for _ in range(length)]
    for task, other in zip(tasks[1:], tasks):
        wait(live, task, other)
    return tasks


def behind(kind, offset, expected):
    """
    Return the check of the dates of a two-day task that comes to wait for a task of a week, Monday to Friday.
    """
    def check(live):
        first = live.make("Task", **WEEK)
        second = live.make("Task", start_date="2026-02-16", due_date="2026-02-17")
        wait(live, second, first, dependency_type=kind, **({} if offset is None else {"offset_days": offset}))
        return dates(live, first, second), ["03-02..03-06", expected]
    return check


fact("F416", "085", "M S", "finish-to-start-next-day starts on the working day after", behind("finish-to-start-next-day", None, "03-09..03-10"))
fact("F417", "085", "M S", "finish-to-start-next-day with two days more", behind("finish-to-start-next-day", 2, "03-11..03-12"))
fact("F418", "085", "M S", "finish-to-start-next-day with a day less", behind("finish-to-start-next-day", -1, "03-06..03-09"))
fact("F419", "085", "M S", "start-to-start starts on the same day", behind("start-to-start", None, "03-02..03-03"))
fact("F420", "085", "M S", "start-to-start with two days more", behind("start-to-start", 2, "03-04..03-05"))
fact("F421", "085", "M S", "start-to-start with a day less", behind("start-to-start", -1, "02-27..03-02"))
fact("F423", "085", "M S", "finish-to-finish with two days more", behind("finish-to-finish", 2, "03-09..03-10"))
fact("F425", "085", "M S", "start-to-finish-next-day ends on the working day before", behind("start-to-finish-next-day", None, "02-26..02-27"))
fact("F427", "085", "M S", "start-to-finish-next-day with a day less", behind("start-to-finish-next-day", -1, "02-25..02-26"))


@fact("F429", "085", "M S", "another dependency_type is refused, upper case too")
def _(live):
    first, second = live.make("Task"), live.make("Task")
    return [live.fault(wait, live, second, first, dependency_type=kind) for kind in ("zz", "Start-To-Start")], [INVALID] * 2


@fact("F430", "085", "M S", "dependency_type null is refused; left out it is finish-to-start-next-day")
def _(live):
    first, second = live.make("Task"), live.make("Task")
    refusal = live.fault(wait, live, second, first, dependency_type=None)
    return (refusal, live.get(wait(live, second, first), "dependency_type")), (INVALID, "finish-to-start-next-day")


@fact("F432", "085", "M S", "the same pair cannot be connected twice")
def _(live):
    first, second, _edge = pair(live)
    return live.fault(wait, live, second, first), TWICE


@fact("F433", "085/107", "M S", "a task cannot wait for itself, directly or in a ring of two or three")
def _(live):
    rings = [chain(live, length) for length in (1, 2, 3)]
    return [live.fault(wait, live, ring[0], ring[-1]) for ring in rings], [LOOP] * 3


@fact("F434", "105", "M S", "offset_days that is left out or null reads null; 0 reads 0; filters tell the two apart")
def _(live):
    edges = [pair(live)[2], pair(live, offset_days=None)[2], pair(live, offset_days=0)[2]]
    came = [live.get(edge, "offset_days") for edge in edges], live.found(edges, ["offset_days", "is", 0]), live.found(edges, ["offset_days", "is", None])
    return came, ([None, None, 0], [2], [0, 1])


@fact("F435", "086", "M S", "a dependency made through upstream_tasks has the offset null")
def _(live):
    first, second = live.make("Task"), live.make("Task")
    third = live.make("Task", upstream_tasks=[first])
    live.update(second, upstream_tasks=[first])
    rows = live.sg.find("TaskDependency", [["dependent_task", "is", first]], ["offset_days", "task", "dependency_type"])
    return {(row["task"]["id"], row["offset_days"], row["dependency_type"]) for row in rows}, {(task["id"], None, "finish-to-start-next-day") for task in (second, third)}


@fact("F436", "092", "M S", "a new dependency moves an unpinned task at once; a pinned one keeps its dates and reports that it is too early")
def _(live):
    first, free, held = live.make("Task", **DAYS), live.make("Task", **DAYS), live.make("Task", **DAYS, pinned=True)
    for task in (free, held):
        wait(live, task, first)
    return (dates(live, first, free, held), flags(live, free), flags(live, held)), (["03-02..03-03", "03-04..03-05", "03-02..03-03"], (False, False), (True, True))


@fact("F437", "087", "M S", "a chain follows its first task, later and earlier; a pinned task stays; start-to-start follows the start alone")
def _(live):
    tasks = chain(live)
    held, beside = live.make("Task", **DAYS, pinned=True), live.make("Task", **DAYS)
    wait(live, held, tasks[0])
    wait(live, beside, tasks[0], dependency_type="start-to-start")
    came = []
    for data in ({"start_date": day(9)}, {"due_date": day(11)}, {"start_date": day(3)}):
        live.update(tasks[0], **data)
        came.append(dates(live, *tasks[1:], beside))
    return (came, dates(live, held), flags(live, held)), (
        [["03-11..03-12", "03-13..03-16", "03-09..03-10"], ["03-12..03-13", "03-16..03-17", "03-09..03-10"], ["03-06..03-09", "03-10..03-11", "03-03..03-04"]],
        "03-02..03-03", (True, True),
    )


@fact("F438", "087", "M S", "a start on a waiting task pins it, its followers follow it; pinned false puts all back at once")
def _(live):
    _first, second, third = chain(live)
    live.update(second, start_date=day(2))
    early = dates(live, second, third), flags(live, second)
    live.update(second, pinned=False)
    return (early, dates(live, second, third), flags(live, second)), ((["03-02..03-03", "03-04..03-05"], (True, True)), ["03-04..03-05", "03-06..03-09"], (False, False))


@fact("F439", "093", "C S", "a due date alone on a waiting task does not pin it; its duration changes")
def _(live):
    _first, second, _edge = pair(live)
    live.update(second, due_date=day(9))
    return (plan(live, second), flags(live, second)), (("03-04..03-09", 1920), (False, False))


@fact("F440", "093", "C S", "a waiting task with a written due date still follows, with its new duration")
def _(live):
    first, second, _edge = pair(live)
    live.update(second, due_date=day(9))
    live.update(first, due_date=day(10))
    return plan(live, second), ("03-11..03-16", 1920)


@fact("F441", "093", "M S", "a start null on a waiting task pins it, alone or with a due date, until pinned false fills both dates")
def _(live):
    came = []
    for data in ({"start_date": None}, {"start_date": None, "due_date": None}):
        first, second, _edge = pair(live)
        live.update(second, **data)
        live.update(first, start_date=day(4))
        came.append((live.get(second, "start_date"), flags(live, second)))
        live.update(second, pinned=False)
        came.append((dates(live, second), flags(live, second)))
    return came, [(None, (True, False)), ("03-06..03-09", (False, False))] * 2


@fact("F442", "093", "M S", "after a start null alone the due date stays; pinned false writes both")
def _(live):
    _first, second, _edge = pair(live)
    live.update(second, start_date=None)
    before = dates(live, second)
    live.update(second, pinned=False)
    return (before, dates(live, second)), ("None..03-05", "03-04..03-05")


@fact("F443", "093", "C S", "a due date null alone does not pin; the next write of the upstream task writes both dates")
def _(live):
    first, second, _edge = pair(live)
    live.update(second, due_date=None)
    before = dates(live, second), flags(live, second)
    live.update(first, due_date=day(10))
    return (before, dates(live, second), flags(live, second)), (("03-04..None", (False, False)), "03-11..03-12", (False, False))


@fact("F444", "097", "M S", "a task that waits for none is not pinned; without dates it leaves those behind it; pinned false fills nothing")
def _(live):
    first, second, _edge = pair(live)
    live.update(first, start_date=None, due_date=None)
    pinned = flags(live, first)
    live.update(first, pinned=False)
    return (pinned, dates(live, first, second)), ((False, False), ["None..None", "03-04..03-05"])


@fact("F445", "100", "M S", "a duration on a waiting task does not pin it; it ends later and its followers move; one upstream moves all")
def _(live):
    first, second, third = chain(live)
    live.update(second, duration=1440)
    came = dates(live, second, third), flags(live, second)
    live.update(first, duration=480)
    return (came, dates(live, second, third)), ((["03-04..03-06", "03-09..03-10"], (False, False)), ["03-03..03-05", "03-06..03-09"])


@fact("F447", "086", "M S", "a task that was made with dates and upstream_tasks is not moved by a write of another field")
def _(live):
    task = live.make("Task", **DAYS, upstream_tasks=[live.make("Task", **WEEK)])
    live.update(task, sg_description="x")
    return dates(live, task), "03-02..03-03"


@fact("F449", "086", "M S", "dependencies made in a batch move tasks; a loop among them rolls all back")
def _(live):
    first, second, third = (live.make("Task", **DAYS) for _ in range(3))
    def batch(*pairs):
        return live.sg.batch([{"request_type": "create", "entity_type": "TaskDependency", "data": {"task": task, "dependent_task": other}} for task, other in pairs])
    fault = live.fault(batch, (second, first), (third, second), (first, third))
    left = live.ids("TaskDependency", ["dependent_task", "in", [first, second, third]]), dates(live, second, third)
    batch((second, first), (third, second))
    return (fault, left, dates(live, second, third)), (LOOP, ([], ["03-02..03-03"] * 2), ["03-04..03-05", "03-06..03-09"])


@fact("F450", "016r", "M S", "a task with a duration alone gets its dates from its dependency: 2400 minutes are five days")
def _(live):
    first, second = live.make("Task", **WEEK), live.make("Task", duration=2400)
    wait(live, second, first)
    return dates(live, second), "03-09..03-13"


@fact("F451", "089", "M S", "deleting a task retires its dependencies; its neighbours keep their dates and are not connected")
def _(live):
    first, second, third = chain(live)
    edges = [live.sg.find_one("TaskDependency", [["task", "is", task]]) for task in (second, third)]
    live.sg.delete("Task", second["id"])
    live.update(first, start_date=day(9))
    return ([live.retired(edge) for edge in edges], live.get(third, "upstream_tasks"), dates(live, third)), ([True, True], [], "03-06..03-09")


@fact("F452", "089", "M S", "reviving a task brings back its dependencies, links to it, and moves it at once")
def _(live):
    first, second, third = chain(live)
    version = live.make("Version", sg_task=second)
    edges = [live.sg.find_one("TaskDependency", [["task", "is", task]]) for task in (second, third)]
    live.sg.delete("Task", second["id"])
    live.update(first, start_date=day(9))
    lost = live.get(version, "sg_task")
    live.sg.revive("Task", second["id"])
    return (lost, live.get(version, "sg_task")["id"], [live.alive(edge) for edge in edges], dates(live, second, third)), (None, second["id"], [True, True], ["03-11..03-12", "03-13..03-16"])


@fact("F453", "095", "M S", "deleting a dependency retires it and ends a violation; reviving brings its type and offset and moves the task")
def _(live):
    first, second, edge = pair(live, dependency_type="start-to-start", offset_days=1)
    held = live.make("Task", **DAYS, pinned=True)
    other = wait(live, held, first)
    for each in (edge, other):
        live.sg.delete("TaskDependency", each["id"])
    live.update(first, start_date=day(9))
    came = live.retired(edge), dates(live, second), flags(live, held)
    live.sg.revive("TaskDependency", edge["id"])
    return (came, live.get(edge, "dependency_type"), live.get(edge, "offset_days"), dates(live, second)), ((True, "03-03..03-04", (True, False)), "start-to-start", 1, "03-10..03-11")


@fact("F455", "095", "M S", "a retired dependency of a pair that is connected again cannot be revived")
def _(live):
    first, second, edge = pair(live)
    live.sg.delete("TaskDependency", edge["id"])
    wait(live, second, first)
    return live.fault(live.sg.revive, "TaskDependency", edge["id"]), NOT_UNIQUE


@fact("F456", "095", "M S", "a pinned task that is later than it must be reports no violation")
def _(live):
    _first, second, _edge = pair(live)
    live.update(second, start_date=day(16))
    return flags(live, second), (True, False)


@fact("F457", "113", "M S", "a dependency on a retired task is refused")
def _(live):
    first, second = live.make("Task"), live.make("Task")
    live.sg.delete("Task", first["id"])
    return live.fault(wait, live, second, first), Says(r"Value is not legal\.")


@fact("F408", "TaskTemplate", "M ?", "links in upstream_tasks and downstream_tasks have template_task_id where a task was made from a template")
def _(live):
    template = live.make("TaskTemplate", code=live.name())
    origins = [live.make("Task", task_template=template, content=name) for name in ("a", "b")]
    wait(live, origins[1], origins[0])
    shot = live.make("Shot", task_template=template)
    rows = live.sg.find("Task", [["entity", "is", shot]], ["upstream_tasks", "downstream_tasks"], order=[{"field_name": "id", "direction": "asc"}])
    plain = live.make("Task", upstream_tasks=[live.make("Task")])
    found = [[link.get("template_task_id", "absent") for link in links] for links in (rows[1]["upstream_tasks"], rows[0]["downstream_tasks"], live.get(plain, "upstream_tasks"))]
    return found, [[origins[0]["id"]], [origins[1]["id"]], ["absent"]]
