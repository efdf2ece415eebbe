"""
The HTTP routes of a site. One address takes every RPC, as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import logging
import re
import time
from typing import TYPE_CHECKING, Any, Optional

import attrs
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sgextended.localsite.errors import REQUEST, Fault
from sgextended.localsite.faults.fault_injection import FaultMiddleware
from sgextended.localsite.pages.routes import page_routes
from sgextended.localsite.reading.time_limit import limited_time
from sgextended.localsite.server.download_routes import download_routes
from sgextended.localsite.server.host_check import HostCheck, address_in
from sgextended.localsite.server.request_body import BodyReceiver, RefusedRequest, check_text, parse_request
from sgextended.localsite.server.rpc_table import find_rpc
from sgextended.localsite.server.upload_routes import upload_routes
from sgextended.localsite.services.page_access import client_of
from sgextended.localsite.services.secret_values import without_secrets_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from sgextended.localsite.faults.fault_specs import Faults
    from sgextended.localsite.services.site_services import SiteServices

try:
    import orjson
except ImportError:  # the encoder of the standard library does the same, more slowly
    orjson = None  # type: ignore[assignment]

_log = logging.getLogger(__name__)

# Below this number of bytes, compression costs more time than it saves.
_LEAST_COMPRESSED = 2048
# The ledger keeps smaller payloads for the page of a call.
_MOST_KEPT_BYTES = 16 * 1024
_WRITES_TO_ROWS = frozenset({"batch", "create", "delete", "follow", "revive", "unfollow", "update"})
_JSON = "application/json; charset=utf-8"
# SQLite's messages about statements beyond its limits: joined tables, depth of expressions, columns, sort terms.
_TOO_COMPLEX = re.compile(r"parser stack|at most \d+ tables|too large|too many|too complex|too big|too long")


def build_app(
    site: SiteServices, faults: Faults, turn_away: Callable[[float, bool], None], names: Iterable[str]
) -> ASGIApp:
    """
    Return the ASGI application that serves *site*.

    Args:
        site: The site.

        faults: The mishaps of the site.

        turn_away: Refuses new connections for a number of seconds; with True as second argument, resets them instead.

        names: The names of the site, in addition to those of loopback. Requests for other names are refused.
    """

    async def admit(auth: Any) -> None:
        await asyncio.get_running_loop().run_in_executor(site.workers, _admit, site, auth)

    bodies = BodyReceiver(admit)

    async def take(request: Request) -> Response:
        return await _take(site, bodies, request)

    async def report_health(request: Request) -> Response:
        del request  # the response does not depend on it
        return await asyncio.get_running_loop().run_in_executor(site.workers, _health, site)

    app = Starlette(
        routes=[
            Route("/api3/json", take, methods=["POST"]),
            Route("/{prefix:path}/api3/json", take, methods=["POST"]),
            *upload_routes(site, _address_of),
            *download_routes(site, _address_of),
            *page_routes(site),
            Route("/healthz", report_health),
        ]
    )
    return HostCheck(FaultMiddleware(app, faults, turn_away), names)


def _address_of(request: Request) -> str:
    """
    Return the site's address from the caller's Host header, because a site on all interfaces has many addresses.
    """
    return address_in(request.url.scheme, request.headers["host"])


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


async def _take(site: SiteServices, bodies: BodyReceiver, request: Request) -> Response:
    accepts_gzip = "gzip" in request.headers.get("accept-encoding", "")
    try:
        async with bodies.receive(request) as body:
            return await asyncio.get_running_loop().run_in_executor(
                site.workers, _respond, site, body, accepts_gzip, _sender(request)
            )
    except RefusedRequest as refused:
        return PlainTextResponse(f"{refused}\n", status_code=refused.status)
    except Fault as fault:
        return Response(_refusal(fault.message, fault.code), headers={"content-type": _JSON})


def _admit(site: SiteServices, auth: Any) -> None:
    with site.store.reading() as tx:
        site.authenticator.identify(tx, auth, use_code=False)


@attrs.frozen
class _Sender:
    """
    The sender of a request: the client's user agent and address, and the site's address as the client knows it.
    """

    agent: str
    client: str
    address: str
    request: Request


def _sender(request: Request) -> _Sender:
    return _Sender(request.headers.get("user-agent", ""), client_of(request), _address_of(request), request)


def _session_in(params: list[Any], result: Any) -> Optional[str]:
    """
    Return the session token that a request starts or uses.
    """
    if isinstance(result, dict) and isinstance(result.get("session_id"), str):
        return str(result["session_id"])
    token = params[0].get("session_token") if params and isinstance(params[0], dict) else None
    return token if isinstance(token, str) else None


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
        method, params = parse_request(body)
    except RefusedRequest as refused:
        return PlainTextResponse(f"{refused}\n", status_code=refused.status)
    started = time.monotonic()
    ok, result, message = False, None, ""
    try:
        check_text(body, method, params)
        result = execute(site, method, params, sender.address, sender.client)
        ok = True
        token = _session_in(params, result)
        if token is not None and not find_rpc(method).open:
            site.recent_clients.remember(sender.request, token)
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


def execute(site: SiteServices, method: str, params: list[Any], address: str = "", client: str = "") -> Any:
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
    if writes and not site.authenticator.is_quick(auth):
        # The slow hash of unknown credentials is computed before anybody has to wait for the end of this transaction.
        with site.store.reading() as tx:
            tx.client = client
            site.authenticator.identify(tx, auth, use_code=False)
    with site.store.writing() if writes else site.store.reading() as tx:
        tx.rpc, tx.address, tx.client = method, address or tx.address, client
        tx.actor = site.authenticator.identify(tx, auth)
        try:
            # A write is not limited: its statements are about single rows, and a large batch may take its time.
            with contextlib.nullcontext() if rpc.writes else limited_time(tx):
                return rpc.answer(tx, params[1] if len(params) > 1 else None)
        except sa.exc.OperationalError as error:
            if _TOO_COMPLEX.search(str(error.orig)):
                raise Fault(
                    f"API {method}() The request is too complex for the site's database: {error.orig}. Send shorter "
                    "paths, fewer conditions or fewer fields."
                ) from None
            raise


def _refusal(message: str, code: int = REQUEST) -> bytes:
    return _encode({"exception": True, "error_code": code, "message": message})


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


def _encode(value: Any) -> bytes:
    if orjson is not None:
        with contextlib.suppress(
            TypeError
        ):  # orjson encodes no integer of more than 64 bits, which JSON columns may have
            return orjson.dumps(value)
    return _encode_with_json(value)
