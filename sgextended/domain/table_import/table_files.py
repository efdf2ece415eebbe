"""
Read a CSV or xlsx file as a table of cells, in the encodings and with the delimiters that spreadsheets write.
"""

import codecs
import csv
import datetime as dt
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator, List, Optional, Sequence, Tuple, Union

from attrs import frozen

from sgextended.errors import InvalidArgumentError

if TYPE_CHECKING:
    import os

SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm")

_DELIMITERS = (",", ";", "\t")
_DELIMITER_LINE = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)
#: Excel runs cells that begin with these characters as formulas. Exports put an apostrophe before them.
_FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r")
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@frozen
class TableRow:
    """
    A row of a table.

    Attributes:
        line: The line of the file on which the row begins, or the row of the sheet, from 1.

        cells: The values of its cells: texts; in an xlsx file also numbers, booleans, dates, datetimes and timedeltas.
            Empty cells are None.

        problem: Why the row cannot be used. None: it can be.
    """

    line: int
    cells: List[Any]
    problem: Optional[str] = None


@frozen
class Table:
    """
    The content of a file. Empty rows are left out.

    Attributes:
        headers: The texts of the first row.

        rows: The other rows. Each has as many cells as there are headers.

        has_decimal_commas: Whether numbers may be written as ``2,5``, as in files whose delimiter is a semicolon.
    """

    headers: List[str]
    rows: List[TableRow]
    has_decimal_commas: bool = False


def read_table(
    path: "Union[str, os.PathLike[str]]",
    *,
    encoding: Optional[str] = None,
    delimiter: Optional[str] = None,
    sheet: Optional[str] = None,
) -> Table:
    """
    Return the content of a CSV or xlsx file.

    An apostrophe that an export has put before ``=``, ``+``, ``-`` or ``@`` is removed.

    Args:
        path: The file.

        encoding: The encoding of a CSV file. None: that of its byte order mark, or else UTF-8, or else cp1252.

        delimiter: The delimiter of a CSV file. None: comma, semicolon or tab, whichever splits the first line most.

        sheet: The sheet of an xlsx file. None: the first visible one.

    Raises:
        InvalidArgumentError: The file cannot be read as a table.

        ModuleNotFoundError: An xlsx file needs openpyxl, which is not installed.
    """
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        msg = f"{file.name} is not a table. Name a file that ends in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}."
        raise InvalidArgumentError(msg)
    is_workbook = suffix in (".xlsx", ".xlsm")
    unused = {"encoding": encoding, "delimiter": delimiter} if is_workbook else {"sheet": sheet}
    for name, value in unused.items():
        if value is not None:
            kind = "an xlsx" if is_workbook else "a CSV"
            msg = f"{file.name} is {kind} file, for which there is no {name}. Leave it out."
            raise InvalidArgumentError(msg)
    try:
        if is_workbook:
            return _to_table(file, list(_workbook_rows(file, sheet)))
        rows, found_delimiter = _csv_rows(file, encoding, delimiter)
    except OSError as error:
        msg = f"{file} cannot be read: {error.strerror or error}."
        raise InvalidArgumentError(msg) from error
    return _to_table(file, rows, has_decimal_commas=found_delimiter == ";")


def _to_table(file: Path, rows: Sequence[TableRow], *, has_decimal_commas: bool = False) -> Table:
    filled = [row for row in rows if row.problem or any(cell is not None for cell in row.cells)]
    if not filled:
        msg = f"{file.name} is empty. Its first row must have the names of fields."
        raise InvalidArgumentError(msg)
    first, *others = filled
    headers = [" ".join(str("" if cell is None else cell).split()) for cell in first.cells]
    while headers and not headers[-1] and not any(_cell_at(row, len(headers) - 1) is not None for row in others):
        headers.pop()
    return Table(headers, [_fitted(row, len(headers)) for row in others], has_decimal_commas)


def _cell_at(row: TableRow, index: int) -> Any:
    return row.cells[index] if index < len(row.cells) else None


def _fitted(row: TableRow, width: int) -> TableRow:
    """
    Return a row with as many cells as there are headers.
    """
    if any(cell is not None for cell in row.cells[width:]):
        problem = f"The row has {len(row.cells)} cells, but there are {width} headers. Is a quote or a header missing?"
        return TableRow(row.line, row.cells[:width], row.problem or problem)
    return TableRow(row.line, [*row.cells[:width], *[None] * (width - len(row.cells))], row.problem)


