"""
Writing single rows: insert, update, retire, revive and erase, always together with the row's entry in the directory.

Every change of a row calls a function of this module, so this is where events are recorded.
"""

from __future__ import annotations

import itertools
import uuid
from typing import TYPE_CHECKING, Any, Optional

import sqlalchemy as sa

from sgextended.localsite.storage.display_names import (
    NAMED_AFTER,
    NUMBERED,
    display_name,
    generated_name,
    link_name,
    name_sources,
)
from sgextended.localsite.storage.entity_tables import is_stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sgextended.localsite.schema.entity_types import EntityType
    from sgextended.localsite.storage.transaction import Link, Transaction

# Retiring a row of the first type also retires the rows that link to it by these fields. Reviving it revives them.
_FOLLOWERS = {
    "Shot": (("Version", "entity"),),
    "Task": (("TaskDependency", "task"), ("TaskDependency", "dependent_task")),
    "TaskTemplate": (("Task", "task_template"),),
}


def insert_row(
    tx: Transaction,
    entity_type: str,
    values: Mapping[str, Any],
    *,
    name_it: bool = False,
    given_id: Optional[int] = None,
) -> int:
    """
    Insert a row and return its id.

    Args:
        tx: The transaction of the request.

        entity_type: The row's type.

        values: Stored values by column.

        name_it: Whether the row gets a default name, such as "New Shot 12".

        given_id: The row's id. The directory may list the row already. None: the next free id.
    """
    table, facts = tx.tables[entity_type], tx.schema[entity_type]
    values = {**_identity(facts), **values}
    if entity_type == "EventLogEntry":
        # Earlier events of this request must have lower ids than the entry that the caller creates.
        tx.events.write(tx)
    result = tx.connection.execute(sa.insert(table), dict(values) if given_id is None else {**values, "id": given_id})
    (entity_id,) = result.inserted_primary_key or (0,)
    row = dict(values)
    changes: dict[str, Any] = {}
    if name_it and facts.identifier is not None:
        changes[facts.identifier] = row[facts.identifier] = generated_name(facts, entity_id)
    if entity_type in NUMBERED and row.get(NUMBERED[entity_type]) is None:
        changes[NUMBERED[entity_type]] = row[NUMBERED[entity_type]] = str(entity_id)
    _add_linked_name(tx, entity_type, row)
    name = display_name(facts, row)
    if name is not None:
        changes["cached_display_name"] = name
    if changes:
        tx.connection.execute(sa.update(table).where(table.c.id == entity_id), changes)
    entry = {"type": entity_type, "id": entity_id, "name": link_name(facts, row)}
    insert = sa.insert(tx.tables.directory)
    tx.connection.execute(insert if given_id is None else insert.prefix_with("OR REPLACE"), entry)
    tx.events.row_created(tx, entity_type, int(entity_id), row)
    return int(entity_id)


def update_row(tx: Transaction, entity_type: str, entity_id: int, changes: Mapping[str, Any]) -> None:
    """
    Change columns of a row, and its display name if it is made of these columns.
    """
    if not changes:
        return
    table, facts = tx.tables[entity_type], tx.schema[entity_type]
    old = tx.events.columns_before(tx, entity_type, entity_id, changes)
    tx.connection.execute(sa.update(table).where(table.c.id == entity_id), dict(changes))
    tx.events.row_changed(tx, entity_type, entity_id, old, changes)
    sources = name_sources(facts)
    if not any(source in changes for source in sources):
        return
    columns = [table.c[source] for source in sources]
    row = dict(tx.connection.execute(sa.select(*columns).where(table.c.id == entity_id)).mappings().one())
    _add_linked_name(tx, entity_type, row)
    name = {"cached_display_name": display_name(facts, row)}
    tx.connection.execute(sa.update(table).where(table.c.id == entity_id), name)
    _update_entry(tx, entity_type, entity_id, {"name": link_name(facts, row)})
    _rename_followers(tx, entity_type, entity_id)


def _add_linked_name(tx: Transaction, entity_type: str, row: dict[str, Any]) -> None:
    """
    Add the name of the linked row to *row*, for types in ``NAMED_AFTER``.
    """
    if entity_type in NAMED_AFTER:
        field, far_type = NAMED_AFTER[entity_type]
        far_id = row.get(f"{field}__id")
        row[field] = None if far_id is None else tx.names({far_type: [far_id]}).get((far_type, far_id))


