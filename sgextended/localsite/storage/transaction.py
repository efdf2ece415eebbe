"""
The transaction of one request: its connection, the schema, the current user and the time.
"""

from __future__ import annotations

import collections
import json
from typing import TYPE_CHECKING, Any, Optional, Protocol

import attrs
import sqlalchemy as sa

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager

    from sgextended.localsite.files.file_store import Media
    from sgextended.localsite.schema.entity_types import Field, Schema
    from sgextended.localsite.storage.entity_tables import Tables

Link = dict[str, Any]

#: The format of a moment in API3: UTC, whole seconds.
MOMENT = "%Y-%m-%dT%H:%M:%SZ"


@attrs.frozen
class Actor:
    """
    The current user of a request: a person or a script.

    Attributes:
        type: The entity type, ``"HumanUser"`` for a person or ``"ApiUser"`` for a script.

        id: The id of the person or script.

        caller: The script that sent the request, if it acts as a person; else None.

        role: What the actor may write, by the name of a role.
    """

    type: str
    id: int
    caller: Optional[Actor] = None
    role: str = attrs.field(default="admin", eq=False)


@attrs.frozen(eq=False)
class Later:
    """
    A part of a request's work that the site does after the request, before a later one.

    Attributes:
        due: The time from which the work is due, in seconds since 1970.

        work: Does the work in the transaction that it gets.

        after_event: The work is also due when an event log entry has this id or it is reserved. None: only by time.
    """

    due: float
    work: Callable[[Transaction], None]
    after_event: Optional[int] = None


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

    def row_erased(self, tx: Transaction, entity_type: str, entity_id: int) -> None: ...

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
    The transaction of one request. Everything that the request reads and writes belongs to one database transaction.

    Attributes:
        now: The moment of the request, in UTC and whole seconds.

        media: The site's files.

        address: The address by which the request reached the site. The URLs of files begin with it.

        client: The address of the client; empty for the site itself.

        rpc: The name of the request, with which the texts of faults begin.

        actor: The current user. None: the site itself.

        in_batch: Whether the request is part of a batch.

        strict: Whether the site refuses what a live site may refuse.

        session_uuid: The id of the session that the caller sent. Event log entries contain it.

        events: Records the changes for the event log, which is written before the transaction ends.

        kept: A cache for this transaction, keyed by names such as ``"workdays.rules"``.

        later: The work that is done after this transaction is committed.

        logged: The ids of the event log entries that this transaction made visible.

        last_event: The highest id of an event log entry that this transaction wrote or reserved; 0 if there is none.
    """

    connection: sa.Connection
    schema: Schema
    tables: Tables
    now: dt.datetime
    media: Media
    events: ChangeRecorder
    address: str = ""
    client: str = ""
    rpc: str = "site"
    actor: Optional[Actor] = None
    in_batch: bool = False
    strict: bool = True
    session_uuid: Optional[str] = None
    kept: dict[str, Any] = attrs.field(factory=dict)
    later: list[Later] = attrs.field(factory=list)
    logged: list[int] = attrs.field(factory=list)
    last_event: int = 0
    _aliases: collections.Counter[str] = attrs.field(factory=collections.Counter)

    def alias(self, table: str) -> sa.FromClause:
        """
        Return an alias of a table that this transaction has not used yet, so that the parts of a query do not collide.
        """
        number = self._aliases[table]
        self._aliases[table] += 1
        return self.tables.alias(table, number)

    def reuse_aliases(self) -> None:
        """
        Start again with the first alias of every table. Queries that were built before must not be extended after this.
        """
        self._aliases.clear()

    @property
    def moment(self) -> str:
        """
        Return the moment of the request in the format of API3.
        """
        return self.now.strftime(MOMENT)

    def names(self, wanted: Mapping[str, Iterable[int]]) -> dict[tuple[str, int], Optional[str]]:
        """
        Return the display names of live rows, keyed by type and id; one query per type.

        A retired or missing row has no entry in the result, so that a link to it reads as null.
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
    Return the condition that *column* is one of *values*, for any number of values.

    The values are sent as one parameter. A long list therefore stays below SQLite's limit of parameters, and lists of
    different lengths share one compiled statement.
    """
    items = sa.func.json_each(json.dumps(list(values))).table_valued("value")
    return column.in_(sa.select(items.c.value))
