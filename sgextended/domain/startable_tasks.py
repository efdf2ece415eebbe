"""
Find tasks that may start, because all tasks that they wait for are final.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.domain.arguments import Links, LinksOrNames, Names, Order, Row, fields_of, limit_of, order_of, texts_of
from sgextended.domain.client_kinds import Finder
from sgextended.domain.entities import find_by_ids
from sgextended.domain.search import Query
from sgextended.domain.tasks import TASK_FIELDS
from sgextended.domain.users import me, with_groups
from sgextended.domain.vocabulary import Choice, KnownNames
from sgextended.http.deadline import within

_NOT_STARTED = ("wtg", "rdy")


def find_startable_tasks(
    sg: Finder,
    entity: Links = None,
    *,
    project: Links = None,
    step: LinksOrNames = None,
    assignee: Links = None,
    mine: bool = False,
    status: Names = _NOT_STARTED,
    final: Names = "fin",
    archived: Optional[bool] = False,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return tasks that have not started and whose upstream tasks are all final, oldest first.

    A task without upstream tasks may start. The type of a dependency and its offset are not taken into account. Each
    500 different upstream tasks cost one request.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity: Links to entities that the tasks belong to, such as a shot.

        project: Links to projects.

        step: Pipeline steps, as links or by short code or name, such as ``"ANM"``.

        assignee: Links to people or groups. A person also matches tasks that are assigned to the person's groups.

        mine: True returns only tasks of the current user (see `me`) and of that user's groups.

        status: Short codes or names of the statuses of tasks that have not started. None: any status.

        final: Short codes or names of the statuses of upstream tasks that do not block a task. They must be valid for
            tasks.

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
        List of dicts with ``type``, ``id`` and the fields.
    """
    wanted, done = fields_of(fields, extra_fields, TASK_FIELDS), tuple(texts_of(final, "final") or ())
    most, _sorts = limit_of(limit), order_of(order)
    with within(sg, timeout):
        query = Query(filters)
        query.archived(archived)
        query.links("entity", entity)
        query.links("project", project, "Project")
        query.steps("step", step)
        if status is _NOT_STARTED:  # a site may lack one of the default statuses
            query.names("sg_status_list", status)
        else:
            query.statuses("Task", status)
        if query.is_impossible or not done:
            return []
        query.links("task_assignees", with_groups(sg, assignee))
        if mine:
            query.links("task_assignees", with_groups(sg, me(sg)))
        finals = KnownNames(sg).checked(Choice("Task", "sg_status_list", done, is_status=True)).values
        rows = query.find(sg, "Task", [*wanted, "upstream_tasks"], None, (), ["id"], order=order)
        ids = list(dict.fromkeys(task["id"] for row in rows for task in row["upstream_tasks"] or ()))
        upstream = find_by_ids(sg, "Task", ids, fields=["sg_status_list"])
    finished = {task["id"] for task in upstream if task["sg_status_list"] in finals}
    found = [row for row in rows if all(task["id"] in finished for task in row["upstream_tasks"] or ())]
    keep = {"type", "id", *wanted}
    return [{name: value for name, value in row.items() if name in keep} for row in found[: most or None]]
