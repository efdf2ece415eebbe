"""
Error pages in messages.
"""

import sys

import pytest

from sgextended.client.protocol import error_page
from sgextended.client.protocol.error_page import page_title, readable_text
from sgextended.lazy_import import LazyModule


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", ""),
        (b"blocked  by\n the firewall", "blocked by the firewall"),
        (b"<html><head><title>x</title></head><p>Your &amp; address<br>is blocked</p>", "Your & address is blocked"),
        (b"<script>var a = '<p>';</script>Go away<!-- debug: key -->", "Go away"),
        (b"1 < 2", "1 < 2"),
        (b"<p>never closed <script>alert(1)", "never closed"),
        ("Zugriff verweigert: ä".encode(), "Zugriff verweigert: ä"),
        (b"\x1b[31mred\x00\xff", "[31mred �"),
    ],
)  # fmt: skip
def test_readable_text_is_what_a_person_sees(body, text):
    """
    Tags, scripts, comments and control characters are left out.
    """
    assert readable_text(body) == text


def test_long_page_is_cut():
    """
    A page of a megabyte becomes at most 300 characters and a mark.
    """
    text = readable_text(b"<p>word</p> " * 100_000)

    assert len(text) == 304
    assert text.endswith(" ...")


@pytest.mark.parametrize(
    ("body", "title"),
    [
        (b"<html><head><title>Sign in</title></head>", " (Sign in)"),
        (b"<TITLE lang=en>\n Sign &amp;\n  pay </TITLE>", " (Sign & pay)"),
        ("<title>Anmeldung f\u00fcr Gäste</title>".encode(), " (Anmeldung für Gäste)"),
        (b"<title></title>", ""),
        (b"no page", ""),
        (b"", ""),
        (b"<![x[ <title>Odd</title>", " (Odd)"),
        (b"<title>never ends", " (never ends)"),
        (b"\xff\xfe<title>\xff</title>", " (\ufffd)"),
        (b"<titles>x</titles>", ""),
    ],
)
def test_page_title_is_found_in_any_page(body, title):
    """
    The title of a page is found, and a page without one has none; no page raises.
    """
    assert page_title(body) == title


def test_page_title_is_short():
    """
    A long title is cut.
    """
    assert len(page_title(b"<title>" + b"x" * 10_000 + b"</title>")) < 130


def test_a_page_is_read_where_nothing_can_be_imported(monkeypatch):
    """
    At the end of the interpreter the names of characters cannot be looked up, and the text keeps them.
    """
    monkeypatch.setitem(sys.modules, "html", None)
    monkeypatch.setattr(error_page, "html", LazyModule("html"))

    assert readable_text(b"<p>Closed &amp; gone</p>") == "Closed &amp; gone"
