"""
Changing the schema: the fields that callers create, change and delete.

The changes are stored in the table of fields, so that a site on a file has them after a restart. Custom fields have
columns like all other fields. A deleted field keeps its column and its name: it is in the site's trash, and no request
empties the trash.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Optional

import attrs
import sqlalchemy as sa

from sgextended.localsite.custom_fields.field_properties import (
    LINK_TYPES,
    attributes_of,
    check_property,
    show_in_project,
)
from sgextended.localsite.custom_fields.field_storage import add_fields, column_reference, extended, save_field
from sgextended.localsite.errors import Fault, inspect
from sgextended.localsite.schema.entity_types import EntityType, Field, Schema
from sgextended.localsite.storage.entity_tables import columns_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sgextended.localsite.storage.transaction import Transaction

#: The data types that a custom field may have.
CREATABLE = (
    *("checkbox", "currency", "date", "date_time", "duration", "entity", "float", "footage", "list", "multi_entity"),
    *("number", "percent", "status_list", "tag_list", "text", "timecode", "url"),
)


def create_field(tx: Transaction, entity_type: EntityType, data_type: Any, properties: Mapping[str, Any]) -> str:
    """
    Create a field and return its name, which is derived from its label.

    Raises:
        Fault: The data type cannot be created, a property is invalid for it, or the name belongs to a field in the
            trash.
    """
    if data_type not in CREATABLE:
        raise Fault(
            f"API {tx.rpc}() invalid data type: {inspect(data_type)}. Valid data types: {inspect(list(CREATABLE))}"
        )
    label = properties.get("name")
    if not isinstance(label, str) or not label.strip():
        raise Fault(f"API {tx.rpc}() invalid/missing string property 'name': {inspect(label)}")
    name = _free_name(tx, entity_type, data_type, label)
    draft = Field(entity_type=entity_type.name, name=name, data_type=data_type, label=label.strip(), custom=True)
    if data_type == "checkbox" and "default_value" not in properties:
        raise Fault("Only true or false allowed in checkbox")
    if data_type in LINK_TYPES and "valid_types" not in properties:
        raise Fault(f"API {tx.rpc}() missing property 'valid_types' for data type '{data_type}'.")
    given = {key: value for key, value in properties.items() if key not in {"name", "visible"}}
    field = attrs.evolve(draft, **attributes_of(tx, draft, given))
    if data_type == "tag_list":
        field = attrs.evolve(field, valid_types=("Tag",))
    made = [field]
    if data_type == "multi_entity":
        made = pair(tx.schema, entity_type, field)
    add_fields(tx, made)
    return name


def update_field(
    tx: Transaction, field: Field, properties: Mapping[str, Any], project_id: Optional[int] = None
) -> None:
    """
    Change properties of a field. ``visible`` and ``hidden_values`` change for one project only.

    Raises:
        Fault: There is no such property, its value is invalid, or a project is missing.
    """
    for name, value in properties.items():
        if name in {"visible", "hidden_values"}:
            check_property(tx, field, name)
            show_in_project(tx, field, name, value, project_id)
            save_field(tx, field, {})  # the event refers to the field by an id, which an unchanged field lacks
            _log_change(tx, field, name, value)
    lasting = {name: value for name, value in properties.items() if name not in {"visible", "hidden_values"}}
    changes = attributes_of(tx, field, lasting)
    if not changes:
        return
    save_field(tx, field, changes)
    changed = {field.entity_type: {field.name: attrs.evolve(field, **changes)}}
    tx.schema, tx.tables = extended(tx.schema, tx.tables, changed)
    for name, value in lasting.items():
        _log_change(tx, field, name, value)


def _log_change(tx: Transaction, field: Field, name: str, value: Any) -> None:
    meta = {"type": "attribute_change", "attribute_name": name, "new_value": value, **column_reference(tx, field)}
    key = ("DisplayColumn", int(meta["entity_id"]))
    text = f'changed "{name}" of the field "{field.label}" of {field.entity_type}'
    tx.events.log(tx, "Shotgun_DisplayColumn_Change", key, meta, text, attribute=name)


def delete_field(tx: Transaction, field: Field) -> None:
    """
    Move a custom field to the trash. Of a pair of fields that show the same links, both are moved.

    Raises:
        Fault: The field is part of the standard schema.
    """
    if not field.custom:
        raise Fault(f"API {tx.rpc}() {field.path} is a system field and cannot be deleted.")
    gone = [field]
    if field.connection is not None:
        gone = [
            other
            for facts in tx.schema.types.values()
            for other in facts.fields.values()
            if other.connection is not None and other.connection[0] == field.connection[0]
        ]
    fields = tx.tables.own.fields
    for each in gone:
        meta = {"type": "entity_retirement", "class_name": "DisplayColumn", "display_name": each.label}
        meta.update(column_reference(tx, each))
        text = f'deleted the field "{each.label}" of {each.entity_type}'
        tx.events.log(tx, "Shotgun_DisplayColumn_Retirement", ("DisplayColumn", int(meta["entity_id"])), meta, text)
        chosen = sa.update(fields).where(fields.c.type == each.entity_type, fields.c.name == each.name)
        tx.connection.execute(chosen, {"retired_at": tx.moment})
    changed: dict[str, dict[str, Optional[Field]]] = {}
    for each in gone:
        changed.setdefault(each.entity_type, {})[each.name] = None
    schema, tx.tables = extended(tx.schema, tx.tables, changed)
    connection = field.connection[0] if field.connection is not None else None
    tx.schema = Schema({name: facts for name, facts in schema.types.items() if name != connection})


def _free_name(tx: Transaction, entity_type: EntityType, data_type: str, label: str) -> str:
    start = "sg_" + re.sub(r"[^a-z0-9]", "_", label.strip().lower())
    fields = tx.tables.own.fields
    trash = sa.select(fields.c.name).where(fields.c.type == entity_type.name, fields.c.retired_at.is_not(None))
    trashed = set(tx.connection.execute(trash).scalars())
    columns = {column.name for column in tx.tables[entity_type.name].columns}
    number = 0
    while True:
        name = f"{start}_{number}" if number else start
        if name in trashed:
            raise Fault(
                f"API {tx.rpc}() failed, there is a retired field with the same field_name: {name}. Delete the retired "
                "field forever from the Trash Page in Shotgun and try again."
            )
        draft = Field(entity_type=entity_type.name, name=name, data_type=data_type, label=label)
        taken = {column.name for column in columns_of(draft)}
        if name not in entity_type.fields and columns.isdisjoint(taken):
            return name
        number += 1


def pair(schema: Schema, entity_type: EntityType, field: Field) -> list[Field]:
    """
    Return a multi-entity field and its counterpart at the far end. Their links are rows of a new connection type.
    """
    target = schema[field.valid_types[0]]
    near, far = _snake(entity_type.name), _snake(target.name)
    if near == far:
        near, far = f"source_{near}", f"dest_{far}"
    connection = f"{entity_type.name}_{field.name}_Connection"
    own_name = _snake(entity_type.name)
    reverse = Field(
        entity_type=target.name,
        name=f"{own_name}_{field.name}_{_plural(own_name)}",
        data_type="multi_entity",
        label=f"{entity_type.label} <-> {field.label}",
        valid_types=(entity_type.name,),
        custom=True,
        connection=(connection, far, near),
    )
    return [attrs.evolve(field, connection=(connection, near, far)), reverse]


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _plural(name: str) -> str:
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "ch", "sh")) else f"{name}s"
