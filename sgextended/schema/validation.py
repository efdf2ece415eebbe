"""
Validation of calls against the schema before they are sent: entity types, fields, operators, values, sorts and data.

It finds errors that the site would refuse, and also filters that can match nothing, such as an unknown status.
"""

import datetime as dt
import re
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from attrs import frozen

from sgextended.errors import NotFoundError, SchemaError
from sgextended.schema.site_schema import SiteSchema, did_you_mean

Place = Tuple[Union[str, int], ...]

#: A placeholder for a value that is not known yet. It is always valid.
UNKNOWN = type("Unknown", (), {"__repr__": lambda _self: "..."})()

_TEXT = ("is", "is_not", "contains", "not_contains", "starts_with", "ends_with", "in", "not_in")
_NUMBER = ("is", "is_not", "greater_than", "less_than", "between", "in", "not_in")
_CALENDAR = ("in_calendar_day", "in_calendar_week", "in_calendar_month", "in_calendar_year")
_SPANS = ("in_last", "not_in_last", "in_next", "not_in_next")
_DATE = ("is", "is_not", "greater_than", "less_than", *_SPANS, *_CALENDAR, "between", "in", "not_in")
_LINK = ("is", "is_not", "type_is", "type_is_not", "name_contains", "name_not_contains", "name_is", "in", "not_in")
_CHOICE = ("is", "is_not", "in", "not_in")
_NUMBERS = ("number", "duration", "percent", "timecode", "float", "currency")
_NOT_FILTERABLE = ("url", "serializable", "password", "summary", "calculated", "pivot_column")

#: The operators of filters on a field, by the data type of the field. Data types that are not listed allow any
#: operator.
OPERATORS: Dict[str, Tuple[str, ...]] = {
    "checkbox": ("is", "is_not"),
    "image": ("is", "is_not"),
    "jsonb": ("is", "is_not", "contains", "not_contains"),
    "tag_list": ("is", "is_not", "name_contains", "name_not_contains", "name_id"),
    "addressing": (*_LINK, "contains", "not_contains", "name_starts_with", "name_ends_with"),
    **dict.fromkeys(("text", "footage"), _TEXT),
    **dict.fromkeys(_NUMBERS, _NUMBER),
    **dict.fromkeys(("date", "date_time"), _DATE),
    **dict.fromkeys(("entity", "multi_entity"), _LINK),
    **dict.fromkeys(("list", "status_list", "color", "entity_type", "uuid"), _CHOICE),
    **dict.fromkeys(_NOT_FILTERABLE, ()),
}
_PAIRS = ("between", "not_between", *_SPANS)
_MANY = ("in", "not_in")
_GROUPS = ("all", "any", "and", "or")
_UNITS = ("HOUR", "DAY", "WEEK", "MONTH", "YEAR")
_COMPUTED = ("summary", "calculated", "pivot_column")
#: Fields that exist but are not in the schema: "type" of every entity, and "read_by_current_user" of some types.
_UNDECLARED = ("type", "read_by_current_user")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?")


@frozen
class Problem:
    """
    One error in the arguments of a call.

    Attributes:
        place: The place of the error: the name of an argument, then keys and indexes.

        message: What is wrong, with a suggestion if there is one.

        shown: The text of the filter condition with the error. None: the error is not in a condition.
    """

    place: Place
    message: str
    shown: Optional[str] = None

    def __str__(self) -> str:
        steps = "".join(f'["{step}"]' if isinstance(step, str) else f"[{step}]" for step in self.place[1:])
        return f"{self.place[0]}{steps}: {self.message}" + (f"\n    in {self.shown}" if self.shown else "")


def check_call(schema: SiteSchema, method: str, arguments: Mapping[str, Any]) -> None:
    """
    Raise an error if the arguments of a call do not match the schema.

    Args:
        schema: The schema.

        method: The name of the native method.

        arguments: The arguments of the method, by name.

    Raises:
        SchemaError: The arguments do not match. The error has all problems, each with its place.
    """
    problems = list(problems_of(schema, method, arguments))
    if problems:
        about = arguments.get("entity_type")
        what = f"{method} of {about}" if about else method
        lines = "".join(f"\n  {problem}" for problem in problems)
        raise SchemaError(f"This {what} does not match the site's schema. Nothing was sent:{lines}", problems=problems)


