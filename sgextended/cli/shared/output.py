"""
Printing results on stdout: a table for people, JSON or CSV for programs.
"""

import csv
import enum
import json
import sys
from typing import Any, Dict, Iterable, List, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text


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


def print_json(value: Any) -> None:
    """
    Print a value as JSON. Print values that JSON cannot represent, such as datetimes, as strings.
    """
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))  # noqa: T201 - the result


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """
    Print a header and rows as CSV. Print lists and dicts in cells as JSON.
    """
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([to_cell(value) for value in row] for row in rows)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """
    Print rows as a table.
    """
    table = Table()
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_display_text(value)) for value in row))  # Text: rich would read [brackets] as markup
    Console().print(table)


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]], output_format: Format) -> None:
    """
    Print rows in any format. In JSON each row is an object with the columns as keys.
    """
    if output_format is Format.JSON:
        print_json([dict(zip(columns, row)) for row in rows])
    elif output_format is Format.CSV:
        print_csv(columns, rows)
    else:
        print_table(columns, rows)


def print_entity(entity: Dict[str, Any], output_format: Format, *, with_empty: bool = True) -> None:
    """
    Print one entity. A table has one line for each field, type and id first.

    Args:
        entity: The entity, as the client returns it.

        output_format: The output format.

        with_empty: Whether a table also shows the fields without a value.
    """
    if output_format is Format.JSON:
        print_json(entity)
    elif output_format is Format.CSV:
        print_csv(list(entity), [list(entity.values())])
    else:
        shown = {name: value for name, value in entity.items() if with_empty or value not in (None, "", [])}
        print_table(["field", "value"], [[name, shown[name]] for name in sorted(shown, key=_type_and_id_first)])


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


def _display_text(value: Any) -> str:
    """
    Return a value as text for people: links by name, type and id.
    """
    if isinstance(value, dict) and value.keys() >= {"type", "id", "name"}:
        return f"{value['name']} ({value['type']}:{value['id']})"
    if isinstance(value, list) and all(isinstance(each, (dict, str)) for each in value):
        return ", ".join(map(_display_text, value))
    return str(to_cell(value))


def to_cell(value: Any) -> Any:
    """
    Return a value as a CSV cell holds it: None as empty text, lists and dicts as JSON, all other values unchanged.
    """
    if value is None:
        return ""
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value
