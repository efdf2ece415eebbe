"""
Changing the schema: the fields that callers create, change and delete.

The changes are stored in the table of fields, so that a site on a file has them after a restart. Custom fields have
columns like all other fields. A deleted field keeps its column and its name: it is in the site's trash, and no request
empties the trash.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Optional

import attrs
import sqlalchemy as sa

from sgextended.localsite.errors import Fault, inspect
from sgextended.localsite.schema.entity_types import EntityType, Field, Schema
from sgextended.localsite.storage.data_types import stored
from sgextended.localsite.storage.entity_tables import Tables, columns_of, is_stored
from sgextended.localsite.writing import events

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sgextended.localsite.storage.transaction import Transaction

#: The data types that a custom field may have.
CREATABLE = (
    *("checkbox", "currency", "date", "date_time", "duration", "entity", "float", "footage", "list", "multi_entity"),
    *("number", "percent", "status_list", "tag_list", "text", "timecode", "url"),
)

_LINKS = frozenset({"entity", "multi_entity"})
_CHOICES = frozenset({"list", "status_list"})
_REMARKS = ("description", "summary_default", "custom_metadata")
_COMMON = ("name", "visible", *_REMARKS, "default_value", "valid_values")
_OF_TYPE = {
    "entity": ("valid_types",),
    "multi_entity": ("valid_types",),
    "status_list": ("hidden_values",),
    "text": ("regex_validation", "regex_validation_enabled"),
    "url": ("open_in_new_window",),
}
_TUPLES = frozenset({"connection", "valid_types", "valid_values"})
# Data types of fields that cannot be created by a call, but can be taken over from another site's schema.
_ADOPTABLE = ("calculated", "image", "jsonb", "serializable", "summary", "uuid")
# The properties of a standard field that are taken over from another site's schema.
_ADOPTED = ("label", "valid_types", "valid_values", "value_labels")


def loaded(tx: Transaction, schema: Schema, tables: Tables) -> tuple[Schema, Tables]:
    """
    Return *schema* and *tables* with the changes that are stored in this site's database.
    """
    fields = tx.tables.own.fields
    query = sa.select(fields.c.type, fields.c.name, fields.c.facts).where(fields.c.retired_at.is_(None))
    changed: dict[str, dict[str, Field]] = {}
    for entity_type, name, facts in tx.connection.execute(query.order_by(fields.c.id)):
        changed.setdefault(entity_type, {})[name] = _field(schema.field(entity_type, name), json.loads(facts))
    return _extended(schema, tables, changed) if changed else (schema, tables)


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
    if data_type in _LINKS and "valid_types" not in properties:
        raise Fault(f"API {tx.rpc}() missing property 'valid_types' for data type '{data_type}'.")
    given = {key: value for key, value in properties.items() if key not in {"name", "visible"}}
    field = attrs.evolve(draft, **_facts(tx, draft, given))
    if data_type == "tag_list":
        field = attrs.evolve(field, valid_types=("Tag",))
    made = [field]
    if data_type == "multi_entity":
        made = _pair(tx, entity_type, field)
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
            _check_name(tx, field, name)
            _set_in_project(tx, field, name, value, project_id)
    lasting = {name: value for name, value in properties.items() if name not in {"visible", "hidden_values"}}
    changes = _facts(tx, field, lasting)
    if not changes:
        return
    _store_attributes(tx, field, changes)
    changed = {field.entity_type: {field.name: attrs.evolve(field, **changes)}}
    tx.schema, tx.tables = _extended(tx.schema, tx.tables, changed)
    for name, value in lasting.items():
        meta = {"type": "attribute_change", "attribute_name": name, "new_value": value, **_column_of(tx, field)}
        key = ("DisplayColumn", int(meta["entity_id"]))
        text = f'changed "{name}" of the field "{field.label}" of {field.entity_type}'
        events.log(tx, "Shotgun_DisplayColumn_Change", key, meta, text, attribute=name)


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
        meta.update(_column_of(tx, each))
        text = f'deleted the field "{each.label}" of {each.entity_type}'
        events.log(tx, "Shotgun_DisplayColumn_Retirement", ("DisplayColumn", int(meta["entity_id"])), meta, text)
        chosen = sa.update(fields).where(fields.c.type == each.entity_type, fields.c.name == each.name)
        tx.connection.execute(chosen, {"retired_at": tx.moment})
    changed: dict[str, dict[str, Optional[Field]]] = {}
    for each in gone:
        changed.setdefault(each.entity_type, {})[each.name] = None
    schema, tx.tables = _extended(tx.schema, tx.tables, changed)
    connection = field.connection[0] if field.connection is not None else None
    tx.schema = Schema({name: facts for name, facts in schema.types.items() if name != connection})


def restore_fields(tx: Transaction, rows: Iterable[Mapping[str, Any]]) -> None:
    """
    Apply the rows of another site's table of fields to a new site.
    """
    tx.connection.execute(sa.insert(tx.tables.own.fields), [dict(row) for row in rows])
    before = tx.schema
    tx.schema, tx.tables = loaded(tx, tx.schema, tx.tables)
    _make_tables(tx, before)
    made = [field for field in _all_fields(tx.schema) if before.field(field.entity_type, field.name) is None]
    _make_columns(tx, [field for field in made if field.entity_type in before])


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
                    _store_attributes(tx, known, kept)
                    changed.setdefault(entity_type, {})[name] = attrs.evolve(known, **kept)
    tx.schema, tx.tables = _extended(tx.schema, tx.tables, changed)
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


def _field(base: Optional[Field], facts: Mapping[str, Any]) -> Field:
    values: dict[str, Any] = {
        name: tuple(value) if name in _TUPLES and value else value for name, value in facts.items()
    }
    return Field(**values) if base is None else attrs.evolve(base, **values)


def _extended(
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


def _facts(tx: Transaction, field: Field, properties: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the attributes of ``Field`` that *properties* set.
    """
    found: dict[str, Any] = {}
    remarks = dict(field.remarks)
    # The default value comes last, because it is validated against the valid values of the same call.
    for name, value in sorted(properties.items(), key=lambda item: item[0] == "default_value"):
        _check_name(tx, field, name)
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


