"""
Fields of another site that a new site takes over, from rows of its table of fields or from descriptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

from sgextended.localsite.custom_fields.field_changes import CREATABLE, pair
from sgextended.localsite.custom_fields.field_storage import (
    add_fields,
    extended,
    load_fields,
    make_columns,
    make_tables,
    save_field,
)
from sgextended.localsite.schema import schema_description
from sgextended.localsite.schema.entity_types import Field, Schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sgextended.localsite.storage.transaction import Transaction

# Data types of fields that cannot be created by a call, but can be taken over from another site's schema.
_ADOPTABLE = ("calculated", "image", "jsonb", "serializable", "summary", "uuid")
# The attributes of a field that a description has, as pairs of the attribute and the name in the description.
_ATTRIBUTES = {
    "label": "name",
    "mandatory": "mandatory",
    "unique": "unique",
    "default": "default_value",
    "valid_types": "valid_types",
    "valid_values": "valid_values",
    "value_labels": "display_values",
}
# Parts of a description that are no properties of one field, or that are computed from the field's attributes.
_NOT_REMARKS = frozenset({*_ATTRIBUTES.values(), "entity_type", "data_type", "editable", "properties"})
# Data types of fields that have no default value on a local site.
_WITHOUT_DEFAULT = frozenset({"calculated", "entity", "image", "multi_entity", "summary", "tag_list", "url", "uuid"})


def restore_fields(tx: Transaction, rows: Iterable[Mapping[str, Any]]) -> None:
    """
    Apply the rows of another site's table of fields to a new site.
    """
    tx.connection.execute(sa.insert(tx.tables.own.fields), [dict(row) for row in rows])
    before = tx.schema
    tx.schema, tx.tables = load_fields(tx.connection, tx.schema, tx.tables)
    make_tables(tx, before)
    made = [field for field in _all_fields(tx.schema) if before.field(field.entity_type, field.name) is None]
    make_columns(tx, [field for field in made if field.entity_type in before])


def adopt_fields(tx: Transaction, described: Mapping[str, Any], types: Iterable[str]) -> list[str]:
    """
    Create the fields of another site from their descriptions, and return a text for each field that was left out.

    A description does not name the far end of a multi-entity field, but its name follows from the field. If there is no
    field of that name, the multi-entity field has no field at its far end here.

    Args:
        tx: The transaction of the load.

        described: The descriptions of the other site's fields, by type and field name.

        types: The types of the records to load. A type that the standard schema does not have is created.
    """
    made, left_out = [], []
    changed: dict[str, dict[str, Field]] = {}
    wanted_types = {*tx.schema.types, *types}
    for entity_type, fields in described.items():
        facts = tx.schema.types.get(entity_type)
        here = {} if facts is None else schema_description.fields(facts, {})
        for name, found in fields.items() if entity_type in wanted_types else ():
            if name == "id":
                continue
            known, data_type = tx.schema.field(entity_type, name), str(found["data_type"]["value"])
            if known is None and data_type in (*CREATABLE, *_ADOPTABLE):
                made.append(_described(entity_type, name, found))
            elif known is None or known.data_type != data_type:
                left_out.append(f"the field {entity_type}.{name} of type {data_type}")
            else:
                kept = _differences(known, _values(found), _values(here.get(name, {})))
                if kept:
                    save_field(tx, known, kept)
                    changed.setdefault(entity_type, {})[name] = attrs.evolve(known, **kept)
    tx.schema, tx.tables = extended(tx.schema, tx.tables, changed)
    add_fields(tx, _paired(tx.schema, made))
    return left_out


def _paired(schema: Schema, made: list[Field]) -> list[Field]:
    """
    Return the fields, where two multi-entity fields that are the two ends of one relation share their links.
    """
    found = {field.path: field for field in made}
    for field in made:
        target = schema.types.get(field.valid_types[0]) if len(field.valid_types) == 1 else None
        facts = schema.types.get(field.entity_type)
        if field.data_type == "multi_entity" and target is not None and facts is not None:
            own, reverse = pair(schema, facts, field)
            far = found.get(reverse.path)
            if far is not None and far.data_type == "multi_entity" and far.valid_types == reverse.valid_types:
                found[own.path] = own
                found[far.path] = attrs.evolve(far, connection=reverse.connection)
    # The fields of a connection type are created together with the pair of fields.
    connections = {field.connection[0] for field in found.values() if field.connection is not None}
    return [field for field in found.values() if field.entity_type not in connections]


def _values(described: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the values of a description and of its properties, by name.
    """
    parts = {**described, **described.get("properties", {})}
    return {name: part["value"] for name, part in parts.items() if isinstance(part, dict) and "value" in part}


def _differences(known: Field, there: Mapping[str, Any], here: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the attributes of a field that another site describes in a different way than this site.
    """
    other = {name: value for name, value in there.items() if name not in here or here[name] != value}
    found = _attributes(known, other)
    if known.unique:  # a live site enforces the uniqueness of some fields without describing it
        found.pop("unique", None)
    remarks = _remarks(other)
    return {**found, "remarks": {**known.remarks, **remarks}} if remarks else found


def _attributes(field: Field, values: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the attributes of ``Field`` that the values of a description set. A value that is missing sets none.
    """
    found = {name: values[key] for name, key in _ATTRIBUTES.items() if values.get(key) is not None}
    if "default_value" in values and field.data_type not in _WITHOUT_DEFAULT:
        found["default"] = values["default_value"]
    else:
        found.pop("default", None)
    for name in {"valid_types", "valid_values"} & found.keys():
        found[name] = tuple(found[name])
    return found


def _remarks(values: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the values of a description that have no effect on a local site, but that it describes too.
    """
    return {name: value for name, value in values.items() if name not in _NOT_REMARKS}


def _described(entity_type: str, name: str, described: Mapping[str, Any]) -> Field:
    values = _values(described)
    data_type = str(values["data_type"])
    draft = Field(entity_type=entity_type, name=name, data_type=data_type, label=name, custom=True)
    usual = _values(schema_description.describe(draft))
    other = {key: value for key, value in values.items() if key not in usual or usual[key] != value}
    is_read_only = not values.get("editable", True)
    return attrs.evolve(draft, **_attributes(draft, values), read_only=is_read_only, remarks=_remarks(other))


def _all_fields(schema: Schema) -> list[Field]:
    return [field for facts in schema.types.values() for field in facts.fields.values()]
