"""
Authentication: a request carries a script's name and key, a user's login and password, or a session token.

A user may need a one-time code in addition to the password. Each code is valid for one request, commonly the one that
starts a session.

The database keeps keys and passwords as slow hashes. After a secret was verified once, memory keeps a fast keyed digest
of it, so that the next request with it is cheap. A wrong secret takes equally long whether or not its account exists.
"""

from __future__ import annotations

import collections
import hmac
import secrets
import threading
import uuid
from typing import TYPE_CHECKING, Any, Optional

import sqlalchemy as sa

from sgextended.localsite.errors import AUTHENTICATION, MISSING_CODE, Fault
from sgextended.localsite.permissions.roles import ADMIN, role_of_rule_set
from sgextended.localsite.services.guess_limits import GuessLimits
from sgextended.localsite.services.sessions import (
    mark_temporary,
    rule_set_code,
    session_owner,
    set_lifetime,
    token_digest,
)
from sgextended.localsite.storage.credentials import is_secret, set_secret
from sgextended.localsite.storage.transaction import Actor, Transaction

if TYPE_CHECKING:
    from collections.abc import Iterable

# The number of credentials that are remembered as right.
_MOST_RECENT = 1000


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
        self._process = secrets.token_hex(16)
        # With the salt, because a request of the API can change a password.
        self._verified: dict[tuple[str, int], tuple[bytes, bytes]] = {}
        self._recent: collections.OrderedDict[tuple[str, str, bytes], None] = collections.OrderedDict()
        self._limits = GuessLimits()
        self._lock = threading.Lock()

    def set_secret(
        self, tx: Transaction, entity_type: str, entity_id: int, secret: str, *, generated: bool = False
    ) -> None:
        """
        Set the key of a script or the password of a user. The earlier one is no longer valid, and its sessions end.

        Args:
            tx: The transaction.

            entity_type: ``"ApiUser"`` or ``"HumanUser"``.

            entity_id: The id of the script or user.

            secret: The key or password.

            generated: Whether the secret is a random one that the site made.
        """
        salt = set_secret(tx, entity_type, entity_id, secret, generated=generated)
        self._remember((entity_type, entity_id), salt, secret)

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
        rows = [{"user_id": user_id, "digest": token_digest(f"{user_id}:{code}")} for code in dict.fromkeys(codes)]
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
            Fault: With code 102 if the credentials are not valid, or too many wrong ones were sent before; with 106 if
                only the one-time code is missing or wrong.
        """
        if not isinstance(auth, dict):
            raise Fault("Can't authenticate: the request carries no credentials.", AUTHENTICATION)
        tx.session_uuid = _session_uuid(auth.get("session_uuid"))
        set_lifetime(tx, self.session_lifetime)
        if "user_login" in auth or "script_name" in auth:
            caller = self._named(tx, auth, use_code=use_code)
        else:
            caller = self._by_session(tx, str(auth.get("session_token") or ""))
        login = auth.get("sudo_as_login")
        return caller if not login else _impersonated(tx, caller, str(login))

    def is_quick(self, auth: Any) -> bool:
        """
        Return whether `identify` needs no slow hash for these credentials.
        """
        if not isinstance(auth, dict) or not ("user_login" in auth or "script_name" in auth):
            return True
        kind, name, secret = _name_and_secret(auth)
        with self._lock:
            return (kind, name, self._keyed(secret)) in self._recent if isinstance(secret, str) else True

    def _named(self, tx: Transaction, auth: dict[str, Any], *, use_code: bool) -> Actor:
        kind, name, secret = _name_and_secret(auth)
        refusal = f"Can't authenticate user '{name}'." if kind == "HumanUser" else f"Can't authenticate script '{name}'"
        if not isinstance(secret, str):
            raise Fault(refusal, AUTHENTICATION)
        account = f"{kind} {name}"
        guess = self._keyed(f"{secret}\n{auth.get('auth_token')}")
        wait = self._limits.begin(account, tx.client, guess)
        if wait:
            raise Fault(
                f"{refusal.rstrip('.')}: too many wrong logins came from this address. Try again in {wait} seconds.",
                AUTHENTICATION,
            )
        try:
            actor = self._find(tx, kind, name, secret, refusal)
            if kind == "HumanUser":
                _check_code(tx, actor.id, auth, use_code=use_code)
        except Fault:
            self._limits.fail(account, tx.client, guess)
            raise
        self._limits.succeed(account, tx.client, guess)
        with self._lock:
            self._recent[kind, name, self._keyed(secret)] = None
            while len(self._recent) > _MOST_RECENT:
                self._recent.popitem(last=False)
        return actor

    def _find(self, tx: Transaction, entity_type: str, name: str, secret: str, refusal: str) -> Actor:
        table, credentials = tx.tables[entity_type], tx.tables.credentials
        column = "login" if entity_type == "HumanUser" else "firstname"
        query = (
            sa.select(table.c.id, credentials.c.salt, credentials.c.digest, rule_set_code(tx, table))
            .where(credentials.c.type == entity_type, credentials.c.id == table.c.id)
            .where(table.c[column] == name, table.c.retired_at.is_(None))
        )
        if entity_type == "HumanUser":
            query = query.where(table.c.sg_status_list == "act")
        row = tx.connection.execute(query).first()
        if row is None:
            is_secret(tx, secret, None, None)  # for the time that it takes
            raise Fault(refusal, AUTHENTICATION)
        key = (entity_type, row.id)
        with self._lock:
            salt, verified = self._verified.get(key, (b"", b""))
            temporary = self._temporary.get(key, b"")
        given = self._keyed(secret)
        is_temporary = hmac.compare_digest(temporary, given)
        if is_temporary:
            mark_temporary(tx, self._process)
        elif not (salt == row.salt and hmac.compare_digest(verified, given)):
            if not is_secret(tx, secret, row.salt, row.digest):
                raise Fault(refusal, AUTHENTICATION)
            self._remember(key, row.salt, secret)
        return Actor(entity_type, row.id, role=role_of_rule_set(row.role, entity_type))

    def _by_session(self, tx: Transaction, token: str) -> Actor:
        found = session_owner(tx, token, lifetime=self.session_lifetime, process=self._process)
        if found is None:
            raise Fault(f"Can't authenticate session token ending with '{token[-4:]}'", AUTHENTICATION)
        return found

    def _remember(self, key: tuple[str, int], salt: bytes, secret: str) -> None:
        with self._lock:
            self._verified[key] = salt, self._keyed(secret)

    def _keyed(self, secret: str) -> bytes:
        return hmac.new(self._pepper, secret.encode("utf-8", "surrogatepass"), "sha256").digest()


def _name_and_secret(auth: dict[str, Any]) -> tuple[str, str, Any]:
    """
    Return the entity type, the name and the secret of credentials.
    """
    if "user_login" in auth:
        return "HumanUser", str(auth["user_login"]), auth.get("user_password")
    return "ApiUser", str(auth["script_name"]), auth.get("script_key")


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
    good = (table.c.user_id == user_id, table.c.digest == token_digest(f"{user_id}:{code}"), table.c.used_at.is_(None))
    if tx.connection.execute(sa.select(table.c.digest).where(*good)).first() is None:
        raise Fault(f"Invalid two-factor authentication code for user '{login}'.", MISSING_CODE)
    if use_code:
        tx.connection.execute(sa.update(table).where(*good), {"used_at": tx.moment})


def _impersonated(tx: Transaction, caller: Actor, login: str) -> Actor:
    people = tx.tables["HumanUser"]
    if caller.role != ADMIN:
        callers = tx.tables[caller.type]
        name = sa.select(callers.c.cached_display_name).where(callers.c.id == caller.id)
        who = tx.connection.execute(name).scalar()
        raise Fault(f"The user does not have permission to 'sudo': {caller.type} '{who}'", AUTHENTICATION)
    query = sa.select(
        people.c.id, people.c.sg_status_list, people.c.can_impersonate_this_user, rule_set_code(tx, people)
    ).where(people.c.login == login, people.c.retired_at.is_(None))
    row = tx.connection.execute(query).first()
    if row is None:
        raise Fault(f"Cannot 'sudo' - unknown or retired user: '{login}'", AUTHENTICATION)
    if row.sg_status_list != "act":
        raise Fault(f"Cannot 'sudo' - inactive user account: '{login}'", AUTHENTICATION)
    if not row.can_impersonate_this_user:
        raise Fault(
            f"Cannot 'sudo' - user account has 'can_impersonate_this_user' turned off: '{login}'", AUTHENTICATION
        )
    return Actor("HumanUser", row.id, caller, role_of_rule_set(row.role, "HumanUser"))
