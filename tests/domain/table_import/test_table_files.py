"""
Tables are read in the encodings and with the delimiters that spreadsheets write.
"""

import datetime as dt

import pytest

from sgextended.domain.table_import.table_files import read_table
from sgextended.errors import InvalidArgumentError


@pytest.fixture
def read(tmp_path):
    """
    Return a function that writes a CSV file and reads it as a table.
    """

    def read_content(content, **options):
        file = tmp_path / "table.csv"
        file.write_bytes(content)
        return read_table(file, **options)

    return read_content


@pytest.fixture
def workbook(tmp_path):
    """
    Return a function that writes rows to the first sheet of an xlsx file, and returns its path.
    """
    openpyxl = pytest.importorskip("openpyxl", reason="left out: the extra xlsx is not installed")

    def write(*rows, formats=()):
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        for place, number_format in formats:
            book.active[place].number_format = number_format
        book.create_sheet("Second").append(["code"])
        book.save(tmp_path / "table.xlsx")
        return tmp_path / "table.xlsx"

    return write


@pytest.mark.parametrize(
    "content",
    [
        'code,note\nÉa,"x;y"\n'.encode(),
        "\ufeffcode;note\r\nÉa;x;y\r\n".replace("x;y", '"x;y"').encode(),
        "code\tnote\r\nÉa\tx;y\r\n".encode("utf-16"),
        'code;note\r\nÉa;"x;y"\r\n'.encode("cp1252"),
        'sep=;\r\ncode;note\r\nÉa;"x;y"\r\n'.encode("cp1252"),
    ],
    ids=["UTF-8", "BOM and semicolons", "UTF-16 and tabs", "cp1252", "sep="],
)
def test_encodings_and_delimiters_are_found(read, content):
    """
    The same table is read from each form that Excel and others write, without options.
    """
    table = read(content)

    assert table.headers == ["code", "note"]
    assert [row.cells for row in table.rows] == [["Éa", "x;y"]]


def test_rows_have_the_lines_on_which_they_begin(read):
    """
    Line breaks within quotes and empty rows count as lines. Empty rows are left out.
    """
    table = read(b'code,note\n\na,"two\r\nlines"\n ,\nb,c\n')

    assert [(row.line, row.cells) for row in table.rows] == [(3, ["a", "two\nlines"]), (6, ["b", "c"])]


def test_neutralised_cells_are_read_as_they_were(read):
    """
    The apostrophe before a formula's first character is removed. Other apostrophes stay.
    """
    table = read(b"code,note\n'=1+1,'-5\n'quoted','@x\n")

    assert [row.cells for row in table.rows] == [["=1+1", "-5"], ["'quoted'", "@x"]]


def test_short_and_long_rows(read):
    """
    Missing cells at the end of a row are empty. A row with more cells than headers has a problem.
    """
    short, long = read(b"code,note\na\nb,c,d\n").rows

    assert (short.cells, short.problem) == (["a", None], None)
    assert "3 cells, but there are 2 headers" in long.problem


def test_empty_columns_at_the_end_are_left_out(read):
    """
    Excel may write delimiters for columns that were emptied.
    """
    table = read(b"code,,\na,,\n")

    assert (table.headers, table.rows[0].cells) == (["code"], ["a"])


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"", {}, "is empty"),
        (b'code\n"a\nb', {}, "the row that begins on line 2 cannot be read"),
        (b"code\n\x81\x8d", {}, "is not text in utf-8 or cp1252"),
        (b"code\na", {"encoding": "klingon"}, "'klingon' is not an encoding"),
        (b"code\n\xe9", {"encoding": "utf-8"}, "is not text in utf-8"),
        (b"code\na", {"delimiter": "::"}, "is not one character"),
        (b"code\na", {"sheet": "One"}, "is a CSV file, for which there is no sheet"),
    ],
)
def test_a_file_that_is_no_table_is_refused(read, content, options, message):
    """
    The message says what is wrong with the file, also when a quote is never closed.
    """
    with pytest.raises(InvalidArgumentError, match=message):
        read(content, **options)


def test_a_workbook_has_values_of_its_own_types(workbook):
    """
    Dates and numbers come as such; a number whose format pads it with zeros, or shows a percentage, as it is shown.
    """
    day, moment = dt.datetime(2026, 12, 1), dt.datetime(2026, 12, 1, 18, 30)
    rows = (["code", "a", "b", "c", "d", "e"], [10, day, moment, 0.5, 2.0, dt.time(1, 30)], ["'=x", True, None, 1.5])
    table = read_table(workbook(*rows, formats=[("A2", "0000"), ("D2", "0%")]))

    assert table.rows[0].cells == ["0010", day, moment, "50%", 2, dt.timedelta(minutes=90)]
    assert table.rows[1].cells == ["=x", True, None, 1.5, None, None]
    assert [row.line for row in table.rows] == [2, 3]


def test_formulas_without_results_and_errors_are_problems(workbook):
    """
    Neither is read as an empty cell or as text.
    """
    formula, error = read_table(workbook(["code"], ["=A1"], ["#N/A"])).rows

    assert "A2 has a formula without a stored result" in formula.problem
    assert "A3 has the error #N/A" in error.problem


def test_the_sheet_can_be_chosen(workbook, tmp_path):
    """
    An unknown sheet is refused with the names of the sheets, and a damaged file with a message.
    """
    file = workbook(["name"], ["x"])
    (tmp_path / "damaged.xlsx").write_bytes(b"not a workbook")

    assert read_table(file).headers == ["name"]
    assert read_table(file, sheet="Second").headers == ["code"]
    with pytest.raises(InvalidArgumentError, match=r"no sheet 'Third'\. Its sheets are 'Sheet', 'Second'"):
        read_table(file, sheet="Third")
    with pytest.raises(InvalidArgumentError, match="not a readable xlsx file"):
        read_table(tmp_path / "damaged.xlsx")
