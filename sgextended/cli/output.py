"""
What commands print: results on stdout, as a table for people, as JSON or as CSV for programs.
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
    How a result is printed.
    """

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def plural(count: int, word: str) -> str:
    """
    Return a number of things in words.
    """
    ending = "" if count == 1 else "es" if word.endswith("s") else "s"
    return f"{count} {word}{ending}"


def print_json(value: Any) -> None:
    """
    Print a value; what JSON has no form for, such as a datetime, as its text.
    """
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))  # noqa: T201 - the result


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """
    Print rows below the names of their columns; lists and dicts in their cells as JSON.
    """
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([cell(value) for value in row] for row in rows)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """
    Print rows as a table.
    """
    table = Table()
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_shown(value)) for value in row))  # a name in [brackets] is no markup
    Console().print(table)


def spread(results: Sequence[Any], taken: Sequence[str]) -> "tuple[List[str], List[List[Any]]]":
    """
    Return columns for results, and the cells of each: its keys where the results are dicts, else one for the whole.

    Args:
        results: What is to be shown. None has empty cells.

        taken: Names of columns that stand beside these.
    """
    there = [result for result in results if result is not None]
    if not all(isinstance(result, dict) for result in there):
        return ["result"], [[result] for result in results]
    keys: Dict[Any, None] = dict.fromkeys(key for result in there for key in result)
    columns = [f"result.{key}" if key in taken else str(key) for key in keys]
    return columns, [[(result or {}).get(key) for key in keys] for result in results]


def _shown(value: Any) -> str:
    """
    Return what people read: links by their names.
    """
    if isinstance(value, dict) and value.keys() >= {"type", "id", "name"}:
        return f"{value['name']} ({value['type']}:{value['id']})"
    if isinstance(value, list) and all(isinstance(each, (dict, str)) for each in value):
        return ", ".join(map(_shown, value))
    return str(cell(value))


def cell(value: Any) -> Any:
    """
    Return what stands in a cell: lists and dicts as JSON.
    """
    if value is None:
        return ""
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value
