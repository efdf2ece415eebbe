"""
The SQLite database of a site: a file that survives restarts, or a database in memory.

A file is in write-ahead mode: readers see the last committed state and never wait for the writer. Only one thread
writes at a time. A database in memory has one connection, which only one thread uses at a time.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from typing import TYPE_CHECKING, Any, Optional

import sqlalchemy as sa

from sgextended.localsite.schema.json_values import json_contains
from sgextended.localsite.storage.entity_tables import LAYOUT, creation_script

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FILE_PRAGMAS = ("journal_mode = WAL", "synchronous = NORMAL", "busy_timeout = 30000")
_PRAGMAS = ("temp_store = MEMORY", "cache_size = -65536", "foreign_keys = OFF")

#: The largest number of connections that a site on a file keeps open. The site never has more threads than this.
MAX_CONNECTIONS = 16


class Database:
    """
    Open the database at *path*, or a new one in memory, and create its tables if it has none.

    Args:
        path: The file, which is created if it does not exist. None: memory.

    Raises:
        ValueError: The file is not the database of a site, or it has another layout.

    Attributes:
        is_new: Whether this object created the tables.
    """

    def __init__(self, path: Optional[Path] = None) -> None:
        self.path = path
        # Held while writing. In memory there is only one connection, so it is held while reading too.
        self._turn = threading.Lock()
        if path is None:
            self._engine = sa.create_engine(
                "sqlite://", poolclass=sa.pool.StaticPool, connect_args={"check_same_thread": False}
            )
        else:
            self._engine = sa.create_engine(
                sa.URL.create("sqlite", database=str(path)),
                poolclass=sa.pool.QueuePool,
                pool_size=MAX_CONNECTIONS,
                max_overflow=0,
                connect_args={"check_same_thread": False},
            )
        sa.event.listen(self._engine, "connect", self._prepare)
        sa.event.listen(self._engine, "begin", _begin)
        try:
            self.is_new = self._create()
        except BaseException:
            self._engine.dispose()
            raise

    def close(self) -> None:
        """
        Close every connection. A database in memory is deleted by this.
        """
        self._engine.dispose()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """
        Yield a connection that sees the same state of the database throughout the block.
        """
        with self._turn if self.path is None else contextlib.nullcontext(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """
        Yield the only connection that may write now. Commit at the end, or roll back if the block raises.
        """
        options = {"begin": "BEGIN IMMEDIATE"}
        with self._turn, self._engine.connect() as connection:
            connection = connection.execution_options(**options)  # noqa: PLW2901 - the same one, with options
            with connection.begin():
                yield connection

    def copy(self) -> sqlite3.Connection:
        """
        Return a copy of this database, which must be in memory too. The caller closes the copy.
        """
        held = sqlite3.connect(":memory:", check_same_thread=False)
        with self._turn, self._connection() as connection:
            connection.backup(held)
        return held

    def replace(self, held: sqlite3.Connection) -> None:
        """
        Replace the contents of this database, which must be in memory, by those of *held*.
        """
        with self._turn, self._connection() as connection:
            held.backup(connection)

    def _prepare(self, connection: sqlite3.Connection, _record: object) -> None:
        # The driver must not begin transactions by itself: _begin does, before the first read.
        connection.isolation_level = None
        connection.create_function("fold", 1, _fold, deterministic=True)
        connection.create_function("json_contains", 2, json_contains, deterministic=True)
        for pragma in _PRAGMAS if self.path is None else (*_FILE_PRAGMAS, *_PRAGMAS):
            connection.execute(f"PRAGMA {pragma}").close()

    def _create(self) -> bool:
        try:
            with self._connection() as connection:
                (layout,) = connection.execute("PRAGMA user_version").fetchone()
                (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                if layout == LAYOUT:
                    return False
                if layout or tables:
                    raise ValueError(
                        f"{self.path} has layout {layout}, but this version of the local site reads layout {LAYOUT}. "
                        "Name another file, or one that does not exist yet."
                    )
                connection.executescript(creation_script())
                return True
        except (sqlite3.DatabaseError, sa.exc.DatabaseError) as error:
            reason = getattr(error, "orig", None) or error
            raise ValueError(f"{self.path} cannot hold a site's database: {reason}.") from error

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Any]:
        pooled = self._engine.raw_connection()
        try:
            yield pooled.dbapi_connection
        finally:
            pooled.close()


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _fold(text: Any) -> Any:
    # SQLite ignores the case of ASCII letters only.
    return text.casefold() if isinstance(text, str) else text
