"""
Text that is safe to print: control characters of names do not reach the terminal, and no character fails to print.
"""

import contextlib
import io
import json
import re
import sys
import unicodedata
from typing import Any, Optional

#: Format characters that scripts and emoji need. Other ones are invisible or change the direction of the text.
_ALLOWED_FORMAT = frozenset("\u200c\u200d")
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_MAYBE_UNSAFE = re.compile(r"[^\x20-\x7e]")


def prepare_streams() -> None:
    """
    Let stdout and stderr print any text.

    A terminal gets a substitute for a character that its encoding does not have. Redirected output is UTF-8, as other
    programs expect it.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        with contextlib.suppress(OSError, ValueError):  # a stream that is closed or was read from
            if sys.stdout.isatty():
                sys.stdout.reconfigure(errors="replace")
            else:
                sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    if isinstance(sys.stderr, io.TextIOWrapper):
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.reconfigure(errors="backslashreplace")


def can_print(text: str) -> bool:
    """
    Return whether stdout can print a text as it is.
    """
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeError, LookupError):
        return False
    return True


def one_line(value: Any) -> str:
    r"""
    Return a value as text on one line. Control characters, line breaks and invisible characters become escapes such as
    ``\x1b``.
    """
    return _MAYBE_UNSAFE.sub(_escape, str(value))


def several_lines(text: str) -> str:
    """
    Return a text as `one_line` does, except that its line breaks stay.
    """
    return "\n".join(map(one_line, text.split("\n")))


def without_controls(text: str) -> str:
    """
    Return a text for a file: control characters become escapes. Tabs, line breaks and marks of direction stay.
    """
    return _MAYBE_UNSAFE.sub(lambda found: found[0] if found[0] in "\t\n\r" else _escape_control(found[0]), text)


def to_json(value: Any, indent: Optional[int] = None, **options: Any) -> str:
    r"""
    Return a value as JSON. Letters of all scripts stay readable; control characters become ``\uXXXX``.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False, **options)
    return _MAYBE_UNSAFE.sub(lambda found: found[0] if found[0] == "\n" else _json_escape(found[0]), text)


def _is_unsafe(character: str) -> bool:
    category = unicodedata.category(character)
    return category in _UNSAFE_CATEGORIES or (category == "Cf" and character not in _ALLOWED_FORMAT)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def _escape(found: "re.Match[str]") -> str:
    return _escaped(found[0]) if _is_unsafe(found[0]) else found[0]


def _escape_control(character: str) -> str:
    return _escaped(character) if unicodedata.category(character) in ("Cc", "Cs") else character


def _json_escape(character: str) -> str:
    return json.dumps(character)[1:-1] if _is_unsafe(character) else character
