"""
`LogTracker`: which entries of the event log were handled, and which may still appear between those that are visible.

A site reserves ids for entries and writes the entries later, so that an entry can appear below ids that are visible
already. A missing id is a gap until its entry appears, or until the gap is given up.
"""

import bisect
import contextlib
import json
import math
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from attrs import define, evolve, frozen

from sgextended.errors import ConfigurationError

Range = Tuple[int, int]  # the first and the last id


@define(eq=False)
class Gap:
    """
    Ids that follow each other and of which no entry is visible.

    Attributes:
        low: The first id.

        high: The last id.

        created_at: The time of the next visible entry above the gap, by the clock of the site. None: it is unknown.

        since: When the gap was first seen, on the clock `sgextended.client.protocol.site_clock.ticks`.

        not_before: When the entry above the gap was not visible yet, on the same clock. None: it is unknown.
    """

    low: int
    high: int
    created_at: Any
    since: float
    not_before: Optional[float] = None


@frozen
class Position:
    """
    A place in the event log.

    Attributes:
        mark: All events up to this id are handled, filtered out or given up.

        seen: The same for these ranges of ids above the mark, in ascending order.

        not_before: Events above the mark that were created before this moment are not wanted; in seconds since the
            epoch. None: all are wanted. A follower that begins at a time begins some entries before it.
    """

    mark: int
    seen: Tuple[Range, ...] = ()
    not_before: Optional[float] = None

    @property
    def highest(self) -> int:
        """
        The highest id that is handled.
        """
        return self.seen[-1][1] if self.seen else self.mark

    def to_json(self) -> Mapping[str, Any]:
        """
        Return the position as JSON values.
        """
        value: Dict[str, Any] = {"mark": self.mark, "seen": [list(each) for each in self.seen]}
        return value if self.not_before is None else {**value, "not_before": self.not_before}

    def to_text(self) -> str:
        """
        Return the position as one text.
        """
        return json.dumps(self.to_json(), separators=(",", ":"))

    @classmethod
    def from_json(cls, value: Any) -> "Position":
        """
        Return the position for the JSON values of `to_json`, or for the text of `to_text`.

        Raises:
            ConfigurationError: The value is not a position.
        """
        try:
            if isinstance(value, str):
                value = json.loads(value)
            seen = tuple((_whole(low), _whole(high)) for low, high in value.get("seen", ()))
            mark = _whole(value["mark"])
            not_before = None if value.get("not_before") is None else _seconds(value["not_before"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            msg = f"{value!r:.80} is not a position in the event log. Pass what EventStream.position returned."
            raise ConfigurationError(msg) from error
        ends = [mark, *(end for each in seen for end in each)]
        if ends != sorted(ends):
            msg = f"{value!r:.80} is not a position in the event log: its ranges are not in ascending order."
            raise ConfigurationError(msg)
        return cls(mark, seen, not_before)


def _whole(value: Union[int, Any]) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        msg = f"{value!r:.40} is not an id"
        raise ValueError(msg)
    return value


def _seconds(value: Union[float, Any]) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        msg = f"{value!r:.40} is not a moment"
        raise ValueError(msg)
    return float(value)


class LogTracker:
    """
    The entries of the event log, from a position on.

    Args:
        position: Where to begin.
    """

    def __init__(self, position: Position) -> None:
        self._seen = position.seen
        self._mark = self._head = position.mark
        self._open: List[int] = []  # the visible entries that are not settled, ascending
        self.gaps: List[Gap] = []

    @property
    def head(self) -> int:
        """
        The highest id that was read.
        """
        return self._head

    def position(self, *, in_order: bool) -> Position:
        """
        Return the place in the log: what is settled. The mark never decreases.

        Args:
            in_order: Whether events are handled in the order of their ids. Then the mark alone says which were handled.
        """
        mark = self.mark
        if in_order:
            return Position(mark, tuple((max(low, mark + 1), high) for low, high in self._seen if high > mark))
        seen: List[Range] = []
        at = mark
        for low, high in sorted([(gap.low, gap.high) for gap in self.gaps] + [(each, each) for each in self._open]):
            if low > at + 1:
                seen.append((at + 1, low - 1))
            at = high
        if self._head > at:
            seen.append((at + 1, self._head))
        # What an earlier run has settled above the head is settled, although it was not read again.
        for low, high in self._seen:
            if high > self._head:
                first = max(low, self._head + 1)
                if seen and seen[-1][1] + 1 == first:
                    first = seen.pop()[0]
                seen.append((first, high))
        return Position(mark, tuple(seen))

    @property
    def mark(self) -> int:
        """
        The id up to which everything is settled.
        """
        lowest = [gap.low for gap in self.gaps[:1]] + self._open[:1]
        self._mark = max(self._mark, min(lowest) - 1 if lowest else self._head)
        return self._mark

    @property
    def first_gap(self) -> Optional[int]:
        """
        The lowest id that is missing, or None.
        """
        return self.gaps[0].low if self.gaps else None

    def add(self, rows: Sequence[Tuple[int, Any]], now: float, not_before: Optional[float] = None) -> List[int]:
        """
        Note visible entries, and return the ids that are new. Ids that are missing between them become gaps.

        Args:
            rows: Pairs of id and creation time, in ascending order. The ids above the head must be all that were
                visible, without an omission.

            now: The time on the clock of `Gap.since`.

            not_before: When no entry above the head was visible yet, on the same clock. None: it is unknown.
        """
        new = []
        for number, created_at in rows:
            if number > self._head:
                for low, high in self._unseen(self._head + 1, number - 1):
                    self.gaps.append(Gap(low, high, created_at, now, not_before))
                self._head = number
                if not self._is_seen(number):
                    new.append(number)
            elif self._fill(number, created_at):
                new.append(number)
        for number in new:
            bisect.insort(self._open, number)
        return new

    def add_complete(self, ids: Iterable[int], up_to: int) -> List[int]:
        """
        Note a part of the log in which no further entries will appear, and return the ids that are new.

        Args:
            ids: The ids of interest from the head on, in ascending order. All others are settled.

            up_to: The end of the part.
        """
        new = [number for number in ids if number > self._head and not self._is_seen(number)]
        self._open += new  # they are above all others
        self._head = max(self._head, up_to)
        return new

    def settle(self, number: int) -> None:
        """
        Note that an event was handled, or that it does not match the filters.
        """
        index = bisect.bisect_left(self._open, number)
        if index < len(self._open) and self._open[index] == number:
            del self._open[index]

    @contextlib.contextmanager
    def settled(self, number: int) -> Iterator[None]:
        """
        Return a ``with`` block in which an event counts as settled.
        """
        mark, is_open = self._mark, number in self._open
        self.settle(number)
        try:
            yield
        finally:
            self._mark = mark
            if is_open:
                bisect.insort(self._open, number)

    def give_up(self, gap: Gap) -> None:
        """
        Stop waiting for the entries of a gap.
        """
        self.gaps.remove(gap)

    def _fill(self, number: int, created_at: Any) -> bool:
        """
        Remove an id from its gap. Return False if the id is in no gap.
        """
        index = bisect.bisect_right([gap.low for gap in self.gaps], number) - 1
        if index < 0 or self.gaps[index].high < number:
            return False
        gap = self.gaps[index]
        parts = []
        if gap.low < number:
            parts.append(evolve(gap, high=number - 1, created_at=created_at or gap.created_at))
        if number < gap.high:
            parts.append(evolve(gap, low=number + 1))
        self.gaps[index : index + 1] = parts
        return True

    def _is_seen(self, number: int) -> bool:
        index = bisect.bisect_right(self._seen, (number, float("inf"))) - 1
        return index >= 0 and self._seen[index][1] >= number

    def _unseen(self, low: int, high: int) -> List[Range]:
        """
        Return the parts of a range that an earlier run has not settled.
        """
        parts, at = [], low
        for first, last in self._seen:
            if last < at or first > high:
                continue
            if first > at:
                parts.append((at, first - 1))
            at = last + 1
        if at <= high:
            parts.append((at, high))
        return parts
