"""
The readable text of an error page: messages quote what a person reads, not the source of a page.
"""

import re
from typing import TYPE_CHECKING

from sgextended.lazy_import import lazy_module

if TYPE_CHECKING:
    import html
else:
    html = lazy_module("html")

#: The part of a body that is searched, and the part of its text that is quoted.
_SEARCHED, _QUOTED = 20_000, 300

_TITLE = r"(?i)<title\b[^>]*>([^<]*)"
_INVISIBLE = r"(?is)<!--.*?(?:-->|$)|<(script|style|head)\b.*?(?:</\1\s*>|$)"
_TAG = r"<[a-zA-Z/!][^>]*>?"


def page_title(body: bytes) -> str:
    """
    Return the title of an HTML page in parentheses, after a space; "" if it has none.
    """
    found = re.search(_TITLE, body[:_SEARCHED].decode("utf-8", "replace"))
    title = _one_line(_unescaped(found.group(1)))[:120] if found else ""
    return f" ({title})" if title else ""


def readable_text(body: bytes) -> str:
    """
    Return the beginning of the text of a body: without tags if it is a page, as one line, at most 300 characters.
    """
    text = body[:_SEARCHED].decode("utf-8", "replace")
    if "<" in text:
        text = _unescaped(re.sub(_TAG, " ", re.sub(_INVISIBLE, " ", text)))
    text = _one_line("".join(char if char.isprintable() else " " for char in text))
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]} ..."


def _unescaped(text: str) -> str:
    try:
        return html.unescape(text)
    except ImportError:  # at the end of the interpreter nothing can be imported: the message shows &amp; for &
        return text


def _one_line(text: str) -> str:
    return " ".join(text.split())
