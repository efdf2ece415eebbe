"""
Completing the tables of an older file: tables, columns, indexes and triggers that this version has and the file lacks.

A file that an earlier version wrote lacks the fields that were added to the standard schema since then. Its rows read
null in these fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sgextended.localsite.storage.trigger_fields import TRIGGERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def missing_statements(connection: sa.Connection, tables: Iterable[sa.Table]) -> list[str]:
    """
    Return the SQL that adds the parts of *tables* that the database lacks, and the triggers that it lacks.
    """
    names = connection.exec_driver_sql("SELECT type, name FROM sqlite_master")
    present = {(row[0], row[1]) for row in names}
    found = [statement for table in tables for statement in _missing_parts(connection, table, present)]
    # A trigger may need a column that is added before.
    return found + [text for text in TRIGGERS if ("trigger", text.split()[2]) not in present]


def _missing_parts(connection: sa.Connection, table: sa.Table, present: set[tuple[str, str]]) -> Iterator[str]:
    dialect = connection.dialect

    def compiled(element: Any) -> str:
        return str(element.compile(dialect=dialect))

    if ("table", table.name) not in present:
        yield compiled(sa.schema.CreateTable(table))
    else:
        # table_xinfo lists generated columns too, table_info does not.
        columns = {row[1] for row in connection.exec_driver_sql(f'PRAGMA table_xinfo("{table.name}")')}
        for column in table.columns:
            if column.name not in columns:
                yield f'ALTER TABLE "{table.name}" ADD COLUMN {compiled(sa.schema.CreateColumn(column))}'
    for index in table.indexes:
        if ("index", str(index.name)) not in present:
            yield compiled(sa.schema.CreateIndex(index))
