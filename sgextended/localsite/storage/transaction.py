"""
What one request works with: its connection, the schema, who asks, and the time.
"""

from __future__ import annotations

import collections
import json
from typing import TYPE_CHECKING, Any, Optional, Protocol

import attrs
import sqlalchemy as sa

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping
    from contextlib import AbstractContextManager

    from sgextended.localsite.files.file_store import Media
    from sgextended.localsite.schema.entity_types import Field, Schema
    from sgextended.localsite.storage.entity_tables import Tables

Link = dict[str, Any]

#: How the protocol writes a moment: UTC, whole seconds.
MOMENT = "%Y-%m-%dT%H:%M:%SZ"


@attrs.frozen
class Actor:
    """
    Who a request acts as: a person or a script.

    Attributes:
        caller: Who really asks, when a script acts as a person; else None.
    """

    type: str
    id: int
    caller: Optional[Actor] = None


class ChangeRecorder(Protocol):
    """
    Records what a transaction changes, and writes the event log from it at the end.

    Rows are stored below the event log, so a transaction receives its recorder from the layer that opens it.
    """

    def row_created(self, tx: Transaction, entity_type: str, entity_id: int, row: Mapping[str, Any]) -> None: ...

    def columns_before(
        self, tx: Transaction, entity_type: str, entity_id: int, changes: Mapping[str, Any]
    ) -> Optional[dict[str, Any]]: ...

    def row_changed(
        self,
        tx: Transaction,
        entity_type: str,
        entity_id: int,
        old: Optional[Mapping[str, Any]],
        new: Mapping[str, Any],
    ) -> None: ...

    def row_retired(self, tx: Transaction, entity_type: str, entity_id: int) -> None: ...

    def row_revived(self, tx: Transaction, entity_type: str, entity_id: int) -> None: ...

    def links_changed(
        self,
        tx: Transaction,
        field: Field,
        entity_id: int,
        added: Iterable[tuple[str, int]],
        removed: Iterable[tuple[str, int]],
    ) -> AbstractContextManager[None]: ...

    def log(
        self,
        tx: Transaction,
        event_type: str,
        key: tuple[str, int],
        meta: dict[str, Any],
        description: str,
        *,
        attribute: Optional[str] = None,
    ) -> None: ...

    def write(self, tx: Transaction) -> None: ...


@attrs.define(eq=False)
class Transaction:
    """
    One request at work: all that it reads and writes belongs to one transaction of the database.

    Attributes:
        media: The site's files.

        address: The site's address as the caller knows it; the addresses of files begin with it.

        rpc: The name of the request, which the texts of faults begin with.

        now: The moment of the request, in UTC and whole seconds.

        in_batch: Whether the request came as one of a batch.

        session_uuid: What the caller calls its session; events carry it.

        events: Records the changes of this transaction for the event log.

        kept: What a part of the site has read and wants to find again in this transaction, by a name of its own.
    """

    connection: sa.Connection
    schema: Schema
    tables: Tables
    now: dt.datetime
    media: Media
    events: ChangeRecorder
    address: str = ""
    rpc: str = "site"
    actor: Optional[Actor] = None
    in_batch: bool = False
    session_uuid: Optional[str] = None
    kept: dict[str, Any] = attrs.field(factory=dict)
    _aliases: collections.Counter[str] = attrs.field(factory=collections.Counter)

    def alias(self, table: str) -> sa.FromClause:
        """
        Return an alias of a table that this transaction has not used yet, so that no two parts of a query collide.
        """
        number = self._aliases[table]
        self._aliases[table] += 1
        return self.tables.alias(table, number)

    def reuse_aliases(self) -> None:
        """
        Start again with the first alias of every table; no query made before may be added to after this.
        """
        self._aliases.clear()

    @property
    def moment(self) -> str:
        """
        The moment of the request as the protocol writes it.
        """
        return self.now.strftime(MOMENT)

    def names(self, wanted: Mapping[str, Iterable[int]]) -> dict[tuple[str, int], Optional[str]]:
        """
        Return the display names of live rows, keyed by type and id; one query per type.

        A retired or missing row has no entry: a link to it reads as no link.
        """
        directory = self.tables.directory
        found: dict[tuple[str, int], Optional[str]] = {}
        for entity_type, ids in wanted.items():
            query = sa.select(directory.c.id, directory.c.name).where(
                directory.c.type == entity_type, directory.c.retired == 0, among(directory.c.id, ids)
            )
            found.update(((entity_type, row[0]), row[1]) for row in self.connection.execute(query))
        return found


def among(column: sa.ColumnElement[Any], values: Iterable[Any]) -> sa.ColumnElement[bool]:
    """
    Return the condition that *column* holds one of *values*, however many they are.

    The values travel as one parameter, so a long list neither meets SQLite's limit of parameters nor makes a new
    statement to compile.
    """
    items = sa.func.json_each(json.dumps(list(values))).table_valued("value")
    return column.in_(sa.select(items.c.value))
