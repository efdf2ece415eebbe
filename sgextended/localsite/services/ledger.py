"""
A ledger of the requests that a site executed, for tests and figures to read.
"""

from __future__ import annotations

import collections
import logging
import threading
from typing import Optional

import attrs

_access = logging.getLogger("sgextended.localsite.access")

#: Entries that are kept; older ones still count.
KEPT = 100_000


@attrs.frozen(kw_only=True)
class Entry:
    """
    One executed request.

    Attributes:
        number: Counts from 1, in the order in which requests finished.

        rpc: The request's name, such as ``"read"``.

        entity_type: The type asked about, where there is one.

        user_agent: How the client names itself.

        started: When the request arrived, by the clock of ``time.monotonic``.

        seconds: How long it took.

        rows: How many rows, groups or results the reply holds.

        ok: Whether it succeeded; False for every fault.

        ids: Ids of the rows that it created, changed, retired, revived or had followed; of a batch in its order.

        who: The script or login that the request names, and as whom it acts; empty where it names none.

        client: The address that it came from; empty for files.
    """

    number: int
    rpc: str
    entity_type: Optional[str]
    user_agent: str
    started: float
    seconds: float
    rows: int
    ok: bool
    ids: tuple[int, ...] = ()
    who: str = ""
    client: str = ""


class Ledger:
    """
    All requests in the order in which they finished. Any thread may read it while the site writes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: collections.deque[Entry] = collections.deque(maxlen=KEPT)
        self._counts: collections.Counter[str] = collections.Counter()
        self._total = 0

    def __repr__(self) -> str:
        return f"<Ledger: {self.count()} requests>"

    @property
    def entries(self) -> tuple[Entry, ...]:
        """
        The entries so far, the oldest first; of very many, the newest.
        """
        with self._lock:
            return tuple(self._entries)

    def count(self, rpc: Optional[str] = None) -> int:
        """
        Return how many requests there were, or how many of the name *rpc*.
        """
        with self._lock:
            return self._total if rpc is None else self._counts[rpc]

    def clear(self) -> None:
        """
        Forget all requests; numbers start from 1 again.
        """
        with self._lock:
            self._entries.clear()
            self._counts.clear()
            self._total = 0

    def add(
        self,
        *,
        rpc: str,
        entity_type: Optional[str],
        user_agent: str,
        started: float,
        seconds: float,
        rows: int,
        ok: bool,
        ids: tuple[int, ...] = (),
        who: str = "",
        client: str = "",
    ) -> None:
        """
        Write down one request.
        """
        with self._lock:
            self._total += 1
            self._counts[rpc] += 1
            self._entries.append(
                Entry(
                    number=self._total,
                    rpc=rpc,
                    entity_type=entity_type,
                    user_agent=user_agent,
                    started=started,
                    seconds=seconds,
                    rows=rows,
                    ok=ok,
                    ids=ids,
                    who=who,
                    client=client,
                )
            )
        if _access.isEnabledFor(logging.INFO):
            outcome = "ok" if ok else "fault"
            words = (
                client or "-",
                who or "-",
                rpc,
                entity_type or "-",
                f"{rows} rows",
                f"{seconds * 1000:.1f} ms",
                outcome,
            )
            # Names are the client's own: a line stays a line.
            _access.info("%s", " ".join(ascii(word)[1:-1] if not word.isprintable() else word for word in words))
