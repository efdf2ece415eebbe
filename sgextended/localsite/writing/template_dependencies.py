"""
The dependencies between the tasks that a row has from its task template.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sgextended.localsite.schedule import dependencies
from sgextended.localsite.storage.single_row_writes import insert_row, link_columns
from sgextended.localsite.storage.transaction import among
from sgextended.localsite.writing.link_writes import write_links

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sgextended.localsite.storage.transaction import Link, Transaction

# A pair of tasks: the one that waits, and the one that it waits for.
_Pair = tuple[int, int]

_ENDS = ("task__id", "dependent_task__id")
_BINDING = ("dependency_type", "offset_days")


def apply_dependencies(tx: Transaction, made: Mapping[int, int], new: set[int]) -> list[int]:
    """
    Make the tasks of a row wait for each other as the tasks of its template do, and for no other tasks.

    Dependencies that the template does not have are erased. Tasks outside the template may wait for its tasks.

    Args:
        tx: The transaction of the request.

        made: The tasks of the row, by the ids of the template's tasks.

        new: The ids of the template's tasks whose tasks were just created.

    Returns:
        The ids of the tasks that have a new dependency, apart from the tasks that were just created.
    """
    wanted = {
        (made[row["task__id"]], made[row["dependent_task__id"]]): row
        for row in _waiting(tx, made)
        if row["dependent_task__id"] in made
    }
    known = [task_id for origin, task_id in made.items() if origin not in new]
    removed: dict[int, list[Link]] = {}
    for row in _waiting(tx, known):
        pair: _Pair = (row["task__id"], row["dependent_task__id"])
        if pair in wanted and all(wanted[pair][name] == row[name] for name in _BINDING):
            del wanted[pair]
        else:
            removed.setdefault(pair[0], []).append({"type": "Task", "id": pair[1]})
    upstream = tx.schema["Task"].fields["upstream_tasks"]
    for task_id, links in removed.items():
        write_links(tx, upstream, task_id, links, "remove")
    dependencies.settle(tx, removed, hold=True)
    for (task_id, other_id), row in wanted.items():
        columns: dict[str, Any] = {name: row[name] for name in (*_BINDING, "shift_ratio")}
        columns.update(link_columns("task", {"type": "Task", "id": task_id}))
        columns.update(link_columns("dependent_task", {"type": "Task", "id": other_id}))
        insert_row(tx, "TaskDependency", columns)
    return sorted({task_id for task_id, _other_id in wanted}.intersection(known))


def _waiting(tx: Transaction, task_ids: Iterable[int]) -> list[Mapping[str, Any]]:
    """
    Return the live dependencies of tasks on the tasks that they wait for, lowest id first.
    """
    pairs = tx.tables["TaskDependency"]
    query = sa.select(*(pairs.c[name] for name in (*_ENDS, *_BINDING, "shift_ratio"))).where(
        among(pairs.c.task__id, task_ids), pairs.c.dependent_task__id.is_not(None), pairs.c.retired_at.is_(None)
    )
    return [dict(row) for row in tx.connection.execute(query.order_by(pairs.c.id)).mappings()]
