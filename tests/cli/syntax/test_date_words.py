"""
Days and times as people type them.
"""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgextended.cli.syntax.date_words import parse_iso_moment, parse_moment

NOW = dt.datetime(2026, 1, 28, 15, 30, tzinfo=dt.timezone.utc)  # a Wednesday


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("today", "2026-01-28"),
        ("Tomorrow", "2026-01-29"),
        ("yesterday", "2026-01-27"),
        ("-7d", "2026-01-21"),
        ("+2w", "2026-02-11"),
        ("+ 3 days", "2026-01-31"),
        ("+1m", "2026-02-28"),
        ("-11months", "2025-02-28"),
        ("+1y", "2027-01-28"),
        ("monday", "2026-02-02"),
        ("wednesday", "2026-01-28"),
        ("next wednesday", "2026-02-04"),
        ("last wednesday", "2026-01-21"),
        ("last Monday", "2026-01-26"),
        ("this fri", "2026-01-30"),
        ("last week", "2026-01-19"),
        ("next month", "2026-02-01"),
        ("last year", "2025-01-01"),
    ],
)
def test_words_and_offsets_are_days(text, day):
    """
    A word or an offset is a day, counted from today.
    """
    moment = parse_moment(text, NOW)

    assert (moment.day.isoformat(), moment.time) == (day, None)


@pytest.mark.parametrize(("text", "hours"), [("now", 0), ("-36h", -36), ("+1 hour", 1)])
def test_hours_are_times(text, hours):
    """
    ``now`` and hours are times.
    """
    assert parse_moment(text, NOW).time == NOW + dt.timedelta(hours=hours)


def test_the_month_is_shortened():
    """
    A month after the 31st is the last day of the next month.
    """
    assert parse_moment("+1m", NOW.replace(day=31)).day == dt.date(2026, 2, 28)


@pytest.mark.parametrize("text", ["7d", "soon", "+7x", "next", "last christmas", "", "+99999y", "2026-01-01"])
def test_other_texts_are_no_days(text):
    """
    Other texts, and days outside of the calendar, are no days.
    """
    assert parse_moment(text, NOW) is None


@given(st.text())
def test_any_text_is_a_day_or_none(text):
    """
    No text raises an error.
    """
    parse_moment(text, NOW)
    parse_iso_moment(text)


def test_iso_times_have_an_offset():
    """
    A time without an offset is in the time zone of the machine, and ``Z`` is UTC.
    """
    assert parse_iso_moment("2026-01-01T10:00Z").time == dt.datetime(2026, 1, 1, 10, tzinfo=dt.timezone.utc)
    assert parse_iso_moment("2026-01-01 10:00").time.tzinfo is not None
    assert parse_iso_moment("2026-01-01").time is None
    assert parse_iso_moment("01.01.2026") is None
