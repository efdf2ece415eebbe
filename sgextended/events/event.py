"""
`Event`: one entry of the site's event log, with typed values.
"""

import datetime as dt
import re
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

from attrs import Factory, field, frozen

Row = Mapping[str, Any]
Link = Dict[str, Any]

#: The fields of an EventLogEntry that `Event.from_entry` uses.
FIELDS = (
    "event_type",
    "attribute_name",
    "meta",
    "entity",
    "user",
    "project",
    "session_uuid",
    "description",
    "created_at",
)  # fmt: skip

#: A moment as the log writes it, and as JSON does: "2026-03-01 09:30:00 UTC", "2026-03-01T09:30:00.5+01:00".
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?(?: ?(UTC|Z)| ?([+-]\d\d):?(\d\d))?", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@frozen(kw_only=True)
class Event:
    """
    One change on the site, as its event log reports it. Events with the same id are equal.

    Attributes:
        id: The id of the EventLogEntry.

        event_type: What happened, such as ``"Shotgun_Task_Change"``.

        attribute_name: The field that changed, such as ``"sg_status_list"``. None: the event is not about a field.

        entity: The link to the entity, with type, id and, if it is known, name. It is there also when the entity is
            deleted. None: the event is not about an entity.

        old_value: The value before the change: a date, a datetime, a number, a link (type, id and name), a text, or
            what the site sent. None for a list of links.

        new_value: The value after the change.

        added: The links that were added, if the field is a list of links.

        removed: The links that were removed, if the field is a list of links.

        user: The link to the person or script that made the change.

        in_create: Whether the change belongs to the creation of the entity.

        is_back_reference: Whether the event shows a change of another entity, whose link leads to this one.

        session_uuid: The UUID of the browser session that made the change, or None.

        created_at: When the change was made, by the clock of the site.

        project: The link to the project, or None.

        description: The sentence that the site shows about the event.

        late: Whether events with higher ids came before this one; see `SGExtended.events`.

        meta: The details as the site sent them.
    """

    __module__ = "sgextended"

    id: int
    event_type: Optional[str] = field(default=None, eq=False)
    attribute_name: Optional[str] = field(default=None, eq=False)
    entity: Optional[Link] = field(default=None, eq=False)
    old_value: Any = field(default=None, eq=False)
    new_value: Any = field(default=None, eq=False)
    added: Tuple[Link, ...] = field(default=(), eq=False)
    removed: Tuple[Link, ...] = field(default=(), eq=False)
    user: Optional[Link] = field(default=None, eq=False)
    in_create: bool = field(default=False, eq=False)
    is_back_reference: bool = field(default=False, eq=False)
    session_uuid: Optional[str] = field(default=None, eq=False)
    created_at: Optional[dt.datetime] = field(default=None, eq=False)
    project: Optional[Link] = field(default=None, eq=False)
    description: Optional[str] = field(default=None, eq=False)
    late: bool = field(default=False, eq=False)
    meta: Dict[str, Any] = field(default=Factory(dict), eq=False, repr=False)

    @classmethod
    def from_entry(cls, row: Row, *, late: bool = False) -> "Event":
        """
        Return the event of an EventLogEntry.

        Args:
            row: The entity, as ``find`` returns it with `FIELDS`. Fields that it lacks are None. Values of another kind
                than expected are kept as they are.

            late: Whether events with higher ids came before this one.
        """
        raw = row.get("meta")
        meta: Dict[str, Any] = dict(raw) if isinstance(raw, Mapping) else {}
        created_at = to_moment(row.get("created_at"), None)
        zone = created_at.tzinfo if isinstance(created_at, dt.datetime) else dt.timezone.utc
        name = row.get("attribute_name") or meta.get("attribute_name")
        kind = meta.get("field_data_type")
        return cls(
            id=int(row["id"]),
            event_type=row.get("event_type"),
            attribute_name=name if isinstance(name, str) else None,
            entity=_entity_of(row.get("entity"), meta),
            old_value=typed_value(meta.get("old_value"), kind, zone),
            new_value=typed_value(meta.get("new_value"), kind, zone),
            added=_links(meta.get("added")),
            removed=_links(meta.get("removed")),
            user=to_link(row.get("user")),
            in_create=meta.get("in_create") is True,
            is_back_reference="original_event_log_entry_id" in meta or "actual_attribute_changed" in meta,
            session_uuid=row.get("session_uuid"),
            created_at=created_at if isinstance(created_at, dt.datetime) else None,
            project=to_link(row.get("project")),
            description=row.get("description"),
            late=late,
            meta=meta,
        )


