"""
Dependencies that are refused: loops, unknown kinds, the same pair twice, days past the calendar.
"""

import pytest
from fix_schedule import DAY
from shotgun_api3 import Fault


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("way", ["TaskDependency", "upstream_tasks", "downstream_tasks"])
def test_loop_is_refused(sg, make_task, wait, length, way):
    """
    No task waits for itself, directly or round others, and nothing of the attempt remains.
    """
    tasks = [make_task() for _ in range(length)]
    for task, other in zip(tasks[1:], tasks):
        wait(task, other)
    first, last = tasks[0], tasks[-1]
    ways = {
        "TaskDependency": lambda: wait(first, last),
        "upstream_tasks": lambda: sg.update("Task", first["id"], {way: [last]}),
        "downstream_tasks": lambda: sg.update("Task", last["id"], {way: [first]}, {way: "add"}),
    }
    with pytest.raises(Fault, match=r"Can't create this dependency as it causes a loop."):
        ways[way]()

    assert sg.find("TaskDependency", [["task", "is", first]]) == []


@pytest.mark.parametrize("retired", ["TaskDependency", "Task", "TaskTemplate"])
def test_loop_by_revival_is_refused(sg, make_task, wait, name, retired):
    """
    A dependency that was retired, alone or with its task or the template of the task, does not come back into a loop.
    """
    first, last = make_task(1), make_task(1)
    template = sg.create("TaskTemplate", {"code": name})
    data = {"content": "between", "task_template": template}
    between = sg.create("Task", data) if retired == "TaskTemplate" else make_task(1)
    pair = wait(between, first)
    wait(last, between)
    gone = {"TaskDependency": pair, "Task": between, "TaskTemplate": template}[retired]
    sg.delete(retired, gone["id"])
    wait(first, last)

    with pytest.raises(Fault, match=r"causes a loop"):
        sg.revive(retired, gone["id"])
    assert sg.find_one(retired, [["id", "is", gone["id"]]]) is None
    sg.update("Task", first["id"], {"pinned": False, "duration": 2 * DAY})


def test_loop_by_an_update_is_refused(sg, make_task, wait):
    """
    A dependency cannot be given another end so that its tasks wait for each other. The fault names an update.
    """
    first, second, third = make_task(), make_task(), make_task()
    wait(second, first)
    pair = wait(first, third)

    with pytest.raises(Fault, match=r"Update failed for \[TaskDependency\]: Validation failed: .* causes a loop"):
        sg.update("TaskDependency", pair["id"], {"dependent_task": second})


@pytest.mark.parametrize("kind", ["x", "START-TO-START", None])
@pytest.mark.parametrize("way", ["create", "update", "link"])
def test_unknown_kind_is_refused(sg, make_task, wait, way, kind):
    """
    The four kinds are the only ones; null is none of them.
    """
    first, second = make_task(), make_task()
    ways = {
        "create": lambda: wait(second, first, dependency_type=kind),
        "update": lambda: sg.update("TaskDependency", wait(second, first)["id"], {"dependency_type": kind}),
        "link": lambda: make_task(upstream_tasks=[{**first, "dependency_type": kind}]),
    }
    with pytest.raises(Fault) as caught:
        ways[way]()

    assert str(caught.value) == (
        f"{'Update' if way == 'update' else 'Create'} failed for [TaskDependency]: "
        "Validation failed: Dependency type Dependency type "
        f"'{kind or ''}' is invalid, accepted values are finish-to-start-next-day, start-to-start, finish-to-finish, "
        "start-to-finish-next-day."
    )


def test_same_pair_twice_is_refused(make_task, wait):
    """
    Two tasks have one dependency at most, in one direction.
    """
    first, second = make_task(), make_task()
    wait(second, first)

    with pytest.raises(Fault, match=r"There is already a connection between the entities."):
        wait(second, first)


def test_chain_past_the_calendar_faults(sg, make_task, wait):
    """
    A task that would have to start after the year 9999 is refused.
    """
    first, second = make_task(), make_task(None, 3)
    wait(second, first)
    for last in ("9999-12-31", "9999-12-29"):
        with pytest.raises(Fault, match=r"The date is outside the calendar"):
            sg.update("Task", first["id"], {"start_date": last, "due_date": last})
