"""
Event log entries that become visible late: their ids are reserved at once, and their rows are written afterwards.

A live site gives ids to its event log in blocks and commits the blocks in any order. A program that asks for the
entries after the highest id that it knows loses the entries of a block that is committed after a later one.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Optional

import attrs

from sgextended.localsite.storage.transaction import Later

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import sqlalchemy as sa

    from sgextended.localsite.storage.transaction import Transaction

#: The most entries of one request that become visible together, the largest gap that was measured on a live site.
BLOCK = 33

_COLUMNS = (
    *("id", "event_type", "attribute_name", "entity__type", "entity__id", "project__type", "project__id"),
    *("user__type", "user__id", "meta", "description", "cached_display_name", "session_uuid", "created_at"),
)
_INSERT = f'INSERT INTO "EventLogEntry" ({", ".join(_COLUMNS)}) VALUES ({", ".join("?" * len(_COLUMNS))})'  # noqa: S608 - constants
_LIST = (
    "INSERT INTO directory (type, id, name) SELECT 'EventLogEntry', id, description FROM \"EventLogEntry\" "
    "WHERE id BETWEEN ? AND ?"
)
_LAST = "SELECT seq FROM sqlite_sequence WHERE name = 'EventLogEntry'"
_FORGET = "DELETE FROM sqlite_sequence WHERE name = 'EventLogEntry'"
_RESERVE = "INSERT INTO sqlite_sequence (name, seq) VALUES ('EventLogEntry', ?)"

#: The values of one entry, in the order of the columns. The first value is the id.
Row = tuple[Any, ...]


@attrs.frozen(kw_only=True)
class Delay:
    """
    How late a block of entries becomes visible.

    Attributes:
        seconds: The entries become visible after this time at the latest.

        entries: The entries become visible at the latest when this number of later entries have ids.

        never: Whether the entries never become visible, so that their ids stay unused.
    """

    seconds: float
    entries: int
    never: bool = False


def last_id(connection: sa.Connection) -> int:
    """
    Return the highest id that an entry has or had, or that is reserved.
    """
    return int(connection.exec_driver_sql(_LAST).scalar() or 0)


def write_rows(tx: Transaction, rows: Sequence[Row], draw: Optional[Callable[[], Optional[Delay]]]) -> None:
    """
    Write the entries of a request, whose ids follow each other. Entries that *draw* delays are written later.

    Args:
        tx: The transaction of the request.

        rows: The entries.

        draw: Returns the delay of the next block of entries, or None if it is visible at once.
    """
    tx.last_event = rows[-1][0]
    if draw is None:
        _insert(tx, rows)
        return
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        delay = draw()
        if delay is None:
            _insert(tx, block)
        elif not delay.never:
            due = tx.now.timestamp() + delay.seconds
            last = block[-1][0] + delay.entries
            tx.later.append(Later(due, functools.partial(_insert, rows=block), after_event=last))
    if last_id(tx.connection) < tx.last_event:
        tx.connection.exec_driver_sql(_FORGET)
        tx.connection.exec_driver_sql(_RESERVE, (tx.last_event,))


def _insert(tx: Transaction, rows: Sequence[Row]) -> None:
    tx.connection.exec_driver_sql(_INSERT, list(rows))
    tx.connection.exec_driver_sql(_LIST, (rows[0][0], rows[-1][0]))
    tx.logged += [row[0] for row in rows]
