"""
The page to look at a site in a browser: what it holds, and what is asked of it. It changes nothing.

Records are what others wrote: every value is escaped, no address of theirs is followed but those of the web, and the
browser is told to run no script but the page's own.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import functools
import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from sgextended.localsite.errors import Fault
from sgextended.localsite.pages import views as look

if TYPE_CHECKING:
    from collections.abc import Callable

    import jinja2
    from starlette.requests import Request

    from sgextended.localsite.services.site_services import SiteServices
    from sgextended.localsite.storage.transaction import Transaction

_FOLDER = Path(__file__).parent
_STATIC = {"style.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"}
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' http: https:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
_OWN_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def page_routes(site: SiteServices) -> list[Route]:
    """
    Return the addresses of the page.
    """

    def route(path: str, show: Callable[[Transaction, Request], tuple[str, dict[str, Any]]]) -> Route:
        async def answer(request: Request) -> Response:
            work = functools.partial(_answer, site, request, show)
            return await asyncio.get_running_loop().run_in_executor(site.workers, work)

        return Route(path, answer)

    async def static(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _STATIC:
            return PlainTextResponse("There is no such file.\n", status_code=404)
        return Response((_FOLDER / "static" / name).read_bytes(), media_type=_STATIC[name], headers=_HEADERS)

    return [
        route("/", look.overview),
        route("/records/{type}", look.records),
        route("/detail/{type}/{id:int}", look.record),
        route("/calls", functools.partial(look.calls, site.ledger)),
        route("/calls/after/{number:int}", functools.partial(look.newer_calls, site.ledger)),
        route("/pages/statuses.css", look.statuses),
        Route("/pages/{name}", static),
    ]


def _answer(
    site: SiteServices, request: Request, show: Callable[[Transaction, Request], tuple[str, dict[str, Any]]]
) -> Response:
    """
    Make one page; this runs in a worker thread.
    """
    try:
        with site.store.reading() as tx:
            tx.rpc, tx.address = "page", ""
            if not _is_own(request) and not _is_known(site, tx, request):
                # Whoever may ask the site may look at it: a person by their login, a script by its name.
                headers = {**_HEADERS, "www-authenticate": 'Basic realm="local site", charset="UTF-8"'}
                return PlainTextResponse("Log in as one who may ask this site.\n", status_code=401, headers=headers)
            template, values = show(tx, request)
    except Fault as fault:
        template, values = "message.html", {"message": fault.message, "status": 404}
    kind = "text/css" if template.endswith(".css") else "text/html"
    text = _templates().get_template(template).render({"here": "records", **values})
    return HTMLResponse(text, status_code=values.get("status", 200), headers=_HEADERS, media_type=kind)


def _is_own(request: Request) -> bool:
    """
    Tell whether a browser of this machine asks for this machine by its name: by another name, a page of somebody else's
    may have sent it.
    """
    try:
        is_here = request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
    return is_here and request.url.hostname in _OWN_NAMES


def _is_known(site: SiteServices, tx: Transaction, request: Request) -> bool:
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return False
    try:
        name, _, secret = base64.b64decode(text, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return False
    for auth in (
        {"user_login": name, "user_password": secret},
        {"script_name": name, "script_key": secret},
    ):
        try:
            site.authenticator.identify(tx, auth, use_code=False)
        except Fault:
            continue
        return True
    return False


@functools.cache
def _templates() -> jinja2.Environment:
    import jinja2  # noqa: PLC0415 - it takes as long to import as a site takes to start, and most are never looked at

    loader = jinja2.FileSystemLoader(_FOLDER / "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.lstrip_blocks = True
    environment.filters.update(look.FILTERS)
    return environment