def _rename_followers(tx: Transaction, entity_type: str, entity_id: int) -> None:
    """
    Update the names of the rows that are named after a row whose name has changed.
    """
    for follower, (field, far_type) in NAMED_AFTER.items():
        if far_type != entity_type:
            continue
        table, facts = tx.tables[follower], tx.schema[follower]
        columns = [table.c.id, *(table.c[source] for source in name_sources(facts))]
        query = sa.select(*columns).where(table.c[f"{field}__id"] == entity_id)
        for row in list(map(dict, tx.connection.execute(query).mappings())):
            _add_linked_name(tx, follower, row)
            name = {"cached_display_name": display_name(facts, row)}
            tx.connection.execute(sa.update(table).where(table.c.id == row["id"]), name)
            _update_entry(tx, follower, row["id"], {"name": link_name(facts, row)})


def is_retired(tx: Transaction, entity_type: str, entity_id: int) -> Optional[bool]:
    """
    Return whether a row is retired; None if there never was such a row.
    """
    directory = tx.tables.directory
    query = sa.select(directory.c.retired).where(directory.c.type == entity_type, directory.c.id == entity_id)
    retired = tx.connection.execute(query).scalar()
    return None if retired is None else bool(retired)


def retire_row(tx: Transaction, entity_type: str, entity_id: int, *, cause: Optional[tuple[str, int]] = None) -> None:
    """
    Retire a live row, and the rows that are retired with it.

    Args:
        tx: The transaction of the request.

        entity_type: The row's type.

        entity_id: The row's id.

        cause: The row whose retirement also retires this row. Reviving that row revives this one.
    """
    table = tx.tables[entity_type]
    tx.connection.execute(sa.update(table).where(table.c.id == entity_id), {"retired_at": tx.moment})
    cause_type, cause_id = cause or (None, None)
    _update_entry(tx, entity_type, entity_id, {"retired": 1, "cause_type": cause_type, "cause_id": cause_id})
    tx.events.row_retired(tx, entity_type, entity_id)
    for follower, field in _FOLLOWERS.get(entity_type, ()):
        followers = tx.tables[follower]
        query = sa.select(followers.c.id).where(
            followers.c[f"{field}__id"] == entity_id,
            followers.c[f"{field}__type"] == entity_type,
            followers.c.retired_at.is_(None),
        )
        for follower_id in list(tx.connection.execute(query).scalars()):
            retire_row(tx, follower, follower_id, cause=(entity_type, entity_id))


def erase_row(tx: Transaction, entity_type: str, entity_id: int) -> None:
    """
    Delete a row for good. It is not among the retired rows, and it cannot be revived.
    """
    table, directory, links = tx.tables[entity_type], tx.tables.directory, tx.tables.links
    tx.events.row_erased(tx, entity_type, entity_id)
    tx.connection.execute(sa.delete(table).where(table.c.id == entity_id))
    for kind, number in ((links.c.left_type, links.c.left_id), (links.c.right_type, links.c.right_id)):
        tx.connection.execute(sa.delete(links).where(kind == entity_type, number == entity_id))
    chosen = directory.c.type == entity_type, directory.c.id == entity_id
    tx.connection.execute(sa.delete(directory).where(*chosen))


def revive_row(tx: Transaction, entity_type: str, entity_id: int) -> None:
    """
    Revive a retired row, and the rows that were retired with it.
    """
    table, directory = tx.tables[entity_type], tx.tables.directory
    tx.connection.execute(sa.update(table).where(table.c.id == entity_id), {"retired_at": None})
    _update_entry(tx, entity_type, entity_id, {"retired": 0, "cause_type": None, "cause_id": None})
    tx.events.row_revived(tx, entity_type, entity_id)
    query = sa.select(directory.c.type, directory.c.id).where(
        directory.c.cause_type == entity_type, directory.c.cause_id == entity_id
    )
    for follower, follower_id in list(tx.connection.execute(query)):
        other = _other_cause(tx, follower, follower_id)
        if other is None:
            revive_row(tx, follower, follower_id)
        else:
            # Another retired row keeps this one retired, so reviving that other row will revive it.
            _update_entry(tx, follower, follower_id, {"cause_type": other[0], "cause_id": other[1]})


