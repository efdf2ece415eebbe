"""
Filters as people type them: ``sg_status_list in ip,fin`` instead of ``["sg_status_list", "in", ["ip", "fin"]]``.

Reading a filter takes two steps. `parse` finds the field, the operator and the values, and refuses what is none before
anything is sent. `to_native` makes the values what the field holds, which only the site's schema can tell: ``0010`` is
a text in ``code`` and a number in ``sg_cut_in``. Guessing by the look of a value would send the number 10 for a shot
that is called 0010. The schema of a type costs one request.
"""

import datetime as dt
import json
import re
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

from attrs import frozen

from sgextended.errors import InvalidArgumentError, NotFoundError
from sgextended.schema.site_schema import SiteSchema, did_you_mean

_TWO = ("between", "not_between")
_SPANS = ("in_last", "not_in_last", "in_next", "not_in_next")
_CALENDAR = ("in_calendar_day", "in_calendar_week", "in_calendar_month", "in_calendar_year")
_MANY = ("in", "not_in")
_PATTERNS = (
    *("contains", "not_contains", "starts_with", "ends_with"),
    *("name_is", "name_contains", "name_not_contains", "name_starts_with", "name_ends_with"),
)
#: The operators of the site, by the documentation of the native client and the lists in the site's own messages.
OPERATORS = (
    *("is", "is_not", "greater_than", "less_than", "type_is", "type_is_not", "name_id"),
    *(_MANY + _TWO + _PATTERNS + _SPANS + _CALENDAR),
)
SYMBOLS = {"=": "is", "==": "is", "!=": "is_not", ">": "greater_than", "<": "less_than"}
_NEAREST = {">=": "greater_than", "<=": "less_than", "<>": "is_not", "~": "contains", "=~": "contains"}

_NUMBERS = frozenset({"number", "duration", "percent", "timecode", "float", "currency"})
_LINKS = frozenset({"entity", "multi_entity", "addressing"})
_JSON = _LINKS | {"tag_list", "url", "serializable", "pivot_column", "image"}
_UNITS = ("HOUR", "DAY", "WEEK", "MONTH", "YEAR")

_SPACE = re.compile(r"\s*")
_FIELD = re.compile(r"[\w.$]+")
_OPERATOR = re.compile(r"[=!<>~]+|[^\s,=!<>~'\"]+")
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPE = re.compile(r"\\([\\\"'])")
_PLAIN = re.compile(r"[^\s,]+")
_LINK = re.compile(r"([A-Z]\w*):(\d+)")
_WHOLE = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"[+-]?(\d+\.\d*|\.\d+)")
_LOOKS_WHOLE = re.compile(r"-?(0|[1-9]\d*)")  # 0010 does not

_EXAMPLE = "Write FIELD OPERATOR VALUE, such as 'sg_status_list is ip'."


@frozen
class Word:
    """
    A part of a filter, and where it stands.
    """

    text: str
    start: int
    end: int
    quoted: bool = False

    @property
    def is_none(self) -> bool:
        """
        Whether it stands for no value.
        """
        return not self.quoted and self.text.lower() in {"none", "null"}


@frozen
class Condition:
    """
    One filter as it was typed, understood but for the types of its values.
    """

    source: str
    field: Word
    operator: str
    values: Tuple[Word, ...]


#: A filter that was typed as JSON is kept as it is.
Filter = Union[Condition, List[Any], Dict[str, Any]]


def parse(text: str) -> Filter:
    """
    Return what a typed filter says: ``FIELD OPERATOR VALUE``, or a native condition or group in JSON.

    Raises:
        InvalidArgumentError: It is no filter; the message shows the place.
    """
    start = _skip(text, 0)
    if text[start : start + 1] in {"[", "{"}:
        return _parse_json(text)
    named = _FIELD.match(text, start)
    if not named:
        raise _refusal(text, start, len(text), f"A filter begins with the name of a field. {_EXAMPLE}")
    field = Word(named.group(), *named.span())
    operator, end = _parse_operator(text, field)
    values = _parse_values(text, end, operator)
    return Condition(text, field, operator, tuple(values))


def to_native(filters: Sequence[Filter], schema: SiteSchema, entity_type: str) -> List[Any]:
    """
    Return native conditions, all of which hold, with values of the types that the fields have.

    Raises:
        InvalidArgumentError: There is no such field, or it holds no such values; the message shows the place.
    """
    return [_native(each, schema, entity_type) if isinstance(each, Condition) else each for each in filters]


