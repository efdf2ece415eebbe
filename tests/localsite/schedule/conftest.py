"""
Fixtures for the tests of schedules.
"""

import pytest
from fix_schedule import DAY, day


@pytest.fixture
def dates(sg):
    """
    Reads the numbers of the days on which a task starts and ends.
    """

    def read(task):
        row = sg.find_one("Task", [["id", "is", task["id"]]], ["start_date", "due_date"])
        return tuple(row[field] and int(row[field][-2:]) - 1 for field in ("start_date", "due_date"))

    return read


@pytest.fixture
def flags(sg):
    """
    Reads whether a task is pinned, and whether it breaks a dependency.
    """

    def read(task):
        row = sg.find_one("Task", [["id", "is", task["id"]]], ["pinned", "dependency_violation"])
        return row["pinned"], row["dependency_violation"]

    return read


@pytest.fixture
def make_task(make):
    """
    Makes tasks of some days, begun on a day given by number or on none.
    """

    def make_one(start=None, days=1, **data):
        dated = {} if start is None else {"start_date": day(start)}
        return make("Task", duration=days * DAY, **dated, **data)

    return make_one


@pytest.fixture
def wait(sg):
    """
    Makes a task wait for another.
    """

    def make_wait(task, other, **data):
        return sg.create("TaskDependency", {"task": task, "dependent_task": other, **data})

    return make_wait
