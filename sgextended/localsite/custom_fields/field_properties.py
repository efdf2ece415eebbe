"""
The properties of fields that callers may set: which a data type has, which values they take, and what projects hide.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Optional

import attrs
import sqlalchemy as sa

from sgextended.localsite.errors import Fault, inspect
from sgextended.localsite.storage.data_types import stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sgextended.localsite.schema.entity_types import Field
    from sgextended.localsite.storage.transaction import Transaction

LINK_TYPES = frozenset({"entity", "multi_entity"})
_COMMON = ("name", "visible", "description", "summary_default", "default_value")
_OF_TYPE = {
    "entity": ("valid_types",),
    "list": ("valid_values",),
    "multi_entity": ("valid_types",),
    "status_list": ("valid_values", "hidden_values"),
    "text": ("regex_validation", "regex_validation_enabled"),
    "url": ("open_in_new_window",),
}


def attributes_of(tx: Transaction, field: Field, properties: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the attributes of ``Field`` that *properties* set.
    """
    found: dict[str, Any] = {}
    remarks = dict(field.remarks)
    # The default value comes last, because it is validated against the valid values of the same call.
    for name, value in sorted(properties.items(), key=lambda item: item[0] == "default_value"):
        check_property(tx, field, name)
        if name == "name":
            if not isinstance(value, str) or not value.strip():
                raise Fault(f"API {tx.rpc}() invalid/missing string property 'name': {inspect(value)}")
            found["label"] = value.strip()
        elif name == "valid_types":
            found["valid_types"] = _valid_types(tx, field, value)
        elif name == "valid_values":
            found.update(_valid_values(tx, field, value))
        elif name == "default_value":
            found["default"] = _default(tx, attrs.evolve(field, **found), value)
        else:
            remarks[name] = value
    return {**found, "remarks": remarks} if remarks != dict(field.remarks) else found


def check_property(tx: Transaction, field: Field, name: str) -> None:
    valid = [*_COMMON, *_OF_TYPE.get(field.data_type, ()), "custom_metadata"]
    if name not in valid:
        raise Fault(
            f"API {tx.rpc}() invalid property '{name}': {field.path} of data type '{field.data_type}'. "
            f"Valid property names: {inspect(valid)}"
        )


def _valid_types(tx: Transaction, field: Field, value: Any) -> tuple[str, ...]:
    many = field.data_type == "multi_entity"
    # A list of links has one type, because its connection has one. A link may have several.
    if not isinstance(value, list) or not value or (many and len(value) != 1):
        elements = "with one element" if many or tx.rpc == "schema_field_create" else "of entity types"
        raise Fault(f"API {tx.rpc}() 'valid_types' value expected Array {elements} but got: {inspect(value)}")
    unknown = [name for name in value if not isinstance(name, str) or name not in tx.schema]
    if unknown:
        raise Fault(f"API {tx.rpc}() 'valid_types' has unknown entity types: {inspect(unknown)}")
    if many and field.valid_types and field.valid_types != tuple(value):
        raise Fault(f"API {tx.rpc}() {field.path} links to {field.valid_types[0]}, which cannot be changed.")
    return tuple(value)


def _valid_values(tx: Transaction, field: Field, value: Any) -> dict[str, Any]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise Fault(f"API {tx.rpc}() 'valid_values' value expected Array of String but got: {inspect(value)}")
    found: dict[str, Any] = {"valid_values": tuple(dict.fromkeys(value))}
    if field.data_type == "status_list":
        statuses = tx.tables["Status"]
        known = set(tx.connection.execute(sa.select(statuses.c.code)).scalars())
        unknown = [code for code in value if code not in known]
        if unknown:
            raise Fault(f"API {tx.rpc}() 'valid_values' has unknown statuses: {inspect(unknown)}")
    return found


def _default(tx: Transaction, field: Field, value: Any) -> Any:
    if field.data_type == "checkbox":
        if not isinstance(value, bool):
            raise Fault("Only true or false allowed in checkbox")
        return value
    if field.data_type in LINK_TYPES or field.data_type in {"tag_list", "url"}:
        if value is None:
            return None
        raise Fault(f"API {tx.rpc}() {field.path} of data type '{field.data_type}' has no default value.")
    return stored(tx, field, value)


def show_in_project(tx: Transaction, field: Field, name: str, value: Any, project_id: Optional[int]) -> None:
    if project_id is None:
        raise Fault(f"API {tx.rpc}() property '{name}' requires a project.")
    if name == "visible" and not isinstance(value, bool):
        raise Fault(f"API {tx.rpc}() property 'visible' expected [FalseClass, TrueClass] but got: {inspect(value)}")
    if name == "visible" and not field.custom:
        raise Fault(f"API {tx.rpc}() {field.path} cannot be hidden.")
    if name == "hidden_values" and (not isinstance(value, list) or not all(isinstance(item, str) for item in value)):
        raise Fault(f"API {tx.rpc}() property 'hidden_values' expected Array of String but got: {inspect(value)}")
    visible, hidden = shown_in(tx, project_id).get((field.entity_type, field.name), (True, []))
    visible, hidden = (value, hidden) if name == "visible" else (visible, value)
    shown = tx.tables.own.shown
    own = {"project_id": project_id, "type": field.entity_type, "field": field.name}
    tx.connection.execute(sa.delete(shown).where(*(shown.c[column] == given for column, given in own.items())))
    row = {**own, "visible": int(visible), "hidden_values": json.dumps(hidden)}
    tx.connection.execute(sa.insert(shown), row)


def shown_in(tx: Transaction, project_id: Optional[int]) -> dict[tuple[str, str], tuple[bool, list[str]]]:
    """
    Return the settings of a project that differ from the site's, keyed by type and field.

    Each is a pair: whether the project shows the field, and the statuses that it hides.
    """
    if project_id is None:
        return {}
    shown = tx.tables.own.shown
    query = sa.select(shown.c.type, shown.c.field, shown.c.visible, shown.c.hidden_values)
    rows = tx.connection.execute(query.where(shown.c.project_id == project_id))
    return {(row[0], row[1]): (bool(row[2]), json.loads(row[3])) for row in rows}
