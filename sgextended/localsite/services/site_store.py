"""
The store of one site: its database, its schema, its files, and the transactions in which requests run.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import attrs

from sgextended.localsite.custom_fields.field_storage import load_fields
from sgextended.localsite.demo.default_rows import insert_default_rows
from sgextended.localsite.demo.folder_dump import Loaded, load
from sgextended.localsite.files.file_store import Media
from sgextended.localsite.schema.entity_types import standard_schema
from sgextended.localsite.services.webhook_events import logged_events
from sgextended.localsite.storage.database import Database
from sgextended.localsite.storage.entity_tables import standard_tables
from sgextended.localsite.storage.table_completion import missing_statements
from sgextended.localsite.storage.transaction import Transaction
from sgextended.localsite.writing.events import EventRecorder

if TYPE_CHECKING:
    import sqlite3
    import tempfile
    from collections.abc import Callable, Iterable, Iterator

    import sqlalchemy as sa

    from sgextended.localsite.schema.entity_types import Schema
    from sgextended.localsite.services.webhook_events import LoggedEvent
    from sgextended.localsite.services.webhooks import Webhooks
    from sgextended.localsite.storage.entity_tables import Tables
    from sgextended.localsite.storage.transaction import Later
    from sgextended.localsite.writing.late_events import Delay

    Shape = tuple[Schema, Tables, int]

# The number of a schema that has not been read from the database yet.
_NOT_READ = -1


def utc_now() -> dt.datetime:
    """
    Return the time in UTC and whole seconds, the precision of the protocol.
    """
    return dt.datetime.now(dt.timezone.utc).replace(microsecond=0)


@attrs.frozen(eq=False, repr=False)
class Snapshot:
    """
    The contents of a site in memory at one moment. A snapshot is valid until the site stops.
    """

    database: sqlite3.Connection
    shape: Shape
    files: tempfile.TemporaryDirectory[str]

    def close(self) -> None:
        """
        Free the snapshot's memory and files.
        """
        self.database.close()
        self.files.cleanup()


class Store:
    """
    Open the database and files of a site. A new database receives the rows that every new site has.

    Args:
        path: The SQLite file, which is created if absent. None: the database is in memory.

        data: A folder of records that a new database starts with, as `folder_dump.dump` writes it.

        clock: Returns the time in UTC, which ``created_at`` and relative filters use.

        strict: Whether the site refuses what a live site may refuse.

        reads_older: Whether to open a file with an older layout. Changes of its rows are not kept.

    Raises:
        ValueError: The file is not the database of a site, or the folder holds no records.

    Attributes:
        is_new: Whether this store created the database.

        media: The site's files.

        loaded: The result of loading the records of *data*; None if none were loaded.

        draw_event_delay: Returns how late the next event log entries become visible. None: all are visible at once.

        webhooks: Receives the event log entries that a transaction has committed. None: nobody does.
    """

    def __init__(
        self,
        path: Optional[Path] = None,
        *,
        data: Optional[Path] = None,
        clock: Callable[[], dt.datetime] = utc_now,
        strict: bool = True,
        reads_older: bool = False,
    ) -> None:
        self.clock = clock
        self.strict = strict
        # Schema and tables change together, so they are one attribute, with the database's number of that schema.
        self._shape: Shape = (standard_schema(), standard_tables(), _NOT_READ)
        self._database = Database(path, reads_older=reads_older)
        self.is_new = self._database.is_new
        self.media = Media(path)
        self._snapshots: list[Snapshot] = []
        self.draw_event_delay: Optional[Callable[[], Optional[Delay]]] = None
        self.webhooks: Optional[Webhooks] = None
        self._later: list[Later] = []
        self._later_lock = threading.Lock()
        self._last_event = 0
        self.loaded: Optional[Loaded] = None
        if self.is_new:
            try:
                with self.writing() as tx:
                    insert_default_rows(tx)
                    if data is not None:
                        self.loaded = load(tx, data)
            except BaseException:
                self.close()
                if path is not None:  # a database that is filled in part is of no use
                    for ending in ("", "-wal", "-shm"):
                        path.with_name(path.name + ending).unlink(missing_ok=True)
                raise
        elif path is not None:
            self._complete_tables()

    @property
    def schema(self) -> Schema:
        """
        The entity types and fields, including those that callers made.
        """
        return self._shape[0]

    @property
    def tables(self) -> Tables:
        """
        The SQL tables of the schema.
        """
        return self._shape[1]

    def close(self) -> None:
        """
        Do the postponed work, then close the database and files. Closing twice is safe.
        """
        while self._snapshots:
            self._snapshots.pop().close()
        if self._database.path is not None:
            self._do_later_work(lambda _each: True)
        self._later = []
        self._database.close()
        self.media.close()

    def snapshot(self) -> Snapshot:
        """
        Return a snapshot of the current rows, schema and files.

        Raises:
            ValueError: The database is a file.
        """
        if self._database.path is not None:
            raise ValueError(
                f"The site in {self._database.path} has no snapshots, because only a site in memory has. Copy the site "
                "with 'sgextended site backup' instead."
            )
        self._do_later_work(lambda _each: True)
        taken = Snapshot(self._database.copy(), self._shape, self.media.copy())
        self._snapshots.append(taken)
        return taken

    def restore(self, snapshot: Snapshot) -> None:
        """
        Replace rows, schema and files by those of *snapshot*, which was taken of this store.
        """
        with self._later_lock:  # work that was postponed since then belongs to rows that are gone now
            self._later, self._last_event = [], 0
        self._database.replace(snapshot.database)
        self.media.replace(Path(snapshot.files.name))
        self._shape = snapshot.shape

    @contextlib.contextmanager
    def reading(self) -> Iterator[Transaction]:
        """
        Yield a transaction that reads one state of the rows until it ends.
        """
        self._do_later_work()
        with self._database.reading() as connection:
            yield self._transaction(connection)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Transaction]:
        """
        Yield the one transaction that may write at this time. If the block raises, its changes are rolled back.
        """
        self._do_later_work()
        with self._database.writing() as connection:
            tx = self._transaction(connection)
            schema = tx.schema
            yield tx
            tx.events.write(tx)
            logged = self._logged(tx)
            if tx.schema is not schema:
                changed = tx.schema, tx.tables, self._database.count_schema_change(connection)
        # Readers may see a new field only after its column is committed.
        if tx.schema is not schema:
            self._shape = changed
        with self._later_lock:
            self._later += tx.later
            self._last_event = tx.last_event or self._last_event
        self._report(logged)

    def show_late_events(self) -> None:
        """
        Write the event log entries that are held back now, so that they become visible.
        """
        self._do_later_work(lambda each: each.after_event is not None)

    def _do_later_work(self, is_chosen: Optional[Callable[[Later], bool]] = None) -> None:
        """
        Do the work that is due, or the work that *is_chosen* chooses.
        """
        if not self._later:
            return
        with self._later_lock:
            choose = is_chosen or self._is_due
            chosen = [each for each in self._later if choose(each)]
            if not chosen:
                return
            logged: list[LoggedEvent] = []
            with self._database.writing() as connection:
                for each in chosen:
                    tx = self._transaction(connection)
                    each.work(tx)
                    tx.events.write(tx)
                    logged += self._logged(tx)
                    # An entry that late work itself logs may be late, too.
                    self._later += tx.later
                    self._last_event = tx.last_event or self._last_event
            self._later = [each for each in self._later if each not in chosen]
            self._report(logged)

    def _logged(self, tx: Transaction) -> list[LoggedEvent]:
        return logged_events(tx) if self.webhooks is not None and self.webhooks.is_needed else []

    def _report(self, logged: list[LoggedEvent]) -> None:
        if logged and self.webhooks is not None:
            self.webhooks.put(logged)

    def _is_due(self, each: Later) -> bool:
        by_event = each.after_event is not None and each.after_event <= self._last_event
        return by_event or each.due <= self.clock().timestamp()

    def _complete_tables(self) -> None:
        """
        Add the tables and columns that the file of an earlier version lacks, first those of the standard schema.
        """
        self._run_missing(standard_tables().metadata.tables.values())
        with self.reading() as tx:
            standard = standard_schema().types
            changed = [name for name, facts in tx.schema.types.items() if facts is not standard.get(name)]
            tables = [tx.tables[name] for name in changed]
        self._run_missing(tables)

    def _run_missing(self, tables: Iterable[sa.Table]) -> None:
        with self._database.reading() as connection:
            is_complete = not missing_statements(connection, tables)
        if not is_complete:
            with self._database.writing() as connection:
                for statement in missing_statements(connection, tables):
                    connection.exec_driver_sql(statement)

    def _shape_for(self, connection: sa.Connection) -> tuple[Schema, Tables]:
        """
        Return the schema and tables as the connection sees them. Another process may have changed those of a file.
        """
        schema, tables, known = self._shape
        version = self._database.schema_version(connection)
        if version == known:
            return schema, tables
        schema, tables = load_fields(connection, standard_schema(), standard_tables())
        if version > known:
            self._shape = (schema, tables, version)
        return schema, tables

    def _transaction(self, connection: sa.Connection) -> Transaction:
        return Transaction(
            connection,
            *self._shape_for(connection),
            self.clock(),
            self.media,
            EventRecorder(self.draw_event_delay),
            address=self.media.address,
            strict=self.strict,
        )
