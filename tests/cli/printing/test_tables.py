"""
Tables that fit the terminal.
"""

import pytest
from rich.cells import cell_len

from sgextended.cli.printing.tables import columns_that_fit, print_table

COLUMNS = ["id", "code", "status", "cut_in", "description"]
ROWS = [["123456", "shot_010", "ip", "1001", "A long text " * 9], ["7", "x", "fin", "100100", ""]]
NUMBERS = [True, False, False, True, False]


@pytest.mark.parametrize(
    ("width", "left_out"),
    [(200, []), (60, []), (46, ["description"]), (40, ["description"]), (30, ["status", "description"])],
)
def test_numbers_stay_and_texts_go(width, left_out):
    """
    In a narrow terminal, columns of text are left out from the right; all columns of numbers stay.
    """
    _shown, gone = columns_that_fit(COLUMNS, ROWS, NUMBERS, width)

    assert [COLUMNS[at] for at in gone] == left_out


def test_a_narrow_table_says_what_is_missing(monkeypatch, capsys):
    """
    All numbers of a table of 40 columns are whole, no line is longer, and stderr names the columns that are missing.
    """
    monkeypatch.setenv("COLUMNS", "40")
    print_table(COLUMNS, ROWS, NUMBERS)
    out, err = capsys.readouterr()

    assert {"123456", "1001", "100100"} <= set(out.split())
    assert max(map(cell_len, out.splitlines())) <= 40
    assert "description" in err


def test_wide_characters_keep_the_borders_in_line(monkeypatch, capsys):
    """
    A character that takes two columns counts as two.
    """
    monkeypatch.setenv("COLUMNS", "80")
    print_table(["id", "name"], [["1", "山田太郎"], ["2", "Zoë"]], [True, False])
    lines = capsys.readouterr().out.splitlines()

    assert len({cell_len(line) for line in lines}) == 1


def test_redirected_lines_are_not_folded(monkeypatch, capsys):
    """
    In a file or a pipe, a line is as long as its content.
    """
    monkeypatch.delenv("COLUMNS", raising=False)
    print_table(COLUMNS, ROWS, NUMBERS)

    assert ROWS[0][4].strip() in capsys.readouterr().out
