"""
Convert the cells of a table to the values of fields, by data type. Names of linked entities stay names.
"""

import datetime as dt
import json
import math
import re
from typing import Any, Callable, Dict, List, Mapping, Optional, Union

from attrs import frozen

from sgextended.domain.table_import.columns import Column
from sgextended.schema.site_schema import did_you_mean

_INTEGER = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_DURATION = re.compile(
    r"(?:(?P<w>\d+(?:\.\d+)?)\s*w\w*)?[\s,]*(?:(?P<d>\d+(?:\.\d+)?)\s*d\w*)?[\s,]*"
    r"(?:(?P<h>\d+(?:\.\d+)?)\s*h\w*)?[\s,]*(?:(?P<m>\d+(?:\.\d+)?)\s*m\w*)?",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"(\d+):([0-5]\d)(?::([0-5]\d))?")
_TYPE_AND_ID = re.compile(r"(?:.*\()?([A-Z]\w*):(\d+)\)?", re.DOTALL)
_WEB = re.compile(r"(https?|ftp|file|rv|mailto)://?\S+", re.IGNORECASE)
_YES, _NO = {"true", "yes", "y", "x", "1", "on", "✓", "✔"}, {"false", "no", "n", "0", "off"}
_DAYS_A_WEEK = 5
_MOST_JOINED = 12  # parts between commas that are also looked for together


class CellError(Exception):
    """
    A cell has a value that its field cannot hold. The message says why.
    """


@frozen
class Reference:
    """
    A linked entity as a cell gives it: a link, an address of the site, or a name.
    """

    text: str
    link: Optional[Mapping[str, Any]] = None


@frozen(kw_only=True)
class References:
    """
    The linked entities of a cell of a multi-entity field.

    Attributes:
        parts: The references between the separators.

        may_contain_commas: Whether the separators are commas, which may also belong to names.
    """

    parts: List[Reference]
    may_contain_commas: bool = False

    def joined(self, start: int, end: int) -> Reference:
        """
        Return the reference that some parts are together, if the commas between them belong to a name.
        """
        some = self.parts[start:end]
        return some[0] if len(some) == 1 else Reference(", ".join(part.text for part in some))

    def candidates(self) -> List[Reference]:
        """
        Return all references that the cell may have.
        """
        count = len(self.parts)
        if not self.may_contain_commas or count > _MOST_JOINED:
            return self.parts
        return [self.joined(start, end) for start in range(count) for end in range(start + 1, count + 1)]


