"""
The accounts of a site: its scripts and users, as the one who starts the site makes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import sqlalchemy as sa

from sgextended.localsite.errors import Fault
from sgextended.localsite.permissions.roles import ADMIN, READ_ONLY, ROLES
from sgextended.localsite.storage.single_row_writes import insert_row, link_columns, update_row
from sgextended.localsite.writing.row_writes import create

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sgextended.localsite.storage.transaction import Link, Transaction

# Live sites give a new script this version, which is part of the script's name in links.
_SCRIPT_VERSION = "1.0"


def create_user(tx: Transaction, login: str, role: str, fields: Mapping[str, Any]) -> Link:
    """
    Create a user and return a link to the user.

    Raises:
        Fault: The login is taken, the role does not exist, or a field does not take its value.
    """
    named = {"firstname", "lastname", "name"} & set(fields)
    values = {"login": login, **({} if named else {"name": login}), **fields}
    sent = [{"field_name": name, "value": value} for name, value in values.items()]
    tx.rpc = "create"
    user = create(tx, tx.schema["HumanUser"], sent, ["name"])
    set_role(tx, "HumanUser", user["id"], role)
    return {"type": "HumanUser", "id": user["id"], "name": user["name"]}


def user_with_login(tx: Transaction, login: str) -> Optional[int]:
    """
    Return the id of the user with a login, or None.
    """
    people = tx.tables["HumanUser"]
    query = sa.select(people.c.id).where(people.c.login == login, people.c.retired_at.is_(None))
    user_id: Optional[int] = tx.connection.execute(query).scalar()
    return user_id


def script_with_name(tx: Transaction, name: str, role: Optional[str] = None) -> int:
    """
    Return the id of the script of that name, and create the script if absent.

    Args:
        tx: The transaction.

        name: The name.

        role: The role of the script. None: an existing script keeps its role, a new one is an administrator.
    """
    scripts = tx.tables["ApiUser"]
    query = sa.select(scripts.c.id).where(scripts.c.firstname == name, scripts.c.retired_at.is_(None))
    script_id: Optional[int] = tx.connection.execute(query).scalar()
    if script_id is None:
        columns = {
            "firstname": name,
            "lastname": _SCRIPT_VERSION,
            "generate_event_log_entries": 1,
            "created_at": tx.moment,
            "updated_at": tx.moment,
        }
        script_id = insert_row(tx, "ApiUser", columns)
        role = role or ADMIN
    if role is not None:
        set_role(tx, "ApiUser", script_id, role)
    return script_id


def set_role(tx: Transaction, entity_type: str, entity_id: int, role: str) -> None:
    """
    Set the role of a user or script.

    Raises:
        Fault: There is no such role.
    """
    code = "api_admin" if (entity_type, role) == ("ApiUser", ADMIN) else role
    update_row(tx, entity_type, entity_id, link_columns("permission_rule_set", _rule_set(tx, code)))


def _rule_set(tx: Transaction, code: str) -> Link:
    rule_sets = tx.tables["PermissionRuleSet"]
    found = tx.connection.execute(sa.select(rule_sets.c.id).where(rule_sets.c.code == code)).scalar()
    if found is None and code == READ_ONLY:
        dates = {"created_at": tx.moment, "updated_at": tx.moment}
        columns = {"code": code, "display_name": ROLES[code], "entity_type": "HumanUser", **dates}
        found = insert_row(tx, "PermissionRuleSet", columns)
    if found is None:
        raise Fault(f"there is no permission rule set {code!r}. Roles: {', '.join(ROLES)}")
    return {"type": "PermissionRuleSet", "id": found}
