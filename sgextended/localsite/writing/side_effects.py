"""
The effects of a write on other rows: tasks are rescheduled, and task templates create and change tasks.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Optional

import attrs
import sqlalchemy as sa

from sgextended.localsite.errors import DATABASE, Fault
from sgextended.localsite.schedule import dependencies
from sgextended.localsite.schedule.task_dates import PLANNED
from sgextended.localsite.storage.single_row_writes import insert_row, link_columns
from sgextended.localsite.writing.task_templates import apply_template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sgextended.localsite.schema.entity_types import EntityType, Field
    from sgextended.localsite.storage.transaction import Link, Transaction

_NEIGHBOURS = frozenset({"downstream_tasks", "upstream_tasks"})
_TIMED = frozenset({*PLANNED, "pinned"})

# The type of a page that a person creates through the API, and the shared settings that it gets.
_NEW_PAGE = "canvas"
_NEW_SETTINGS = {"type": "SG.Widget.Canvas", "settings": {}, "children": {}}

_WITHOUT_RETIREMENT = frozenset({"PageSetting"})

#: A multi-entity field, the links sent for it, and the mode in which they were sent.
LinkChange = tuple["Field", "list[Link]", str]


def prepare_create(
    tx: Transaction,
    entity_type: EntityType,
    sent: dict[str, Any],
    columns: dict[str, Any],
    links: Sequence[LinkChange],
) -> None:
    """
    Add the columns that follow from those *sent* to the *columns* of a new row.

    Raises:
        Fault: A script creates a page, or a dependency has no valid type.
    """
    if entity_type.name == "Task":
        if not _TIMED.isdisjoint(sent):
            people = [link for field, given, _mode in links if field.name == "task_assignees" for link in given]
            dependencies.plan_new(tx, sent, columns, people)
    elif entity_type.name == "Page":
        if tx.actor is not None and tx.actor.type != "HumanUser":
            # The numbers are those of Ruby classes, which differ from server to server.
            raise Fault(f"Create failed for [Page]: HumanUser(#69880) expected, got {tx.actor.type}(#72140)", DATABASE)
        columns["page_type"] = _NEW_PAGE
    elif entity_type.name == "TaskDependency":
        columns.setdefault("dependency_type", dependencies.DEPENDENCY_TYPES[0])
        dependencies.check_type(columns["dependency_type"])


def finish_create(
    tx: Transaction,
    entity_type: EntityType,
    entity_id: int,
    columns: dict[str, Any],
    links: Sequence[LinkChange],
) -> None:
    """
    Apply the effects of a row's creation on other rows. The row and its links are written already.
    """
    if entity_type.name == "Task":
        dated = columns.get("start_date") is not None or columns.get("due_date") is not None
        for field, given, _mode in links:
            if field.name == "upstream_tasks" and given:
                dependencies.check_loop(tx, entity_id)
                # A task that is created with dates keeps them until an upstream task moves.
                dependencies.settle(tx, [entity_id], hold=dated)
            elif field.name == "downstream_tasks" and given:
                dependencies.check_loop(tx, entity_id)
                dependencies.settle(tx, [link["id"] for link in given])
    elif entity_type.name == "Page":
        page = link_columns("page", {"type": "Page", "id": entity_id})
        dates = {"created_at": tx.moment}
        insert_row(tx, "PageSetting", {**page, **dates, "settings_json": json.dumps(_NEW_SETTINGS)})
    elif entity_type.name == "TaskDependency":
        _check_and_settle(tx, columns.get("task__id"))
    elif columns.get("task_template__id") is not None:
        apply_template(tx, {"type": entity_type.name, "id": entity_id}, columns["task_template__id"])


@attrs.define
class Update:
    """
    An update of one row and its effects on other rows.

    Attributes:
        columns: The columns to write to the row first. ``finish`` writes the others.
    """

    columns: dict[str, Any]
    _timed: dict[str, Any]
    _before: dict[str, Any]
    _neighbours: dict[str, set[int]]

    @classmethod
    def begin(
        cls,
        tx: Transaction,
        entity_type: EntityType,
        entity_id: int,
        columns: dict[str, Any],
        links: Sequence[LinkChange],
    ) -> Update:
        """
        Return the update of a row by *columns* and *links*. Call this before any of them is written.
        """
        timed: dict[str, Any] = {}
        neighbours: dict[str, set[int]] = {}
        wanted: list[str] = []
        if entity_type.name == "Task":
            timed = {name: value for name, value in columns.items() if name in _TIMED}
            columns = {name: value for name, value in columns.items() if name not in _TIMED}
            for field, _given, _mode in links:
                if field.name in _NEIGHBOURS:
                    neighbours[field.name] = _neighbours(tx, field, entity_id)
        elif entity_type.name == "TaskDependency":
            if "dependency_type" in columns:
                dependencies.check_type(columns["dependency_type"], verb="Update")
            wanted = [] if dependencies.BINDING.isdisjoint(columns) else ["task__id"]
        elif columns.get("task_template__id") is not None:
            wanted = ["task_template__id"]
        before: dict[str, Any] = {}
        if wanted:
            table = tx.tables[entity_type.name]
            query = sa.select(*(table.c[name] for name in wanted)).where(table.c.id == entity_id)
            before = dict(tx.connection.execute(query).mappings().one())
        return cls(columns, timed, before, neighbours)

    def finish(self, tx: Transaction, entity_type: EntityType, entity_id: int, links: Sequence[LinkChange]) -> None:
        """
        Apply the effects of the update on the rest of the row and on other rows.

        ``columns`` and the links are written already.
        """
        if entity_type.name == "Task":
            for field, given, _mode in links:
                if field.name in _NEIGHBOURS:
                    self._relink(tx, field, entity_id, given)
            if self._timed:
                dependencies.plan_existing(tx, entity_id, self._timed)
        elif entity_type.name == "TaskDependency" and self._before:
            waiting = self.columns.get("task__id", self._before["task__id"])
            _check_and_settle(tx, waiting, verb="Update")
            if self._before["task__id"] not in (None, waiting):
                dependencies.settle(tx, [self._before["task__id"]], hold=True)
        elif self._before and self._before["task_template__id"] != self.columns["task_template__id"]:
            entity = {"type": entity_type.name, "id": entity_id}
            apply_template(tx, entity, self.columns["task_template__id"])

    def _relink(self, tx: Transaction, field: Field, task_id: int, given: list[Link]) -> None:
        before = self._neighbours[field.name]
        after = _neighbours(tx, field, task_id)
        dependencies.check_loop(tx, task_id)
        if field.name == "upstream_tasks":
            # A task that only loses upstream tasks keeps its dates.
            retyped = any("dependency_type" in link for link in given)
            dependencies.settle(tx, [task_id], hold=after <= before and not retyped)
        else:
            dependencies.settle(tx, sorted(after))
            dependencies.settle(tx, sorted(before - after), hold=True)


def check_delete(tx: Transaction, entity_type: EntityType, entity_id: int) -> None:
    """
    Raise a fault if a row cannot be retired.

    Raises:
        Fault: The row is a reply without an entity, or rows of its type are not retired.
    """
    if entity_type.name in _WITHOUT_RETIREMENT:
        raise Fault(f"Entity type {entity_type.name} doesn't respond to retirement", DATABASE)
    if entity_type.name == "Reply" and _column(tx, "Reply", "entity__id", entity_id) is None:
        raise Fault(f"Delete failed for [Reply]: The reply with id={entity_id} has no entity.", DATABASE)


def waiting_for(tx: Transaction, entity_type: EntityType, entity_id: int) -> list[int]:
    """
    Return the ids of the tasks whose schedule a row's retirement or revival affects. The row must be live.
    """
    if entity_type.name == "Task":
        return dependencies.dependents(tx, entity_id)
    if entity_type.name == "TaskDependency":
        task_id = _column(tx, "TaskDependency", "task__id", entity_id)
        return [] if task_id is None else [task_id]
    return []


def finish_delete(tx: Transaction, waiting: list[int]) -> None:
    """
    Update the dependency violations of the tasks that depended on a retired row. They keep their dates.
    """
    dependencies.settle(tx, waiting, hold=True)


def finish_revive(tx: Transaction, entity_type: EntityType, entity_id: int) -> None:
    """
    Move the tasks that a revived row affects to the dates that their upstream tasks allow.

    Raises:
        Fault: The dependencies that are live again form a loop with those that were made in the meantime.
    """
    waiting = waiting_for(tx, entity_type, entity_id)
    revived = waiting
    if entity_type.name == "Task":
        waiting.insert(0, entity_id)
        revived = [entity_id]
    elif entity_type.name == "TaskTemplate":
        tasks = tx.tables["Task"]
        revived = list(
            tx.connection.execute(sa.select(tasks.c.id).where(tasks.c.task_template__id == entity_id)).scalars()
        )
    for task_id in revived:
        dependencies.check_loop(tx, task_id)
    dependencies.settle(tx, waiting)


def _check_and_settle(tx: Transaction, task_id: Optional[int], *, verb: str = "Create") -> None:
    if task_id is not None:
        dependencies.check_loop(tx, task_id, verb=verb)
        dependencies.settle(tx, [task_id])


def _neighbours(tx: Transaction, field: Field, task_id: int) -> set[int]:
    if field.name == "upstream_tasks":
        return dependencies.upstream_of(tx, task_id)
    return set(dependencies.dependents(tx, task_id))


def _column(tx: Transaction, entity_type: str, name: str, entity_id: int) -> Any:
    table = tx.tables[entity_type]
    return tx.connection.execute(sa.select(table.c[name]).where(table.c.id == entity_id)).scalar()
