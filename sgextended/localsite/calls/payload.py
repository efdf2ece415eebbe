"""
Reading the payload of an RPC: each function validates and returns one part, or raises a fault with the site's text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from sgextended.localsite.errors import DATABASE, Fault, inspect
from sgextended.localsite.storage.single_row_writes import is_retired

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sgextended.localsite.schema.entity_types import EntityType
    from sgextended.localsite.storage.transaction import Link, Transaction


def mapping(tx: Transaction, payload: Any) -> Mapping[str, Any]:
    """
    Return the payload if it is a JSON object.
    """
    if not isinstance(payload, dict):
        raise Fault(f"API {tx.rpc}() expected a Hash of parameters but got: {inspect(payload)}")
    return payload


def entity_type(tx: Transaction, payload: Mapping[str, Any], key: str = "type") -> EntityType:
    """
    Return the entity type whose name the payload has under *key*.
    """
    name = payload.get(key)
    if not isinstance(name, str) or name not in tx.schema:
        raise Fault(
            f"API {tx.rpc}() invalid/missing string entity '{key}': \n{inspect(name)} is not an entity type of this "
            f"site. Valid entity types: {inspect(sorted(tx.schema.types))}"
        )
    return tx.schema[name]


def integer(tx: Transaction, payload: Mapping[str, Any], key: str = "id") -> int:
    """
    Return a whole number that can be the id of a row.
    """
    value = payload.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise Fault(f"API {tx.rpc}() invalid/missing integer '{key}': {inspect(value)}")
    return value


def optional_integer(tx: Transaction, payload: Mapping[str, Any], key: str) -> Optional[int]:
    """
    Return a whole number, or None if the payload has none.
    """
    return None if payload.get(key) is None else integer(tx, payload, key)


def names(tx: Transaction, payload: Mapping[str, Any], key: str) -> list[str]:
    """
    Return a list of names. A single name is returned as a list of one.
    """
    value = payload.get(key) or []
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise Fault(f"API {tx.rpc}() '{key}' expected an Array of String but got: {inspect(value)}")
    return value


def names_by_type(tx: Transaction, payload: Mapping[str, Any], key: str) -> dict[str, list[str]]:
    """
    Return lists of field names by entity type.
    """
    value = payload.get(key) or {}
    if not isinstance(value, dict):
        raise Fault(f"API {tx.rpc}() '{key}' expected a Hash of entity types but got: {inspect(value)}")
    return {name: names(tx, value, name) for name in value}


def link(
    tx: Transaction,
    payload: Mapping[str, Any],
    key: str,
    *,
    only: Optional[str] = None,
    missing: str = "Entity of type [{type}] with id={id} does not exist.",
) -> Link:
    """
    Return a link to a live row, as type and id.

    Args:
        tx: The transaction of the request.

        payload: The payload.

        key: The payload's key for the link.

        only: The entity type that the link must have. None: any.

        missing: The text of the fault if there is no live row, with ``{type}`` and ``{id}``.

    Raises:
        Fault: The link is missing, has another type, or leads to a missing or retired row.
    """
    value = payload.get(key)
    found = mapping(tx, {} if value is None else value)
    facts, entity_id = entity_type(tx, found), integer(tx, found)
    if only is not None and facts.name != only:
        raise Fault(f"API {tx.rpc}() '{key}' must be a {only}, got: {inspect(value)}")
    if is_retired(tx, facts.name, entity_id) is not False:
        raise Fault(missing.format(type=facts.name, id=entity_id), DATABASE)
    return {"type": facts.name, "id": entity_id}