def _to_cell(text: str) -> Optional[str]:
    cell = text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA_BEGINNINGS) else text
    cell = cell.replace("\r\n", "\n").strip()
    return cell or None


# --- CSV


def _csv_rows(file: Path, encoding: Optional[str], delimiter: Optional[str]) -> Tuple[List[TableRow], str]:
    text = _decode(file, encoding)
    named = _DELIMITER_LINE.match(text)  # Excel reads and writes such a first line
    if named is not None:
        text = text[named.end() :]
    found = delimiter or (named.group(1) if named is not None else _guess_delimiter(text))
    if len(found) != 1:
        msg = f"The delimiter {found!r} is not one character, such as ';'."
        raise InvalidArgumentError(msg)
    skipped = 1 if named is not None else 0
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=found, strict=True)
    rows = []
    line = 0
    try:
        while True:
            line = skipped + reader.line_num + 1
            rows.append(TableRow(line, [_to_cell(each) for each in next(reader)]))
    except StopIteration:
        return rows, found
    except csv.Error as error:
        msg = f"{file.name} is not a valid CSV file: the row that begins on line {line} cannot be read ({error})."
        raise InvalidArgumentError(msg) from error


def _decode(file: Path, encoding: Optional[str]) -> str:
    content = file.read_bytes()
    marked = next((name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)), None)
    names = [encoding] if encoding is not None else [marked] if marked is not None else ["utf-8", "cp1252"]
    for name in names:
        try:
            text = content.decode(name)
        except UnicodeDecodeError:
            continue
        except LookupError as error:
            msg = f"{name!r} is not an encoding. Use a name such as utf-8 or cp1252."
            raise InvalidArgumentError(msg) from error
        if "\0" not in text:
            return text
    msg = f"{file.name} is not text in {' or '.join(names)}. Save it as CSV in UTF-8, or name its encoding."
    raise InvalidArgumentError(msg)


def _guess_delimiter(text: str) -> str:
    """
    Return the delimiter that splits the first line into most cells.
    """

    def width(delimiter: str) -> int:
        try:
            return len(next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), []))
        except csv.Error:
            return 0

    return max(_DELIMITERS, key=width)


# --- xlsx


def _workbook_rows(file: Path, sheet: Optional[str]) -> Iterator[TableRow]:
    import openpyxl  # noqa: PLC0415 - an extra
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415 - an extra

    with file.open("rb") as stream:
        try:
            # The values of formulas are stored beside them. A program that is no spreadsheet stores none.
            stored = openpyxl.load_workbook(stream, data_only=True)
            formulas = openpyxl.load_workbook(stream)
        except (InvalidFileException, KeyError, ValueError, SyntaxError) as error:
            raise _damaged(file, error) from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] in {"zipfile", "zlib"}:
                raise _damaged(file, error) from error
            raise
    visible = [each.title for each in stored.worksheets if each.sheet_state == "visible"]
    name = sheet if sheet is not None else next(iter(visible), None)
    if name not in stored.sheetnames or name not in [each.title for each in stored.worksheets]:
        msg = f"{file.name} has no sheet {name!r}. Its sheets are {', '.join(map(repr, visible))}."
        raise InvalidArgumentError(msg)
    for line, (cells, sources) in enumerate(zip(stored[name].iter_rows(), formulas[name].iter_rows()), 1):
        problem = None
        for cell, source in zip(cells, sources):
            if cell.data_type == "e":
                problem = problem or f"The cell {cell.coordinate} has the error {cell.value}."
            elif source.data_type == "f" and cell.value is None:
                problem = problem or (
                    f"The cell {cell.coordinate} has a formula without a stored result. Open the file in a "
                    "spreadsheet and save it."
                )
        yield TableRow(line, [_shown(cell) for cell in cells], problem)


def _damaged(file: Path, error: BaseException) -> InvalidArgumentError:
    return InvalidArgumentError(f"{file.name} is not a readable xlsx file ({error}). Save it again as .xlsx or .csv.")


def _shown(cell: Any) -> Any:
    """
    Return the value of a cell, and as text where its number format shows another number than it stores.
    """
    value = cell.value
    if isinstance(value, str):
        return _to_cell(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, dt.time):  # a time of day, or a duration of less than a day
        return dt.timedelta(hours=value.hour, minutes=value.minute, seconds=value.second)
    if isinstance(value, (int, float)):
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if "%" in cell.number_format:
            return f"{round(value * 100, 6):g}%"
        if isinstance(value, int) and re.fullmatch("0{2,}", cell.number_format):
            return str(value).zfill(len(cell.number_format))
    return value
