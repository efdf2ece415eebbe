"""
The text of a color: which texts a color field accepts, and what it stores for them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sgextended.localsite.schema.entity_types import Field

_RGB = re.compile(r"(\d{1,3}),(\d{1,3}),(\d{1,3})")
_INTEGERS = re.compile(r"-?\d+,-?\d+,-?\d+")
_OF_STEP = "pipeline_step"
# The colors that tasks had before they took any color. Their names are still accepted, in any letter case.
_NAMED = {
    "black": "45,45,45",
    "blue": "2,149,216",
    "green": "29,215,46",
    "grey": "129,129,129",
    "orange": "253,141,3",
    "pink": "254,125,179",
    "purple": "183,0,188",
    "red": "253,1,0",
}
_GRAMMAR = "A color is three numbers from 0 to 255, separated by commas, such as '255,128,0'"


def always_has_color(field: Field) -> bool:
    """
    Return whether a color field cannot be empty. Such a field also accepts ``pipeline_step`` and the names of colors.
    """
    return field.data_type == "color" and field.entity_type == "Task"


def is_color(text: str) -> bool:
    """
    Return whether *text* is a color as it is stored: three numbers from 0 to 255.
    """
    match = _RGB.fullmatch(text)
    return match is not None and all(int(part) <= 255 for part in match.groups())


def parse_color(text: str, *, of_task: bool) -> str:
    """
    Return the text that is stored for a color.

    Args:
        text: The color as the caller wrote it.

        of_task: Whether ``pipeline_step`` and the names of colors are accepted.

    Raises:
        ValueError: The text is not a color. The message says which kind of mistake it is.
    """
    if is_color(text) or (of_task and text == _OF_STEP):
        return text
    if of_task and text.lower() in _NAMED:
        return _NAMED[text.lower()]
    if "," not in text:
        mistake = "Value is not a valid color token"
    elif _INTEGERS.fullmatch(text):
        mistake = "At least one component value is out of range"
    else:
        mistake = "The value is not a valid color expression"
    names = ", ".join(name.capitalize() for name in _NAMED)
    grammar = f"{_GRAMMAR}, or one of: {_OF_STEP}, {names}" if of_task else _GRAMMAR
    raise ValueError(f"{mistake}: '{text}'. {grammar}.")
