"""
The syntax of ``--filter``: ``sg_status_list in ip,fin`` for ``["sg_status_list", "in", ["ip", "fin"]]``; and the
syntax of ``FIELD=VALUE``.

A filter is converted in two steps. `parse_filter` finds the field, the operator and the values, and raises an error for
a text that is not a filter before any request is sent. `to_native_filters` converts each value to the data type of its
field, which only the site's schema has: ``0010`` is text in ``code`` and a number in ``sg_cut_in``. A guess from the
digits alone would send the number 10 for a shot that is named 0010. The schema of an entity type costs one request.
"""

import json
import re
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

from attrs import frozen

from sgextended.cli.syntax.date_words import TWO_WORDS
from sgextended.cli.syntax.link_finder import LinkFinder
from sgextended.cli.syntax.typed_values import (
    JSON_TYPES,
    MakeError,
    Token,
    TypedField,
    error_at,
    split_list,
    to_number,
)
from sgextended.errors import InvalidArgumentError, NotFoundError
from sgextended.schema import validation
from sgextended.schema.site_schema import SiteSchema, did_you_mean

_RANGE_OPERATORS = ("between", "not_between")
_RELATIVE_DATE_OPERATORS = ("in_last", "not_in_last", "in_next", "not_in_next")
_CALENDAR_OPERATORS = ("in_calendar_day", "in_calendar_week", "in_calendar_month", "in_calendar_year")
_LIST_OPERATORS = ("in", "not_in")
_TEXT_OPERATORS = (
    *("contains", "not_contains", "starts_with", "ends_with"),
    *("name_is", "name_contains", "name_not_contains", "name_starts_with", "name_ends_with"),
)
#: All operators, from the documentation of shotgun_api3 and from the lists in the site's own error messages.
OPERATORS = (
    *("is", "is_not", "greater_than", "less_than", "type_is", "type_is_not", "name_id"),
    *(_LIST_OPERATORS + _RANGE_OPERATORS + _TEXT_OPERATORS + _RELATIVE_DATE_OPERATORS + _CALENDAR_OPERATORS),
)
SYMBOLS = {"=": "is", "==": "is", "!=": "is_not", ">": "greater_than", "<": "less_than"}
_UNSUPPORTED_SYMBOLS = {">=": "greater_than", "<=": "less_than", "<>": "is_not", "~": "contains", "=~": "contains"}

_UNITS = ("HOUR", "DAY", "WEEK", "MONTH", "YEAR")

_SPACE = re.compile(r"\s*")
_FIELD = re.compile(r"[\w.$]+")
_OPERATOR = re.compile(r"[=!<>~]+|[^\s,=!<>~'\"]+")
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPE = re.compile(r"\\([\\\"'])")
_UNQUOTED = re.compile(r"[^\s,]+")
_INTEGER = re.compile(r"[+-]?\d+")

_EXAMPLE = "Write FIELD OPERATOR VALUE, such as 'sg_status_list is ip'."


@frozen
class Condition:
    """
    A parsed filter. Its values are still text.
    """

    source: str
    field: Token
    operator: str
    values: Tuple[Token, ...]


#: A filter typed as JSON stays a list or dict and is sent unchanged.
Filter = Union[Condition, List[Any], Dict[str, Any]]


def parse_filter(text: str) -> Filter:
    """
    Return a typed filter in parsed form. The text is ``FIELD OPERATOR VALUE``, or a native condition or group in JSON.

    Raises:
        InvalidArgumentError: The text is not a valid filter. The message marks the position of the mistake.
    """
    start = _skip_space(text, 0)
    if text[start : start + 1] in {"[", "{"}:
        return _parse_json(text)
    named = _FIELD.match(text, start)
    if not named:
        raise error_at(text, start, len(text), f"A filter must begin with a field name. {_EXAMPLE}")
    field = Token(named.group(), *named.span())
    operator, end = _parse_operator(text, field)
    values = _parse_values(text, end, operator)
    return Condition(text, field, operator, tuple(values))


