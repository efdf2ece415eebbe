"""
The thread of a note: the note, its replies and its files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sgextended.localsite.calls import payload
from sgextended.localsite.errors import DATABASE, Fault
from sgextended.localsite.reading.row_reads import link_lists, show
from sgextended.localsite.storage.single_row_writes import is_retired

if TYPE_CHECKING:
    from sgextended.localsite.storage.transaction import Transaction

_FIELDS = {
    "Note": ("content", "created_at", "created_by"),
    "Attachment": ("created_at", "created_by"),
    "Reply": ("content", "created_at", "user"),
}


def note_thread_contents(tx: Transaction, request: Any) -> list[dict[str, Any]]:
    """
    Return the note, then its replies and files, oldest first.
    """
    request = payload.mapping(tx, request)
    note_id = payload.integer(tx, request, "note_id")
    wider = payload.names_by_type(tx, request, "entity_fields")
    if is_retired(tx, "Note", note_id) is not False:
        raise Fault(f"Entity of type [Note] with id={note_id} does not exist.", DATABASE)
    replies = _linked(tx, "Note", "replies", [note_id])
    # A file that is attached to a reply belongs to the thread too.
    files = _linked(tx, "Note", "attachments", [note_id]) + _reply_files(tx, replies)
    rows = _rows(tx, "Reply", replies, []) + _rows(tx, "Attachment", sorted(set(files)), wider.get("Attachment", []))
    _show_images(tx, rows)
    rows.sort(key=lambda row: (row["created_at"] or "", row["type"], row["id"]))
    return _rows(tx, "Note", [note_id], wider.get("Note", [])) + rows


def _rows(tx: Transaction, entity_type: str, ids: list[int], wider: list[str]) -> list[dict[str, Any]]:
    return show(tx, entity_type, ids, [*_FIELDS[entity_type], *wider])


def _linked(tx: Transaction, entity_type: str, name: str, ids: list[int]) -> list[int]:
    found = link_lists(tx, tx.schema[entity_type].fields[name], ids)
    return [link["id"] for entity_id in ids for link in found.get(entity_id, [])]


def _reply_files(tx: Transaction, replies: list[int]) -> list[int]:
    links, files = tx.tables.links, tx.alias("Attachment")
    query = (
        sa.select(files.c.id)
        .join(links, links.c.left_id == files.c.id)
        .where(links.c.relation == "Attachment.attachment_links", links.c.right_type == "Reply")
        .where(links.c.right_id.in_(replies), files.c.retired_at.is_(None))
    )
    return list(tx.connection.execute(query).scalars())


def _show_images(tx: Transaction, rows: list[dict[str, Any]]) -> None:
    """
    Add the ``image`` of each author to the users in the replies.
    """
    users = [row["user"] for row in rows if row.get("user") is not None]
    for entity_type in {user["type"] for user in users}:
        ids = sorted({user["id"] for user in users if user["type"] == entity_type})
        images = {row["id"]: row["image"] for row in show(tx, entity_type, ids, ["image"])}
        for user in users:
            if user["type"] == entity_type:
                user["image"] = images.get(user["id"])
