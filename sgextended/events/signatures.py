"""
Signatures of the payloads that a site sends: keyed hashes, compared in constant time, and the age of a payload.
"""

import datetime as dt
import hashlib
import hmac
import math
from typing import Any, Iterable, Optional, Union

from sgextended.errors import ConfigurationError, SignatureError
from sgextended.events.event import to_moment
from sgextended.secret import Secret

#: A secret as callers give it. None: the payload is not checked.
SecretLike = Union[str, bytes, Secret, None]

_HASHES = {"sha1": hashlib.sha1, "sha256": hashlib.sha256}


def secret_bytes(secret: SecretLike, owner: str) -> Optional[bytes]:
    """
    Return a secret as bytes; None if there is none.

    Args:
        secret: The secret.

        owner: The object that has the secret on the site, for the message.

    Raises:
        ConfigurationError: The secret is empty or of another type. The message does not contain it.
    """
    if secret is None:
        return None
    value: Any = secret.reveal() if isinstance(secret, Secret) else secret
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    if not isinstance(value, bytes):
        msg = f"The secret of {owner} is a {type(value).__name__}, which is not valid. Give a text, bytes or a Secret."
        raise ConfigurationError(msg)
    if not value:
        msg = (
            f"The secret of {owner} is empty, as from an environment variable that is not set. Give the secret that "
            "the site has, or None to accept payloads that are not checked."
        )
        raise ConfigurationError(msg)
    return value


def check_signature(given: Optional[str], secret: bytes, texts: Iterable[bytes], owner: str) -> None:
    """
    Raise unless a signature is that of one of the given texts. Each comparison takes constant time.

    Args:
        given: The signature that was sent: the name of the hash, ``=``, and the hash in hexadecimal digits. A hash
            without a name is one of SHA-1. None: no signature was sent.

        secret: The secret.

        texts: The forms of the payload that may have been signed.

        owner: The object that has the secret on the site, for the message.

    Raises:
        SignatureError: No signature was sent, or it is not the one of the payload.
    """
    if not given:
        msg = (
            f"The payload has no signature, but this receiver has the secret of {owner}. Either the site has no secret "
            f"for {owner}, or the payload does not come from the site. Set the secret on the site."
        )
        raise SignatureError(msg)
    name, equals, digest = given.strip().rpartition("=")
    algorithm = _HASHES.get(name.strip().lower() if equals else "sha1")
    if algorithm is None:
        msg = f"The signature is not one of {' or '.join(_HASHES)}. The payload may not come from the site."
        raise SignatureError(msg)
    wanted = digest.strip().lower().encode("utf-8", "surrogatepass")
    # All forms are compared, so that the time does not show which one was right.
    matches = [hmac.compare_digest(hmac.new(secret, text, algorithm).hexdigest().encode(), wanted) for text in texts]
    if not any(matches):
        msg = (
            f"The signature does not belong to the payload. Either the secret of {owner} differs from the one on the "
            "site, or the payload was changed on its way, or it does not come from the site."
        )
        raise SignatureError(msg)


def check_max_age(max_age: Optional[float]) -> None:
    """
    Raise `ConfigurationError` if a limit of the age is not a number above 0 or None.
    """
    is_number = isinstance(max_age, (int, float)) and not isinstance(max_age, bool)
    if max_age is not None and not (is_number and max_age > 0):
        msg = f"max_age={max_age!r} is not valid. Give seconds above 0, or None for no limit."
        raise ConfigurationError(msg)


def check_age(sent_at: Optional[dt.datetime], max_age: Optional[float]) -> None:
    """
    Raise if a payload is too old, or from the future. A payload without a time is accepted.

    Args:
        sent_at: The time that the site signed.

        max_age: The limit, in seconds. None: no limit.

    Raises:
        SignatureError: The time differs by more than *max_age* from the clock of this machine.
    """
    if sent_at is None or max_age is None:
        return
    age = (dt.datetime.now(dt.timezone.utc) - sent_at).total_seconds()
    if abs(age) > max_age:
        when = f"{age:.0f} s ago" if age > 0 else f"{-age:.0f} s in the future"
        msg = (
            f"The payload was signed {when}, but the limit is {max_age:g} s. It may be an old one that somebody sent "
            "again, or the clock of this machine is wrong. Set the clock, or give a larger max_age."
        )
        raise SignatureError(msg)


def sent_moment(value: Any) -> Optional[dt.datetime]:
    """
    Return the time that a payload has, in UTC; None if it has none.

    Args:
        value: A number of seconds since 1970, or a text: such a number, or a moment in the form of ISO 8601. A moment
            without an offset is in UTC.

    Raises:
        ValueError: The value is not a time.
    """
    if value is None or value == "":
        return None
    text = str(value).strip()
    try:
        seconds = float(text)
    except ValueError:
        return _written_moment(text)
    if not math.isfinite(seconds):
        raise ValueError("not a finite number of seconds")
    try:
        return dt.datetime.fromtimestamp(seconds, dt.timezone.utc)
    except (OverflowError, OSError) as error:
        raise ValueError("not a time of this calendar") from error


def _written_moment(text: str) -> dt.datetime:
    moment = to_moment(text, None)
    if not isinstance(moment, dt.datetime):
        raise ValueError("not a moment in the form of ISO 8601")  # noqa: TRY004 - a text of the wrong form
    return moment
