"""
The values that people type for fields, in filters and in ``FIELD=VALUE``: from text to the data type of the field.
"""

import datetime as dt
import json
import re
from typing import Any, Callable, List, Optional, Tuple, Union

from attrs import field, frozen

from sgextended.cli.syntax.date_words import EXAMPLES, Moment, parse_iso_moment, parse_moment
from sgextended.cli.syntax.link_finder import LinkFinder, is_address, link_in
from sgextended.domain.vocabulary import Choice, KnownNames
from sgextended.errors import InvalidArgumentError, NotFoundError
from sgextended.schema.field_values import Field
from sgextended.schema.site_schema import SiteSchema

NUMBER_TYPES = frozenset({"number", "duration", "percent", "timecode", "float", "currency"})
_FLOAT_TYPES = frozenset({"float", "currency"})
LINK_TYPES = frozenset({"entity", "multi_entity", "addressing"})
#: Fields of these types also take JSON.
JSON_TYPES = LINK_TYPES | {"tag_list", "url", "serializable", "pivot_column", "image"}
_CHOICE_TYPES = frozenset({"status_list", "list"})

_INTEGER = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"[+-]?(\d+\.\d*|\.\d+)")
_PLAIN_INTEGER = re.compile(r"-?(0|[1-9]\d*)")  # without leading zeros: 0010 is a name


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


MakeError = Callable[[Token, str], InvalidArgumentError]


def error_at(text: str, start: int, end: int, message: str) -> InvalidArgumentError:
    """
    Return an error whose last lines show a text and mark a part of it.
    """
    shown = re.sub(r"\s", " ", text)
    return InvalidArgumentError(f"{message}\n  {shown}\n  {' ' * start}{'^' * max(1, end - start)}")


