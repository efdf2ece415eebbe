"""
The HTTP routes of the pages, on which a browser shows the site's records and executed calls. They change nothing.

Records hold values that others wrote. So every value is escaped, only web addresses in them become links, and the
browser may run no script except the page's own.
"""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from sgextended.localsite.errors import Fault
from sgextended.localsite.pages import call_views, record_table, value_display, views
from sgextended.localsite.reading.time_limit import limited_time
from sgextended.localsite.services.page_access import client_of, is_from_own_page

if TYPE_CHECKING:
    from collections.abc import Callable

    import jinja2
    from starlette.requests import Request

    from sgextended.localsite.services.site_services import SiteServices
    from sgextended.localsite.storage.transaction import Transaction

_FOLDER = Path(__file__).parent
_STATIC = {
    "icon.svg": "image/svg+xml",
    "page.js": "text/javascript; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
}
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' http: https:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
}
_LOGIN = "Open the address with the token that the start of the site printed, or log in as a user or a script.\n"


class _NumberConvertor(IntegerConvertor):
    """
    Takes the number of a row or a call from an address. Python refuses to decode a number of thousands of digits.
    """

    regex = "[0-9]{1,18}"


register_url_convertor("number", _NumberConvertor())


def page_routes(site: SiteServices) -> list[Route]:
    """
    Return the routes of the pages.
    """

    def route(path: str, view: Callable[[Transaction, Request], tuple[str, dict[str, Any]]]) -> Route:
        async def answer(request: Request) -> Response:
            work = functools.partial(_render, site, request, view)
            return await asyncio.get_running_loop().run_in_executor(site.workers, work)

        return Route(path, answer)

    async def static(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _STATIC:
            return PlainTextResponse("There is no such file.\n", status_code=404)
        return Response((_FOLDER / "static" / name).read_bytes(), media_type=_STATIC[name], headers=_HEADERS)

    return [
        route("/", views.overview),
        route("/records/{type}", record_table.records),
        route("/detail/{type}/{id:number}", views.record),
        route("/calls", functools.partial(call_views.calls, site.ledger)),
        route("/calls/{number:number}", functools.partial(call_views.call, site.ledger)),
        route("/calls/after/{number:number}", functools.partial(call_views.newer_calls, site.ledger)),
        route("/pages/statuses.css", views.statuses),
        Route("/pages/{name}", static),
    ]


def _render(
    site: SiteServices, request: Request, view: Callable[[Transaction, Request], tuple[str, dict[str, Any]]]
) -> Response:
    """
    Render one page and return the response. This runs in a worker thread.
    """
    try:
        with site.store.reading() as tx:
            tx.rpc, tx.address, tx.client = "page", "", client_of(request)
            exchanged = site.page_access.exchange(request)
            if exchanged is not None:
                return exchanged
            if not site.page_access.admits(tx, request):
                headers = {**_HEADERS, "www-authenticate": 'Basic realm="local site", charset="UTF-8"'}
                return PlainTextResponse(_LOGIN, status_code=401, headers=headers)
            if not is_from_own_page(request):
                text = "This form was not sent by a page of this site. Open the page again and repeat it there.\n"
                return PlainTextResponse(text, status_code=403, headers=_HEADERS)
            with limited_time(tx):
                template, values = view(tx, request)
    except Fault as fault:
        template, values = "message.html", {"message": fault.message, "status": 404}
    kind = "text/css" if template.endswith(".css") else "text/html"
    text = _templates().get_template(template).render({"here": "records", **values})
    return HTMLResponse(text, status_code=values.get("status", 200), headers=_HEADERS, media_type=kind)


@functools.cache
def _templates() -> jinja2.Environment:
    import jinja2  # noqa: PLC0415 - its import takes as long as a site's start, and most sites show no page

    loader = jinja2.FileSystemLoader(_FOLDER / "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.lstrip_blocks = True
    environment.filters.update(value_display.FILTERS)
    return environment
