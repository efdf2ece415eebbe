"""
Working days: the weeks and exceptions of the studio, its projects and its people.

A rule is a row of ``WorkDayRule``. A rule without dates applies to one day of every week; a rule with dates is an
exception. A person's rule overrides a project's rule, and a project's rule overrides the studio's. Within each of the
three, an exception overrides the week.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

import attrs
import sqlalchemy as sa

from sgextended.localsite.storage.single_row_writes import insert_row, update_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sgextended.localsite.storage.transaction import Transaction

MINUTES_PER_DAY = 8 * 60

#: Why a day is a working day or not, weakest reason first. A rule's ``precedence`` is its index here.
REASONS = (
    *("STUDIO_WORK_WEEK", "STUDIO_EXCEPTION", "PROJECT_WORK_WEEK"),
    *("PROJECT_EXCEPTION", "USER_WORK_WEEK", "USER_EXCEPTION"),
)
_MONDAY_TO_FRIDAY = (True, True, True, True, True, False, False)
_KEPT = "workdays.rules"


class Day(NamedTuple):
    """
    The schedule of one day.
    """

    working: bool
    reason: str
    description: Optional[str] = None


@attrs.frozen
class Calendar:
    """
    The working days of one task, project or person.

    Attributes:
        week: Whether each day of the week is a working day, Monday first.

        exceptions: The days that have a rule of their own, and whether each is a working day.
    """

    week: tuple[bool, ...] = _MONDAY_TO_FRIDAY
    exceptions: Mapping[dt.date, bool] = attrs.field(factory=dict)

    def works_on(self, day: dt.date) -> bool:
        """
        Return whether *day* is a working day.
        """
        return self.exceptions.get(day, self.week[day.weekday()])

    def count(self, first: dt.date, last: dt.date) -> int:
        """
        Return the number of working days from *first* to *last*, both included; 0 if *last* is before *first*.
        """
        days = (last - first).days + 1
        if days <= 0:
            return 0
        weeks, rest = divmod(days, 7)
        found = weeks * sum(self.week) + sum(self.week[(first.weekday() + at) % 7] for at in range(rest))
        for day, working in self.exceptions.items():
            if first <= day <= last:
                found += working - self.week[day.weekday()]
        return found

    def forward(self, day: dt.date, number: int) -> dt.date:
        """
        Return the *number*-th working day on or after *day*.

        Raises:
            OverflowError: There is no such day before the year 10000.
        """
        return self._find(day, number, 1)

    def backward(self, day: dt.date, number: int) -> dt.date:
        """
        Return the *number*-th working day on or before *day*, counted backwards.

        Raises:
            OverflowError: There is no such day after the year 0.
        """
        return self._find(day, number, -1)

    def shift(self, day: dt.date, days: int) -> dt.date:
        """
        Return the day that is *days* working days after *day*, or before it if *days* is negative.

        For 0 days, return *day* itself, even if it is not a working day.
        """
        if days == 0:
            return day
        step = dt.timedelta(days=1 if days > 0 else -1)
        return self._find(day + step, abs(days), step.days)

    def _find(self, day: dt.date, number: int, direction: int) -> dt.date:
        per_week = sum(self.week)
        if per_week == 0:
            # The week has no working days, so all days are counted.
            return day + dt.timedelta(days=direction * (number - 1))
        # The result is at most this many days away. A longer span never has fewer working days, so bisection works.
        low, high = 0, (number // per_week + 2 + len(self.exceptions)) * 7
        room = (dt.date.max - day).days if direction > 0 else (day - dt.date.min).days
        high = min(high, room)
        while low < high:
            middle = (low + high) // 2
            other = day + dt.timedelta(days=direction * middle)
            if self.count(min(day, other), max(day, other)) >= number:
                high = middle
            else:
                low = middle + 1
        found = day + dt.timedelta(days=direction * low)
        if self.count(min(day, found), max(day, found)) < number:
            raise OverflowError("date value out of range")
        return found


@attrs.define
class _Level:
    """
    The rules of the studio, of one project or of one person.
    """

    week: dict[int, bool] = attrs.field(factory=dict)
    exceptions: dict[dt.date, tuple[bool, Optional[str]]] = attrs.field(factory=dict)


class WorkDays:
    """
    All rules of a site.
    """

    def __init__(self, tx: Transaction) -> None:
        self._levels: dict[tuple[str, int], _Level] = {}
        rules = tx.tables["WorkDayRule"]
        query = sa.select(rules).where(rules.c.retired_at.is_(None)).order_by(rules.c.id)
        for row in tx.connection.execute(query).mappings():
            level = self._levels.setdefault(_level_of(row["project__id"], row["user__id"]), _Level())
            if row["start_date"] is None:
                level.week[row["day_of_week"]] = bool(row["working"])
                continue
            first, last = dt.date.fromisoformat(row["start_date"]), dt.date.fromisoformat(row["end_date"])
            for at in range((last - first).days + 1):
                level.exceptions[first + dt.timedelta(days=at)] = (bool(row["working"]), row["description"])

    @property
    def has_personal_rules(self) -> bool:
        """
        Return whether any person has rules of their own. Then the assignees of a task decide its working days.
        """
        return any(kind == "USER" for kind, _owner in self._levels)

    def on(self, day: dt.date, project: Optional[int] = None, user: Optional[int] = None) -> Day:
        """
        Return the schedule of *day* for a project, for a person, or for the studio.
        """
        found = Day(_MONDAY_TO_FRIDAY[day.weekday()], REASONS[0])
        for kind, level in self._applying(project, user):
            if _day_number(day) in level.week:
                found = Day(level.week[_day_number(day)], f"{kind}_WORK_WEEK")
            if day in level.exceptions:
                working, description = level.exceptions[day]
                found = Day(working, f"{kind}_EXCEPTION", description)
        return found

    def calendar(self, project: Optional[int] = None, users: Iterable[int] = ()) -> Calendar:
        """
        Return the calendar for the work of *users* in a project. A day counts if at least one of them works on it.
        """
        each = [self._calendar(project, user) for user in users] or [self._calendar(project, None)]
        if len(each) == 1:
            return each[0]
        days = {day for calendar in each for day in calendar.exceptions}
        return Calendar(
            tuple(any(worked) for worked in zip(*(calendar.week for calendar in each))),
            {day: any(calendar.works_on(day) for calendar in each) for day in days},
        )

    def _calendar(self, project: Optional[int], user: Optional[int]) -> Calendar:
        levels = self._applying(project, user)
        if not levels:
            return Calendar()
        days = {day for _kind, level in levels for day in level.exceptions}
        # The loop needs the days of any one week. This one begins on a Monday.
        monday = dt.date(2024, 1, 1)
        week = list(_MONDAY_TO_FRIDAY)
        for at in range(7):
            for _kind, level in levels:
                number = _day_number(monday + dt.timedelta(days=at))
                week[at] = level.week.get(number, week[at])
        return Calendar(tuple(week), {day: self.on(day, project, user).working for day in days})

    def _applying(self, project: Optional[int], user: Optional[int]) -> list[tuple[str, _Level]]:
        keys = [("STUDIO", 0), ("PROJECT", project or 0), ("USER", user or 0)]
        return [(key[0], self._levels[key]) for key in keys if key in self._levels]


def work_days(tx: Transaction) -> WorkDays:
    """
    Return the rules of the site, read once per transaction and again after a change.
    """
    found = tx.kept.get(_KEPT)
    if found is None:
        found = tx.kept[_KEPT] = WorkDays(tx)
    return found


def set_day(
    tx: Transaction,
    day: dt.date,
    *,
    working: bool,
    description: Optional[str] = None,
    project: Optional[int] = None,
    user: Optional[int] = None,
) -> None:
    """
    Record one day as an exception of the studio, of a project or of a person. Replace an earlier exception for the day.
    """
    columns = {"working": int(working), "description": description}
    dates = {"start_date": day.isoformat(), "end_date": day.isoformat()}
    _write(tx, dates, columns, project, user, exception=True)


def set_week(
    tx: Transaction, days: Iterable[int], *, project: Optional[int] = None, user: Optional[int] = None
) -> None:
    """
    Set the working week of the studio, of a project or of a person.

    API3 has no request for this: people set it in the web application.

    Args:
        tx: The transaction of the request.

        days: The working days; 0 is Monday and 6 is Sunday.

        project: The id of the project, to set its week.

        user: The id of the person, to set their week.
    """
    worked = set(days)
    if not worked <= set(range(7)):
        raise ValueError(f"Days of the week are numbers from 0, Monday, to 6, Sunday; got {sorted(worked)}.")
    for weekday in range(7):
        number = {"day_of_week": (weekday + 1) % 7, "start_date": None}
        _write(tx, number, {"working": int(weekday in worked)}, project, user, exception=False)


def _write(
    tx: Transaction,
    key: dict[str, Any],
    columns: dict[str, Any],
    project: Optional[int],
    user: Optional[int],
    *,
    exception: bool,
) -> None:
    rules = tx.tables["WorkDayRule"]
    owner = {"project__id": project, "user__id": user}
    same = [rules.c[name].is_not_distinct_from(value) for name, value in {**key, **owner}.items()]
    found = tx.connection.execute(sa.select(rules.c.id).where(*same, rules.c.retired_at.is_(None))).scalar()
    tx.kept.pop(_KEPT, None)
    if found is not None:
        update_row(tx, "WorkDayRule", found, {**columns, "updated_at": tx.moment})
        return
    kind, _owner = _level_of(project, user)
    columns = {
        "day_of_week": 0,
        **key,
        **owner,
        **columns,
        "project__type": None if project is None else "Project",
        "user__type": None if user is None else "HumanUser",
        "precedence": REASONS.index(f"{kind}_{'EXCEPTION' if exception else 'WORK_WEEK'}"),
        "created_at": tx.moment,
        "updated_at": tx.moment,
    }
    insert_row(tx, "WorkDayRule", columns)


def _level_of(project: Optional[int], user: Optional[int]) -> tuple[str, int]:
    if user is not None:
        return ("USER", user)
    return ("STUDIO", 0) if project is None else ("PROJECT", project)


def _day_number(day: dt.date) -> int:
    """
    Return the number of a day of the week in rules: 0 is Sunday and 6 is Saturday.
    """
    return day.isoweekday() % 7
