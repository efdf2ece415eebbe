"""
The validation of texts that become part of an HTTP header.
"""

import re
from typing import Any

from sgextended.errors import ConfigurationError

_CONTROL = r"[\x00-\x1f\x7f-\x9f]"
_SURROGATE = r"[\ud800-\udfff]"


def check_header_text(name: str, value: Any, *, is_secret: bool = True) -> None:
    """
    Raise `ConfigurationError` if a value cannot be part of a header, which is sent as UTF-8.

    Args:
        name: The name of the setting, for the message.

        value: The value.

        is_secret: Whether the message must not show the value.
    """
    if not isinstance(value, str):
        msg = f"{name} is a {type(value).__name__}, which is not valid. Give a text."
        raise ConfigurationError(msg)
    shown = name if is_secret else f"{name} {value!r:.80}"
    found = re.search(_CONTROL, value)
    if found:
        msg = (
            f"{shown} has the control character {found.group()!r} at position {found.start()}, which no HTTP header "
            "may contain. Remove it; a text that was read from a file often ends in a line break."
        )
        raise ConfigurationError(msg)
    found = re.search(_SURROGATE, value)
    if found:
        msg = (
            f"{shown} has half a character, {found.group()!r}, at position {found.start()}, which cannot be sent. "
            "Python puts such halves where bytes are not valid UTF-8. Check where the text comes from."
        )
        raise ConfigurationError(msg)
