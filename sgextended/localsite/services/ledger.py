"""
The ledger: a record of the requests that a site has executed, for tests and benchmarks to read.
"""

from __future__ import annotations

import collections
import logging
import threading
from typing import Optional

import attrs

_access = logging.getLogger("sgextended.localsite.access")

#: The number of entries that are kept. Older entries are still counted.
KEPT = 100_000
#: The most characters of each text in an entry. Callers choose these texts, and some callers are strangers.
LONGEST_TEXT = 100
#: The most names of requests that are counted. Further names are counted together, under the empty name.
MOST_NAMES = 1000


@attrs.frozen(kw_only=True)
class Entry:
    """
    One executed request.

    Attributes:
        number: The entry's number, from 1, in the order in which requests finished.

        rpc: The request's name, such as ``"read"``.

        entity_type: The entity type that the request names, or None.

        user_agent: The client's user agent.

        started: The time at which the request arrived, by the clock of ``time.monotonic``.

        seconds: How long the request took.

        rows: The number of rows, groups or results in the response.

        ok: Whether the request succeeded; False for every fault.

        ids: Ids of the rows that were created, changed, retired, revived or followed, for a batch in its order.

        who: The script or login that the request names, and the user it acts as; empty if it names none.

        client: The client's address; empty for files.
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
    The executed requests in the order in which they finished. Any thread may read the ledger at any time.
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
        The entries so far, the oldest first. Beyond 100,000, only the newest are kept.
        """
        with self._lock:
            return tuple(self._entries)

    def count(self, rpc: Optional[str] = None) -> int:
        """
        Return the number of all requests, or of those with the name *rpc*.
        """
        with self._lock:
            return self._total if rpc is None else self._counts[rpc]

    def clear(self) -> None:
        """
        Remove all entries. Numbers start from 1 again.
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
        Record one request.
        """
        rpc, who = _short(rpc), _short(who)
        with self._lock:
            self._total += 1
            self._counts[rpc if rpc in self._counts or len(self._counts) < MOST_NAMES else ""] += 1
            self._entries.append(
                Entry(
                    number=self._total,
                    rpc=rpc,
                    entity_type=None if entity_type is None else _short(entity_type),
                    user_agent=_short(user_agent),
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
            # Names come from the client, so line breaks in them are escaped.
            _access.info("%s", " ".join(ascii(word)[1:-1] if not word.isprintable() else word for word in words))


def _short(text: str) -> str:
    """
    Return the start of a text that a caller sent, without halves of characters, which no page can show.
    """
    return text[:LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8")
