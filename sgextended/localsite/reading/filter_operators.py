"""
The relations of filters, per data type: what ``contains`` or ``in_last`` means in SQL.

Each function returns the condition of a *positive* relation. An empty value never meets that condition, unless the
filter names the empty value. A negative relation is the complement of a positive one, and empty values meet it.
The caller builds the complement.
"""

from __future__ import annotations

import datetime as dt
import operator
import uuid
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sgextended.localsite.errors import DATABASE, Fault, class_name, inspect
from sgextended.localsite.schema.colors import always_has_color, is_color
from sgextended.localsite.schema.json_values import json_text
from sgextended.localsite.storage.data_types import (
    CLASSES,
    parse_checkbox,
    parse_date,
    parse_moment,
    parse_number,
    wrong_class,
)
from sgextended.localsite.storage.transaction import MOMENT, Transaction, among

if TYPE_CHECKING:
    from collections.abc import Callable

    from sgextended.localsite.schema.entity_types import Field

Condition = sa.ColumnElement[bool]

#: Each negative relation and the positive relation that it negates.
COMPLEMENTS = {
    "is_not": "is",
    "name_not_contains": "name_contains",
    "not_contains": "contains",
    "not_in": "in",
    "not_in_last": "in_last",
    "not_in_next": "in_next",
    "type_is_not": "type_is",
}

_TEXT = ("contains", "not_contains", "is", "is_not", "starts_with", "ends_with", "in", "not_in")
_NUMBER = ("is", "is_not", "greater_than", "less_than", "between", "in", "not_in")
_DATE = (
    *("is", "is_not", "greater_than", "less_than", "in_last", "not_in_last", "in_next", "not_in_next"),
    *("in_calendar_day", "in_calendar_week", "in_calendar_month", "in_calendar_year", "between", "in", "not_in"),
)
_LINK = (*("is", "is_not", "type_is", "type_is_not", "name_contains", "name_not_contains", "name_is", "in", "not_in"),)
_CHOICE = ("is", "is_not", "in", "not_in")

#: The relations that a data type has, in the order in which the site lists them.
RELATIONS: dict[str, tuple[str, ...]] = {
    "checkbox": ("is", "is_not"),
    "image": ("is", "is_not"),
    "jsonb": ("is", "is_not", "contains", "not_contains"),
    "tag_list": ("is", "is_not", "name_contains", "name_not_contains"),
    **dict.fromkeys(("text", "footage"), _TEXT),
    **dict.fromkeys(("number", "duration", "percent", "timecode", "float", "currency"), _NUMBER),
    **dict.fromkeys(("date", "date_time"), _DATE),
    **dict.fromkeys(("entity", "multi_entity"), _LINK),
    **dict.fromkeys(("list", "status_list", "color", "entity_type", "uuid"), _CHOICE),
}

_COMPARISONS: dict[str, Callable[[Any, Any], Condition]] = {
    "greater_than": operator.gt,
    "is": operator.eq,
    "less_than": operator.lt,
}
# Longer patterns would pass SQLite's limit for LIKE.
_LONGEST_PATTERN = 10_000
_EXACT = frozenset({"color", "entity_type"})
_UNITS = ("HOUR", "DAY", "WEEK", "MONTH", "YEAR")
_FURTHEST = 1_000_000
# Larger integers cannot be converted to floats.
_HUGE = 10**300


def check_values(tx: Transaction, relation: str, values: list[Any]) -> None:
    """
    Raise a fault if a relation has too few or too many values, or if a rolling window has no count and unit.

    The faults name the relation that the caller sent, such as ``not_in_last``.
    """
    positive = COMPLEMENTS.get(relation, relation)
    if positive == "in":
        if not values:
            raise Fault(f"API {tx.rpc}() '{relation}' 'relation' expects at least a 1-element array: []")
        return
    expected = 2 if positive in {"between", "in_last", "in_next"} else 1
    if len(values) != expected:
        raise Fault(f"API {tx.rpc}() '{relation}' 'relation' expects a {expected}-element array: {inspect(values)}")
    if positive in {"in_last", "in_next"}:
        _check_window(tx, relation, values)


def _check_window(tx: Transaction, relation: str, values: list[Any]) -> None:
    count, unit = values
    if not isinstance(count, int) or isinstance(count, bool) or not 0 < count <= _FURTHEST:
        raise Fault(f"API {tx.rpc}() '{relation}' 'relation' expects a positive number first: {inspect(values)}")
    if unit not in _UNITS:
        raise Fault(
            f"API {tx.rpc}() '{relation}' 'relation' expects a unit second: {inspect(values)} "
            f"Valid units: {inspect(_UNITS)}"
        )


def scalar_condition(
    tx: Transaction, field: Field, column: sa.ColumnElement[Any], relation: str, values: list[Any]
) -> Condition:
    """
    Return the condition of a positive *relation* for a field that is not a link field.
    """
    return _CONDITIONS[field.data_type](tx, field, column, relation, values)


