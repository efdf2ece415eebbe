"""
Passwords, keys and tokens in what a client has sent: hide them before anybody reads it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

HIDDEN = "(hidden)"
_SECRET = re.compile(r"passw|token|secret|script_key|api_key|salt", re.IGNORECASE)


def without_secrets(payload: Any) -> Any:
    """
    Return a payload in which the values of fields that may be secret are hidden.
    """
    if isinstance(payload, list):
        return [without_secrets(each) for each in payload]
    if not isinstance(payload, dict):
        return payload
    hidden = _secret_keys(payload)
    return {key: HIDDEN if key in hidden else without_secrets(each) for key, each in payload.items()}


def without_secrets_of(payload: Any, text: str) -> str:
    """
    Return a text, such as the message of a fault, in which the secret values of a payload are hidden.
    """
    for secret in _secrets_in(payload):
        text = text.replace(secret, HIDDEN)
    return text


def _secret_keys(payload: dict[Any, Any]) -> set[Any]:
    """
    Return the keys of a dict whose values may be secret. A field's value and a filter's values are so by its name.
    """
    hidden = {key for key in payload if _SECRET.search(str(key))}
    names = [payload[key] for key in ("field_name", "path") if isinstance(payload.get(key), str)]
    return hidden | {"value", "values"} if any(_SECRET.search(name) for name in names) else hidden


def _secrets_in(payload: Any) -> Iterator[str]:
    left = [payload]  # not a recursion: a request may be nested deeper than functions can call themselves
    while left:
        part = left.pop()
        if isinstance(part, list):
            left += part
        if not isinstance(part, dict):
            continue
        hidden = _secret_keys(part)
        left += [value for key, value in part.items() if key not in hidden]
        for key in hidden:
            value = part.get(key)
            yield from (
                text for text in (value if isinstance(value, list) else [value]) if text and isinstance(text, str)
            )
