"""
Texts that cannot be encoded: Python has half a character where a file name or a variable is not valid UTF-8.
"""

import re
from typing import Any, Dict, Iterator, Tuple

from sgextended.errors import InvalidArgumentError
from sgextended.secret import HIDDEN, is_secret_name

_SURROGATE = r"[\ud800-\udfff]"
#: The keys of the protocol for the name of a field in a write and in a filter, and for the name of a property.
_NAMES = ("field_name", "path", "property_name")
_LONGEST = 80  # characters of a value that are quoted


def check_texts(values: Dict[str, Any]) -> None:
    """
    Raise `InvalidArgumentError` if a value is, or contains, a text that cannot be encoded.
    """
    if next(_found(values, ""), None):
        raise unencodable_text_error(values)


def unencodable_text_error(payload: Any) -> InvalidArgumentError:
    """
    Return the error for a request that has a text that cannot be encoded: it names the field and the value.

    Args:
        payload: The values of the request: dicts, lists and texts.
    """
    name, text = next(_found(payload, ""), ("a field", ""))
    value = HIDDEN if is_secret_name(name) else f"{text!r:.{_LONGEST}}"
    msg = (
        f"The text of {name or 'the request'} cannot be sent, since it is not valid Unicode: {value}. Python has half "
        "a character, such as '\\udce4', where a file name or a variable is not valid UTF-8. Rename the file, or "
        "decode the text with its own encoding. Nothing was sent."
    )
    return InvalidArgumentError(msg)


def _found(value: Any, name: str) -> Iterator[Tuple[str, str]]:
    if isinstance(value, str):
        if re.search(_SURROGATE, value):
            yield name, value
    elif isinstance(value, dict):
        own = next((value[key] for key in _NAMES if isinstance(value.get(key), str)), None)
        for key, item in value.items():
            yield from _found(key, name)
            yield from _found(item, own if own and key in ("value", "values") else str(key))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _found(item, name)
