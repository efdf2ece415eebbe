"""
The SQLite database of a site: a file that survives restarts, or a database in memory.

A file is in write-ahead mode: readers see the last committed state and never wait for the writer. Only one thread
writes at a time. A database in memory has one connection, which only one thread uses at a time.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import sqlalchemy as sa

from sgextended.localsite.schema.json_values import json_contains
from sgextended.localsite.storage.entity_tables import LAYOUT, creation_script

if TYPE_CHECKING:
    from collections.abc import Iterator

# Each connection has a page cache of its own (in KB here), so a busy site needs about nine times this. The cache of the
# system has the rest.
_FILE_PRAGMAS = ("journal_mode = WAL", "synchronous = NORMAL", "busy_timeout = 30000", "cache_size = -4096")
_PRAGMAS = ("temp_store = MEMORY", "foreign_keys = OFF")

#: The largest number of connections that a site on a file keeps open. The site never has more threads than this.
MAX_CONNECTIONS = 16


class Database:
    """
    Open the database at *path*, or a new one in memory, and create its tables if it has none.

    Args:
        path: The file, which is created if it does not exist. None: memory.

        reads_older: Whether to open a file with an older layout: as a temporary copy, so that the file stays as it is.

    Raises:
        ValueError: The file is not the database of a site, or it has another layout.

    Attributes:
        is_new: Whether this object created the tables.
    """

    is_new: bool

    def __init__(self, path: Optional[Path] = None, *, reads_older: bool = False) -> None:
        self._copy: Optional[tempfile.TemporaryDirectory[str]] = None
        if reads_older and path is not None and 0 < layout_of(path) < LAYOUT:
            self._copy = tempfile.TemporaryDirectory(prefix="sgextended-older-")
            older, path = path, Path(self._copy.name) / path.name
            copy_file(older, path)
            with contextlib.closing(sqlite3.connect(path)) as connection:
                connection.execute(f"PRAGMA user_version = {LAYOUT}")
        self.path = path
        if path is not None:
            _create_private(path)
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
        if path is not None:
            _make_private(path)

    def close(self) -> None:
        """
        Close every connection. A database in memory is deleted by this.
        """
        self._engine.dispose()
        if self._copy is not None:
            self._copy.cleanup()

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

    def schema_version(self, connection: sa.Connection) -> int:
        """
        Return how often the schema of a file was changed, by this process or by another one. It is 0 in memory.
        """
        return 0 if self.path is None else int(connection.exec_driver_sql("PRAGMA application_id").scalar_one())

    def count_schema_change(self, connection: sa.Connection) -> int:
        """
        Count a change of the schema in this transaction, and return the new number.
        """
        if self.path is None:
            return 0
        # SQLite keeps this number for the program that owns the file, and changes it together with the rows.
        version = self.schema_version(connection) + 1
        connection.exec_driver_sql(f"PRAGMA application_id = {version}")
        return version

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
                        f"{_way_on(self.path, layout)}"
                    )
                # One transaction takes half the time of one for each table, and leaves no file with some of the tables.
                connection.executescript(f"BEGIN IMMEDIATE;\n{creation_script()};\nCOMMIT")
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


def _create_private(path: Path) -> None:
    """
    Create the file if it is absent, so that only its owner can read it. SQLite gives its other files the same mode.
    """
    with contextlib.suppress(OSError):  # SQLite reports why a file cannot be created
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _make_private(path: Path) -> None:
    """
    Let only the owner read a file of an earlier version, and those that SQLite has made beside it.
    """
    for ending in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + ending).chmod(0o600)


def copy_file(path: Path, target: Path) -> None:
    """
    Copy the database in a file, also while a site serves it. A plain copy of the file lacks the latest changes.

    Raises:
        ValueError: The file is not a database.
    """
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection, contextlib.closing(sqlite3.connect(target)) as to:
            connection.execute("PRAGMA schema_version").fetchone()  # raises if the file is not a database
            connection.backup(to)
    except sqlite3.DatabaseError as error:
        raise ValueError(f"SQLite cannot read {path}: {error}.") from error


def layout_of(path: Path) -> int:
    """
    Return the number of a file's layout; 0 if it has none or is not a database.
    """
    try:
        with contextlib.closing(sqlite3.connect(path.resolve().as_uri() + "?mode=ro", uri=True)) as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.DatabaseError:
        return 0


def _way_on(path: object, layout: int) -> str:
    """
    Return the sentences that say what to do with a file that has another layout.
    """
    if 0 < layout < LAYOUT:
        return (
            f"An earlier version wrote the file. Run 'sgextended site upgrade --db {path}' to bring it to the new "
            "layout. The command keeps a copy of the file as it is."
        )
    if layout > LAYOUT:
        return "A later version wrote the file. Update sgextended, or name another file."
    return "Name another file, or one that does not exist yet."


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _fold(text: Any) -> Any:
    # SQLite ignores the case of ASCII letters only.
    return text.casefold() if isinstance(text, str) else text
