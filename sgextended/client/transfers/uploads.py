"""
Uploading: forms and files to the site and to its storage, none of them in memory as a whole.

The official client still says what is sent, in which order; see `Uploads`.
"""

import contextlib
import functools
import io
import mimetypes
import os
import re
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Callable, Dict, List, Mapping, Optional, Tuple, Union
from urllib.parse import urlencode, urlsplit

from attrs import define

from sgextended.client.credentials import RedactedBytes, RedactedStr
from sgextended.client.responses import status_error, web_page_error
from sgextended.client.transfers.parallel_parts import Stopped, in_parallel
from sgextended.client.transfers.transfer import (
    EXPIRED,
    LOG,
    FilePart,
    Joined,
    Progress,
    Report,
    Transfers,
    known_as,
    storage_message,
    without_query,
)
from sgextended.concurrency.scoped_value import ScopedValue
from sgextended.errors import HTTPStatusError, PartialSuccessError, ShotgunError, TransportError
from sgextended.http import deadline, retry
from sgextended.http.cancellation import CancelToken
from sgextended.http.connection import Body
from sgextended.http.response import Response
from sgextended.http.retry import Kind
from sgextended.http.transport import retry_after
from sgextended.observe.call_events import RequestStats

if TYPE_CHECKING:
    import datetime

    from sgextended.secret import Secret

Row = Dict[str, Any]

#: Parts of a file that are sent at the same time.
PARTS_AT_ONCE = 4

_IMAGES = {"image": "upload_thumbnail", "filmstrip_image": "upload_filmstrip_thumbnail"}
#: What an error may tell of a form: it may be logged.
_TOLD = ("entity_type", "entity_id", "field_name", "display_name", "filename", "entities", "source_entity")


@define(eq=False, repr=False)
class _Upload:
    """
    One file that is being uploaded.
    """

    progress: Progress
    renew: Callable[[], Dict[str, Any]] = dict  # asks for another address to upload to


_current: "ScopedValue[Optional[_Upload]]" = ScopedValue("sgextended_upload", None)

#: The attachments that the calls of this context have made, if somebody wants to know.
_made: "ScopedValue[Optional[List[int]]]" = ScopedValue("sgextended_attachments", None)


def _upload() -> _Upload:
    return _current.get() or _Upload(Progress(None))


