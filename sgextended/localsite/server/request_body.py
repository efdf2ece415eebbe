"""
Receiving and decoding the JSON body of a request.

A caller who is not identified yet can make the site hold only a small body. The credentials are at the start of every
request, so a larger body is received only after the credentials in its first part were accepted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import re
from typing import TYPE_CHECKING, Any, NoReturn, Optional

from starlette.requests import ClientDisconnect

from sgextended.localsite.errors import Fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.requests import Request

#: Requests with larger bodies are refused before they are read whole.
MAX_BODY_BYTES = 64 * 1024 * 1024
#: The largest body of a caller who is not identified yet, in bytes.
MAX_UNKNOWN_BYTES = 256 * 1024
#: The most values that the JSON of a request may have. Decoded values need many times the memory of their text.
MAX_VALUES = 2_000_000
#: The number of large bodies that the site receives and executes at the same time. Others wait.
_LARGE_AT_ONCE = 4
# Longer numbers are beyond the range of a float. Python needs quadratic time to decode long integers.
_LONGEST_NUMBER = 308
_ODD_NUMBER = re.compile(rb"(?<!\d)\d{%d}|\d[eE]\+?\d\d\d" % (_LONGEST_NUMBER + 1))
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_SPACE = " \t\r\n"


class RefusedRequest(Exception):
    """
    Raised for a request that is not one of the protocol.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class BodyReceiver:
    """
    Receives the bodies of a site's requests.

    Args:
        admit: Called with the credentials of a large body before the rest of it is received. Raises to refuse it.
    """

    def __init__(self, admit: Callable[[Any], Awaitable[None]]) -> None:
        self._admit = admit
        self._large: Optional[asyncio.Semaphore] = None

    @contextlib.asynccontextmanager
    async def receive(self, request: Request) -> AsyncIterator[bytes]:
        """
        Yield the body of a request. While the block runs, a large body counts as one of those held at the same time.

        Raises:
            RefusedRequest: The body is too large, incomplete, or large and without credentials at its start.
            Exception: The exception of ``admit``, after the body was read to its end without being kept.
        """
        length = request.headers.get("content-length", "0")
        if length.isdigit() and len(length) < 20 and int(length) > MAX_BODY_BYTES:
            raise _too_large()
        stream = request.stream()
        async with contextlib.AsyncExitStack() as stack:
            body = bytearray()
            try:
                await _fill(body, stream, MAX_UNKNOWN_BYTES)
                if len(body) > MAX_UNKNOWN_BYTES:
                    await self._admit_large(bytes(body[:MAX_UNKNOWN_BYTES]), stream)
                    await stack.enter_async_context(self._turn())
                    await _fill(body, stream, MAX_BODY_BYTES)
            except ClientDisconnect:
                raise RefusedRequest(400, "The connection ended before the whole request was received.") from None
            if len(body) > MAX_BODY_BYTES:
                raise _too_large()
            yield bytes(body)

    async def _admit_large(self, start: bytes, stream: AsyncIterator[bytes]) -> None:
        try:
            await self._admit(credentials_at_start(start))
        except Exception:
            await _discard(stream)
            raise

    def _turn(self) -> asyncio.Semaphore:
        if self._large is None:  # before Python 3.10, a semaphore belongs to the event loop in which it is made
            self._large = asyncio.Semaphore(_LARGE_AT_ONCE)
        return self._large


async def _fill(body: bytearray, stream: AsyncIterator[bytes], limit: int) -> None:
    """
    Receive the body until it ends or has more than *limit* bytes.
    """
    async for part in stream:
        body += part
        if len(body) > limit:
            return


async def _discard(stream: AsyncIterator[bytes]) -> None:
    """
    Read the rest of a body without keeping it: a client reads the response only after it has sent everything.
    """
    size = 0
    async for part in stream:
        size += len(part)
        if size > MAX_BODY_BYTES:
            return


def _too_large() -> RefusedRequest:
    return RefusedRequest(413, f"The request is larger than {MAX_BODY_BYTES} bytes.")


def credentials_at_start(start: bytes) -> Any:
    """
    Return the credentials, the first of a request's ``params``, from the first part of the request's body.

    Raises:
        RefusedRequest: The credentials do not end within this part.
    """
    text = start.decode("utf-8", "replace")
    decoder = json.JSONDecoder(parse_int=float)  # no caller's number is needed here
    try:
        at = _after(text, 0, "{")
        while True:
            key, at = decoder.raw_decode(text, _blank(text, at))
            at = _blank(text, _after(text, at, ":"))
            if key == "params":
                auth, _at = decoder.raw_decode(text, _blank(text, _after(text, at, "[")))
                if is_unicode(auth):
                    return auth
                raise RefusedRequest(400, "The credentials are not valid Unicode.")
            _value, at = decoder.raw_decode(text, at)
            at = _after(text, at, ",")
    except (ValueError, RecursionError):
        raise RefusedRequest(
            413,
            f"A request of more than {MAX_UNKNOWN_BYTES} bytes must have its credentials at its start, as the official "
            "client sends it. Send a smaller request, or put the credentials first.",
        ) from None


def _blank(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _after(text: str, at: int, sign: str) -> int:
    at = _blank(text, at)
    if text[at : at + 1] != sign:
        raise ValueError(sign)
    return at + 1


def parse_request(body: bytes) -> tuple[str, list[Any]]:
    """
    Return the method and the parameters of a request.

    Raises:
        RefusedRequest: The body is not a request in JSON, or its JSON is too large, too deep or not in UTF-8.
    """
    if body.count(b",") + body.count(b"[") + body.count(b"{") > MAX_VALUES:
        raise RefusedRequest(413, f"The request has more than {MAX_VALUES} values. Send several smaller requests.")
    numbers: dict[str, Any] = {}
    if _ODD_NUMBER.search(body):  # decoding with these functions takes longer, so only few requests are decoded so
        numbers = {"parse_int": _integer, "parse_float": _float}
    try:
        # json.loads would take bytes in other encodings too, and then accept halves of characters.
        request = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant, **numbers)
    except RecursionError:
        raise RefusedRequest(400, "The request's JSON is nested too deeply.") from None
    except ValueError as error:
        raise RefusedRequest(400, f"The request is not JSON in UTF-8: {error}") from None
    method = request.get("method_name") if isinstance(request, dict) else None
    params = request.get("params", []) if isinstance(request, dict) else None
    if not isinstance(method, str) or not isinstance(params, list) or not is_unicode(method):
        raise RefusedRequest(400, 'The request must be {"method_name": "...", "params": [...]}.')
    return method, params


def check_text(body: bytes, method: str, params: list[Any]) -> None:
    """
    Raise a fault if the parameters have text with halves of characters, which only escapes in the JSON can write.
    """
    if _ESCAPED_SURROGATE.search(body) and not is_unicode(params):
        raise Fault(f"API {method}() got text that is not valid Unicode.")


def is_unicode(value: Any) -> bool:
    """
    Return whether all text in a decoded JSON value is valid Unicode.
    """
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > _LONGEST_NUMBER:
        raise ValueError(f"a number has more than {_LONGEST_NUMBER} digits")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is beyond the range of numbers")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")
