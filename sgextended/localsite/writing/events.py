"""
The event log: an EventLogEntry for every change that a request makes, as on a real site.

Events are recorded while the request runs, and all are written at its end. The names, statuses and projects in the
entries are read once per type, and one statement inserts all entries. Only one request writes at a time. The ids of the
entries therefore increase in the order in which requests end, and no reader sees a later entry before an earlier one.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from typing import TYPE_CHECKING, Any, Optional

import attrs

from sgextended.localsite.files.file_store import image_attachment
from sgextended.localsite.schema.link_relations import Reverse, Through, relation_for
from sgextended.localsite.schema.reverse_links import mirror_of, views_of
from sgextended.localsite.storage.data_types import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sgextended.localsite.schema.entity_types import Field
    from sgextended.localsite.storage.transaction import Actor, Transaction

Key = tuple[str, int]

#: The format of moments inside ``meta``.
LOG_MOMENT = "%Y-%m-%d %H:%M:%S UTC"

# The site updates these fields by itself, so their changes make no events.
_SILENT = frozenset({"cached_display_name", "created_at", "created_by", "retired_at", "updated_at", "updated_by"})
_STATUS_FIELDS = ("sg_status_list", "sg_status")
_LONGEST_VALUE = 200
_UUIDS = uuid.UUID("6f7c1a52-2f0b-5a86-9b0e-3d1c5a4e8f10")


@attrs.define(eq=False)
class _Event:
    """
    One entry before it is written. Links are pairs of type and id until their names are read.
    """

    kind: str
    key: Key
    attribute: Optional[str] = None
    field: Optional[Field] = None
    old: Any = None
    new: Any = None
    added: tuple[Key, ...] = ()
    removed: tuple[Key, ...] = ()
    in_create: bool = False
    actual: Optional[str] = None
    original: Optional[_Event] = None
    meta: dict[str, Any] = attrs.field(factory=dict)
    description: str = ""
    project_id: Optional[int] = None
    number: int = 0

    def links(self) -> Iterator[Key]:
        yield from self.added
        yield from self.removed
        if self.field is not None and self.field.data_type == "entity":
            yield from (key for key in (self.old, self.new) if key is not None)


@attrs.frozen
class _Cause:
    """
    The change of a multi-entity field that is being written: its event and field, and its connection type if any.
    """

    event: _Event
    path: str
    connection: Optional[str]


@attrs.define(eq=False)
class Recorder:
    """
    The events of one request so far.

    Attributes:
        wanted: Whether events are recorded. A script can be configured to generate no event log entries.

        pending: The events that are not written yet.

        fresh: The rows that this request created.

        cause: The change of links that is being written, if any.
    """

    wanted: bool
    pending: list[_Event] = attrs.field(factory=list)
    fresh: set[Key] = attrs.field(factory=set)
    cause: Optional[_Cause] = None


def created(tx: Transaction, entity_type: str, entity_id: int, row: Mapping[str, Any]) -> None:
    """
    Record that a row was inserted; *row* is its columns.
    """
    recorder = _recorder(tx)
    if recorder is None or _is_part(recorder, entity_type):
        return
    key = (entity_type, entity_id)
    recorder.fresh.add(key)
    meta = {"type": "new_entity", "entity_type": entity_type, "entity_id": entity_id}
    recorder.pending.append(_Event("New", key, meta=meta, description="created new"))
    nothing = dict.fromkeys(row)
    for field, _old, new in _differences(tx, entity_type, nothing, row):
        event = _Event("Change", key, field.name, field, None, new, in_create=True)
        recorder.pending.append(event)
        _mirror(tx, recorder, event)


def before(tx: Transaction, entity_type: str, entity_id: int, changes: Mapping[str, Any]) -> Optional[dict[str, Any]]:
    """
    Return the current values of the columns that an update will change; None if the update makes no events.
    """
    if _recorder(tx) is None or _SILENT.issuperset(changes):
        return None
    columns = ", ".join(f'"{name}"' for name in changes)
    row = tx.connection.exec_driver_sql(f'SELECT {columns} FROM "{entity_type}" WHERE id = ?', (entity_id,)).first()  # noqa: S608 - names of our own columns
    return None if row is None else dict(zip(changes, row))


def changed(
    tx: Transaction, entity_type: str, entity_id: int, old: Optional[Mapping[str, Any]], new: Mapping[str, Any]
) -> None:
    """
    Record that columns of a row were changed; *old* is the result of ``before``.
    """
    recorder = _recorder(tx)
    if recorder is None or old is None or _is_part(recorder, entity_type):
        return
    key, cause = (entity_type, entity_id), recorder.cause
    in_create = tx.rpc == "create" and key in recorder.fresh and cause is None
    for field, old_value, new_value in _differences(tx, entity_type, old, new):
        event = _Event("Change", key, field.name, field, old_value, new_value, in_create=in_create)
        if cause is not None and cause.event.key != key:
            event.actual, event.original = cause.path, cause.event
        if field.data_type == "image" and new_value is not None:
            # A real site writes one event when it receives a thumbnail and another when the thumbnail is ready. Here
            # both happen at the same moment.
            recorder.pending.append(attrs.evolve(event, meta={"is_transient": True}))
        recorder.pending.append(event)
        _mirror(tx, recorder, event)


def retired(tx: Transaction, entity_type: str, entity_id: int) -> None:
    """
    Record that a row was retired.
    """
    recorder = _recorder(tx)
    if recorder is None or _is_part(recorder, entity_type):
        return
    key = (entity_type, entity_id)
    moment = tx.now.strftime(LOG_MOMENT)
    change = _Event("Change", key, "retirement_date", old=None, new=moment, description='changed "Retirement Date" on')
    change.meta = {**_attribute_meta(change), "old_value": None, "new_value": moment}
    meta = {**_row_meta(tx, "entity_retirement", key), "retirement_date": moment}
    recorder.pending += [change, _Event("Retirement", key, meta=meta, description="deleted")]


def revived(tx: Transaction, entity_type: str, entity_id: int) -> None:
    """
    Record that a row was revived.
    """
    recorder = _recorder(tx)
    if recorder is not None:
        key = (entity_type, entity_id)
        meta = _row_meta(tx, "entity_revival", key)
        recorder.pending.append(_Event("Revival", key, meta=meta, description="revived"))


@contextlib.contextmanager
def relinking(
    tx: Transaction, field: Field, entity_id: int, added: Iterable[Key], removed: Iterable[Key]
) -> Iterator[None]:
    """
    Record that links of a multi-entity field change. All writes inside the block count as parts of this change.
    """
    recorder = _recorder(tx)
    key = (field.entity_type, entity_id)
    event = _Event("Change", key, field.name, field, added=tuple(added), removed=tuple(removed))
    if recorder is None or not (event.added or event.removed):
        yield
        return
    event.in_create = tx.rpc == "create" and key in recorder.fresh
    relation = relation_for(field)
    outer, connection = recorder.cause, relation.connection if isinstance(relation, Through) else None
    recorder.pending.append(event)
    recorder.cause = _Cause(event, field.path, connection)
    try:
        yield
    finally:
        recorder.cause = outer
    if not isinstance(relation, Reverse):
        for far in (*event.added, *event.removed):
            mirror = mirror_of(tx.schema, field, far[0])
            if mirror is not None:
                _add_back_reference(recorder, event, far, mirror, key, gained=far in event.added)


def log(
    tx: Transaction,
    event_type: str,
    key: Key,
    meta: dict[str, Any],
    description: str,
    *,
    attribute: Optional[str] = None,
    project_id: Optional[int] = None,
) -> None:
    """
    Record an event of any other type.

    Args:
        tx: The transaction of the request.

        event_type: The full event type, such as ``"Shotgun_User_Login"``.

        key: The type and id of the row. The type may be one that callers cannot query.

        meta: The value of the entry's ``meta``.

        description: The text between the name of the user and the name of the row, such as ``"logged in:"``.

        attribute: The name of the field, if the event is about one.

        project_id: The id of the event's project. None: the project of the row.
    """
    recorder = _recorder(tx)
    if recorder is not None:
        event = _Event(event_type, key, attribute, meta=meta, description=description, project_id=project_id)
        recorder.pending.append(event)


def write_events(tx: Transaction) -> None:
    """
    Write the recorded events, so that they become visible together with the request's other changes.
    """
    recorder = tx.events
    if recorder is None or not recorder.pending or tx.actor is None:
        return
    pending, recorder.pending = recorder.pending, []
    writer = _Writer(tx, tx.actor, pending)
    writer.write()


def _recorder(tx: Transaction) -> Optional[Recorder]:
    # Without a current user, the site itself is writing. Filling a new site makes no events.
    if tx.actor is None:
        return None
    if tx.events is None:
        tx.events = Recorder(_is_wanted(tx, tx.actor))
    return tx.events if tx.events.wanted else None


def _is_wanted(tx: Transaction, actor: Actor) -> bool:
    caller = actor.caller or actor
    if caller.type != "ApiUser":
        return True
    query = 'SELECT generate_event_log_entries FROM "ApiUser" WHERE id = ?'
    return bool(tx.connection.exec_driver_sql(query, (caller.id,)).scalar())


def _is_part(recorder: Recorder, entity_type: str) -> bool:
    """
    Return whether rows of the type make no events: event log entries, and connections of a link that is being changed.
    """
    cause = recorder.cause
    return entity_type == "EventLogEntry" or (cause is not None and cause.connection == entity_type)


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
        if field is None or field.name in _SILENT:
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


def _mirror(tx: Transaction, recorder: Recorder, event: _Event) -> None:
    """
    Record the events of the multi-entity fields that show a changed link from the other end.
    """
    field = event.field
    if field is None or field.data_type != "entity":
        return
    seen_from = views_of(tx.schema).reverses.get((field.entity_type, field.name))
    if not seen_from:
        return
    cause = recorder.cause
    for far, gained in ((event.old, False), (event.new, True)):
        mirror = None if far is None else seen_from.get(far[0])
        if mirror is not None and (cause is None or cause.event.key != far):
            _add_back_reference(recorder, event.original or event, far, mirror, event.key, gained=gained)


def _add_back_reference(
    recorder: Recorder, original: _Event, far: Key, mirror: Field, own: Key, *, gained: bool
) -> None:
    links = {"added": (own,)} if gained else {"removed": (own,)}
    actual = None if original.field is None else original.field.path
    recorder.pending.append(
        _Event("Change", far, mirror.name, mirror, original=original, actual=actual, **links)  # type: ignore[arg-type]
    )


def _attribute_meta(event: _Event) -> dict[str, Any]:
    return {
        "type": "attribute_change",
        "attribute_name": event.attribute,
        "entity_type": event.key[0],
        "entity_id": event.key[1],
    }


def _row_meta(tx: Transaction, kind: str, key: Key) -> dict[str, Any]:
    query = "SELECT name FROM directory WHERE type = ? AND id = ?"
    name = tx.connection.exec_driver_sql(query, key).scalar()
    return {
        "type": kind,
        "id": key[1],
        "class_name": key[0],
        "display_name": name,
        "entity_type": key[0],
        "entity_id": key[1],
    }


_COLUMNS = (
    *("id", "event_type", "attribute_name", "entity__type", "entity__id", "project__type", "project__id"),
    *("user__type", "user__id", "meta", "description", "cached_display_name", "session_uuid", "created_at"),
)
_INSERT = f'INSERT INTO "EventLogEntry" ({", ".join(_COLUMNS)}) VALUES ({", ".join("?" * len(_COLUMNS))})'  # noqa: S608 - constants
_LIST = (
    "INSERT INTO directory (type, id, name) SELECT 'EventLogEntry', id, description FROM \"EventLogEntry\" WHERE id > ?"
)
_LAST = "SELECT seq FROM sqlite_sequence WHERE name = 'EventLogEntry'"
_NAMES = (
    "SELECT d.type, d.id, d.name FROM json_each(?) AS k CROSS JOIN directory AS d "
    "ON d.type = json_extract(k.value, '$[0]') AND d.id = json_extract(k.value, '$[1]')"
)


class _Writer:
    """
    Writes recorded events as rows.
    """

    def __init__(self, tx: Transaction, actor: Actor, events: list[_Event]) -> None:
        self._tx, self._actor, self._events = tx, actor, events
        self._names: dict[Key, Optional[str]] = {}
        self._status: dict[Key, Optional[str]] = {}
        self._project: dict[Key, Optional[int]] = {}
        self._shown: dict[Key, dict[str, Any]] = {}

    def write(self) -> None:
        connection = self._tx.connection
        self._look_up()
        last = connection.exec_driver_sql(_LAST).scalar() or 0
        for number, event in enumerate(self._events, start=last + 1):
            event.number = number
        connection.exec_driver_sql(_INSERT, [self._row(event) for event in self._events])
        connection.exec_driver_sql(_LIST, (last,))

    def _look_up(self) -> None:
        keys = {event.key for event in self._events}
        for event in self._events:
            keys.update(event.links())
        keys.add((self._actor.type, self._actor.id))
        if self._actor.caller is not None:
            keys.add((self._actor.caller.type, self._actor.caller.id))
        found = self._tx.connection.exec_driver_sql(_NAMES, (json.dumps(list(keys)),))
        self._names = {(row[0], row[1]): row[2] for row in found}
        by_type: dict[str, list[int]] = {}
        for entity_type, entity_id in keys:
            by_type.setdefault(entity_type, []).append(entity_id)
        for entity_type, ids in by_type.items():
            self._look_at(entity_type, ids)

    def _look_at(self, entity_type: str, ids: list[int]) -> None:
        if entity_type not in self._tx.schema:
            return
        fields = self._tx.schema[entity_type].fields
        status = next((name for name in _STATUS_FIELDS if name in fields), None)
        project = "id" if entity_type == "Project" else "project__id" if "project" in fields else None
        if status is None and project is None:
            return
        query = (
            f'SELECT id, {status or "NULL"}, {project or "NULL"} FROM "{entity_type}" '  # noqa: S608 - names of our own
            "WHERE id IN (SELECT value FROM json_each(?))"
        )
        for row in self._tx.connection.exec_driver_sql(query, (json.dumps(ids),)):
            self._status[entity_type, row[0]] = row[1]
            self._project[entity_type, row[0]] = row[2]

    def _row(self, event: _Event) -> tuple[Any, ...]:
        tx, actor = self._tx, self._actor
        entity_type, entity_id = event.key
        project_id = event.project_id or self._project.get(event.key)
        description = self._description(event)
        in_schema = entity_type in tx.schema
        return (
            event.number,
            f"Shotgun_{entity_type}_{event.kind}" if event.kind in _KINDS else event.kind,
            event.attribute,
            entity_type if in_schema else None,
            entity_id if in_schema else None,
            None if project_id is None else "Project",
            project_id,
            actor.type,
            actor.id,
            json.dumps(self._meta(event), ensure_ascii=False),
            description,
            description,
            tx.session_uuid,
            tx.moment,
        )

    def _meta(self, event: _Event) -> dict[str, Any]:
        meta = event.meta
        field = event.field
        if field is not None:
            meta = {**_attribute_meta(event), "field_data_type": field.data_type}
            if field.data_type == "multi_entity":
                meta["added"] = [self._link(key) for key in event.added]
                meta["removed"] = [self._link(key) for key in event.removed]
            else:
                meta["old_value"] = self._value(field, event.old)
                meta["new_value"] = self._value(field, event.new)
            if field.data_type == "image":
                meta["is_transient"] = bool(event.meta)
        if event.in_create:
            meta["in_create"] = True
        if event.original is not None:
            meta["actual_attribute_changed"] = event.actual
            meta["original_event_log_entry_id"] = event.original.number
        if self._actor.caller is not None:
            meta = {**meta, "sudo_actual_user": self._link((self._actor.caller.type, self._actor.caller.id))}
        return meta

    def _value(self, field: Field, value: Any) -> Any:
        if field.data_type == "entity":
            return None if value is None else self._link(value)
        convert = None if field.data_type == "image" else shown(field)
        return value if convert is None or value is None else convert(value)

    def _link(self, key: Key) -> dict[str, Any]:
        found = self._shown.get(key)
        if found is None:
            found = self._shown[key] = {
                "type": key[0],
                "id": key[1],
                "name": self._names.get(key),
                "status": self._status.get(key),
                "uuid": str(uuid.uuid5(_UUIDS, f"{key[0]} {key[1]}")),
                "valid": "valid",
            }
        return found

    def _description(self, event: _Event) -> str:
        who = self._names.get((self._actor.type, self._actor.id)) or self._actor.type
        facts = self._tx.schema.types.get(event.key[0])
        row = f"{facts and facts.label} {self._names.get(event.key) or ''}".rstrip()
        field = event.field
        if field is None:
            return f"{who} {event.description}" if facts is None else f"{who} {event.description} {row}"
        if field.data_type != "multi_entity":
            old, new = self._text(field, event.old), self._text(field, event.new)
            return f'{who} changed "{field.label}" from "{old}" to "{new}" on {row}'
        parts = [
            f"{verb} {', '.join(self._names.get(key) or '' for key in keys)}"
            for verb, keys in (("added", event.added), ("removed", event.removed))
            if keys
        ]
        return f'{who} changed "{field.label}": {" and ".join(parts)[:_LONGEST_VALUE]} on {row}'

    def _text(self, field: Field, value: Any) -> str:
        if value is None:
            return ""
        if field.data_type == "entity":
            return self._names.get(value) or ""
        return str(value)[:_LONGEST_VALUE]


_KINDS = frozenset({"New", "Change", "Retirement", "Revival"})
