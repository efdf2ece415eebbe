"""
Fields of another site that a new site takes over, from rows of its table of fields or from descriptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

from sgextended.localsite.custom_fields.field_changes import CREATABLE
from sgextended.localsite.custom_fields.field_storage import (
    add_fields,
    extended,
    load_fields,
    make_columns,
    make_tables,
    save_field,
)
from sgextended.localsite.schema.entity_types import Field, Schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sgextended.localsite.storage.transaction import Transaction

# Data types of fields that cannot be created by a call, but can be taken over from another site's schema.
_ADOPTABLE = ("calculated", "image", "jsonb", "serializable", "summary", "uuid")
# The properties of a standard field that are taken over from another site's schema.
_ADOPTED = ("label", "valid_types", "valid_values", "value_labels")


def restore_fields(tx: Transaction, rows: Iterable[Mapping[str, Any]]) -> None:
    """
    Apply the rows of another site's table of fields to a new site.
    """
    tx.connection.execute(sa.insert(tx.tables.own.fields), [dict(row) for row in rows])
    before = tx.schema
    tx.schema, tx.tables = load_fields(tx, tx.schema, tx.tables)
    make_tables(tx, before)
    made = [field for field in _all_fields(tx.schema) if before.field(field.entity_type, field.name) is None]
    make_columns(tx, [field for field in made if field.entity_type in before])


def adopt_fields(tx: Transaction, described: Mapping[str, Any], types: Iterable[str]) -> list[str]:
    """
    Create the fields of another site from their descriptions, and return a text for each field that was left out.

    A description does not name the far end of a multi-entity field. Such a field has no field at its far end here.

    Args:
        tx: The transaction of the load.

        described: The descriptions of the other site's fields, by type and field name.

        types: The types of the records to load. A type that the standard schema does not have is created.
    """
    made, left_out = [], []
    changed: dict[str, dict[str, Field]] = {}
    wanted_types = {*tx.schema.types, *types}
    for entity_type, fields in described.items():
        for name, facts in fields.items() if entity_type in wanted_types else ():
            if name == "id":
                continue
            known, wanted = tx.schema.field(entity_type, name), _described(entity_type, name, facts)
            if known is None and wanted.data_type in (*CREATABLE, *_ADOPTABLE):
                made.append(wanted)
            elif known is None or known.data_type != wanted.data_type:
                left_out.append(f"the field {entity_type}.{name} of type {wanted.data_type}")
            else:
                kept = {key: getattr(wanted, key) for key in _ADOPTED if getattr(wanted, key) != getattr(known, key)}
                if kept:
                    save_field(tx, known, kept)
                    changed.setdefault(entity_type, {})[name] = attrs.evolve(known, **kept)
    tx.schema, tx.tables = extended(tx.schema, tx.tables, changed)
    add_fields(tx, made)
    return left_out


def _described(entity_type: str, name: str, facts: Mapping[str, Any]) -> Field:
    def fact(key: str, default: Any = None) -> Any:
        found = facts.get(key) or facts.get("properties", {}).get(key) or {}
        return found.get("value", default)

    values = fact("valid_values")
    asked = ("summary_default", "summary_field", "summary_value", "query") if fact("data_type") == "summary" else ()
    return Field(
        entity_type=entity_type,
        name=name,
        data_type=str(fact("data_type")),
        label=str(fact("name") or name),
        read_only=not fact("editable", default=True),
        valid_types=tuple(fact("valid_types") or ()),
        valid_values=None if values is None else tuple(values),
        value_labels=fact("display_values") or {},
        custom=True,
        remarks={key: fact(key) for key in asked},
    )


def _all_fields(schema: Schema) -> list[Field]:
    return [field for facts in schema.types.values() for field in facts.fields.values()]
