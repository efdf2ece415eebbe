"""
Checks of a request against the role of its caller. A refusal names the type or the field, and its condition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

import sqlalchemy as sa

from sgextended.localsite.errors import Fault
from sgextended.localsite.permissions.roles import (
    ADMIN,
    ASSIGNED,
    MANAGER,
    OWN,
    ROLES,
    SELF,
    may_change_schema,
    may_create,
    may_delete,
    may_update,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sgextended.localsite.permissions.roles import Rule
    from sgextended.localsite.storage.transaction import Actor, Transaction


def is_limited(tx: Transaction) -> bool:
    """
    Return whether the caller may not do everything. The site itself may.
    """
    return tx.actor is not None and tx.actor.role != ADMIN


def check_create(tx: Transaction, entity_type: str) -> None:
    """
    Raise a fault if the caller may not create rows of a type.
    """
    if is_limited(tx) and not may_create(_role(tx), entity_type):
        raise Fault(f"API {tx.rpc}() {entity_type} cannot be created by this user. {_why(tx)}")


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


def check_schema_change(tx: Transaction) -> None:
    """
    Raise a fault if the caller may not change the schema or the working days.
    """
    if is_limited(tx) and not may_change_schema(_role(tx)):
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
    if "created_by__id" not in table.c:
        return False
    query = sa.select(table.c.created_by__type, table.c.created_by__id).where(table.c.id == entity_id)
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