def text_condition(column: sa.ColumnElement[Any], relation: str, value: str) -> Condition:
    """
    Return the condition that a text equals, contains, starts with or ends with *value*, ignoring letter case.
    """
    if not value.isascii() or len(value) > _LONGEST_PATTERN:
        return _folded_condition(column, relation, value.casefold())
    if relation == "is":
        return column == value
    escaped = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    pattern = {"contains": f"%{escaped}%", "starts_with": f"{escaped}%", "ends_with": f"%{escaped}"}[relation]
    return column.like(pattern, escape="\\")


def text_among(column: sa.ColumnElement[Any], values: list[str]) -> Condition:
    """
    Return the condition that a text is one of *values*, ignoring letter case.
    """
    if all(value.isascii() for value in values):
        return among(column, values)
    return among(sa.func.fold(column), [value.casefold() for value in values])


def _folded_condition(column: sa.ColumnElement[Any], relation: str, value: str) -> Condition:
    # SQLite ignores the case of ASCII letters only, so other text is compared with our own function "fold".
    folded = sa.func.fold(column)
    if relation == "is":
        return folded == value
    if relation == "contains":
        return sa.func.instr(folded, value) > 0
    if relation == "starts_with":
        return sa.func.substr(folded, 1, len(value)) == value
    return sa.func.substr(folded, -len(value)) == value


def _text(tx: Transaction, field: Field, column: sa.ColumnElement[Any], relation: str, values: list[Any]) -> Condition:
    takes_null = relation in {"is", "in"}
    for value in values:
        if not isinstance(value, str) and not (value is None and takes_null):
            raise wrong_class(tx, field, value, "String, NilClass" if takes_null else "String")
    if relation == "in" and None in values:
        raise Fault(f"Read failed for entity type [{field.entity_type}]", DATABASE)
    if relation == "in":
        return text_among(column, values)
    if relation == "is" and not values[0]:
        return column.is_(None)
    return text_condition(column, relation, values[0])


def _choice(
    tx: Transaction, field: Field, column: sa.ColumnElement[Any], relation: str, values: list[Any]
) -> Condition:
    for value in values:
        if value is not None and not isinstance(value, str):
            raise wrong_class(tx, field, value, "String, NilClass")
    given = [value for value in values if value]
    if field.data_type == "color" and not always_has_color(field):
        for value in given:
            if not is_color(value):
                raise Fault(f"API {tx.rpc}() {field.path} invalid format for color value: {inspect(value)}")
    empty = column.is_(None)
    if relation == "is":
        if not given:
            return empty
        return column == given[0] if field.data_type in _EXACT else text_condition(column, "is", given[0])
    met = among(column, given) if field.data_type in _EXACT else text_among(column, given)
    return sa.or_(met, empty) if len(given) < len(values) else met


def _number(
    tx: Transaction, field: Field, column: sa.ColumnElement[Any], relation: str, values: list[Any]
) -> Condition:
    given = [_storable(parse_number(tx, field, value)) for value in values if value is not None]
    return _compared(column, relation, given, has_null=len(given) < len(values))


def _storable(number: Any) -> Any:
    # SQLite's integers have 64 bits. A larger number is converted to a float, which still compares as larger.
    return number if -(2**63) <= number < 2**63 else float(min(max(number, -_HUGE), _HUGE))


def _date(tx: Transaction, field: Field, column: sa.ColumnElement[Any], relation: str, values: list[Any]) -> Condition:
    if relation in {"in_last", "in_next"}:
        return _window(tx, field, column, relation, values)
    if relation.startswith("in_calendar_"):
        return _calendar(tx, field, column, relation, values[0])
    parse = parse_date if field.data_type == "date" else parse_moment
    given = []
    for value in values:
        if value is None or (value == "" and field.data_type == "date"):
            continue
        if not isinstance(value, str):
            raise wrong_class(tx, field, value, "String, NilClass")
        given.append(parse(value))
    return _compared(column, relation, given, has_null=len(given) < len(values))


def _compared(column: sa.ColumnElement[Any], relation: str, given: list[Any], *, has_null: bool) -> Condition:
    if relation == "in":
        met = among(column, given)
        return sa.or_(met, column.is_(None)) if has_null else met
    if has_null:
        # No value is greater or less than null, and no value lies between null and another value.
        return column.is_(None) if relation == "is" else sa.false()
    if relation == "between":
        return column.between(min(given), max(given))
    return _COMPARISONS[relation](column, given[0])


def _window(
    tx: Transaction, field: Field, column: sa.ColumnElement[Any], relation: str, values: list[Any]
) -> Condition:
    count, unit = values
    end = _moved(tx.now, count if relation == "in_next" else -count, unit)
    first, last = min(tx.now, end), max(tx.now, end)
    style = "%Y-%m-%d" if field.data_type == "date" else MOMENT
    return column.between(first.strftime(style), last.strftime(style))


