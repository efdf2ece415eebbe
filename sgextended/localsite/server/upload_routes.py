"""
The HTTP routes that files are uploaded to: by form, or whole or in parts to storage, which this site serves too.

The response to a form has status 200 also for a failure, because the official client repeats a form for any other
status. Its text begins with 1 for success and with 0 for failure.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import re
import secrets
import time
import urllib.parse
from typing import TYPE_CHECKING, Optional

import attrs
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sgextended.localsite.errors import Fault
from sgextended.localsite.files.expired_address import expired_address
from sgextended.localsite.files.thumbnails import TooManyPixelsError, make_thumbnail
from sgextended.localsite.files.upload_forms import Form, FormError, discard_rest, receive_file, receive_form
from sgextended.localsite.services.page_access import client_of
from sgextended.localsite.writing.attachments import (
    NotReadyError,
    Upload,
    attach_file,
    attach_thumbnail,
    is_true,
    moment_of,
    share_thumbnail,
)
from sgextended.localsite.writing.file_values import guessed_type

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable
    from pathlib import Path

    from sgextended.localsite.services.site_services import SiteServices
    from sgextended.localsite.storage.transaction import Transaction

_log = logging.getLogger(__name__)

_UPLOAD_TYPES = frozenset({"Attachment", "Thumbnail"})
_MAX_PARTS = 10_000
_COPIED_AT_ONCE = 1024 * 1024
_PART = re.compile(r"[1-9]\d{0,4}")


@attrs.frozen(eq=False)
class _Call:
    """
    One form that is being executed.
    """

    site: SiteServices
    form: Form
    address: str
    client: str
    upload: Optional[Upload] = None

    @property
    def fields(self) -> dict[str, str]:
        return self.form.fields


def upload_routes(site: SiteServices, address_of: Callable[[Request], str]) -> list[Route]:
    """
    Return the routes that take uploads.

    Args:
        site: The site.

        address_of: Returns the site's address as the caller of a request knows it.
    """

    async def take(request: Request, name: str) -> Response:
        return await _take_form(site, request, name, address_of(request))

    async def store(request: Request) -> Response:
        return await _store(site, request)

    routes = [Route(f"/upload/{name}", functools.partial(take, name=name), methods=["POST"]) for name in _FORMS]
    return [*routes, Route("/storage/upload/{key}", store, methods=["PUT"])]


async def _take_form(site: SiteServices, request: Request, name: str, address: str) -> Response:
    loop = asyncio.get_running_loop()
    media = site.store.media
    agent, client = request.headers.get("user-agent", ""), client_of(request)

    async def admit(fields: dict[str, str]) -> None:
        await loop.run_in_executor(site.workers, _admit, site, fields, client)

    started = time.monotonic()
    try:
        form = await receive_form(request, media, site.workers, admit)
    except ClientDisconnect:
        return PlainTextResponse("0:The connection ended before the whole form was received.\n", status_code=400)
    except FormError as error:
        return _failed(str(error))
    except Fault as fault:
        site.ledger.add(
            rpc=name,
            entity_type=None,
            user_agent=agent,
            started=started,
            seconds=0.0,
            rows=0,
            ok=False,
            message=fault.message,
        )
        return _failed(fault.message)
    return await loop.run_in_executor(site.workers, _answer, _Call(site, form, address, client), name, agent)


def _admit(site: SiteServices, fields: dict[str, str], client: str) -> None:
    with site.store.reading() as tx:
        tx.client = client
        site.authenticator.identify(tx, fields, use_code=False)


def _answer(call: _Call, name: str, agent: str) -> Response:
    """
    Execute one form and return the response. This runs in a worker thread.
    """
    started = time.monotonic()
    site, form, served = call.site, call.form, _FORMS[name]
    ok, message = False, ""
    try:
        with contextlib.ExitStack() as stack:
            if served.takes_file:
                call = attrs.evolve(call, upload=_upload_of(call, name, stack))
            elif not site.authenticator.is_quick(form.fields):
                _admit(site, form.fields, call.client)
            # A one-time code is marked as used, which writes to the database.
            writes = served.writes or "auth_token" in form.fields
            with site.store.writing() if writes else site.store.reading() as tx:
                tx.rpc, tx.address, tx.client = name, call.address, call.client
                tx.actor = site.authenticator.identify(tx, form.fields)
                text = served.answer(tx, call)
        ok = True
        return PlainTextResponse(text)
    except Fault as fault:
        message = fault.message
        return _failed(message)
    except NotReadyError as error:
        return PlainTextResponse(f"2:{error}\n")
    except UnicodeEncodeError:
        return _failed("The form has text that is not valid Unicode.")
    except Exception:  # noqa: BLE001 - logged with its traceback, and the next form is served
        _log.exception("The form %r failed inside the local site.", name)
        return _failed("The local site failed. Its log has the reason.")
    finally:
        form.discard()
        site.ledger.add(
            rpc=name,
            entity_type=form.fields.get("entity_type"),
            user_agent=agent,
            client=call.client,
            started=started,
            seconds=time.monotonic() - started,
            rows=int(ok),
            ok=ok,
            message=message,
        )


def _failed(message: str) -> Response:
    return PlainTextResponse(f"0:{message}\n")


def _upload_of(call: _Call, name: str, stack: contextlib.ExitStack) -> Upload:
    """
    Return the file that a form contains or links, with its thumbnail. *stack* removes the temporary thumbnail.
    """
    media = call.site.store.media
    with call.site.store.reading() as tx:
        tx.client = call.client
        call.site.authenticator.identify(tx, call.fields, use_code=False)
        now = tx.now
    form, kind = call.form, "Thumbnail" if name == "publish_thumbnail" else "Attachment"
    if form.file is not None:
        path, filename = form.file.path, form.filename
    elif "upload_link_info" in form.fields:
        key, filename, kind = _linked(call, form.fields["upload_link_info"], now)
        path = media.upload(key)
        if not path.is_file():
            raise Fault("The upload to storage is missing or incomplete.")
    else:
        raise Fault("The form has no file.")
    thumbnail = media.scratch()
    stack.callback(thumbnail.unlink, missing_ok=True)
    wanted = kind == "Thumbnail" or (guessed_type(filename) or "image/").startswith("image/")
    try:
        made = wanted and make_thumbnail(path, thumbnail, filmstrip=is_true(form.fields.get("filmstrip")))
    except TooManyPixelsError as error:
        if kind == "Thumbnail":
            raise Fault(str(error)) from error
        made = False  # a large file is stored as a file, without a thumbnail
    named = filename.strip() or "unnamed"
    return Upload(path=path, filename=named, kind=kind, thumbnail=thumbnail if made else None)


def _publish_thumbnail(tx: Transaction, call: _Call) -> str:
    return f"1:{attach_thumbnail(tx, _the_upload(call), call.fields)}\n"


def _upload_file(tx: Transaction, call: _Call) -> str:
    return f"1:{attach_file(tx, _the_upload(call), call.fields)}\n"


def _link_file(tx: Transaction, call: _Call) -> str:
    upload = _the_upload(call)
    attach = attach_thumbnail if upload.kind == "Thumbnail" else attach_file
    return f"1:{attach(tx, upload, call.fields)}\n"


def _the_upload(call: _Call) -> Upload:
    if call.upload is None:
        raise Fault("The form has no file.")
    return call.upload


def _share(tx: Transaction, call: _Call) -> str:
    attachment_id = share_thumbnail(tx, call.fields)
    return "1:\n" if attachment_id is None else f"1:{attachment_id}\n"


def _link_info(tx: Transaction, call: _Call) -> str:
    kind, name = call.fields.get("upload_type", ""), call.fields.get("filename", "")
    if kind not in _UPLOAD_TYPES:
        raise Fault(f"upload_type must be one of: Attachment, Thumbnail. Got: {kind!r}")
    name = name.replace("\\", "/").rpartition("/")[2]
    if not name or not name.isprintable():
        raise Fault(f"{name!r} is not a valid file name.")
    sent = call.fields.get("created_at")
    timestamp = moment_of(sent) if sent else tx.moment
    key = secrets.token_hex(16)
    in_parts = is_true(call.fields.get("multipart_upload"))
    path = f"/storage/upload/{key}"
    signed = tx.media.signed("PUT", path, tx.now, filename=name, kind=kind)
    return "\n".join(("1", f"{tx.address}{signed}", timestamp, kind, key if in_parts else "", "s3", ""))


def _part_link(tx: Transaction, call: _Call) -> str:
    key, part = call.fields.get("upload_id", ""), call.fields.get("part_number", "")
    _upload_path(call, key)
    if not _PART.fullmatch(part) or int(part) > _MAX_PARTS:
        raise Fault(f"part_number must be a number from 1 to {_MAX_PARTS}. Got: {part!r}")
    signed = tx.media.signed("PUT", f"/storage/upload/{key}", tx.now, part=part)
    return f"1\n{tx.address}{signed}\n"


def _complete(tx: Transaction, call: _Call) -> str:
    """
    Join the parts of an upload. A repeated request for a joined upload does nothing.
    """
    key = call.fields.get("upload_id", "")
    whole = _upload_path(call, key)
    if whole.is_file():
        return "1\n"
    parts = []
    for number, etag in enumerate(call.fields.get("etags", "").split(","), start=1):
        try:
            path = tx.media.upload_part(key, number, etag.strip().strip('"'))
        except ValueError as error:
            raise Fault(str(error)) from error
        if not path.is_file():
            raise Fault(f"Part {number} of the upload is missing, or its ETag is not {etag}.")
        parts.append(path)
    joined = tx.media.scratch()
    with joined.open("xb") as target:
        for path in parts:
            with path.open("rb") as source:
                while piece := source.read(_COPIED_AT_ONCE):
                    target.write(piece)
    joined.replace(whole)
    for path in parts:
        path.unlink(missing_ok=True)
    return "1\n"


def _upload_path(call: _Call, key: str) -> Path:
    try:
        return call.site.store.media.upload(key)
    except ValueError as error:
        raise Fault(str(error)) from error


def _linked(call: _Call, info: str, now: dt.datetime) -> tuple[str, str, str]:
    """
    Return the upload's key, file name and type from the text that ``_link_info`` returned.
    """
    lines = info.split("\n")
    address = urllib.parse.urlsplit(lines[1] if len(lines) > 3 else "")
    query = dict(urllib.parse.parse_qsl(address.query, keep_blank_values=True))
    if not call.site.store.media.is_signed("PUT", address.path, query, now):
        raise Fault("upload_link_info is not from this site, or has expired.")
    return address.path.rpartition("/")[2], query.get("filename", ""), query.get("kind", "")


async def _store(site: SiteServices, request: Request) -> Response:
    """
    Store the bytes of a file or of a part of one.
    """
    media = site.store.media
    started = time.monotonic()
    key, query = request.path_params["key"], dict(request.query_params)
    signed = media.is_signed("PUT", request.scope["path"], query, site.store.clock())
    try:
        if not signed:
            await discard_rest(request.stream(), media)
            return expired_address()
        file = await receive_file(request, media, site.workers)
    except ClientDisconnect:
        # The client has disconnected, so nobody receives this response.
        return Response(status_code=400)
    except FormError as error:
        return PlainTextResponse(f"{error}\n", status_code=413)
    try:
        part = query.get("part")
        target = media.upload(key) if part is None else media.upload_part(key, int(part), file.etag)
        file.path.replace(target)
        return Response(headers={"etag": f'"{file.etag}"'})
    finally:
        file.discard()
        site.ledger.add(
            rpc="put",
            entity_type=None,
            user_agent=request.headers.get("user-agent", ""),
            started=started,
            seconds=time.monotonic() - started,
            rows=1,
            ok=True,
        )


@attrs.frozen
class _Served:
    """
    How one kind of form is executed.
    """

    answer: Callable[[Transaction, _Call], str]
    takes_file: bool = False
    writes: bool = False


_FORMS = {
    "api_complete_multipart_upload": _Served(_complete),
    "api_get_upload_link_for_part": _Served(_part_link),
    "api_get_upload_link_info": _Served(_link_info),
    "api_link_file": _Served(_link_file, takes_file=True, writes=True),
    "publish_thumbnail": _Served(_publish_thumbnail, takes_file=True, writes=True),
    "share_thumbnail": _Served(_share, writes=True),
    "upload_file": _Served(_upload_file, takes_file=True, writes=True),
}
