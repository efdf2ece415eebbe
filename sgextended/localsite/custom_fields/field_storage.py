"""
The fields that callers made or changed, as rows of the table of fields and as columns of the entity tables.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Optional

import attrs
import sqlalchemy as sa

from sgextended.localsite.schema.entity_types import EntityType, Field, Schema
from sgextended.localsite.storage.entity_tables import Tables, columns_of, is_stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sgextended.localsite.storage.transaction import Transaction

_TUPLES = frozenset({"connection", "valid_types", "valid_values"})


def load_fields(connection: sa.Connection, schema: Schema, tables: Tables) -> tuple[Schema, Tables]:
    """
    Return *schema* and *tables* with the changes that are stored in the database of a site.
    """
    fields = tables.own.fields
    query = sa.select(fields.c.type, fields.c.name, fields.c.facts).where(fields.c.retired_at.is_(None))
    changed: dict[str, dict[str, Field]] = {}
    for entity_type, name, facts in connection.execute(query.order_by(fields.c.id)):
        changed.setdefault(entity_type, {})[name] = _field(schema.field(entity_type, name), json.loads(facts))
    return extended(schema, tables, changed) if changed else (schema, tables)


def add_fields(tx: Transaction, made: Iterable[Field]) -> None:
    """
    Add fields to the schema, and their columns to the tables.
    """
    before = tx.schema
    changed: dict[str, dict[str, Field]] = {}
    for field in made:
        save_field(tx, field, attrs.asdict(field))
        changed.setdefault(field.entity_type, {})[field.name] = field
        meta = {"type": "new_entity", **column_reference(tx, field)}
        text = f'created the new field "{field.label}" of {field.entity_type}'
        tx.events.log(tx, "Shotgun_DisplayColumn_New", ("DisplayColumn", int(meta["entity_id"])), meta, text)
    tx.schema, tx.tables = extended(tx.schema, tx.tables, changed)
    make_tables(tx, before)
    make_columns(tx, [field for field in made if field.entity_type in before])


def make_tables(tx: Transaction, before: Schema) -> None:
    for connection in set(tx.schema.types) - set(before.types):
        table = tx.tables[connection]
        tx.connection.execute(sa.schema.CreateTable(table))
        for index in table.indexes:
            tx.connection.execute(sa.schema.CreateIndex(index))


def make_columns(tx: Transaction, made: Iterable[Field]) -> None:
    dialect = tx.connection.dialect
    for field in made:
        if not is_stored(field) or not field.custom:
            continue
        table, names = tx.tables[field.entity_type], [column.name for column in columns_of(field)]
        for name in names:
            column = sa.schema.CreateColumn(table.c[name]).compile(dialect=dialect)
            tx.connection.exec_driver_sql(f'ALTER TABLE "{field.entity_type}" ADD COLUMN {column}')
        for index in table.indexes:
            if {column.name for column in index.columns} <= set(names):
                tx.connection.execute(sa.schema.CreateIndex(index))


def save_field(tx: Transaction, field: Field, facts: Mapping[str, Any]) -> None:
    """
    Store attributes of a field, in addition to those stored before.
    """
    fields = tx.tables.own.fields
    own = (fields.c.type == field.entity_type, fields.c.name == field.name)
    earlier = tx.connection.execute(sa.select(fields.c.facts).where(*own)).scalar()
    if earlier is None:
        row = {"type": field.entity_type, "name": field.name, "custom": int(field.custom), "facts": json.dumps(facts)}
        tx.connection.execute(sa.insert(fields), row)
    else:
        text = json.dumps({**json.loads(earlier), **facts})
        tx.connection.execute(sa.update(fields).where(*own), {"facts": text})


def column_reference(tx: Transaction, field: Field) -> dict[str, Any]:
    """
    Return how an event refers to a field: by the type ``DisplayColumn`` and an id. Callers cannot query that type.
    """
    fields = tx.tables.own.fields
    query = sa.select(fields.c.id).where(fields.c.type == field.entity_type, fields.c.name == field.name)
    return {"entity_type": "DisplayColumn", "entity_id": tx.connection.execute(query).scalar_one()}


def _field(base: Optional[Field], facts: Mapping[str, Any]) -> Field:
    values: dict[str, Any] = {
        name: tuple(value) if name in _TUPLES and value else value for name, value in facts.items()
    }
    return Field(**values) if base is None else attrs.evolve(base, **values)


def extended(
    schema: Schema, tables: Tables, changed: Mapping[str, Mapping[str, Optional[Field]]]
) -> tuple[Schema, Tables]:
    """
    Return schema and tables with changed fields. A field given as None is removed from the schema.
    """
    types = []
    for entity_type, fields in changed.items():
        facts = schema.types.get(entity_type) or _new_type(entity_type)
        merged = {**facts.fields, **fields}
        kept = {name: field for name, field in merged.items() if field is not None}
        types.append(attrs.evolve(facts, fields=kept))
    connections = {
        field.connection[0]: _connection_type(field)
        for fields in changed.values()
        for field in fields.values()
        if field is not None and field.connection is not None and field.connection[0] not in schema
    }
    types.extend(connections.values())
    return schema.extended(types), tables.extended(types)


def _new_type(name: str) -> EntityType:
    """
    Return an entity type that the standard schema does not have, with the field ``id`` only.
    """
    number = Field(entity_type=name, name="id", data_type="number", label="Id", read_only=True)
    return EntityType(name=name, label=name, fields={"id": number})


def _connection_type(field: Field) -> EntityType:
    name, own, far = field.connection or ("", "", "")
    fields = {
        "id": Field(entity_type=name, name="id", data_type="number", label="Id", read_only=True),
        "cached_display_name": Field(
            entity_type=name, name="cached_display_name", data_type="text", label="Cached Display Name"
        ),
    }
    for end, far_type in ((own, field.entity_type), (far, field.valid_types[0])):
        label = end.replace("_", " ").title()
        fields[end] = Field(entity_type=name, name=end, data_type="entity", label=label, valid_types=(far_type,))
    return EntityType(name=name, label=name.replace("_", " "), fields=fields)