@frozen(kw_only=True)
class Conversion:
    """
    What the conversion of cells depends on.

    Attributes:
        has_decimal_commas: Whether ``2,5`` is a number.

        labels: The values of list and status fields, by field: a label for each value.

        hours_per_day: Returns the hours of a working day on the site, for durations in days.
    """

    has_decimal_commas: bool
    labels: Mapping[str, Mapping[str, str]]
    hours_per_day: Callable[[], float]

    def convert(self, column: Column, cell: Any) -> Any:
        """
        Return the value of a cell that is not empty. Links are a `Reference` or `References`.

        Raises:
            CellError: The field cannot hold the value.
        """
        return _CONVERTERS[column.data_type](self, column, cell)

    # --- Text and choices

    def text(self, _column: Column, cell: Any) -> str:
        if isinstance(cell, dt.datetime):
            return cell.date().isoformat() if cell.time() == dt.time() else cell.isoformat(" ")
        return str(cell)

    def choice(self, column: Column, cell: Any) -> str:
        labels, wanted = self.labels.get(column.field, {}), str(cell).casefold()
        if not labels:
            return str(cell)
        found = [value for value in labels if value == str(cell)]
        found = found or [value for value in labels if value.casefold() == wanted]
        found = found or [value for value, label in labels.items() if label.casefold() == wanted]
        if len(found) == 1:
            return found[0]
        if found:
            msg = f"{str(cell)!r:.80} is the label of several values: {', '.join(map(repr, found))}. Use one of these."
            raise CellError(msg)
        known = [_named(value, label) for value, label in labels.items()]
        by_label = {label: label for label in labels.values()}
        hint = did_you_mean(str(cell), [*by_label, *labels], by_label)
        hint = hint or f" Use one of: {', '.join(known[:12])}{', ...' if len(known) > 12 else ''}."
        msg = f"{str(cell)!r:.80} is not a value of this field.{hint}"
        raise CellError(msg)

    def tags(self, _column: Column, cell: Any) -> List[str]:
        return _split(str(cell))

    # --- Numbers

    def number(self, column: Column, cell: Any) -> Union[int, float]:
        if isinstance(cell, bool) or not isinstance(cell, (int, float, str)):
            msg = f"{cell!s:.80} is not a number."
            raise CellError(msg)
        if isinstance(cell, (int, float)):
            return cell
        text = cell.replace("\u00a0", "").replace(" ", "").replace("\u2212", "-")
        if column.data_type == "percent":
            text = text.removesuffix("%")
        if self.has_decimal_commas and text.count(",") == 1 and "." not in text:
            text = text.replace(",", ".")
        if _INTEGER.fullmatch(text):
            return int(text)
        if _DECIMAL.fullmatch(text) and math.isfinite(float(text)):
            return float(text)
        hint = " Write it without separators of thousands, such as 1234.5." if "," in text else ""
        msg = f"{cell!r:.80} is not a number.{hint}"
        raise CellError(msg)

    def whole(self, column: Column, cell: Any) -> int:
        number = self.number(column, cell)
        if number != int(number):
            msg = f"{cell!s:.80} is not a whole number."
            raise CellError(msg)
        return int(number)

    def decimal(self, column: Column, cell: Any) -> float:
        return float(self.number(column, cell))

    def minutes(self, column: Column, cell: Any) -> int:
        if isinstance(cell, dt.timedelta):
            return round(cell.total_seconds() / 60)
        text = str(cell).strip()
        clock = _CLOCK.fullmatch(text)
        if clock is not None:
            return int(clock.group(1)) * 60 + int(clock.group(2))
        if isinstance(cell, str) and text[-1:].isalpha():
            with_points = text.replace(",", ".") if self.has_decimal_commas else text
            found = _DURATION.fullmatch(with_points)
            if found is None or not any(found.groups()):
                msg = f"{cell!r:.80} is not a duration. Write minutes, such as 90, or a text such as 1d 4h 30m."
                raise CellError(msg)
            w, d, h, m = (float(found.group(unit) or 0) for unit in "wdhm")
            days = w * _DAYS_A_WEEK + d
            return round((days * self.hours_per_day() if days else 0) * 60 + h * 60 + m)
        return self.whole(column, cell)

    def checkbox(self, _column: Column, cell: Any) -> bool:
        text = str(cell).casefold()
        if text not in _YES | _NO:
            msg = f"{cell!r:.80} is neither yes nor no. Write true or false."
            raise CellError(msg)
        return text in _YES

    # --- Dates

    def date(self, _column: Column, cell: Any) -> str:
        if isinstance(cell, dt.datetime) and cell.time() == dt.time():
            cell = cell.date()
        if isinstance(cell, dt.date) and not isinstance(cell, dt.datetime):
            return cell.isoformat()
        try:
            return dt.date.fromisoformat(re.sub(r"[T ]00:00(:00(\.0+)?)?Z?$", "", str(cell))).isoformat()
        except ValueError:
            msg = f"{cell!s:.80} is not a date in the form 2026-12-01. Other forms can be read in several ways."
            raise CellError(msg) from None

    def moment(self, _column: Column, cell: Any) -> dt.datetime:
        try:
            # Python 3.9 does not read the Z of UTC.
            found = (
                cell
                if isinstance(cell, dt.datetime)
                else dt.datetime.fromisoformat(re.sub("[Zz]$", "+00:00", str(cell)))
            )
        except ValueError:
            msg = f"{cell!s:.80} is not a date and time in the form 2026-12-01 18:30, or 2026-12-01T18:30:00Z."
            raise CellError(msg) from None
        return (found if found.tzinfo is not None else found.astimezone()).replace(microsecond=0)

    # --- Links

    def link(self, _column: Column, cell: Any) -> Reference:
        return _reference(str(cell))

    def links(self, _column: Column, cell: Any) -> References:
        text = str(cell)
        found = _json(text, list)
        if found is not None:
            return References(parts=[_linked(each, text) for each in found])
        parts = _split(text)
        is_clear = len(parts) < 2 or re.search("[;\n]", text) is not None
        return References(parts=[_reference(each) for each in parts], may_contain_commas=not is_clear)

    def file(self, _column: Column, cell: Any) -> Dict[str, Any]:
        text = str(cell)
        found = _json(text, dict)
        if found is not None and found.get("url") and found.get("link_type", "web") == "web":
            return {"url": found["url"], "name": found.get("name") or found["url"]}
        if _WEB.fullmatch(text):
            return {"url": text, "name": text}
        msg = f"{text!r:.80} is not a web address. A table cannot hold uploaded files."
        raise CellError(msg)


_CONVERTERS: Dict[str, Callable[[Conversion, Column, Any], Any]] = {
    **dict.fromkeys(("text", "color", "entity_type", "footage"), Conversion.text),
    **dict.fromkeys(("list", "status_list"), Conversion.choice),
    **dict.fromkeys(("number", "percent", "timecode"), Conversion.whole),
    **dict.fromkeys(("float", "currency"), Conversion.decimal),
    "duration": Conversion.minutes,
    "checkbox": Conversion.checkbox,
    "date": Conversion.date,
    "date_time": Conversion.moment,
    "tag_list": Conversion.tags,
    "entity": Conversion.link,
    "multi_entity": Conversion.links,
    "url": Conversion.file,
}


def _named(value: str, label: str) -> str:
    return value if label in ("", value) else f"{value} ({label})"


def _split(text: str) -> List[str]:
    """
    Return the parts of a text between semicolons or line breaks; if it has none, between commas.
    """
    separator = "[;\n]" if re.search("[;\n]", text) else ","
    return [part.strip() for part in re.split(separator, text) if part.strip()]


def _json(text: str, kind: type) -> Any:
    if text[:1] not in "[{":
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, kind) else None


def _reference(text: str) -> Reference:
    found = _json(text, dict)
    if found is not None:
        return _linked(found, text)
    match = _TYPE_AND_ID.fullmatch(text)
    if match is not None and (":" in text.partition("(")[0] or text.endswith(")")):
        return Reference(text, {"type": match.group(1), "id": int(match.group(2))})
    return Reference(text)


def _linked(found: Any, text: str) -> Reference:
    if isinstance(found, str):
        return _reference(found)
    if isinstance(found, dict) and isinstance(found.get("type"), str) and isinstance(found.get("id"), int):
        return Reference(str(found.get("name") or f"{found['type']}:{found['id']}"), found)
    msg = f"{text!r:.80} is not a link, such as Shot:123."
    raise CellError(msg)
