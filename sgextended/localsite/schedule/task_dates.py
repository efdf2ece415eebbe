"""
The dates and the duration of a task, and how each is computed from the others.

This module does not use the database. Its functions take a plan and the fields that a caller sends, and return the
resulting plan.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

import attrs

from sgextended.localsite.schedule.working_days import MINUTES_PER_DAY, Calendar

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The fields of a plan. They are written after all other fields of a task.
# A hash or a list of numbers in place of a list of hashes, in the words of a live site.
_NO_SEGMENTS = "(task.rb) no implicit conversion of String into Integer"
PLANNED = ("milestone", "splits", "start_date", "due_date", "duration")


class PlanError(ValueError):
    """
    The fields sent do not form a valid plan.

    Args:
        message: The reason, in the words of the real site.

        field: The field of the task that is invalid.
    """

    def __init__(self, message: str, field: str = "splits") -> None:
        super().__init__(message)
        self.field = field


class Piece(NamedTuple):
    """
    One of the spans of days of a split task.
    """

    start: dt.date
    end: dt.date


@attrs.frozen(kw_only=True)
class Plan:
    """
    The schedule of one task. The duration is in minutes of work. None stands for an unknown date or duration.
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
    Return the plan that results when *sent*, columns of a task, are written to a task with *plan*.

    Raises:
        PlanError: The fields sent contradict each other.
        OverflowError: A date would be outside the calendar.
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
        # The task is no longer a milestone, so its day counts as a day of work.
        plan = _spanned(plan, calendar) if not plan.duration else plan
    return _apply_dates(_cleared(plan, sent), sent, calendar)


def _cleared(plan: Plan, sent: Mapping[str, Any]) -> Plan:
    """
    Return *plan* without the fields sent as null. Clearing a field does not change the other fields.
    """
    gone = {name for name in ("start_date", "due_date", "duration") if name in sent and sent[name] is None}
    if not gone:
        return plan
    return Plan(
        start=None if "start_date" in gone else plan.start,
        due=None if "due_date" in gone else plan.due,
        duration=None if "duration" in gone else plan.duration,
    )


def _apply_dates(plan: Plan, sent: Mapping[str, Any], calendar: Calendar) -> Plan:
    start, due, duration = _date(sent.get("start_date")), _date(sent.get("due_date")), sent.get("duration")
    if start is not None and due is not None:
        return _spanned(attrs.evolve(plan, start=start, due=due, pieces=()), calendar)
    if start is not None:
        plan = move(plan, start, calendar)
    if duration is not None:
        plan = _change_duration(plan, duration, calendar)
    if due is not None:
        plan = _change_due(plan, due, calendar)
    return plan


def move(plan: Plan, start: dt.date, calendar: Calendar) -> Plan:
    """
    Return *plan* with its start moved to *start*. A known duration stays the same.
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
    Return *plan* with its end moved to *due*. A known duration stays the same.
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
    Return *plan* with the same dates, and with the duration that *calendar* gives these dates.
    """
    return _split(plan, plan.pieces, calendar) if plan.pieces else _spanned(plan, calendar)


def synchronized(plan: Plan, template: Plan, calendar: Calendar) -> Plan:
    """
    Return *plan* with the schedule of *template* in place of what is empty in it.

    A task without dates gets the dates and the duration of the template. A task with dates keeps them, and a task with
    one date gets the other one if the two are in order. Whether it is a milestone is always taken from the template.
    """
    if plan.milestone is not template.milestone:
        plan = replan(plan, {"milestone": template.milestone}, calendar)
    if plan.start is None and plan.due is None:
        return template if template.duration is not None else attrs.evolve(template, duration=plan.duration)
    start, due = plan.start or template.start, plan.due or template.due
    if start is None or due is None or due < start or plan.pieces:
        return plan
    filled = attrs.evolve(plan, start=start, due=due)
    return filled if filled == plan else _spanned(filled, calendar)


def _milestone(plan: Plan, sent: Mapping[str, Any]) -> Plan:
    start, due = _date(sent.get("start_date")), _date(sent.get("due_date"))
    if start is not None and due is not None and start != due:
        raise PlanError(
            f"(task.rb) A milestone has one date, but its start date is {start} and its due date {due}.", "start_date"
        )
    cleared = any(key in sent and sent[key] is None for key in ("start_date", "due_date"))
    day = start or due or (None if cleared else plan.due or plan.start)
    return Plan(start=day, due=day, duration=0, milestone=True)


