"""
The ledger: a record of the requests that a site has executed, for tests and benchmarks to read.
"""

from __future__ import annotations

import collections
import logging
import threading
from typing import Any, Optional

import attrs

_access = logging.getLogger("sgextended.localsite.access")

#: The number of entries that are kept. Older entries are still counted.
KEPT = 100_000
#: The most characters of each text in an entry. Callers choose these texts, and some callers are strangers.
LONGEST_TEXT = 200
#: The most names of requests that are counted. Further names are counted together, under the empty name.
MOST_NAMES = 1000
#: The number of payloads that are kept.
KEPT_PAYLOADS = 500

_LONGEST_MESSAGE = 500  # characters


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

        message: The text of the fault; empty if the request succeeded.
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
    message: str = ""


class Ledger:
    """
    The executed requests in the order in which they finished. Any thread may read the ledger at any time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: collections.deque[Entry] = collections.deque(maxlen=KEPT)
        self._counts: collections.Counter[str] = collections.Counter()
        self._payloads: collections.deque[tuple[int, Any]] = collections.deque(maxlen=KEPT_PAYLOADS)
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
            self._payloads.clear()
            self._total = 0

    def entry(self, number: int) -> Optional[Entry]:
        """
        Return the entry with a number, or None if it is not kept.
        """
        with self._lock:
            at = number - self._entries[0].number if self._entries else -1
            return self._entries[at] if 0 <= at < len(self._entries) else None

    def payload(self, number: int) -> Any:
        """
        Return the payload of a request as its client has sent it, without credentials; None if it is not kept.

        The payloads of the newest 500 requests are kept, for the pages. They are not part of the entries.
        """
        with self._lock:
            return next((payload for kept, payload in self._payloads if kept == number), None)

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
        message: str = "",
        payload: Any = None,
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
                    message=message[:_LONGEST_MESSAGE],
                )
            )
            if payload is not None:
                self._payloads.append((self._total, payload))
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