@frozen(kw_only=True)
class TypedField:
    """
    A field for which a value is typed.

    Attributes:
        name: The name of the field, or a path such as ``entity.Shot.code``.

        data_type: Its data type. None: it is not known, and the type of a value is guessed.

        schema: The schema of the site. None: values are not compared with it.

        entity_type: The entity type with the field.

        links: Finds linked entities by name. None: a link is typed with its type and id.

        is_filter: Whether the value is for a filter, not to be written.

        make_error: Makes an error that marks a token.
    """

    name: str
    data_type: Optional[str]
    schema: Optional[SiteSchema] = None
    entity_type: str = ""
    links: Optional[LinkFinder] = None
    is_filter: bool = True
    make_error: MakeError
    now: dt.datetime = field(factory=lambda: dt.datetime.now().astimezone())

    def value(self, token: Token) -> Any:
        """
        Return the value of a token, converted to the data type of the field.

        Raises:
            InvalidArgumentError: The field cannot hold the value, or several entities have the name of a link.

            NotFoundError: No entity has the name of a link.
        """
        data_type = self.data_type
        if token.is_none:
            return None
        if data_type is None:
            return guess_value(token)
        if data_type in NUMBER_TYPES:
            number = to_number(token, self.name, self.make_error)
            # Sites refuse an integer for these fields, so 2 is sent as 2.0.
            return float(number) if data_type in _FLOAT_TYPES else number
        if data_type in LINK_TYPES:
            return self._link(token)
        if data_type == "checkbox":
            word = token.text.lower()
            if word not in {"true", "false", "yes", "no"}:
                raise self.make_error(token, f"{self.name} is a checkbox. Write true or false.")
            return word in {"true", "yes"}
        if data_type == "date":
            moment = self._moment(token)
            if moment is None:
                message = f"{self.name} is a date. Write year-month-day, or a word or an offset: {EXAMPLES}."
                raise self.make_error(token, message)
            return moment.day.isoformat()
        if data_type == "date_time":
            return self._time(token)
        return self._choice(token) if data_type in _CHOICE_TYPES else token.text

    def check_link_type(self, token: Token) -> None:
        """
        Raise InvalidArgumentError if the field does not link to the entity type that a token names.
        """
        if self.schema is None or self.data_type is None or token.is_none:
            return
        message = Field(self.schema, self.entity_type, self.name, self.data_type).link_type(token.text)
        if message:
            raise self.make_error(token, message)

    def bounds_of_day(self, token: Token) -> Optional[Tuple[str, str]]:
        """
        Return the first and the last second of a typed day, in the time zone of this machine. Return None for a time.
        """
        moment = None if token.is_none else self._moment(token)
        if moment is None or moment.time is not None:
            return None
        last = dt.datetime.combine(moment.day, dt.time(23, 59, 59)).astimezone()
        return _utc_text(moment.to_datetime()), _utc_text(last)

    def _moment(self, token: Token) -> Optional[Moment]:
        return parse_moment(token.text, self.now) or parse_iso_moment(token.text)

    def check(self, token: Token, value: Any) -> None:
        """
        Raise InvalidArgumentError if the schema says that the field cannot hold a value.
        """
        if self.schema is None or self.data_type is None:
            return
        field_of_schema = Field(self.schema, self.entity_type, self.name, self.data_type)
        message = field_of_schema.operand(value) if self.is_filter else field_of_schema.datum(value)
        if message:
            raise self.make_error(token, message)

    def _time(self, token: Token) -> Any:
        moment = self._moment(token)
        if moment is None:
            message = (
                f"{self.name} is a date and time. Write ISO 8601, a word or an offset: 2026-12-01T14:30, {EXAMPLES}."
            )
            raise self.make_error(token, message)
        has_offset = re.search(r"\d([zZ]|[+-]\d\d:?\d\d)$", token.text) and moment.time is not None
        return token.text if has_offset else _utc_text(moment.to_datetime())

    def _choice(self, token: Token) -> Any:
        if self.links is None or token.text == "":
            return token.text
        *_path, owner, name = [self.entity_type, *self.name.split(".")]
        choice = Choice(owner, name, (token.text,), is_status=self.data_type == "status_list")
        try:
            return KnownNames(self.links.sg).checked(choice).values[0]
        except InvalidArgumentError as error:
            message = str(error) if self.is_filter else str(error).replace(", so nothing can match", "")
            raise self.make_error(token, message) from error

    def _link(self, token: Token) -> Any:
        link = None if token.quoted else link_in(token.text)
        if link is not None and not is_address(token.text):
            return link
        message = f"{self.name} is a link. Write the type and the id, such as Shot:123."
        if self.is_filter:
            by_name = f"{self.name} name_is {json.dumps(token.text, ensure_ascii=False)}"
            message += f" To filter by name, write '{by_name}'."
        if self.links is None or self.schema is None:
            raise self.make_error(token, message)
        types = self.schema.valid_types(self.entity_type, self.name)
        try:
            found = self.links.find(token.text, types)
        except NotFoundError as error:
            if token.text.isdecimal() and not token.quoted:  # more likely an id than a name
                raise self.make_error(token, message) from error
            hint = f" Write the name or the type and the id, such as {(types or ['Shot'])[0]}:123."
            if self.is_filter:
                quoted = json.dumps(token.text, ensure_ascii=False)
                hint += f" For a part of the name, write '{self.name} name_contains {quoted}'."
            raise NotFoundError(f"{self.name}: {error}{hint}") from error
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"{self.name}: {error}") from error
        return {"type": found["type"], "id": found["id"]}


def _utc_text(time: dt.datetime) -> str:
    return time.astimezone(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def guess_value(token: Token) -> Any:
    """
    Return a value with its type guessed from the text, for a field whose data type is not known.
    """
    text = token.text
    if token.quoted:
        return text
    link = link_in(text)
    if link:
        return link
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if _PLAIN_INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def to_number(token: Token, name: str, make_error: MakeError) -> Union[int, float]:
    """
    Return the number that was typed for a field.
    """
    if _INTEGER.fullmatch(token.text):
        return int(token.text)
    if _DECIMAL.fullmatch(token.text):
        return float(token.text)
    raise make_error(token, f"{name} takes a number, and {token.text!r} is not a number.")


_PART = re.compile(r"\s*(?:\"([^\"]*)\"|'([^']*)'|([^,]+))\s*(?:,|$)")


def split_list(token: Token, text: str) -> List[Token]:
    """
    Return the parts of a list that is typed as one value. Commas separate them, or spaces between links.

    Args:
        token: The list.

        text: The whole typed text.
    """
    words = [Token(found.group(), *found.span()) for found in re.compile(r"[^\s,]+").finditer(text, token.start)]
    if all(link_in(word.text) for word in words):
        return words
    parts = []
    for found in _PART.finditer(text, token.start):
        group = next(number for number in (1, 2, 3) if found.group(number) is not None)
        part = found.group(group)
        stripped = part.strip() if group == 3 else part
        if stripped:
            start = found.start(group) + (len(part) - len(part.lstrip()) if group == 3 else 0)
            parts.append(Token(stripped, start, start + len(stripped), quoted=group != 3))
    return parts
