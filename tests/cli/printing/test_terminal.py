"""
Text that is safe to print, and stdout that prints any text.
"""

import io
import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgextended.cli.printing.terminal import one_line, prepare_streams, several_lines, to_json, without_controls


class Terminal(io.TextIOWrapper):
    def isatty(self):
        return True


@given(st.text())
def test_one_line_has_no_control_character(text):
    """
    No control character, line break, lone surrogate or mark of direction is left, whatever the text holds.
    """
    categories = {unicodedata.category(character) for character in one_line(text)}

    assert categories.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    assert not set(one_line(text)) & set("\u202a\u202e\u2066\u2069\u200e\u200f\ufeff")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;owned\x07x", "\\x1b]0;owned\\x07x"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202ecba", "abc\\u202ecba"),
        ("Zoë 山田 👩‍🚀", "Zoë 山田 👩‍🚀"),
    ],
)
def test_control_characters_become_escapes(text, shown):
    """
    A control character is shown as its escape; letters of all scripts and emoji stay.
    """
    assert one_line(text) == shown


def test_line_breaks_of_a_message_stay():
    """
    A message of several lines keeps its lines, without other control characters.
    """
    assert several_lines("a\nb\x1b") == "a\nb\\x1b"


def test_text_for_a_file_keeps_its_lines():
    """
    In a file, line breaks and marks of direction stay, and control characters become escapes.
    """
    assert without_controls("a\nb\u200fc\x1b\x85") == "a\nb\u200fc\\x1b\\x85"


@given(st.dictionaries(st.text(), st.text()))
def test_json_is_unchanged_when_it_is_read(value):
    """
    JSON has no control characters, and a program that reads it gets the same text.
    """
    shown = to_json(value)

    assert {unicodedata.category(character) for character in shown}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    assert json.loads(shown) == value


@pytest.mark.parametrize(
    ("stream", "encoding", "expected"),
    [
        (io.TextIOWrapper, "cp1252", "山 ë".encode()),
        (io.TextIOWrapper, "ascii", "山 ë".encode()),
        (Terminal, "cp1252", b"? \xeb"),
        (Terminal, "ascii", b"? ?"),
    ],
)
def test_any_stdout_prints_any_name(monkeypatch, stream, encoding, expected):
    """
    Redirected output is UTF-8. A terminal shows a substitute for a character that it does not have.
    """
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", stream(raw, encoding=encoding))
    prepare_streams()
    sys.stdout.write("山 ë")
    sys.stdout.flush()

    assert raw.getvalue() == expected
    monkeypatch.undo()
