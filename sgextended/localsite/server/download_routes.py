"""
The HTTP routes that files and thumbnails are downloaded from.

A request for a file carries a signed address, or it says who sends it: by the cookie of a session, or as for a page.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import re
import time
import urllib.parse
from typing import TYPE_CHECKING, Optional

import attrs
import sqlalchemy as sa
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from sgextended.localsite.errors import Fault
from sgextended.localsite.files.expired_address import expired_address
from sgextended.localsite.services.page_access import client_of
from sgextended.localsite.storage.file_columns import PENDING_PATH, shown_file, shown_image
from sgextended.localsite.writing.attachments import image_of
from sgextended.localsite.writing.file_values import guessed_type, is_web

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.requests import Request

    from sgextended.localsite.services.site_services import SiteServices
    from sgextended.localsite.storage.transaction import Transaction

_COOKIE = "_session_id"
_ID = re.compile(r"[0-9]{1,18}")
_PENDING = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
# Status and text of the response for a file whose malware scan is not finished or has found something.
_SCANS = {
    "unverified": (409, "This file is undergoing a malware scan, please try again in a few minutes\n"),
    "infected": (410, "File scanning has detected malware and the file has been quarantined\n"),
}
_WHO = (
    "This file needs a session. Read the field again for an address that is valid for a while, send the cookie "
    "_session_id with a session token, or log in as a user or a script.\n"
)
# An uploaded file must never run as a page of this site.
_SAFE_HEADERS = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox"}


@attrs.frozen
class _Found:
    """
    What an address leads to: a file of this site, another address, or a refusal.
    """

    path: Optional[Path] = None
    filename: Optional[str] = None
    elsewhere: Optional[str] = None
    status: int = 404
    message: str = "There is no such file.\n"


def download_routes(site: SiteServices, address_of: Callable[[Request], str]) -> list[Route]:
    """
    Return the routes that files are downloaded from.

    Args:
        site: The site.

        address_of: Returns the site's address as the caller of a request knows it.
    """

    async def serve(request: Request, find: Callable[[Transaction, Request], _Found]) -> Response:
        work = functools.partial(_find, site, request, find, address_of(request))
        return await asyncio.get_running_loop().run_in_executor(site.workers, work)

    async def show_pending(request: Request) -> Response:
        del request  # the response does not depend on it
        return Response(_PENDING, media_type="image/png")

    finders = {
        "/file_serve/attachment/{id}": _by_id,
        "/storage/attachment/{id}/{name}": _by_id,
        "/storage/thumbnail/{file}": _thumbnail,
        "/thumbnail/full/{type}/{id}": _full_thumbnail,
        "/upload/get_thumbnail_url": _thumbnail_url,
    }
    routes = [Route(path, functools.partial(serve, find=find)) for path, find in finders.items()]
    return [*routes, Route(PENDING_PATH, show_pending)]


def _find(
    site: SiteServices, request: Request, find: Callable[[Transaction, Request], _Found], address: str
) -> Response:
    """
    Find the requested file and return the response. This runs in a worker thread.
    """
    started = time.monotonic()
    found = _Found()
    try:
        with site.store.reading() as tx:
            tx.rpc, tx.address, tx.client = "download", address, client_of(request)
            found = _refusal(site, tx, request) or find(tx, request)
    except Fault as fault:
        found = _Found(status=403, message=f"{fault.message}\n")
    except UnicodeEncodeError:
        found = _Found(status=400)
    finally:
        site.ledger.add(
            rpc="download",
            entity_type=None,
            user_agent=request.headers.get("user-agent", ""),
            client=client_of(request),
            started=started,
            seconds=time.monotonic() - started,
            rows=int(found.path is not None),
            ok=found.path is not None or found.elsewhere is not None or found.status == 200,
        )
    return _response(found)


def _refusal(site: SiteServices, tx: Transaction, request: Request) -> Optional[_Found]:
    """
    Return the refusal of a request whose address is not signed and whose sender is unknown; else None.

    Raises:
        Fault: The session is not valid.
    """
    if _is_signed(tx, request):
        return None
    is_signed_badly = "signature" in request.query_params or request.scope["path"].startswith("/storage/")
    token = request.cookies.get(_COOKIE)
    if token is None and not is_signed_badly:
        token = site.recent_clients.session_of(request)
    if token is not None:
        tx.actor = site.authenticator.identify(tx, {"session_token": token})
        return None
    if site.page_access.admits(tx, request):
        return None
    return _Found(status=403, message="") if is_signed_badly else _Found(status=401, message=_WHO)


def _response(found: _Found) -> Response:
    if found.elsewhere is not None:
        return RedirectResponse(found.elsewhere, status_code=302)
    # The site stores no links. One that somebody put there could lead to any file of this machine.
    if found.path is not None and found.path.is_file() and not found.path.is_symlink():
        name = found.filename
        kind = "image/jpeg" if name is None else guessed_type(name) or "application/octet-stream"
        return FileResponse(found.path, media_type=kind, filename=name, headers=_SAFE_HEADERS)
    if found.status == 403 and not found.message:
        return expired_address()
    return PlainTextResponse(found.message, status_code=found.status)


def _by_id(tx: Transaction, request: Request) -> _Found:
    text = request.path_params["id"]
    if not _ID.fullmatch(text):
        return _Found(status=400)
    table = tx.tables["Attachment"]
    query = sa.select(table.c.id, table.c.this_file, table.c.processing_status).where(
        table.c.id == int(text), table.c.retired_at.is_(None)
    )
    row = tx.connection.execute(query).first()
    value = None if row is None else shown_file(tx)(row.this_file)
    if row is None or value is None:
        return _Found(status=400, message=f"Attachment {text} doesn't exist.\n")
    if value["link_type"] == "local":
        return _Found(status=400, message=f"Attachment {text} is a local file.\n")
    if value["link_type"] == "web":
        if not is_web(value["url"]):
            return _Found(status=400, message=f"Attachment {text} does not link to a web page.\n")
        return _Found(elsewhere=value["url"])
    if row.processing_status in _SCANS:
        status, message = _SCANS[row.processing_status]
        return _Found(status=status, message=message)
    return _Found(path=tx.media.attachment(row.id), filename=value["name"])


def _thumbnail(tx: Transaction, request: Request) -> _Found:
    number = request.path_params["file"].partition(".")[0]  # a negative one was loaded from a folder
    return _Found(path=tx.media.thumbnail(int(number))) if _ID.fullmatch(number.removeprefix("-")) else _Found()


def _is_signed(tx: Transaction, request: Request) -> bool:
    return tx.media.is_signed("GET", request.scope["path"], dict(request.query_params), tx.now)


def _full_thumbnail(tx: Transaction, request: Request) -> _Found:
    url = _image_url(tx, request.path_params["type"], request.path_params["id"])
    return _Found() if url is None else _Found(elsewhere=url)


def _thumbnail_url(tx: Transaction, request: Request) -> _Found:
    """
    Return the thumbnail's address in the form that clients of sites before 3.3.0 request for each row.
    """
    query = request.query_params
    url = _image_url(tx, query.get("entity_type", ""), query.get("entity_id", ""))
    if url is None:
        return _Found(status=200, message="0\nThere is no such thumbnail.\n")
    parts = urllib.parse.urlsplit(url)
    return _Found(status=200, message=f"1\n{parts.path}{'?' if parts.query else ''}{parts.query}\n")


def _image_url(tx: Transaction, entity_type: str, entity_id: str) -> Optional[str]:
    if entity_type not in tx.schema or not _ID.fullmatch(entity_id):
        return None
    try:
        return shown_image(tx, image_of(tx, entity_type, int(entity_id)))
    except Fault:
        return None
