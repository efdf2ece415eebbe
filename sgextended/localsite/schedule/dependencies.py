"""
The schedule of tasks in the database: how a write of dates changes the task and the tasks that depend on it.
"""

from __future__ import annotations

import collections
import datetime as dt
from typing import TYPE_CHECKING, Any, Optional

import attrs
import sqlalchemy as sa

from sgextended.localsite.errors import DATABASE, Fault
from sgextended.localsite.schedule.task_dates import (
    PLANNED,
    Plan,
    PlanError,
    move,
    move_end,
    replan,
    respan,
    synchronized,
)
from sgextended.localsite.schedule.working_days import Calendar, work_days
from sgextended.localsite.storage.data_types import write_failed
from sgextended.localsite.storage.single_row_writes import update_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sgextended.localsite.storage.transaction import Link, Transaction

DEPENDENCY_TYPES = ("finish-to-start-next-day", "start-to-start", "finish-to-finish", "start-to-finish-next-day")
#: Columns of a dependency that decide the dates of the downstream task.
BINDING = frozenset({"dependency_type", "offset_days", "task__id", "dependent_task__id"})

_FROM_START = frozenset({"start-to-start", "start-to-finish-next-day"})
_TO_FINISH = frozenset({"finish-to-finish", "start-to-finish-next-day"})
# A write of these fields pins a task that has upstream tasks. A write of the due date alone does not.
_PINNING = frozenset({"splits", "start_date"})


@attrs.frozen
class _Bound:
    """
    The earliest day on which a task may start, or end, because of an upstream task.

    Attributes:
        day: The earliest day.

        on_end: Whether *day* is for the end of the task; False: for its start.
    """

    day: dt.date
    on_end: bool

    def start_for(self, plan: Plan, calendar: Calendar) -> dt.date:
        """
        Return the day on which *plan* starts if it keeps to this bound exactly.
        """
        moved = move_end(plan, self.day, calendar) if self.on_end else None
        return self.day if moved is None or moved.start is None else moved.start

    def is_broken_by(self, plan: Plan) -> bool:
        """
        Return whether *plan* starts or ends before this bound.
        """
        day = plan.due if self.on_end else plan.start
        return day is not None and day < self.day


def plan_new(tx: Transaction, sent: Mapping[str, Any], columns: dict[str, Any], assignees: Iterable[Link]) -> None:
    """
    Add the schedule fields that follow from those *sent* to the *columns* of a task that is about to be inserted.

    Raises:
        Fault: The dates, the duration or the splits contradict each other.
    """
    given = {name: sent[name] for name in PLANNED if name in sent}
    known = [name for name, value in given.items() if value is not None and (value or name != "milestone")]
    if len(known) > 1 or "splits" in known or "milestone" in known:
        calendar = _calendar(tx, columns.get("project__id"), assignees)
        columns.update(_replanned(tx, Plan(), given, calendar).columns(calendar))


def plan_existing(tx: Transaction, task_id: int, sent: Mapping[str, Any]) -> None:
    """
    Write the schedule fields *sent* to a task, and the fields that follow from them; then move its downstream tasks.

    Args:
        tx: The transaction of the request.

        task_id: The task. All its other fields are written already.

        sent: Columns of the task. ``pinned`` may be among them.

    Raises:
        Fault: The dates, the duration or the splits contradict each other.
    """
    row = _task(tx, task_id)
    before = Plan.from_columns(row)
    given = {name: sent[name] for name in PLANNED if name in sent}
    calendar = _calendar_of(tx, task_id, row)
    after = _replanned(tx, before, given, calendar) if given else before
    changes = _changes(row, after.columns(calendar))
    bounds = _bounds(tx, task_id, calendar)
    if "pinned" in sent:
        changes["pinned"] = sent["pinned"]
    elif bounds is not None and not _PINNING.isdisjoint(sent):
        changes["pinned"] = 1
    update_row(tx, "Task", task_id, changes)
    if bounds is not None:
        # A due date stays as it was written until an upstream task moves.
        settle(tx, [task_id], hold="due_date" in sent and "pinned" not in sent)
    moved = [changes[name] for name in ("start_date", "due_date") if name in changes]
    if moved:
        # Clearing dates moves no other task.
        settle_dependents(tx, [task_id], hold=not any(moved))


def replan_from_template(tx: Transaction, task_id: int, template: Mapping[str, Any]) -> bool:
    """
    Write the schedule of a task of a template to a task that is linked to it; return whether its dates changed.

    Args:
        tx: The transaction of the request.

        task_id: The linked task. It keeps the dates that it has.

        template: The columns of the template's task.
    """
    row = _task(tx, task_id)
    calendar = _calendar_of(tx, task_id, row)
    try:
        after = synchronized(Plan.from_columns(row), Plan.from_columns(template), calendar)
    except OverflowError as error:
        raise _out_of_range(tx) from error
    changes = _changes(row, after.columns(calendar))
    if changes:
        update_row(tx, "Task", task_id, {**changes, **_updated_columns(tx)})
    return "start_date" in changes or "due_date" in changes


