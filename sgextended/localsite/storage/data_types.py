"""
The values that each data type accepts, and how they are stored and read.

A value arrives as decoded JSON. It is validated, and stored in a form that SQL can compare. When it is read, it is
converted to the form of API3.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING, Any, Optional

from sgextended.localsite.errors import DATABASE, Fault, class_name, inspect, is_finite_number
from sgextended.localsite.schema.colors import always_has_color, parse_color
from sgextended.localsite.schema.entity_types import BUILT_IN_TYPES, COMPUTED, CONTAINERS, Field
from sgextended.localsite.schema.json_values import json_text
from sgextended.localsite.storage.transaction import MOMENT, Link, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable

_HASH = (
    "Hash, ActiveSupport::HashWithIndifferentAccess, ActionDispatch::Http::Parameters, "
    "ActionDispatch::Http::ParamsHashWithIndifferentAccess"
)
LINK_CLASSES = f"{_HASH}, NilClass"
_TEXT_CLASSES = "String, NilClass"
#: The classes of values that can be written to each data type, as the site's messages list them.
CLASSES = {
    "checkbox": "String, FalseClass, TrueClass",
    "currency": "String, BigDecimal, Float, NilClass",
    "duration": "String, Integer, NilClass, Float",
    "entity": LINK_CLASSES,
    "float": "String, BigDecimal, Float, NilClass",
    "image": LINK_CLASSES,
    "jsonb": f"{_HASH}, Array, NilClass",
    "multi_entity": "Array, Hash",
    "number": "String, Integer, NilClass",
    "percent": "Integer, NilClass",
    "serializable": f"{_HASH}, Array, NilClass",
    "tag_list": "Array, NilClass",
    "timecode": "Integer, NilClass",
    "url": LINK_CLASSES,
}

PASSWORD_MASK = "*******"  # noqa: S105 - the site shows this text instead of a password

# A text field that contains JSON. Real sites return the decoded JSON and not the text.
_SETTINGS = "PageSetting.settings_json"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})"
    r"(?:T(?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?(?P<zone>Z|[+-]\d{2}:?\d{2})?)?"
)
# Longer numbers cannot be converted to a float, with which they may be compared.
_INTEGER = re.compile(r"[+-]?\d{1,300}")
# Feet and frames; a foot of 35 mm film has 16 frames.
_FOOTAGE = re.compile(r"-?\d+-(?:0?\d|1[0-5])")
_LARGEST = 2**31 - 1
# The ranges that the vendor documents: numbers of these data types are below the limit and above its negative.
_FLOAT_LIMITS = {"currency": 10.0**13, "float": 10.0**9}


def wrong_class(tx: Transaction, field: Field, value: Any, classes: Optional[str] = None) -> Fault:
    """
    Return the fault for a value of a JSON class that the field's data type does not accept.
    """
    expected = classes or CLASSES.get(field.data_type, _TEXT_CLASSES)
    return Fault(
        f"API {tx.rpc}() {field.path} expected [{expected}] data type(s) but got {class_name(value)}: {inspect(value)}"
    )


def write_failed(tx: Transaction, field: Field, reason: str) -> Fault:
    """
    Return the fault for a value that the rules of the field do not allow. The wording depends on the running request.
    """
    text = f"Update failed for [{field.path}]: {reason}"
    if tx.rpc == "create":
        return Fault(f"Invalid field value, update failed [5 - {text}]", DATABASE)
    return Fault(f"API {tx.rpc}() CRUD ERROR #5: {text}", DATABASE)


def _invalid_data(field: Field, value: Any) -> Fault:
    return Fault(f"Invalid data for '{field.data_type}' data type: {inspect(value)} [{field.path}]")


def parse_date(value: str) -> str:
    """
    Return the date as ``YYYY-MM-DD``.

    Raises:
        Fault: The text is not a date in this format.
    """
    if _DATE.fullmatch(value):
        try:
            return dt.date.fromisoformat(value).isoformat()
        except ValueError:
            pass
    raise Fault(f"Invalid date format: {value}. Correct format is: 2011-01-21")


def parse_moment(value: str) -> str:
    """
    Return the moment in UTC in the format of API3.

    A moment without a time zone is read as UTC, and a date without a time as its first second.

    Raises:
        Fault: The text is not a moment in ISO 8601.
    """
    match = _MOMENT.fullmatch(value)
    if match:
        zone = match["zone"] or "Z"
        offset = "+00:00" if zone == "Z" else f"{zone[:3]}:{zone[-2:]}"
        text = f"{match['date']}T{match['hour'] or '00'}:{match['minute'] or '00'}:{match['second'] or '00'}{offset}"
        try:
            return dt.datetime.fromisoformat(text).astimezone(dt.timezone.utc).strftime(MOMENT)
        except (OverflowError, ValueError):
            pass
    raise Fault(
        f"Invalid date time format: {value}. Correct format is 2011-01-21T13:26:09Z (UTC), "
        "2011-01-21T13:26:09-07:00 (UTC Offset) or any ISO8601 compatible string."
    )


def parse_number(tx: Transaction, field: Field, value: Any) -> Any:
    """
    Return an integer or a float, depending on the data type. Numeric text is converted to a number.

    Raises:
        Fault: The value is not a number of this data type. An integer is not a float.
    """
    data_type = field.data_type
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise wrong_class(tx, field, value)
    if data_type in {"currency", "float"}:
        return _parse_float(tx, field, value)
    if isinstance(value, str):
        if data_type in {"percent", "timecode"}:
            raise wrong_class(tx, field, value)
        if not _INTEGER.fullmatch(value.strip()):
            raise _invalid_data(field, value)
        return int(value)
    if isinstance(value, float):
        if data_type != "duration":
            raise wrong_class(tx, field, value)
        return int(value)
    return value


def _parse_float(tx: Transaction, field: Field, value: Any) -> float:
    if isinstance(value, int):
        raise wrong_class(tx, field, value)
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not is_finite_number(number):
        raise _invalid_data(field, value)
    return round(number, 6)


def parse_checkbox(tx: Transaction, field: Field, value: Any) -> int:
    """
    Return 1 for true and 0 for false. The texts ``"true"`` and ``"false"`` are accepted in any letter case.

    Raises:
        Fault: The value is neither a boolean nor one of these texts. Null is not accepted.
    """
    if isinstance(value, bool):
        return int(value)
    if not isinstance(value, str):
        raise wrong_class(tx, field, value)
    if value.lower() in {"true", "false"}:
        return int(value.lower() == "true")
    raise _invalid_data(field, value)


def parse_link(tx: Transaction, field: Field, value: Any) -> Link:
    """
    Return a link with its type and id only.

    Raises:
        Fault: The value is not a dict, its type or id is missing, or the site has no such type.
    """
    if not isinstance(value, dict):
        raise wrong_class(tx, field, value, LINK_CLASSES)
    entity_type, entity_id = value.get("type"), value.get("id")
    if not isinstance(entity_type, str) or entity_type not in tx.schema:
        valid = sorted(tx.schema.types) if field.links_to_any_type else list(field.valid_types)
        raise Fault(
            f"API {tx.rpc}() invalid/missing entity hash string 'type': {inspect(value)} "
            f"Valid entity types: {inspect(valid)}"
        )
    if tx.in_batch and isinstance(entity_id, str):
        # A caller may hope that such an id stands for a row that an earlier request of the batch creates.
        raise write_failed(tx, field, "Value is not legal.")
    if not isinstance(entity_id, int) or isinstance(entity_id, bool) or not -_LARGEST <= entity_id <= _LARGEST:
        raise Fault(f"API {tx.rpc}() invalid/missing entity hash integer 'id': {inspect(value)}")
    return {"type": entity_type, "id": entity_id}


def parse_password(tx: Transaction, field: Field, value: Any) -> str:
    """
    Return a new password.

    Raises:
        Fault: The value is not a text with at least one character.
    """
    if not isinstance(value, str) or not value:
        raise wrong_class(tx, field, value, "String")
    return value


def stored(tx: Transaction, field: Field, value: Any) -> Any:
    """
    Return the value that the field's column stores for *value*. This is not for links and files.

    Raises:
        Fault: The data type or the field does not accept the value.
    """
    if value is None:
        if field.data_type == "checkbox":
            raise wrong_class(tx, field, value)
        if always_has_color(field):
            raise write_failed(tx, field, f"Value cannot be nil for {field.path}")
        return None
    return _STORED[field.data_type](tx, field, value)


def shown(field: Field) -> Optional[Callable[[Any], Any]]:
    """
    Return the function that converts a stored value to the value in a response, or None if both are the same.
    """
    return _decoded if field.path == _SETTINGS else _SHOWN.get(field.data_type)


def _decoded(text: Optional[str]) -> Any:
    """
    Return the decoded settings of a page, which are stored as text. Text that is not JSON is returned as it is.
    """
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return text


def _text(tx: Transaction, field: Field, value: Any) -> Optional[str]:
    if not isinstance(value, str):
        raise wrong_class(tx, field, value)
    return value.strip() or None


def _footage(tx: Transaction, field: Field, value: Any) -> Optional[str]:
    text: Optional[str] = _text(tx, field, value)
    if text is not None and not _FOOTAGE.fullmatch(text):
        raise _invalid_data(field, value)
    return text


def _number(tx: Transaction, field: Field, value: Any) -> Any:
    number = parse_number(tx, field, value)
    if field.data_type in _FLOAT_LIMITS:
        fits, overflow = abs(number) < _FLOAT_LIMITS[field.data_type], "numeric field overflow"
    else:
        fits, overflow = -_LARGEST - 1 <= number <= _LARGEST, "integer out of range"
    if not fits:
        if tx.rpc == "create":
            text = f"Create failed for [{field.entity_type}]: PG::NumericValueOutOfRange: ERROR:  {overflow}"
            raise Fault(text, DATABASE)
        raise Fault(f"Update failed for [{field.path}]: Invalid statement.", DATABASE)
    return number


def _date(tx: Transaction, field: Field, value: Any) -> Optional[str]:
    if not isinstance(value, str):
        raise wrong_class(tx, field, value)
    return parse_date(value) if value else None


def _moment(tx: Transaction, field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise wrong_class(tx, field, value)
    return parse_moment(value)


def _choice(tx: Transaction, field: Field, value: Any) -> Optional[str]:
    if not isinstance(value, str):
        raise wrong_class(tx, field, value)
    valid_values = field.valid_values or ()
    if value and value not in valid_values:
        kind, kinds = ("status", "statuses") if field.data_type == "status_list" else ("list value", "list values")
        valid = ", ".join(f"'{item}'" for item in valid_values or ("",))
        raise write_failed(tx, field, f"'{value}' is not a valid {kind}. Valid {kinds}: {valid}.")
    return value or None


def _entity_type(tx: Transaction, field: Field, value: Any) -> Optional[str]:
    if not isinstance(value, str):
        raise wrong_class(tx, field, value)
    names = BUILT_IN_TYPES.union(tx.schema.types)
    if value and value not in names:
        valid = ", ".join(f"'{name}'" for name in sorted(names))
        raise write_failed(tx, field, f"'{value}' is not a valid entity type. Valid entity types: {valid}.")
    return value or None


def _color(tx: Transaction, field: Field, value: Any) -> Optional[str]:
    if not isinstance(value, str):
        raise wrong_class(tx, field, value)
    if not value:
        stored(tx, field, None)  # refuses to clear a field that always has a color
        return None
    try:
        color: str = parse_color(value, of_task=always_has_color(field))
    except ValueError as error:
        raise write_failed(tx, field, str(error)) from None
    return color


def _container(tx: Transaction, field: Field, value: Any) -> Optional[str]:
    if not isinstance(value, (dict, list)) or (field.data_type == "tag_list" and not isinstance(value, list)):
        raise wrong_class(tx, field, value)
    if field.data_type == "jsonb":
        return json_text(value)
    return json.dumps(value, ensure_ascii=False) if value else None


def _image(tx: Transaction, field: Field, value: Any) -> None:
    if not isinstance(value, dict):
        raise wrong_class(tx, field, value)
    if not isinstance(value.get("type"), str):
        raise Fault(f"API {tx.rpc}() invalid/missing entity hash string 'type': {inspect(value)}")
    raise Fault(f"Write access of the 'image' data type ({field.path}) not yet supported in API")


def _computed(tx: Transaction, field: Field, value: Any) -> None:  # noqa: ARG001 - all functions of _STORED have these
    raise Fault(f"API {tx.rpc}() of data type '{field.data_type}' not supported in API")


_STORED: dict[str, Callable[[Transaction, Field, Any], Any]] = {
    "checkbox": parse_checkbox,
    "color": _color,
    "date": _date,
    "date_time": _moment,
    "entity_type": _entity_type,
    "image": _image,
    "jsonb": _container,
    "list": _choice,
    "serializable": _container,
    "status_list": _choice,
    "tag_list": _container,
    **dict.fromkeys(("currency", "duration", "float", "number", "percent", "timecode"), _number),
    "footage": _footage,
    **dict.fromkeys(("text", "url_template", "system_task_type"), _text),
    **dict.fromkeys(COMPUTED, _computed),
}

_SHOWN: dict[str, Callable[[Any], Any]] = {
    "checkbox": bool,
    **dict.fromkeys(CONTAINERS, lambda text: None if text is None else json.loads(text)),
    "tag_list": lambda text: [] if text is None else json.loads(text),
}