def _entity_of(value: Any, meta: Mapping[str, Any]) -> Optional[Link]:
    """
    Return the link to the entity of an event. The field is empty if the entity is deleted; then *meta* names it.
    """
    link = to_link(value)
    if link is None:
        link = to_link({"type": meta.get("entity_type"), "id": meta.get("entity_id"), "name": meta.get("display_name")})
    return link


def to_link(value: Any) -> Optional[Link]:
    """
    Return the type, id and name of a link; None if the value is not a link. The name is left out if it is unknown.
    """
    if not isinstance(value, Mapping) or not isinstance(value.get("type"), str) or not _is_id(value.get("id")):
        return None
    link = {"type": value["type"], "id": int(value["id"])}
    return link if value.get("name") is None else {**link, "name": value["name"]}


def _is_id(value: Any) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, str) and value.isdecimal())


def _links(values: Any) -> Tuple[Link, ...]:
    links = [to_link(each) for each in values] if isinstance(values, (list, tuple)) else []
    return tuple(link for link in links if link is not None)


# --- Values


def typed_value(value: Any, kind: Optional[str], zone: Optional[dt.tzinfo]) -> Any:
    """
    Return a value of the event log in the type of its field. A value that does not fit the type is returned as it is.

    Args:
        value: The value.

        kind: The data type of the field, such as ``"date_time"``. None: it is unknown, as for the date of a deletion.

        zone: The time zone for datetimes. None: datetimes are naive, in UTC.
    """
    if value is None:
        return None
    convert = _CONVERSIONS.get(kind)
    if kind in (None, "date_time"):
        return to_moment(value, zone)
    return value if convert is None else convert(value)


def to_moment(value: Any, zone: Optional[dt.tzinfo]) -> Any:
    """
    Return a moment as a datetime. A value that is not a moment is returned as it is.

    Args:
        value: A datetime, or its text. A text without an offset is in UTC.

        zone: The time zone of the result if *value* is a text. None: the result is in UTC, and aware.
    """
    if not isinstance(value, str):
        return value
    match = _MOMENT.fullmatch(value.strip())
    if match is None:
        return value
    day, time, fraction, _utc, hours, minutes = match.groups()
    offset = f"{hours}:{minutes}" if hours else "+00:00"
    try:
        moment = dt.datetime.fromisoformat(f"{day}T{time}.{(fraction or '0').ljust(6, '0')}{offset}")
        return moment.astimezone(zone or dt.timezone.utc)
    except (ValueError, OverflowError):
        return value


def _to_day(value: Any) -> Any:
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            return value
    return value


def _to_whole(value: Any) -> Any:
    try:
        return int(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _to_float(value: Any) -> Any:
    try:
        return float(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else value
    except (ValueError, OverflowError):
        return value


def _to_flag(value: Any) -> Any:
    return {"true": True, "false": False, "1": True, "0": False}.get(str(value).lower(), value)


def _to_link_or_value(value: Any) -> Any:
    return to_link(value) or value


_CONVERSIONS: Dict[Optional[str], Callable[[Any], Any]] = {
    "checkbox": _to_flag,
    "currency": _to_float,
    "date": _to_day,
    "duration": _to_whole,
    "entity": _to_link_or_value,
    "float": _to_float,
    "number": _to_whole,
    "percent": _to_whole,
    "timecode": _to_whole,
}
