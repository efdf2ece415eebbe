"""
Return the history of fields: who set them from which value to which, and when.
"""

from typing import Any, List, Mapping, Optional

from sgextended.domain.arguments import (
    PEOPLE,
    Links,
    Names,
    Order,
    Row,
    SomeLinks,
    limit_of,
    order_of,
    rows_of,
    to_link,
)
from sgextended.domain.client_kinds import Finder
from sgextended.domain.search import Query
from sgextended.http.deadline import within


def field_history(
    sg: Finder,
    entity: SomeLinks,
    field: Names = None,
    *,
    user: Links = None,
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return the changes of fields of entities from the site's event log, oldest first.

    Values that were set when an entity was created are changes from None. The log has no entries for scripts that do
    not generate events, and sites may delete old entries.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity: Links to entities.

        field: Names of fields, such as ``"sg_status_list"``. None: all fields.

        user: Links to people or scripts who made the changes.

        order: A native sort order of EventLogEntry to use instead.

        limit: Maximum number of changes; 0: all.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type`` (EventLogEntry), ``id``, ``entity``, ``field``, ``old_value``, ``new_value``,
        ``added``, ``removed``, ``user`` and ``created_at``. The values are as the event log has them: dates are text,
        links are dicts with more keys. For a list of links, ``added`` and ``removed`` are the links, and the values are
        None.
    """
    links = [to_link(each) for each in rows_of(entity)]
    most, _sorts = limit_of(limit), order_of(order)
    with within(sg, timeout):
        query = Query()
        query.links("entity", links)
        query.names("attribute_name", field)
        query.names("event_type", list(dict.fromkeys(f"Shotgun_{link['type']}_Change" for link in links)))
        query.links("user", user, *PEOPLE)
        wanted = ("entity", "attribute_name", "meta", "user", "created_at")
        rows = query.find(sg, "EventLogEntry", wanted, None, (), ["id"], order=order, limit=most)
    return [_change(row) for row in rows]


def _change(row: Row) -> Row:
    meta: Mapping[str, Any] = row["meta"] if isinstance(row["meta"], Mapping) else {}
    return {
        "type": row["type"],
        "id": row["id"],
        "entity": row["entity"],
        "field": row["attribute_name"],
        "old_value": meta.get("old_value"),
        "new_value": meta.get("new_value"),
        "added": list(meta.get("added") or ()),
        "removed": list(meta.get("removed") or ()),
        "user": row["user"],
        "created_at": row["created_at"],
    }
