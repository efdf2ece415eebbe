"""
JSON to Python values and back, with the conversions of the official client, in one pass and in place.

The official client's own transforms are the reference: tests compare this module with them.
"""

import datetime
import functools
import json
import os
import re
import time
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

from sgextended.client.protocol.gc_pause import GCPause
from sgextended.client.protocol.unencodable_text import unencodable_text_error
from sgextended.secret import RedactedStr

LocalTime = Optional[datetime.tzinfo]

# The usual format of a time. Other formats are parsed as the official client does, which is slower.
_TIME = re.compile(r"T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)Z\Z", re.ASCII)
# The unusual formats that the official client tries to parse as a datetime.
_UNUSUAL_DATETIME = (
    r"^(\d{4})\D?(0[1-9]|1[0-2])\D?([12]\d|0[1-9]|3[01])(\D?([01]\d|2[0-3])\D?([0-5]\d)\D?([0-5]\d)?\D?(\d{3})?)?$"
)
_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
_LENGTH = 20  # of a datetime in JSON
_LAST_CHARACTERS = frozenset("Zz")  # of a datetime in JSON
_ENDS = 200  # bytes at either end of a page, which contain has_next_page
_GC_PAUSE = GCPause()


def encode(payload: Any, *, local: LocalTime) -> bytes:
    """
    Return the JSON of a request, encoded as UTF-8.

    Datetimes are converted to UTC, with a precision of a second. Naive datetimes are in the zone *local*. If *local* is
    None, datetimes are sent without conversion. A time means that time today.

    Raises:
        TypeError: JSON has no form for a value.

        ValueError: A float is NaN or infinite, which the site cannot read.

        InvalidArgumentError: A text is not valid Unicode. The message names its field.
    """

    def default(value: Any) -> str:
        if isinstance(value, datetime.datetime):
            return _format_datetime(value, local)
        if isinstance(value, datetime.date):
            return value.strftime("%Y-%m-%d")
        if isinstance(value, datetime.time):
            today = datetime.datetime.fromtimestamp(time.time())  # noqa: DTZ006 - in local time, as the official client
            at = today.replace(hour=value.hour, minute=value.minute, second=value.second)
            return _format_datetime(at, local)
        msg = f"A {type(value).__name__} cannot be sent to the site, as JSON has no form for it: {value!r:.80}"
        raise TypeError(msg)

    text = RedactedStr(json.dumps(payload, ensure_ascii=False, default=default, allow_nan=False))
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        error = unencodable_text_error(payload)
        payload, text = None, RedactedStr()  # so that a traceback with local variables does not show them
    raise error


def _format_datetime(value: datetime.datetime, local: LocalTime) -> str:
    if local is not None:
        if value.tzinfo is None:
            value = value.replace(tzinfo=local)
        value = value.astimezone(datetime.timezone.utc)
    return value.strftime(_FORMAT)


def decode(body: bytes, *, local: LocalTime) -> Any:
    """
    Return the decoded JSON of a response, with its datetime texts as datetimes.

    The datetimes are aware, in the zone *local*. If *local* is None, they are naive, in UTC.

    Raises:
        ValueError: The body is not JSON.
    """
    with _GC_PAUSE.paused(len(body)):
        return _with_datetimes(_load(body), local)


def decode_page(body: bytes, *, local: LocalTime, local_path_field: Optional[str]) -> Any:
    """
    Return the result of `decode` for a response to ``read``, with its records cleaned as by `clean_records`.

    The function is faster than these two: it searches linked entities only if there may be a datetime in them.

    Raises:
        ValueError: The body is not JSON.
    """
    with _GC_PAUSE.paused(len(body)):
        reply = _load(body)
        try:
            records = reply["results"]["entities"]
            seen = _clean_page_records(records, local, local_path_field)
        except (TypeError, KeyError):  # the response is a fault, or not from a site
            return _with_datetimes(reply, local)
        return _with_datetimes(reply, local) if _may_end_datetimes(body, seen) else reply


def has_next_page(body: bytes) -> Optional[bool]:
    """
    Return whether another page follows a response to ``read``. Return None if the ends of the body do not show it.

    The function searches only the ends of the body, without decoding it.
    """
    ends = body[-_ENDS:].replace(b" ", b"") + body[:_ENDS].replace(b" ", b"")
    if b'"has_next_page":true' in ends:
        return True
    return False if b'"has_next_page":false' in ends else None


def _may_end_datetimes(body: bytes, seen: int) -> bool:
    """
    Return whether a body may contain more than *seen* texts that end in Z or z, as datetimes do.
    """
    if b"\\" in body and (b"\\u005" in body or b"\\u007" in body):  # may be an escaped Z
        return True
    lower = body.count(b'z"')
    # Counting the letter alone is much faster, and nearly every Z is at the end of a text.
    return seen != lower + body.count(b"Z") and seen != lower + body.count(b'Z"')


def _load(body: bytes) -> Any:
    loads = _fast_loads()
    if loads is not None:
        try:
            return loads(body)
        except ValueError:
            pass  # json decodes some texts that orjson refuses, such as NaN or half a surrogate pair
    try:
        return json.loads(body)
    except RecursionError as error:
        msg = "its JSON is nested too deeply"
        raise ValueError(msg) from error


