"""
Personal values of rows: the favourites of each person, and which rows the person has read or viewed, and when.

A script has no personal values. It reads the defaults, as a person does who has set no values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sgextended.localsite.schema.entity_types import Field
    from sgextended.localsite.storage.transaction import Transaction

# Each field, and the field with the time at which the first one was set to "read".
_TIMES = {
    "media_center_viewed_by_current_user": "media_center_viewed_by_current_user_at",
    "viewed_by_current_user": "viewed_by_current_user_at",
}


def personal_value(tx: Transaction, field: Field, row: sa.FromClause) -> sa.ColumnElement[Any]:
    """
    Return the expression for the current user's value of a personal field, for the rows of a table.
    """
    user_id = _user_id(tx)
    kept = tx.alias("personal")
    # No person has the id 0, so a script finds nothing.
    query = sa.select(kept.c.value).where(
        kept.c.user_id == (user_id or 0),
        kept.c.type == field.entity_type,
        kept.c.field == field.name,
        kept.c.id == row.c.id,
    )
    value = query.correlate(row).scalar_subquery()
    if field.data_type == "checkbox":
        return sa.func.coalesce(sa.cast(value, sa.Integer), 0)
    if field.data_type == "number":
        return sa.func.coalesce(sa.cast(value, sa.Integer), 0)
    return sa.func.coalesce(value, "unread") if field.data_type == "list" else value


def keep(
    tx: Transaction, entity_type: str, entity_id: int, values: Mapping[str, Any], *, user_id: Optional[int] = None
) -> None:
    """
    Store a person's values of one row.

    Args:
        tx: The transaction of the request.

        entity_type: The row's type.

        entity_id: The row's id.

        values: Stored values by field.

        user_id: The person. None: the current user. Nothing is stored for a script.
    """
    user_id = user_id or _user_id(tx)
    if user_id is None:
        return
    given = dict(values)
    for name, time in _TIMES.items():
        if name in given:
            given[time] = tx.moment if given[name] == "read" else None
    kept = tx.tables.own.personal
    own = (kept.c.user_id == user_id, kept.c.type == entity_type, kept.c.id == entity_id)
    tx.connection.execute(sa.delete(kept).where(*own, kept.c.field.in_(list(given))))
    row = {"user_id": user_id, "type": entity_type, "id": entity_id}
    texts = {name: None if value is None else str(value) for name, value in given.items()}
    tx.connection.execute(sa.insert(kept), [{**row, "field": name, "value": text} for name, text in texts.items()])
    for name in {"read_by_current_user", "viewed_by_current_user"}.intersection(given):
        meta = {
            "type": "attribute_change",
            "attribute_name": name,
            "entity_type": entity_type,
            "entity_id": entity_id,
            "new_value": given[name],
        }
        key = (entity_type, entity_id)
        tx.events.log(tx, "Shotgun_Reading_Change", key, meta, f"marked as {given[name] or 'unread'}:", attribute=name)


def _user_id(tx: Transaction) -> Optional[int]:
    return tx.actor.id if tx.actor is not None and tx.actor.type == "HumanUser" else None
