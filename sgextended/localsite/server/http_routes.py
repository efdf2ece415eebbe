"""
The HTTP routes of a site. One address takes every RPC, as JSON.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import re
import time
from typing import TYPE_CHECKING, Any, Optional

import attrs
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sgextended.localsite.errors import REQUEST, Fault
from sgextended.localsite.faults.fault_injection import FaultMiddleware
from sgextended.localsite.pages.routes import page_routes
from sgextended.localsite.server.download_routes import download_routes
from sgextended.localsite.server.rpc_table import find_rpc
from sgextended.localsite.server.upload_routes import upload_routes
from sgextended.localsite.services.secret_values import without_secrets_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from sgextended.localsite.faults.fault_specs import Faults
    from sgextended.localsite.services.site_services import SiteServices

try:
    import orjson
except ImportError:  # the encoder of the standard library does the same, more slowly
    orjson = None  # type: ignore[assignment]

_log = logging.getLogger(__name__)

#: Requests with larger bodies are refused before they are read whole.
MAX_BODY_BYTES = 64 * 1024 * 1024

# Below this number of bytes, compression costs more time than it saves.
_LEAST_COMPRESSED = 2048
# The ledger keeps smaller payloads for the page of a call.
_MOST_KEPT_BYTES = 16 * 1024
_WRITES_TO_ROWS = frozenset({"batch", "create", "delete", "follow", "revive", "unfollow", "update"})
_JSON = "application/json; charset=utf-8"
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_HOST = re.compile(r"[A-Za-z0-9.-]+(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?")


class _Refused(Exception):
    """
    Raised for a request that is not one of the protocol.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def build_app(site: SiteServices, faults: Faults, turn_away: Callable[[float, bool], None]) -> ASGIApp:
    """
    Return the ASGI application that serves *site*.

    Args:
        site: The site.

        faults: The mishaps of the site.

        turn_away: Refuses new connections for a number of seconds; with True as second argument, resets them instead.
    """

    async def take(request: Request) -> Response:
        return await _take(site, request)

    async def report_health(request: Request) -> Response:
        del request  # the response does not depend on it
        return await asyncio.get_running_loop().run_in_executor(site.workers, _health, site)

    def address_of(request: Request) -> str:
        return _address_of(site, request)

    app = Starlette(
        routes=[
            Route("/api3/json", take, methods=["POST"]),
            Route("/{prefix:path}/api3/json", take, methods=["POST"]),
            *upload_routes(site, address_of),
            *download_routes(site, address_of),
            *page_routes(site),
            Route("/healthz", report_health),
        ]
    )
    return FaultMiddleware(app, faults, turn_away)


def _address_of(site: SiteServices, request: Request) -> str:
    """
    Return the site's address from the caller's Host header, because a site on all interfaces has many addresses.
    """
    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host}" if _HOST.fullmatch(host) else site.store.media.address


def _health(site: SiteServices) -> Response:
    """
    Return status 200 if the site can read its database, else 503, for monitoring.
    """
    try:
        with site.store.reading() as tx:
            tx.connection.exec_driver_sql("SELECT 1")
    except Exception:  # noqa: BLE001 - logged with its traceback; monitoring needs a status
        _log.exception("The local site cannot read its database.")
        return PlainTextResponse("The database cannot be read.\n", status_code=503)
    return PlainTextResponse("ok\n")


async def _take(site: SiteServices, request: Request) -> Response:
    try:
        body = await _body(request)
    except _Refused as refused:
        return PlainTextResponse(f"{refused}\n", status_code=refused.status)
    accepts_gzip = "gzip" in request.headers.get("accept-encoding", "")
    return await asyncio.get_running_loop().run_in_executor(
        site.workers, _respond, site, body, accepts_gzip, _sender(site, request)
    )


async def _body(request: Request) -> bytes:
    too_large = _Refused(413, f"The request is larger than {MAX_BODY_BYTES} bytes.")
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > MAX_BODY_BYTES:
        raise too_large
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > MAX_BODY_BYTES:
                raise too_large
            parts.append(part)
    except ClientDisconnect:
        raise _Refused(400, "The connection ended before the whole request was received.") from None
    return b"".join(parts)


@attrs.frozen
class _Sender:
    """
    The sender of a request: the client's user agent and address, and the site's address as the client knows it.
    """

    agent: str
    client: str
    address: str


def _sender(site: SiteServices, request: Request) -> _Sender:
    client = "" if request.client is None else request.client.host
    return _Sender(request.headers.get("user-agent", ""), client, _address_of(site, request))


def _caller_name(params: list[Any]) -> str:
    """
    Return the name of the caller that a request claims, which may be refused later.
    """
    auth = params[0] if params and isinstance(params[0], dict) else {}
    name = auth.get("user_login") or auth.get("script_name") or ("a session" if auth.get("session_token") else "")
    sudo = auth.get("sudo_as_login")
    return f"{name} as {sudo}" if sudo else str(name)


