"""
The events that webhooks deliver: the rows of the event log, which of them a webhook wants, and the bodies of requests.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any, Optional

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sgextended.localsite.storage.transaction import Transaction

#: The kinds of changes that a webhook can be restricted to.
OPERATIONS = ("create", "update", "delete", "revive")

_KINDS = {"New": "create", "Change": "update", "Retirement": "delete", "Revival": "revive"}
_TYPE = re.compile(r"Shotgun_(\w+)_([A-Za-z]+)", re.ASCII)
# Changes of rows of these types are never delivered.
_SILENT = frozenset({"ApiUser", "EventLogEntry"})
_READ = (
    "SELECT id, event_type, attribute_name, entity__type, entity__id, project__id, user__type, user__id, meta, "
    'session_uuid, created_at FROM "EventLogEntry" WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id'
)


@attrs.frozen(eq=False)
class LoggedEvent:
    """
    One entry of the event log, as webhooks deliver it.

    Attributes:
        data: The entry: its ids, type, links, ``meta`` and time.

        entity_type: The type in the entry's event type; None if the event type is one of a caller.

        operation: One of `OPERATIONS`, or None.
    """

    data: dict[str, Any]
    entity_type: Optional[str]
    operation: Optional[str]


def logged_events(tx: Transaction) -> list[LoggedEvent]:
    """
    Return the entries of the event log that a transaction has written, lowest id first.
    """
    if not tx.logged:
        return []
    return [_event(row) for row in tx.connection.exec_driver_sql(_READ, (json.dumps(tx.logged),))]


def _event(row: Any) -> LoggedEvent:
    entry_id, event_type, attribute, entity_type, entity_id, project_id, user_type, user_id, meta, session, at = row
    match = _TYPE.fullmatch(event_type or "")
    operation = _KINDS.get(match.group(2)) if match else None
    data = {
        "event_log_entry_id": entry_id,
        "event_type": event_type,
        "operation": operation,
        "user": _link(user_type, user_id),
        "entity": _link(entity_type, entity_id),
        "project": _link("Project", project_id),
        "meta": None if meta is None else json.loads(meta),
        "created_at": None if at is None else at.replace("T", " ").replace("Z", ".000000"),
        "attribute_name": attribute,
        "session_uuid": session,
    }
    return LoggedEvent(data, match.group(1) if match and operation else None, operation)


def _link(entity_type: Optional[str], entity_id: Optional[int]) -> Optional[dict[str, Any]]:
    return None if entity_id is None else {"type": entity_type, "id": entity_id}


@attrs.frozen(kw_only=True)
class EventChoice:
    """
    Which events a webhook delivers.

    Attributes:
        entity_types: The types of the changed rows, each with the fields whose changes count; no field means all.
            None: all types.

        event_type: The one event type that is delivered. None: any.

        actions: The operations that are delivered.

        project_ids: The projects of the changed rows. None: any, and none.
    """

    entity_types: Optional[Mapping[str, frozenset[str]]] = None
    event_type: Optional[str] = None
    actions: frozenset[str] = frozenset(OPERATIONS)
    project_ids: Optional[frozenset[int]] = None

    def wants(self, event: LoggedEvent) -> bool:
        """
        Return whether an event is delivered.
        """
        data, kind = event.data, event.entity_type
        if kind is not None and (kind in _SILENT or kind.endswith("Connection")):
            return False
        if self.project_ids is not None and (data["project"] or {}).get("id") not in self.project_ids:
            return False
        if self.event_type is not None:
            return bool(data["event_type"] == self.event_type)
        if event.operation is not None and event.operation not in self.actions:
            return False
        if self.entity_types is None:
            return True
        if kind is None or event.operation is None:
            return False
        fields = self.entity_types.get(kind)
        return fields is not None and (not fields or event.operation != "update" or data["attribute_name"] in fields)


def to_choice(
    known_types: Iterable[str],
    entity_types: Any,
    event_type: Optional[str],
    actions: Iterable[str],
    projects: Optional[Iterable[Mapping[str, Any]]],
) -> EventChoice:
    """
    Return the choice that the options of a webhook describe.

    Raises:
        ValueError: An entity type or an action is unknown, or both types and an event type are given.
    """
    if entity_types is not None and event_type is not None:
        raise ValueError("A webhook has either entity_types or event_type, but both were given. Leave one out.")
    types: Optional[dict[str, frozenset[str]]] = None
    if entity_types is not None:
        given = entity_types if hasattr(entity_types, "items") else dict.fromkeys(_several(entity_types), ())
        types = {name: frozenset(_several(fields)) for name, fields in given.items()}
        unknown = sorted(set(types) - set(known_types))
        if unknown:
            raise ValueError(f"The site has no entity type {unknown[0]!r}. Name types of the site's schema.")
    chosen = frozenset(_several(actions))
    if not chosen or chosen - set(OPERATIONS):
        shown = ", ".join(map(repr, sorted(chosen - set(OPERATIONS)))) or "none"
        raise ValueError(f"The actions of a webhook are {', '.join(OPERATIONS)}, but {shown} was given.")
    ids = None if projects is None else frozenset(int(project["id"]) for project in projects)
    return EventChoice(entity_types=types, event_type=event_type, actions=chosen, project_ids=ids)


def _several(values: Any) -> list[Any]:
    return [values] if isinstance(values, str) else list(values or ())


# --- Bodies


def delivery_of(event: LoggedEvent, number: str) -> dict[str, Any]:
    """
    Return the delivery of an event. *number* is its id within the webhook.
    """
    return {"id": number, **event.data, "delivery_id": str(uuid.uuid4())}


def notice(event_type: str, webhook_id: str, moment: str, meta: dict[str, Any]) -> dict[str, Any]:
    """
    Return a delivery that is about the webhook itself and about no entry of the event log.
    """
    return {
        "id": "0",
        "event_log_entry_id": 0,
        "event_type": event_type,
        "operation": "update",
        "user": None,
        "entity": {"type": "Webhook", "id": webhook_id},
        "project": None,
        "meta": meta,
        "created_at": moment,
        "attribute_name": meta.get("attribute_name"),
        "session_uuid": None,
        "delivery_id": str(uuid.uuid4()),
    }


def body_of(deliveries: Sequence[dict[str, Any]], moment: str, *, is_batch: bool) -> bytes:
    """
    Return the body of a request with one delivery, or with the deliveries of a batch.
    """
    data = {"deliveries": list(deliveries)} if is_batch else deliveries[0]
    return json.dumps({"data": data, "timestamp": moment}, ensure_ascii=False).encode("utf-8", "replace")