@functools.cache
def _fast_loads() -> Optional[Callable[[bytes], Any]]:
    # Imported at the first use: importing the package must not import an optional dependency.
    try:
        import orjson  # noqa: PLC0415
    except Exception:  # noqa: BLE001 - at the end of the process an import may fail in any way; json then decodes
        return None
    return orjson.loads


def _clean_page_records(records: Any, local: LocalTime, local_path_field: Optional[str]) -> int:
    """
    Convert the datetime texts among the fields of records and clean the other fields, in place.

    Returns:
        The number of texts that end in Z or z.
    """
    seen, days = 0, _day_starts(local)
    for record in records:
        if type(record) is not dict:
            continue
        for key, value in record.items():
            kind = type(value)
            if kind is str:
                if value[-1:] in _LAST_CHARACTERS:
                    seen += 1
                    if len(value) == _LENGTH:
                        record[key] = _to_datetime(value, days, local)
                if "&lt;" in value:
                    record[key] = value.replace("&lt;", "<")
            elif kind is dict and value.get("link_type") == "local":
                _fill_local_path(value, local_path_field)
    return seen


def _with_datetimes(reply: Any, local: LocalTime) -> Any:
    """
    Replace each datetime text in *reply* by a datetime, in place and at any depth. Return *reply*.
    """
    root = [reply]  # in a list, so that a bare string can be replaced like any other value
    pending: List[Any] = [root]
    days = _day_starts(local)
    while pending:
        container = pending.pop()
        items = container.items() if type(container) is dict else enumerate(container)
        for key, value in items:
            kind = type(value)
            if kind is str:
                if len(value) == _LENGTH:
                    container[key] = _to_datetime(value, days, local)
            elif kind is dict or kind is list:
                pending.append(value)
    return root[0]


class _DayStarts(Dict[str, Optional[datetime.datetime]]):
    """
    A cache: the start of each UTC day as a local datetime, by the text of the day.

    The value is None for a text that is not a day, and for a day on which the UTC offset of the zone changes. Without
    the cache, the conversion of each datetime would cost more than the rest of the decoding.
    """

    def __init__(self, local: LocalTime) -> None:
        super().__init__()
        self._local = local

    def __missing__(self, day: str) -> Optional[datetime.datetime]:
        if len(self) >= _MAX_CACHED:
            self.clear()
        self[day] = found = self._start_of(day)
        return found

    def _start_of(self, day: str) -> Optional[datetime.datetime]:
        try:
            start = datetime.datetime.fromisoformat(day)
            if start.isoformat()[:10] != day:  # newer Python versions accept other formats, too
                return None
            if self._local is None:
                return start
            end = start + datetime.timedelta(hours=23, minutes=59, seconds=59)
            shifts = {_to_local(at, self._local).replace(tzinfo=None) - at for at in (start, end)}
        except (ValueError, OverflowError):
            return None
        return start.replace(tzinfo=self._local) + shifts.pop() if len(shifts) == 1 else None


class _TimesOfDay(Dict[str, Optional[datetime.timedelta]]):
    """
    A cache: the time since midnight, by the usual text of a time, such as ``"T09:30:00Z"``; None for any other text.
    """

    def __missing__(self, text: str) -> Optional[datetime.timedelta]:
        if len(self) >= _MAX_CACHED:
            self.clear()
        match = _TIME.match(text)
        found = None
        if match:
            hours, minutes, seconds = map(int, match.groups())
            found = datetime.timedelta(hours=hours, minutes=minutes, seconds=seconds)
        self[text] = found
        return found


_MAX_CACHED = 20_000
_TIMES_OF_DAY = _TimesOfDay()


@functools.lru_cache(maxsize=8)
def _day_starts_of_zone(local: LocalTime, _zone: Tuple[Any, ...]) -> _DayStarts:
    return _DayStarts(local)


def _day_starts(local: LocalTime) -> _DayStarts:
    # A process may change its time zone while it runs, so the zone is part of the cache key.
    return _day_starts_of_zone(local, (os.environ.get("TZ"), time.timezone, time.altzone, *time.tzname))


def _to_datetime(text: str, days: _DayStarts, local: LocalTime) -> Union[str, datetime.datetime]:
    start, since = days[text[:10]], _TIMES_OF_DAY[text[10:]]
    if start is not None and since is not None:
        return start + since
    if not re.match(_UNUSUAL_DATETIME, text):
        return text
    try:
        value = datetime.datetime.strptime(text, _FORMAT)  # noqa: DTZ007 - the zone is set below
    except ValueError:
        return text
    return value if local is None else _to_local(value, local)


def _to_local(value: datetime.datetime, local: datetime.tzinfo) -> datetime.datetime:
    return value.replace(tzinfo=datetime.timezone.utc).astimezone(local)


def clean_records(records: Any, *, local_path_field: Optional[str]) -> List[Any]:
    """
    Return *records* as a list. Replace ``&lt;`` by ``<`` and set the paths of local files, in place.

    Args:
        records: The result of a call: a list of records, one record, or nothing.

        local_path_field: The key of a file's path on this platform, such as ``"local_path_linux"``.
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
            elif kind is dict and value.get("link_type") == "local":
                _fill_local_path(value, local_path_field)
    return cleaned


def _fill_local_path(file: Dict[str, Any], local_path_field: Optional[str]) -> None:
    if local_path_field in file:
        file["local_path"] = file[local_path_field]
        file["url"] = f"file://{file['local_path'] or ''}"