def to_value(text: str, start: int, field: str, data_type: Optional[str]) -> Any:
    """
    Return the value that stands in a text from *start* on, as a field of that type has it.

    None stands for no value, and ``"None"`` for that word. Several links are separated by commas. Where lists and dicts
    belong, or links, they may be written in JSON too.

    Raises:
        InvalidArgumentError: The field holds no such values; the message shows the place.
    """
    whole = Word(text[start:], start, len(text))

    def refuse(word: Word, message: str) -> InvalidArgumentError:
        return _refusal(text, word.start, word.end, message)

    if whole.text[:1] in {"[", "{"} and data_type in _JSON:
        try:
            return json.loads(whole.text)
        except ValueError as error:
            raise refuse(whole, f"A value that begins with {whole.text[0]} is JSON here: {error}.") from error
    if whole.is_none:
        return None
    if data_type == "multi_entity":
        if not whole.text:
            return []
        parts = _PLAIN.finditer(text, start)
        return [_value(Word(each.group(), *each.span()), field, data_type, refuse) for each in parts]
    quoted = _QUOTED.fullmatch(whole.text)
    if quoted and whole.text[1:-1].lower() in {"none", "null"}:
        return whole.text[1:-1]
    return _value(whole, field, data_type, refuse)


# --- Reading


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _refusal(text: str, start: int, end: int, message: str) -> InvalidArgumentError:
    shown = re.sub(r"\s", " ", text)
    return InvalidArgumentError(f"{message}\n  {shown}\n  {' ' * start}{'^' * max(1, end - start)}")


def _parse_json(text: str) -> Union[List[Any], Dict[str, Any]]:
    try:
        value = json.loads(text)
    except ValueError as error:
        at = getattr(error, "pos", 0)
        raise _refusal(text, at, at + 1, f"A filter that begins with {text.strip()[0]} is JSON: {error}.") from error
    if isinstance(value, dict):
        return value
    if len(value) > 2 and isinstance(value[0], str) and isinstance(value[1], str):
        return value  # type: ignore[no-any-return]
    if value and all(isinstance(each, (list, dict)) for each in value):
        return {"filter_operator": "all", "filters": value}
    message = 'A filter in JSON is a list of field, operator and values, such as ["code", "is", "a"].'
    raise _refusal(text, 0, len(text), message)


def _parse_operator(text: str, field: Word) -> Tuple[str, int]:
    found = _OPERATOR.match(text, _skip(text, field.end))
    if not found:
        raise _refusal(text, field.end, len(text), f"An operator is missing after {field.text!r}. {_EXAMPLE}")
    word = found.group()
    operator = SYMBOLS.get(word, word.lower())
    spaced = _OPERATOR.match(text, _skip(text, found.end()))
    joined = f"{operator}_{spaced.group().lower()}" if spaced else ""
    if joined in OPERATORS and spaced and text[_skip(text, spaced.end()) :]:  # "is not ip"
        raise _refusal(text, found.start(), spaced.end(), f"This operator is written {joined!r}, as one word.")
    if operator not in OPERATORS:
        if word in _NEAREST:
            hint = f" There is {_NEAREST[word]!r}."
        else:
            hint = did_you_mean(operator, OPERATORS) or f" There are {', '.join(sorted(OPERATORS))}."
        raise _refusal(text, *found.span(), f"{word!r} is no operator.{hint}")
    return operator, found.end()


def _parse_values(text: str, at: int, operator: str) -> List[Word]:
    """
    Return the values after an operator: separated by commas, or by spaces where exactly two belong there.
    """
    two = operator in _TWO + _SPANS
    words: List[Word] = []
    at, wanted = _skip(text, at), True
    while wanted or at < len(text):
        if not wanted and not two:
            message = "One value is expected here. Quote a text that has spaces in it; a comma stands between values."
            raise _refusal(text, words[-1].start, len(text), message)
        if at == len(text) or text[at] == ",":
            before = "after the comma" if words else f"after {operator!r}"
            raise _refusal(text, at, at + 1, f'A value is missing {before}. No text at all is "", no value is None.')
        words.append(_parse_value(text, at))
        at = _skip(text, words[-1].end)
        wanted = text[at : at + 1] == ","
        at = _skip(text, at + 1) if wanted else at
    expected = 2 if two else 1
    if operator not in _MANY and len(words) != expected:
        counted = f"{operator!r} takes {('one value', 'two values')[two]}, not {len(words)}."
        hint = " Quote a text that has a comma in it, or use in or not_in." if not two else _two_hint(operator)
        raise _refusal(text, words[min(expected, len(words) - 1)].start, words[-1].end, counted + hint)
    return words