def _calendar(tx: Transaction, field: Field, column: sa.ColumnElement[Any], relation: str, offset: Any) -> Condition:
    if not isinstance(offset, int) or isinstance(offset, bool) or abs(offset) > _FURTHEST:
        raise Fault(f"API {tx.rpc}() '{relation}' 'relation' expects a whole number: {inspect([offset])}")
    unit = relation[len("in_calendar_") :].upper()
    start = tx.now.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "WEEK":
        start -= dt.timedelta(days=start.weekday())
    elif unit == "MONTH":
        start = start.replace(day=1)
    elif unit == "YEAR":
        start = start.replace(month=1, day=1)
    style = "%Y-%m-%d" if field.data_type == "date" else MOMENT
    first, end = _moved(start, offset, unit), _moved(start, offset + 1, unit)
    return sa.and_(column >= first.strftime(style), column < end.strftime(style))


def _moved(moment: dt.datetime, count: int, unit: str) -> dt.datetime:
    """
    Return the moment that is *count* units away from *moment*, or the first or last year if it is out of range.
    """
    try:
        if unit in {"MONTH", "YEAR"}:
            months = moment.year * 12 + moment.month - 1 + count * (12 if unit == "YEAR" else 1)
            first = moment.replace(year=months // 12, month=months % 12 + 1, day=1)
            following = months + 1
            days = (first.replace(year=following // 12, month=following % 12 + 1) - first).days
            return first.replace(day=min(moment.day, days))
        hours = {"HOUR": 1, "DAY": 24, "WEEK": 168}[unit]
        return moment + dt.timedelta(hours=count * hours)
    except (OverflowError, ValueError):
        return moment.replace(year=9999 if count > 0 else 1000, month=1, day=1)


def _checkbox(
    tx: Transaction, field: Field, column: sa.ColumnElement[Any], relation: str, values: list[Any]
) -> Condition:
    del relation  # a checkbox has one positive relation
    return column == parse_checkbox(tx, field, values[0])


def _image(tx: Transaction, field: Field, column: sa.ColumnElement[Any], relation: str, values: list[Any]) -> Condition:
    del relation  # an image has one positive relation
    if values[0] is not None:
        raise Fault(
            f"API {tx.rpc}() {field.path} expects a nil value for 'image' data type but got "
            f"{class_name(values[0])}: {inspect(values[0])}"
        )
    return column.is_(None)


def _uuid(tx: Transaction, field: Field, column: sa.ColumnElement[Any], relation: str, values: list[Any]) -> Condition:
    del relation  # both positive relations of a uuid compare whole values
    given = []
    for value in values:
        if not isinstance(value, str):
            raise wrong_class(tx, field, value, "String")
        if value:
            given.append(_parse_uuid(field, value))
    met = among(column, given)
    return sa.or_(met, column.is_(None)) if len(given) < len(values) else met


def _parse_uuid(field: Field, value: str) -> str:
    try:
        return str(uuid.UUID(value))
    except ValueError:
        text = f'PG::InvalidTextRepresentation: ERROR:  invalid input syntax for type uuid: "{value}"'
        raise Fault(f"Read failed for entity type [{field.entity_type}]: {text}", DATABASE) from None


def _json(tx: Transaction, field: Field, column: sa.ColumnElement[Any], relation: str, values: list[Any]) -> Condition:
    value = values[0]
    if value is None and relation == "is":
        return column.is_(None)
    if not isinstance(value, (dict, list)):
        raise wrong_class(tx, field, value, None if relation == "is" else CLASSES["jsonb"].removesuffix(", NilClass"))
    text = json_text(value)
    return column == text if relation == "is" else sa.func.json_contains(column, text) == 1


def _tag_list(
    tx: Transaction, field: Field, column: sa.ColumnElement[Any], relation: str, values: list[Any]
) -> Condition:
    value = values[0]
    if value is None and relation == "is":
        return column.is_(None)
    if not isinstance(value, str):
        raise wrong_class(tx, field, value, "String, NilClass" if relation == "is" else "String")
    tags = sa.func.json_each(column).table_valued("value")
    tag = sa.collate(tags.c.value, "NOCASE")
    met = text_condition(tag, "is" if relation == "is" else "contains", value)
    return sa.select(sa.literal(1)).select_from(tags).where(met).exists()


_CONDITIONS: dict[str, Callable[[Transaction, Field, sa.ColumnElement[Any], str, list[Any]], Condition]] = {
    "checkbox": _checkbox,
    "image": _image,
    "tag_list": _tag_list,
    **dict.fromkeys(("text", "footage"), _text),
    **dict.fromkeys(("number", "duration", "percent", "timecode", "float", "currency"), _number),
    **dict.fromkeys(("date", "date_time"), _date),
    **dict.fromkeys(("list", "status_list", "color", "entity_type"), _choice),
    "jsonb": _json,
    "uuid": _uuid,
}
