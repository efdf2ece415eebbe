"""
The middleware that applies mishaps to requests, responses and connections.

The server's protocol class puts its transport into the state of each request, so that the middleware can reset or close
the connection at any point of a response.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any, Optional

from starlette.responses import HTMLResponse, PlainTextResponse, Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from sgextended.localsite.files.expired_address import expired_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from sgextended.localsite.faults.fault_specs import Faults, Mishap

_PIECES = 20
#: In larger bodies, the RPC's name is not looked for.
_LARGEST_NAMED = 64 * 1024 * 1024
# Seconds after which a closed connection is aborted if the client has not closed its side.
_PATIENCE = 1.0
_NO_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
_PAGE = "<html><head><title>Sign in</title></head><body>This network wants you to sign in.</body></html>\n"
_STATUS_TEXTS = {429: "Too many requests", 500: "Internal server error", 502: "Bad gateway", 504: "Gateway timeout"}
_INSTEAD = frozenset({"expired", "html", "status"})
_SEVERED = frozenset({"close-after", "reset-after"})
_TURNED_AWAY = frozenset({"refused", "slammed"})
_TRANSPORT_KEY = "sgextended_transport"


class TransportProtocol(H11Protocol):
    """
    The HTTP/1.1 protocol, with the connection's transport in the state of each request.
    """

    app_state: dict[str, Any]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the base has it
        """
        Store the transport in the state of the connection's requests.
        """
        super().connection_made(transport)
        self.app_state = {**self.app_state, _TRANSPORT_KEY: transport}


def reset(transport: asyncio.BaseTransport) -> None:
    """
    Close a connection with a TCP reset.
    """
    # Closing a socket whose linger time is 0 resets its connection. A connection that the client has ended has no
    # socket any more, or over TLS before Python 3.12 no object to get it from.
    with contextlib.suppress(AttributeError, OSError):
        sock: Any = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()  # type: ignore[attr-defined]  # sockets have no other kind


class ResetConnection(asyncio.Protocol):
    """
    A connection that is reset as soon as it is accepted.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """
        Reset the connection.
        """
        reset(transport)


class FaultMiddleware:
    """
    An ASGI middleware that passes requests to *app*, except those that a mishap changes.

    Args:
        app: The application that serves requests.

        faults: The mishaps.

        turn_away: Refuses new connections for a number of seconds; with True as second argument, resets them instead.
    """

    def __init__(self, app: ASGIApp, faults: Faults, turn_away: Callable[[float, bool], None]) -> None:
        self._app = app
        self._faults = faults
        self._turn_away = turn_away

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        faults = self._faults
        if scope["type"] != "http" or not (faults.latency or faults.mishaps):
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        name: Optional[str] = None
        if not path.endswith("/api3/json"):
            name = _name_of(scope)
        elif faults.need_rpc_names():
            name, receive = await _read_name(receive)
        wait, mishap = faults.draw(path, name)
        if wait:
            await asyncio.sleep(wait)
        if mishap is None:
            await self._app(scope, receive, send)
            return
        if mishap.kind in _TURNED_AWAY:
            self._turn_away(mishap.value or 0.0, mishap.kind == "slammed")
        await _FaultyExchange(self._app, mishap, scope, receive, send).run()


