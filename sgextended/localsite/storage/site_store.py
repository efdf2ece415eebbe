"""
The rows of one site: its database, its schema, and the transactions of requests.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import attrs

from sgextended.localsite.demo.default_rows import insert_stock
from sgextended.localsite.demo.folder_dump import Loaded, load
from sgextended.localsite.files.file_store import Media
from sgextended.localsite.schema.custom_fields import loaded
from sgextended.localsite.schema.entity_types import standard_schema
from sgextended.localsite.storage.database import Database
from sgextended.localsite.storage.entity_tables import standard_tables
from sgextended.localsite.storage.transaction import Transaction
from sgextended.localsite.writing.events import write_events

if TYPE_CHECKING:
    import sqlite3
    import tempfile
    from collections.abc import Callable, Iterator

    from sgextended.localsite.schema.entity_types import Schema
    from sgextended.localsite.storage.entity_tables import Tables


def utc_now() -> dt.datetime:
    """
    Return the time in UTC, in whole seconds. API3 has no fractions of seconds.
    """
    return dt.datetime.now(dt.timezone.utc).replace(microsecond=0)


@attrs.frozen(eq=False, repr=False)
class Snapshot:
    """
    The rows, schema and files of a site in memory at one moment. Closing the site closes its snapshots.
    """

    database: sqlite3.Connection
    shape: tuple[Schema, Tables]
    files: tempfile.TemporaryDirectory[str]

    def close(self) -> None:
        """
        Delete the snapshot.
        """
        self.database.close()
        self.files.cleanup()


class Store:
    """
    Open the database of a site. Insert the default rows into a new database.

    Args:
        path: The SQLite file, which is created if it does not exist. None: memory.

        data: A folder of records that a new database starts with, as `sgextended.localsite.demo.folder_dump` writes it.

        clock: Returns the time in UTC. It decides ``created_at`` and relative filters.

    Raises:
        ValueError: The file is not the database of a site, or the folder contains no records.

    Attributes:
        is_new: Whether this object created the database.

        media: The site's files.

        loaded: The result of loading *data*. None: nothing was loaded.
    """

    def __init__(
        self,
        path: Optional[Path] = None,
        *,
        data: Optional[Path] = None,
        clock: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        self.clock = clock
        # The schema and the tables are one tuple, so that a reader never sees a new schema with old tables.
        self._shape = (standard_schema(), standard_tables())
        self._database = Database(path)
        self.is_new = self._database.is_new
        self.media = Media(path)
        self._snapshots: list[Snapshot] = []
        self.loaded: Optional[Loaded] = None
        if self.is_new:
            try:
                with self.writing() as tx:
                    insert_stock(tx)
                    if data is not None:
                        self.loaded = load(tx, data)
            except BaseException:
                self.close()
                if path is not None:  # the next start must not find a half-filled site
                    for ending in ("", "-wal", "-shm"):
                        path.with_name(path.name + ending).unlink(missing_ok=True)
                raise
        with self.reading() as tx:
            self._shape = loaded(tx, *self._shape)

    @property
    def schema(self) -> Schema:
        """
        Return the entity types and fields, including custom fields.
        """
        return self._shape[0]

    @property
    def tables(self) -> Tables:
        """
        Return the SQL tables of the schema.
        """
        return self._shape[1]

    def close(self) -> None:
        """
        Close the database and all snapshots. Calling this again has no effect.
        """
        while self._snapshots:
            self._snapshots.pop().close()
        self._database.close()
        self.media.close()

    def snapshot(self) -> Snapshot:
        """
        Return a snapshot of the rows, the schema and the files.

        Raises:
            ValueError: The site is not in memory but in a file.
        """
        if self._database.path is not None:
            raise ValueError(
                f"Cannot take a snapshot of {self._database.path}. Only a site in memory has snapshots. Copy the file "
                "instead."
            )
        taken = Snapshot(self._database.copy(), self._shape, self.media.copy())
        self._snapshots.append(taken)
        return taken

    def restore(self, snapshot: Snapshot) -> None:
        """
        Restore the rows, the schema and the files of a snapshot, which must be of this store.
        """
        self._database.replace(snapshot.database)
        self.media.replace(Path(snapshot.files.name))
        self._shape = snapshot.shape

    @contextlib.contextmanager
    def reading(self) -> Iterator[Transaction]:
        """
        Yield a transaction that sees the same state of the rows throughout the block.
        """
        with self._database.reading() as connection:
            yield Transaction(connection, *self._shape, self.clock(), self.media, self.media.address)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Transaction]:
        """
        Yield the only transaction that may write now. Commit at the end, or roll back if the block raises.
        """
        with self._database.writing() as connection:
            tx = Transaction(connection, *self._shape, self.clock(), self.media, self.media.address)
            yield tx
            write_events(tx)
        # Only after the commit: readers must not see a field before its column exists for all connections.
        self._shape = (tx.schema, tx.tables)
