"""
Checks of a request against the role of its caller. A refusal names the type or the field, and its condition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import sqlalchemy as sa

from sgextended.localsite.errors import Fault
from sgextended.localsite.permissions.roles import (
    ADMIN,
    ASSIGNED,
    MANAGER,
    OWN,
    ROLES,
    SELF,
    may_administer,
    may_create,
    may_delete,
    may_update,
    names_author,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sgextended.localsite.permissions.roles import Rule
    from sgextended.localsite.storage.transaction import Actor, Transaction


def is_limited(tx: Transaction) -> bool:
    """
    Return whether the caller may not do everything. The site itself may.
    """
    return tx.actor is not None and tx.actor.role != ADMIN


def check_create(tx: Transaction, entity_type: str, fields: Iterable[Mapping[str, Any]]) -> None:
    """
    Raise a fault if the caller may not create rows of a type, or not as somebody else.
    """
    actor = tx.actor
    if actor is None or not is_limited(tx):
        return
    if not may_create(actor.role, entity_type):
        raise Fault(f"API {tx.rpc}() {entity_type} cannot be created by this user. {_why(tx)}")
    for item in fields:
        name, value = item["field_name"], item.get("value")
        is_self = isinstance(value, dict) and (value.get("type"), value.get("id")) == (actor.type, actor.id)
        if names_author(actor.role, entity_type, name) and value is not None and not is_self:
            raise Fault(
                f"API {tx.rpc}() {entity_type}.{name} is not editable by this user. {_why(tx)} Rule: it is the current "
                "user."
            )


def check_update(tx: Transaction, entity_type: str, entity_id: int, fields: Iterable[str]) -> None:
    """
    Raise a fault if the caller may not change one of the fields of a row.
    """
    if not is_limited(tx):
        return
    for field in fields:
        rule = may_update(_role(tx), entity_type, field)
        if not _holds(tx, rule, entity_type, entity_id):
            raise Fault(f"API {tx.rpc}() {entity_type}.{field} is not editable by this user. {_why(tx, rule)}")


def check_delete(tx: Transaction, entity_type: str, entity_id: int) -> None:
    """
    Raise a fault if the caller may not delete or revive a row.
    """
    if not is_limited(tx):
        return
    rule = may_delete(_role(tx), entity_type)
    if not _holds(tx, rule, entity_type, entity_id):
        verb = "revived" if tx.rpc == "revive" else "deleted"
        raise Fault(f"API {tx.rpc}() {entity_type} {entity_id} cannot be {verb} by this user. {_why(tx, rule)}")


def may_ever_update(tx: Transaction, entity_type: str, field: str) -> bool:
    """
    Return whether there may be a row in which the caller may change a field.
    """
    return not is_limited(tx) or may_update(_role(tx), entity_type, field).allowed


def check_administration(tx: Transaction) -> None:
    """
    Raise a fault if the caller may not change fields, working days and subscriptions.
    """
    if is_limited(tx) and not may_administer(_role(tx)):
        raise Fault(f"API {tx.rpc}() is not allowed for this user. {_why(tx)}")


def check_acts_for(tx: Transaction, user_id: int) -> None:
    """
    Raise a fault if the caller may not change the personal settings of a person.
    """
    actor = tx.actor
    if actor is None or actor.role in (ADMIN, MANAGER) or (actor.type, actor.id) == ("HumanUser", user_id):
        return
    raise Fault(f"API {tx.rpc}() HumanUser {user_id} is not the current user. {_why(tx)}")


def _role(tx: Transaction) -> str:
    return ADMIN if tx.actor is None else tx.actor.role


def _why(tx: Transaction, rule: Optional[Rule] = None) -> str:
    text = f"Role: {ROLES[_role(tx)]}."
    return text if rule is None or rule.condition is None else f"{text} Rule: {rule.condition}."


def _holds(tx: Transaction, rule: Rule, entity_type: str, entity_id: int) -> bool:
    if not rule.allowed or rule.condition is None or tx.actor is None:
        return rule.allowed
    actor = tx.actor
    if rule.condition == SELF:
        return (entity_type, entity_id) == (actor.type, actor.id)
    if rule.condition == ASSIGNED:
        return _is_assigned(tx, actor, entity_id)
    return rule.condition == OWN and _is_own(tx, actor, entity_type, entity_id)


def _is_own(tx: Transaction, actor: Actor, entity_type: str, entity_id: int) -> bool:
    table = tx.tables[entity_type]
    author = "user" if entity_type == "Reply" else "created_by"  # a reply has no field "created_by"
    if f"{author}__id" not in table.c:
        return False
    query = sa.select(table.c[f"{author}__type"], table.c[f"{author}__id"]).where(table.c.id == entity_id)
    row = tx.connection.execute(query).first()
    return row is not None and tuple(row) == (actor.type, actor.id)


def _is_assigned(tx: Transaction, actor: Actor, task_id: int) -> bool:
    links = tx.tables.links
    query = sa.select(links.c.left_id).where(
        links.c.relation == "Task.task_assignees",
        links.c.left_type == "Task",
        links.c.left_id == task_id,
        links.c.right_type == actor.type,
        links.c.right_id == actor.id,
    )
    return tx.connection.execute(query).first() is not None
