"""
The requests that read the schema and change it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from sgextended.localsite.calls import payload
from sgextended.localsite.custom_fields.field_changes import create_field, delete_field, update_field
from sgextended.localsite.custom_fields.field_properties import shown_in
from sgextended.localsite.errors import Fault, inspect
from sgextended.localsite.permissions.checks import check_administration, is_limited, may_ever_update
from sgextended.localsite.schema import schema_description as description
from sgextended.localsite.storage.display_names import status_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sgextended.localsite.schema.entity_types import EntityType, Field
    from sgextended.localsite.storage.transaction import Transaction


def read_types(tx: Transaction, request: Any) -> dict[str, Any]:
    """
    Return the label and the visibility of every entity type.
    """
    # The project is only validated: on the local site, no project hides a whole type.
    _shown_project(tx, payload.mapping(tx, request or {}))
    return description.entity_types(tx.schema)


def read_all(tx: Transaction, request: Any) -> dict[str, Any]:
    """
    Return the description of all fields of all types.
    """
    shown = shown_in(tx, _shown_project(tx, payload.mapping(tx, request or {})))
    names = status_names(tx)
    return {name: _for_caller(tx, facts.labelled(names), shown) for name, facts in tx.schema.types.items()}


def read_fields(tx: Transaction, request: Any) -> dict[str, Any]:
    """
    Return the description of all fields of a type, or of the field that the request names.
    """
    request = payload.mapping(tx, request)
    entity_type = payload.entity_type(tx, request).labelled(status_names(tx))
    found = _for_caller(tx, entity_type, shown_in(tx, _shown_project(tx, request)))
    name = request.get("field_name")
    if name is None:
        return found
    field = entity_type.fields.get(name) if isinstance(name, str) else None
    if field is not None and field.undeclared:
        return {}
    if field is None:
        raise Fault(f"API {tx.rpc}() {entity_type.name}.{name} doesn't exist.")
    return {name: found[name]}


def _for_caller(
    tx: Transaction, entity_type: EntityType, shown: Mapping[tuple[str, str], tuple[bool, list[str]]]
) -> dict[str, Any]:
    """
    Return the description of the fields of a type. Fields that the caller may never change are not editable.
    """
    found = description.fields(entity_type, shown)
    if is_limited(tx):
        for name, facts in found.items():
            if not may_ever_update(tx, entity_type.name, name):
                found[name] = {**facts, "editable": {**facts["editable"], "value": False}}
    return found


def create(tx: Transaction, request: Any) -> str:
    """
    Create a field and return its name.
    """
    request = payload.mapping(tx, request)
    properties = _properties(tx, request)
    check_administration(tx)
    return create_field(tx, payload.entity_type(tx, request), request.get("data_type"), properties)


def update(tx: Transaction, request: Any) -> bool:
    """
    Change properties of a field and return True.
    """
    request = payload.mapping(tx, request)
    field = _field(tx, request)
    check_administration(tx)
    update_field(tx, field, _properties(tx, request), _project_id(tx, request))
    return True


def delete(tx: Transaction, request: Any) -> bool:
    """
    Move a field to the trash and return True.
    """
    field = _field(tx, payload.mapping(tx, request))
    check_administration(tx)
    delete_field(tx, field)
    return True


def _field(tx: Transaction, request: Mapping[str, Any]) -> Field:
    entity_type = payload.entity_type(tx, request)
    name = request.get("field_name")
    field = entity_type.fields.get(name) if isinstance(name, str) else None
    if field is None:
        raise Fault(f"API {tx.rpc}() {entity_type.name}.{name} doesn't exist.")
    return field


def _shown_project(tx: Transaction, request: Mapping[str, Any]) -> Optional[int]:
    """
    Return the id of the project whose view of the schema is read. A project that is not there hides nothing.
    """
    value = request.get("project")
    if value is None:
        return None
    project = payload.mapping(tx, value)
    if payload.entity_type(tx, project).name != "Project":
        raise Fault(f"API {tx.rpc}() 'project' must be a Project, got: {inspect(value)}")
    return payload.integer(tx, project)


def _project_id(tx: Transaction, request: Mapping[str, Any]) -> Optional[int]:
    if request.get("project") is None:
        return None
    return int(payload.link(tx, request, "project", only="Project")["id"])


def _properties(tx: Transaction, request: Mapping[str, Any]) -> dict[str, Any]:
    items = request.get("properties") or []
    found = {}
    for item in items if isinstance(items, list) else [items]:
        if not isinstance(item, dict) or not isinstance(item.get("property_name"), str):
            raise Fault(f"API {tx.rpc}() invalid/missing 'property_name' in properties: {inspect(item)}")
        found[item["property_name"]] = item.get("value")
    return found
