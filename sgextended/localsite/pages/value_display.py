"""
How the templates show values: the form of a value, addresses that a page may link to, and shortened texts.
"""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING, Any, Optional

from sgextended.localsite.writing.file_values import is_web

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OWN_FILES = ("/file_serve/", "/storage/")
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")
# Marks around a name in a text that has no markup, so that a name from right to left does not turn the words around it.
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"


def is_empty(value: Any) -> bool:
    """
    Return whether a field has no value.
    """
    return value is None or value in ("", [], {})


def kind_of(value: Any) -> str:
    """
    Return the name of the form in which a value is shown.
    """
    if is_empty(value):
        return "empty"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, dict):
        return "file" if "link_type" in value else "link" if {"type", "id"} <= set(value) else "json"
    if isinstance(value, list):
        return "links" if all(isinstance(each, dict) and {"type", "id"} <= set(each) for each in value) else "json"
    return "text"


def web(value: Mapping[str, Any]) -> Optional[str]:
    """
    Return the address of a file if a page may link to it, else None.
    """
    url = value.get("url")
    if not isinstance(url, str):
        return None
    return url if is_web(url) or url.startswith(_OWN_FILES) else None


def preview(value: Mapping[str, Any]) -> Optional[str]:
    """
    Return the address of a file that is a picture and that this site stores, else None.
    """
    address = web(value)
    name = str(value.get("name") or "").lower()
    is_own = address is not None and any(part in address for part in _OWN_FILES)
    return address if is_own and name.endswith(_PICTURES) else None


def moment(text: str) -> str:
    """
    Return a moment in UTC in a readable form.
    """
    return text.replace("T", " ").replace("Z", "")


def is_picture(value: Any) -> bool:
    """
    Return whether an image field's value is an address that a page may show.
    """
    return isinstance(value, str) and (is_web(value) or value.startswith(("/storage/", "/images/")))


def pretty(value: Any) -> str:
    """
    Return a value as indented JSON.
    """
    return json.dumps(value, indent=2, ensure_ascii=False)


def cut(text: Any, most: int) -> Optional[str]:
    """
    Return the beginning of a text that is longer than *most* characters or has many lines; None for a short text.
    """
    whole = str(text)
    lines = whole.split("\n")
    most_lines = max(2, most // 80)
    if len(whole) <= most and len(lines) <= most_lines:
        return None
    beginning = "\n".join(lines[:most_lines])[:most]
    while beginning and unicodedata.combining(whole[len(beginning) : len(beginning) + 1]):
        beginning = beginning[:-1]  # an accent stays with its letter
    return f"{beginning.rstrip()}…"


def short(text: Any, most: int = 90) -> str:
    """
    Return a name on one line, with at most *most* characters.
    """
    whole = " ".join(str(text).split())
    return cut(whole, most) or whole


def isolated(text: Any) -> str:
    """
    Return a name between marks that isolate its direction, for places without markup, such as the title of a page.
    """
    return f"{_ISOLATE}{text}{_END_ISOLATE}"


FILTERS: dict[str, Callable[..., Any]] = {
    "kind": kind_of,
    "web": web,
    "preview": preview,
    "moment": moment,
    "is_picture": is_picture,
    "pretty": pretty,
    "cut": cut,
    "short": short,
    "isolated": isolated,
}
