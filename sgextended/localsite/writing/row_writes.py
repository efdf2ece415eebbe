"""
Creating, updating, deleting and reviving rows by the rules of the site.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, Optional

import attrs
import sqlalchemy as sa

from sgextended.localsite.errors import DATABASE, Fault, inspect
from sgextended.localsite.reading.navigation import default_tracking_settings
from sgextended.localsite.reading.row_reads import show
from sgextended.localsite.schema.link_relations import connection_ends
from sgextended.localsite.schema.strictness import Doubt, refuse_when_strict
from sgextended.localsite.schema.write_rules import Writes, write_rule
from sgextended.localsite.storage.credentials import set_secret
from sgextended.localsite.storage.data_types import parse_link, parse_password, stored, write_failed, wrong_class
from sgextended.localsite.storage.display_names import generated_name
from sgextended.localsite.storage.personal_values import keep
from sgextended.localsite.storage.single_row_writes import (
    default_columns,
    insert_row,
    is_retired,
    link_columns,
    retire_row,
    revive_row,
    update_row,
)
from sgextended.localsite.writing import side_effects as consequences
from sgextended.localsite.writing.file_values import own_file, stored_file, without_image
from sgextended.localsite.writing.link_writes import MODES, far_type_of, write_links

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sgextended.localsite.schema.entity_types import EntityType, Field
    from sgextended.localsite.storage.transaction import Link, Transaction

# Fields that a caller may send, but the site ignores the value and sets its own.
_DISCARDED = frozenset({"cached_display_name"})
# Types whose field "user" is the current user by default.
_AUTHORED = frozenset({"Note", "Reply"})
# Values of new rows that are not defaults in the schema. The second field belongs to the web application, and a live
# site fills it with a warning, too.
_INITIAL_TEXTS = {
    "publish_status": "published",
    "reply_content": "This field belongs to the web application. Do not read it, and do not write to it.",
}
# The code of the permissions that a new person or script gets.
_PERMISSIONS = {"ApiUser": "api_admin", "HumanUser": "artist"}
_PERMANENT = frozenset({"EventLogEntry"})
# Values that the site stores in new rows of a type, although the schema does not have them as defaults.
_FIRST_VALUES: dict[str, dict[str, Any]] = {
    "Project": {"tracking_settings": json.dumps(default_tracking_settings())},
    "Task": {"color": "pipeline_step"},
}
# Types whose name is made of "firstname" and "lastname".
_PEOPLE = frozenset({"ClientUser", "HumanUser"})


@attrs.define
class _Change:
    """
    The validated changes of one request.

    Attributes:
        columns: Columns of the row.

        personal: Values of personal fields.

        links: Changes of multi-entity fields: the field, the links and the mode.

        written: The names of all fields sent.

        password: The password of the person, if one is sent.
    """

    columns: dict[str, Any] = attrs.field(factory=dict)
    personal: dict[str, Any] = attrs.field(factory=dict)
    links: list[tuple[Field, list[Link], str]] = attrs.field(factory=list)
    written: list[str] = attrs.field(factory=list)
    password: Optional[str] = None


def create(
    tx: Transaction,
    entity_type: EntityType,
    fields: list[dict[str, Any]],
    return_fields: list[str],
    *,
    given_id: Optional[int] = None,
) -> dict[str, Any]:
    """
    Create a row and return it with the fields written and *return_fields*.

    Args:
        tx: The transaction of the request.

        entity_type: The row's type.

        fields: The fields sent.

        return_fields: Further fields to return.

        given_id: The id of a row of `insert_given`, which has no effects on other rows, and is returned as a link.
            None: the next free id.

    Raises:
        Fault: A field or a value is invalid, or a required value is missing.
    """
    change = _change(tx, entity_type, fields, is_insert=given_id is not None)
    sent = {item["field_name"]: item.get("value") for item in fields}
    _check_project(tx, entity_type, sent, change)
    columns = {**default_columns(entity_type), **change.columns}
    identifier = entity_type.identifier
    nameless = identifier is not None and identifier not in sent
    if nameless and entity_type.name == "Project":
        raise _empty_name(entity_type)
    _complete(tx, entity_type, columns)
    _check_unique(tx, entity_type, change.columns, None)
    _check_connection(tx, entity_type, columns)
    consequences.prepare_create(tx, entity_type, change.columns, columns, change.links)
    generated = nameless and generated_name(entity_type, 0) is not None
    entity_id = insert_row(tx, entity_type.name, columns, name_it=generated, given_id=given_id)
    if entity_type.name == "Attachment":
        own_file(tx, entity_id, sent)
    for field, links, mode in change.links:
        write_links(tx, field, entity_id, links, mode)
    _keep_own(tx, entity_type, entity_id, change)
    if given_id is not None:
        return {"type": entity_type.name, "id": entity_id}
    consequences.finish_create(tx, entity_type, entity_id, columns, change.links)
    return show(tx, entity_type.name, [entity_id], [*change.written, *return_fields])[0]


def update(tx: Transaction, entity_type: EntityType, entity_id: int, fields: list[dict[str, Any]]) -> dict[str, Any]:
    """
    Change a row and return it with the fields written.

    Raises:
        Fault: There is no such live row, or a field or a value is invalid.
    """
    if is_retired(tx, entity_type.name, entity_id) is not False:
        raise missing(entity_type.name, entity_id)
    change = _change(tx, entity_type, fields)
    _check_unique(tx, entity_type, change.columns, entity_id)
    _check_connection(tx, entity_type, change.columns, entity_id)
    columns = change.columns
    if entity_type.name in _PEOPLE and not {"firstname", "lastname"}.isdisjoint(columns):
        columns = {**columns, "name": _person_name(tx, entity_type, entity_id, columns)}
    if "updated_at" in entity_type.fields and (columns or change.links):
        columns = {**columns, "updated_at": tx.moment, **_actor_columns(tx, "updated_by")}
    step = consequences.Update.begin(tx, entity_type, entity_id, columns, change.links)
    update_row(tx, entity_type.name, entity_id, step.columns)
    for field, links, mode in change.links:
        write_links(tx, field, entity_id, links, mode)
    _keep_own(tx, entity_type, entity_id, change)
    step.finish(tx, entity_type, entity_id, change.links)
    return show(tx, entity_type.name, [entity_id], change.written)[0]


def delete(tx: Transaction, entity_type: EntityType, entity_id: int) -> bool:
    """
    Retire a row; return False if it was already retired.

    Raises:
        Fault: There is no such row, or rows of its type cannot be deleted. In a batch, also if it was already retired.
    """
    if entity_type.name in _PERMANENT:
        raise Fault(f"Entity of type {entity_type.name} can not be deleted by this user.", DATABASE)
    retired = is_retired(tx, entity_type.name, entity_id)
    if retired is None:
        raise missing(entity_type.name, entity_id)
    if retired and tx.in_batch:
        raise missing(entity_type.name, entity_id)
    if not retired:
        consequences.check_delete(tx, entity_type, entity_id)
        waiting = consequences.waiting_for(tx, entity_type, entity_id)
        retire_row(tx, entity_type.name, entity_id)
        consequences.finish_delete(tx, waiting)
    return not retired


def revive(tx: Transaction, entity_type: EntityType, entity_id: int) -> bool:
    """
    Revive a retired row; return False if it was not retired.

    Raises:
        Fault: There is no such row, or another row has its unique name or connects the same pair by now.
    """
    retired = is_retired(tx, entity_type.name, entity_id)
    if retired is None:
        raise missing(entity_type.name, entity_id)
    if retired:
        _check_revival(tx, entity_type, entity_id)
        revive_row(tx, entity_type.name, entity_id)
        consequences.finish_revive(tx, entity_type, entity_id)
    return retired


def missing(entity_type: str, entity_id: Any) -> Fault:
    """
    Return the fault for a row that does not exist.
    """
    return Fault(f"Entity of type [{entity_type}] with id={entity_id} does not exist.", DATABASE)


def _change(
    tx: Transaction, entity_type: EntityType, fields: list[dict[str, Any]], *, is_insert: bool = False
) -> _Change:
    change = _Change()
    for item in fields:
        name, value = item["field_name"], item.get("value")
        # `insert_given` has checked its fields, and may set those that only the site writes.
        field = entity_type.fields[name] if is_insert else _writable(tx, entity_type, item)
        change.written.append(name)
        if name in _DISCARDED:
            continue
        if field.data_type == "entity":
            link = None if value is None else _existing(tx, field, [parse_link(tx, field, value)])[0]
            change.columns.update(link_columns(name, link))
        elif field.data_type == "multi_entity":
            change.links.append(_link_change(tx, field, item))
        elif field.data_type == "password":
            change.password = parse_password(tx, field, value)
        elif field.data_type == "url":
            change.columns.update({name: None} if value is None else stored_file(tx, field, value))
        else:
            target = change.personal if field.is_personal else change.columns
            target[name] = stored(tx, field, value)
            if name == "image":  # clearing the thumbnail also clears its filmstrip
                change.columns.update(without_image(entity_type))
            if name == entity_type.identifier and change.columns[name] is None:
                _check_name(tx, entity_type)
    return change


def _keep_own(tx: Transaction, entity_type: EntityType, entity_id: int, change: _Change) -> None:
    """
    Store what the tables of the entity types do not hold: personal values and the password.
    """
    if change.personal:
        keep(tx, entity_type.name, entity_id, change.personal)
    if change.password is not None:
        set_secret(tx, entity_type.name, entity_id, change.password)


def _writable(tx: Transaction, entity_type: EntityType, item: dict[str, Any]) -> Field:
    name = item["field_name"]
    field = entity_type.fields.get(name)
    path = f"{entity_type.name}.{name}"
    shown = inspect({"value": item.get("value"), "field_name": name}, spaced=False)
    if field is None:
        if tx.in_batch:
            raise Fault(
                f"Invalid field value, update failed [2 - Invalid field name: field [{path}] does not exist or user "
                "does not have access permission.]"
            )
        raise Fault(f"API {tx.rpc}() {path} doesn't exist:\n{shown}")
    rule = write_rule(field)
    read_only = Fault(f"API {tx.rpc}() {path} is read only:\n{shown}")
    if rule.writes is Writes.NEVER:
        raise read_only
    if not rule.sure:
        refuse_when_strict(tx, Doubt.FIELD, read_only)
    if rule.writes is Writes.ON_CREATE and tx.rpc != "create":
        raise Fault(f"API {tx.rpc}() {path} is editable on create only.")
    if path == "Note.client_note" and item.get("value"):
        raise Fault(f"API {tx.rpc}() Client Notes can not be created through the API.")
    return field


def _link_change(tx: Transaction, field: Field, item: dict[str, Any]) -> tuple[Field, list[Link], str]:
    value: Any = item.get("value")
    mode = item.get("multi_entity_update_mode", "set")
    if isinstance(value, dict) and "multi_entity_update_mode" in value:
        value, mode = value.get("value"), value["multi_entity_update_mode"]
    if mode not in MODES:
        raise Fault(
            f"API {tx.rpc}() invalid 'multi_entity_update_mode' for {field.path}: {inspect(mode)} "
            f"Valid modes: {inspect(MODES)}"
        )
    if isinstance(value, dict):
        missing_mode = Fault(f"API {tx.rpc}() invalid/missing string 'multi_entity_update_mode': {inspect(value)}")
        refuse_when_strict(tx, Doubt.BARE_LINK, missing_mode)
        value = [value]
    if not isinstance(value, list):
        raise wrong_class(tx, field, value)
    for link in value:
        if not isinstance(link, dict):
            raise Fault(f"API {tx.rpc}() invalid/missing entity hash: {inspect(link)}")
    links = [{**link, **parse_link(tx, field, link)} for link in value]
    # Removing a link to a row that no longer exists is allowed.
    return field, links if mode == "remove" else _existing(tx, field, links), mode


def _existing(tx: Transaction, field: Field, links: list[Link]) -> list[Link]:
    """
    Return *links*. Raise a fault if one has a type that the field does not accept, or if its row is not live.
    """
    wanted: dict[str, set[int]] = {}
    for link in links:
        _check_type(tx, field, link["type"])
        wanted.setdefault(link["type"], set()).add(link["id"])
    names = tx.names(wanted)
    if any((link["type"], link["id"]) not in names for link in links):
        raise write_failed(tx, field, "Value is not legal.")
    return links


def _check_type(tx: Transaction, field: Field, entity_type: str) -> None:
    """
    Raise a fault if the field does not take links to the type, or if the site is strict and that is not known.
    """
    if field.data_type == "multi_entity":
        illegal = write_failed(tx, field, "Value is not legal.")
        only = far_type_of(field)
        if only not in {None, entity_type}:
            raise illegal
        if only is None and entity_type not in field.valid_types and not field.is_type_advice:
            refuse_when_strict(tx, Doubt.LISTED_TYPES, illegal)
    elif entity_type not in field.valid_types and not field.is_type_advice:
        expected = write_failed(tx, field, f"{field.valid_types[0]} expected, got {entity_type}")
        if not field.takes_any_type:
            raise expected
        refuse_when_strict(tx, Doubt.ONLY_TYPE, expected)


def _check_project(tx: Transaction, entity_type: EntityType, sent: Mapping[str, Any], change: _Change) -> None:
    if entity_type.name == "Task" and change.columns.get("task_template__id") is not None:
        if change.columns.get("project__id") is not None:
            raise Fault(f"API {tx.rpc}() Invalid Task: a task template may not have a project")
        return
    missing_project = Fault(f"API {tx.rpc}() missing 'project' attribute: {inspect(dict(sent))}")
    if entity_type.name == "Attachment" and change.columns.get("project__id") is None:
        refuse_when_strict(tx, Doubt.NO_PROJECT, missing_project)
    if entity_type.needs_project and change.columns.get("project__id") is None:
        raise missing_project


def _check_name(tx: Transaction, entity_type: EntityType) -> None:
    if generated_name(entity_type, 0) is None and entity_type.name != "Project":
        return
    if tx.rpc == "create" or entity_type.name != "Task":
        raise _empty_name(entity_type, "Create" if tx.rpc == "create" else "Update")


def _empty_name(entity_type: EntityType, verb: str = "Create") -> Fault:
    return Fault(
        f"{verb} failed for [{entity_type.name}]: Cannot set identifier field to empty. ({entity_type.name})", DATABASE
    )


def _check_unique(
    tx: Transaction, entity_type: EntityType, columns: Mapping[str, Any], entity_id: Optional[int]
) -> None:
    table = tx.tables[entity_type.name]
    for field in entity_type.fields.values():
        value = columns.get(field.name)
        if not field.unique or value is None:
            continue
        same = sa.select(table.c.id).where(
            table.c[field.name] == value, table.c.retired_at.is_(None), table.c.id.is_not(entity_id)
        )
        if tx.connection.execute(same.limit(1)).first() is not None:
            verb = "Create" if entity_id is None else "Update"
            raise Fault(
                f"{verb} failed for [{entity_type.name}]: The value for the {field.label} field is required to be "
                "unique.",
                DATABASE,
            )


def _check_connection(
    tx: Transaction, entity_type: EntityType, columns: Mapping[str, Any], entity_id: Optional[int] = None
) -> None:
    ends = connection_ends(entity_type.name)
    if ends is None or (entity_id is not None and not any(f"{end}__id" in columns for end in ends)):
        return
    table = tx.tables[entity_type.name]
    if entity_id is not None:
        old = sa.select(*(table.c[f"{end}__id"] for end in ends)).where(table.c.id == entity_id)
        columns = {**tx.connection.execute(old).mappings().one(), **columns}
    if any(columns.get(f"{end}__id") is None for end in ends):
        return
    same = [table.c[f"{end}__id"] == columns.get(f"{end}__id") for end in ends]
    query = sa.select(table.c.id).where(*same, table.c.retired_at.is_(None), table.c.id.is_not(entity_id))
    if tx.connection.execute(query).first() is not None:
        verb = "Create" if entity_id is None else "Update"
        raise Fault(
            f"{verb} failed for [{entity_type.name}]: Validation failed: There is already a connection between the "
            "entities.",
            DATABASE,
        )


def _check_revival(tx: Transaction, entity_type: EntityType, entity_id: int) -> None:
    """
    Raise a fault if another live row has the unique name of a retired row, or connects the same pair.
    """
    table = tx.tables[entity_type.name]
    names = [field.name for field in entity_type.fields.values() if field.unique]
    names += [f"{end}__id" for end in connection_ends(entity_type.name) or ()]
    if names:
        query = sa.select(*(table.c[name] for name in names)).where(table.c.id == entity_id)
        columns = dict(tx.connection.execute(query).mappings().one())
        try:
            _check_unique(tx, entity_type, columns, entity_id)
            _check_connection(tx, entity_type, columns, entity_id)
        except Fault as error:
            raise Fault("Can't unretire the entity because a field has a non-unique value.", DATABASE) from error


def _complete(tx: Transaction, entity_type: EntityType, columns: dict[str, Any]) -> None:
    """
    Fill in the columns that the site sets by itself: users, times, and names that are made of other columns.
    """
    fields = entity_type.fields
    for name in ("created_at", "updated_at"):
        if name in fields:
            columns.setdefault(name, tx.moment)  # a caller may send null
    for name in ("created_by", "updated_by"):
        if name in fields and columns.get(f"{name}__id") is None:
            columns.update(_actor_columns(tx, name))
    by_person = tx.actor is not None and tx.actor.type == "HumanUser"
    # A version that a script creates has no artist, unless the script sends one.
    authored = entity_type.name in _AUTHORED or (entity_type.name == "Version" and by_person)
    if authored and "user__id" not in columns:
        columns.update(_actor_columns(tx, "user"))
    _complete_user(tx, entity_type, columns)
    for name in _INITIAL_TEXTS.keys() & fields.keys():
        columns.setdefault(name, _INITIAL_TEXTS[name])
    if entity_type.name == "TimeLog":
        columns.setdefault("date", tx.moment[:10])
        columns.setdefault("description", "New Time Log")
    if entity_type.name == "EventLogEntry":
        columns.setdefault("description", "New Event")
        columns.setdefault("session_uuid", tx.session_uuid)
    columns.update({**_FIRST_VALUES.get(entity_type.name, {}), **columns})


def _complete_user(tx: Transaction, entity_type: EntityType, columns: dict[str, Any]) -> None:
    """
    Fill in the names and the permissions of a new person or script.
    """
    if entity_type.name == "HumanUser" and not any(columns.get(name) for name in ("firstname", "lastname", "name")):
        columns.update(firstname="New", lastname=f"User {uuid.uuid4().hex[:8]}")
    if entity_type.name in _PEOPLE and columns.get("name") is None:
        columns["name"] = " ".join(filter(None, (columns.get("firstname"), columns.get("lastname")))) or None
    if entity_type.name in _PERMISSIONS and columns.get("permission_rule_set__id") is None:
        columns.update(link_columns("permission_rule_set", _permissions(tx, _PERMISSIONS[entity_type.name])))


def _permissions(tx: Transaction, code: str) -> Optional[Link]:
    rule_sets = tx.tables["PermissionRuleSet"]
    query = sa.select(rule_sets.c.id).where(rule_sets.c.code == code, rule_sets.c.retired_at.is_(None))
    entity_id = tx.connection.execute(query).scalar()
    return None if entity_id is None else {"type": "PermissionRuleSet", "id": entity_id}


def _actor_columns(tx: Transaction, name: str) -> dict[str, Any]:
    actor = tx.actor
    return link_columns(name, None if actor is None else {"type": actor.type, "id": actor.id})


def _person_name(tx: Transaction, entity_type: EntityType, entity_id: int, columns: Mapping[str, Any]) -> Optional[str]:
    table = tx.tables[entity_type.name]
    query = sa.select(table.c.firstname, table.c.lastname).where(table.c.id == entity_id)
    row = {**tx.connection.execute(query).mappings().one(), **columns}
    return " ".join(filter(None, (row["firstname"], row["lastname"]))) or None