class _FaultyExchange:
    """
    One mishap, and the request and response that it changes.
    """

    def __init__(self, app: ASGIApp, mishap: Mishap, scope: Scope, receive: Receive, send: Send) -> None:
        self._app, self._mishap = app, mishap
        self._scope, self._receive, self._send = scope, receive, send
        self._total = self._sent = 0
        self._is_over = False

    async def run(self) -> None:
        kind = self._mishap.kind
        if kind == "reset-before" or kind in _TURNED_AWAY:
            await self._sever(with_reset=True)
        elif kind in _INSTEAD:
            if self._mishap.after:
                await self._app(self._scope, self._receive, _discard)
            else:
                await self._drain()
            await self._replacement()(self._scope, self._receive, self._send)
        elif kind in _SEVERED:
            await self._app(self._scope, self._receive, _discard)
            await self._sever(with_reset=kind == "reset-after")
        else:
            await self._app(self._uncompressed(), self._receive, self._pass)

    async def _drain(self) -> None:
        # A client that is still sending would see the connection end instead of the response.
        message: Message = {"more_body": True}
        while message.get("more_body", False):
            message = await self._receive()

    def _replacement(self) -> Response:
        if self._mishap.kind == "expired":
            return expired_address()
        if self._mishap.kind == "html":
            return HTMLResponse(_PAGE)
        status = int(self._mishap.value or 0)
        retry_after = self._mishap.retry_after
        headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        return PlainTextResponse(_STATUS_TEXTS.get(status, "Out of order") + "\n", status_code=status, headers=headers)

    def _uncompressed(self) -> Scope:
        """
        Return the request without the headers for compression and ranges, which would hide the mishap.
        """
        if self._mishap.kind == "hang-up":
            return self._scope
        headers = [header for header in self._scope["headers"] if header[0] not in {b"accept-encoding", b"range"}]
        return {**self._scope, "headers": headers}

    async def _pass(self, message: Message) -> None:
        """
        Pass on a part of the response, as far as the mishap allows.
        """
        if self._is_over:
            return
        kind = self._mishap.kind
        if message["type"] == "http.response.start":
            headers = dict(message["headers"])
            self._total = int(headers.get(b"content-length", b"0"))
            if kind == "truncated":
                headers[b"content-length"] = str(self._half).encode()
                message = {**message, "headers": list(headers.items())}
            await self._send(message)
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if kind == "garbled":
            await self._send({**message, "body": body.replace(b":", b";")})
        elif kind == "trickle":
            await self._trickle(body, more=more)
        elif kind == "hang-up":
            await self._send(message)
            if not more:
                self._transport.close()
        else:
            await self._pass_half(body, more=more)

    @property
    def _half(self) -> int:
        return self._total // 2

    async def _pass_half(self, body: bytes, *, more: bool) -> None:
        part = body[: max(0, self._half - self._sent)]
        self._sent += len(part)
        is_complete = self._sent >= self._half or not more
        if self._mishap.kind == "truncated":
            await self._send({"type": "http.response.body", "body": part, "more_body": not is_complete})
            self._is_over = is_complete
            return
        await self._send({"type": "http.response.body", "body": part, "more_body": True})
        if is_complete:
            self._is_over = True
            await self._sever(with_reset=self._mishap.kind == "reset-during")

    async def _trickle(self, body: bytes, *, more: bool) -> None:
        size = max(1, -(-self._total // _PIECES))
        for start in range(0, len(body), size):
            await asyncio.sleep((self._mishap.value or 0.0) / _PIECES)
            piece = body[start : start + size]
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        if not more:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    @property
    def _transport(self) -> asyncio.Transport:
        transport: asyncio.Transport = self._scope["state"][_TRANSPORT_KEY]
        return transport

    async def _sever(self, *, with_reset: bool) -> None:
        """
        Reset or close the connection, and wait until it has ended.
        """
        transport = self._transport
        if with_reset:
            reset(transport)
        else:
            transport.close()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._wait_for_end(), _PATIENCE)
            return
        transport.abort()
        await self._wait_for_end()

    async def _wait_for_end(self) -> None:
        message: Message = {"type": ""}
        while message["type"] != "http.disconnect":
            message = await self._receive()


async def _discard(message: Message) -> None:
    """
    Discard a part of a response.
    """


def _name_of(scope: Scope) -> str:
    """
    Return the name by which a mishap chooses a request that is not an RPC.
    """
    path: str = scope["path"]
    if scope["method"] == "PUT":
        return "put"
    if scope["method"] == "POST":
        return path.rpartition("/")[2]
    return "download"


async def _read_name(receive: Receive) -> tuple[Optional[str], Receive]:
    """
    Return the name of the RPC in a request's body, and a function that receives the body again.
    """
    messages: list[Message] = []
    size, more = 0, True
    while more and size <= _LARGEST_NAMED:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    replayed = iter(messages)

    async def again() -> Message:
        return next(replayed, None) or await receive()

    try:
        request = json.loads(b"".join(message.get("body", b"") for message in messages))
    except (ValueError, RecursionError):
        request = None
    name = request.get("method_name") if isinstance(request, dict) else None
    return name if isinstance(name, str) else None, again
