"""
How the dates and the duration of a task follow from each other (protocol 5.6).

Nothing here touches the database: a plan and what somebody sends go in, the plan that results comes out.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

import attrs

from sgextended.localsite.schedule.working_days import MINUTES_PER_DAY, Calendar

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The fields that make a plan. They are applied after all others.
PLANNED = ("milestone", "splits", "start_date", "due_date", "duration")


class PlanError(ValueError):
    """
    A plan that a task cannot have.

    Args:
        message: Why, in the site's words.

        field: The field of the task that is refused.
    """

    def __init__(self, message: str, field: str = "splits") -> None:
        super().__init__(message)
        self.field = field


class Piece(NamedTuple):
    """
    One of the spans that a split task is worked on.
    """

    start: dt.date
    end: dt.date


@attrs.frozen(kw_only=True)
class Plan:
    """
    When a task is worked on. A duration is in minutes of work; a date or the duration may be unknown.
    """

    start: Optional[dt.date] = None
    due: Optional[dt.date] = None
    duration: Optional[int] = None
    milestone: bool = False
    pieces: tuple[Piece, ...] = ()

    @classmethod
    def from_columns(cls, row: Mapping[str, Any]) -> Plan:
        """
        Return the plan that the columns of a task hold.
        """
        return cls(
            start=_date(row.get("start_date")),
            due=_date(row.get("due_date")),
            duration=row.get("duration"),
            milestone=bool(row.get("milestone")),
            pieces=_pieces(row.get("splits")),
        )

    def columns(self, calendar: Calendar) -> dict[str, Any]:
        """
        Return the columns of a task with this plan.
        """
        pieces = [{"start": piece.start.isoformat(), "end": piece.end.isoformat()} for piece in self.pieces]
        lengths = [_span(calendar, *piece) for piece in self.pieces]
        return {
            "start_date": self.start and self.start.isoformat(),
            "due_date": self.due and self.due.isoformat(),
            "duration": self.duration,
            "milestone": int(self.milestone),
            "splits": json.dumps(pieces) if pieces else None,
            "split_durations": json.dumps(lengths) if lengths else None,
        }


def replan(plan: Plan, sent: Mapping[str, Any], calendar: Calendar) -> Plan:
    """
    Return the plan that results when *sent*, columns of a task, are written to one with *plan*.

    Raises:
        PlanError: What is sent contradicts itself.
        OverflowError: A date would lie outside the calendar.
    """
    if "milestone" in sent:
        plan = attrs.evolve(plan, milestone=bool(sent["milestone"]))
    if plan.milestone:
        return _milestone(plan, sent)
    pieces = _pieces(sent.get("splits"))
    if pieces:
        _check(pieces, calendar)
        return _split(plan, pieces, calendar)
    if "splits" in sent and plan.pieces:
        plan = _spanned(attrs.evolve(plan, pieces=()), calendar)
    elif "milestone" in sent:
        # No milestone any more, so its day is a day of work.
        plan = _spanned(plan, calendar) if not plan.duration else plan
    return _dated(_cleared(plan, sent), sent, calendar)


def _cleared(plan: Plan, sent: Mapping[str, Any]) -> Plan:
    """
    Return *plan* without what is sent as null, which recomputes nothing.
    """
    gone = {name for name in ("start_date", "due_date", "duration") if name in sent and sent[name] is None}
    if not gone:
        return plan
    return Plan(
        start=None if "start_date" in gone else plan.start,
        due=None if "due_date" in gone else plan.due,
        duration=None if "duration" in gone else plan.duration,
    )


def _dated(plan: Plan, sent: Mapping[str, Any], calendar: Calendar) -> Plan:
    start, due, duration = _date(sent.get("start_date")), _date(sent.get("due_date")), sent.get("duration")
    if start is not None and due is not None:
        return _spanned(attrs.evolve(plan, start=start, due=due, pieces=()), calendar)
    if start is not None:
        plan = move(plan, start, calendar)
    if duration is not None:
        plan = _last(plan, duration, calendar)
    if due is not None:
        plan = _end(plan, due, calendar)
    return plan


def move(plan: Plan, start: dt.date, calendar: Calendar) -> Plan:
    """
    Return *plan* begun on *start*; its duration is kept where it is known.
    """
    if plan.milestone:
        return attrs.evolve(plan, start=start, due=start)
    if plan.pieces:
        return _moved_pieces(plan, start, calendar)
    plan = attrs.evolve(plan, start=start)
    if plan.duration is not None:
        return attrs.evolve(plan, due=_due(start, plan.duration, calendar))
    return _spanned(plan, calendar)


def move_end(plan: Plan, due: dt.date, calendar: Calendar) -> Plan:
    """
    Return *plan* ended on *due*; its duration is kept where it is known.
    """
    if plan.milestone:
        return attrs.evolve(plan, start=due, due=due)
    if plan.duration is None:
        return _spanned(attrs.evolve(plan, due=due), calendar)
    days = _days(plan.duration)
    if plan.pieces:
        gaps = sum(_gap(calendar, one, other) for one, other in zip(plan.pieces, plan.pieces[1:]))
        days = gaps + sum(calendar.count(*piece) for piece in plan.pieces)
        return _moved_pieces(plan, calendar.backward(due, max(1, days)), calendar)
    return attrs.evolve(plan, due=due, start=calendar.backward(due, days))


def respan(plan: Plan, calendar: Calendar) -> Plan:
    """
    Return *plan* with its dates and the duration that these have by *calendar*.
    """
    return _split(plan, plan.pieces, calendar) if plan.pieces else _spanned(plan, calendar)


def _milestone(plan: Plan, sent: Mapping[str, Any]) -> Plan:
    start, due = _date(sent.get("start_date")), _date(sent.get("due_date"))
    if start is not None and due is not None and start != due:
        raise PlanError(
            f"(task.rb) A milestone has one date, but its start date is {start} and its due date {due}.", "start_date"
        )
    cleared = any(key in sent and sent[key] is None for key in ("start_date", "due_date"))
    day = start or due or (None if cleared else plan.due or plan.start)
    return Plan(start=day, due=day, duration=0, milestone=True)


def _last(plan: Plan, duration: int, calendar: Calendar) -> Plan:
    """
    Return *plan* with another duration: its end moves, or its start if that is not known.
    """
    if plan.pieces:
        return _cut(plan, duration, calendar)
    plan = attrs.evolve(plan, duration=duration)
    if plan.start is not None:
        return attrs.evolve(plan, due=_due(plan.start, duration, calendar))
    if plan.due is not None:
        return attrs.evolve(plan, start=calendar.backward(plan.due, _days(duration)))
    return plan


def _end(plan: Plan, due: dt.date, calendar: Calendar) -> Plan:
    """
    Return *plan* with another end: its duration follows, or its start if that is not known.
    """
    if plan.pieces:
        kept = [piece for piece in plan.pieces if piece.start <= due] or [Piece(due, due)]
        return _split(plan, (*kept[:-1], Piece(kept[-1].start, due)), calendar)
    plan = attrs.evolve(plan, due=due)
    if plan.start is None and plan.duration is not None:
        return attrs.evolve(plan, start=calendar.backward(due, _days(plan.duration)))
    return _spanned(plan, calendar)


def _spanned(plan: Plan, calendar: Calendar) -> Plan:
    if plan.start is None or plan.due is None:
        return plan
    return attrs.evolve(plan, duration=_span(calendar, plan.start, plan.due))


def _split(plan: Plan, pieces: tuple[Piece, ...], calendar: Calendar) -> Plan:
    duration = sum(_span(calendar, *piece) for piece in pieces)
    return attrs.evolve(plan, start=pieces[0].start, due=pieces[-1].end, duration=duration, pieces=pieces)


def _moved_pieces(plan: Plan, start: dt.date, calendar: Calendar) -> Plan:
    """
    Return a split plan begun on another day, with pieces and gaps of as many working days as before.
    """
    pieces: list[Piece] = []
    for at, piece in enumerate(plan.pieces):
        if at:
            start = calendar.forward(
                pieces[-1].end + dt.timedelta(days=1), 1 + _gap(calendar, plan.pieces[at - 1], piece)
            )
        pieces.append(Piece(start, calendar.forward(start, max(1, calendar.count(*piece)))))
    return _split(plan, tuple(pieces), calendar)


def _cut(plan: Plan, duration: int, calendar: Calendar) -> Plan:
    """
    Return a split plan of another duration: its last piece grows, or pieces shrink and go from the end.
    """
    pieces, left = [], duration
    for at, piece in enumerate(plan.pieces):
        minutes = _span(calendar, *piece)
        if left <= minutes or at == len(plan.pieces) - 1:
            pieces.append(Piece(piece.start, _due(piece.start, left, calendar)))
            break
        pieces.append(piece)
        left -= minutes
    return attrs.evolve(plan, due=pieces[-1].end, duration=duration, pieces=tuple(pieces) if len(pieces) > 1 else ())


def _check(pieces: tuple[Piece, ...], calendar: Calendar) -> None:
    for at, piece in enumerate(pieces, start=1):
        if piece.end < piece.start:
            raise PlanError(f"(task.rb) The end date in split segment {at} is before its start date.")
    for at, (one, other) in enumerate(zip(pieces, pieces[1:]), start=2):
        if other.start <= one.end:
            raise PlanError(f"(task.rb) The start date in split segment {at} is not after the previous segment.")
        if _gap(calendar, one, other) == 0:
            # The two spaces are the site's own.
            raise PlanError(
                f"(task.rb) The start date in split segment {at} is only one calendar day away from  the end date of "
                "the previous segment. There must be calendar days between split segments."
            )


def _gap(calendar: Calendar, one: Piece, other: Piece) -> int:
    """
    Return the working days between two pieces.
    """
    return calendar.count(one.end + dt.timedelta(days=1), other.start - dt.timedelta(days=1))


def _pieces(value: Optional[str]) -> tuple[Piece, ...]:
    items = json.loads(value) if value else []
    if not isinstance(items, list):
        raise PlanError("(task.rb) Splits are a list of segments, each with a start and an end.")
    return tuple(_piece(item, at) for at, item in enumerate(items, start=1))


def _piece(item: Any, number: int) -> Piece:
    try:
        return Piece(dt.date.fromisoformat(item["start"]), dt.date.fromisoformat(item["end"]))
    except (KeyError, TypeError, ValueError):
        text = f"(task.rb) Split segment {number} needs a start and an end, each as YYYY-MM-DD."
        raise PlanError(text) from None


def _due(start: dt.date, duration: int, calendar: Calendar) -> dt.date:
    return calendar.forward(start, _days(duration))


def _days(duration: int) -> int:
    """
    Return how many days minutes of work take up; what fills no day takes one too.
    """
    return max(1, -(-duration // MINUTES_PER_DAY))


def _span(calendar: Calendar, first: dt.date, last: dt.date) -> int:
    return calendar.count(first, last) * MINUTES_PER_DAY


def _date(value: Optional[str]) -> Optional[dt.date]:
    return None if value is None else dt.date.fromisoformat(value)
