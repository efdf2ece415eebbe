"""
The cells of tables, CSV and Excel files.
"""

import datetime as dt

import pytest

from sgextended.cli.printing.cells import LinkStyle, csv_cell, table_text

SHOT = {"type": "Shot", "id": 5, "name": "sh010"}
TIME = dt.datetime(2026, 3, 1, 9, 30, tzinfo=dt.timezone(dt.timedelta(hours=1)))


@pytest.mark.parametrize(
    ("value", "by_name", "by_id"),
    [
        (SHOT, "sh010", "Shot:5"),
        ({"type": "Shot", "id": 5}, "Shot:5", "Shot:5"),
        ([SHOT, {**SHOT, "id": 6, "name": "sh020"}], "sh010; sh020", "Shot:5; Shot:6"),
        (["a b", "c"], "a b; c", "a b; c"),
        ({"url": "https://x/y.mov", "name": "y.mov"}, "y.mov", "y.mov"),
        ({"in": 1}, '{"in": 1}', '{"in": 1}'),
        ([], "", ""),
        (None, "", ""),
        (TIME, "2026-03-01T09:30:00+01:00", "2026-03-01T09:30:00+01:00"),
    ],
)
def test_links_are_names_or_ids(value, by_name, by_id):
    """
    A cell has names or ``Type:id``, as the user wants; a datetime is ISO 8601 with its offset.
    """
    assert csv_cell(value) == by_name
    assert csv_cell(value, LinkStyle.ID) == by_id


def test_links_can_be_json():
    """
    A program that reads CSV can get links as JSON.
    """
    assert csv_cell(SHOT, LinkStyle.JSON) == '{"type": "Shot", "id": 5, "name": "sh010"}'


def test_a_table_shows_names_with_ids():
    """
    A table has name, type and id of a link, and commas between several links.
    """
    assert table_text([SHOT, {"type": "Shot", "id": 6}]) == "sh010 (Shot:5), Shot:6"


@pytest.mark.parametrize(
    "text",
    ['=HYPERLINK("x")', "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1", "\r=1", "  =1", "\uff1d1", "-", "--x", "+1-2"],
)
def test_a_formula_is_neutralized(text):
    """
    A spreadsheet takes no text for a formula.
    """
    assert csv_cell(text).startswith("'")


@pytest.mark.parametrize("value", [-5, -5.5, "-5", "+5", "-1.5e3", "-12,5 %", "a=b", "sh-010", True, ""])
def test_numbers_and_other_text_stay(value):
    """
    A negative number stays a number, also as text, and a sign inside a text changes nothing.
    """
    assert csv_cell(value) == value
