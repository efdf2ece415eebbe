"""
Days and times as people type them: ``today``, ``-7d``, ``+2w``, ``last monday``, besides ISO 8601.
"""

import calendar
import datetime as dt
import re
from typing import Optional

from attrs import frozen

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_NAMES = "|".join(_WEEKDAYS)
_SHORT = "|".join(name[:3] for name in _WEEKDAYS)
_OFFSET = re.compile(r"([+-])\s?(\d{1,6})\s?([a-z]+)", re.IGNORECASE)
_NAMED_DAY = re.compile(rf"(?:(last|this|next)\s+)?({_NAMES}|{_SHORT})", re.IGNORECASE)
_PERIOD = re.compile(r"(last|this|next)\s+(week|month|year)", re.IGNORECASE)
_UNITS = {
    **dict.fromkeys(("h", "hour", "hours"), "hour"),
    **dict.fromkeys(("d", "day", "days"), "day"),
    **dict.fromkeys(("w", "week", "weeks"), "week"),
    **dict.fromkeys(("m", "mo", "month", "months"), "month"),
    **dict.fromkeys(("y", "year", "years"), "year"),
}

#: Two words that are one value without quotes, such as ``last monday`` or ``2026-12-01 14:30``.
TWO_WORDS = re.compile(
    rf"((last|this|next)\s+({_NAMES}|{_SHORT}|week|month|year)|\d{{4}}-\d\d-\d\d\s+\d\d:\d\d(:\d\d)?)(?=\s|,|$)",
    re.IGNORECASE,
)
#: For error messages.
EXAMPLES = "2026-12-01, today, -7d, +2w, 'last monday'"


@frozen
class Moment:
    """
    A typed day or time.

    Attributes:
        day: The day.

        time: The time, with its offset. None: the whole day was typed.
    """

    day: dt.date
    time: Optional[dt.datetime] = None

    def to_datetime(self) -> dt.datetime:
        """
        Return the time; for a whole day, its first moment in the time zone of this machine.
        """
        return self.time or dt.datetime.combine(self.day, dt.time()).astimezone()


def parse_moment(text: str, now: Optional[dt.datetime] = None) -> Optional[Moment]:
    """
    Return the day or time that a word such as ``today``, ``-7d`` or ``last monday`` means. Return None for other texts.

    A weekday alone is the next such day, today included. ``last`` and ``next`` never mean today. ``last week`` is the
    first day of that week, which begins on Monday; months and years begin on their first day.

    Args:
        text: The typed text.

        now: The time to count from. None: the current time of this machine.
    """
    now = now or dt.datetime.now().astimezone()
    today, word = now.date(), " ".join(text.lower().split())
    if word == "now":
        return Moment(today, now)
    if word in _DAYS:
        return Moment(today + dt.timedelta(days=_DAYS[word]))
    try:
        return _offset(word, now) or _weekday(word, today) or _period(word, today)
    except (OverflowError, ValueError):  # before the year 1 or after 9999
        return None


def parse_iso_moment(text: str) -> Optional[Moment]:
    """
    Return a day or time in ISO 8601, such as ``2026-12-01`` or ``2026-12-01 14:30``. Return None for other texts.

    A time without an offset is in the time zone of this machine.
    """
    try:
        if len(text) == len("2026-12-01"):
            return Moment(dt.date.fromisoformat(text))
        time = dt.datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", " ".join(text.split())))
        time = time if time.tzinfo else time.astimezone()
    except (OverflowError, ValueError):
        return None
    return Moment(time.date(), time)


def _offset(word: str, now: dt.datetime) -> Optional[Moment]:
    found = _OFFSET.fullmatch(word)
    unit = _UNITS.get(found[3].lower()) if found else None
    if found is None or unit is None:
        return None
    count = int(found[1] + found[2])
    if unit == "hour":
        time = now + dt.timedelta(hours=count)
        return Moment(time.date(), time)
    if unit in ("day", "week"):
        return Moment(now.date() + dt.timedelta(days=count * (7 if unit == "week" else 1)))
    return Moment(_add_months(now.date(), count * (12 if unit == "year" else 1)))


def _weekday(word: str, today: dt.date) -> Optional[Moment]:
    found = _NAMED_DAY.fullmatch(word)
    if not found:
        return None
    number = [name[:3] for name in _WEEKDAYS].index(found[2][:3])
    ahead = (number - today.weekday()) % 7
    if found[1] == "next":
        ahead = ahead or 7
    elif found[1] == "last":
        ahead = ahead - 7
    elif found[1] == "this":
        ahead = number - today.weekday()
    return Moment(today + dt.timedelta(days=ahead))


def _period(word: str, today: dt.date) -> Optional[Moment]:
    found = _PERIOD.fullmatch(word)
    if not found:
        return None
    step = {"last": -1, "this": 0, "next": 1}[found[1]]
    if found[2] == "week":
        return Moment(today - dt.timedelta(days=today.weekday()) + dt.timedelta(weeks=step))
    if found[2] == "month":
        return Moment(_add_months(today.replace(day=1), step))
    return Moment(today.replace(year=today.year + step, month=1, day=1))


def _add_months(day: dt.date, count: int) -> dt.date:
    """
    Return the same day of another month, or the last day of that month if it is shorter.
    """
    index = day.year * 12 + day.month - 1 + count
    year, month = index // 12, index % 12 + 1
    return day.replace(year=year, month=month, day=min(day.day, calendar.monthrange(year, month)[1]))
