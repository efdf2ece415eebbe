"""
Writing an Excel file (extra ``xlsx``), row by row, in bounded memory.
"""

import contextlib
import datetime as dt
import itertools
from pathlib import Path
from typing import Any, Iterable, Mapping, Optional, Sequence

from attrs import define

from sgextended.cli.printing.cells import LinkStyle, excel_text
from sgextended.errors import InvalidArgumentError

#: The number of rows of a sheet, and the number of characters of a cell, that Excel can read.
MAX_ROWS = 1_048_576
MAX_CHARACTERS = 32_767
_MAX_INTEGER = 2**53  # Excel stores numbers as floats
_MAX_WIDTH = 60  # characters
_SAMPLE = 200  # rows whose widths set those of the columns


@define
class Written:
    """
    What was written to an Excel file: the number of rows, and the number of cells whose text was cut off.
    """

    rows: int = 0
    shortened: int = 0


def require_openpyxl() -> None:
    """
    Raise ModuleNotFoundError if openpyxl is not installed. A command calls this before its first request.
    """
    import openpyxl  # noqa: F401, PLC0415 - an extra


def write_excel(
    path: Path,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    types: Mapping[str, Optional[str]],
    links: LinkStyle = LinkStyle.NAME,
    title: str = "sgextended",
) -> Written:
    """
    Write rows to an Excel file, and return how many there are.

    Numbers, checkboxes and dates are cells of that type. All others are text: datetimes as ISO 8601, links by name.

    Args:
        path: The file. It is replaced when all rows are written.

        columns: The titles.

        rows: The values.

        types: The data type of the columns, from the site's schema.

        links: How to show links.

        title: The name of the sheet.

    Raises:
        InvalidArgumentError: There are more rows than an Excel sheet can have, or the file cannot be written.
    """
    sheet = _Sheet(title, links)
    iterator = iter(rows)
    try:
        sample = list(itertools.islice(iterator, _SAMPLE))
        sheet.begin(columns, sample)
        for row in itertools.chain(sample, iterator):
            if sheet.written.rows + 1 >= MAX_ROWS:
                msg = f"An Excel sheet has at most {MAX_ROWS} rows. Use --limit, or write a .csv file."
                raise InvalidArgumentError(msg)
            sheet.append([sheet.cell(value, types.get(name)) for name, value in zip(columns, row)])
    finally:
        sheet.end()
    new = path.with_name(path.name + ".new")
    try:
        sheet.book.save(new)
        new.replace(path)
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror or error}. Close it if another program has it open."
        raise InvalidArgumentError(msg) from error
    finally:
        new.unlink(missing_ok=True)
    return sheet.written


class _Sheet:
    """
    The only sheet of a new Excel file.
    """

    def __init__(self, title: str, links: LinkStyle) -> None:
        import openpyxl  # noqa: PLC0415 - an extra
        from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415

        self._links, self._make_cell = links, WriteOnlyCell
        self.book, self.written = openpyxl.Workbook(write_only=True), Written()
        name = "".join(each for each in title if each not in r"[]:*?/\\")[:31]
        self._sheet = self.book.create_sheet(name or "sgextended")

    def begin(self, columns: Sequence[str], sample: Sequence[Sequence[Any]]) -> None:
        """
        Write the titles, and set the widths of the columns from some rows.
        """
        from openpyxl.styles import Font  # noqa: PLC0415 - an extra
        from openpyxl.utils import get_column_letter  # noqa: PLC0415

        titles = [self._text(name) for name in columns]
        for at, title in enumerate(titles):
            title.font = Font(bold=True)
            lengths = [len(excel_text(row[at], self._links)) for row in sample if row[at] is not None]
            width = min(_MAX_WIDTH, max([*lengths, len(columns[at])]) + 2)
            self._sheet.column_dimensions[get_column_letter(at + 1)].width = width
        self._sheet.freeze_panes = "A2"
        self._sheet.append(titles)

    def append(self, cells: Sequence[Any]) -> None:
        """
        Write a row.
        """
        self._sheet.append(cells)
        self.written.rows += 1

    def end(self) -> None:
        """
        Close the temporary file of the sheet. The file remains open otherwise if the rows end with an error.
        """
        self._sheet.close()

    def cell(self, value: Any, data_type: Optional[str]) -> Any:
        """
        Return a value as a cell.
        """
        if value is None or isinstance(value, (bool, float)):
            return value
        if isinstance(value, int):
            return value if abs(value) <= _MAX_INTEGER else self._text(str(value))
        if data_type == "date" and isinstance(value, str):
            with contextlib.suppress(ValueError):
                return dt.date.fromisoformat(value)
        return self._text(excel_text(value, self._links))

    def _text(self, text: str) -> Any:
        if len(text) > MAX_CHARACTERS:
            text, self.written.shortened = text[:MAX_CHARACTERS], self.written.shortened + 1
        cell = self._make_cell(self._sheet, value=text)
        cell.data_type = "s"  # openpyxl takes a text that begins with = for a formula
        return cell
