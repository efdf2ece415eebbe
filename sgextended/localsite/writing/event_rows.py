"""
The EventLogEntry rows of a request: the names, statuses and projects that they show are looked up once per type, and
all rows are inserted by one statement.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, Optional

import attrs

from sgextended.localsite.storage.data_types import shown
from sgextended.localsite.writing.late_events import last_id, write_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sgextended.localsite.schema.entity_types import Field
    from sgextended.localsite.storage.transaction import Actor, Transaction
    from sgextended.localsite.writing.late_events import Delay

Key = tuple[str, int]

_STATUS_FIELDS = ("sg_status_list", "sg_status")
_LONGEST_VALUE = 200
_UUIDS = uuid.UUID("6f7c1a52-2f0b-5a86-9b0e-3d1c5a4e8f10")
_KINDS = frozenset({"New", "Change", "Retirement", "Revival"})


@attrs.define(eq=False)
class Event:
    """
    One entry before it is written. Links are kept as type and id until their names are looked up.
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
    original: Optional[Event] = None
    meta: dict[str, Any] = attrs.field(factory=dict)
    description: str = ""
    number: int = 0

    def links(self) -> Iterator[Key]:
        yield from self.added
        yield from self.removed
        if self.field is not None and self.field.data_type == "entity":
            yield from (key for key in (self.old, self.new) if key is not None)


def attribute_meta(event: Event) -> dict[str, Any]:
    return {
        "type": "attribute_change",
        "attribute_name": event.attribute,
        "entity_type": event.key[0],
        "entity_id": event.key[1],
    }


_NAMES = (
    "SELECT d.type, d.id, d.name FROM json_each(?) AS k CROSS JOIN directory AS d "
    "ON d.type = json_extract(k.value, '$[0]') AND d.id = json_extract(k.value, '$[1]')"
)


class EventWriter:
    """
    Turns noted events into rows. *erased* has the names of the rows that the request erased.
    """

    def __init__(
        self,
        tx: Transaction,
        actor: Actor,
        events: list[Event],
        erased: Mapping[Key, Optional[str]],
        draw: Optional[Callable[[], Optional[Delay]]],
    ) -> None:
        self._tx, self._actor, self._events, self._erased, self._draw = tx, actor, events, erased, draw
        self._names: dict[Key, Optional[str]] = {}
        self._status: dict[Key, Optional[str]] = {}
        self._project: dict[Key, Optional[int]] = {}
        self._shown: dict[Key, dict[str, Any]] = {}

    def write(self) -> None:
        self._look_up()
        for number, event in enumerate(self._events, start=last_id(self._tx.connection) + 1):
            event.number = number
        write_rows(self._tx, [self._row(event) for event in self._events], self._draw)

    def _look_up(self) -> None:
        keys = {event.key for event in self._events}
        for event in self._events:
            keys.update(event.links())
        keys.add((self._actor.type, self._actor.id))
        if self._actor.caller is not None:
            keys.add((self._actor.caller.type, self._actor.caller.id))
        found = self._tx.connection.exec_driver_sql(_NAMES, (json.dumps(list(keys)),))
        self._names = {**self._erased, **{(row[0], row[1]): row[2] for row in found}}
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

    def _row(self, event: Event) -> tuple[Any, ...]:
        tx, actor = self._tx, self._actor
        entity_type, entity_id = event.key
        project_id = self._project.get(event.key)
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

    def _meta(self, event: Event) -> dict[str, Any]:
        meta = event.meta
        field = event.field
        if field is not None:
            meta = {**attribute_meta(event), "field_data_type": field.data_type, "platform_id": None}
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

    def _description(self, event: Event) -> str:
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
