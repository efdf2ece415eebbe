"""
The syntax of ``--filter``: ``sg_status_list in ip,fin`` for ``["sg_status_list", "in", ["ip", "fin"]]``; and the
syntax of ``FIELD=VALUE``.

A filter is converted in two steps. `parse_filter` finds the field, the operator and the values, and raises an error for
a text that is not a filter before any request is sent. `to_native_filters` converts each value to the data type of its
field, which only the site's schema has: ``0010`` is text in ``code`` and a number in ``sg_cut_in``. A guess from the
digits alone would send the number 10 for a shot that is named 0010. The schema of an entity type costs one request.
"""

import datetime as dt
import json
import re
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

from attrs import frozen

from sgextended.errors import InvalidArgumentError, NotFoundError
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

_NUMBER_TYPES = frozenset({"number", "duration", "percent", "timecode", "float", "currency"})
_FLOAT_TYPES = frozenset({"float", "currency"})
_LINK_TYPES = frozenset({"entity", "multi_entity", "addressing"})
_JSON_TYPES = _LINK_TYPES | {"tag_list", "url", "serializable", "pivot_column", "image"}
_UNITS = ("HOUR", "DAY", "WEEK", "MONTH", "YEAR")

_SPACE = re.compile(r"\s*")
_FIELD = re.compile(r"[\w.$]+")
_OPERATOR = re.compile(r"[=!<>~]+|[^\s,=!<>~'\"]+")
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPE = re.compile(r"\\([\\\"'])")
_UNQUOTED = re.compile(r"[^\s,]+")
_LINK = re.compile(r"([A-Z]\w*):(\d+)")
_INTEGER = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"[+-]?(\d+\.\d*|\.\d+)")
_PLAIN_INTEGER = re.compile(r"-?(0|[1-9]\d*)")  # without leading zeros: 0010 is a name

_EXAMPLE = "Write FIELD OPERATOR VALUE, such as 'sg_status_list is ip'."


@frozen
class Token:
    """
    A field name or a value in a typed text, with its position. *end* is the index after its last character.
    """

    text: str
    start: int
    end: int
    quoted: bool = False

    @property
    def is_none(self) -> bool:
        """
        Whether the token means no value: an unquoted None or null.
        """
        return not self.quoted and self.text.lower() in {"none", "null"}


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
        raise _error_at(text, start, len(text), f"A filter must begin with a field name. {_EXAMPLE}")
    field = Token(named.group(), *named.span())
    operator, end = _parse_operator(text, field)
    values = _parse_values(text, end, operator)
    return Condition(text, field, operator, tuple(values))


def to_native_filters(filters: Sequence[Filter], schema: SiteSchema, entity_type: str) -> List[Any]:
    """
    Return the filters as native conditions, each value converted to the data type of its field.

    Args:
        filters: Parsed filters. An entity must match all of them.

        schema: The schema of the site.

        entity_type: The entity type that the filters apply to.

    Raises:
        InvalidArgumentError: The entity type has no such field, or the field cannot hold the value. The message marks
            the position of the mistake.
    """
    return [_native_condition(each, schema, entity_type) if isinstance(each, Condition) else each for each in filters]


def parse_field_value(text: str, start: int, field: str, data_type: Optional[str]) -> Any:
    """
    Return the value in ``FIELD=VALUE``, converted to the data type of the field.

    ``None`` means no value, and ``"None"`` in quotes means that word. Several links are separated by commas. Fields
    that hold links, lists or dicts also take them as JSON.

    Args:
        text: The whole text.

        start: Index of the first character of the value.

        field: Name of the field.

        data_type: Data type of the field. None if it is not known.

    Raises:
        InvalidArgumentError: The field cannot hold the value. The message marks the position of the mistake.
    """
    whole = Token(text[start:], start, len(text))

    def error_at(token: Token, message: str) -> InvalidArgumentError:
        return _error_at(text, token.start, token.end, message)

    if whole.text[:1] in {"[", "{"} and data_type in _JSON_TYPES:
        try:
            return json.loads(whole.text)
        except ValueError as error:
            raise error_at(
                whole, f"A value that begins with {whole.text[0]} must be valid JSON for this field: {error}."
            ) from error
    if whole.is_none:
        return None
    if data_type == "multi_entity":
        if not whole.text:
            return []
        parts = _UNQUOTED.finditer(text, start)
        return [_value(Token(each.group(), *each.span()), field, data_type, error_at) for each in parts]
    quoted = _QUOTED.fullmatch(whole.text)
    if quoted and whole.text[1:-1].lower() in {"none", "null"}:
        return whole.text[1:-1]
    return _value(whole, field, data_type, error_at)