def _other_cause(tx: Transaction, entity_type: str, entity_id: int) -> Optional[tuple[str, int]]:
    """
    Return another retired row whose retirement would also have retired this row, or None.
    """
    table = tx.tables[entity_type]
    for leader, followers in _FOLLOWERS.items():
        for follower, field in followers:
            if follower != entity_type:
                continue
            chosen = table.c.id == entity_id, table.c[f"{field}__type"] == leader
            leader_id = tx.connection.execute(sa.select(table.c[f"{field}__id"]).where(*chosen)).scalar()
            if leader_id is not None and is_retired(tx, leader, leader_id):
                return leader, leader_id
    return None


def _identity(entity_type: EntityType) -> dict[str, Any]:
    """
    Return the uuid of a new row, for the types whose rows have one.
    """
    return {"uuid": str(uuid.uuid4())} if "uuid" in entity_type.fields else {}


def default_columns(entity_type: EntityType) -> dict[str, Any]:
    """
    Return the default values of a new row, by column.
    """
    return {
        field.name: field.default
        for field in entity_type.fields.values()
        if field.default is not None and is_stored(field)
    }


def link_columns(name: str, link: Optional[Link]) -> dict[str, Any]:
    """
    Return the two columns of an entity field for a link, or for an empty field if *link* is None.
    """
    return {f"{name}__type": link and link["type"], f"{name}__id": link and link["id"]}


def insert_rows(tx: Transaction, entity_type: str, rows: list[dict[str, Any]]) -> None:
    """
    Insert many rows with given ids. Columns that a row lacks get their defaults; without a default they are null.
    """
    facts = tx.schema[entity_type]
    defaults = default_columns(facts)
    if entity_type in NUMBERED:
        rows = [{NUMBERED[entity_type]: str(row["id"]), **row} for row in rows]
    sources = _with_linked_names(tx, entity_type, rows) if entity_type in NAMED_AFTER else rows
    named = [
        {**defaults, **_identity(facts), **row, "cached_display_name": display_name(facts, source)}
        for row, source in zip(rows, sources)
    ]
    _insert_many(tx, tx.tables[entity_type], named)
    entries = [{"type": entity_type, "id": row["id"], "name": link_name(facts, row)} for row in sources]
    _insert_many(tx, tx.tables.directory, entries)


def insert_links(tx: Transaction, pairs: Iterable[tuple[str, Link, Link]]) -> None:
    """
    Insert many pairs of the table of links, each with the name of its relation, its left end and its right end.
    """
    rows = [
        {
            "relation": relation,
            "left_type": left["type"],
            "left_id": left["id"],
            "right_type": right["type"],
            "right_id": right["id"],
        }
        for relation, left, right in pairs
    ]
    _insert_many(tx, tx.tables.links, rows)


def _with_linked_names(tx: Transaction, entity_type: str, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """
    Return copies of rows of a type in ``NAMED_AFTER``, with the names of the linked rows.
    """
    field, far_type = NAMED_AFTER[entity_type]
    rows = list(rows)
    names = tx.names({far_type: {row[f"{field}__id"] for row in rows if row.get(f"{field}__id") is not None}})
    return [{**row, field: names.get((far_type, row.get(f"{field}__id", 0)))} for row in rows]


def _insert_many(tx: Transaction, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """
    Insert rows into a table by one statement for the driver. SQLAlchemy would take longer than SQLite itself.
    """
    if not rows:
        return
    names = list(dict.fromkeys(itertools.chain.from_iterable(rows)))
    columns = ", ".join(f'"{table.c[name].name}"' for name in names)
    statement = f'INSERT INTO "{table.name}" ({columns}) VALUES ({", ".join("?" * len(names))})'  # noqa: S608 - own names
    tx.connection.exec_driver_sql(statement, [tuple(map(row.get, names)) for row in rows])


def _update_entry(tx: Transaction, entity_type: str, entity_id: int, changes: dict[str, Any]) -> None:
    directory = tx.tables.directory
    chosen = sa.update(directory).where(directory.c.type == entity_type, directory.c.id == entity_id)
    tx.connection.execute(chosen, changes)
