"""
The names of rows: the name that a link shows, and the default name of a row that is created without a name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sgextended.localsite.schema.entity_types import EntityType
    from sgextended.localsite.storage.transaction import Transaction

#: Types whose rows get a default name when they are created without a name, and how that name begins.
_GENERATED = {
    "Asset": "New Asset",
    "Cut": "New Cut",
    "CutItem": "New Cut Item",
    "Delivery": "New Delivery",
    "LocalStorage": "New LocalStorage",
    "Playlist": "New Playlist",
    "PublishedFile": "New Published File",
    "Sequence": "New Sequence",
    "Shot": "New Shot",
    "Task": "New Task",
    "TaskTemplate": "New TaskTemplate",
    "Version": "New Version",
}


def generated_name(entity_type: EntityType, entity_id: int) -> Optional[str]:
    """
    Return the default name of a row, such as "New Shot 12"; None for types without default names.
    """
    start = _GENERATED.get(entity_type.name)
    return None if start is None else f"{start} {entity_id}"


def status_names(tx: Transaction) -> dict[str, str]:
    """
    Return the names of all statuses by their codes. A retired status counts only if no live one has its code.
    """
    table = tx.tables["Status"]
    query = sa.select(table.c.code, table.c.name).where(table.c.code.is_not(None), table.c.name.is_not(None))
    return {row[0]: row[1] for row in tx.connection.execute(query.order_by(table.c.retired_at.desc().nulls_last()))}


#: Types whose rows are named after a linked row: the entity field, and the type that it links to.
NAMED_AFTER = {"Booking": ("user", "HumanUser")}


#: Types whose rows have no display name. Links show the field that identifies the row.
_NAMED_IN_LINKS_ONLY = frozenset({"PublishedFileType", "Step"})

#: A text field with the id of the row, which is part of the row's display name.
NUMBERED = {"Delivery": "delivery_number"}


def display_name(entity_type: EntityType, row: Mapping[str, Any]) -> Optional[str]:
    """
    Return the row's ``cached_display_name``.

    Args:
        entity_type: The row's type.

        row:
            The row's columns, at least those that ``name_sources`` returns. For a type in ``NAMED_AFTER``, also the
            name of the linked row, under the name of the entity field.
    """
    return None if entity_type.name in _NAMED_IN_LINKS_ONLY else link_name(entity_type, row)


def link_name(entity_type: EntityType, row: Mapping[str, Any]) -> Optional[str]:
    """
    Return the ``name`` of links to the row. It is the display name, except for types that have no display name.
    """
    special = _SPECIAL.get(entity_type.name)
    if special is not None:
        return special[1](row)
    identifier = entity_type.identifier
    return None if identifier is None else row.get(identifier)


def name_sources(entity_type: EntityType) -> tuple[str, ...]:
    """
    Return the names of the columns from which a row's display name is made.
    """
    special = _SPECIAL.get(entity_type.name)
    if special is not None:
        return special[0]
    identifier = entity_type.identifier
    return () if identifier is None else (identifier,)


def _join(separator: str, *parts: Optional[str]) -> Optional[str]:
    return separator.join(part for part in parts if part) or None


def _cut(row: Mapping[str, Any]) -> Optional[str]:
    number = row.get("revision_number")
    return _join(" ", row.get("code"), None if number is None else f"v{number:03d}")


def _delivery(row: Mapping[str, Any]) -> Optional[str]:
    number = row.get("delivery_number")
    return _join(": ", None if number is None else f"#{number}", row.get("title"))


def _booking(row: Mapping[str, Any]) -> Optional[str]:
    person, away = row.get("user"), row.get("vacation")
    if person is None:
        return "Vacation" if away else None
    return f"{person} (vacation)" if away else str(person)


def _dependency(row: Mapping[str, Any]) -> str:
    return f"Task {row.get('task__id')} dependent on Task {row.get('dependent_task__id')}"


_SPECIAL: dict[str, tuple[tuple[str, ...], Callable[[Mapping[str, Any]], Optional[str]]]] = {
    "ApiUser": (("firstname", "lastname"), lambda row: _join(" ", row.get("firstname"), row.get("lastname"))),
    "Booking": (("user__id", "vacation"), _booking),
    "Cut": (("code", "revision_number"), _cut),
    "Delivery": (("delivery_number", "title"), _delivery),
    "Note": (("subject", "content"), lambda row: _join(" - ", row.get("subject"), row.get("content"))),
    "Task": (("content",), lambda row: row.get("content") or "-"),
    "TaskDependency": (("task__id", "dependent_task__id"), _dependency),
}
