"""
Printing results on stdout: a table for people, JSON or CSV for programs.
"""

import csv
import enum
import sys
from typing import Any, Dict, Iterable, List, Optional, Sequence

from sgextended.cli.printing.cells import LinkStyle, csv_cell, table_text, to_iso
from sgextended.cli.printing.tables import print_table as print_texts
from sgextended.cli.printing.terminal import one_line, several_lines, to_json
from sgextended.cli.usage_error import UsageError

#: Excel reads a CSV file as UTF-8 if it begins with this character.
BYTE_ORDER_MARK = "\ufeff"


class Format(str, enum.Enum):
    """
    The output format of a result.
    """

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def plural(count: int, word: str) -> str:
    """
    Return a count with its noun, such as "1 item" or "3 items".
    """
    ending = "" if count == 1 else "es" if word.endswith("s") else "s"
    return f"{count} {word}{ending}"


def say(message: str) -> None:
    """
    Print a message on stderr. Names in it cannot change the terminal.
    """
    sys.stderr.write(f"{several_lines(message)}\n")


def check_options(
    output_format: Format, *, links: Optional[LinkStyle] = None, bom: bool = False, is_excel: bool = False
) -> None:
    """
    Raise an error if an option of the output has no effect in a format.

    Args:
        output_format: The output format.

        links: The value of ``--links``. None: not given.

        bom: Whether ``--bom`` is given.

        is_excel: Whether the output is an Excel file.

    Raises:
        UsageError: An option has no effect.
    """
    if is_excel and output_format is not Format.TABLE:
        raise UsageError(f"--xlsx and --format {output_format.value} contradict each other. Give one of them.")
    if links is not None and output_format is Format.JSON:
        raise UsageError("--links has no effect on JSON, which has type, id and name of each link. Leave it out.")
    if bom and (is_excel or output_format is not Format.CSV):
        raise UsageError("--bom is for CSV. Add --format csv, or leave --bom out.")


def print_json(value: Any) -> None:
    """
    Print a value as JSON, with datetimes as ISO 8601. Print other values that JSON cannot represent as strings.
    """
    print(to_json(value, indent=2, default=to_iso))  # noqa: T201 - the result


def print_csv(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    links: Optional[LinkStyle] = None,
    bom: bool = False,
) -> None:
    """
    Print a header and rows as CSV.

    Args:
        columns: The titles.

        rows: The values.

        links: How to show links. None: by name.

        bom: Whether to begin with the mark by which Excel recognizes UTF-8.
    """
    is_terminal = sys.stdout.isatty()

    def cell(value: Any) -> Any:
        shown = csv_cell(value, links or LinkStyle.NAME)
        return one_line(shown) if is_terminal and isinstance(shown, str) else shown

    if bom:
        sys.stdout.write(BYTE_ORDER_MARK)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([cell(name) for name in columns])
    writer.writerows([cell(value) for value in row] for row in rows)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, links: Optional[LinkStyle] = None) -> None:
    """
    Print rows as a table. In a narrow terminal, numbers stay whole and other columns are left out.

    Args:
        columns: The titles.

        rows: The values.

        links: How to show links. None: by name, type and id.
    """
    values = [list(row) for row in rows]
    numbers = [_is_number_column([row[at] for row in values]) for at in range(len(columns))]
    texts = [[table_text(value, links) for value in row] for row in values]
    print_texts([one_line(name) for name in columns], texts, numbers)


def _is_number_column(values: Sequence[Any]) -> bool:
    present = [value for value in values if value is not None]
    return bool(present) and all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in present)


def print_rows(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    output_format: Format,
    *,
    links: Optional[LinkStyle] = None,
    bom: bool = False,
) -> None:
    """
    Print rows in any format. In JSON each row is an object with the columns as keys.

    Args:
        columns: The titles.

        rows: The values.

        output_format: The output format.

        links: How a table or CSV shows links. None: the default of the format.

        bom: Whether CSV begins with the mark by which Excel recognizes UTF-8.
    """
    if output_format is Format.JSON:
        print_json([dict(zip(columns, row)) for row in rows])
    elif output_format is Format.CSV:
        print_csv(columns, rows, links=links, bom=bom)
    else:
        print_table(columns, rows, links=links)


def print_entity(
    entity: Dict[str, Any],
    output_format: Format,
    *,
    with_empty: bool = True,
    links: Optional[LinkStyle] = None,
    bom: bool = False,
) -> None:
    """
    Print one entity. A table has one line for each field, type and id first.

    Args:
        entity: The entity, as the client returns it.

        output_format: The output format.

        with_empty: Whether a table also shows the fields without a value.

        links: How a table or CSV shows links. None: the default of the format.

        bom: Whether CSV begins with the mark by which Excel recognizes UTF-8.
    """
    if output_format is Format.JSON:
        print_json(entity)
    elif output_format is Format.CSV:
        print_csv(list(entity), [list(entity.values())], links=links, bom=bom)
    else:
        shown = {name: value for name, value in entity.items() if with_empty or value not in (None, "", [])}
        rows = [[name, shown[name]] for name in sorted(shown, key=_type_and_id_first)]
        print_table(["field", "value"], rows, links=links)


def _type_and_id_first(name: str) -> Any:
    return (["type", "id"].index(name) if name in ("type", "id") else 2, name)


def result_columns(results: Sequence[Any], taken: Sequence[str]) -> "tuple[List[str], List[List[Any]]]":
    """
    Return the columns of a table of results, and the cells of each result.

    If all results are dicts, each key is a column. Otherwise there is one column "result".

    Args:
        results: The results to show. A result that is None has empty cells.

        taken: Column names that the table already has. A key with such a name becomes "result.KEY".
    """
    present = [result for result in results if result is not None]
    if not all(isinstance(result, dict) for result in present):
        return ["result"], [[result] for result in results]
    keys: Dict[Any, None] = dict.fromkeys(key for result in present for key in result)
    columns = [f"result.{key}" if key in taken else str(key) for key in keys]
    return columns, [[(result or {}).get(key) for key in keys] for result in results]
