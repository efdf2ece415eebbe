"""
Mishaps: the misbehaviour that a site can be given on purpose, so that reliability is tested over real sockets.

A mishap is written as ``KIND[=VALUE][:OPTION=VALUE,...]``, such as ``reset-after:rpc=create,rate=0.1`` or
``status=503:next=3,retry-after=2``. ``KINDS`` lists the kinds.
"""

from __future__ import annotations

import contextlib
import math
import random
import threading
from typing import TYPE_CHECKING, Optional, Union

import attrs

from sgextended.localsite.writing.late_events import Delay

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The kinds of mishap: what each does, and with which value.
KINDS = {
    "latency": "the request waits that many seconds before it is executed",
    "reset-before": "the connection is reset, the request is not executed",
    "reset-after": "the request is executed, then the connection is reset without a response",
    "reset-during": "the connection is reset in the middle of the response's body",
    "close-after": "the request is executed, then the connection is closed cleanly without a response",
    "hang-up": "the whole response is sent, then the connection is closed although it should stay open",
    "status": "the response has that HTTP status; the request is not executed unless when=after",
    "html": "the response is an HTML page with status 200, as from a proxy; not executed unless when=after",
    "truncated": "half of the response's body is sent as if it were the whole",
    "cut-off": "half of the response's body is sent, then the connection is closed cleanly",
    "garbled": "the response's body is changed so that it is not valid JSON",
    "trickle": "the response's body takes that many seconds, in twenty pieces",
    "refused": "the connection is reset, the request is not executed; connections are refused for that many seconds",
    "slammed": "as refused, but connections in these seconds are accepted and then reset before any data is sent",
    "expired": "an address to upload to or download from has expired; other requests are not affected",
    "late-events": "blocks of event log entries become visible after later ones, within that many seconds",
}
_SECONDS = frozenset({"late-events", "latency", "refused", "slammed", "trickle"})
# Within the newest 1001 ids of a live site there were gaps.
_MOST_BEHIND = 1000
_MAY_COME_AFTER = frozenset({"html", "status"})


@attrs.define(eq=False, kw_only=True)
class Mishap:
    """
    A kind of misbehaviour, and the requests that it affects.

    Attributes:
        kind: The kind of mishap, one of ``KINDS``.

        value:
            Seconds for latency, trickle, refused and slammed; the longest delay in seconds for late-events; the HTTP
            status for status; else None.

        rpc:
            Names of the affected requests: names of RPCs, ``upload_file`` and the like for forms, ``put`` for uploads
            to storage, ``download`` for files and images. Empty: all.

        path: The beginning of the path of affected requests. Empty: any.

        rate: The share of the chosen requests that are affected, from 0 to 1.

        seed: The seed of the random choice for *rate*.

        next: The number of further requests, or blocks of event log entries, that are affected. None: all.

        retry_after: Seconds in the ``Retry-After`` header of a status. None: no such header.

        after: Whether the request is executed before the status or page is sent.

        behind:
            For late-events: an entry is visible at the latest when this number of later entries have ids. None: 1000.

        never: For late-events: the share of the affected blocks that never become visible, from 0 to 1.

        happened: The number of requests, or blocks of event log entries, that were affected so far.
    """

    kind: str
    value: Optional[float] = None
    rpc: frozenset[str] = attrs.field(default=frozenset(), converter=frozenset)
    path: str = ""
    rate: float = 1.0
    seed: int = 0
    next: Optional[int] = None
    retry_after: Optional[int] = None
    after: bool = False
    behind: Optional[int] = None
    never: float = 0.0
    happened: int = attrs.field(default=0, init=False)
    _random: random.Random = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is not a kind of mishap. Kinds: {', '.join(KINDS)}.")
        self._check_value()
        if not 0 <= self.rate <= 1:
            raise ValueError(f"rate must be a share from 0 to 1; got {self.rate}.")
        if self.next is not None and self.next < 0:
            raise ValueError(f"next must be a number of requests, 0 or more; got {self.next}.")
        if self.after and self.kind not in _MAY_COME_AFTER:
            raise ValueError(f"when=after is only for status and html, because {self.kind!r} has a fixed moment.")
        if self.retry_after is not None and self.kind != "status":
            raise ValueError(f"retry-after is only for status, not for {self.kind!r}.")
        self._check_late_events()
        self._random = random.Random(self.seed)  # noqa: S311 - the choice must be the same in every run

    def _check_value(self) -> None:
        if self.kind in _SECONDS:
            if self.value is None or self.value < 0 or not math.isfinite(self.value):
                raise ValueError(f"{self.kind} must be a number of seconds, 0 or more; got {self.value}.")
        elif self.kind == "status":
            if self.value is None or self.value != int(self.value) or not 300 <= self.value <= 599:
                raise ValueError(f"status must be a number from 300 to 599; got {self.value}.")
        elif self.value is not None:
            raise ValueError(f"{self.kind} takes no value; got {self.value}.")

    def _check_late_events(self) -> None:
        if self.kind != "late-events":
            if self.behind is not None or self.never:
                raise ValueError(f"behind and never are only for late-events, not for {self.kind!r}.")
            return
        if self.rpc or self.path:
            raise ValueError("rpc and path are not for late-events, which affects entries and no requests.")
        if self.behind is not None and self.behind < 1:
            raise ValueError(f"behind must be a number of entries, 1 or more; got {self.behind}.")
        if not 0 <= self.never <= 1:
            raise ValueError(f"never must be a share from 0 to 1; got {self.never}.")

    @classmethod
    def parse(cls, spec: str) -> Mishap:
        """
        Return the mishap that *spec* describes.

        Raises:
            ValueError: *spec* is not valid.
        """
        head, _, tail = spec.partition(":")
        kind, _, value = head.partition("=")
        given: dict[str, object] = {"kind": kind.strip()}
        if value:
            given["value"] = _number(spec, value)
        for option in filter(None, tail.split(",")):
            name, _, text = (part.strip() for part in option.partition("="))
            if name == "rpc":
                given["rpc"] = frozenset(filter(None, text.split("+")))
            elif name == "path":
                given["path"] = text
            elif name in {"rate", "never"}:
                given[name] = _number(spec, text)
            elif name in {"behind", "next", "seed", "retry-after"}:
                if not text.isascii() or not text.isdigit():
                    raise ValueError(f"{spec!r}: {name} must be a whole number; got {text!r}.")
                given[name.replace("-", "_")] = int(text)
            elif name == "when" and text in {"before", "after"}:
                given["after"] = text == "after"
            else:
                raise ValueError(
                    f"{spec!r}: {option!r} is not an option. Options: rpc=NAME[+NAME], path=START, rate=SHARE, "
                    "seed=NUMBER, next=NUMBER, retry-after=SECONDS, when=before|after, behind=NUMBER, never=SHARE."
                )
        try:
            return cls(**given)  # type: ignore[arg-type]  # of the types that the fields have
        except ValueError as error:
            raise ValueError(f"{spec!r}: {error}") from None

    def matches(self, path: str, rpc: Optional[str]) -> bool:
        """
        Return whether the mishap may affect a request.
        """
        if self.kind == "late-events" or (self.kind == "expired" and not path.startswith("/storage/")):
            return False
        return path.startswith(self.path) and (not self.rpc or rpc in self.rpc)

    def happens(self) -> bool:
        """
        Decide whether the mishap affects a matching request now, count it if so, and return the decision.
        """
        if self.next == 0 or self._random.random() >= self.rate:
            return False
        if self.next is not None:
            self.next -= 1
        self.happened += 1
        return True

    def event_delay(self) -> Delay:
        """
        Return how late a block of event log entries becomes visible, for late-events.
        """
        seconds = self._random.uniform(0.0, self.value or 0.0)
        entries = self._random.randint(1, self.behind or _MOST_BEHIND)
        return Delay(seconds=seconds, entries=entries, never=self._random.random() < self.never)