def to_native_filters(
    filters: Sequence[Filter], schema: SiteSchema, entity_type: str, links: Optional[LinkFinder] = None
) -> List[Any]:
    """
    Return the filters as native conditions, each value converted to the data type of its field.

    Args:
        filters: Parsed filters. An entity must match all of them.

        schema: The schema of the site.

        entity_type: The entity type that the filters apply to.

        links: Finds linked entities by name, and statuses by label. None: links are typed with their type and id, and
            statuses by code.

    Raises:
        InvalidArgumentError: The entity type has no such field, or the field cannot hold the value or has no such
            operator. The message marks the position of the mistake.

        NotFoundError: No entity has the name of a link.
    """
    return [
        _native_condition(each, schema, entity_type, links) if isinstance(each, Condition) else each for each in filters
    ]


def parse_field_value(
    text: str,
    start: int,
    field: str,
    data_type: Optional[str],
    *,
    schema: Optional[SiteSchema] = None,
    entity_type: str = "",
    links: Optional[LinkFinder] = None,
) -> Any:
    """
    Return the value in ``FIELD=VALUE``, converted to the data type of the field.

    ``None`` means no value, and ``"None"`` in quotes means that word. Several links are separated by commas. Fields
    that hold links, lists or dicts also take them as JSON.

    Args:
        text: The whole text.

        start: Index of the first character of the value.

        field: Name of the field.

        data_type: Data type of the field. None if it is not known.

        schema: The schema of the site. None: the value is not compared with it.

        entity_type: The entity type with the field.

        links: Finds linked entities by name. None: links are typed with their type and id.

    Raises:
        InvalidArgumentError: The field cannot hold the value. The message marks the position of the mistake.

        NotFoundError: No entity has the name of a link.
    """
    whole = Token(text[start:], start, len(text))

    def make_error(token: Token, message: str) -> InvalidArgumentError:
        return error_at(text, token.start, token.end, message)

    if whole.text[:1] in {"[", "{"} and data_type in JSON_TYPES:
        try:
            return json.loads(whole.text)
        except ValueError as error:
            raise make_error(
                whole, f"A value that begins with {whole.text[0]} must be valid JSON for this field: {error}."
            ) from error
    typed = TypedField(
        name=field,
        data_type=data_type,
        schema=schema,
        entity_type=entity_type,
        links=links,
        is_filter=False,
        make_error=make_error,
    )
    if data_type in ("multi_entity", "addressing"):
        value: Any = None if whole.is_none else [typed.value(part) for part in split_list(whole, text)]
    elif whole.is_none:
        value = None
    else:
        quoted = _QUOTED.fullmatch(whole.text)
        if quoted and (whole.text[1:-1].lower() in {"none", "null"} or data_type == "entity"):
            whole = Token(whole.text[1:-1], whole.start + 1, whole.end - 1, quoted=True)
        value = typed.value(whole)
    if value is not None:  # the site says which fields cannot be emptied
        typed.check(whole, value)
    return value


# --- Parsing


def _skip_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _parse_json(text: str) -> Union[List[Any], Dict[str, Any]]:
    try:
        value = json.loads(text)
    except ValueError as error:
        at = getattr(error, "pos", 0)
        raise error_at(
            text, at, at + 1, f"A filter that begins with {text.strip()[0]} must be valid JSON: {error}."
        ) from error
    if isinstance(value, dict):
        return value
    if len(value) > 2 and isinstance(value[0], str) and isinstance(value[1], str):
        return value  # type: ignore[no-any-return]
    if value and all(isinstance(each, (list, dict)) for each in value):
        return {"filter_operator": "all", "filters": value}
    message = 'A filter in JSON must be a list of field, operator and values, such as ["code", "is", "a"].'
    raise error_at(text, 0, len(text), message)


