"""
The conditions of the form above a table: which operators a field has, and the filter that each stands for.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any, Optional

import attrs
import sqlalchemy as sa

from sgextended.localsite.errors import Fault
from sgextended.localsite.reading.field_paths import link_name, linked
from sgextended.localsite.reading.filter_operators import RELATIONS, text_condition
from sgextended.localsite.schema.colors import always_has_color, is_color
from sgextended.localsite.schema.link_relations import Siblings, relation_for
from sgextended.localsite.storage.transaction import MOMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sgextended.localsite.reading.field_paths import Scope
    from sgextended.localsite.schema.entity_types import EntityType, Field
    from sgextended.localsite.storage.transaction import Transaction

Filter = dict[str, Any]

_EMPTINESS = ("empty", "filled")
_TEXT = ("contains", "not_contains", "is", "is_not", "starts_with", "ends_with", *_EMPTINESS)
_NUMBER = ("is", "is_not", "greater_than", "less_than", "contains", *_EMPTINESS)
_DATE = ("in", "is_not", "greater_than", "less_than", *_EMPTINESS)
_CHOICE = ("is", "is_not", "contains", *_EMPTINESS)
_LINK = ("contains", "not_contains", "is", "starts_with", *_EMPTINESS)
_NUMBERS = ("duration", "number", "percent", "timecode")
_FLOATS = ("currency", "float")
_DATES = ("date", "date_time")
_LINKS = ("entity", "multi_entity")
_CHOICES = ("color", "entity_type", "list", "status_list")

#: The operators of each data type, in the order of the menu. Fields of other types cannot be searched.
OPERATORS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("text", "footage"), _TEXT),
    **dict.fromkeys((*_NUMBERS, *_FLOATS), _NUMBER),
    **dict.fromkeys(_DATES, _DATE),
    **dict.fromkeys(_LINKS, _LINK),
    **dict.fromkeys(_CHOICES, _CHOICE),
    "checkbox": ("is",),
    "image": _EMPTINESS,
    "tag_list": ("contains", "not_contains", "is", *_EMPTINESS),
    "uuid": ("is", "is_not"),
}
#: What the menu calls an operator; for a data type of its own, see `operator_label`.
LABELS = {
    "contains": "contains",
    "not_contains": "does not contain",
    "is": "is",
    "is_not": "is not",
    "starts_with": "starts with",
    "ends_with": "ends with",
    "greater_than": "above",
    "less_than": "below",
    "in": "in",
    "empty": "is empty",
    "filled": "is not empty",
}
_DATE_LABELS = {"greater_than": "after", "less_than": "before", "is_not": "not in"}
_KINDS = {
    **dict.fromkeys((*_NUMBERS, *_FLOATS), "a number"),
    **dict.fromkeys(_DATES, "a date"),
    **dict.fromkeys(_LINKS, "a link"),
    **dict.fromkeys(_CHOICES, "a choice"),
    "checkbox": "a checkbox",
    "image": "a picture",
}
_PERIOD = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")
_LINK_TEXT = re.compile(r"(\w+):(\d{1,18})", re.ASCII)
_YES, _NO = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})
_LARGEST = 2**63


@attrs.frozen
class Condition:
    """
    One condition of the form. Without a field, it applies to all text fields together.
    """

    field: str
    operator: str
    value: str

    @property
    def is_blank(self) -> bool:
        """
        Return whether the form was sent without this condition.
        """
        return not self.field and not self.value and self.operator not in _EMPTINESS


@attrs.define
class Filters:
    """
    The filters that conditions stand for: in API3 form, and *further* ones for which API3 has no form.
    """

    conditions: list[Filter] = attrs.field(factory=list)
    further: list[Callable[[Scope], sa.ColumnElement[bool]]] = attrs.field(factory=list)

    @property
    def group(self) -> Filter:
        """
        Return the filters in API3 form as one group.
        """
        return _all_of(self.conditions)


def operators_of(field: Field) -> tuple[str, ...]:
    """
    Return the operators of a field; an empty tuple if it cannot be searched.
    """
    if field.data_type == "multi_entity" and isinstance(relation_for(field), Siblings):  # not stored
        return ()
    return OPERATORS.get(field.data_type, ()) if field.data_type in RELATIONS else ()


def operator_label(data_type: str, operator: str) -> str:
    """
    Return what people call an operator of a data type.
    """
    labels = {**LABELS, **_DATE_LABELS} if data_type in _DATES else LABELS
    return labels.get(operator, operator)


def to_filters(tx: Transaction, facts: EntityType, conditions: Iterable[Condition]) -> Filters:
    """
    Return the filters for conditions.

    Raises:
        Fault: A condition has a field, an operator or a value that does not fit. The message is for the reader.
    """
    filters = Filters()
    for condition in conditions:
        if condition.field:
            _add(tx, filters, _field(facts, condition), condition)
        else:
            filters.conditions.append(_in_any_text(facts, condition))
    return filters


def linked_name(tx: Transaction, value: str) -> Optional[str]:
    """
    Return the name of the row that a value such as ``Project:12`` means; None for other values.
    """
    link = _LINK_TEXT.fullmatch(value)
    if link is None or link.group(1) not in tx.schema.types:
        return None
    directory = tx.tables.directory
    query = sa.select(directory.c.name).where(directory.c.type == link.group(1), directory.c.id == int(link.group(2)))
    name: Optional[str] = tx.connection.execute(query).scalar()
    return name


# --- Parts of conditions


def _field(facts: EntityType, condition: Condition) -> Field:
    field = facts.fields.get(condition.field)
    if field is None:
        raise Fault(f"{facts.label} has no field {condition.field!r}. Choose one of the menu.")
    known = operators_of(field)
    if not known:
        raise Fault(f"{field.label} cannot be searched: the site computes it or keeps it in a form of its own.")
    is_alias = condition.operator in {"contains", "is"} and field.data_type in _DATES
    if condition.operator not in known and not is_alias:
        labels = [f"'{operator_label(field.data_type, each)}'" for each in known]
        kind = _KINDS.get(field.data_type, "a text")
        word = repr(LABELS.get(condition.operator, condition.operator))
        raise Fault(f"{field.label} is {kind}, which has no condition {word}. Use {', '.join(labels)}.")
    return field


def _in_any_text(facts: EntityType, condition: Condition) -> Filter:
    """
    Return the filter for a text in any text field of the type.
    """
    if condition.operator not in _TEXT:
        word = repr(LABELS.get(condition.operator, condition.operator))
        raise Fault(f"Any text field has no condition {word}. Choose a field, or a condition on texts.")
    fields = [field for field in facts.fields.values() if field.data_type == "text" and not field.is_personal]
    parts = [_on_text(field, condition) for field in fields]
    is_negative = condition.operator in {"not_contains", "is_not", "empty"}
    return {"logical_operator": "and" if is_negative else "or", "conditions": parts}


def _add(tx: Transaction, filters: Filters, field: Field, condition: Condition) -> None:
    """
    Add the filter for a condition on a field.
    """
    further = None
    if condition.operator == "starts_with" and field.data_type in _LINKS:
        further = _beginning_of_name(tx, field, _text(field, condition))
    elif condition.operator == "contains" and field.data_type in (*_NUMBERS, *_FLOATS):
        further = _digits(field, condition.value)
    elif condition.operator == "contains" and field.data_type in _CHOICES:
        further = _part_of_choice(field, _text(field, condition))
    if further is not None:
        filters.further.append(further)
    else:
        filters.conditions.append(_in_api3_form(tx, field, condition))


def _in_api3_form(tx: Transaction, field: Field, condition: Condition) -> Filter:
    operator, kind = condition.operator, field.data_type
    if operator in _EMPTINESS:
        return _emptiness(field, operator)
    if kind in _LINKS:
        return _on_link(tx, field, condition)
    if kind in _DATES:
        return _on_date(field, condition)
    if kind in _CHOICES:
        return _on_choice(field, condition)
    if kind in (*_NUMBERS, *_FLOATS):
        return _leaf(field.name, operator, _number(field, condition.value))
    if kind == "checkbox":
        return _leaf(field.name, "is", _checkbox(field, condition.value))
    if kind == "tag_list":
        words = {"contains": "name_contains", "not_contains": "name_not_contains"}
        return _leaf(field.name, words.get(operator, operator), _text(field, condition))
    return _on_text(field, condition)


def _leaf(path: str, relation: str, *values: Any) -> Filter:
    return {"path": path, "relation": relation, "values": list(values)}


def _all_of(conditions: list[Filter]) -> Filter:
    return {"logical_operator": "and", "conditions": conditions}


def _emptiness(field: Field, operator: str) -> Filter:
    return _leaf(field.name, "is" if operator == "empty" else "is_not", None)


def _text(field: Field, condition: Condition) -> str:
    if not condition.value:
        word = operator_label(field.data_type, condition.operator)
        raise Fault(f"{field.label} {word}: type a value, or choose the condition 'is empty'.")
    return condition.value


def _on_text(field: Field, condition: Condition) -> Filter:
    if condition.operator in _EMPTINESS:
        return _emptiness(field, condition.operator)
    if condition.operator in {"is", "is_not"} and not condition.value:
        return _leaf(field.name, condition.operator, None)
    return _leaf(field.name, condition.operator, _text(field, condition))


def _on_link(tx: Transaction, field: Field, condition: Condition) -> Filter:
    """
    Return the filter for a link: by name, or by type and id as in ``Project:12``.
    """
    if condition.operator == "is" and not condition.value:
        return _leaf(field.name, "is", None)
    text = _text(field, condition)
    link = _LINK_TEXT.fullmatch(text)
    if condition.operator == "is" and link is not None and link.group(1) in tx.schema.types:
        number = int(link.group(2))
        return _leaf(field.name, "is", {"type": link.group(1), "id": number})
    words = {"contains": "name_contains", "not_contains": "name_not_contains", "is": "name_is"}
    return _leaf(field.name, words[condition.operator], text)


def _beginning_of_name(tx: Transaction, field: Field, text: str) -> Callable[[Scope], sa.ColumnElement[bool]]:
    """
    Return the condition that the name of a linked row starts with a text.
    """

    def condition(scope: Scope) -> sa.ColumnElement[bool]:
        if field.data_type == "entity":
            return text_condition(link_name(tx, scope.root, field), "starts_with", text)
        links = linked(tx, field)
        return scope.root.id.in_(links.own_ids(text_condition(links.name, "starts_with", text)))

    return condition


def _on_choice(field: Field, condition: Condition) -> Filter:
    """
    Return the filter for a status or a value of a list, given by code or by label.
    """
    if not condition.value:
        return _leaf(field.name, condition.operator, None)
    if field.data_type == "color" and not is_color(condition.value) and not always_has_color(field):
        raise Fault(f"{field.label} is a color: type its red, green and blue, such as 255,128,0.")
    wanted, labels = condition.value.casefold(), _choice_labels(field)
    found = [code for code, label in labels.items() if wanted in {code.casefold(), label.casefold()}]
    if not found and labels and field.data_type == "status_list":
        raise Fault(f"{field.label} has no value {condition.value!r}. It has {_listed(labels)}.")
    values = found or [condition.value]
    return _leaf(field.name, "in" if condition.operator == "is" else "not_in", *values)


def _choice_labels(field: Field) -> dict[str, str]:
    codes = (*(field.valid_values or ()), *field.value_labels)
    return {code: field.value_labels.get(code, code) for code in codes}


def _part_of_choice(field: Field, text: str) -> Callable[[Scope], sa.ColumnElement[bool]]:
    """
    Return the condition that the code or the label of a status or of a list's value contains a text.
    """
    found = [code for code, label in _choice_labels(field).items() if text.casefold() in label.casefold()]

    def condition(scope: Scope) -> sa.ColumnElement[bool]:
        column = scope.root.column(field)
        return sa.or_(column.icontains(text, autoescape=True), column.in_(found))

    return condition


def _listed(labels: dict[str, str]) -> str:
    shown = [code if code == label else f"{label} ({code})" for code, label in list(labels.items())[:20]]
    return ", ".join(shown) + (", ..." if len(labels) > len(shown) else "")


def _digits(field: Field, text: str) -> Callable[[Scope], sa.ColumnElement[bool]]:
    """
    Return the condition that the digits of a number contain a text.
    """
    if not re.fullmatch(r"-?[0-9.]{1,40}", text):
        raise Fault(f"{field.label} is a number, and {text!r} is not a part of one.")
    return lambda scope: sa.cast(scope.root.column(field), sa.String).contains(text, autoescape=True)


def _number(field: Field, text: str) -> Any:
    if text == "":
        return None
    try:
        number = float(text) if field.data_type in _FLOATS else int(text)
    except ValueError:
        raise Fault(f"{field.label} is a number, and {text!r} is not.") from None
    if not abs(number) < _LARGEST:  # also true for NaN
        raise Fault(f"{field.label} has no number like {text!r}.")
    return number


def _checkbox(field: Field, text: str) -> bool:
    if text.lower() not in _YES | _NO:
        raise Fault(f"{field.label} is a checkbox: type yes or no.")
    return text.lower() in _YES


def _on_date(field: Field, condition: Condition) -> Filter:
    """
    Return the filter for a year, a month, a day, or for what lies before or after it.
    """
    if condition.operator in {"is", "is_not"} and not condition.value:
        return _leaf(field.name, condition.operator, None)
    first, last = _period(field, _text(field, condition))
    is_day = field.data_type == "date"
    start = first.isoformat() if is_day else dt.datetime.combine(first, dt.time()).strftime(MOMENT)
    end = last.isoformat() if is_day else dt.datetime.combine(last, dt.time(23, 59, 59)).strftime(MOMENT)
    if condition.operator == "greater_than":
        return _leaf(field.name, "greater_than", end)
    if condition.operator == "less_than":
        return _leaf(field.name, "less_than", start)
    if condition.operator == "is_not":
        outside = [_leaf(field.name, "less_than", start), _leaf(field.name, "greater_than", end)]
        return {"logical_operator": "or", "conditions": [*outside, _leaf(field.name, "is", None)]}
    return _leaf(field.name, "between", start, end)


def _period(field: Field, text: str) -> tuple[dt.date, dt.date]:
    """
    Return the first and the last day of a year, a month or a day.
    """
    match = _PERIOD.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError  # noqa: TRY301 - the message below is for both
        year, month, day = (None if part is None else int(part) for part in match.groups())
        assert year is not None
        first = dt.date(year, month or 1, day or 1)
        if day is not None:
            return first, first
        after = dt.date(year + 1, 1, 1) if month in {None, 12} else dt.date(year, (month or 0) + 1, 1)
        return first, after - dt.timedelta(days=1)
    except ValueError:
        raise Fault(
            f"{field.label} is a date, and {text!r} is not. Type a year, a month or a day: 2026, 2026-12 or 2026-12-01."
        ) from None
