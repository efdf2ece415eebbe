"""
Error pages in messages.
"""

import pytest

from sgextended.http.error_page import page_title, readable_text


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


def test_title_is_quoted():
    """
    The title of a page is shown in parentheses.
    """
    assert page_title(b"<html><title> Sign\n in &gt; </title>") == " (Sign in >)"
    assert page_title(b"no page") == ""
