"""
Cells are converted to the values that their fields hold, or refused with a reason.
"""

import datetime as dt

import pytest

from sgextended.domain.table_import.cell_values import CellError, Conversion, Reference, References
from sgextended.domain.table_import.columns import Column

LABELS = {"value": {"ip": "In Progress", "fin": "Final", "apr": "Final"}}


def convert(data_type, cell, *, commas=False):
    column = Column(0, "value", "value", data_type)
    return Conversion(has_decimal_commas=commas, labels=LABELS, hours_per_day=lambda: 8.0).convert(column, cell)


@pytest.mark.parametrize(
    ("data_type", "cell", "value"),
    [
        ("text", 10, "10"),
        ("number", "1 001", 1001),
        ("number", 7.0, 7),
        ("percent", "50%", 50),
        ("float", "2", 2.0),
        ("duration", "90", 90),
        ("duration", "1.5h", 90),
        ("duration", "1d 4h 30m", 750),
        ("duration", "2 days", 960),
        ("duration", "1w", 2400),
        ("duration", "1:30", 90),
        ("duration", dt.timedelta(minutes=45), 45),
        ("checkbox", "Yes", True),
        ("checkbox", False, False),
        ("checkbox", 0, False),
        ("date", "2026-12-01", "2026-12-01"),
        ("date", dt.datetime(2026, 12, 1), "2026-12-01"),
        ("date", "2026-12-01 00:00:00", "2026-12-01"),
        ("date_time", "2026-12-01T18:30:00Z", dt.datetime(2026, 12, 1, 18, 30, tzinfo=dt.timezone.utc)),
        ("status_list", "in progress", "ip"),
        ("status_list", "IP", "ip"),
        ("tag_list", "a; b", ["a", "b"]),
        ("url", "https://x.example/a", {"url": "https://x.example/a", "name": "https://x.example/a"}),
        ("entity", "Shot:12", Reference("Shot:12", {"type": "Shot", "id": 12})),
        ("entity", "sh (Shot:12)", Reference("sh (Shot:12)", {"type": "Shot", "id": 12})),
        ("entity", '{"type": "Shot", "id": 12}', Reference("Shot:12", {"type": "Shot", "id": 12})),
        ("entity", "a, b", Reference("a, b")),
        ("multi_entity", "a; b, c", References(parts=[Reference("a"), Reference("b, c")])),
        ("multi_entity", "a, b", References(parts=[Reference("a"), Reference("b")], whole=Reference("a, b"))),
    ],
)
def test_a_cell_is_converted(data_type, cell, value):
    """
    Each data type takes what people type, and the types of an xlsx file.
    """
    found = convert(data_type, cell)

    assert (found, type(found)) == (value, type(value))


def test_a_moment_without_a_zone_is_local():
    """
    It is the time on this machine, as in the official client.
    """
    assert convert("date_time", "2026-12-01 18:30") == dt.datetime(2026, 12, 1, 18, 30).astimezone()


def test_decimal_commas_are_read_where_the_delimiter_is_a_semicolon():
    """
    The same text is refused elsewhere, because a comma may separate thousands.
    """
    assert convert("float", "2,5", commas=True) == 2.5
    with pytest.raises(CellError, match="without separators of thousands"):
        convert("float", "2,5")


@pytest.mark.parametrize(
    ("data_type", "cell", "reason"),
    [
        ("number", "ten", "is not a number"),
        ("number", 1.5, "is not a whole number"),
        ("number", "1e999", "is not a number"),
        ("number", True, "is not a number"),
        ("duration", "3 parsecs", "is not a duration"),
        ("checkbox", "maybe", "neither yes nor no"),
        ("date", "12/01/2026", "not a date in the form"),
        ("date", dt.datetime(2026, 12, 1, 18), "not a date in the form"),
        ("date_time", "tomorrow", "not a date and time"),
        ("status_list", "In-Progress", "Did you mean 'In Progress'"),
        ("status_list", "final", "label of several values: 'fin', 'apr'"),
        ("status_list", "zzz", r"Use one of: ip \(In Progress\)"),
        ("url", "/tmp/a.mov", "is not a web address"),
        ("multi_entity", '[{"id": 1}]', "is not a link"),
    ],
)
def test_a_cell_is_refused_with_a_reason(data_type, cell, reason):
    """
    No value is guessed that could be read in two ways.
    """
    with pytest.raises(CellError, match=reason):
        convert(data_type, cell)
