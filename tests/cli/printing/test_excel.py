"""
Excel files.
"""

import datetime as dt

import pytest

from sgextended.cli.printing import excel
from sgextended.errors import InvalidArgumentError

openpyxl = pytest.importorskip("openpyxl")
COLUMNS = ["id", "code", "due_date", "created_at", "entity"]
ROW = [
    5,
    "=1+1",
    "2026-03-01",
    dt.datetime(2026, 3, 1, tzinfo=dt.timezone.utc),
    {"type": "Shot", "id": 1, "name": "a\x1b"},
]


def test_cells_have_their_types(tmp_path):
    """
    Numbers and dates are such cells, text that begins with = is text, and the header is bold and stays in sight.
    """
    written = excel.write_excel(tmp_path / "a.xlsx", COLUMNS, [ROW, [6, *[None] * 4]], types={"due_date": "date"})
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    header, first, second = sheet.iter_rows()

    assert (written.rows, written.shortened) == (2, 0)
    assert [cell.value for cell in header] == COLUMNS
    assert header[0].font.bold
    assert sheet.freeze_panes == "A2"
    assert [cell.data_type for cell in first] == ["n", "s", "d", "s", "s"]
    assert first[2].value == dt.datetime(2026, 3, 1)
    assert [cell.value for cell in first[1::2]] == ["=1+1", "2026-03-01T00:00:00+00:00"]
    assert first[4].value == "a\\x1b"
    assert [cell.value for cell in second] == [6, *[None] * 4]
    assert [path.name for path in tmp_path.iterdir()] == ["a.xlsx"]


def test_what_excel_cannot_hold(tmp_path, monkeypatch):
    """
    Too many rows are refused and leave no file. Too long a text is cut off and counted.
    """
    written = excel.write_excel(tmp_path / "a.xlsx", ["text"], [["x" * 40_000]], types={})
    monkeypatch.setattr(excel, "MAX_ROWS", 3)
    with pytest.raises(InvalidArgumentError, match="at most 3 rows"):
        excel.write_excel(tmp_path / "b.xlsx", ["text"], [["x"]] * 3, types={})

    assert written.shortened == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.xlsx"]
