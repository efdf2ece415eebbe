"""
The event log: an EventLogEntry for every change that a request makes, as sites write them.

Changes are recorded while the request runs, and their entries are written at its end by one statement. Only one
transaction writes at a time, so the ids of the entries increase in the order in which requests end. No reader sees a
later entry before an earlier one, unless the fault ``late-events`` is active.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Optional

import attrs

from sgextended.localsite.schedule.dependencies import DEPENDENCY_TYPES
from sgextended.localsite.schema.link_relations import Reverse, Through, relation_for
from sgextended.localsite.schema.reverse_links import mirror_of, views_of
from sgextended.localsite.storage.file_columns import image_attachment
from sgextended.localsite.writing.event_rows import Event, EventWriter, Key, attribute_meta

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sgextended.localsite.schema.entity_types import Field
    from sgextended.localsite.storage.transaction import Actor, Transaction
    from sgextended.localsite.writing.late_events import Delay

#: How the log writes moments inside ``meta``.
LOG_MOMENT = "%Y-%m-%d %H:%M:%S UTC"

# The site sets these fields itself, so changes of them are not logged.
_UNLOGGED = frozenset(
    {"cached_display_name", "created_at", "created_by", "reply_content", "retired_at", "updated_at", "updated_by"}
)
# The creation of a row does not log its project, nor the defaults of these fields.
_UNLOGGED_DEFAULTS = {
    "Task": frozenset({"time_logs_sum", "workload_assignee_count"}),
    "TaskDependency": frozenset({"dependency_type", "offset_days"}),
    "Ticket": frozenset({"time_logs_sum"}),
}
# The two ends of a dependency, with the list of the task at this end that shows the task at the other end.
_DEPENDENCY_LISTS = (("task", "upstream_tasks"), ("dependent_task", "downstream_tasks"))


@attrs.frozen
class _Cause:
    """
    The change of a multi-entity field that is being written: its event and field, and its connection type if any.
    """

    event: Event
    path: str
    connection: Optional[str]


class EventRecorder:
    """
    Records the events of one transaction.

    Nothing is recorded while the transaction has no actor, because filling a new site is not an event, or for a script
    that is set to leave no entries.

    Args:
        draw: Returns how late the next block of entries becomes visible. None: all entries are visible at once.
    """

    def __init__(
        self, draw: Optional[Callable[[], Optional[Delay]]] = None, *, is_wanted: Optional[bool] = None
    ) -> None:
        self._draw = draw
        # None: the settings of the actor decide.
        self._is_wanted = is_wanted
        self._pending: list[Event] = []
        self._created: dict[Key, str] = {}  # the rows that were created, and the request that created each
        self._erased: dict[Key, Optional[str]] = {}
        self._cause: Optional[_Cause] = None

    def row_created(self, tx: Transaction, entity_type: str, entity_id: int, row: Mapping[str, Any]) -> None:
        """
        Record that a row was inserted; *row* is its columns.
        """
        if entity_type == "EventLogEntry" and tx.actor is not None:
            tx.logged.append(entity_id)
        if not self._records(tx) or self._is_part(entity_type):
            return
        key = (entity_type, entity_id)
        self._created[key] = tx.rpc
        meta = {"type": "new_entity", "entity_type": entity_type, "entity_id": entity_id}
        self._pending.append(Event("New", key, meta=meta, description="created new"))
        nothing = dict.fromkeys(row)
        changes: dict[str, Event] = {}
        for field, _old, new in _differences(tx, entity_type, nothing, row):
            event = Event("Change", key, field.name, field, None, new, in_create=True)
            if not _is_unlogged_value(tx, field, row):
                self._pending.append(event)
                changes[field.name] = event
            self._record_mirrors(tx, event)
        if entity_type == "TaskDependency":
            self._record_dependency(tx, changes)

    def columns_before(
        self, tx: Transaction, entity_type: str, entity_id: int, changes: Mapping[str, Any]
    ) -> Optional[dict[str, Any]]:
        """
        Return the columns that an update is about to change; None if the change will not be logged.
        """
        if not self._records(tx) or _UNLOGGED.issuperset(changes):
            return None
        columns = ", ".join(f'"{name}"' for name in changes)
        query = f'SELECT {columns} FROM "{entity_type}" WHERE id = ?'  # noqa: S608 - names of our own columns
        row = tx.connection.exec_driver_sql(query, (entity_id,)).first()
        return None if row is None else dict(zip(changes, row))

    def row_changed(
        self,
        tx: Transaction,
        entity_type: str,
        entity_id: int,
        old: Optional[Mapping[str, Any]],
        new: Mapping[str, Any],
    ) -> None:
        """
        Record that columns of a row were changed; *old* is the result of ``columns_before``.
        """
        if not self._records(tx) or old is None or self._is_part(entity_type):
            return
        key, cause = (entity_type, entity_id), self._cause
        in_create = self._is_in_create(tx, key) and cause is None
        for field, old_value, new_value in _differences(tx, entity_type, old, new):
            event = Event("Change", key, field.name, field, old_value, new_value, in_create=in_create)
            if cause is not None and cause.event.key != key:
                event.actual, event.original = cause.path, cause.event
            if field.data_type == "image" and new_value is not None:
                # A site logs a thumbnail on receipt and again when it is made, which here is the same moment.
                self._pending.append(attrs.evolve(event, meta={"is_transient": True}))
            self._pending.append(event)
            self._record_mirrors(tx, event)

    def row_retired(self, tx: Transaction, entity_type: str, entity_id: int) -> None:
        """
        Record that a row was retired.
        """
        if not self._records(tx) or self._is_part(entity_type):
            return
        key = (entity_type, entity_id)
        moment = tx.now.strftime(LOG_MOMENT)
        text = 'changed "Retirement Date" on'
        change = Event("Change", key, "retirement_date", old=None, new=moment, description=text)
        change.meta = {**attribute_meta(change), "old_value": None, "new_value": moment}
        meta = {**_row_meta(tx, "entity_retirement", key), "retirement_date": moment}
        self._pending += [change, Event("Retirement", key, meta=meta, description="deleted")]

    def row_erased(self, tx: Transaction, entity_type: str, entity_id: int) -> None:
        """
        Record that a row is about to be erased. Its entry is the one of a retirement.
        """
        if self._records(tx) and not self._is_part(entity_type):
            key = (entity_type, entity_id)
            self.row_retired(tx, entity_type, entity_id)
            self._erased[key] = _name_of(tx, key)

    def row_revived(self, tx: Transaction, entity_type: str, entity_id: int) -> None:
        """
        Record that a retired row was revived.
        """
        if self._records(tx):
            key = (entity_type, entity_id)
            meta = _row_meta(tx, "entity_revival", key)
            self._pending.append(Event("Revival", key, meta=meta, description="revived"))

    @contextlib.contextmanager
    def links_changed(
        self, tx: Transaction, field: Field, entity_id: int, added: Iterable[Key], removed: Iterable[Key]
    ) -> Iterator[None]:
        """
        Record that links of a multi-entity field change; the row changes inside the block are how they change.
        """
        key = (field.entity_type, entity_id)
        event = Event("Change", key, field.name, field, added=tuple(added), removed=tuple(removed))
        if not self._records(tx) or not (event.added or event.removed):
            yield
            return
        event.in_create = self._is_in_create(tx, key)
        relation = relation_for(field)
        outer, connection = self._cause, relation.connection if isinstance(relation, Through) else None
        self._pending.append(event)
        self._cause = _Cause(event, field.path, connection)
        try:
            yield
        finally:
            self._cause = outer
        if not isinstance(relation, Reverse):
            for far in (*event.added, *event.removed):
                mirror = mirror_of(tx.schema, field, far[0])
                if mirror is not None:
                    self._add_back_reference(event, far, mirror, key, gained=far in event.added)

    def log(
        self,
        tx: Transaction,
        event_type: str,
        key: Key,
        meta: dict[str, Any],
        description: str,
        *,
        attribute: Optional[str] = None,
    ) -> None:
        """
        Record an event of any other kind.

        Args:
            tx: The transaction.

            event_type: The event's full type, such as ``"Shotgun_User_Login"``.

            key: Type and id of the row that the event is about; the type may be one that callers cannot query.

            meta: The entry's ``meta``.

            description: The words between the actor's name and the row's name, such as ``"logged in:"``.

            attribute: The field that the event is about, if any.
        """
        if self._records(tx):
            self._pending.append(Event(event_type, key, attribute, meta=meta, description=description))

    def write(self, tx: Transaction) -> None:
        """
        Write the recorded events as rows, so that they become visible together with the request's changes.
        """
        if not self._pending or tx.actor is None:
            return
        pending, self._pending = self._pending, []
        EventWriter(tx, tx.actor, pending, self._erased, self._draw).write()

    def _records(self, tx: Transaction) -> bool:
        if tx.actor is None:
            return False
        if self._is_wanted is None:
            self._is_wanted = _wants_events(tx, tx.actor)
        return self._is_wanted

    def _is_in_create(self, tx: Transaction, key: Key) -> bool:
        """
        Return whether a change of a row belongs to the creation of the row. Templates create tasks also in updates.
        """
        return self._created.get(key) == tx.rpc

    def _is_part(self, entity_type: str) -> bool:
        """
        Return whether rows of the type are not logged: the log's own, or those of the connection that a link consists
        of.
        """
        cause = self._cause
        return entity_type == "EventLogEntry" or (cause is not None and cause.connection == entity_type)

    def _record_mirrors(self, tx: Transaction, event: Event) -> None:
        """
        Record the change of a link for the lists that show it from the other end.
        """
        field = event.field
        if field is None or field.data_type != "entity":
            return
        seen_from = views_of(tx.schema).reverses.get((field.entity_type, field.name))
        if not seen_from:
            return
        cause = self._cause
        for far, gained in ((event.old, False), (event.new, True)):
            mirror = None if far is None else seen_from.get(far[0])
            if mirror is not None and (cause is None or cause.event.key != far):
                self._add_back_reference(event.original or event, far, mirror, event.key, gained=gained)

    def _add_back_reference(self, original: Event, far: Key, mirror: Field, own: Key, *, gained: bool) -> None:
        links = {"added": (own,)} if gained else {"removed": (own,)}
        actual = None if original.field is None else original.field.path
        event = Event("Change", far, mirror.name, mirror, original=original, actual=actual, **links)  # type: ignore[arg-type]
        event.in_create = original.in_create
        self._pending.append(event)

    def _record_dependency(self, tx: Transaction, changes: Mapping[str, Event]) -> None:
        """
        Record a new dependency for the lists of both tasks.
        """
        tasks = tx.schema["Task"].fields
        for (end, name), far_end in zip(_DEPENDENCY_LISTS, ("dependent_task", "task")):
            if end in changes and far_end in changes:
                own, far = changes[end].new, changes[far_end].new
                self._add_back_reference(changes[end], own, tasks[name], far, gained=True)


def _is_unlogged_value(tx: Transaction, field: Field, row: Mapping[str, Any]) -> bool:
    """
    Return whether the creation of a row does not log a value: its project, or a default that no caller chose.
    """
    if field.name == "project":
        # Where the project lists the row, the change of that list refers to this one.
        return (field.entity_type, field.name) not in views_of(tx.schema).reverses
    defaults = _UNLOGGED_DEFAULTS.get(field.entity_type, frozenset())
    return field.name in defaults and row[field.name] in (0, DEPENDENCY_TYPES[0])


def _wants_events(tx: Transaction, actor: Actor) -> bool:
    caller = actor.caller or actor
    if caller.type != "ApiUser":
        return True
    query = 'SELECT generate_event_log_entries FROM "ApiUser" WHERE id = ?'
    return bool(tx.connection.exec_driver_sql(query, (caller.id,)).scalar())


def _differences(
    tx: Transaction, entity_type: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[tuple[Field, Any, Any]]:
    """
    Yield each field whose value differs, with the old and the new value. A link is a pair of type and id.
    """
    fields = tx.schema[entity_type].fields
    for column in new:
        name, _, end = column.rpartition("__")
        field = fields.get(column) or (fields.get(name) if end == "id" else None)
        if field is None or field.name in _UNLOGGED:
            continue
        old_value: Any = old.get(column)
        new_value: Any = new[column]
        if field.data_type == "entity":
            kind = f"{field.name}__type"
            old_value = None if old_value is None else (old.get(kind), old_value)
            new_value = None if new_value is None else (new.get(kind), new_value)
        elif field.data_type == "checkbox":
            # A checkbox always has a value. Its value in a new row is False.
            old_value, new_value = bool(old_value), bool(new_value)
        elif field.data_type == "image":
            old_value, new_value = (value and image_attachment(value) for value in (old_value, new_value))
        if old_value != new_value:
            yield field, old_value, new_value


def _row_meta(tx: Transaction, kind: str, key: Key) -> dict[str, Any]:
    return {
        "type": kind,
        "id": key[1],
        "class_name": key[0],
        "display_name": _name_of(tx, key),
        "entity_type": key[0],
        "entity_id": key[1],
    }


def _name_of(tx: Transaction, key: Key) -> Optional[str]:
    query = "SELECT name FROM directory WHERE type = ? AND id = ?"
    name: Optional[str] = tx.connection.exec_driver_sql(query, key).scalar()
    return name