def _parse_operator(text: str, field: Token) -> Tuple[str, int]:
    found = _OPERATOR.match(text, _skip_space(text, field.end))
    if not found:
        raise error_at(text, field.end, len(text), f"An operator is missing after {field.text!r}. {_EXAMPLE}")
    symbol = found.group()
    operator = SYMBOLS.get(symbol, symbol.lower())
    spaced = _OPERATOR.match(text, _skip_space(text, found.end()))
    joined = f"{operator}_{spaced.group().lower()}" if spaced else ""
    if joined in OPERATORS and spaced and text[_skip_space(text, spaced.end()) :]:  # "is not ip"
        raise error_at(text, found.start(), spaced.end(), f"Write this operator as one word: {joined!r}.")
    if operator not in OPERATORS:
        if symbol in _UNSUPPORTED_SYMBOLS:
            hint = f" Use {_UNSUPPORTED_SYMBOLS[symbol]!r}."
        else:
            hint = did_you_mean(operator, OPERATORS) or f" The operators are {', '.join(sorted(OPERATORS))}."
        raise error_at(text, *found.span(), f"{symbol!r} is not an operator.{hint}")
    return operator, found.end()


def _parse_values(text: str, at: int, operator: str) -> List[Token]:
    """
    Return the values after an operator. Commas separate them; spaces may, if the operator takes exactly two.
    """
    takes_two = operator in _RANGE_OPERATORS + _RELATIVE_DATE_OPERATORS
    tokens: List[Token] = []
    at, wanted = _skip_space(text, at), True
    while wanted or at < len(text):
        if not wanted and not takes_two:
            message = "Expected one value here. Put text with spaces in quotes. Separate several values by commas."
            raise error_at(text, tokens[-1].start, len(text), message)
        if at == len(text) or text[at] == ",":
            before = "after the comma" if tokens else f"after {operator!r}"
            raise error_at(
                text, at, at + 1, f'A value is missing {before}. Write "" for empty text, or None for no value.'
            )
        tokens.append(_parse_value(text, at))
        at = _skip_space(text, tokens[-1].end)
        wanted = text[at : at + 1] == ","
        at = _skip_space(text, at + 1) if wanted else at
    expected = 2 if takes_two else 1
    if operator not in _LIST_OPERATORS and len(tokens) != expected:
        counted = f"{operator!r} takes {('one value', 'two values')[takes_two]}, not {len(tokens)}."
        hint = (
            " Put text with a comma in quotes. To give several values, use in or not_in."
            if not takes_two
            else _two_values_hint(operator)
        )
        raise error_at(text, tokens[min(expected, len(tokens) - 1)].start, tokens[-1].end, counted + hint)
    return tokens


def _two_values_hint(operator: str) -> str:
    if operator in _RELATIVE_DATE_OPERATORS:
        return f" Write a number and a unit, such as '{operator} 7 DAY'."
    return f" Write the first and the last value, such as '{operator} 1001,1100'."


def _parse_value(text: str, at: int) -> Token:
    if text[at] not in "\"'":
        plain = TWO_WORDS.match(text, at) or _UNQUOTED.match(text, at)
        assert plain is not None
        return Token(plain.group(), *plain.span())
    quoted = _QUOTED.match(text, at)
    if not quoted:
        raise error_at(text, at, len(text), f"This quote is not closed. End the text with {text[at]}.")
    following = text[quoted.end() : quoted.end() + 1]
    if following and following != "," and not following.isspace():
        message = f"The quoted text ended before this. Write a quote inside the text as \\{text[at]}."
        raise error_at(text, quoted.end(), len(text), message)
    inside = quoted.group(1) if quoted.group(1) is not None else quoted.group(2)
    return Token(_ESCAPE.sub(r"\1", inside), *quoted.span(), quoted=True)


# --- Values


