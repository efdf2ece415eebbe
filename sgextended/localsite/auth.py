"""
Who a request comes from: a script and its key, a person and their password, or a session token (protocol 1.3).

Keys and passwords are kept as slow hashes. A secret that was verified once is remembered in memory, as a fast keyed
digest, so that the next request with it is cheap. Session tokens are random, so a fast hash is enough for them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from typing import Any, Optional, cast

import sqlalchemy as sa

from sgextended.localsite.errors import AUTHENTICATION, Fault
from sgextended.localsite.transaction import Actor, Transaction

_SCRYPT = {"n": 2**13, "r": 8, "p": 1}


class Authenticator:
    """
    Identifies callers by what they send.
    """

    def __init__(self) -> None:
        self._pepper = secrets.token_bytes(32)
        self._verified: dict[tuple[str, int], bytes] = {}
        self._lock = threading.Lock()

    def set_secret(self, tx: Transaction, entity_type: str, entity_id: int, secret: str) -> None:
        """
        Give a script its key or a person their password; an earlier one is void.
        """
        salt = secrets.token_bytes(16)
        digest = _slow_hash(secret, salt)
        credentials = tx.tables.credentials
        tx.connection.execute(
            sa.delete(credentials).where(credentials.c.type == entity_type, credentials.c.id == entity_id)
        )
        tx.connection.execute(
            sa.insert(credentials), {"type": entity_type, "id": entity_id, "salt": salt, "digest": digest}
        )
        self._remember((entity_type, entity_id), secret)

    def identify(self, tx: Transaction, auth: Any) -> Actor:
        """
        Return who asks.

        Raises:
            Fault: With code 102 and the site's text, if nobody can be identified.
        """
        if not isinstance(auth, dict):
            raise Fault("Can't authenticate: the request carries no credentials.", AUTHENTICATION)
        caller = self._caller(tx, auth)
        login = auth.get("sudo_as_login")
        return caller if not login else _impersonated(tx, caller, str(login))

    def _caller(self, tx: Transaction, auth: dict[str, Any]) -> Actor:
        if "user_login" in auth:
            login = str(auth["user_login"])
            actor = self._known(tx, "HumanUser", "login", login, auth.get("user_password"))
            refusal = f"Can't authenticate user '{login}'."
        elif "script_name" in auth:
            name = str(auth["script_name"])
            actor = self._known(tx, "ApiUser", "firstname", name, auth.get("script_key"))
            refusal = f"Can't authenticate script '{name}'"
        else:
            token = str(auth.get("session_token") or "")
            actor = _session_owner(tx, token)
            refusal = f"Can't authenticate session token ending with '{token[-4:]}'"
        if actor is None:
            raise Fault(refusal, AUTHENTICATION)
        return actor

    def _known(self, tx: Transaction, entity_type: str, column: str, name: str, secret: Any) -> Optional[Actor]:
        table, credentials = tx.tables[entity_type], tx.tables.credentials
        query = (
            sa.select(table.c.id, credentials.c.salt, credentials.c.digest)
            .where(credentials.c.type == entity_type, credentials.c.id == table.c.id)
            .where(table.c[column] == name, table.c.retired_at.is_(None))
        )
        if entity_type == "HumanUser":
            query = query.where(table.c.sg_status_list == "act")
        row = tx.connection.execute(query).first()
        if row is None or not isinstance(secret, str):
            return None
        key = (entity_type, row.id)
        with self._lock:
            verified = self._verified.get(key)
        if verified is None or not hmac.compare_digest(verified, self._keyed(secret)):
            if not hmac.compare_digest(row.digest, _slow_hash(secret, row.salt)):
                return None
            self._remember(key, secret)
        return Actor(entity_type, row.id)

    def _remember(self, key: tuple[str, int], secret: str) -> None:
        with self._lock:
            self._verified[key] = self._keyed(secret)

    def _keyed(self, secret: str) -> bytes:
        return hmac.new(self._pepper, secret.encode("utf-8", "surrogatepass"), "sha256").digest()


def start_session(tx: Transaction) -> str:
    """
    Return a new session token for whoever asks.
    """
    token = secrets.token_hex(16)
    owner = cast("Actor", tx.actor)  # nobody comes this far without having been identified
    tx.connection.execute(
        sa.insert(tx.tables.sessions),
        {"digest": _fast_hash(token), "type": owner.type, "id": owner.id, "created_at": tx.moment},
    )
    return token


def _slow_hash(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.encode("utf-8", "surrogatepass"), salt=salt, **_SCRYPT)


def _fast_hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _session_owner(tx: Transaction, token: str) -> Optional[Actor]:
    sessions, directory = tx.tables.sessions, tx.tables.directory
    query = (
        sa.select(sessions.c.type, sessions.c.id)
        .where(directory.c.type == sessions.c.type, directory.c.id == sessions.c.id)
        .where(sessions.c.digest == _fast_hash(token), directory.c.retired == 0)
    )
    row = tx.connection.execute(query).first()
    return None if row is None else Actor(row.type, row.id)


def _impersonated(tx: Transaction, caller: Actor, login: str) -> Actor:
    people = tx.tables["HumanUser"]
    query = sa.select(people.c.id, people.c.sg_status_list, people.c.can_impersonate_this_user).where(
        people.c.login == login, people.c.retired_at.is_(None)
    )
    row = tx.connection.execute(query).first()
    if row is None:
        raise Fault(f"Cannot 'sudo' - unknown or retired user: '{login}'", AUTHENTICATION)
    if row.sg_status_list != "act":
        raise Fault(f"Cannot 'sudo' - inactive user account: '{login}'", AUTHENTICATION)
    if not row.can_impersonate_this_user:
        raise Fault(
            f"Cannot 'sudo' - user account has 'can_impersonate_this_user' turned off: '{login}'", AUTHENTICATION
        )
    return Actor("HumanUser", row.id, caller)