def _two_hint(operator: str) -> str:
    if operator in _SPANS:
        return f" Write a number and a unit, such as '{operator} 7 DAY'."
    return f" Write the first and the last, such as '{operator} 1001,1100'."


def _parse_value(text: str, at: int) -> Word:
    if text[at] not in "\"'":
        plain = _PLAIN.match(text, at)
        assert plain is not None
        return Word(plain.group(), *plain.span())
    quoted = _QUOTED.match(text, at)
    if not quoted:
        raise _refusal(text, at, len(text), f"This quote is not closed: another {text[at]} must end the text.")
    following = text[quoted.end() : quoted.end() + 1]
    if following and following != "," and not following.isspace():
        message = f"The text ends before this. A quote inside a text is written \\{text[at]}."
        raise _refusal(text, quoted.end(), len(text), message)
    inside = quoted.group(1) if quoted.group(1) is not None else quoted.group(2)
    return Word(_ESCAPE.sub(r"\1", inside), *quoted.span(), quoted=True)


# --- Values


def _native(condition: Condition, schema: SiteSchema, entity_type: str) -> List[Any]:
    field, operator, words = condition.field, condition.operator, condition.values

    def refuse(word: Word, message: str) -> InvalidArgumentError:
        return _refusal(condition.source, word.start, word.end, message)

    try:
        data_type = schema.field_type(entity_type, field.text)
    except NotFoundError as error:
        raise refuse(field, f"{error} A filter typed as JSON is sent as it is.") from error
    if operator in _SPANS:
        return [field.text, operator, *_span(words, refuse)]
    if operator in _CALENDAR:
        return [field.text, operator, _whole(words[0], refuse)]
    if operator in _PATTERNS:
        return [field.text, operator, words[0].text]
    if operator == "name_id":
        return [field.text, operator, _number(words[0], field.text, refuse)]
    if operator.startswith("type_"):
        return [field.text, operator, None if words[0].is_none else words[0].text]
    values = [_value(word, field.text, data_type, refuse) for word in words]
    return [field.text, operator, values] if operator in _MANY else [field.text, operator, *values]


_Refuse = Callable[[Word, str], InvalidArgumentError]


def _value(word: Word, field: str, data_type: Optional[str], refuse: _Refuse) -> Any:
    """
    Return a value as a field of that type has it.
    """
    if word.is_none:
        return None
    if data_type is None:
        return _by_look(word)
    if data_type in _NUMBERS:
        return _number(word, field, refuse)
    if data_type in _LINKS:
        link = _LINK.fullmatch(word.text)
        if not link:
            message = (
                f"{field} is a link: write the type and the id, such as Shot:123, or find it by its name with "
                f"'{field} name_is {json.dumps(word.text, ensure_ascii=False)}'."
            )
            raise refuse(word, message)
        return {"type": link.group(1), "id": int(link.group(2))}
    if data_type == "checkbox":
        if word.text.lower() not in {"true", "false"}:
            raise refuse(word, f"{field} is a checkbox: write true or false.")
        return word.text.lower() == "true"
    if data_type == "date":
        try:
            return dt.date.fromisoformat(word.text).isoformat()
        except ValueError:
            raise refuse(word, f"{field} is a date: write year-month-day, such as 2026-12-01.") from None
    return word.text


def _by_look(word: Word) -> Any:
    """
    Return what a value looks like, for a field of which no type is known.
    """
    text = word.text
    if word.quoted:
        return text
    link = _LINK.fullmatch(text)
    if link:
        return {"type": link.group(1), "id": int(link.group(2))}
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if _LOOKS_WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def _number(word: Word, field: str, refuse: _Refuse) -> Union[int, float]:
    if _WHOLE.fullmatch(word.text):
        return int(word.text)
    if _DECIMAL.fullmatch(word.text):
        return float(word.text)
    raise refuse(word, f"{field} is a number, and {word.text!r} is none.")


def _whole(word: Word, refuse: _Refuse) -> int:
    if not _WHOLE.fullmatch(word.text):
        raise refuse(word, "A whole number is expected here: 0 is now, -1 the one before, 1 the next.")
    return int(word.text)


def _span(words: Sequence[Word], refuse: _Refuse) -> Tuple[int, str]:
    count, unit = words
    if not _WHOLE.fullmatch(count.text) or int(count.text) < 1:
        raise refuse(count, "A number of units is expected here, such as 7 DAY.")
    name = unit.text.upper()
    name = name.removesuffix("S")
    if name not in _UNITS:
        hint = did_you_mean(name, _UNITS) or f" There are {', '.join(_UNITS)}."
        raise refuse(unit, f"{unit.text!r} is no unit.{hint}")
    return int(count.text), name
