"""
Uploads: forms and files for the site and its storage. No file is loaded into memory as a whole.

The official methods still decide which requests are sent, and in which order; see `Uploads`.
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

from sgextended.client.protocol.client_config import identity_of
from sgextended.client.protocol.responses import http_status_error, web_page_error
from sgextended.client.protocol.unencodable_text import check_texts
from sgextended.client.transfers.image_fields import IMAGES, without_images
from sgextended.client.transfers.parallel_parts import Stopped, in_parallel
from sgextended.client.transfers.transfer import (
    EXPIRED,
    LOG,
    FilePart,
    JoinedBody,
    Progress,
    ProgressCallback,
    Transfers,
    as_native_error,
    storage_message,
    without_query,
)
from sgextended.concurrency.scoped_value import ScopedValue
from sgextended.errors import (
    ConfigurationError,
    HTTPStatusError,
    PartialSuccessError,
    SessionExpired,
    ShotgunError,
    TransportError,
)
from sgextended.http import deadline, retry
from sgextended.http.cancellation import CancelToken
from sgextended.http.connection import Body
from sgextended.http.response import Response
from sgextended.http.retry import RequestKind
from sgextended.http.signal_errors import reraise_error_of_signal_handler
from sgextended.http.transport import retry_after
from sgextended.observe.call_events import RequestStats
from sgextended.secret import RedactedBytes, RedactedStr

if TYPE_CHECKING:
    import datetime

    from sgextended.secret import Secret

Row = Dict[str, Any]

#: The number of parts of one file that are sent at the same time.
PARTS_AT_ONCE = 4

#: The fields of a form that an error may contain. They hold no secrets, since errors are logged.
_FIELDS_IN_ERRORS = ("entity_type", "entity_id", "field_name", "display_name", "filename", "entities", "source_entity")


class _Upload:  # attrs would generate its methods at each import
    """
    One file that is being uploaded.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.renew: Callable[[], Dict[str, Any]] = dict  # requests a new upload URL


_current: "ScopedValue[Optional[_Upload]]" = ScopedValue("sgextended_upload", None)

#: A list to which each upload of this context adds the id of its Attachment. None: no list.
_made_attachments: "ScopedValue[Optional[List[int]]]" = ScopedValue("sgextended_attachments", None)


def _upload() -> _Upload:
    return _current.get() or _Upload(Progress(None))


