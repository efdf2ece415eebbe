"""
Validation of calls against the schema before they are sent: entity types, fields, operators, sorts, groups and data.

It finds errors that the site would refuse, and also filters that can match nothing, such as an unknown status.
"""

from typing import Any, Callable, Dict, FrozenSet, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from attrs import frozen

from sgextended.errors import NotFoundError, SchemaError
from sgextended.schema.field_values import UNKNOWN, Field
from sgextended.schema.site_schema import SiteSchema, did_you_mean

Place = Tuple[Union[str, int], ...]

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
_PAIRS = ("between", *_SPANS)
_MANY = ("in", "not_in")
_GROUPS = ("all", "any", "and", "or")
_UNITS = ("HOUR", "DAY", "WEEK", "MONTH", "YEAR")
_COMPUTED = ("summary", "calculated", "pivot_column")
#: Data types of fields that a site does not sort by: it ignores the sort, or fails.
_NOT_SORTABLE = frozenset({"url", "serializable", "jsonb", "password", "summary", "pivot_column", "uuid"})
_MODES = ("set", "add", "remove")
#: The summary types and grouping types of a site.
_SUMMARIES = (
    "record_count", "count", "sum", "maximum", "minimum", "average", "earliest", "latest", "percentage",
    "status_percentage", "status_percentage_as_float", "status_list", "checked", "unchecked",
)  # fmt: skip
_GROUPINGS = (
    "exact", "tens", "hundreds", "thousands", "tensofthousands", "hundredsofthousands", "millions", "day", "week",
    "month", "quarter", "year", "clustered_date", "oneday", "fivedays", "entitytype", "firstletter",
)  # fmt: skip
#: Fields that exist but are not in the schema: "type" of every entity, and "read_by_current_user" of some types.
_UNDECLARED = ("type", "read_by_current_user")


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
    data = arguments.get("data")
    check = _Check(schema, entity_type, method == "update", frozenset(data) if isinstance(data, Mapping) else None)
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
    written: Optional[FrozenSet[Any]] = None  # the fields of the data; None: they are not known

    # --- Names of fields

    def fields(self, fields: Any, place: Place) -> Iterator[Problem]:
        for index, field in _items(fields):
            found = list(self._field(field, (*place, index)))
            yield from found
            first = None if found or not isinstance(field, str) else self.schema.first_list(self.entity_type, field)
            if first is not None:
                list_field = ".".join(field.split(".")[:first])
                message = (
                    f"{self.entity_type}.{list_field} is a list of links, and a site does not return fields through a "
                    "list. Find the linked entities instead."
                )
                yield Problem((*place, index), message)

    def order(self, keys: Any, place: Place) -> Iterator[Problem]:
        for index, name, field in _named_fields(keys):
            found = list(self._field(field, (*place, index, name)))
            yield from found
            data_type = None if found or not isinstance(field, str) else self._data_type(field)
            if data_type in _NOT_SORTABLE:
                message = f"{self.entity_type}.{field} has the type {data_type}, by which a site does not sort."
                yield Problem((*place, index, name), message)
        yield from _words(keys, place, "direction", ("asc", "desc"))

    def summary_fields(self, keys: Any, place: Place) -> Iterator[Problem]:
        for index, name, field in _named_fields(keys):
            yield from self._field(field, (*place, index, name))
        yield from _words(keys, place, "type", _SUMMARIES)

    def grouping(self, keys: Any, place: Place) -> Iterator[Problem]:
        for index, name, field in _named_fields(keys):
            yield from self._field(field, (*place, index, name))
        yield from _words(keys, place, "type", _GROUPINGS)
        yield from _words(keys, place, "direction", ("asc", "desc"))

    def _data_type(self, path: str) -> Optional[str]:
        return None if path in _UNDECLARED else self.schema.field_type(self.entity_type, path)

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
        for key in ("filter_operator", "filters"):
            if key not in group:
                message = f'A group is {{"filter_operator": "all" or "any", "filters": [...]}}, and {key!r} is missing.'
                yield Problem(place, message)
        yield from self.filters(group.get("filters", ()), (*place, "filters"))

    def filter_operator(self, operator: Any, place: Place) -> Iterator[Problem]:
        for found in self._group({"filter_operator": operator, "filters": ()}, ()):
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
        field = Field(self.schema, self.entity_type, path, str(described["data_type"]["value"]))
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

    def modes(self, modes: Any, place: Place) -> Iterator[Problem]:
        for field, mode in modes.items() if isinstance(modes, Mapping) else ():
            if self.written is not None and field not in self.written:
                hint = did_you_mean(str(field), [str(each) for each in self.written])
                yield Problem((*place, field), f"The data has no field {field!r}, so this mode has no effect.{hint}")
            elif self._is_field(field) and self._data_type(field) not in ("multi_entity", "tag_list"):
                yield Problem((*place, field), f"{self.entity_type}.{field} is not a list of links, so it has no mode.")
            if isinstance(mode, str) and mode not in _MODES:
                hint = did_you_mean(mode, _MODES) or " Use 'set', 'add' or 'remove'."
                yield Problem((*place, field), f"{mode!r} is not an update mode.{hint}")

    def _is_field(self, name: Any) -> bool:
        return isinstance(name, str) and not list(self._field(name, ()))

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
        field = Field(self.schema, self.entity_type, name, str(described["data_type"]["value"]))
        if not described["editable"]["value"] and (self.is_update or field.data_type in _COMPUTED):
            return f"{field} cannot be set, as the site sets it."
        return None if value is UNKNOWN else field.datum(value)


_PARTS: Dict[str, Callable[[_Check, Any, Place], Iterator[Problem]]] = {
    "filters": _Check.filters,
    "filter_operator": _Check.filter_operator,
    "fields": _Check.fields,
    "return_fields": _Check.fields,
    "order": _Check.order,
    "summary_fields": _Check.summary_fields,
    "grouping": _Check.grouping,
    "data": _Check.data,
    "multi_entity_update_modes": _Check.modes,
}


def _items(values: Any) -> Iterator[Tuple[int, Any]]:
    return iter(enumerate(values if isinstance(values, (list, tuple)) else ()))


def _named_fields(keys: Any) -> Iterator[Tuple[int, str, Any]]:
    """
    Yield the fields of sorts, groupings or summaries: the index, the key that names the field, and the field.
    """
    for index, key in _items(keys):
        for name in ("field_name", "column", "field") if isinstance(key, Mapping) else ():
            if name in key:
                yield index, name, key[name]


def _words(keys: Any, place: Place, name: str, known: Sequence[str]) -> Iterator[Problem]:
    """
    Yield the problems of a key of sorts, groupings or summaries whose value must be one of some words.
    """
    for index, key in _items(keys):
        word = key.get(name) if isinstance(key, Mapping) else None
        if isinstance(word, str) and word not in known:
            hint = did_you_mean(word, known) or f" Use one of {', '.join(map(repr, known))}."
            yield Problem((*place, index, name), f"{word!r} is not a {name}.{hint}")


def _shown(condition: Sequence[Any]) -> str:
    text = repr(list(condition))
    return text if len(text) <= 100 else text[:97] + "..."


def _no_operator(field: "Field", operator: str, known: Sequence[str]) -> str:
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


def _operand(field: "Field", operator: str, index: int, value: Any) -> Optional[str]:
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
