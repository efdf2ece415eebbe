"""
Upgrades of a site's file from the layout of an earlier version, one numbered step for each layout.

The number of a file's layout is in the file, as SQLite's ``user_version``. A file whose layout is current may still
lack fields that were added since; the site adds these when it opens the file.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING, Optional

import attrs
import sqlalchemy as sa

from sgextended.localsite.demo.default_rows import add_missing_default_rows
from sgextended.localsite.files.file_lock import FileLock
from sgextended.localsite.services.site_store import Store
from sgextended.localsite.storage.database import copy_file, layout_of
from sgextended.localsite.storage.entity_tables import LAYOUT, standard_tables
from sgextended.localsite.storage.table_completion import missing_statements
from sgextended.localsite.storage.trigger_fields import RECOUNTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@attrs.frozen
class LayoutStep:
    """
    The change from one layout to the next.

    Attributes:
        layout: The number of the layout that the step leads to.

        before: SQL that runs before missing tables and columns are added, such as that of renamed columns.

        after: SQL that runs afterwards, such as that which fills new columns.
    """

    layout: int
    before: Sequence[str] = ()
    after: Sequence[str] = ()


#: The steps in their order. The last one leads to the current layout.
STEPS = (
    # Layout 2 added tables for follows, personal values and custom fields, and columns that triggers count.
    LayoutStep(2, after=RECOUNTS),
)


@attrs.frozen
class Upgraded:
    """
    The result of an upgrade.

    Attributes:
        before: The number of the layout that the file had.

        copy: The copy of the file as it was. None: the layout was current.
    """

    before: int
    copy: Optional[Path]


def upgrade_site(path: Path) -> Upgraded:
    """
    Bring the file of a site to the current layout, and keep a copy of it as it was. All or nothing is changed.

    Raises:
        ValueError: There is no such file, it is not that of a site or damaged, a later version wrote it, or a process
            serves it.
    """
    if not path.is_file():
        raise ValueError("There is no such file. Give the SQLite file of a local site.")
    lock = FileLock(path)
    try:
        layout = layout_of(path)
        if not 0 < layout <= LAYOUT:
            kind = (
                "A later version wrote it. Update sgextended." if layout else "It is not the database of a local site."
            )
            raise ValueError(f"{kind} This version has layout {LAYOUT}, the file has layout {layout}.")
        copy = None if layout == LAYOUT else _upgrade(path, layout)
        # The store adds the fields that a file of the current layout lacks.
        with contextlib.closing(Store(path)) as store, store.writing() as tx:
            if copy is not None:
                add_missing_default_rows(tx)
    finally:
        lock.release()
    return Upgraded(layout, copy)


def _upgrade(path: Path, layout: int) -> Path:
    copy = _free_name(path, layout)
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        copy_file(path, copy)
        _run_steps(path, layout)
    except BaseException:
        copy.unlink(missing_ok=True)  # the file is as it was
        raise
    return copy


def _free_name(path: Path, layout: int) -> Path:
    names = (f"{path.name}.layout-{layout}" + (f"-{number}" if number else "") for number in range(1000))
    return next(found for found in map(path.with_name, names) if not found.exists())


def _run_steps(path: Path, layout: int) -> None:
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)), poolclass=sa.pool.NullPool)
    steps = [step for step in STEPS if step.layout > layout]
    try:
        with engine.connect() as connection:
            _check_whole(connection)
            connection.connection.dbapi_connection.isolation_level = None  # type: ignore[union-attr]  # it is open
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                for statement in (statement for step in steps for statement in step.before):
                    connection.exec_driver_sql(statement)
                for statement in missing_statements(connection, standard_tables().metadata.tables.values()):
                    connection.exec_driver_sql(statement)
                for statement in (statement for step in steps for statement in step.after):
                    connection.exec_driver_sql(statement)
                connection.exec_driver_sql(f"PRAGMA user_version = {LAYOUT}")
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
    except (sa.exc.DatabaseError, sqlite3.DatabaseError) as error:
        raise ValueError(f"SQLite cannot upgrade {path}: {getattr(error, 'orig', error)}. It is as it was.") from error
    finally:
        engine.dispose()


def _check_whole(connection: sa.Connection) -> None:
    found = [row[0] for row in connection.exec_driver_sql("PRAGMA quick_check(1)")]
    if found != ["ok"]:
        raise ValueError(f"The file is damaged: {found[0]}. Use a backup of it.")
