"""
Keys of scripts and passwords of people, stored as hashes, and the end of the sessions that began with them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from typing import TYPE_CHECKING, Optional

import sqlalchemy as sa

if TYPE_CHECKING:
    from sgextended.localsite.storage.transaction import Transaction

# N, r and p of scrypt. OWASP recommends these, among others that cost the same; one hash needs 16 MB.
_SCRYPT = (2**14, 8, 5)
# Files of earlier versions have hashes with these, which have no prefix.
_EARLIER_SCRYPT = (2**13, 8, 1)
_FAST = b"sha256:"
# Hashes are computed by as many threads at a time, so that strangers can use neither all memory nor all processors.
_turns = threading.BoundedSemaphore(2)


def has_slow_hashes(tx: Transaction) -> bool:
    """
    Return whether the site stores slow hashes. A site in memory needs none, because no hash leaves the process.
    """
    return tx.connection.engine.url.database is not None


def set_secret(tx: Transaction, entity_type: str, entity_id: int, secret: str, *, generated: bool = False) -> bytes:
    """
    Store a key or password in place of the earlier one, whose sessions end. Return the salt.

    Args:
        tx: The transaction.

        entity_type: ``"ApiUser"`` or ``"HumanUser"``.

        entity_id: The id of the script or person.

        secret: The key or password.

        generated: Whether the site itself made the secret. Nobody can guess a random secret, so its hash may be fast.
    """
    salt = secrets.token_bytes(16)
    is_slow = has_slow_hashes(tx) and not generated
    columns = {"type": entity_type, "id": entity_id, "salt": salt}
    columns["digest"] = _slow_digest(secret, salt) if is_slow else _fast_digest(secret, salt)
    credentials = tx.tables.credentials
    tx.connection.execute(
        sa.delete(credentials).where(credentials.c.type == entity_type, credentials.c.id == entity_id)
    )
    tx.connection.execute(sa.insert(credentials), columns)
    end_sessions(tx, entity_type, entity_id)
    return salt


def end_sessions(tx: Transaction, entity_type: str, entity_id: int) -> None:
    """
    End the sessions of a script or person, and those that it began as somebody else.
    """
    sessions = tx.tables.sessions
    own = sa.and_(sessions.c.type == entity_type, sessions.c.id == entity_id)
    begun = sa.and_(sessions.c.by_type == entity_type, sessions.c.by_id == entity_id)
    tx.connection.execute(sa.delete(sessions).where(sa.or_(own, begun)))


def is_secret(tx: Transaction, secret: str, salt: Optional[bytes], digest: Optional[bytes]) -> bool:
    """
    Return whether *secret* is the one that was stored.

    A wrong secret takes the same time for every account, and for accounts that do not exist.

    Args:
        tx: The transaction.

        secret: The key or password that a caller sent.

        salt: The stored salt. None: there is no such account.

        digest: The stored hash, or None.
    """
    is_slow, is_earlier = _is_slow(digest), _is_earlier(digest)
    if salt is not None and digest is not None:
        if is_slow:
            found = _slow_digest(secret, salt)
        elif is_earlier:
            found = _scrypt(secret, salt, _EARLIER_SCRYPT)
        else:
            found = _fast_digest(secret, salt)
        if hmac.compare_digest(found, digest):
            return True
    if has_slow_hashes(tx):
        if not is_slow:
            _slow_digest(secret, b"no such account")
        if not is_earlier:
            _scrypt(secret, b"no such account", _EARLIER_SCRYPT)
    return False


def _is_slow(digest: Optional[bytes]) -> bool:
    return digest is not None and digest.startswith(_prefix())


def _is_earlier(digest: Optional[bytes]) -> bool:
    return digest is not None and not digest.startswith((_prefix(), _FAST))


def _prefix() -> bytes:
    return "scrypt:{}:{}:{}:".format(*_SCRYPT).encode()


def _slow_digest(secret: str, salt: bytes) -> bytes:
    return _prefix() + _scrypt(secret, salt, _SCRYPT)


def _fast_digest(secret: str, salt: bytes) -> bytes:
    return _FAST + hashlib.sha256(salt + secret.encode("utf-8", "surrogatepass")).digest()


def _scrypt(secret: str, salt: bytes, cost: tuple[int, int, int]) -> bytes:
    n, r, p = cost
    with _turns:
        return hashlib.scrypt(secret.encode("utf-8", "surrogatepass"), salt=salt, n=n, r=r, p=p, maxmem=2 * 128 * n * r)