def settle(tx: Transaction, task_ids: Iterable[int], *, hold: bool = False) -> None:
    """
    Move tasks to the dates that their upstream tasks allow, and then their downstream tasks.

    Args:
        tx: The transaction of the request.

        task_ids: The tasks.

        hold: Whether all tasks keep their dates, so that only dependency violations are recorded.
    """
    waiting = collections.deque(dict.fromkeys(task_ids))
    while waiting:
        task_id = waiting.popleft()
        if _resolve(tx, task_id, hold=hold):
            waiting.extend(dependents(tx, task_id))


def settle_dependents(tx: Transaction, task_ids: Iterable[int], *, hold: bool = False) -> None:
    """
    Call ``settle`` for the downstream tasks of the given tasks.
    """
    settle(tx, [waiting for task_id in task_ids for waiting in dependents(tx, task_id)], hold=hold)


def dependents(tx: Transaction, task_id: int) -> list[int]:
    """
    Return the ids of the live tasks that depend on a task, lowest id first.
    """
    pairs, tasks = tx.tables["TaskDependency"], tx.tables["Task"]
    query = sa.select(tasks.c.id).where(
        pairs.c.dependent_task__id == task_id,
        pairs.c.retired_at.is_(None),
        tasks.c.id == pairs.c.task__id,
        tasks.c.retired_at.is_(None),
    )
    return list(tx.connection.execute(query.order_by(tasks.c.id)).scalars())


def upstream_of(tx: Transaction, task_id: int) -> set[int]:
    """
    Return the ids of the tasks that a task depends on, according to its live dependencies.
    """
    pairs = tx.tables["TaskDependency"]
    query = sa.select(pairs.c.dependent_task__id).where(pairs.c.task__id == task_id, pairs.c.retired_at.is_(None))
    return set(tx.connection.execute(query).scalars())


def check_type(value: Optional[str], *, verb: str = "Create") -> None:
    """
    Raise a fault if *value* is not a type of dependency.

    Args:
        value: The type that a caller sent.

        verb: What was tried, as the fault says it.

    Raises:
        Fault: *value* is not one of ``DEPENDENCY_TYPES``.
    """
    if value not in DEPENDENCY_TYPES:
        raise Fault(
            f"{verb} failed for [TaskDependency]: Validation failed: Dependency type Dependency type "
            f"'{value or ''}' is invalid, accepted values are {', '.join(DEPENDENCY_TYPES)}.",
            DATABASE,
        )


def check_loop(tx: Transaction, task_id: int, *, verb: str = "Create") -> None:
    """
    Raise a fault if a task depends on itself, directly or through other tasks.

    Args:
        tx: The transaction of the request.

        task_id: The task.

        verb: What was tried with a dependency, as the fault says it.

    Raises:
        Fault: The dependencies of the task form a loop.
    """
    pairs = tx.tables["TaskDependency"]
    live = pairs.c.retired_at.is_(None)
    first = sa.select(pairs.c.dependent_task__id.label("id")).where(pairs.c.task__id == task_id, live)
    above = first.cte("above", recursive=True)
    further = sa.select(pairs.c.dependent_task__id).where(pairs.c.task__id == above.c.id, live)
    above = above.union(further)
    if tx.connection.execute(sa.select(above.c.id).where(above.c.id == task_id)).first() is not None:
        raise Fault(
            f"{verb} failed for [TaskDependency]: Validation failed: Can't create this dependency as it causes a loop.",
            DATABASE,
        )


def replan_around(tx: Transaction, day: dt.date, project: Optional[int], user: Optional[int], field: str) -> None:
    """
    Reschedule the tasks whose dates include *day*, after the rule for this day has changed.

    Args:
        tx: The transaction of the request.

        day: The day whose rule changed.

        project: The id of the project that has the rule.

        user: The id of the person who has the rule. Without a project and a person, it is the studio's rule.

        field: The field that is recalculated: ``"due_date"`` or ``"duration"``.
    """
    tasks = tx.tables["Task"]
    query = sa.select(tasks.c.id).where(
        tasks.c.start_date <= day.isoformat(), tasks.c.due_date >= day.isoformat(), tasks.c.retired_at.is_(None)
    )
    if project is not None:
        query = query.where(tasks.c.project__id == project)
    if user is not None:
        links = tx.tables.links
        query = query.where(
            tasks.c.id.in_(
                sa.select(links.c.left_id).where(
                    links.c.relation == "Task.task_assignees",
                    links.c.right_type == "HumanUser",
                    links.c.right_id == user,
                )
            )
        )
    moved = []
    for task_id in list(tx.connection.execute(query.order_by(tasks.c.id)).scalars()):
        row = _task(tx, task_id)
        plan = Plan.from_columns(row)
        if plan.milestone:
            continue
        calendar = _calendar_of(tx, task_id, row)
        keeps_end = field == "duration" or plan.duration is None or bool(plan.pieces)
        try:
            after = respan(plan, calendar) if keeps_end or plan.start is None else move(plan, plan.start, calendar)
        except OverflowError as error:
            raise _out_of_range(tx) from error
        changes = _changes(row, after.columns(calendar))
        if changes:
            update_row(tx, "Task", task_id, {**changes, **_updated_columns(tx)})
            moved.append(task_id)
    settle_dependents(tx, moved)


