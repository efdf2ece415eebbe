"""
The payload of an action menu item, read from the address, the form or the file in which it arrives.

The result is a list of names and values, in the order in which they were sent. Values are texts; those of a light
payload may be any JSON value.
"""

import json
import os
import re
from pathlib import Path
from typing import Any, Iterable, List, Mapping, Tuple
from urllib.parse import parse_qsl, unquote

from sgextended.errors import InvalidArgumentError

#: Names and values in the order in which they were sent. A name may come several times.
Pairs = List[Tuple[str, Any]]

#: A payload with more bytes is refused. One with the ids of 100 000 entities has less than a tenth of it.
MOST_BYTES = 16 * 1024 * 1024

# A scheme contains neither "=" nor "&", so no form looks like an address.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_EXAMPLE = "It looks like myscheme://action?entity_type=Shot&selected_ids=17"


def read_payload(source: Any) -> Tuple[str, Pairs]:
    """
    Return the action and the pairs of a payload.

    Args:
        source: An address as text; the body of a form as text or bytes; the fields of a form as a mapping, as pairs or
            as the object of a web framework; or a path or an open file that contains an address, a form or JSON.

    Returns:
        The part of an address between its scheme and its query, without slashes at its ends, and the pairs. The action
        is empty for a form.

    Raises:
        InvalidArgumentError: The source is none of these, or cannot be read.
    """
    if isinstance(source, os.PathLike):
        source = _content_of(source)
    elif callable(getattr(source, "read", None)):
        source = source.read(MOST_BYTES + 1)
    if isinstance(source, (bytes, bytearray, memoryview)):
        source = _text_of(bytes(source))
    if isinstance(source, str):
        return _pairs_in_text(source)
    return "", _pairs_in_form(source)


def _content_of(path: "os.PathLike[str]") -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        msg = f"The payload of the action menu item cannot be read: {error}. Check the path."
        raise InvalidArgumentError(msg) from error


def _text_of(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        msg = "The payload of the action menu item is not text in UTF-8. Give the body of the request as it arrived."
        raise InvalidArgumentError(msg) from None


def _pairs_in_text(text: str) -> Tuple[str, Pairs]:
    if len(text) > MOST_BYTES:
        msg = f"The payload of the action menu item is larger than {MOST_BYTES} bytes, so it is not one of a site."
        raise InvalidArgumentError(msg)
    text = text.strip().strip("\"'").strip()  # a shell or a desktop entry may leave its quotes
    if not text:
        msg = f"The payload of the action menu item is empty. {_EXAMPLE}, or is the body of a form."
        raise InvalidArgumentError(msg)
    if text.startswith("{"):
        return "", _pairs_in_json(text)
    scheme = _SCHEME.match(text)
    if scheme is None:
        return "", _pairs_in_query(text)
    path, question, query = text[scheme.end() :].partition("?")
    if not question or not query:
        msg = (
            f"The address of the action menu item has no query. {_EXAMPLE}. Check that the program receives the whole "
            "address as one argument."
        )
        raise InvalidArgumentError(msg)
    return unquote(path).strip("/"), _pairs_in_query(query)


def _pairs_in_json(text: str) -> Pairs:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        msg = "The payload of the action menu item begins like JSON, but is not valid JSON. Give it as it arrived."
        raise InvalidArgumentError(msg) from None
    return _pairs_in_form(found)


def _pairs_in_query(query: str) -> Pairs:
    try:
        return list(parse_qsl(query, keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError:
        msg = "The payload of the action menu item has characters that are not UTF-8. Give it as it arrived."
        raise InvalidArgumentError(msg) from None


def _pairs_in_form(form: Any) -> Pairs:
    """
    Return the pairs of a form that a web framework has parsed, or of the meta of a light payload.
    """
    several = getattr(form, "multi_items", None)  # Starlette, FastAPI
    lists = getattr(form, "lists", None)  # Werkzeug, Flask, Django
    pairs: Iterable[Any]
    if callable(several):
        pairs = several()
    elif callable(lists):
        pairs = lists()
    elif isinstance(form, Mapping):
        pairs = form.items()
    elif isinstance(form, (list, tuple)):
        pairs = form
    else:
        msg = (
            f"An object of the type {type(form).__name__} is not the payload of an action menu item. Give its address, "
            "the body or the fields of its form, or a file."
        )
        raise InvalidArgumentError(msg)
    found: Pairs = []
    for pair in pairs:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            msg = "The payload of the action menu item is a list, but not one of names and values."
            raise InvalidArgumentError(msg)
        name, value = (_text_of(each) if isinstance(each, bytes) else each for each in pair)
        if not isinstance(name, str):
            msg = "The payload of the action menu item has a name that is not text. Give it as it arrived."
            raise InvalidArgumentError(msg)
        values = value if isinstance(value, (list, tuple)) and value else [value]
        found += [(name, _text_of(each) if isinstance(each, bytes) else each) for each in values]
    return found