def _check_name(tx: Transaction, field: Field, name: str) -> None:
    valid = [*_COMMON, *_OF_TYPE.get(field.data_type, ())]
    if field.data_type not in _CHOICES:
        valid.remove("valid_values")
    if name not in valid:
        raise Fault(
            f"API {tx.rpc}() invalid property {inspect(name)}: {field.path} of data type '{field.data_type}'. "
            f"Valid property names: {inspect(valid)}"
        )


def _valid_types(tx: Transaction, field: Field, value: Any) -> tuple[str, ...]:
    many = field.data_type == "multi_entity"
    if not isinstance(value, list) or not value or (many and len(value) != 1):
        elements = "with one element" if many else "of entity types"
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
        known = {row[0]: row[1] for row in tx.connection.execute(sa.select(statuses.c.code, statuses.c.name))}
        unknown = [code for code in value if code not in known]
        if unknown:
            raise Fault(f"API {tx.rpc}() 'valid_values' has unknown statuses: {inspect(unknown)}")
        found["value_labels"] = {code: known[code] for code in value}
    return found


def _default(tx: Transaction, field: Field, value: Any) -> Any:
    if field.data_type == "checkbox":
        if not isinstance(value, bool):
            raise Fault("Only true or false allowed in checkbox")
        return value
    if field.data_type in _LINKS or field.data_type in {"tag_list", "url"}:
        if value is None:
            return None
        raise Fault(f"API {tx.rpc}() {field.path} of data type '{field.data_type}' has no default value.")
    return stored(tx, field, value)


def _pair(tx: Transaction, entity_type: EntityType, field: Field) -> list[Field]:
    """
    Return a multi-entity field and its counterpart at the far end. Their links are rows of a new connection type.
    """
    target = tx.schema[field.valid_types[0]]
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


def add_fields(tx: Transaction, made: Iterable[Field]) -> None:
    """
    Add fields to the schema, and their columns to the tables.
    """
    before = tx.schema
    changed: dict[str, dict[str, Field]] = {}
    for field in made:
        _store_attributes(tx, field, attrs.asdict(field))
        changed.setdefault(field.entity_type, {})[field.name] = field
        meta = {"type": "new_entity", **_column_of(tx, field)}
        text = f'created the new field "{field.label}" of {field.entity_type}'
        events.log(tx, "Shotgun_DisplayColumn_New", ("DisplayColumn", int(meta["entity_id"])), meta, text)
    tx.schema, tx.tables = _extended(tx.schema, tx.tables, changed)
    _make_tables(tx, before)
    _make_columns(tx, [field for field in made if field.entity_type in before])


def _make_tables(tx: Transaction, before: Schema) -> None:
    for connection in set(tx.schema.types) - set(before.types):
        table = tx.tables[connection]
        tx.connection.execute(sa.schema.CreateTable(table))
        for index in table.indexes:
            tx.connection.execute(sa.schema.CreateIndex(index))


def _make_columns(tx: Transaction, made: Iterable[Field]) -> None:
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


def _store_attributes(tx: Transaction, field: Field, facts: Mapping[str, Any]) -> None:
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


def _column_of(tx: Transaction, field: Field) -> dict[str, Any]:
    """
    Return the reference to a field in events: an id of the type ``DisplayColumn``, which callers cannot query.
    """
    fields = tx.tables.own.fields
    query = sa.select(fields.c.id).where(fields.c.type == field.entity_type, fields.c.name == field.name)
    return {"entity_type": "DisplayColumn", "entity_id": tx.connection.execute(query).scalar_one()}


def _set_in_project(tx: Transaction, field: Field, name: str, value: Any, project_id: Optional[int]) -> None:
    if project_id is None:
        raise Fault(f"API {tx.rpc}() property '{name}' requires a project.")
    if name == "visible" and not isinstance(value, bool):
        raise Fault(f"API {tx.rpc}() property 'visible' expected [FalseClass, TrueClass] but got: {inspect(value)}")
    if name == "visible" and not field.hideable:
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


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _plural(name: str) -> str:
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "ch", "sh")) else f"{name}s"