def _resolve(tx: Transaction, task_id: int, *, hold: bool) -> bool:
    """
    Move one task to the dates that its upstream tasks allow; return whether its dates changed.
    """
    row = _task(tx, task_id)
    calendar = _calendar_of(tx, task_id, row)
    plan = Plan.from_columns(row)
    bounds = _bounds(tx, task_id, calendar) or []
    if row["pinned"] or hold or not bounds:
        # Only a pinned task reports that it is too early. The next write of an upstream task moves the others.
        broken = int(bool(row["pinned"]) and any(bound.is_broken_by(plan) for bound in bounds))
        update_row(tx, "Task", task_id, _changes(row, {"dependency_violation": broken}))
        return False
    try:
        latest = max(bounds, key=lambda bound: bound.start_for(plan, calendar))
        after = (move_end if latest.on_end else move)(plan, latest.day, calendar)
    except OverflowError as error:
        raise _out_of_range(tx) from error
    changes = _changes(row, {**after.columns(calendar), "dependency_violation": 0})
    if changes:
        update_row(tx, "Task", task_id, {**changes, **_updated_columns(tx)})
    return "start_date" in changes or "due_date" in changes


def _bounds(tx: Transaction, task_id: int, calendar: Calendar) -> Optional[list[_Bound]]:
    """
    Return the bounds that its upstream tasks set for a task; None if it has no upstream tasks.
    """
    pairs, tasks = tx.tables["TaskDependency"], tx.tables["Task"]
    query = sa.select(pairs.c.dependency_type, pairs.c.offset_days, tasks.c.start_date, tasks.c.due_date).where(
        pairs.c.task__id == task_id,
        pairs.c.retired_at.is_(None),
        tasks.c.id == pairs.c.dependent_task__id,
        tasks.c.retired_at.is_(None),
    )
    rows = tx.connection.execute(query).all()
    bounds = []
    for kind, offset, start, due in rows:
        text = start if kind in _FROM_START else due
        if text is None:
            continue
        day = dt.date.fromisoformat(text)
        try:
            if kind == "finish-to-start-next-day":
                day = calendar.forward(day + dt.timedelta(days=1), 1)
            elif kind == "start-to-finish-next-day":
                # The upstream task starts on the working day after the end of the downstream task.
                day = calendar.backward(day - dt.timedelta(days=1), 1)
            bounds.append(_Bound(calendar.shift(day, offset or 0), kind in _TO_FINISH))
        except OverflowError as error:
            raise _out_of_range(tx) from error
    return bounds if rows else None


def _replanned(tx: Transaction, plan: Plan, sent: Mapping[str, Any], calendar: Calendar) -> Plan:
    fields = tx.schema["Task"].fields
    try:
        return replan(plan, sent, calendar)
    except PlanError as error:
        raise write_failed(tx, fields[error.field], str(error)) from error
    except OverflowError as error:
        raise _out_of_range(tx) from error


def _out_of_range(tx: Transaction) -> Fault:
    return write_failed(tx, tx.schema["Task"].fields["due_date"], "(task.rb) The date is outside the calendar.")


def _task(tx: Transaction, task_id: int) -> Mapping[str, Any]:
    tasks = tx.tables["Task"]
    names = (*PLANNED, "split_durations", "pinned", "dependency_violation", "project__id")
    query = sa.select(*(tasks.c[name] for name in names)).where(tasks.c.id == task_id)
    return dict(tx.connection.execute(query).mappings().one())


def _calendar_of(tx: Transaction, task_id: int, row: Mapping[str, Any]) -> Calendar:
    if not work_days(tx).has_personal_rules:
        return _calendar(tx, row["project__id"], ())
    links = tx.tables.links
    query = sa.select(links.c.right_type.label("type"), links.c.right_id.label("id")).where(
        links.c.relation == "Task.task_assignees", links.c.left_type == "Task", links.c.left_id == task_id
    )
    return _calendar(tx, row["project__id"], [dict(link) for link in tx.connection.execute(query).mappings()])


def _calendar(tx: Transaction, project: Optional[int], assignees: Iterable[Link]) -> Calendar:
    people = [link["id"] for link in assignees if link["type"] == "HumanUser"]
    return work_days(tx).calendar(project, people)


def _changes(row: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in columns.items() if row[name] != value}


def _updated_columns(tx: Transaction) -> dict[str, Any]:
    actor = tx.actor
    return {
        "updated_at": tx.moment,
        "updated_by__type": None if actor is None else actor.type,
        "updated_by__id": None if actor is None else actor.id,
    }
