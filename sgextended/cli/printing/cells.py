"""
What a cell of a table, a CSV file or an Excel file shows for a value.
"""

import datetime as dt
import enum
import re
from typing import Any, Sequence, Union

from attrs import frozen

from sgextended.cli.printing.terminal import one_line, to_json, without_controls

#: What is between several links in a cell of a file. 'sgextended import' reads it.
LIST_SEPARATOR = "; "
# A spreadsheet takes a cell for a formula if it begins with one of these. Their wide forms count too.
_FORMULA_STARTS = "=+-@\uff1d\uff0b\uff0d\uff20"
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d+)*|[.,]\d+)([eE][+-]?\d+)?\s?%?")


class LinkStyle(str, enum.Enum):
    """
    How a cell shows a link: by name, as ``Shot:123``, or as JSON.
    """

    NAME = "name"
    ID = "id"
    JSON = "json"


@frozen
class Lines:
    """
    A cell of several lines, which the program makes. Line breaks in the lines themselves are escaped as others are.
    """

    lines: Sequence[str]


def to_iso(value: Any) -> Any:
    """
    Return dates and datetimes as ISO 8601, other values as `str`. This is the ``default`` of JSON.
    """
    return value.isoformat() if isinstance(value, (dt.date, dt.datetime, dt.time)) else str(value)


def table_text(value: Any, links: Union[LinkStyle, None] = None) -> str:
    """
    Return a value as text for a table on a terminal, on one line.

    Args:
        value: The value.

        links: How to show links. None: by name, type and id.
    """
    if value is None:
        return ""
    if isinstance(value, Lines):
        return "\n".join(map(one_line, value.lines))
    return one_line(_to_text(value, links, ", "))


def csv_cell(value: Any, links: LinkStyle = LinkStyle.NAME) -> Any:
    """
    Return a value as a CSV cell holds it.

    None is empty text; numbers stay numbers; datetimes are ISO 8601. Text that a spreadsheet would take for a formula
    gets an apostrophe in front.
    """
    if value is None:
        return ""
    if isinstance(value, (bool, int, float)):
        return value
    return _without_formula(without_controls(_to_text(value, links)))


def excel_text(value: Any, links: LinkStyle = LinkStyle.NAME) -> str:
    """
    Return a value as the text of an Excel cell, which has the type text, so that it is never a formula.
    """
    return without_controls(_to_text(value, links))


def is_formula(text: str) -> bool:
    """
    Return whether a spreadsheet may take a text for a formula. Numbers such as -5 are none.
    """
    if text[:1] in ("\t", "\r", "\n"):
        return True
    start = text.lstrip()
    return start[:1] in tuple(_FORMULA_STARTS) and not _NUMBER.fullmatch(start)


def _without_formula(text: str) -> str:
    return f"'{text}" if is_formula(text) else text


def _to_text(value: Any, links: Union[LinkStyle, None], separator: str = LIST_SEPARATOR) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Lines):
        return "\n".join(value.lines)
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    if isinstance(value, dict):
        return _link_text(value, links)
    if isinstance(value, (list, tuple)):
        if links is not LinkStyle.JSON and all(isinstance(each, (dict, str)) for each in value):
            return separator.join(_to_text(each, links) for each in value)
        return _json(value)
    return str(value)


def _link_text(value: Any, links: Union[LinkStyle, None]) -> str:
    if links is LinkStyle.JSON:
        return _json(value)
    is_link = value.keys() >= {"type", "id"}
    name = value.get("name")
    if is_link and links is LinkStyle.ID:
        return f"{value['type']}:{value['id']}"
    if is_link and not name:
        return f"{value['type']}:{value['id']}"
    if is_link and links is None:
        return f"{name} ({value['type']}:{value['id']})"
    if is_link:
        return str(name)
    if "url" in value:  # a file or a web link, which has no id in some forms
        return str(name or value.get("local_path") or value["url"])
    return _json(value)


def _json(value: Any) -> str:
    return to_json(value, default=to_iso)
