"""
`Field`: which values a field takes, in filters and in data, by its data type.
"""

import datetime as dt
import re
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

from attrs import frozen

from sgextended.schema.site_schema import SiteSchema, did_you_mean

#: A placeholder for a value that is not known yet. It is always valid.
UNKNOWN = type("Unknown", (), {"__repr__": lambda _self: "..."})()

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?")

#: Fields that are never empty on a site.
_NEVER_EMPTY = frozenset({("Task", "color")})


@frozen
class Field:
    """
    The field of a value.
    """

    schema: SiteSchema
    entity_type: str
    path: str
    data_type: str

    def __str__(self) -> str:
        return f"{self.entity_type}.{self.path}"

    def operand(self, value: Any) -> Optional[str]:
        """
        Return the problem of a value in a comparison, or None.
        """
        if value is None:
            return f"{self} is never empty: compare it with True or False." if self.data_type == "checkbox" else None
        if self.data_type == "image":
            return f"{self} is an image, which can only be compared with None."
        if self.data_type in ("entity", "multi_entity"):
            return self._link(value)
        return self._scalar(value, exact=False)

    def datum(self, value: Any) -> Optional[str]:
        """
        Return the problem of a value to set, or None.
        """
        if self.data_type in ("multi_entity", "tag_list"):
            if not isinstance(value, (list, tuple)):
                return f"{self} takes a list, not {value!r:.60}." + (" [] empties it." if value is None else "")
            if self.data_type == "tag_list":
                return None
            problems = (self._link(each) for each in value if each is not UNKNOWN)
            return next((problem for problem in problems if problem), None)
        if value is None:
            if (self.entity_type, self.path) in _NEVER_EMPTY:
                return f"{self} is never empty on a site."
            return f"{self} is a checkbox, so it takes True or False." if self.data_type == "checkbox" else None
        if self.data_type == "entity":
            return self._link(value)
        return self._scalar(value, exact=True)

    def link_type(self, value: Any) -> Optional[str]:
        """
        Return the problem of the entity type of a link, or None.
        """
        types = self.schema.valid_types(self.entity_type, self.path)
        if types is None or value is UNKNOWN or value in types:
            return None
        hint = did_you_mean(str(value), types)
        return f"{self} links to {' or '.join(types)}, not to {value!r}.{hint}"

    def _link(self, value: Any) -> Optional[str]:
        if not isinstance(value, Mapping) or "type" not in value or "id" not in value:
            return f'{self} is a link: give {{"type": ..., "id": ...}}, not {value!r:.60}.'
        number = value["id"]
        if number is not UNKNOWN and (isinstance(number, bool) or not isinstance(number, int)):
            return f"{self} is a link, whose id must be a whole number, not {number!r:.60}."
        return self.link_type(value["type"])

    def _scalar(self, value: Any, *, exact: bool) -> Optional[str]:
        kind = _KINDS.get(self.data_type)
        if kind is not None:
            wanted, fits = kind
            return None if fits(value) else f"{self} takes {wanted}, not {value!r:.60}."
        if self.data_type in ("list", "status_list"):
            return self._choice(value, exact=exact)
        return None

    def _choice(self, value: Any, *, exact: bool) -> Optional[str]:
        known = self.schema.valid_values(self.entity_type, self.path) or []
        if value == "" or value in known or not known:
            return None
        if not exact and isinstance(value, str) and value.lower() in {each.lower() for each in known}:
            return None
        labels = self.schema.describe(self.entity_type, self.path)["properties"].get("display_values", {}).get("value")
        codes = {label: code for code, label in (labels or {}).items()}
        hint = did_you_mean(str(value), [*codes, *known], codes) or f" Use one of {', '.join(map(repr, known[:12]))}."
        return f"{self} has no value {value!r:.60}.{hint}"


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return re.fullmatch(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)\s*", value) is not None
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_float(value: Any) -> bool:
    # Sites refuse an integer for these fields.
    return _is_number(value) and not isinstance(value, int)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_day(value: Any) -> bool:
    if isinstance(value, str):
        return _DAY.fullmatch(value) is not None
    return isinstance(value, dt.date) and not isinstance(value, dt.datetime)


def _is_moment(value: Any) -> bool:
    return _MOMENT.fullmatch(value) is not None if isinstance(value, str) else isinstance(value, dt.date)


#: For each data type: a description of its valid values, and a function that returns whether a value is valid.
_KINDS: Dict[str, Tuple[str, Callable[[Any], bool]]] = {
    "number": ("a whole number", lambda value: _is_whole(value) or (isinstance(value, str) and _is_number(value))),
    "percent": ("a whole number", _is_whole),
    "timecode": ("a whole number, of milliseconds", _is_whole),
    "duration": ("a number of minutes", _is_number),
    **dict.fromkeys(("float", "currency"), ("a float, such as 2.0", _is_float)),
    "text": ("a text", _is_text),
    "color": ("a text such as '255,0,0'", _is_text),
    "entity_type": ("the name of an entity type", _is_text),
    "checkbox": ("True or False", lambda value: isinstance(value, bool) or value in ("true", "false")),
    "date": ("a date, such as '2026-03-09'", _is_day),
    "date_time": ("a datetime, or its text as ISO 8601", _is_moment),
}
