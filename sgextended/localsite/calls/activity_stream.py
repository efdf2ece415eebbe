"""
The activity stream of a row: the events in the log about the row and about the rows linked to it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Optional

import sqlalchemy as sa

from sgextended.localsite.calls import payload
from sgextended.localsite.errors import DATABASE, Fault
from sgextended.localsite.reading.row_reads import show
from sgextended.localsite.storage.single_row_writes import is_retired

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sgextended.localsite.storage.transaction import Transaction

DEFAULT_LIMIT = 25
MAX_LIMIT = 500

# Types whose events appear in the stream of the rows that these entity fields link to.
_CHILDREN = {"PublishedFile": ("entity", "task"), "Task": ("entity",), "Version": ("entity", "sg_task")}
_NOTE_RELATIONS = ("Note.note_links", "Note.tasks")
_KINDS = {"New": "create", "Change": "update", "Retirement": "delete"}
_STATUS_FIELDS = ("sg_status_list", "sg_status")


def activity_stream(tx: Transaction, request: Any) -> dict[str, Any]:
    """
    Return the updates of a row, newest first.
    """
    request = payload.mapping(tx, request)
    entity_type, entity_id = payload.entity_type(tx, request).name, payload.integer(tx, request)
    if is_retired(tx, entity_type, entity_id) is None:
        raise Fault(f"Entity of type [{entity_type}] with id={entity_id} does not exist.", DATABASE)
    limit = payload.optional_integer(tx, request, "limit")
    if limit is not None and not 1 <= limit <= MAX_LIMIT:
        allowed = f"less than or equal to {MAX_LIMIT}" if limit else "greater than or equal to 1"
        raise Fault(f"API {tx.rpc}() 'limit' must be {allowed}. Got: {limit}")
    most = limit or DEFAULT_LIMIT
    log = tx.alias("EventLogEntry")
    query = (
        sa.select(
            *(log.c[name] for name in ("id", "event_type", "entity__type", "entity__id", "user__type", "user__id")),
            *(log.c[name] for name in ("created_at", "meta")),
        )
        .where(_is_about(tx, log, entity_type, entity_id), *_is_reported(log))
        .order_by(log.c.id.desc())
        .limit(most + 1)
    )
    for key, compare in (("min_id", log.c.id.__gt__), ("max_id", log.c.id.__lt__)):
        bound = payload.optional_integer(tx, request, key)
        if bound is not None:
            query = query.where(compare(bound))
    found = list(tx.connection.execute(query))
    rows = found[:most]
    updates = _Updates(tx, payload.names_by_type(tx, request, "entity_fields")).shown(rows)
    return {
        "entity_type": entity_type,
        "entity_id": entity_id,
        "latest_update_id": rows[0].id if rows else 0,
        # A caller that pages backwards stops at 0: there are no earlier updates.
        "earliest_update_id": rows[-1].id if len(found) > most else 0,
        "updates": updates,
    }


def _is_reported(log: sa.FromClause) -> Iterator[sa.ColumnElement[bool]]:
    yield sa.or_(*(log.c.event_type.like(f"Shotgun\\_%\\_{kind}", escape="\\") for kind in _KINDS))
    meta = log.c.meta
    yield sa.func.json_extract(meta, "$.in_create").is_(None)
    yield sa.func.json_extract(meta, "$.original_event_log_entry_id").is_(None)
    yield sa.func.coalesce(log.c.attribute_name, "") != "retirement_date"


def _is_about(tx: Transaction, log: sa.FromClause, entity_type: str, entity_id: int) -> sa.ColumnElement[bool]:
    replies = tx.alias("Reply")
    if entity_type == "Project":
        # A reply has no project of its own.
        table = tx.alias("Note")
        own = sa.select(table.c.id).where(table.c.project__id == entity_id)
        return sa.or_(log.c.project__id == entity_id, _is_reply(log, replies, own))
    parts = [sa.and_(log.c.entity__id == entity_id, log.c.entity__type == entity_type)]
    if entity_type in {"ApiUser", "HumanUser"}:
        parts.append(sa.and_(log.c.user__id == entity_id, log.c.user__type == entity_type))
        return sa.or_(*parts)
    for child, names in _CHILDREN.items():
        table = tx.alias(child)
        links = [
            sa.and_(table.c[f"{name}__id"] == entity_id, table.c[f"{name}__type"] == entity_type) for name in names
        ]
        rows = sa.select(table.c.id).where(sa.or_(*links))
        parts.append(sa.and_(log.c.entity__type == child, log.c.entity__id.in_(rows)))
    notes: sa.SelectBase = sa.select(sa.literal(entity_id))
    if entity_type != "Note":
        pairs = tx.alias("links")
        notes = sa.select(pairs.c.left_id).where(
            pairs.c.relation.in_(_NOTE_RELATIONS), pairs.c.right_type == entity_type, pairs.c.right_id == entity_id
        )
        parts.append(sa.and_(log.c.entity__type == "Note", log.c.entity__id.in_(notes)))
    return sa.or_(*parts, _is_reply(log, replies, notes))


def _is_reply(log: sa.FromClause, replies: sa.FromClause, notes: sa.SelectBase) -> sa.ColumnElement[bool]:
    answers = sa.select(replies.c.id).where(replies.c.entity__type == "Note", replies.c.entity__id.in_(notes))
    return sa.and_(log.c.entity__type == "Reply", log.c.entity__id.in_(answers))


class _Updates:
    """
    Entries of the log, shown as updates. The rows that the entries name are read once per type.
    """

    def __init__(self, tx: Transaction, fields: dict[str, list[str]]) -> None:
        self._tx, self._fields = tx, fields
        self._rows: dict[tuple[str, int], dict[str, Any]] = {}

    def shown(self, entries: list[sa.Row[Any]]) -> list[dict[str, Any]]:
        notes = self._notes_of([entry.entity__id for entry in entries if entry.entity__type == "Reply"])
        wanted = {(entry.user__type, entry.user__id) for entry in entries}
        wanted |= {(entry.entity__type, entry.entity__id) for entry in entries}
        wanted |= {("Note", note_id) for note_id, _content in notes.values()}
        self._look_up({key for key in wanted if key[1] is not None})
        return [self._update(entry, notes) for entry in entries]

    def _update(self, entry: sa.Row[Any], notes: dict[int, tuple[int, Optional[str]]]) -> dict[str, Any]:
        kind = _KINDS[entry.event_type.rpartition("_")[2]]
        meta = json.loads(entry.meta)
        key = (entry.entity__type, entry.entity__id)
        if entry.entity__type == "Reply" and entry.entity__id in notes:
            note_id, content = notes[entry.entity__id]
            kind = "create_reply" if kind == "create" else kind
            key, meta = ("Note", note_id), {**meta, "content": content}
        return {
            "id": entry.id,
            "update_type": kind,
            "read": False,
            "created_at": entry.created_at,
            "created_by": self._rows.get((entry.user__type, entry.user__id)),
            "meta": meta,
            "primary_entity": self._rows.get(key),
        }

    def _notes_of(self, reply_ids: list[int]) -> dict[int, tuple[int, Optional[str]]]:
        replies = self._tx.alias("Reply")
        query = sa.select(replies.c.id, replies.c.entity__id, replies.c.content).where(
            replies.c.id.in_(reply_ids), replies.c.entity__type == "Note"
        )
        return {row[0]: (row[1], row[2]) for row in self._tx.connection.execute(query)}

    def _look_up(self, keys: set[tuple[str, int]]) -> None:
        tx = self._tx
        directory = tx.tables.directory
        by_type: dict[str, list[int]] = {}
        for entity_type, entity_id in keys:
            by_type.setdefault(entity_type, []).append(entity_id)
        for entity_type, ids in by_type.items():
            known = tx.schema.types.get(entity_type)
            if known is None:
                continue
            status = next((name for name in _STATUS_FIELDS if name in known.fields), "")
            own = ["image"] if entity_type in {"ApiUser", "HumanUser"} else []
            # Rows that were retired since then keep their names in the stream.
            names = sa.select(directory.c.id, directory.c.name).where(
                directory.c.type == entity_type, directory.c.id.in_(ids)
            )
            called = {row[0]: row[1] for row in tx.connection.execute(names)}
            extra = [*own, "cached_display_name", *self._fields.get(entity_type, [])]
            for row in show(tx, entity_type, ids, [*extra, *([status] if status else [])]):
                name = row.pop("cached_display_name")
                code = row.get(status)
                if status not in self._fields.get(entity_type, []):
                    row.pop(status, None)
                shown_name = name if entity_type == "Note" else called.get(row["id"])
                self._rows[entity_type, row["id"]] = {**row, "name": shown_name, "status": code}