def _respond(site: SiteServices, body: bytes, accepts_gzip: bool, sender: _Sender) -> Response:
    """
    Execute one request and return the response. This runs in a worker thread.
    """
    try:
        method, params = _parse_request(body)
    except _Refused as refused:
        return PlainTextResponse(f"{refused}\n", status_code=refused.status)
    started = time.monotonic()
    ok, result, message = False, None, ""
    try:
        _check_text(body, method, params)
        result = execute(site, method, params, sender.address)
        ok = True
        # Live sites send the result of `info` by itself, and all other results under "results".
        content = _encode(result if method == "info" else {"results": result})
    except Fault as fault:
        message = without_secrets_of(params[1:], fault.message)
        content = _refusal(fault.message, fault.code)
    except RecursionError:
        message = f"API {method}() The request is nested too deeply."
        content = _refusal(message)
    except Exception:  # noqa: BLE001 - logged with its traceback, and the next request is served
        message = "The local site failed. Its log has the reason."
        _log.exception("The request %r failed inside the local site.", method)
        return PlainTextResponse("The local site failed. Its log has the reason.\n", status_code=500)
    finally:
        site.ledger.add(
            rpc=method,
            entity_type=_type_in(params),
            user_agent=sender.agent,
            who=_caller_name(params),
            client=sender.client,
            started=started,
            seconds=time.monotonic() - started,
            rows=_rows_in(result),
            ids=_ids_in(method, params, result) if ok else (),
            ok=ok,
            message=message,
            payload=_kept_payload(body, params),
        )
    headers = {"content-type": _JSON}
    if accepts_gzip and len(content) >= _LEAST_COMPRESSED:
        content = gzip.compress(content, compresslevel=1)
        headers["content-encoding"] = "gzip"
    return Response(content, headers=headers)


def _kept_payload(body: bytes, params: list[Any]) -> Any:
    """
    Return the payload for the page of the call, without the caller's credentials; large ones are not kept.
    """
    payload = params[1] if len(params) > 1 else None
    if payload is None or len(body) <= _MOST_KEPT_BYTES:
        return payload
    return {"note": f"The request has {len(body):,} bytes, which is too large to be kept."}


def execute(site: SiteServices, method: str, params: list[Any], address: str = "") -> Any:
    """
    Execute one request in one transaction, and return its result.

    Raises:
        Fault: The site refuses the request; its changes are rolled back.
    """
    rpc = find_rpc(method)
    if rpc.open:
        with site.store.reading() as tx:
            return rpc.answer(tx, None)
    auth = params[0] if params else None
    # A one-time code is marked as used, which writes to the database.
    writes = rpc.writes or (isinstance(auth, dict) and "auth_token" in auth)
    with site.store.writing() if writes else site.store.reading() as tx:
        tx.rpc, tx.address = method, address or tx.address
        tx.actor = site.authenticator.identify(tx, auth)
        return rpc.answer(tx, params[1] if len(params) > 1 else None)


def _parse_request(body: bytes) -> tuple[str, list[Any]]:
    try:
        request = json.loads(body, parse_constant=_refuse_constant)
    except RecursionError:
        raise _Refused(400, "The request's JSON is nested too deeply.") from None
    except ValueError as error:
        raise _Refused(400, f"The request is not JSON in UTF-8: {error}") from None
    method = request.get("method_name") if isinstance(request, dict) else None
    params = request.get("params", []) if isinstance(request, dict) else None
    if not isinstance(method, str) or not isinstance(params, list) or not _is_unicode(method):
        raise _Refused(400, 'The request must be {"method_name": "...", "params": [...]}.')
    return method, params


def _refusal(message: str, code: int = REQUEST) -> bytes:
    return _encode({"exception": True, "error_code": code, "message": message})


def _is_unicode(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _check_text(body: bytes, method: str, params: list[Any]) -> None:
    if _SURROGATE.search(body) and not _is_unicode(params):
        raise Fault(f"API {method}() got text that is not valid Unicode.")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")


def _type_in(params: list[Any]) -> Optional[str]:
    payload = params[1] if len(params) > 1 else None
    found = payload.get("type") if isinstance(payload, dict) else None
    return found if isinstance(found, str) else None


def _rows_in(result: Any) -> int:
    if isinstance(result, dict):
        rows = result.get("entities", result.get("groups"))
        return len(rows) if isinstance(rows, list) else 1
    if isinstance(result, list):
        return len(result)
    return 0 if result is None else 1


def _ids_in(method: str, params: list[Any], result: Any) -> tuple[int, ...]:
    """
    Return the ids of the rows that a successful request has written.
    """
    if method not in _WRITES_TO_ROWS:
        return ()
    if method == "batch":
        return tuple(_id_in(request, answer) for request, answer in zip(params[1], result))
    row = params[1]["entity"] if method in {"follow", "unfollow"} else params[1]
    return (_id_in(row, result),)


def _id_in(row: dict[str, Any], answer: Any) -> int:
    found: int = answer["id"] if isinstance(answer, dict) and "id" in answer else row["id"]
    return found


def _encode_with_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


_encode: Callable[[Any], bytes] = _encode_with_json if orjson is None else orjson.dumps
