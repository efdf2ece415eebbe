"""
Values of jsonb fields: the form in which they are stored, and whether one contains another.
"""

from __future__ import annotations

import json
from typing import Any, Optional


def json_text(value: Any) -> str:
    """
    Return the JSON of *value* with its keys ordered by length, then by bytes. Equal values have equal texts.
    """
    return json.dumps(_ordered(value), ensure_ascii=False)


def json_contains(text: Optional[str], wanted: str) -> Optional[bool]:
    """
    Return whether a stored value contains another one, both as JSON; None if there is no stored value.

    A dict contains a dict if it contains each of its values under the same key. A list contains a list if it contains
    each of its elements, in any order.
    """
    return None if text is None else _contains(json.loads(text), json.loads(wanted))


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return {key: _ordered(value[key]) for key in keys}
    return [_ordered(each) for each in value] if isinstance(value, list) else value


def _contains(value: Any, wanted: Any) -> bool:
    if isinstance(value, dict) and isinstance(wanted, dict):
        return all(key in value and _contains(value[key], each) for key, each in wanted.items())
    if isinstance(value, list) and isinstance(wanted, list):
        return all(any(_contains(item, each) for item in value) for each in wanted)
    return type(value) is type(wanted) and bool(value == wanted)
