"""
JSON to Python and back: what the official client does to every value, in one pass and in place.

The official client's own transforms are the reference; tests hold this module against them.
"""

import datetime
import functools
import json
import os
import re
import time
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

from sgextended.client.gc_pause import GCPause

LocalTime = Optional[datetime.tzinfo]

# The usual spelling of a time; anything else goes the official client's slow way.
_TIME = re.compile(r"T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)Z\Z", re.ASCII)
# What the official client tries to read as a datetime, however odd it looks.
_UNUSUAL = re.compile(
    r"^(\d{4})\D?(0[1-9]|1[0-2])\D?([12]\d|0[1-9]|3[01])(\D?([01]\d|2[0-3])\D?([0-5]\d)\D?([0-5]\d)?\D?(\d{3})?)?$"
)
_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
_LENGTH = 20  # of a datetime on the wire
_LAST = frozenset("Zz")  # with which it ends
_ENDS = 200  # bytes at either end of a page, where it says whether another one follows
_LOWER_END = re.compile(rb'z"')
_COLLECTOR = GCPause()


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


def decode(body: bytes, *, local: LocalTime) -> Any:
    """
    Return what an answer's JSON says, its datetimes as datetimes: aware in *local*, or naive UTC with *local* None.

    Raises:
        ValueError: The body is no JSON.
    """
    with _COLLECTOR.paused(len(body)):
        return _revived(_load(body), local)


def decode_page(body: bytes, *, local: LocalTime, local_path_field: Optional[str]) -> Any:
    """
    Return what `decode` returns for an answer to ``read``, its records as `clean_records` leaves them.

    It looks at the records' own values, and at what is linked to them only where there may be a datetime.

    Raises:
        ValueError: The body is no JSON.
    """
    with _COLLECTOR.paused(len(body)):
        reply = _load(body)
        try:
            records = reply["results"]["entities"]
            seen = _revive_records(records, local, local_path_field)
        except (TypeError, KeyError):  # no page but a fault, or what no site sends
            return _revived(reply, local)
        return _revived(reply, local) if _may_end_datetimes(body, seen) else reply


def has_next_page(body: bytes) -> Optional[bool]:
    """
    Tell whether an answer to ``read`` says that a page follows, as far as its ends show without reading it all.
    """
    ends = body[-_ENDS:].replace(b" ", b"") + body[:_ENDS].replace(b" ", b"")
    if b'"has_next_page":true' in ends:
        return True
    return False if b'"has_next_page":false' in ends else None


def _may_end_datetimes(body: bytes, seen: int) -> bool:
    """
    Tell whether a body may hold more than *seen* texts that end as a datetime does, in Z.
    """
    if b"\\" in body and (b"\\u005" in body or b"\\u007" in body):  # a Z may be spelt so
        return True
    lower = len(_LOWER_END.findall(body))
    # Counting one letter is much faster, and it nearly always stands at the end.
    return seen != lower + body.count(b"Z") and seen != lower + body.count(b'Z"')


def _load(body: bytes) -> Any:
    loads = _fast_loads()
    if loads is not None:
        try:
            return loads(body)
        except ValueError:
            pass  # json reads some of what orjson refuses, such as NaN or half a surrogate
    return json.loads(body)


@functools.cache
def _fast_loads() -> Optional[Callable[[bytes], Any]]:
    # Imported when it is first needed: the package itself imports no extra.
    try:
        import orjson  # noqa: PLC0415
    except Exception:  # noqa: BLE001 - at the end of the process an import may fail in any way, and json does as well
        return None
    return orjson.loads


def _revive_records(records: Any, local: LocalTime, local_path_field: Optional[str]) -> int:
    """
    Replace the datetimes that are fields of records and clean the other fields, in place.

    Returns:
        How many texts were seen that end as a datetime does.
    """
    seen, days = 0, _days(local)
    for record in records:
        if type(record) is not dict:
            continue
        for key, value in record.items():
            kind = type(value)
            if kind is str:
                if value[-1:] in _LAST:
                    seen += 1
                    if len(value) == _LENGTH:
                        record[key] = _to_datetime(value, days, local)
                if "&lt;" in value:
                    record[key] = value.replace("&lt;", "<")
            elif kind is dict and value.get("link_type") == "local":
                _fill_local_path(value, local_path_field)
    return seen


def _revived(reply: Any, local: LocalTime) -> Any:
    """
    Return *reply* with each text that is a datetime replaced, in place, at any depth.
    """
    whole = [reply]  # a list around it lets a bare string be replaced like any other value
    pending: List[Any] = [whole]
    days = _days(local)
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
    return whole[0]


class _Days(Dict[str, Optional[datetime.datetime]]):
    """
    The first moment in UTC of each day, as a local datetime; None for what is no day, or changes its distance to UTC.

    Asking the zone for each datetime costs more than all else that is done to it.
    """

    def __init__(self, local: LocalTime) -> None:
        super().__init__()
        self._local = local

    def __missing__(self, day: str) -> Optional[datetime.datetime]:
        if len(self) >= _KEPT:
            self.clear()
        self[day] = found = self._start_of(day)
        return found

    def _start_of(self, day: str) -> Optional[datetime.datetime]:
        try:
            start = datetime.datetime.fromisoformat(day)
            if start.isoformat()[:10] != day:  # newer Pythons read more spellings than one
                return None
            if self._local is None:
                return start
            end = start + datetime.timedelta(hours=23, minutes=59, seconds=59)
            shifts = {_to_local(at, self._local).replace(tzinfo=None) - at for at in (start, end)}
        except (ValueError, OverflowError):
            return None
        return start.replace(tzinfo=self._local) + shifts.pop() if len(shifts) == 1 else None


class _Times(Dict[str, Optional[datetime.timedelta]]):
    """
    How far into its day each time is, by its usual spelling, such as ``"T09:30:00Z"``; None for any other text.
    """

    def __missing__(self, text: str) -> Optional[datetime.timedelta]:
        if len(self) >= _KEPT:
            self.clear()
        match = _TIME.match(text)
        found = None
        if match:
            hours, minutes, seconds = map(int, match.groups())
            found = datetime.timedelta(hours=hours, minutes=minutes, seconds=seconds)
        self[text] = found
        return found


_KEPT = 20_000
_TIMES = _Times()


@functools.lru_cache(maxsize=8)
def _days_of(local: LocalTime, _zone: Tuple[Any, ...]) -> _Days:
    return _Days(local)


def _days(local: LocalTime) -> _Days:
    # A process may change its zone.
    return _days_of(local, (os.environ.get("TZ"), time.timezone, time.altzone, *time.tzname))


def _to_datetime(text: str, days: _Days, local: LocalTime) -> Union[str, datetime.datetime]:
    start, since = days[text[:10]], _TIMES[text[10:]]
    if start is not None and since is not None:
        return start + since
    if not _UNUSUAL.match(text):
        return text
    try:
        value = datetime.datetime.strptime(text, _FORMAT)  # noqa: DTZ007 - the zone comes below
    except ValueError:
        return text
    return value if local is None else _to_local(value, local)


def _to_local(value: datetime.datetime, local: datetime.tzinfo) -> datetime.datetime:
    return value.replace(tzinfo=datetime.timezone.utc).astimezone(local)


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
            elif kind is dict and value.get("link_type") == "local":
                _fill_local_path(value, local_path_field)
    return cleaned


def _fill_local_path(file: Dict[str, Any], local_path_field: Optional[str]) -> None:
    if local_path_field in file:
        file["local_path"] = file[local_path_field]
        file["url"] = f"file://{file['local_path'] or ''}"
