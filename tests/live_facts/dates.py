"""
Date and date_time fields.
"""
# ruff: noqa: E501
# fmt: off

import datetime as dt

from live_facts.fact import Facts, Says

fact = Facts()

DATE = "Task.proposed_start_date"
MOMENT = "Playlist.sg_date_and_time"
STAMPS = ("2026-01-02T00:00:00Z", "2026-01-02 00:00:00", "2026-01-02T00:00:00+05:00", "01/02/2026")


def over(live, relation, value, day="2026-01-02"):
    """
    Return the places found, of a row with a date (0) and one without (1).
    """
    rows = [live.make("Task", proposed_start_date=day), live.make("Task")]
    return live.found(rows, ["proposed_start_date", relation, value])


def of_today(live, relation, value):
    """
    Return the places found, of a row dated today (0) and one without a date (1).
    """
    return over(live, relation, value, live.site.store.clock().date().isoformat())


def moment(live, text):
    """
    Return the moment that is stored for a text, in UTC.
    """
    return live.stored(MOMENT, text).astimezone(dt.timezone.utc)


def moments(live, relation, value):
    """
    Return the places found, of moments just before, at and just after a midnight in UTC.
    """
    rows = [live.make("Playlist", sg_date_and_time=each) for each in ("2026-03-03T23:59:59Z", "2026-03-04T00:00:00Z", "2026-03-04T00:00:01Z")]
    return live.found(rows, ["sg_date_and_time", relation, value])


def utc(*parts):
    """
    Return a moment in UTC.
    """
    return dt.datetime(*parts, tzinfo=dt.timezone.utc)


fact("F088", "date", "M S", "a date takes YYYY-MM-DD alone; every timestamp is refused", lambda live: ([live.refusal(DATE, text) for text in STAMPS], [Says("Invalid date format: .* Correct format is: 2011-01-21")] * 4))
fact("F089", "date", "M S", "an integer or true for a date is refused", lambda live: ([live.refusal(DATE, 1), live.refusal(DATE, True)], [Says("got Integer"), Says("got TrueClass")]))
fact("F090", "date", "M S", "an empty text clears a date, and filters like null", lambda live: ((live.stored(DATE, "", proposed_start_date="2026-01-02"), over(live, "is", ""), over(live, "is_not", ""), over(live, "in", ["", "2026-01-03"])), (None, [1], [0], [1])))
fact("F091", "date", "M S", "a timestamp in a date filter is refused", lambda live: ([live.fault(over, live, "is", text) for text in STAMPS], [Says("Invalid date format: .* Correct format is: 2011-01-21")] * 4))
fact("F092", "date", "M S", "is_not a row's day finds the null row", lambda live: (over(live, "is_not", "2026-01-02"), [1]))
fact("F094", "date", "M S", "not_in_last 10 days of today finds the null row", lambda live: (of_today(live, "not_in_last", [10, "DAY"]), [1]))
fact("F098", "date", "M S", "in_calendar_day 0 finds today", lambda live: (of_today(live, "in_calendar_day", 0), [0]))
fact("F100", "date", "M S", "in_calendar_day 1 finds nothing", lambda live: (of_today(live, "in_calendar_day", 1), []))
fact("F101", "date", "M S", "in_calendar_week 0 finds today", lambda live: (of_today(live, "in_calendar_week", 0), [0]))
fact("F102", "date", "M S", "in_calendar_month 0 finds today", lambda live: (of_today(live, "in_calendar_month", 0), [0]))
fact("F103", "date", "M S", "in_calendar_year 0 finds today", lambda live: (of_today(live, "in_calendar_year", 0), [0]))
fact("F105", "date", "M S", "greater_than the day itself finds nothing", lambda live: (over(live, "greater_than", "2026-01-02"), []))
fact("F106", "date", "M S", "less_than the day itself finds nothing", lambda live: (over(live, "less_than", "2026-01-02"), []))
fact("F107", "date", "M S", "between has both its ends", lambda live: (over(live, "between", ["2026-01-02", "2026-01-02"]), [0]))
fact("F108", "date", "M S", "the ends of between may be reversed", lambda live: (over(live, "between", ["2026-01-03", "2026-01-01"]), [0]))
fact("F109", "date", "M S", "between a day and null finds nothing", lambda live: (over(live, "between", ["2026-01-02", None]), []))
fact("F111", "date", "M S", "in_last with one value is refused", lambda live: ([live.fault(over, live, "in_last", value) for value in (1, [1])], [Says("expects a 2-element array")] * 2))
fact("F115", "date_time", "M S", "an offset of +05:00 is taken off", lambda live: (moment(live, "2026-03-04T05:06:07+05:00"), utc(2026, 3, 4, 0, 6, 7)))
fact("F116", "date_time", "M S", "an offset of -08:00 is added", lambda live: (moment(live, "2026-03-04T05:06:07-08:00"), utc(2026, 3, 4, 13, 6, 7)))
fact("F117", "date_time", "M S", "a moment without a zone is in UTC", lambda live: (moment(live, "2026-03-04T05:06:07"), utc(2026, 3, 4, 5, 6, 7)))
fact("F119", "date_time", "M S", "a day alone is its first second in UTC", lambda live: (moment(live, "2026-03-04"), utc(2026, 3, 4)))
fact("F120", "date_time", "M S", "a moment with a space, an epoch text and '' are refused", lambda live: ([live.refusal(MOMENT, text) for text in ("2026-03-04 05:06:07", "1772600767", "")], [Says(r"Invalid date time format: .*Correct format is 2011-01-21T13:26:09Z \(UTC\), 2011-01-21T13:26:09-07:00 \(UTC Offset\) or any ISO8601 compatible string\.")] * 3))
fact("F122", "date_time", "M S", "in a filter, a day alone is its first second in UTC", lambda live: ([moments(live, "is", "2026-03-04"), moments(live, "greater_than", "2026-03-04"), moments(live, "less_than", "2026-03-04")], [[1], [2], [0]]))
fact("F124", "date_time", "M S", "an unknown unit is refused and the units are named", lambda live: ([live.fault(moments, live, relation, [1, "FORTNIGHT"]) for relation in ("in_last", "not_in_next")], [Says("FORTNIGHT.*HOUR.*DAY.*WEEK.*MONTH.*YEAR")] * 2))