def problems_of(schema: SiteSchema, method: str, arguments: Mapping[str, Any]) -> Iterator[Problem]:
    """
    Yield the problems of a call; see `check_call`. Values may be `UNKNOWN`, at any depth.
    """
    if method == "batch":
        yield from _batch(schema, arguments.get("requests"))
        return
    entity_type = arguments.get("entity_type")
    if not isinstance(entity_type, str):
        return
    try:
        schema.fields(entity_type)
    except NotFoundError as error:
        yield Problem(("entity_type",), str(error))
        return
    check = _Check(schema, entity_type, is_update=method == "update")
    for name, value in arguments.items():
        if name in _PARTS and value is not None and value is not UNKNOWN:
            yield from _PARTS[name](check, value, (name,))


def _batch(schema: SiteSchema, requests: Any) -> Iterator[Problem]:
    for index, request in enumerate(requests if isinstance(requests, (list, tuple)) else ()):
        if isinstance(request, Mapping) and isinstance(request.get("request_type"), str):
            for found in problems_of(schema, request["request_type"], request):
                yield Problem(("requests", index, *found.place), found.message, found.shown)


@frozen
class _Check:
    """
    The validation of one call for one entity type.
    """

    schema: SiteSchema
    entity_type: str
    is_update: bool = False

    # --- Names of fields

    def fields(self, fields: Any, place: Place) -> Iterator[Problem]:
        for index, field in _items(fields):
            yield from self._field(field, (*place, index))

    def keys(self, keys: Any, place: Place) -> Iterator[Problem]:
        """
        Validate sorts, groupings and summaries: dicts with a field and sometimes a direction.
        """
        for index, key in _items(keys):
            if not isinstance(key, Mapping):
                continue
            for name in ("field_name", "column", "field"):
                if name in key:
                    yield from self._field(key[name], (*place, index, name))
            direction = key.get("direction")
            if isinstance(direction, str) and direction not in ("asc", "desc"):
                hint = did_you_mean(direction, ("asc", "desc"))
                message = f"{direction!r} is not a direction: use 'asc' or 'desc'.{hint}"
                yield Problem((*place, index, "direction"), message)

    def _field(self, field: Any, place: Place) -> Iterator[Problem]:
        if isinstance(field, str) and field not in _UNDECLARED:
            try:
                self.schema.field_type(self.entity_type, field)
            except NotFoundError as error:
                yield Problem(place, str(error))

    # --- Filters

    def filters(self, filters: Any, place: Place) -> Iterator[Problem]:
        if isinstance(filters, Mapping):
            yield from self._group(filters, place)
            return
        for index, each in _items(filters):
            here = (*place, index)
            if isinstance(each, Mapping):
                yield from self._group(each, here)
            elif isinstance(each, (list, tuple)):
                for found in self._condition(each, here):
                    yield Problem(found.place, found.message, _shown(each))
            elif each is not UNKNOWN:
                yield Problem(here, f"A filter is [field, operator, value], not {each!r:.40}.")

    def _group(self, group: Mapping[str, Any], place: Place) -> Iterator[Problem]:
        if "conditions" in group:  # already in the form of a request, which only the site validates
            return
        operator = group.get("filter_operator", UNKNOWN)
        if isinstance(operator, str) and operator not in _GROUPS:
            hint = did_you_mean(operator, _GROUPS) or " Use 'all' or 'any'."
            yield Problem((*place, "filter_operator"), f"{operator!r} is not a filter operator.{hint}")
        yield from self.filters(group.get("filters", ()), (*place, "filters"))

    def filter_operator(self, operator: Any, place: Place) -> Iterator[Problem]:
        for found in self._group({"filter_operator": operator}, ()):
            yield Problem(place, found.message)

    def _condition(self, condition: Sequence[Any], place: Place) -> Iterator[Problem]:
        if len(condition) < 3:
            yield Problem(place, "A filter is [field, operator, value], and this one has fewer than three parts.")
            return
        path, operator = condition[:2]
        if not isinstance(path, str) or path in _UNDECLARED or path.startswith("$FROM$"):
            return
        try:
            described = self.schema.describe(self.entity_type, path)
        except NotFoundError as error:
            yield Problem((*place, 0), str(error))
            return
        field = _Field(self.schema, self.entity_type, path, str(described["data_type"]["value"]))
        if not isinstance(operator, str):
            return
        known = OPERATORS.get(field.data_type)
        if known is not None and operator not in known:
            yield Problem((*place, 1), _no_operator(field, operator, known))
            return
        values, places = _values_of(condition, operator, place)
        if values is None:
            return
        expected = 2 if operator in _PAIRS else 1
        if (len(values) < 1) if operator in _MANY else (len(values) != expected):
            wanted = "values" if operator in _MANY else ("one value", "two values")[expected - 1]
            yield Problem((*place, 2), f"{operator!r} takes {wanted}, not {len(values)}.")
            return
        for index, value in enumerate(values):
            message = None if value is UNKNOWN else _operand(field, operator, index, value)
            if message:
                yield Problem(places[index], message)

    # --- Data

    def data(self, data: Any, place: Place) -> Iterator[Problem]:
        for name, value in data.items() if isinstance(data, Mapping) else ():
            if not isinstance(name, str) or name in ("type", "id"):
                continue
            message = self._datum(name, value)
            if message:
                yield Problem((*place, name), message)

    def _datum(self, name: str, value: Any) -> Optional[str]:
        if "." in name:
            return f"{name!r} is a field of a linked entity. Update that entity instead."
        try:
            described = self.schema.describe(self.entity_type, name)
        except NotFoundError as error:
            return str(error)
        field = _Field(self.schema, self.entity_type, name, str(described["data_type"]["value"]))
        if not described["editable"]["value"] and (self.is_update or field.data_type in _COMPUTED):
            return f"{field} cannot be set, as the site sets it."
        return None if value is UNKNOWN else field.datum(value)


