"""
The table of RPCs: the requests of the API3 protocol by name, each with the function that executes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import attrs

from sgextended.localsite.calls import activity_stream as activity
from sgextended.localsite.calls import following, page_export, preferences, schema_requests
from sgextended.localsite.calls import navigation_requests as tree
from sgextended.localsite.calls import note_threads as threads
from sgextended.localsite.calls import text_search as search
from sgextended.localsite.calls import work_schedule_requests as work_schedule
from sgextended.localsite.calls.payload import entity_type as entity_type_of
from sgextended.localsite.calls.payload import integer, mapping, names
from sgextended.localsite.errors import Fault, inspect
from sgextended.localsite.permissions.checks import (
    check_administration,
    check_create,
    check_delete,
    check_update,
    is_limited,
)
from sgextended.localsite.reading import row_reads as reading
from sgextended.localsite.reading import summaries as summarize
from sgextended.localsite.reading.row_reads import Search
from sgextended.localsite.services.sessions import start_session
from sgextended.localsite.storage.single_row_writes import is_retired
from sgextended.localsite.writing import row_writes as writing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sgextended.localsite.storage.transaction import Transaction

#: The most rows that a caller may request in one page. ``info`` has the default.
MAX_PER_PAGE = 5000
DEFAULT_PER_PAGE = 500

#: The most requests that a batch may have.
MAX_BATCH = 20_000

#: The site's description of itself, which ``info`` returns.
INFO: dict[str, Any] = {
    "version": [8, 70, 0],
    "full_version": [8, 70, 0, 0],
    "api_max_entities_per_page": DEFAULT_PER_PAGE,
    "api_max_entities_total": 10000,
    "user_authentication_method": "default",
    "unified_login_flow_enabled": False,
    "authentication_app_session_launcher_enabled": False,
}


@attrs.frozen
class Rpc:
    """
    One RPC that the site serves.

    Attributes:
        answer: The function that takes the transaction and the payload and returns the result.

        writes: Whether the RPC may change the database, so that it needs the write lock.

        open: Whether the RPC needs no credentials.
    """

    answer: Callable[[Transaction, Any], Any]
    writes: bool = False
    open: bool = False


def find_rpc(name: str) -> Rpc:
    """
    Return the RPC of that name.

    Raises:
        Fault: The protocol has no RPC of that name.
    """
    found = RPCS.get(name)
    if found is not None:
        return found
    raise Fault(f"API {name}() doesn't exist.")


def _info(tx: Transaction, payload: Any) -> dict[str, Any]:
    del payload  # this RPC has none
    return {**INFO, **tx.media.upload_info()}


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
    presets = payload.get("additional_filter_presets") or []
    if not isinstance(presets, list):
        raise Fault(f"API {tx.rpc}() 'additional_filter_presets' expected an Array of Hash but got: {inspect(presets)}")
    return_only = payload.get("return_only", "active")
    if return_only not in ("active", "retired"):
        raise Fault(f"API {tx.rpc}() 'return_only' must be one of: active, retired. Got: {inspect(return_only)}")
    return Search(
        entity_type=entity_type_of(tx, payload).name,
        filters=payload.get("filters"),
        sorts=[_sort(tx, item) for item in _items(tx, payload, "sorts")],
        retired=return_only == "retired",
        archived=payload.get("include_archived_projects") is not False,
        presets=presets,
    )


def _items(tx: Transaction, payload: Mapping[str, Any], key: str) -> list[Any]:
    value = payload.get(key) or []
    if not isinstance(value, list):
        raise Fault(f"API {tx.rpc}() '{key}' expected an Array of Hash but got: {inspect(value)}")
    return value


def _sort(tx: Transaction, item: Any) -> tuple[str, bool]:
    # "column" is an older name of "field_name", which saved pages still use.
    name = item.get("field_name", item.get("column")) if isinstance(item, dict) else None
    direction = item.get("direction", "asc") if isinstance(item, dict) else None
    if not isinstance(name, str) or direction not in ("asc", "desc"):
        raise Fault(
            f"API {tx.rpc}() invalid sort: {inspect(item)}. A sort has a field_name and a direction, asc or desc."
        )
    return name, direction == "desc"


def _paging(tx: Transaction, payload: Mapping[str, Any]) -> tuple[int, int]:
    paging = payload.get("paging") or {}
    if not isinstance(paging, dict):
        raise Fault(f"API {tx.rpc}() invalid paging: {inspect(paging)}")
    size, page = paging.get("entities_per_page", DEFAULT_PER_PAGE), paging.get("current_page", 1)
    for key, value, least in (("entities_per_page", size, -(2**31)), ("current_page", page, 1)):
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**31:
            raise Fault(f"API {tx.rpc}() invalid paging: '{key}' must be a positive Integer, got {inspect(value)}")
    if not 1 <= size <= MAX_PER_PAGE:
        limit = "greater than 0" if size < 1 else f"less than {MAX_PER_PAGE}"
        raise Fault(f"API {tx.rpc}() invalid paging: size must be {limit}, got {size}")
    return size, page


def _read(tx: Transaction, payload: Any) -> dict[str, Any]:
    payload = mapping(tx, payload)
    sought = _search(tx, payload)
    fields = names(tx, payload, "return_fields")
    size, page = _paging(tx, payload)
    # One row more than requested shows whether there is a next page, without counting all rows.
    ids = reading.find_ids(tx, sought, limit=size + 1, offset=size * (page - 1))
    info: dict[str, Any] = {"has_next_page": len(ids) > size}
    if payload.get("return_paging_info"):
        total = reading.count(tx, sought)
        info.update(current_page=page, page_count=-(-total // size), entity_count=total, entities_per_page=size)
    return {"entities": reading.show(tx, sought.entity_type, ids[:size], fields), "paging_info": info}


def _summarize(tx: Transaction, payload: Any) -> dict[str, Any]:
    payload = mapping(tx, payload)
    sought = _search(tx, payload)
    asked = []
    for key in ("summaries", "grouping"):
        items = payload.get(key) or []
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise Fault(f"API {tx.rpc}() '{key}' expected an Array of Hash but got: {inspect(items)}")
        asked.append(items)
    return summarize.summarize(tx, sought, *asked)


def _create(tx: Transaction, payload: Any) -> dict[str, Any]:
    payload = mapping(tx, payload)
    entity_type = entity_type_of(tx, payload)
    fields, returned = _fields(tx, payload), names(tx, payload, "return_fields")
    # A fault about an unknown field comes before one about permission, as on a live site.
    if all(item["field_name"] in entity_type.fields for item in fields):
        check_create(tx, entity_type.name, fields)
    return writing.create(tx, entity_type, fields, returned)


def _update(tx: Transaction, payload: Any) -> dict[str, Any]:
    payload = mapping(tx, payload)
    entity_type, entity_id, fields = entity_type_of(tx, payload), integer(tx, payload), _fields(tx, payload)
    if is_limited(tx) and is_retired(tx, entity_type.name, entity_id) is False:
        found = [entity_type.fields.get(item["field_name"]) for item in fields]
        # Unknown fields are reported first. Everybody has values of their own in personal fields.
        if None not in found:
            written = [field.name for field in found if field is not None and not field.is_personal]
            check_update(tx, entity_type.name, entity_id, written)
    return writing.update(tx, entity_type, entity_id, fields)


def _delete(tx: Transaction, payload: Any) -> bool:
    payload = mapping(tx, payload)
    entity_type, entity_id = entity_type_of(tx, payload), integer(tx, payload)
    if is_limited(tx) and is_retired(tx, entity_type.name, entity_id) is not None:
        check_delete(tx, entity_type.name, entity_id)
    return writing.delete(tx, entity_type, entity_id)


def _revive(tx: Transaction, payload: Any) -> bool:
    payload = mapping(tx, payload)
    entity_type, entity_id = entity_type_of(tx, payload), integer(tx, payload)
    if is_limited(tx) and is_retired(tx, entity_type.name, entity_id) is not None:
        check_delete(tx, entity_type.name, entity_id)
    return writing.revive(tx, entity_type, entity_id)


_BATCHED: dict[str, Callable[[Transaction, Any], Any]] = {"create": _create, "update": _update, "delete": _delete}


def _batch(tx: Transaction, payload: Any) -> list[Any]:
    if not isinstance(payload, list):
        raise Fault(f"API batch() expected an Array of requests but got: {inspect(payload)}")
    if len(payload) > MAX_BATCH:
        raise Fault(
            f"API batch() got {len(payload)} requests, but a batch has at most {MAX_BATCH}. Send several batches."
        )
    tx.in_batch = True
    results = []
    for index, request in enumerate(payload):
        # A long batch would use up the cached aliases, and making a new alias takes longer than writing a row.
        tx.reuse_aliases()
        try:
            results.append(_batched(tx, request))
        except Fault as fault:
            text = f"API batch() request with index {index} failed.  All requests rolled back.\n{fault.message}"
            raise Fault(text, fault.code) from fault
    return results


def _batched(tx: Transaction, request: Any) -> Any:
    kind = mapping(tx, request).get("request_type")
    answer: Optional[Callable[[Transaction, Any], Any]] = _BATCHED.get(kind) if isinstance(kind, str) else None
    if answer is None:
        raise Fault(f"API batch() 'request_type' must be one of: create, update, delete. Got: {inspect(kind)}")
    tx.rpc = str(kind)
    return answer(tx, request)


def _work_schedule_read(tx: Transaction, payload: Any) -> dict[str, Any]:
    return work_schedule.read_work_schedule(tx, mapping(tx, payload))


def _work_schedule_update(tx: Transaction, payload: Any) -> dict[str, Any]:
    payload = mapping(tx, payload)
    check_administration(tx)
    return work_schedule.update_work_schedule(tx, payload)


def _get_session_token(tx: Transaction, payload: Any) -> dict[str, str]:
    del payload  # this RPC has none
    actor = tx.actor
    if actor is not None and actor.type == "HumanUser":
        meta = {"type": "user_login", "entity_type": actor.type, "entity_id": actor.id}
        tx.events.log(tx, "Shotgun_User_Login", (actor.type, actor.id), meta, "logged in:")
    return {"session_id": start_session(tx)}


RPCS: Mapping[str, Rpc] = {
    "activity_stream": Rpc(activity.activity_stream),
    "batch": Rpc(_batch, writes=True),
    "create": Rpc(_create, writes=True),
    "delete": Rpc(_delete, writes=True),
    "export_page": Rpc(page_export.export_page),
    "follow": Rpc(following.follow, writes=True),
    "followers": Rpc(following.followers),
    "following": Rpc(following.following),
    "get_session_token": Rpc(_get_session_token, writes=True),
    "info": Rpc(_info, open=True),
    "nav_expand": Rpc(tree.nav_expand),
    "nav_search": Rpc(tree.nav_search),
    "note_thread_contents": Rpc(threads.note_thread_contents),
    "preferences_read": Rpc(preferences.preferences_read),
    "query_display_name_cache": Rpc(search.query_display_name_cache),
    "read": Rpc(_read),
    "revive": Rpc(_revive, writes=True),
    "schema_entity_read": Rpc(schema_requests.read_types),
    "schema_field_create": Rpc(schema_requests.create, writes=True),
    "schema_field_delete": Rpc(schema_requests.delete, writes=True),
    "schema_field_read": Rpc(schema_requests.read_fields),
    "schema_field_update": Rpc(schema_requests.update, writes=True),
    "schema_read": Rpc(schema_requests.read_all),
    "summarize": Rpc(_summarize),
    "unfollow": Rpc(following.unfollow, writes=True),
    "update": Rpc(_update, writes=True),
    "update_project_last_accessed_by_current_user": Rpc(preferences.update_project_last_accessed, writes=True),
    "user_subscriptions_create": Rpc(preferences.user_subscriptions_create, writes=True),
    "user_subscriptions_read": Rpc(preferences.user_subscriptions_read),
    "work_schedule_read": Rpc(_work_schedule_read),
    "work_schedule_update": Rpc(_work_schedule_update, writes=True),
}
