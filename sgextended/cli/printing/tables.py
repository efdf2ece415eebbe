"""
A table for people that fits the terminal: numbers are shown whole, and columns of text make room for them.
"""

import sys
from typing import List, Optional, Sequence, Tuple

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sgextended.environment import environment_variable

#: Columns of text are folded down to this width before a column is left out.
MIN_TEXT_WIDTH = 10
_MIN_TITLE_WIDTH = 5
_BORDER = 3  # characters for each column
#: The width of lines in a file or a pipe, where nothing is folded.
_UNLIMITED = 100_000


def make_console() -> Console:
    """
    Return the console for stdout. Lines of redirected output are as long as their content, unless COLUMNS is set.
    """
    if sys.stdout.isatty() or environment_variable("COLUMNS"):
        return Console()
    return Console(width=_UNLIMITED)


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Sequence[bool],
    *,
    title: Optional[str] = None,
    totals: Optional[Sequence[str]] = None,
    keep_first: bool = False,
) -> None:
    """
    Print a table. If it is too narrow for all columns, leave out columns of text and name them on stderr.

    Args:
        columns: The titles.

        rows: The texts of the cells.

        numbers: For each column, whether it has numbers.

        title: A title above the table.

        totals: Texts for a last row, below a line.

        keep_first: Whether to leave out numbers rather than the first column.
    """
    console = make_console()
    contents = [*rows, *([totals] if totals else [])]
    shown, left_out = columns_that_fit(columns, contents, numbers, console.width, keep_first=keep_first)
    table = Table(title=title, title_justify="left", show_footer=totals is not None)
    for at in shown:
        footer = Text(totals[at] if totals else "")
        if numbers[at]:
            width = _cells_width(contents, at)
            table.add_column(Text(columns[at]), footer, justify="right", min_width=width, overflow="fold")
        else:
            table.add_column(Text(columns[at]), footer, overflow="fold")
    for row in rows:
        table.add_row(*(Text(row[at]) for at in shown))  # Text: rich would read [brackets] as markup
    console.print(table)
    if left_out:
        names = ", ".join(columns[at] for at in left_out)
        sys.stderr.write(
            f"The terminal is too narrow for the columns {names}. Make it wider, or use --format csv or json.\n"
        )


def columns_that_fit(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Sequence[bool],
    width: int,
    *,
    keep_first: bool = False,
) -> Tuple[List[int], List[int]]:
    """
    Return the indexes of the columns to show in a table of a width, and those of the columns to leave out.

    The last columns of text are left out first. The first column of text stays as long as the numbers leave it room;
    with *keep_first* numbers make room for it.
    """
    least = [_least_width(columns, rows, numbers, at) for at in range(len(columns))]
    shown = list(range(len(columns)))
    texts = [at for at in reversed(shown) if not numbers[at]]
    order = [*texts, *(at for at in reversed(shown) if numbers[at])]
    if keep_first and texts:
        order.remove(texts[-1])
    for at in order:
        if sum(least[each] + _BORDER for each in shown) + 1 <= width or len(shown) == 1:
            break
        shown.remove(at)
    return shown, [at for at in range(len(columns)) if at not in shown]


def _least_width(columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[bool], at: int) -> int:
    content = _cells_width(rows, at)
    # A title is folded too, but not down to single letters.
    return content if numbers[at] else min(MIN_TEXT_WIDTH, max(content, min(cell_len(columns[at]), _MIN_TITLE_WIDTH)))


def _cells_width(rows: Sequence[Sequence[str]], at: int) -> int:
    return max((cell_len(line) for row in rows for line in row[at].split("\n")), default=1)
