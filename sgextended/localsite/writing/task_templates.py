"""
The tasks that a row gets from its task template.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sgextended.localsite.storage.single_row_writes import default_columns, insert_row, link_columns
from sgextended.localsite.writing.link_writes import write_links

if TYPE_CHECKING:
    from sgextended.localsite.storage.transaction import Link, Transaction

# The columns that a task copies from the task of the template. Assignees and dependencies are copied separately.
_COPIED = (
    *("content", "sg_sort_order", "sg_status_list", "duration", "est_in_mins", "sg_description", "milestone"),
    *("start_date", "due_date", "splits", "split_durations", "step__type", "step__id"),
)
_PAIR = ("dependency_type", "offset_days", "shift_ratio")


def add_template_tasks(tx: Transaction, entity: Link, template_id: int) -> None:
    """
    Create the tasks of a template that *entity* does not have yet. Existing tasks do not change.
    """
    tasks = tx.tables["Task"]
    live = tasks.c.retired_at.is_(None)
    of_template = sa.select(tasks).where(tasks.c.task_template__id == template_id, live).order_by(tasks.c.id)
    wanted = list(tx.connection.execute(of_template).mappings())
    of_entity = sa.select(tasks.c.template_task__id, tasks.c.id).where(
        tasks.c.entity__type == entity["type"],
        tasks.c.entity__id == entity["id"],
        tasks.c.template_task__id.is_not(None),
        live,
    )
    made: dict[int, int] = {row[0]: row[1] for row in tx.connection.execute(of_entity)}
    new = [row for row in wanted if row["id"] not in made]
    if not new:
        return
    shared = {
        **default_columns(tx.schema["Task"]),
        **_author_columns(tx),
        **_entity_columns(tx, entity),
        "color": "pipeline_step",
    }
    assignees = tx.schema["Task"].fields["task_assignees"]
    for row in new:
        columns = {**shared, **{name: row[name] for name in _COPIED}}
        columns.update(link_columns("template_task", {"type": "Task", "id": row["id"]}))
        made[row["id"]] = insert_row(tx, "Task", columns)
        write_links(tx, assignees, made[row["id"]], _assignees(tx, row["id"]))
    _copy_dependencies(tx, made, {row["id"] for row in new})


def _copy_dependencies(tx: Transaction, made: dict[int, int], new: set[int]) -> None:
    """
    Copy the dependencies between the template's tasks to the tasks made from them, if at least one of the two is new.
    """
    pairs = tx.tables["TaskDependency"]
    query = sa.select(pairs).where(
        pairs.c.task__id.in_(list(made)), pairs.c.dependent_task__id.in_(list(made)), pairs.c.retired_at.is_(None)
    )
    for pair in list(tx.connection.execute(query.order_by(pairs.c.id)).mappings()):
        if new.isdisjoint((pair["task__id"], pair["dependent_task__id"])):
            continue
        columns: dict[str, Any] = {name: pair[name] for name in _PAIR}
        for end in ("task", "dependent_task"):
            columns.update(link_columns(end, {"type": "Task", "id": made[pair[f"{end}__id"]]}))
        insert_row(tx, "TaskDependency", columns)


def _assignees(tx: Transaction, task_id: int) -> list[Link]:
    links, directory = tx.tables.links, tx.tables.directory
    query = sa.select(links.c.right_type.label("type"), links.c.right_id.label("id")).where(
        links.c.relation == "Task.task_assignees",
        links.c.left_type == "Task",
        links.c.left_id == task_id,
        directory.c.type == links.c.right_type,
        directory.c.id == links.c.right_id,
        directory.c.retired == 0,
    )
    return [dict(row) for row in tx.connection.execute(query).mappings()]


def _entity_columns(tx: Transaction, entity: Link) -> dict[str, Any]:
    """
    Return the columns that link a task to *entity* and to its project.
    """
    project: Link = entity
    if entity["type"] != "Project":
        rows = tx.tables[entity["type"]]
        query = sa.select(rows.c.project__id).where(rows.c.id == entity["id"])
        project = {"type": "Project", "id": tx.connection.execute(query).scalar_one()}
    return {**link_columns("project", project), **link_columns("entity", entity)}


def _author_columns(tx: Transaction) -> dict[str, Any]:
    actor = None if tx.actor is None else {"type": tx.actor.type, "id": tx.actor.id}
    return {
        "created_at": tx.moment,
        "updated_at": tx.moment,
        **link_columns("created_by", actor),
        **link_columns("updated_by", actor),
    }
