"""
The fault that a caller receives for a refused request, and how its message writes values.
"""

from __future__ import annotations

import math
from typing import Any

#: The credentials are not valid, or the caller may not act as the named user.
AUTHENTICATION = 102
#: A one-time code is needed in addition to the password.
MISSING_CODE = 106
#: The request was refused before any row was read.
REQUEST = 103
#: The database, or a rule about rows, refused the request.
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
    Raised when the site understands a request and refuses it.

    Args:
        message: The text of the exception that the client raises.

        code: The protocol's number of the fault, from which the client chooses the exception class.
    """

    def __init__(self, message: str, code: int = REQUEST) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def inspect(value: Any, *, spaced: bool = True) -> str:
    """
    Return *value* in Ruby's notation, as the site's messages write values.

    Args:
        value: Decoded JSON.

        spaced: True writes ``{"a" => 1}``, False the older ``{"a"=>1}``. The site has messages of both kinds.
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
    Return the name that the site's messages give to the class of a decoded JSON value.
    """
    if value is False:
        return "FalseClass"
    return _CLASS_NAMES[type(value)]


def is_finite_number(value: Any) -> bool:
    """
    Return whether *value* is a finite JSON number. A boolean is not a number.
    """
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
