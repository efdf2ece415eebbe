"""
JSON to Python and back: what the official client does to every value, in one pass and in place.

The official client's own transforms are the reference; tests hold this module against them.
"""

import datetime
import json
import re
import time
from typing import Any, Dict, List, Optional, Union

LocalTime = Optional[datetime.tzinfo]

# What nearly every datetime on the wire looks like; anything else of 20 characters goes the official client's way.
_USUAL = re.compile(r"(\d{4})-(0[1-9]|1[0-2])-([12]\d|0[1-9]|3[01])T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)Z\Z", re.ASCII)
_UNUSUAL = re.compile(
    r"^(\d{4})\D?(0[1-9]|1[0-2])\D?([12]\d|0[1-9]|3[01])(\D?([01]\d|2[0-3])\D?([0-5]\d)\D?([0-5]\d)?\D?(\d{3})?)?$"
)
_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
_LENGTH = 20  # of a datetime on the wire


def encode(payload: Any, *, local: LocalTime) -> bytes:
    """
    Return the JSON of a request, UTF-8.

    Datetimes are sent as UTC to the second, naive ones taken as *local*; with *local* None they are sent as they
    stand. A time means today at that time.

    Raises:
        TypeError: A value is nothing that JSON can carry.

        ValueError: A float is not a number or infinite, which the site cannot read.
    """

    def default(value: Any) -> str:
        if isinstance(value, datetime.datetime):
            return _stamp(value, local)
        if isinstance(value, datetime.date):
            return value.strftime("%Y-%m-%d")
        if isinstance(value, datetime.time):
            today = datetime.datetime.fromtimestamp(time.time())  # noqa: DTZ006 - local time is what is meant
            at = today.replace(hour=value.hour, minute=value.minute, second=value.second)
            return _stamp(at, local)
        msg = f"A {type(value).__name__} cannot be sent to the site: {value!r:.80}"
        raise TypeError(msg)

    return json.dumps(payload, ensure_ascii=False, default=default, allow_nan=False).encode("utf-8")


def _stamp(value: datetime.datetime, local: LocalTime) -> str:
    if local is not None:
        if value.tzinfo is None:
            value = value.replace(tzinfo=local)
        value = value.astimezone(datetime.timezone.utc)
    return value.strftime(_FORMAT)


def decode(body: Union[bytes, str], *, local: LocalTime) -> Any:
    """
    Return what an answer's JSON says, its datetimes as datetimes: aware in *local*, or naive UTC with *local* None.

    Raises:
        ValueError: The body is no JSON.
    """
    # A list around it lets a bare string be replaced like any other value.
    whole = [json.loads(body)]
    _revive(whole, local)
    return whole[0]


def _revive(data: Union[Dict[str, Any], List[Any]], local: LocalTime) -> None:
    """
    Replace each text that is a datetime, in place, at any depth.
    """
    pending: List[Any] = [data]
    while pending:
        container = pending.pop()
        items = container.items() if type(container) is dict else enumerate(container)
        for key, value in items:
            kind = type(value)
            if kind is str:
                if len(value) == _LENGTH:
                    container[key] = _to_datetime(value, local)
            elif kind is dict or kind is list:
                pending.append(value)


def _to_datetime(text: str, local: LocalTime) -> Union[str, datetime.datetime]:
    usual = _USUAL.match(text)
    try:
        if usual:
            value = datetime.datetime(*map(int, usual.groups()))  # type: ignore[arg-type]  # noqa: DTZ001
        elif _UNUSUAL.match(text):
            value = datetime.datetime.strptime(text, _FORMAT)  # noqa: DTZ007 - the zone comes below
        else:
            return text
    except ValueError:
        return text
    return value if local is None else value.replace(tzinfo=datetime.timezone.utc).astimezone(local)


def clean_records(records: Any, *, local_path_field: Optional[str]) -> List[Any]:
    """
    Return *records* as a list, with ``&lt;`` read as ``<`` and the paths of local files filled in, in place.

    Args:
        records: What a call returned: a list of records, one record, or nothing.

        local_path_field: Key of a file's path on this platform, such as ``"local_path_linux"``.
    """
    if not records:
        return []
    if not isinstance(records, (list, tuple)):
        records = [records]
    cleaned: List[Any] = list(records)
    for record in cleaned:
        if type(record) is not dict:
            continue
        for key, value in record.items():
            kind = type(value)
            if kind is str:
                if "&lt;" in value:
                    record[key] = value.replace("&lt;", "<")
            elif kind is dict and value.get("link_type") == "local" and local_path_field in value:
                value["local_path"] = value[local_path_field]
                value["url"] = f"file://{value['local_path'] or ''}"
    return cleaned
