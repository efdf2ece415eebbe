"""
How a site misbehaves on purpose, so that reliability is tested over real sockets: what goes wrong, and with what.

A mishap is written as ``KIND[=VALUE][:OPTION=VALUE,...]``, such as ``reset-after:rpc=create,rate=0.1`` or
``status=503:next=3,retry-after=2``. The kinds stand in ``KINDS``.
"""

from __future__ import annotations

import contextlib
import math
import random
import threading
from typing import TYPE_CHECKING, Optional, Union

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What can go wrong, and what each kind takes as its value.
KINDS = {
    "latency": "the request waits that many seconds before it is worked on",
    "reset-before": "the connection is reset, the request is not executed",
    "reset-after": "the request is executed, then the connection is reset without an answer",
    "reset-during": "the connection is reset in the middle of the answer's body",
    "close-after": "the request is executed, then the connection is closed cleanly without an answer",
    "hang-up": "the whole answer is sent, then the connection is closed although it was to be kept",
    "status": "an HTTP status of that number is the answer; the request is not executed unless when=after",
    "html": "an HTML page with status 200 is the answer, as of a proxy; not executed unless when=after",
    "truncated": "half of the answer's body is sent as if it were the whole",
    "cut-off": "half of the answer's body is sent, then the connection is closed cleanly",
    "garbled": "the answer's body is no JSON any more",
    "trickle": "the answer's body takes that many seconds, in twenty pieces",
    "refused": "the connection is reset, the request is not executed; connections are refused for that many seconds",
    "slammed": "as refused, but who connects in these seconds is let in and reset before anything is said",
    "expired": "an address to upload to or download from has expired; other requests are left alone",
}
_SECONDS = frozenset({"latency", "refused", "slammed", "trickle"})
_MAY_COME_AFTER = frozenset({"html", "status"})


@attrs.define(eq=False, kw_only=True)
class Mishap:
    """
    One thing that goes wrong with some requests.

    Attributes:
        kind: What goes wrong, one of ``KINDS``.

        value: Seconds for latency, trickle, refused and slammed, a number for status; else None.

        rpc:
            Names of the requests that it happens to: those of RPCs, ``upload_file`` and the like for forms, ``put``
            for uploads to storage, ``download`` for files and images. Empty: all.

        path: What the request's path begins with. Empty: any.

        rate: The share of the chosen requests that it happens to.

        seed: What the draws for *rate* begin from.

        next: How many more times it happens. None: always.

        retry_after: Seconds that the header ``Retry-After`` of a status names. None: no such header.

        after: Whether the request is executed before the status or page is sent.

        happened: How often it has happened.
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
    happened: int = attrs.field(default=0, init=False)
    _random: random.Random = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is no kind of mishap. Kinds: {', '.join(KINDS)}.")
        self._check_value()
        if not 0 <= self.rate <= 1:
            raise ValueError(f"rate is a share from 0 to 1; got {self.rate}.")
        if self.next is not None and self.next < 0:
            raise ValueError(f"next is a number of requests, 0 or more; got {self.next}.")
        if self.after and self.kind not in _MAY_COME_AFTER:
            raise ValueError(f"when=after is for status and html; {self.kind!r} says by itself when it happens.")
        if self.retry_after is not None and self.kind != "status":
            raise ValueError(f"retry-after is for status, not for {self.kind!r}.")
        self._random = random.Random(self.seed)  # noqa: S311 - it is to be the same every time

    def _check_value(self) -> None:
        if self.kind in _SECONDS:
            if self.value is None or self.value < 0 or not math.isfinite(self.value):
                raise ValueError(f"{self.kind} is a number of seconds, 0 or more; got {self.value}.")
        elif self.kind == "status":
            if self.value is None or self.value != int(self.value) or not 300 <= self.value <= 599:
                raise ValueError(f"status is a number from 300 to 599; got {self.value}.")
        elif self.value is not None:
            raise ValueError(f"{self.kind} takes no value; got {self.value}.")

    @classmethod
    def parse(cls, spec: str) -> Mishap:
        """
        Return the mishap that *spec* writes.

        Raises:
            ValueError: It is none, and why.
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
            elif name == "rate":
                given["rate"] = _number(spec, text)
            elif name in {"next", "seed", "retry-after"}:
                if not text.isascii() or not text.isdigit():
                    raise ValueError(f"{spec!r}: {name} is a whole number; got {text!r}.")
                given[name.replace("-", "_")] = int(text)
            elif name == "when" and text in {"before", "after"}:
                given["after"] = text == "after"
            else:
                raise ValueError(
                    f"{spec!r}: {option!r} is no option. Options: rpc=NAME[+NAME], path=START, rate=SHARE, "
                    "seed=NUMBER, next=NUMBER, retry-after=SECONDS, when=before|after."
                )
        try:
            return cls(**given)  # type: ignore[arg-type]  # of the types that the fields have
        except ValueError as error:
            raise ValueError(f"{spec!r}: {error}") from None

    def chooses(self, path: str, rpc: Optional[str]) -> bool:
        """
        Tell whether it may happen to a request.
        """
        if self.kind == "expired" and not path.startswith("/storage/"):
            return False
        return path.startswith(self.path) and (not self.rpc or rpc in self.rpc)

    def strikes(self) -> bool:
        """
        Tell whether it happens to the chosen request now, and count that it did.
        """
        if self.next == 0 or self._random.random() >= self.rate:
            return False
        if self.next is not None:
            self.next -= 1
        self.happened += 1
        return True


