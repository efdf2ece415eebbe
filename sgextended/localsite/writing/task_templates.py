"""
The tasks that a row gets from its task template, and the changes of tasks that it got before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

from sgextended.localsite.reading.row_reads import link_lists
from sgextended.localsite.schedule import dependencies
from sgextended.localsite.storage.entity_tables import columns_of, is_stored
from sgextended.localsite.storage.single_row_writes import default_columns, insert_row, link_columns, update_row
from sgextended.localsite.writing.link_writes import write_links
from sgextended.localsite.writing.template_dependencies import apply_dependencies

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sgextended.localsite.schema.entity_types import Field
    from sgextended.localsite.storage.transaction import Link, Transaction

# The columns that a task always has from the task of the template, apart from those of custom fields.
_COPIED = (
    *("content", "sg_sort_order", "sg_status_list", "est_in_mins", "sg_description"),
    *("step__type", "step__id"),
)
# The columns of the schedule. A new task copies them; `dependencies.replan_from_template` writes them to other tasks.
_SCHEDULE = ("start_date", "due_date", "duration", "milestone", "splits", "split_durations")
# A file belongs to one row, and a row's thumbnail is made of it.
_FILES = frozenset({"image", "url"})


@attrs.frozen
class _Copied:
    """
    What a task copies from the task of the template.

    Attributes:
        columns: The columns, without those of the schedule.

        lists: The multi-entity fields, without the assignees.
    """

    columns: tuple[str, ...]
    lists: tuple[Field, ...]

    @classmethod
    def of(cls, tx: Transaction) -> _Copied:
        fields = tx.schema["Task"].fields
        custom = [field for field in fields.values() if field.custom and not field.unique]
        stored = [field for field in custom if is_stored(field) and field.data_type not in _FILES]
        lists = [field for field in custom if field.data_type == "multi_entity"]
        columns = [column.name for field in stored for column in columns_of(field)]
        return cls((*_COPIED, *columns), (fields["task_reviewers"], *lists))


def apply_template(tx: Transaction, entity: Link, template_id: int) -> None:
    """
    Give a row the tasks of a template.

    Tasks that the row does not have yet are created. A task that is linked to a task of the template gets its fields
    and its dependencies. It keeps its dates and its assignees, if it has any.
    """
    tasks = tx.tables["Task"]
    live = tasks.c.retired_at.is_(None)
    of_template = sa.select(tasks).where(tasks.c.task_template__id == template_id, live).order_by(tasks.c.id)
    wanted: list[Mapping[str, Any]] = [dict(row) for row in tx.connection.execute(of_template).mappings()]
    made = _linked_tasks(tx, entity)
    new = {row["id"] for row in wanted if row["id"] not in made}
    copied = _Copied.of(tx)
    people = link_lists(tx, tx.schema["Task"].fields["task_assignees"], [row["id"] for row in wanted])
    lists = [(field, link_lists(tx, field, [row["id"] for row in wanted])) for field in copied.lists]
    moved: list[int] = []
    for row in wanted:
        columns = {name: row[name] for name in copied.columns}
        assignees = people.get(row["id"], [])
        if row["id"] in new:
            made[row["id"]] = task_id = _create(tx, entity, row, columns)
            if assignees:
                _write_list(tx, "task_assignees", task_id, assignees)
        else:
            task_id = made[row["id"]]
            if _update(tx, task_id, row, columns, assignees):
                moved.append(task_id)
        for field, found in lists:
            links = found.get(row["id"], [])
            if links or row["id"] not in new:
                write_links(tx, field, task_id, links)
    bound = apply_dependencies(tx, {row["id"]: made[row["id"]] for row in wanted}, new)
    # New tasks keep the dates of the template. Dependencies move only tasks that the row had before.
    dependencies.settle(tx, [*moved, *bound])
    dependencies.settle_dependents(tx, moved)


def _linked_tasks(tx: Transaction, entity: Link) -> dict[int, int]:
    """
    Return the live tasks of *entity* that are linked to a task of a template, by the id of that task.

    Of several tasks that are linked to the same one, only the first is included.
    """
    tasks = tx.tables["Task"]
    query = sa.select(tasks.c.template_task__id, tasks.c.id).where(
        tasks.c.entity__type == entity["type"],
        tasks.c.entity__id == entity["id"],
        tasks.c.template_task__id.is_not(None),
        tasks.c.retired_at.is_(None),
    )
    found: dict[int, int] = {}
    for origin, task_id in tx.connection.execute(query.order_by(tasks.c.id)):
        found.setdefault(origin, task_id)
    return found


def _create(tx: Transaction, entity: Link, row: Mapping[str, Any], columns: Mapping[str, Any]) -> int:
    """
    Create the task of *entity* for a task of the template, *row*; return its id.
    """
    return insert_row(
        tx,
        "Task",
        {
            **default_columns(tx.schema["Task"]),
            **_created_columns(tx),
            **_entity_columns(tx, entity),
            "color": "pipeline_step",
            **columns,
            **{name: row[name] for name in _SCHEDULE},
            **link_columns("template_task", {"type": "Task", "id": row["id"]}),
        },
    )


def _update(
    tx: Transaction, task_id: int, row: Mapping[str, Any], columns: Mapping[str, Any], assignees: list[Link]
) -> bool:
    """
    Write the fields of a task of the template, *row*, to a task that is linked to it; return whether its dates changed.
    """
    tasks = tx.tables["Task"]
    query = sa.select(*(tasks.c[name] for name in columns)).where(tasks.c.id == task_id)
    before = tx.connection.execute(query).mappings().one()
    changes = {name: value for name, value in columns.items() if before[name] != value}
    update_row(tx, "Task", task_id, {**changes, **_updated_columns(tx)} if changes else {})
    field = tx.schema["Task"].fields["task_assignees"]
    if not link_lists(tx, field, [task_id]):
        _write_list(tx, "task_assignees", task_id, assignees)
    return dependencies.replan_from_template(tx, task_id, row)


def _write_list(tx: Transaction, name: str, task_id: int, links: Iterable[Link]) -> None:
    write_links(tx, tx.schema["Task"].fields[name], task_id, links)


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


def _created_columns(tx: Transaction) -> dict[str, Any]:
    actor = None if tx.actor is None else {"type": tx.actor.type, "id": tx.actor.id}
    return {"created_at": tx.moment, **link_columns("created_by", actor), **_updated_columns(tx)}


def _updated_columns(tx: Transaction) -> dict[str, Any]:
    actor = None if tx.actor is None else {"type": tx.actor.type, "id": tx.actor.id}
    return {"updated_at": tx.moment, **link_columns("updated_by", actor)}