# --- Parsing


def _skip_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _error_at(text: str, start: int, end: int, message: str) -> InvalidArgumentError:
    shown = re.sub(r"\s", " ", text)
    return InvalidArgumentError(f"{message}\n  {shown}\n  {' ' * start}{'^' * max(1, end - start)}")


def _parse_json(text: str) -> Union[List[Any], Dict[str, Any]]:
    try:
        value = json.loads(text)
    except ValueError as error:
        at = getattr(error, "pos", 0)
        raise _error_at(
            text, at, at + 1, f"A filter that begins with {text.strip()[0]} must be valid JSON: {error}."
        ) from error
    if isinstance(value, dict):
        return value
    if len(value) > 2 and isinstance(value[0], str) and isinstance(value[1], str):
        return value  # type: ignore[no-any-return]
    if value and all(isinstance(each, (list, dict)) for each in value):
        return {"filter_operator": "all", "filters": value}
    message = 'A filter in JSON must be a list of field, operator and values, such as ["code", "is", "a"].'
    raise _error_at(text, 0, len(text), message)


def _parse_operator(text: str, field: Token) -> Tuple[str, int]:
    found = _OPERATOR.match(text, _skip_space(text, field.end))
    if not found:
        raise _error_at(text, field.end, len(text), f"An operator is missing after {field.text!r}. {_EXAMPLE}")
    symbol = found.group()
    operator = SYMBOLS.get(symbol, symbol.lower())
    spaced = _OPERATOR.match(text, _skip_space(text, found.end()))
    joined = f"{operator}_{spaced.group().lower()}" if spaced else ""
    if joined in OPERATORS and spaced and text[_skip_space(text, spaced.end()) :]:  # "is not ip"
        raise _error_at(text, found.start(), spaced.end(), f"Write this operator as one word: {joined!r}.")
    if operator not in OPERATORS:
        if symbol in _UNSUPPORTED_SYMBOLS:
            hint = f" Use {_UNSUPPORTED_SYMBOLS[symbol]!r}."
        else:
            hint = did_you_mean(operator, OPERATORS) or f" The operators are {', '.join(sorted(OPERATORS))}."
        raise _error_at(text, *found.span(), f"{symbol!r} is not an operator.{hint}")
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
            raise _error_at(text, tokens[-1].start, len(text), message)
        if at == len(text) or text[at] == ",":
            before = "after the comma" if tokens else f"after {operator!r}"
            raise _error_at(
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
        raise _error_at(text, tokens[min(expected, len(tokens) - 1)].start, tokens[-1].end, counted + hint)
    return tokens


def _two_values_hint(operator: str) -> str:
    if operator in _RELATIVE_DATE_OPERATORS:
        return f" Write a number and a unit, such as '{operator} 7 DAY'."
    return f" Write the first and the last value, such as '{operator} 1001,1100'."


def _parse_value(text: str, at: int) -> Token:
    if text[at] not in "\"'":
        plain = _UNQUOTED.match(text, at)
        assert plain is not None
        return Token(plain.group(), *plain.span())
    quoted = _QUOTED.match(text, at)
    if not quoted:
        raise _error_at(text, at, len(text), f"This quote is not closed. End the text with {text[at]}.")
    following = text[quoted.end() : quoted.end() + 1]
    if following and following != "," and not following.isspace():
        message = f"The quoted text ended before this. Write a quote inside the text as \\{text[at]}."
        raise _error_at(text, quoted.end(), len(text), message)
    inside = quoted.group(1) if quoted.group(1) is not None else quoted.group(2)
    return Token(_ESCAPE.sub(r"\1", inside), *quoted.span(), quoted=True)


# --- Values


def _native_condition(condition: Condition, schema: SiteSchema, entity_type: str) -> List[Any]:
    field, operator, tokens = condition.field, condition.operator, condition.values

    def error_at(token: Token, message: str) -> InvalidArgumentError:
        return _error_at(condition.source, token.start, token.end, message)

    try:
        data_type = schema.field_type(entity_type, field.text)
    except NotFoundError as error:
        raise error_at(field, f"{error} A filter typed as JSON is sent without this check.") from error
    if operator in _RELATIVE_DATE_OPERATORS:
        return [field.text, operator, *_relative_date(tokens, error_at)]
    if operator in _CALENDAR_OPERATORS:
        return [field.text, operator, _integer(tokens[0], error_at)]
    if operator in _TEXT_OPERATORS:
        return [field.text, operator, tokens[0].text]
    if operator == "name_id":
        return [field.text, operator, _number(tokens[0], field.text, error_at)]
    if operator.startswith("type_"):
        return [field.text, operator, None if tokens[0].is_none else tokens[0].text]
    values = [_value(token, field.text, data_type, error_at) for token in tokens]
    return [field.text, operator, values] if operator in _LIST_OPERATORS else [field.text, operator, *values]


_MakeError = Callable[[Token, str], InvalidArgumentError]


def _value(token: Token, field: str, data_type: Optional[str], error_at: _MakeError) -> Any:
    """
    Return the value of a token, converted to the data type of the field.
    """
    if token.is_none:
        return None
    if data_type is None:
        return _guess_value(token)
    if data_type in _NUMBER_TYPES:
        number = _number(token, field, error_at)
        # Sites refuse an integer for these fields, so 2 is sent as 2.0.
        return float(number) if data_type in _FLOAT_TYPES else number
    if data_type in _LINK_TYPES:
        link = _LINK.fullmatch(token.text)
        if not link:
            message = (
                f"{field} is a link. Write the type and the id, such as Shot:123. To filter by name, write "
                f"'{field} name_is {json.dumps(token.text, ensure_ascii=False)}'."
            )
            raise error_at(token, message)
        return {"type": link.group(1), "id": int(link.group(2))}
    if data_type == "checkbox":
        if token.text.lower() not in {"true", "false"}:
            raise error_at(token, f"{field} is a checkbox. Write true or false.")
        return token.text.lower() == "true"
    if data_type == "date":
        try:
            return dt.date.fromisoformat(token.text).isoformat()
        except ValueError:
            raise error_at(token, f"{field} is a date. Write year-month-day, such as 2026-12-01.") from None
    return token.text


def _guess_value(token: Token) -> Any:
    """
    Return a value with its type guessed from the text, for a field whose data type is not known.
    """
    text = token.text
    if token.quoted:
        return text
    link = _LINK.fullmatch(text)
    if link:
        return {"type": link.group(1), "id": int(link.group(2))}
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if _PLAIN_INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def _number(token: Token, field: str, error_at: _MakeError) -> Union[int, float]:
    if _INTEGER.fullmatch(token.text):
        return int(token.text)
    if _DECIMAL.fullmatch(token.text):
        return float(token.text)
    raise error_at(token, f"{field} takes a number, and {token.text!r} is not a number.")


def _integer(token: Token, error_at: _MakeError) -> int:
    if not _INTEGER.fullmatch(token.text):
        raise error_at(
            token, "Expected a whole number here: 0 for the current period, -1 for the one before, 1 for the next."
        )
    return int(token.text)


def _relative_date(tokens: Sequence[Token], error_at: _MakeError) -> Tuple[int, str]:
    count, unit = tokens
    if not _INTEGER.fullmatch(count.text) or int(count.text) < 1:
        raise error_at(count, "Expected a whole number of at least 1 and a unit here, such as 7 DAY.")
    name = unit.text.upper()
    name = name.removesuffix("S")
    if name not in _UNITS:
        hint = did_you_mean(name, _UNITS) or f" The units are {', '.join(_UNITS)}."
        raise error_at(unit, f"{unit.text!r} is not a unit.{hint}")
    return int(count.text), name
