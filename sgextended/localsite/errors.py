"""
The refusal that travels to the caller as a fault of the API3 protocol.
"""

from __future__ import annotations

import math
from typing import Any

#: The caller is not who they say, or may not act as whom they ask to.
AUTHENTICATION = 102
#: A one-time code is needed beside the password.
MISSING_CODE = 106
#: The request was refused before any row was looked at.
REQUEST = 103
#: The database or a rule about the rows refused.
DATABASE = 104

_CLASS_NAMES = {
    bool: "TrueClass",
    dict: "Hash",
    float: "Float",
    int: "Integer",
    list: "Array",
    str: "String",
    type(None): "NilClass",
}


class Fault(Exception):
    """
    A request that the site understood and refuses.

    Args:
        message: What the client shows as the text of its exception.

        code: The protocol's number, which decides the client's exception class.
    """

    def __init__(self, message: str, code: int = REQUEST) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def inspect(value: Any, *, spaced: bool = True) -> str:
    """
    Return *value* as the site's messages write it, which is Ruby's notation.

    Args:
        value: Decoded JSON.

        spaced: True writes ``{"a" => 1}``, False the older ``{"a"=>1}``; the site has messages of both kinds.
    """
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    if isinstance(value, dict):
        arrow = " => " if spaced else "=>"
        items = (f"{inspect(str(k))}{arrow}{inspect(v, spaced=spaced)}" for k, v in value.items())
        return "{" + ", ".join(items) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(inspect(item, spaced=spaced) for item in value) + "]"
    return str(value)


def class_name(value: Any) -> str:
    """
    Return the class of a decoded JSON value by the name that the site's messages give it.
    """
    if value is False:
        return "FalseClass"
    return _CLASS_NAMES[type(value)]


def is_finite_number(value: Any) -> bool:
    """
    Tell whether *value* is a JSON number and not a boolean.
    """
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
