"""
`LogFollower`: reads the event log from a position on, one step at a time.

It never waits: `LogFollower.poll` sends the requests of one step, and `LogFollower.due_in` is the time until the next.
"""

import heapq
import logging
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

from attrs import evolve, field, frozen

from sgextended.client.protocol.site_clock import ticks
from sgextended.domain.client_kinds import is_refusal
from sgextended.events.event import FIELDS, Event, to_link
from sgextended.events.log.event_filter import EventFilter
from sgextended.events.log.log_tracker import Gap, LogTracker, Position
from sgextended.events.log.outages import OutageWaits, is_outage_of_request
from sgextended.events.log.site_time import SiteTime, seconds_of
from sgextended.events.log.start_position import (
    MARGIN,
    After,
    last_before,
    newest_entries,
    start_position,
    warn_of_silent_scripts,
)

Row = Dict[str, Any]

LOG = logging.getLogger("sgextended")

#: The number of entries that one request reads.
PAGE = 500
#: Missing ids that one request asks for: in a list of ids, and as ranges of ids.
_MOST_IDS, _MOST_RANGES, _LONGEST_LISTED = 500, 20, 50
#: The number of events above a gap that wait in memory.
_MOST_HELD = 5000

_BY_ID = [{"field_name": "id", "direction": "asc"}]


@frozen(kw_only=True)
class FollowOptions:
    """
    How the event log is followed; see `SGExtended.events`.
    """

    filter: EventFilter = field(factory=EventFilter)
    after: After = None
    in_order: bool = True
    gap_age: float = 300.0
    poll_seconds: float = 1.0


