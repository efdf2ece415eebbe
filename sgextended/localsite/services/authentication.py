"""
Authentication: a request carries a script's name and key, a user's login and password, or a session token.

A user may need a one-time code in addition to the password. Each code is valid for one request, commonly the one that
starts a session.

The database keeps keys and passwords as slow hashes. After a secret was verified once, memory keeps a fast keyed digest
of it, so that the next request with it is cheap. Session tokens are random, so a fast hash is enough for them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
import threading
import uuid
from typing import TYPE_CHECKING, Any, Optional, cast

import sqlalchemy as sa

from sgextended.localsite.errors import AUTHENTICATION, MISSING_CODE, Fault
from sgextended.localsite.storage.credentials import set_secret, slow_hash
from sgextended.localsite.storage.transaction import MOMENT, Actor, Transaction

if TYPE_CHECKING:
    from collections.abc import Iterable

# The roles that may act as another user.
_MAY_SUDO = frozenset({"admin", "api_admin"})


class Authenticator:
    """
    Identifies callers by their credentials.

    Attributes:
        session_lifetime: Seconds after which a session token has expired.
    """

    def __init__(self, *, session_lifetime: float = 86400.0) -> None:
        self.session_lifetime = session_lifetime
        self._temporary: dict[tuple[str, int], bytes] = {}
        self._pepper = secrets.token_bytes(32)
        # The salt is part of the key, because a request of the API can change a password.
        self._verified: dict[tuple[str, int, bytes], bytes] = {}
        self._lock = threading.Lock()

    def set_secret(self, tx: Transaction, entity_type: str, entity_id: int, secret: str) -> None:
        """
        Set the key of a script or the password of a user. The earlier one is no longer valid.
        """
        self._remember((entity_type, entity_id, set_secret(tx, entity_type, entity_id, secret)), secret)

    def has_secret(self, tx: Transaction, entity_type: str, entity_id: int) -> bool:
        """
        Return whether the database has a key of the script or a password of the user.
        """
        credentials = tx.tables.credentials
        query = sa.select(credentials.c.id).where(credentials.c.type == entity_type, credentials.c.id == entity_id)
        return tx.connection.execute(query).first() is not None

    def add_temporary_secret(self, entity_type: str, entity_id: int, secret: str) -> None:
        """
        Accept a second key or password in addition to the stored one, as long as this object exists.
        """
        with self._lock:
            self._temporary[entity_type, entity_id] = self._keyed(secret)

    def set_codes(self, tx: Transaction, user_id: int, codes: Iterable[str]) -> None:
        """
        Set the one-time codes of a user, one of which each login needs in addition to the password.
        """
        table = tx.tables.one_time_codes
        tx.connection.execute(sa.delete(table).where(table.c.user_id == user_id))
        rows = [{"user_id": user_id, "digest": _fast_hash(f"{user_id}:{code}")} for code in dict.fromkeys(codes)]
        if rows:
            tx.connection.execute(sa.insert(table), rows)

    def identify(self, tx: Transaction, auth: Any, *, use_code: bool = True) -> Actor:
        """
        Return the user or script that the credentials belong to.

        Args:
            tx: The transaction of the request.

            auth: The credentials of the request.

            use_code: Whether a one-time code is marked as used. If so, *tx* must be able to write.

        Raises:
            Fault: With code 102 if the credentials are not valid; with 106 if only the one-time code is missing or
                wrong.
        """
        if not isinstance(auth, dict):
            raise Fault("Can't authenticate: the request carries no credentials.", AUTHENTICATION)
        tx.session_uuid = _session_uuid(auth.get("session_uuid"))
        caller = self._caller(tx, auth)
        if "user_login" in auth:
            _check_code(tx, caller.id, auth, use_code=use_code)
        login = auth.get("sudo_as_login")
        return caller if not login else _impersonated(tx, caller, str(login))

    def _caller(self, tx: Transaction, auth: dict[str, Any]) -> Actor:
        if "user_login" in auth:
            login = str(auth["user_login"])
            actor = self._find(tx, "HumanUser", "login", login, auth.get("user_password"))
            refusal = f"Can't authenticate user '{login}'."
        elif "script_name" in auth:
            name = str(auth["script_name"])
            actor = self._find(tx, "ApiUser", "firstname", name, auth.get("script_key"))
            refusal = f"Can't authenticate script '{name}'"
        else:
            token = str(auth.get("session_token") or "")
            actor = self._session_owner(tx, token, reject_expired=_is_true(auth.get("reject_if_expired")))
            refusal = f"Can't authenticate session token ending with '{token[-4:]}'"
        if actor is None:
            raise Fault(refusal, AUTHENTICATION)
        return actor

    def _find(self, tx: Transaction, entity_type: str, column: str, name: str, secret: Any) -> Optional[Actor]:
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
        key = (entity_type, row.id, row.salt)
        with self._lock:
            accepted = self._verified.get(key), self._temporary.get((entity_type, row.id))
        known = [found for found in accepted if found is not None]
        given = self._keyed(secret)
        # All are compared, so that the time reveals nothing.
        matches = [hmac.compare_digest(found, given) for found in known]
        if not any(matches):
            if not hmac.compare_digest(row.digest, slow_hash(secret, row.salt)):
                return None
            self._remember(key, secret)
        return Actor(entity_type, row.id)

    def _session_owner(self, tx: Transaction, token: str, *, reject_expired: bool) -> Optional[Actor]:
        sessions, directory = tx.tables.sessions, tx.tables.directory
        query = (
            sa.select(sessions.c.type, sessions.c.id, sessions.c.created_at)
            .where(directory.c.type == sessions.c.type, directory.c.id == sessions.c.id)
            .where(sessions.c.digest == _fast_hash(token), directory.c.retired == 0)
        )
        row = tx.connection.execute(query).first()
        if row is None:
            return None
        # Clients older than the option expect that an expired token stays valid.
        begun = dt.datetime.strptime(row.created_at, MOMENT).replace(tzinfo=dt.timezone.utc)
        if reject_expired and (tx.now - begun).total_seconds() >= self.session_lifetime:
            return None
        if row.type == "HumanUser":
            people = tx.tables["HumanUser"]
            status = tx.connection.execute(sa.select(people.c.sg_status_list).where(people.c.id == row.id)).scalar()
            if status != "act":
                return None
        return Actor(row.type, row.id)

    def _remember(self, key: tuple[str, int, bytes], secret: str) -> None:
        with self._lock:
            self._verified[key] = self._keyed(secret)

    def _keyed(self, secret: str) -> bytes:
        return hmac.new(self._pepper, secret.encode("utf-8", "surrogatepass"), "sha256").digest()


def start_session(tx: Transaction) -> str:
    """
    Return a new session token for the caller.
    """
    token = secrets.token_hex(16)
    owner = cast("Actor", tx.actor)  # every caller of this RPC has been identified
    tx.connection.execute(
        sa.insert(tx.tables.sessions),
        {"digest": _fast_hash(token), "type": owner.type, "id": owner.id, "created_at": tx.moment},
    )
    return token


def _session_uuid(value: Any) -> Optional[str]:
    """
    Return the session's UUID in the site's spelling; other text is returned unchanged.
    """
    if not isinstance(value, str) or not value:
        return None
    try:
        return str(uuid.UUID(value))
    except ValueError:
        return value


def _fast_hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _check_code(tx: Transaction, user_id: int, auth: dict[str, Any], *, use_code: bool) -> None:
    """
    Raise a fault if the user needs a one-time code and *auth* has no valid one.
    """
    table = tx.tables.one_time_codes
    if tx.connection.execute(sa.select(table.c.digest).where(table.c.user_id == user_id).limit(1)).first() is None:
        return
    login, code = auth["user_login"], auth.get("auth_token")
    if not isinstance(code, str) or not code:
        raise Fault(f"Missing two-factor authentication code for user '{login}'.", MISSING_CODE)
    good = (table.c.user_id == user_id, table.c.digest == _fast_hash(f"{user_id}:{code}"), table.c.used_at.is_(None))
    if tx.connection.execute(sa.select(table.c.digest).where(*good)).first() is None:
        raise Fault(f"Invalid two-factor authentication code for user '{login}'.", MISSING_CODE)
    if use_code:
        tx.connection.execute(sa.update(table).where(*good), {"used_at": tx.moment})


def _is_true(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _impersonated(tx: Transaction, caller: Actor, login: str) -> Actor:
    people, rule_sets = tx.tables["HumanUser"], tx.tables["PermissionRuleSet"]
    callers = tx.tables[caller.type]
    role = sa.select(rule_sets.c.code).where(
        rule_sets.c.id == callers.c.permission_rule_set__id, callers.c.id == caller.id
    )
    if tx.connection.execute(role).scalar() not in _MAY_SUDO:
        name = sa.select(callers.c.cached_display_name).where(callers.c.id == caller.id)
        who = tx.connection.execute(name).scalar()
        raise Fault(f"The user does not have permission to 'sudo': {caller.type} '{who}'", AUTHENTICATION)
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
