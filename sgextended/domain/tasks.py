"""
Tasks.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.domain.bulk_writes import change_lists
from sgextended.domain.conditions import (
    ASSIGNEES,
    Day,
    Finder,
    Links,
    LinksOrNames,
    Names,
    Query,
    Row,
    SomeLinks,
    rows_of,
    to_link,
)
from sgextended.domain.users import me, with_groups
from sgextended.http.deadline import within

TASK_FIELDS = (
    "content",
    "step",
    "sg_status_list",
    "task_assignees",
    "start_date",
    "due_date",
    "duration",
    "entity",
    "project",
)


def find_tasks(
    sg: Finder,
    entity: Links = None,
    *,
    project: Links = None,
    name: Names = None,
    step: LinksOrNames = None,
    assignee: Links = None,
    mine: bool = False,
    status: Names = None,
    due_from: Day = None,
    due_to: Day = None,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return tasks, oldest first.

    Args:
        sg: Who is asked.

        entity: Links to what the tasks are for, such as a shot.

        project: Links to projects.

        name: Names (``content``) or globs.

        step: Pipeline steps, as links or by short code or name, such as ``"ANM"``.

        assignee: Links to people or groups. Tasks of the groups that a person is in count as that person's.

        mine: True keeps those of who asks, and of that person's groups; see `me`.

        status: Short codes, such as ``"ip"``.

        due_from: First day on which they may be due.

        due_to: Last day on which they may be due. A task without a due date is due on no day.

        fields: Fields to return instead of `TASK_FIELDS`.

        extra_fields: Fields to return beside them.

        filters: Native conditions that must hold as well.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        List of dicts with ``type``, ``id`` and the fields. Dates are ``"YYYY-MM-DD"``, *duration* is minutes of work.
    """
    with within(sg, timeout):
        query = Query(filters)
        query.links("entity", entity)
        query.links("project", project, "Project")
        query.globs("content", name)
        query.steps("step", step)
        query.names("sg_status_list", status)
        query.days("due_date", due_from, due_to)
        if query.is_impossible:
            return []
        query.links("task_assignees", with_groups(sg, assignee))
        if mine:
            query.links("task_assignees", with_groups(sg, me(sg)))
        return query.find(sg, "Task", TASK_FIELDS, fields, extra_fields, ["id"])


def assign(sg: Any, tasks: SomeLinks, people: SomeLinks, *, timeout: Optional[float] = None) -> List[Row]:
    """
    Assign people or groups to tasks, beside those who are, and return the tasks with ``task_assignees``.

    Two that assign at once do not undo each other: the site adds to the list as it is.

    Args:
        sg: Who is asked.

        tasks: Links to tasks.

        people: Links to people or groups.

        timeout: Seconds for all of it. None: the site's limits.
    """
    return _change_assignees(sg, tasks, people, "add", timeout)


def unassign(sg: Any, tasks: SomeLinks, people: SomeLinks, *, timeout: Optional[float] = None) -> List[Row]:
    """
    Take people or groups off tasks, and return the tasks with ``task_assignees``.

    Args:
        sg: Who is asked.

        tasks: Links to tasks.

        people: Links to people or groups. Those who are not assigned do no harm.

        timeout: Seconds for all of it. None: the site's limits.
    """
    return _change_assignees(sg, tasks, people, "remove", timeout)


def _change_assignees(sg: Any, tasks: SomeLinks, people: SomeLinks, mode: str, timeout: Optional[float]) -> List[Row]:
    links = [to_link(task, "task", ("Task",)) for task in rows_of(tasks)]
    who = [to_link(each, "people", ASSIGNEES) for each in rows_of(people)]
    with within(sg, timeout):
        return change_lists(sg, links, "task_assignees", who, mode)