def _native_condition(condition: Condition, schema: SiteSchema, entity_type: str, links: Optional[LinkFinder]) -> Any:
    field, operator, tokens = condition.field, condition.operator, condition.values

    def make_error(token: Token, message: str) -> InvalidArgumentError:
        return error_at(condition.source, token.start, token.end, message)

    try:
        data_type = schema.field_type(entity_type, field.text)
    except NotFoundError as error:
        raise make_error(field, f"{error} A filter typed as JSON is sent without this check.") from error
    _check_operator(condition, data_type, entity_type)
    typed = TypedField(
        name=field.text,
        data_type=data_type,
        schema=schema,
        entity_type=entity_type,
        links=links,
        make_error=make_error,
    )
    values = _values_of_operator(operator, tokens, typed)
    if values is not None:
        return [field.text, operator, *values]
    if data_type == "date_time" and operator in ("is", "is_not"):
        day = typed.bounds_of_day(tokens[0])
        if day is not None:  # a site would compare with the first moment of the day
            return _on_day(field.text, operator, *day)
    values = [typed.value(token) for token in tokens]
    for token, value in zip(tokens, values):
        typed.check(token, value)
    if data_type == "date_time" and operator in _RANGE_OPERATORS:
        values[1] = (typed.bounds_of_day(tokens[1]) or values)[1]
    return [field.text, operator, values] if operator in _LIST_OPERATORS else [field.text, operator, *values]


def _on_day(field: str, operator: str, first: str, last: str) -> Any:
    """
    Return the condition that a time is on a day, or is not, from the first and last second of the day.
    """
    if operator == "is":
        return [field, "between", first, last]
    outside = [[field, "less_than", first], [field, "greater_than", last], [field, "is", None]]
    return {"filter_operator": "any", "filters": outside}


def _values_of_operator(operator: str, tokens: Sequence[Token], typed: TypedField) -> Optional[List[Any]]:
    """
    Return the values of an operator whose values do not have the type of the field. Return None for other operators.
    """
    if operator in _RELATIVE_DATE_OPERATORS:
        return list(_relative_date(tokens, typed.make_error))
    if operator in _CALENDAR_OPERATORS:
        return [_integer(tokens[0], typed.make_error)]
    if operator in _TEXT_OPERATORS:
        return [tokens[0].text]
    if operator == "name_id":
        return [to_number(tokens[0], typed.name, typed.make_error)]
    if operator.startswith("type_"):
        typed.check_link_type(tokens[0])
        return [None if tokens[0].is_none else tokens[0].text]
    return None


def _check_operator(condition: Condition, data_type: Optional[str], entity_type: str) -> None:
    """
    Raise InvalidArgumentError if fields of a data type do not have the operator of a condition.
    """
    known = validation.OPERATORS.get(data_type or "")
    if known is None or condition.operator in known:
        return
    what = f"{entity_type}.{condition.field.text} has the type {data_type}"
    if not known:
        message = f"{what}, which filters do not support."
    else:
        hint = did_you_mean(condition.operator, known)
        message = f"{what}, which has no operator {condition.operator!r}.{hint} Its operators: {', '.join(known)}."
    after = condition.source.index(condition.field.text) + len(condition.field.text)
    found = _OPERATOR.search(condition.source, after)
    start, end = found.span() if found else (0, len(condition.source))
    raise error_at(condition.source, start, end, message)


def _integer(token: Token, make_error: MakeError) -> int:
    if not _INTEGER.fullmatch(token.text):
        raise make_error(
            token, "Expected a whole number here: 0 for the current period, -1 for the one before, 1 for the next."
        )
    return int(token.text)


def _relative_date(tokens: Sequence[Token], make_error: MakeError) -> Tuple[int, str]:
    count, unit = tokens
    if not _INTEGER.fullmatch(count.text) or int(count.text) < 1:
        raise make_error(count, "Expected a whole number of at least 1 and a unit here, such as 7 DAY.")
    name = unit.text.upper()
    name = name.removesuffix("S")
    if name not in _UNITS:
        hint = did_you_mean(name, _UNITS) or f" The units are {', '.join(_UNITS)}."
        raise make_error(unit, f"{unit.text!r} is not a unit.{hint}")
    return int(count.text), name
