"""
Sessions: random tokens that stand for the credentials with which they began, until they expire.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from typing import TYPE_CHECKING, Optional, cast

import sqlalchemy as sa

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
    owner = Actor(row.type, row.id)
    caller = None if row.by_type is None else Actor(row.by_type, row.by_id)
    if not _is_active(tx, owner) or (caller is not None and not _is_active(tx, caller)):
        return None
    tx.kept[_BEGAN] = row.created_at
    if row.process is not None:
        mark_temporary(tx, process)
    return owner if caller in (None, owner) else Actor(row.type, row.id, caller)


def token_digest(token: str) -> str:
    """
    Return the hash of a token. Tokens are random, so a fast one is enough.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _is_active(tx: Transaction, actor: Actor) -> bool:
    directory, people = tx.tables.directory, tx.tables["HumanUser"]
    live = sa.select(directory.c.id).where(
        directory.c.type == actor.type, directory.c.id == actor.id, directory.c.retired == 0
    )
    if tx.connection.execute(live).first() is None:
        return False
    if actor.type != "HumanUser":
        return True
    status = tx.connection.execute(sa.select(people.c.sg_status_list).where(people.c.id == actor.id)).scalar()
    return status == "act"
