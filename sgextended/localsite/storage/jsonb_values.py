"""
Values of ``jsonb`` fields: the text that is stored, and when one value contains another. Both follow PostgreSQL.
"""

from __future__ import annotations

import json
from typing import Any


def jsonb_text(value: Any) -> str:
    """
    Return the stored text of a value. Equal values have the same text: keys are in order of length, then of bytes.
    """
    return json.dumps(_ordered(value), ensure_ascii=False)


def jsonb_contains(whole: object, part: object) -> bool:
    """
    Return whether the stored text *whole* contains the value whose text is *part*. Null contains nothing.

    An object contains another if it has its keys, with values that contain the other's values. A list contains another
    if each element of the other is contained in one of its own.
    """
    if not isinstance(whole, str) or not isinstance(part, str):
        return False
    outer, inner = json.loads(whole), json.loads(part)
    if isinstance(outer, list) and not isinstance(inner, (dict, list)):
        inner = [inner]  # a list contains the plain values that it has
    return _contains(outer, inner)


def _contains(whole: Any, part: Any) -> bool:
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(key in whole and _contains(whole[key], value) for key, value in part.items())
    if isinstance(whole, list) and isinstance(part, list):
        return all(any(_contains(element, wanted) for element in whole) for wanted in part)
    # Python holds True and 1 for equal; JSON does not.
    return isinstance(whole, bool) == isinstance(part, bool) and bool(whole == part)


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value, key=_key_rank)}
    if isinstance(value, list):
        return [_ordered(element) for element in value]
    return value


def _key_rank(key: str) -> tuple[int, bytes]:
    data = key.encode("utf-8", "surrogatepass")
    return len(data), data
