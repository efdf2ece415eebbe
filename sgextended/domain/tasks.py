"""
Find tasks; assign people to them.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.domain.arguments import (
    ASSIGNEES,
    Day,
    Links,
    LinksOrNames,
    Names,
    Order,
    Row,
    SomeLinks,
    rows_of,
    to_link,
)
from sgextended.domain.bulk_writes import change_lists
from sgextended.domain.client_kinds import Finder
from sgextended.domain.search import Query
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
    archived: Optional[bool] = False,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return tasks, oldest first.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity: Links to entities that the tasks belong to, such as a shot.

        project: Links to projects.

        name: Names (``content``) or globs.

        step: Pipeline steps, as links or by short code or name, such as ``"ANM"``.

        assignee: Links to people or groups. A person also matches tasks that are assigned to the person's groups.

        mine: True returns only tasks of the current user (see `me`) and of that user's groups.

        status: Short codes or names of statuses, such as ``"ip"``.

        due_from: First due date, included. Tasks without a due date do not match.

        due_to: Last due date, included. Tasks without a due date do not match.

        archived: True returns only entities of archived projects, False leaves them out, None returns both. False does
            not leave out anything if a project or an entity of one is given.

        fields: Fields to return instead of `TASK_FIELDS`: ``content``, ``step``, ``sg_status_list``,
            ``task_assignees``, ``start_date``, ``due_date``, ``duration``, ``entity``, ``project``.

        extra_fields: Fields to return in addition.

        filters: Native conditions that the entities must also match.

        order: A native sort order to use instead, such as ``[{'field_name': 'created_at', 'direction': 'desc'}]``.

        limit: Maximum number of entities; 0: all.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type``, ``id`` and the fields. Dates are text (``"YYYY-MM-DD"``);
        ``duration`` is in minutes of work.
    """
    with within(sg, timeout):
        query = Query(filters)
        query.archived(archived)
        query.links("entity", entity)
        query.links("project", project, "Project")
        query.globs("content", name)
        query.steps("step", step)
        query.statuses("Task", status)
        query.days("due_date", due_from, due_to)
        if query.is_impossible:
            return []
        query.links("task_assignees", with_groups(sg, assignee))
        if mine:
            query.links("task_assignees", with_groups(sg, me(sg)))
        return query.find(sg, "Task", TASK_FIELDS, fields, extra_fields, ["id"], order=order, limit=limit)


def assign(sg: Any, tasks: SomeLinks, people: SomeLinks, *, timeout: Optional[float] = None) -> List[Row]:
    """
    Assign people or groups to tasks in addition to the current assignees, and return the tasks with ``task_assignees``.

    Concurrent calls do not overwrite each other: the site adds to its current list.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        tasks: Links to tasks.

        people: Links to people or groups.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.
    """
    return _change_assignees(sg, tasks, people, "add", timeout)


def unassign(sg: Any, tasks: SomeLinks, people: SomeLinks, *, timeout: Optional[float] = None) -> List[Row]:
    """
    Remove people or groups from the assignees of tasks, and return the tasks with ``task_assignees``.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        tasks: Links to tasks.

        people: Links to people or groups. Those who are not assigned are ignored.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.
    """
    return _change_assignees(sg, tasks, people, "remove", timeout)


def _change_assignees(sg: Any, tasks: SomeLinks, people: SomeLinks, mode: str, timeout: Optional[float]) -> List[Row]:
    links = [to_link(task, "task", ("Task",)) for task in rows_of(tasks)]
    assignees = [to_link(each, "people", ASSIGNEES) for each in rows_of(people)]
    with within(sg, timeout):
        return change_lists(sg, links, "task_assignees", assignees, mode)