_PARTS: Dict[str, Callable[[_Check, Any, Place], Iterator[Problem]]] = {
    "filters": _Check.filters,
    "filter_operator": _Check.filter_operator,
    "fields": _Check.fields,
    "return_fields": _Check.fields,
    "order": _Check.keys,
    "summary_fields": _Check.keys,
    "grouping": _Check.keys,
    "data": _Check.data,
}


def _items(values: Any) -> Iterator[Tuple[int, Any]]:
    return iter(enumerate(values if isinstance(values, (list, tuple)) else ()))


def _shown(condition: Sequence[Any]) -> str:
    text = repr(list(condition))
    return text if len(text) <= 100 else text[:97] + "..."


def _no_operator(field: "_Field", operator: str, known: Sequence[str]) -> str:
    if not known:
        return f"{field} has the type {field.data_type}, which filters do not support."
    hint = did_you_mean(operator, known) or f" Use one of {', '.join(known)}."
    return f"{field} has the type {field.data_type}, which has no operator {operator!r}.{hint}"


def _values_of(condition: Sequence[Any], operator: str, place: Place) -> Tuple[Optional[List[Any]], List[Place]]:
    """
    Return the values of a condition, and the place of each. Return None for values that are not known.
    """
    rest = list(condition[2:])
    if len(rest) == 1 and operator in (*_MANY, *_PAIRS):
        if rest[0] is UNKNOWN:
            return None, []
        if isinstance(rest[0], (list, tuple)):
            return list(rest[0]), [(*place, 2, index) for index in range(len(rest[0]))]
    return rest, [(*place, 2 + index) for index in range(len(rest))]


def _operand(field: "_Field", operator: str, index: int, value: Any) -> Optional[str]:
    """
    Return the problem of a value in a filter, or None.
    """
    if operator in _SPANS:
        if index == 0:
            is_whole = isinstance(value, int) and not isinstance(value, bool) and value > 0
            return None if is_whole else f"{operator!r} takes a number above 0 and a unit, such as 7, 'DAY'."
        if value in _UNITS:
            return None
        hint = did_you_mean(str(value).upper(), _UNITS) or f" Use one of {', '.join(_UNITS)}."
        return f"{value!r} is not a unit of time.{hint}"
    if operator in _CALENDAR:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return None if is_whole else f"{operator!r} takes a whole number: 0 is the current one."
    if operator.startswith("type_"):
        return None if value is None else field.link_type(value)
    if operator.startswith("name_") or operator in ("contains", "not_contains", "starts_with", "ends_with"):
        return None if isinstance(value, str) or operator == "name_id" else f"{operator!r} takes a text, not {value!r}."
    return field.operand(value)


@frozen
class _Field:
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
                return None if value is None else f"{self} takes a list, not {value!r:.60}."
            if self.data_type == "tag_list":
                return None
            problems = (self._link(each) for each in value if each is not UNKNOWN)
            return next((problem for problem in problems if problem), None)
        if value is None:
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
    "float": ("a float, such as 2.0", _is_float),
    "currency": ("a float, such as 2.0", _is_float),
    "text": ("a text", _is_text),
    "color": ("a text such as '255,0,0'", _is_text),
    "entity_type": ("the name of an entity type", _is_text),
    "checkbox": ("True or False", lambda value: isinstance(value, bool) or value in ("true", "false")),
    "date": ("a date, such as '2026-03-09'", _is_day),
    "date_time": ("a datetime, or its text as ISO 8601", _is_moment),
}
