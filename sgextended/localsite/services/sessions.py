"""
Sessions: random tokens that stand for the credentials with which they began, until they expire.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from typing import TYPE_CHECKING, Any, Optional, cast

import attrs
import sqlalchemy as sa

from sgextended.localsite.permissions.roles import role_of_rule_set
from sgextended.localsite.storage.transaction import MOMENT, Actor

if TYPE_CHECKING:
    from sgextended.localsite.storage.transaction import Transaction

# Keys of `Transaction.kept`: when the session of the request began, the process in which its credentials are valid, and
# the lifetime of sessions.
_BEGAN = "sessions.began"
_PROCESS = "sessions.process"
_LIFETIME = "sessions.lifetime"


def mark_temporary(tx: Transaction, process: str) -> None:
    """
    Note that the request has credentials that are valid only as long as this process runs.
    """
    tx.kept[_PROCESS] = process


def set_lifetime(tx: Transaction, seconds: float) -> None:
    """
    Note after how many seconds a session expires.
    """
    tx.kept[_LIFETIME] = seconds


def start_session(tx: Transaction) -> str:
    """
    Return a new session token for the caller, and remove the sessions that have expired.

    A session that begins with another session expires with that one.
    """
    token = secrets.token_hex(16)
    owner = cast("Actor", tx.actor)  # every caller of this RPC has been identified
    caller = owner.caller or owner
    sessions = tx.tables.sessions
    oldest = (tx.now - dt.timedelta(seconds=tx.kept[_LIFETIME])).strftime(MOMENT)
    tx.connection.execute(sa.delete(sessions).where(sessions.c.created_at < oldest))
    columns = {
        "digest": token_digest(token),
        "type": owner.type,
        "id": owner.id,
        "created_at": tx.kept.get(_BEGAN, tx.moment),
        "by_type": caller.type,
        "by_id": caller.id,
        "process": tx.kept.get(_PROCESS),
    }
    tx.connection.execute(sa.insert(sessions), columns)
    return token


def session_owner(tx: Transaction, token: str, *, lifetime: float, process: str) -> Optional[Actor]:
    """
    Return the user or script of a session; None if it has expired, or its owner or the one who began it is gone.

    Args:
        tx: The transaction of the request.

        token: The token.

        lifetime: Seconds after which a session expires.

        process: The name of this process. Sessions that began with temporary credentials belong to one process.
    """
    sessions = tx.tables.sessions
    row = tx.connection.execute(sa.select(sessions).where(sessions.c.digest == token_digest(token))).first()
    if row is None or row.process not in (None, process):
        return None
    began = dt.datetime.strptime(row.created_at, MOMENT).replace(tzinfo=dt.timezone.utc)
    if (tx.now - began).total_seconds() >= lifetime:
        return None
    owner = _active(tx, row.type, row.id)
    caller = owner if row.by_type is None else _active(tx, row.by_type, row.by_id)
    if owner is None or caller is None:
        return None
    tx.kept[_BEGAN] = row.created_at
    if row.process is not None:
        mark_temporary(tx, process)
    return owner if caller == owner else attrs.evolve(owner, caller=caller)


def token_digest(token: str) -> str:
    """
    Return the hash of a token. Tokens are random, so a fast one is enough.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def rule_set_code(tx: Transaction, table: sa.FromClause) -> sa.Label[Any]:
    """
    Return the column ``role``: the code of the permission rule set of a person or script in *table*.
    """
    rule_sets = tx.tables["PermissionRuleSet"]
    query = sa.select(rule_sets.c.code).where(rule_sets.c.id == table.c.permission_rule_set__id)
    return query.scalar_subquery().label("role")


def _active(tx: Transaction, entity_type: str, entity_id: int) -> Optional[Actor]:
    """
    Return a person or script; None if it is retired or disabled.
    """
    table = tx.tables[entity_type]
    query = sa.select(table.c.id, rule_set_code(tx, table)).where(table.c.id == entity_id, table.c.retired_at.is_(None))
    if entity_type == "HumanUser":
        query = query.where(table.c.sg_status_list == "act")
    row = tx.connection.execute(query).first()
    return None if row is None else Actor(entity_type, entity_id, role=role_of_rule_set(row.role, entity_type))
