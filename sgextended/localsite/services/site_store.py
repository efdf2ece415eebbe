"""
The rows of one site: its database, its schema, and the transactions in which requests work.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import attrs

from sgextended.localsite.custom_fields.field_storage import load_fields
from sgextended.localsite.demo.default_rows import insert_stock
from sgextended.localsite.demo.folder_dump import Loaded, load
from sgextended.localsite.files.file_store import Media
from sgextended.localsite.schema.entity_types import standard_schema
from sgextended.localsite.storage.database import Database
from sgextended.localsite.storage.entity_tables import standard_tables
from sgextended.localsite.storage.transaction import Transaction
from sgextended.localsite.writing.events import EventRecorder

if TYPE_CHECKING:
    import sqlite3
    import tempfile
    from collections.abc import Callable, Iterator

    import sqlalchemy as sa

    from sgextended.localsite.schema.entity_types import Schema
    from sgextended.localsite.storage.entity_tables import Tables


def utc_now() -> dt.datetime:
    """
    Return the time in UTC and whole seconds, which is all that the protocol carries.
    """
    return dt.datetime.now(dt.timezone.utc).replace(microsecond=0)


@attrs.frozen(eq=False, repr=False)
class Snapshot:
    """
    All that a site in memory held at one moment. It ends with the site.
    """

    database: sqlite3.Connection
    shape: tuple[Schema, Tables]
    files: tempfile.TemporaryDirectory[str]

    def close(self) -> None:
        """
        Forget it.
        """
        self.database.close()
        self.files.cleanup()


class Store:
    """
    Open the rows of a site, and put what every new site has into an empty one.

    Args:
        path: The SQLite file, which is created if absent. None: memory.

        data: A folder of records that a new database starts with, as `records.dump` writes it.

        clock: Returns the time in UTC; what ``created_at`` and relative filters go by.

    Raises:
        ValueError: The file is no site's database, or the folder holds no records.

    Attributes:
        is_new: Whether the database was created just now.

        media: The site's files.

        loaded: What came of the records of *data*, if any were loaded.
    """

    def __init__(
        self,
        path: Optional[Path] = None,
        *,
        data: Optional[Path] = None,
        clock: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        self.clock = clock
        # Both change together, so they are kept together.
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
                if path is not None:  # half a site is none
                    for ending in ("", "-wal", "-shm"):
                        path.with_name(path.name + ending).unlink(missing_ok=True)
                raise
        with self.reading() as tx:
            self._shape = load_fields(tx, *self._shape)

    @property
    def schema(self) -> Schema:
        """
        The entity types and fields, those that callers made included.
        """
        return self._shape[0]

    @property
    def tables(self) -> Tables:
        """
        The SQL tables for the schema.
        """
        return self._shape[1]

    def close(self) -> None:
        """
        Close the database; closing twice is safe.
        """
        while self._snapshots:
            self._snapshots.pop().close()
        self._database.close()
        self.media.close()

    def snapshot(self) -> Snapshot:
        """
        Return what there is now: rows, schema and files.

        Raises:
            ValueError: The rows lie in a file.
        """
        if self._database.path is not None:
            raise ValueError(f"Only a site in memory has snapshots; of {self._database.path}, copy the file.")
        taken = Snapshot(self._database.copy(), self._shape, self.media.copy())
        self._snapshots.append(taken)
        return taken

    def restore(self, snapshot: Snapshot) -> None:
        """
        Have exactly what there was when *snapshot* was taken of this store.
        """
        self._database.replace(snapshot.database)
        self.media.replace(Path(snapshot.files.name))
        self._shape = snapshot.shape

    @contextlib.contextmanager
    def reading(self) -> Iterator[Transaction]:
        """
        Yield a transaction that sees one state of the rows throughout.
        """
        with self._database.reading() as connection:
            yield self._transaction(connection)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Transaction]:
        """
        Yield the one transaction that may write now; if the block raises, nothing of it remains.
        """
        with self._database.writing() as connection:
            tx = self._transaction(connection)
            yield tx
            tx.events.write(tx)
        # Readers may know a field only once its column is there for all.
        self._shape = (tx.schema, tx.tables)

    def _transaction(self, connection: sa.Connection) -> Transaction:
        media = self.media
        return Transaction(connection, *self._shape, self.clock(), media, EventRecorder(), address=media.address)