class Uploads(Transfers):
    """
    The part of a client that uploads files.

    The official methods validate the arguments, choose the storage and build the forms. This class sends them.
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
        progress: Optional[ProgressCallback] = None,
        timeout: Optional[float] = None,
    ) -> int:
        """
        Upload a file to an entity and return the id of its Attachment: see `SGExtended.upload`.
        """
        newer = () if created_at is None else (created_at,)
        names = (field_name, display_name, tag_list)
        # Some of these texts are sent only after the file, so they are validated first.
        texts = {"entity_type": entity_type, "path": _file_name(path)}
        check_texts({**texts, **dict(zip(("field_name", "display_name", "tag_list"), names))})
        with deadline.deadline(timeout), _current.bind(_Upload(Progress(progress))), as_native_error(ShotgunError):
            attachment_id: int = super().upload(entity_type, entity_id, path, *names, *newer)
        made = _made_attachments.get()
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
        progress: Optional[ProgressCallback] = None,
        timeout: Optional[float] = None,
        **kwargs: Any,
    ) -> Any:
        """
        Share one thumbnail between entities, as the native method does. The list *entities* is not changed.

        *progress* and *timeout* are those of `upload`. *timeout* limits the whole call.

        Raises:
            PartialSuccessError: The thumbnail was uploaded to the first entity, but sharing it with the others failed.
                The error contains the Attachment that was created.
        """
        native: Any = list(entities) if isinstance(entities, list) else entities
        if progress is not None:
            kwargs["progress"] = progress
        made: List[int] = []
        with deadline.deadline(timeout), _made_attachments.bind(made):
            try:
                return super().share_thumbnail(native, thumbnail_path, source_entity, filmstrip_thumbnail, **kwargs)
            except Exception as error:
                if not made:
                    raise
                link = {"type": "Attachment", "id": made[0]}
                first = f"{entities[0]['type']} {entities[0]['id']}"
                msg = (
                    f"The thumbnail was uploaded to {first} as Attachment {made[0]}, but sharing it with the other "
                    f"entities failed: {str(error).strip()} Share it with source_entity={first}. Do not upload it "
                    "again."
                )
                raise PartialSuccessError(msg, entity=link) from error

    def create(self, entity_type: str, data: Row, return_fields: Optional[List[str]] = None) -> Row:
        """
        Create an entity and return it, as the native method does.

        Raises:
            PartialSuccessError: The entity was created, but the upload of an image failed. The error has the entity.

            ShotgunError: The path of an image is not a file, or the file is empty. Nothing was created.
        """
        plain, images = without_images(data)
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
            PartialSuccessError: The other fields were set, but the upload of an image failed. The error has the entity.

            ShotgunError: The path of an image is not a file, or the file is empty. Nothing was set.
        """
        plain, images = without_images(data)
        if data.get("filmstrip_image", "") is None:  # the official client drops it
            params = self._translate_update_params(entity_type, entity_id, plain, multi_entity_update_modes)
            row: Any = self._parse_records(self._call_rpc("update", params))[0]
        else:
            row = super().update(entity_type, entity_id, plain, multi_entity_update_modes)
        return self._with_images(row, images, f"{entity_type} {entity_id} was updated" if len(row) > 2 else "")

    def _translate_update_params(
        self, entity_type: str, entity_id: int, data: Row, multi_entity_update_modes: Optional[Dict[str, Any]]
    ) -> Row:
        # The official client drops most keys of links, such as dependency_type and local_storage, from updates.
        # It keeps them in creates and batches.
        modes = self._dict_to_extra_data(multi_entity_update_modes, "multi_entity_update_mode")
        return {"type": entity_type, "id": entity_id, "fields": self._dict_to_list(data, extra_data=modes)}

    def _with_images(self, row: Row, images: Mapping[str, str], done: str) -> Row:
        """
        Upload images to an entity and return its row with the new values of the image fields.

        Args:
            row: The row, with its type and id.

            images: The paths of the images, by field.

            done: A sentence for error messages that describes the previous steps. Empty: there were none.
        """
        for name, path in images.items():
            try:
                getattr(self, IMAGES[name])(row["type"], row["id"], path)
                row[name] = (self.find_one(row["type"], [["id", "is", row["id"]]], [name]) or {}).get(name)
            except Exception as error:
                if not done:
                    raise
                why, left = str(error).strip(), f"{IMAGES[name]}({row['type']!r}, {row['id']}, {str(path)!r})"
                msg = (
                    f"{done}, but then the upload of its {name} failed: {why} Do not send the other fields again. "
                    f"Check whether the image was uploaded. If not, call {left}."
                )
                raise PartialSuccessError(msg, entity=row) from error
            done = done or f"The {name} of {row['type']} {row['id']} was uploaded"
        return row

    # --- Forms

    def _send_form(self, url: str, params: Dict[str, Any]) -> str:
        """
        Send a form and return the text of the response. The files among *params* are closed.
        """
        files = {name: value for name, value in params.items() if isinstance(value, io.IOBase)}
        fields = {name: value for name, value in params.items() if name not in files}
        with contextlib.ExitStack() as stack, as_native_error(ShotgunError):
            for file in files.values():
                stack.callback(file.close)
            token = self.config.secret("session_token")
            try:
                text = self._form_response(url, fields, files)
            except SessionExpired as error:
                reraise_error_of_signal_handler(error)
                if self._renew_session(token) is None:
                    raise
                return self._form_response(url, fields, files)
            if text.startswith("0") and self._is_session_renewed(token):
                text = self._form_response(url, fields, files)  # the site did not execute the first one
            return text

    def _form_response(self, url: str, fields: Dict[str, Any], files: Dict[str, Any]) -> str:
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
                raise http_status_error(self.config.server, status, reply_headers, reply)
            if reply.lstrip()[:1] == b"<":
                raise web_page_error(self.config.server, reply)
            if reply[:1] != b"0" and rpc in _RESPONSE_PATTERNS and not re.match(_RESPONSE_PATTERNS[rpc], reply):
                msg = (
                    f"The response of {self.config.server} to {rpc} is cut off or garbled ({len(reply)} bytes). "
                    "Check on the site whether the upload is there before you repeat it."
                )
                raise TransportError(msg)
            return reply.decode("utf-8", "replace")

        text: str = self._send_with_retries(
            send,
            rpc=rpc,
            kind=retry.request_kind(rpc),
            transport=self._transport,
            entity_type=fields.get("entity_type"),
            limit=None if files else self._site.call_timeout,
            intended=lambda: {name: fields[name] for name in _FIELDS_IN_ERRORS if name in fields},
        )
        return text

    def _form(self, fields: Dict[str, Any], files: Dict[str, Any]) -> Tuple[str, Union[bytes, Body]]:
        """
        Return the content type and the body of a form, including the credentials.
        """
        fields = {**fields, **self._auth_params()}
        check_texts(fields)
        if not files:
            return "application/x-www-form-urlencoded", RedactedBytes(urlencode(fields, doseq=True).encode())
        return _multipart(fields, files, _upload().progress)

    def _auth_params(self) -> Dict[str, Any]:
        credentials = identity_of(self.config)
        if not any(credentials[name] for name in ("script_name", "login", "session_token")):
            msg = (
                "This client has no credentials, so this call cannot be sent. Give script_name and api_key, or login "
                "and password, or session_token."
            )
            raise ConfigurationError(msg)
        # The official client keeps the values in local variables, which a crash report shows. So they are redacted.
        found = super()._auth_params()
        return {name: RedactedStr(value) if isinstance(value, str) else value for name, value in found.items()}

    def _is_session_renewed(self, session: "Optional[Secret]") -> bool:
        """
        Return whether the session had expired and was renewed. The response to a form does not give the reason for a
        refusal.
        """
        if session is None or self._site.renew_session is None:
            return False
        self.find_one("HumanUser", [["id", "is", 0]])  # an ordinary call reports an expired session, and renews it
        return bool(self.config.secret("session_token") != session)

    # --- Storage

    def _get_attachment_upload_info(self, *args: Any, **kwargs: Any) -> Dict[str, Any]:
        request_info = functools.partial(super()._get_attachment_upload_info, *args, **kwargs)
        info = request_info()

        def renew() -> Dict[str, Any]:
            info.update(request_info())  # the official client then links the new upload to the entity
            return info

        _upload().renew = renew
        return info

    def _upload_file_to_storage(self, path: str, storage_url: str) -> None:
        upload = _upload()
        with Path(path).open("rb") as file:
            part = FilePart(file, moved=_on_bytes_sent(upload.progress))
            upload.progress.total = part.size
            self._put(storage_url, part, _content_type(path), lambda: upload.renew()["upload_url"])

    def _multipart_upload_file_to_storage(self, path: str, upload_info: Dict[str, Any]) -> None:
        upload = _upload()
        progress, name, kind = upload.progress, Path(path).name, _content_type(path)
        size, step = Path(path).stat().st_size, self._MULTIPART_UPLOAD_CHUNK_SIZE
        progress.total = size

        def send(number: int, stopped: CancelToken) -> str:
            def moved(done: int) -> None:
                progress.record(number, done)
                if stopped.is_cancelled:
                    raise Stopped

            def link() -> str:
                return self._get_upload_part_link(upload_info, name, number)

            start = (number - 1) * step
            with Path(path).open("rb") as file:
                part = FilePart(file, start=start, size=min(step, size - start), moved=moved)
                return self._put(link(), part, kind, link, needs="ETag").headers["etag"]

        workers = min(PARTS_AT_ONCE, self._site.connections)
        etags = in_parallel(send, -(-size // step), workers, progress.report)
        self._complete_multipart_upload(upload_info, name, etags)

    def _put(self, url: str, part: FilePart, kind: str, new_url: Callable[[], str], *, needs: str = "") -> Response:
        """
        Send a part to storage and return the response. If the URL has expired, send the part to *new_url* once more.
        """
        try:
            return self._put_once(url, part, kind, needs)
        except HTTPStatusError as error:
            if error.errcode not in EXPIRED:
                raise
        return self._put_once(new_url(), part, kind, needs)

    def _put_once(self, url: str, part: FilePart, kind: str, needs: str) -> Response:
        transport, path, own = self._transport_for_url(url)

        def send(stats: RequestStats) -> Response:
            headers = {**self._headers(own=own), "content-type": kind}
            started = time.monotonic()
            stats.sent += part.size
            response = transport.send(
                "PUT", path, body=part, headers=headers, limits=self._file_limits, user=self.config
            )
            stats.received += len(response.body)
            seconds = time.monotonic() - started
            LOG.debug("put: %d, %.3f s, %d bytes sent", response.status, seconds, part.size)
            if not 200 <= response.status < 300:
                raise _storage_error(url, response)
            if needs and not response.headers.get(needs.lower()):
                msg = (
                    f"The response of storage at {without_query(url)} has no {needs}, without which the uploaded part "
                    "is lost. Upload the file again."
                )
                raise TransportError(msg)
            return response

        response: Response = self._send_with_retries(send, rpc="put", kind=RequestKind.STORE, transport=transport)
        return response


def _storage_error(url: str, response: Response) -> TransportError:
    message = storage_message(response.body)
    msg = f"Storage at {without_query(url)} refused the upload with HTTP status {response.status}: {response.reason}"
    msg += f" ({message})." if message else "."
    if response.status == 400 and b"<Code>RequestTimeout</Code>" in response.body:
        return TransportError(msg, sent=False)  # storage received the bytes too slowly
    return HTTPStatusError(
        msg,
        url=without_query(url),
        errcode=response.status,
        errmsg=response.reason,
        headers=response.headers,
        retry_after=retry_after(response.headers, time.time()),
    )


def _file_name(path: Any) -> str:
    return os.fsdecode(os.path.basename(path or ""))  # noqa: PTH119 - the path may be bytes


def _content_type(path: str) -> str:
    return mimetypes.guess_type(Path(path).name)[0] or "application/octet-stream"


def _on_bytes_sent(progress: Progress) -> Callable[[int], None]:
    """
    Return the callback for a file that is sent as one part, in the caller's thread.
    """

    def moved(done: int) -> None:
        progress.record(0, done)
        progress.report()

    return moved


def _multipart(fields: Dict[str, Any], files: Mapping[str, BinaryIO], progress: Progress) -> Tuple[str, Body]:
    """
    Return the content type and the body of a form with files. The bytes are those of the official client.
    """
    boundary = str(uuid.uuid4())
    head = []
    for name, value in fields.items():
        text = value.decode("utf-8") if isinstance(value, bytes) else str(value)
        head.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n')
    parts: List[Union[bytes, FilePart]] = [RedactedBytes("".join(head).encode())]
    for name, file in files.items():
        filename = os.fsdecode(file.name).rpartition("/")[2]
        part = FilePart(file, moved=_on_bytes_sent(progress))
        progress.total = part.size
        headers = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
            f"Content-Type: {_content_type(filename)}\r\nContent-Length: {part.size}\r\n\r\n"
        )
        parts += [headers.encode(), part, b"\r\n"]
    parts.append(f"--{boundary}--\r\n\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", JoinedBody(parts)


# The responses of forms that succeeded: the id of the new entity, or a link and its parameters.
_ID, _LINK = rb"1:\d+", rb"1\n\S+"
_RESPONSE_PATTERNS = {
    "upload_file": _ID,
    "publish_thumbnail": _ID,
    "api_link_file": _ID,
    "api_get_upload_link_info": rb"1\n\S+\n.*\n.*\n",
    "api_get_upload_link_for_part": _LINK,
}