def _change_duration(plan: Plan, duration: int, calendar: Calendar) -> Plan:
    """
    Return *plan* with another duration. The end moves; if the start is unknown, the start is computed from the end.
    """
    if plan.pieces:
        return _change_split_duration(plan, duration, calendar)
    plan = attrs.evolve(plan, duration=duration)
    if plan.start is not None:
        return attrs.evolve(plan, due=_due(plan.start, duration, calendar))
    if plan.due is not None:
        return attrs.evolve(plan, start=calendar.backward(plan.due, _days(duration)))
    return plan


def _change_due(plan: Plan, due: dt.date, calendar: Calendar) -> Plan:
    """
    Return *plan* with another end. The duration changes; if the start is unknown, the start is computed.
    """
    if plan.pieces:
        return _split(plan, _pieces_until(plan.pieces, due, calendar), calendar)
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
    Return a split plan with another start. Each piece and each gap keeps its number of working days.
    """
    pieces: list[Piece] = []
    for at, piece in enumerate(plan.pieces):
        if at:
            start = calendar.forward(
                pieces[-1].end + dt.timedelta(days=1), 1 + _gap(calendar, plan.pieces[at - 1], piece)
            )
        pieces.append(Piece(start, calendar.forward(start, max(1, calendar.count(*piece)))))
    return _split(plan, tuple(pieces), calendar)


def _pieces_until(pieces: tuple[Piece, ...], due: dt.date, calendar: Calendar) -> tuple[Piece, ...]:
    """
    Return the pieces of a split task whose end moves to *due*. A due date in a gap becomes a piece of one day.
    """
    kept = tuple(piece for piece in pieces if piece.start <= due)
    day = Piece(due, due)
    if not kept:
        return (day,)
    in_gap = len(kept) < len(pieces) and _gap(calendar, kept[-1], day) > 0
    return (*kept, day) if in_gap else (*kept[:-1], Piece(kept[-1].start, due))


def _change_split_duration(plan: Plan, duration: int, calendar: Calendar) -> Plan:
    """
    Return a split plan with another duration. A longer duration extends the last piece; a shorter one removes time from
    the end.
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
            # The real site's message has two spaces here.
            raise PlanError(
                f"(task.rb) The start date in split segment {at} is only one calendar day away from  the end date of "
                "the previous segment. There must be calendar days between split segments."
            )


def _gap(calendar: Calendar, one: Piece, other: Piece) -> int:
    """
    Return the number of working days between two pieces.
    """
    return calendar.count(one.end + dt.timedelta(days=1), other.start - dt.timedelta(days=1))


def _pieces(value: Optional[str]) -> tuple[Piece, ...]:
    items = json.loads(value) if value else []
    if not isinstance(items, list):
        raise PlanError(_NO_SEGMENTS)
    if items and all(isinstance(item, dict) and not item.keys() & {"start", "end"} for item in items):
        return ()  # live sites store null for hashes that say nothing of a segment
    return tuple(_piece(item, at) for at, item in enumerate(items, start=1))


def _piece(item: Any, number: int) -> Piece:
    if not isinstance(item, dict):
        raise PlanError(_NO_SEGMENTS)
    try:
        return Piece(dt.date.fromisoformat(item["start"]), dt.date.fromisoformat(item["end"]))
    except (KeyError, TypeError, ValueError):
        text = f"(task.rb) Split segment {number} needs a start and an end, each as YYYY-MM-DD."
        raise PlanError(text) from None


def _due(start: dt.date, duration: int, calendar: Calendar) -> dt.date:
    return calendar.forward(start, _days(duration))


def _days(duration: int) -> int:
    """
    Return the number of working days for minutes of work, rounded up and at least 1.
    """
    return max(1, -(-duration // MINUTES_PER_DAY))


def _span(calendar: Calendar, first: dt.date, last: dt.date) -> int:
    return calendar.count(first, last) * MINUTES_PER_DAY


def _date(value: Optional[str]) -> Optional[dt.date]:
    return None if value is None else dt.date.fromisoformat(value)
