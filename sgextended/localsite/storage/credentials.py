"""
Keys of scripts and passwords of people, stored as slow hashes.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from sgextended.localsite.storage.transaction import Transaction

_SCRYPT = {"n": 2**13, "r": 8, "p": 1}


def slow_hash(secret: str, salt: bytes) -> bytes:
    """
    Return the hash of a key or password.
    """
    return hashlib.scrypt(secret.encode("utf-8", "surrogatepass"), salt=salt, **_SCRYPT)


def set_secret(tx: Transaction, entity_type: str, entity_id: int, secret: str) -> bytes:
    """
    Store the key of a script or the password of a person in place of the earlier one, and return its salt.
    """
    salt = secrets.token_bytes(16)
    credentials = tx.tables.credentials
    tx.connection.execute(
        sa.delete(credentials).where(credentials.c.type == entity_type, credentials.c.id == entity_id)
    )
    columns = {"type": entity_type, "id": entity_id, "salt": salt, "digest": slow_hash(secret, salt)}
    tx.connection.execute(sa.insert(credentials), columns)
    return salt