class Faults:
    """
    What goes wrong with requests. May be changed while the site runs, from any thread.

    Attributes:
        latency: Seconds that every request waits before it is worked on. Others go on meanwhile.
    """

    def __init__(self, *, latency: float = 0.0) -> None:
        if latency < 0:
            raise ValueError(f"latency is a number of seconds, 0 or more; got {latency}.")
        self.latency = latency
        self._lock = threading.Lock()
        self._mishaps: tuple[Mishap, ...] = ()

    def __repr__(self) -> str:
        return f"<Faults: latency {self.latency} s, {len(self._mishaps)} mishaps>"

    @property
    def mishaps(self) -> tuple[Mishap, ...]:
        """
        What goes wrong at present, in the order in which it was added.
        """
        return self._mishaps

    def add(self, mishap: Union[str, Mishap]) -> Mishap:
        """
        Let something go wrong from now on, and return it.

        Args:
            mishap: What, also as it is written: ``"status=503:next=3,retry-after=2"``.

        Raises:
            ValueError: It is written wrongly.
        """
        added = Mishap.parse(mishap) if isinstance(mishap, str) else mishap
        with self._lock:
            self._mishaps = (*self._mishaps, added)
        return added

    def remove(self, mishap: Mishap) -> None:
        """
        Let it go wrong no longer.
        """
        with self._lock:
            self._mishaps = tuple(found for found in self._mishaps if found is not mishap)

    def clear(self) -> None:
        """
        Let nothing go wrong any more.
        """
        with self._lock:
            self._mishaps = ()
            self.latency = 0.0

    @contextlib.contextmanager
    def during(self, mishap: Union[str, Mishap]) -> Iterator[Mishap]:
        """
        Let something go wrong within a ``with`` block.
        """
        added = self.add(mishap)
        try:
            yield added
        finally:
            self.remove(added)

    def ask_for_names(self) -> bool:
        """
        Tell whether a request's name decides about anything, so that its body must be read first.
        """
        return any(mishap.rpc for mishap in self._mishaps)

    def draw(self, path: str, rpc: Optional[str]) -> tuple[float, Optional[Mishap]]:
        """
        Return what happens to a request: how many seconds it waits, and the one other thing that goes wrong with it.

        Of several mishaps that choose a request, the first that strikes counts; latencies add up.
        """
        wait, struck = self.latency, None
        with self._lock:
            for mishap in self._mishaps:
                if struck is not None and mishap.kind != "latency":
                    continue
                if mishap.chooses(path, rpc) and mishap.strikes():
                    if mishap.kind == "latency":
                        wait += mishap.value or 0.0
                    else:
                        struck = mishap
        return wait, struck


def _number(spec: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{spec!r}: {text!r} is no number.") from None
