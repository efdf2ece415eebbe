"""
The requests of the API3 protocol by name, each a function from payload to result (protocol 2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import attrs

from sgextended.localsite import description, reading, summarize, writing
from sgextended.localsite.auth import start_session
from sgextended.localsite.errors import Fault, inspect
from sgextended.localsite.reading import Search

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sgextended.localsite.schema import EntityType
    from sgextended.localsite.transaction import Transaction

#: Rows that one page may hold at most; the default is in ``info``.
MAX_PER_PAGE = 5000
DEFAULT_PER_PAGE = 500

#: What the site says of itself (protocol 1.7).
INFO = {
    "version": [8, 70, 0],
    "full_version": [8, 70, 0, 0],
    "api_max_entities_per_page": DEFAULT_PER_PAGE,
    "api_max_entities_total": 10000,
    "user_authentication_method": "default",
    "unified_login_flow_enabled": False,
    "authentication_app_session_launcher_enabled": False,
    "s3_uploads_enabled": False,
    "s3_direct_uploads_enabled": False,
    "s3_enabled_upload_types": {},
}

#: Names that the protocol has and this site does not serve yet.
NOT_SERVED = frozenset(
    {
        *("activity_stream", "export_page", "follow", "followers", "following", "nav_expand", "nav_search"),
        *("note_thread_contents", "preferences_read", "query_display_name_cache"),
        *("schema_field_create", "schema_field_delete", "schema_field_update", "unfollow"),
        *("update_project_last_accessed_by_current_user", "user_subscriptions_create", "user_subscriptions_read"),
        *("work_schedule_read", "work_schedule_update"),
    }
)


@attrs.frozen
class Rpc:
    """
    One request that the site serves.

    Attributes:
        answer: Takes the transaction and the payload, returns the result.

        writes: Whether it may change the database, so that it takes the writer's turn.

        open: Whether it is answered without credentials.
    """

    answer: Callable[[Transaction, Any], Any]
    writes: bool = False
    open: bool = False


def find_rpc(name: str) -> Rpc:
    """
    Return the request of that name.

    Raises:
        Fault: The protocol has no such request, or this site does not serve it yet.
    """
    found = RPCS.get(name)
    if found is not None:
        return found
    if name in NOT_SERVED:
        raise Fault(f"API {name}() is not served by this local site yet.")
    raise Fault(f"API {name}() doesn't exist.")


def _info(tx: Transaction, payload: Any) -> dict[str, Any]:
    del tx, payload  # the same for everyone
    return INFO


def _mapping(tx: Transaction, payload: Any) -> Mapping[str, Any]:
    if not isinstance(payload, dict):
        raise Fault(f"API {tx.rpc}() expected a Hash of parameters but got: {inspect(payload)}")
    return payload


def _entity_type(tx: Transaction, payload: Mapping[str, Any]) -> EntityType:
    name = payload.get("type")
    if not isinstance(name, str) or name not in tx.schema:
        raise Fault(
            f"API {tx.rpc}() invalid/missing string entity 'type': \n{inspect(name)} is not an entity type of this "
            f"site. Valid entity types: {inspect(sorted(tx.schema.types))}"
        )
    return tx.schema[name]


def _id(tx: Transaction, payload: Mapping[str, Any]) -> int:
    value = payload.get("id")
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise Fault(f"API {tx.rpc}() invalid/missing integer 'id': {inspect(value)}")
    return value


def _names(tx: Transaction, payload: Mapping[str, Any], key: str) -> list[str]:
    value = payload.get(key) or []
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise Fault(f"API {tx.rpc}() '{key}' expected an Array of String but got: {inspect(value)}")
    return value


def _fields(tx: Transaction, payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    value = payload.get("fields") or []
    mode = payload.get("multi_entity_update_mode")
    fields = []
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, dict) or not isinstance(item.get("field_name"), str):
            raise Fault(f"API {tx.rpc}() invalid/missing 'field_name' in fields: {inspect(item)}")
        fields.append({"multi_entity_update_mode": mode, **item} if mode else item)
    return fields


def _search(tx: Transaction, payload: Mapping[str, Any]) -> Search:
    presets = payload.get("additional_filter_presets")
    if presets:
        raise Fault(f"API {tx.rpc}() Filter presets are not served by this local site yet: {inspect(presets)}")
    return_only = payload.get("return_only", "active")
    if return_only not in ("active", "retired"):
        raise Fault(f"API {tx.rpc}() 'return_only' must be one of: active, retired. Got: {inspect(return_only)}")
    return Search(
        entity_type=_entity_type(tx, payload).name,
        filters=payload.get("filters"),
        sorts=[_sort(tx, item) for item in payload.get("sorts") or []],
        retired=return_only == "retired",
        archived=payload.get("include_archived_projects") is not False,
    )


def _sort(tx: Transaction, item: Any) -> tuple[str, bool]:
    # "column" is an older spelling, which saved pages still use.
    name = item.get("field_name", item.get("column")) if isinstance(item, dict) else None
    direction = item.get("direction", "asc") if isinstance(item, dict) else None
    if not isinstance(name, str) or direction not in ("asc", "desc"):
        raise Fault(
            f"API {tx.rpc}() invalid sort: {inspect(item)}. A sort has a field_name and a direction, asc or desc."
        )
    return name, direction == "desc"


def _paging(tx: Transaction, payload: Mapping[str, Any]) -> tuple[int, int]:
    paging = payload.get("paging") or {}
    size, page = paging.get("entities_per_page", DEFAULT_PER_PAGE), paging.get("current_page", 1)
    for key, value in (("entities_per_page", size), ("current_page", page)):
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < 2**31:
            raise Fault(f"API {tx.rpc}() invalid paging: '{key}' must be a positive Integer, got {inspect(value)}")
    if size > MAX_PER_PAGE:
        raise Fault(f"API {tx.rpc}() invalid paging: size must be less than {MAX_PER_PAGE}, got {size}")
    return size, page


def _read(tx: Transaction, payload: Any) -> dict[str, Any]:
    payload = _mapping(tx, payload)
    search = _search(tx, payload)
    fields = _names(tx, payload, "return_fields")
    size, page = _paging(tx, payload)
    # One more than asked for tells whether there is a next page, without counting all rows.
    ids = reading.find_ids(tx, search, limit=size + 1, offset=size * (page - 1))
    info: dict[str, Any] = {"has_next_page": len(ids) > size}
    if payload.get("return_paging_info"):
        total = reading.count(tx, search)
        info.update(current_page=page, page_count=-(-total // size), entity_count=total, entities_per_page=size)
    return {"entities": reading.show(tx, search.entity_type, ids[:size], fields), "paging_info": info}


def _summarize(tx: Transaction, payload: Any) -> dict[str, Any]:
    payload = _mapping(tx, payload)
    search = _search(tx, payload)
    asked = []
    for key in ("summaries", "grouping"):
        items = payload.get(key) or []
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise Fault(f"API {tx.rpc}() '{key}' expected an Array of Hash but got: {inspect(items)}")
        asked.append(items)
    return summarize.summarize(tx, search, *asked)


def _create(tx: Transaction, payload: Any) -> dict[str, Any]:
    payload = _mapping(tx, payload)
    entity_type = _entity_type(tx, payload)
    return writing.create(tx, entity_type, _fields(tx, payload), _names(tx, payload, "return_fields"))


def _update(tx: Transaction, payload: Any) -> dict[str, Any]:
    payload = _mapping(tx, payload)
    return writing.update(tx, _entity_type(tx, payload), _id(tx, payload), _fields(tx, payload))


def _delete(tx: Transaction, payload: Any) -> bool:
    payload = _mapping(tx, payload)
    return writing.delete(tx, _entity_type(tx, payload), _id(tx, payload))


def _revive(tx: Transaction, payload: Any) -> bool:
    payload = _mapping(tx, payload)
    return writing.revive(tx, _entity_type(tx, payload), _id(tx, payload))


_BATCHED: dict[str, Callable[[Transaction, Any], Any]] = {"create": _create, "update": _update, "delete": _delete}


def _batch(tx: Transaction, payload: Any) -> list[Any]:
    if not isinstance(payload, list):
        raise Fault(f"API batch() expected an Array of requests but got: {inspect(payload)}")
    tx.in_batch = True
    results = []
    for request in payload:
        kind = _mapping(tx, request).get("request_type")
        answer: Optional[Callable[[Transaction, Any], Any]] = _BATCHED.get(kind) if isinstance(kind, str) else None
        if answer is None:
            raise Fault(f"API batch() 'request_type' must be one of: create, update, delete. Got: {inspect(kind)}")
        tx.rpc = str(kind)
        results.append(answer(tx, request))
    return results


def _get_session_token(tx: Transaction, payload: Any) -> dict[str, str]:
    del payload  # there is none
    return {"session_id": start_session(tx)}


def _schema_entity_read(tx: Transaction, payload: Any) -> dict[str, Any]:
    del payload  # a project would only say which types it hides, and none hides any yet
    return description.entity_types(tx.schema)


def _schema_read(tx: Transaction, payload: Any) -> dict[str, Any]:
    del payload  # as above
    return {name: description.fields(facts) for name, facts in tx.schema.types.items()}


def _schema_field_read(tx: Transaction, payload: Any) -> dict[str, Any]:
    payload = _mapping(tx, payload)
    entity_type = _entity_type(tx, payload)
    name = payload.get("field_name")
    found = description.fields(entity_type)
    if name is None:
        return found
    if name not in found:
        raise Fault(f"API {tx.rpc}() {entity_type.name}.{name} doesn't exist.")
    return {name: found[name]}


RPCS: Mapping[str, Rpc] = {
    "batch": Rpc(_batch, writes=True),
    "create": Rpc(_create, writes=True),
    "delete": Rpc(_delete, writes=True),
    "get_session_token": Rpc(_get_session_token, writes=True),
    "info": Rpc(_info, open=True),
    "read": Rpc(_read),
    "revive": Rpc(_revive, writes=True),
    "schema_entity_read": Rpc(_schema_entity_read),
    "schema_field_read": Rpc(_schema_field_read),
    "schema_read": Rpc(_schema_read),
    "summarize": Rpc(_summarize),
    "update": Rpc(_update, writes=True),
}