class LogFollower:
    """
    The events of the log from a position on. One thread uses it.

    Args:
        sg: The client.

        options: Which events, and in which order.

        position: Where an earlier run ended. None: *options* say where to begin.

    Attributes:
        given_up: The number of ids that were given up, so that their events, if any, are not yielded.
    """

    given_up: int

    def __init__(self, sg: Any, options: FollowOptions, position: Optional[Position]) -> None:
        self._sg, self._options = sg, options
        self._time = SiteTime(sg)
        self._waits = OutageWaits(max(options.poll_seconds, 0.1))
        self._tracker = None if position is None else LogTracker(position)
        self._highest = 0 if position is None else position.highest
        self._complete_to: Optional[int] = None  # no further entries will appear up to this id
        self._held: List[Tuple[int, Event]] = []  # a heap of the events to yield
        self._unread: List[int] = []  # visible entries, of which the filters are not known to match
        self._turn = 0  # the first gap to look at
        self._next_at = 0.0
        self._has_warned = self._is_at_end = False
        self._is_full = False  # whether the last look has found as many entries as a request may return
        self._unknown_types = {"User"}  # parts of event types that are no entity types
        # Events that were created before the first moment are not wanted, as long as their ids are below the second.
        self._not_before = None if position is None else position.not_before
        self._not_before_to: Optional[int] = None
        self._end_seen_at: Optional[float] = None  # when all visible entries were read, on the clock `ticks`
        self.given_up = 0

    # --- For the one who loops

    @property
    def position(self) -> Optional[Position]:
        """
        The place in the log behind the events that are settled; None if it is not known yet.
        """
        if self._tracker is None:
            return None
        position = self._tracker.position(in_order=self._options.in_order)
        end = self._not_before_to
        return evolve(position, not_before=self._not_before) if end is None or position.mark < end else position

    def position_after(self, number: int) -> Optional[Position]:
        """
        Return the place in the log as if the event with an id were settled.
        """
        if self._tracker is None:
            return None
        with self._tracker.settled(number):
            return self.position

    @property
    def mark(self) -> int:
        """
        The id up to which everything is settled.
        """
        return 0 if self._tracker is None else self._tracker.mark

    @property
    def is_at_end(self) -> bool:
        """
        Whether the last step has found nothing more to read.
        """
        return self._is_at_end

    @property
    def outage(self) -> Optional[Exception]:
        """
        The failure of the last step if the site did not respond, or None.
        """
        return self._waits.error

    def due_in(self) -> float:
        """
        Return the seconds until the next step.
        """
        return max(0.0, self._next_at - time.monotonic())

    def pop(self) -> Optional[Event]:
        """
        Return the next event; None if a step is needed first. The event stays unsettled until `settle`.
        """
        if not self._held or self._tracker is None:
            return None
        number = self._held[0][0]
        if self._options.in_order:
            gap = self._tracker.first_gap
            if self._unread or (gap is not None and gap < number):
                return None
        event = heapq.heappop(self._held)[1]
        is_late = number < self._highest and not self._options.in_order
        self._highest = max(self._highest, number)
        return evolve(event, late=True) if is_late else event

    def settle(self, number: int) -> None:
        """
        Note that the event with an id was handled.
        """
        if self._tracker is not None:
            self._tracker.settle(number)

    def poll(self) -> None:
        """
        Send the requests of one step. If the site is down, the next step is due after a growing wait.

        Raises:
            Exception: The failure is not an outage, such as a refused filter.
        """
        before = self.position
        self._is_at_end = False
        try:
            more = self._step()
        except Exception as error:
            if not is_outage_of_request(error):
                self._rewind(before)
                raise
            self._next_at = time.monotonic() + self._waits.failed(error)
            return
        except BaseException:  # a signal handler has raised it, anywhere
            self._rewind(before)
            raise
        self._waits.succeeded()
        self._is_at_end = not more
        self._next_at = 0.0 if more else time.monotonic() + self._options.poll_seconds

    def _rewind(self, position: Optional[Position]) -> None:
        """
        Forget all that was read and not settled.
        """
        self._begin_at(position)
        self._complete_to = self._end_seen_at = None
        self._held, self._unread = [], []

    def _begin_at(self, position: Optional[Position]) -> None:
        self._tracker = None if position is None else LogTracker(position)
        self._not_before = None if position is None else position.not_before
        self._not_before_to = None

    # --- Steps. Each returns whether the next one is due at once.

    def _step(self) -> bool:
        if self._tracker is None:
            options = self._options
            position = start_position(self._sg, options.after, self._time, options.gap_age)
            self._highest = position.highest
            self._begin_at(position)
            return True
        if self._complete_to is None:
            return self._begin(self._tracker)
        if self._unread:
            return self._read_matching(self._tracker)
        if self._tracker.head < self._complete_to:
            return self._catch_up(self._tracker, self._complete_to)
        return self._look(self._tracker)

    def _begin(self, tracker: LogTracker) -> bool:
        """
        Find the part of the log in which no further entries will appear.
        """
        if not self._has_warned:
            warn_of_silent_scripts(self._sg)
            self._has_warned = True
        # This request returns nothing. It shows at the start whether the site accepts the filters.
        self._find([*self._options.filter.conditions, ["id", "less_than", 1]], 1)
        end = self._note_newest()
        if end < tracker.head:
            LOG.warning(
                "The event log ends at id %s, before the start of this follower at id %s. Check that the checkpoint is "
                "of this site, and whether the site was restored from a backup.", end, tracker.head,
            )  # fmt: skip
        gap_age = self._options.gap_age
        self._complete_to = last_before(self._sg, tracker.head, lambda at: self._time.age(at) > gap_age)
        return True

    def _catch_up(self, tracker: LogTracker, end: int) -> bool:
        """
        Read a page of the part of the log in which no further entries will appear. No gap is waited for.
        """
        bounds = [["id", "greater_than", tracker.head], ["id", "less_than", end + 1]]
        rows = self._find([*self._options.filter.conditions, *bounds], PAGE)
        up_to = rows[-1]["id"] if len(rows) == PAGE else end
        events = self._events_of(rows)
        new = set(tracker.add_complete(list(events), up_to))
        self._hold(tracker, [events[number] for number in events if number in new])
        return True

    def _look(self, tracker: LogTracker) -> bool:
        """
        Read the entries above those that are known, and those that have appeared in gaps.
        """
        looked_at, sent_at = self._gaps_to_look_at(tracker), ticks()
        conditions = _within(looked_at)
        head, limit = tracker.head, PAGE
        reads_on = len(self._held) < _MOST_HELD
        if reads_on:
            conditions.append(["id", "greater_than", head])
        is_filtered = bool(self._options.filter.conditions)
        where = [conditions[0] if len(conditions) == 1 else {"filter_operator": "any", "filters": conditions}]
        rows = self._find(where, limit, ("created_at",) if is_filtered else FIELDS)
        for row in rows:
            self._time.note(row.get("created_at"))
        events = {} if is_filtered else self._events_of(rows)
        self._is_full = len(rows) == limit
        if self._is_full:
            # Entries that are not read yet show how old gaps are. After this, no request may fail: the ids are noted.
            self._note_newest()
        new = tracker.add([(row["id"], row.get("created_at")) for row in rows], ticks(), self._end_seen_at)
        complete_to = rows[-1]["id"] if self._is_full else tracker.head
        if reads_on and not self._is_full:
            self._end_seen_at = sent_at
        self._give_up(tracker, looked_at, head, complete_to)
        if is_filtered:
            self._unread += new
        else:
            self._hold(tracker, [events[number] for number in new])
        return self._is_full or bool(self._unread)

    def _read_matching(self, tracker: LogTracker) -> bool:
        """
        Read those of the new entries that match the filters. The others are settled: their ids are no gaps.
        """
        unread = self._unread[:PAGE]
        rows = self._find([*self._options.filter.conditions, ["id", "in", unread]], PAGE)
        events = self._events_of(rows)
        for number in unread:
            if number not in events:
                tracker.settle(number)
        self._hold(tracker, list(events.values()))
        del self._unread[:PAGE]
        return self._is_full or bool(self._unread)

    # --- Parts of steps

    def _note_newest(self) -> int:
        """
        Note the time of the newest visible entry, and return its id; 0 if there is none.
        """
        newest = newest_entries(self._sg, 1)
        if not newest:
            return 0
        self._time.note(newest[0]["created_at"])
        return int(newest[0]["id"])

    def _find(self, conditions: Sequence[Any], limit: int, fields: Sequence[str] = FIELDS) -> List[Row]:
        rows: List[Row] = self._sg.find("EventLogEntry", list(conditions), list(fields), order=_BY_ID, limit=limit)
        return rows

    def _events_of(self, rows: Sequence[Row]) -> Dict[int, Event]:
        """
        Return the events of entries by id, in the order of the entries.
        """
        events = {}
        for row in rows:
            event = Event.from_entry(row)
            if event.entity is None:
                event = evolve(event, entity=self._deleted_entity(event))
            events[event.id] = event
        return events

    def _hold(self, tracker: LogTracker, events: Sequence[Event]) -> None:
        for event in events:
            if self._is_early(event) or not self._options.filter.matches(event):
                tracker.settle(event.id)
            else:
                heapq.heappush(self._held, (event.id, event))

    def _is_early(self, event: Event) -> bool:
        """
        Return whether an event was created before the time at which the follower was to begin.
        """
        if self._not_before is None or event.created_at is None:
            return False
        created_at = seconds_of(event.created_at)
        if self._not_before_to is None and created_at >= self._not_before + MARGIN:
            # A clock that is set back later makes no event of that time unwanted.
            self._not_before_to = event.id
        return created_at < self._not_before and (self._not_before_to is None or event.id < self._not_before_to)

    def _deleted_entity(self, event: Event) -> Optional[Dict[str, Any]]:
        """
        Return the link to the deleted entity of an event whose details do not name it; None if there is none.

        The second part of an event type names the type of the entity, also in those that a studio's tools use.
        """
        parts = (event.event_type or "").split("_")
        entity_type = parts[1] if len(parts) > 2 else ""
        if "entity_type" in event.meta or not entity_type[:1].isupper() or entity_type in self._unknown_types:
            return None
        condition = ["$FROM$EventLogEntry.entity.id", "is", event.id]
        try:
            rows = self._sg.find(entity_type, [condition], [], limit=1, retired_only=True)
        except Exception as error:
            if not is_refusal(error):
                raise
            self._unknown_types.add(entity_type)
            return None
        return to_link(rows[0]) if rows else None

    def _gaps_to_look_at(self, tracker: LogTracker) -> List[Gap]:
        """
        Return as many gaps as fit into one request. If there are more, each step continues where the last one ended.
        """
        gaps = tracker.gaps
        start = self._turn if self._turn < len(gaps) else 0
        chosen: List[Gap] = []
        ids = ranges = 0
        for gap in gaps[start:]:
            size = gap.high - gap.low + 1
            is_range = size > _LONGEST_LISTED
            if ids + size * (not is_range) > _MOST_IDS or ranges + is_range > _MOST_RANGES:
                break
            ids, ranges = ids + size * (not is_range), ranges + is_range
            chosen.append(gap)
        self._turn = start + len(chosen)
        return chosen

    def _give_up(self, tracker: LogTracker, looked_at: Sequence[Gap], head: int, complete_to: int) -> None:
        """
        Give up old gaps of which this step has shown that they are still empty.
        """
        ranges = [(gap.low, gap.high) for gap in looked_at]
        for gap in list(tracker.gaps):
            is_looked_at = gap.low > head or any(low <= gap.low and gap.high <= high for low, high in ranges)
            age = self._time.age(gap.created_at, gap.since, gap.not_before)
            if is_looked_at and gap.high <= complete_to and age > self._options.gap_age:
                tracker.give_up(gap)
                self.given_up += gap.high - gap.low + 1
                LOG.info(
                    "The ids %s to %s of the event log have stayed empty for %.0f s and are given up.",
                    gap.low, gap.high, age,
                )  # fmt: skip


def _within(gaps: Sequence[Gap]) -> List[List[Any]]:
    """
    Return the conditions of which any matches the entries with the ids of gaps.
    """
    listed: List[int] = []
    conditions: List[List[Any]] = []
    for gap in gaps:
        if gap.high - gap.low + 1 > _LONGEST_LISTED:
            conditions.append(["id", "between", [gap.low, gap.high]])
        else:
            listed += range(gap.low, gap.high + 1)
    return [*conditions, ["id", "in", listed]] if listed else conditions