class Faults:
    """
    The mishaps of a site. Any thread may change them while the site runs.

    Attributes:
        latency: Seconds that every request waits before it is executed. The waiting does not hold up other requests.
    """

    latency: float

    def __init__(self, *, latency: float = 0.0) -> None:
        if latency < 0:
            raise ValueError(f"latency must be a number of seconds, 0 or more; got {latency}.")
        self.latency = latency
        self._lock = threading.Lock()
        self._mishaps: tuple[Mishap, ...] = ()

    def __repr__(self) -> str:
        return f"<Faults: latency {self.latency} s, {len(self._mishaps)} mishaps>"

    @property
    def mishaps(self) -> tuple[Mishap, ...]:
        """
        The active mishaps, in the order in which they were added.
        """
        return self._mishaps

    def add(self, mishap: Union[str, Mishap]) -> Mishap:
        """
        Add a mishap and return it.

        Args:
            mishap: The mishap, or its description, such as ``"status=503:next=3,retry-after=2"``.

        Raises:
            ValueError: The description is not valid.
        """
        added = Mishap.parse(mishap) if isinstance(mishap, str) else mishap
        with self._lock:
            self._mishaps = (*self._mishaps, added)
        return added

    def remove(self, mishap: Mishap) -> None:
        """
        Remove a mishap. Do nothing if it was removed before.
        """
        with self._lock:
            self._mishaps = tuple(found for found in self._mishaps if found is not mishap)

    def clear(self) -> None:
        """
        Remove all mishaps, and set the latency to 0.
        """
        with self._lock:
            self._mishaps = ()
            self.latency = 0.0

    @contextlib.contextmanager
    def during(self, mishap: Union[str, Mishap]) -> Iterator[Mishap]:
        """
        Add a mishap for the duration of a ``with`` block.
        """
        added = self.add(mishap)
        try:
            yield added
        finally:
            self.remove(added)

    def need_rpc_names(self) -> bool:
        """
        Return whether a mishap is limited to names of requests, so that the body must be read for the name.
        """
        return any(mishap.rpc for mishap in self._mishaps)

    def draw(self, path: str, rpc: Optional[str]) -> tuple[float, Optional[Mishap]]:
        """
        Return how many seconds a request waits, and the one other mishap that affects it, if any.

        Of several mishaps that would affect a request, the first one added counts. Latencies add up.
        """
        wait, struck = self.latency, None
        with self._lock:
            for mishap in self._mishaps:
                if struck is not None and mishap.kind != "latency":
                    continue
                if mishap.matches(path, rpc) and mishap.happens():
                    if mishap.kind == "latency":
                        wait += mishap.value or 0.0
                    else:
                        struck = mishap
        return wait, struck

    def draw_event_delay(self) -> Optional[Delay]:
        """
        Return how late the next block of event log entries becomes visible; None if it is visible at once.
        """
        with self._lock:
            for mishap in self._mishaps:
                if mishap.kind == "late-events" and mishap.happens():
                    return mishap.event_delay()
        return None


def _number(spec: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{spec!r}: {text!r} is not a number.") from None
