"""
The readable text of an error page: messages quote what a person reads, not the source of a page.
"""

import re
from html import unescape

#: The part of a body that is searched, and the part of its text that is quoted.
_SEARCHED, _QUOTED = 20_000, 300

_TITLE = re.compile(r"<title\b[^>]*>([^<]*)", re.IGNORECASE)
_INVISIBLE = re.compile(r"<!--.*?(?:-->|$)|<(script|style|head)\b.*?(?:</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[a-zA-Z/!][^>]*>?")


def page_title(body: bytes) -> str:
    """
    Return the title of an HTML page in parentheses, after a space; "" if it has none.
    """
    found = _TITLE.search(body[:_SEARCHED].decode("utf-8", "replace"))
    title = _one_line(unescape(found.group(1)))[:120] if found else ""
    return f" ({title})" if title else ""


def readable_text(body: bytes) -> str:
    """
    Return the beginning of the text of a body: without tags if it is a page, as one line, at most 300 characters.
    """
    text = body[:_SEARCHED].decode("utf-8", "replace")
    if "<" in text:
        text = unescape(_TAG.sub(" ", _INVISIBLE.sub(" ", text)))
    text = _one_line("".join(char if char.isprintable() else " " for char in text))
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]} ..."


def _one_line(text: str) -> str:
    return " ".join(text.split())
