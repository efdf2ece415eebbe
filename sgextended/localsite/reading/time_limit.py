"""
The limit of the time that one request may use the database.

A short request can describe a search that takes SQLite hours. Without a limit, a few of them would keep all threads of
a site.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sgextended.localsite.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sgextended.localsite.storage.transaction import Transaction

#: Seconds after which the search of a request is ended.
MAX_SECONDS = 60.0
# How many steps of its machine SQLite makes between two looks at the clock: a few milliseconds.
_STEPS = 100_000


@contextlib.contextmanager
def limited_time(tx: Transaction) -> Iterator[None]:
    """
    End the statement that runs when the block has taken ``MAX_SECONDS``. Use it for blocks that only read.

    Raises:
        Fault: The time is over.
    """
    # The handler belongs to the connection of this transaction, which no other request uses at this time.
    connection: Any = tx.connection.connection.dbapi_connection
    ends = time.monotonic() + MAX_SECONDS
    is_over = False

    def look() -> int:
        nonlocal is_over
        is_over = time.monotonic() >= ends
        return int(is_over)

    connection.set_progress_handler(look, _STEPS)
    try:
        yield
    except (sqlite3.OperationalError, sa.exc.OperationalError):
        if not is_over:
            raise
        raise Fault(
            f"API {tx.rpc}() The search took the site's database longer than {MAX_SECONDS:g} seconds, so it was ended. "
            "Send fewer conditions or shorter paths, or limit the search to a project."
        ) from None
    finally:
        connection.set_progress_handler(None, 0)
