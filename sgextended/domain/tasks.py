"""
Tasks.
"""

from typing import Any, Iterable, List, Mapping, Optional, Sequence, Union

from sgextended.deadline import within
from sgextended.domain.query import Entity, Finder, Links, Names, Query, Row, to_link, values_of
from sgextended.domain.users import with_groups

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
    step: Union[str, Entity, Iterable[Union[str, Entity]], None] = None,
    assignee: Links = None,
    status: Names = None,
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

        status: Short codes, such as ``"ip"``.

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
        query.links("project", project)
        query.globs("content", name)
        _add_steps(query, step)
        query.any_link("task_assignees", with_groups(sg, assignee))
        query.names("sg_status_list", status)
        return query.find(sg, "Task", TASK_FIELDS, fields, extra_fields, ["id"])


def _add_steps(query: Query, wanted: Any) -> None:
    steps = values_of(wanted)
    if steps is None:
        return
    conditions: List[List[Any]] = []
    for step in steps:
        if isinstance(step, Mapping):
            conditions.append(["step", "is", to_link(step, "step")])
        else:
            conditions += [["step.Step.short_name", "is", step], ["step.Step.code", "is", step]]
    query.any(conditions)