class Uploads(Transfers):
    """
    The uploads of a client. The official methods check, choose the way and write the forms; what they send goes here.
    """

    # --- The native methods

    def upload(
        self,
        entity_type: str,
        entity_id: int,
        path: str,
        field_name: Optional[str] = None,
        display_name: Optional[str] = None,
        tag_list: Optional[str] = None,
        created_at: "Optional[datetime.datetime]" = None,
        *,
        progress: Optional[Report] = None,
        timeout: Optional[float] = None,
    ) -> int:
        """
        Upload a file to an entity and return the id of its Attachment: see `SGExtended.upload`.
        """
        newer = () if created_at is None else (created_at,)
        names = (field_name, display_name, tag_list)
        with deadline.deadline(timeout), _current.bind(_Upload(Progress(progress))), known_as(ShotgunError):
            attachment_id: int = super().upload(entity_type, entity_id, path, *names, *newer)
        made = _made.get()
        if made is not None:
            made.append(attachment_id)
        return attachment_id

    def share_thumbnail(
        self,
        entities: List[Row],
        thumbnail_path: Optional[str] = None,
        source_entity: Any = None,
        filmstrip_thumbnail: bool = False,
        *,
        progress: Optional[Report] = None,
        timeout: Optional[float] = None,
        **kwargs: Any,
    ) -> Any:
        """
        Share one thumbnail between entities, as the native method does; the list stays as it is.

        *progress* and *timeout* are those of `upload`; *timeout* holds for all of it.

        Raises:
            PartialSuccessError: The thumbnail was uploaded to the first entity, and could not be shared with the others; the
                error has its Attachment.
        """
        native: Any = list(entities) if isinstance(entities, list) else entities
        if progress is not None:
            kwargs["progress"] = progress
        made: List[int] = []
        with deadline.deadline(timeout), _made.bind(made):
            try:
                return super().share_thumbnail(native, thumbnail_path, source_entity, filmstrip_thumbnail, **kwargs)
            except Exception as error:
                if not made:
                    raise
                link = {"type": "Attachment", "id": made[0]}
                first = f"{entities[0]['type']} {entities[0]['id']}"
                msg = (
                    f"The thumbnail was uploaded to {first} as Attachment {made[0]}, and could not be shared with the "
                    f"other entities: {str(error).strip()} Share it with source_entity={first}; do not upload it again."
                )
                raise PartialSuccessError(msg, entity=link) from error

    def create(self, entity_type: str, data: Row, return_fields: Optional[List[str]] = None) -> Row:
        """
        Create an entity and return it, as the native method does.

        Raises:
            PartialSuccessError: It was created, and an image could not be uploaded to it; the error has the entity.

            ShotgunError: An image is no file, or an empty one; nothing was created.
        """
        plain, images = _without_images(data)
        row: Row = super().create(entity_type, plain, return_fields)
        return self._with_images(row, images, f"{entity_type} {row['id']} was created")

    def update(
        self,
        entity_type: str,
        entity_id: int,
        data: Row,
        multi_entity_update_modes: Optional[Dict[str, Any]] = None,
    ) -> Any:
        """
        Set fields of an entity and return them, as the native method does.

        Raises:
            PartialSuccessError: The other fields were set, and an image could not be uploaded; the error has the entity.

            ShotgunError: An image is no file, or an empty one; nothing was set.
        """
        plain, images = _without_images(data)
        row: Any = super().update(entity_type, entity_id, plain, multi_entity_update_modes)
        return self._with_images(row, images, f"{entity_type} {entity_id} was updated" if len(row) > 2 else "")

    def _with_images(self, row: Row, images: Mapping[str, str], done: str) -> Row:
        """
        Return a row with the images that are uploaded to it.

        Args:
            row: The row, with its type and id.

            images: Paths by field.

            done: What was done before. Empty: nothing.
        """
        for name, path in images.items():
            try:
                getattr(self, _IMAGES[name])(row["type"], row["id"], path)
                row[name] = (self.find_one(row["type"], [["id", "is", row["id"]]], [name]) or {}).get(name)
            except Exception as error:
                if not done:
                    raise
                why, left = str(error).strip(), f"{_IMAGES[name]}({row['type']!r}, {row['id']}, {str(path)!r})"
                msg = (
                    f"{done}, and then its {name} failed: {why} Do not send the rest again: look whether the image is "
                    f"there, and if not, {left} is what is left."
                )
                raise PartialSuccessError(msg, entity=row) from error
            done = done or f"{row['type']} {row['id']} has got its {name}"
        return row

    # --- Forms

    def _send_form(self, url: str, params: Dict[str, Any]) -> str:
        """
        Return the text that the site answers to a form. Files among *params* are closed.
        """
        files = {name: value for name, value in params.items() if isinstance(value, io.IOBase)}
        fields = {name: value for name, value in params.items() if name not in files}
        with contextlib.ExitStack() as stack, known_as(ShotgunError):
            for file in files.values():
                stack.callback(file.close)
            token = self.config.secret("session_token")
            text = self._form_answer(url, fields, files)
            if text.startswith("0") and self._has_replaced(token):
                text = self._form_answer(url, fields, files)  # it was refused, so it was not carried out
            return text

    def _form_answer(self, url: str, fields: Dict[str, Any], files: Dict[str, Any]) -> str:
        path = urlsplit(url).path
        rpc = path.rpartition("/")[2]
        kind, body = self._form(fields, files)

        def send(stats: RequestStats) -> str:
            started = time.monotonic()
            headers = {"content-type": kind}
            stats.sent += len(body) if isinstance(body, bytes) else body.size
            status, reply_headers, reply = self._make_call("POST", path, body, headers)
            stats.received += len(reply)
            LOG.debug("%s: %d, %.3f s", rpc, status[0], time.monotonic() - started)
            if not 200 <= status[0] < 300:
                raise status_error(self.config.server, status, reply_headers, reply)
            if reply.lstrip()[:1] == b"<":
                raise web_page_error(self.config.server, reply)
            if reply[:1] != b"0" and rpc in _ANSWERS and not re.match(_ANSWERS[rpc], reply):
                msg = f"The answer of {self.config.server} to {rpc} is cut off or garbled ({len(reply)} bytes)."
                raise TransportError(msg)
            return reply.decode("utf-8", "replace")

        text: str = self._carry_out(
            send,
            rpc=rpc,
            kind=retry.kind_of(rpc),
            transport=self._transport,
            entity_type=fields.get("entity_type"),
            limit=None if files else self._site.call_timeout,
            written=lambda: {name: fields[name] for name in _TOLD if name in fields},
        )
        return text

    def _form(self, fields: Dict[str, Any], files: Dict[str, Any]) -> Tuple[str, Union[bytes, Body]]:
        """
        Return the content type and the body of a form, who asks included.
        """
        fields = {**fields, **self._auth_params()}
        if not files:
            return "application/x-www-form-urlencoded", RedactedBytes(urlencode(fields, doseq=True).encode())
        return _multipart(fields, files, _upload().progress)

    def _auth_params(self) -> Dict[str, Any]:
        # The official client keeps them in variables of its own while it uploads; there they do not show.
        found = super()._auth_params()
        return {name: RedactedStr(value) if isinstance(value, str) else value for name, value in found.items()}

    def _has_replaced(self, session: "Optional[Secret]") -> bool:
        """
        Tell whether a session had expired and there is a new one: a form does not say why it was refused.
        """
        if session is None or self._site.renew_session is None:
            return False
        self.find_one("HumanUser", [["id", "is", 0]])  # a call says so, and renews it
        return bool(self.config.secret("session_token") != session)

    # --- Storage

    def _get_attachment_upload_info(self, *args: Any, **kwargs: Any) -> Dict[str, Any]:
        ask = functools.partial(super()._get_attachment_upload_info, *args, **kwargs)
        info = ask()

        def renew() -> Dict[str, Any]:
            info.update(ask())  # what the official client links at the end is then the new one
            return info

        _upload().renew = renew
        return info

    def _upload_file_to_storage(self, path: str, storage_url: str) -> None:
        upload = _upload()
        with Path(path).open("rb") as file:
            part = FilePart(file, moved=_tell(upload.progress))
            upload.progress.total = part.size
            self._put(storage_url, part, _content_type(path), lambda: upload.renew()["upload_url"])

    def _multipart_upload_file_to_storage(self, path: str, upload_info: Dict[str, Any]) -> None:
        upload = _upload()
        progress, name, kind = upload.progress, Path(path).name, _content_type(path)
        size, step = Path(path).stat().st_size, self._MULTIPART_UPLOAD_CHUNK_SIZE
        progress.total = size

        def send(number: int, stopped: CancelToken) -> str:
            def moved(done: int) -> None:
                progress.note(number, done)
                if stopped.is_cancelled:
                    raise Stopped

            def link() -> str:
                return self._get_upload_part_link(upload_info, name, number)

            start = (number - 1) * step
            with Path(path).open("rb") as file:
                part = FilePart(file, start=start, size=min(step, size - start), moved=moved)
                return self._put(link(), part, kind, link, needs="ETag").headers["etag"]

        workers = min(PARTS_AT_ONCE, self._site.connections)
        etags = in_parallel(send, -(-size // step), workers, progress.tell)
        self._complete_multipart_upload(upload_info, name, etags)

    def _put(self, url: str, part: FilePart, kind: str, another: Callable[[], str], *, needs: str = "") -> Response:
        """
        Return the answer of storage that has taken a part; where its link has expired, by *another* one.
        """
        try:
            return self._put_once(url, part, kind, needs)
        except HTTPStatusError as error:
            if error.errcode not in EXPIRED:
                raise
        return self._put_once(another(), part, kind, needs)

    def _put_once(self, url: str, part: FilePart, kind: str, needs: str) -> Response:
        transport, path, own = self._way_to(url)

        def send(stats: RequestStats) -> Response:
            headers = {**self._headers(own=own), "content-type": kind}
            started = time.monotonic()
            stats.sent += part.size
            answer = transport.send(
                "PUT", path, body=part, headers=headers, limits=self._patient_limits, user=self.config
            )
            stats.received += len(answer.body)
            seconds = time.monotonic() - started
            LOG.debug("put: %d, %.3f s, %d bytes sent", answer.status, seconds, part.size)
            if not 200 <= answer.status < 300:
                raise _storage_error(url, answer)
            if needs and not answer.headers.get(needs.lower()):
                msg = (
                    f"Storage at {without_query(url)} took a part and gave no {needs} for it, without which it is lost."
                )
                raise TransportError(msg)
            return answer

        answer: Response = self._carry_out(send, rpc="put", kind=Kind.STORE, transport=transport)
        return answer


def _storage_error(url: str, answer: Response) -> TransportError:
    message = storage_message(answer.body)
    msg = f"Storage at {without_query(url)} answered the upload with HTTP status {answer.status}: {answer.reason}"
    msg += f" ({message})." if message else "."
    if answer.status == 400 and b"<Code>RequestTimeout</Code>" in answer.body:
        return TransportError(msg, sent=False)  # the bytes came too slowly
    return HTTPStatusError(
        msg,
        url=without_query(url),
        errcode=answer.status,
        errmsg=answer.reason,
        headers=answer.headers,
        retry_after=retry_after(answer.headers, time.time()),
    )


def _content_type(path: str) -> str:
    return mimetypes.guess_type(Path(path).name)[0] or "application/octet-stream"


def _tell(progress: Progress) -> Callable[[int], None]:
    """
    Return what is to be told of a file that is sent in the caller's thread, as one part.
    """

    def moved(done: int) -> None:
        progress.note(0, done)
        progress.tell()

    return moved


def _multipart(fields: Dict[str, Any], files: Mapping[str, BinaryIO], progress: Progress) -> Tuple[str, Body]:
    """
    Return the content type and the body of a form with files, byte for byte as the official client writes it.
    """
    boundary = str(uuid.uuid4())
    head = []
    for name, value in fields.items():
        text = value.decode("utf-8") if isinstance(value, bytes) else str(value)
        head.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n')
    parts: List[Union[bytes, FilePart]] = [RedactedBytes("".join(head).encode())]
    for name, file in files.items():
        filename = os.fsdecode(file.name).rpartition("/")[2]
        part = FilePart(file, moved=_tell(progress))
        progress.total = part.size
        headers = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
            f"Content-Type: {_content_type(filename)}\r\nContent-Length: {part.size}\r\n\r\n"
        )
        parts += [headers.encode(), part, b"\r\n"]
    parts.append(f"--{boundary}--\r\n\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", Joined(parts)


def _without_images(data: Row) -> Tuple[Row, Dict[str, str]]:
    """
    Return the data of an entity without the images that are to be uploaded, and those.

    Raises:
        ShotgunError: One of them is no file, or empty; as the upload would say, but before anything was done.
    """
    images = {name: data[name] for name in _IMAGES if data.get(name)}
    for path in images.values():
        found = Path(os.fsdecode(path)).expanduser().absolute()
        if not found.is_file():
            msg = f"Path must be a valid file, got '{found}'"
            raise ShotgunError(msg)
        if not found.stat().st_size:
            msg = f"Path cannot be an empty file: '{found}'"
            raise ShotgunError(msg)
    plain = {name: value for name, value in data.items() if name not in images}
    if "filmstrip_image" in images:
        plain["filmstrip_image"] = None  # the official client looks whether the site knows them, and sends nothing
    return plain, images


# What forms are answered with when they did what they should: the id of what they made, or a link with its particulars.
_ID, _LINK = rb"1:\d+", rb"1\n\S+"
_ANSWERS = {
    "upload_file": _ID,
    "publish_thumbnail": _ID,
    "api_link_file": _ID,
    "api_get_upload_link_info": rb"1\n\S+\n.*\n.*\n",
    "api_get_upload_link_for_part": _LINK,
}
