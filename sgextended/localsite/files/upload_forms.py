"""
Reading the forms that clients send: small fields, and one file that is written to the disk as it arrives.
"""

from __future__ import annotations

import asyncio
import urllib.parse
from typing import TYPE_CHECKING, Any, Optional

import attrs
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from sgextended.localsite.files.file_store import MAX_FILE_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from concurrent.futures import Executor

    from starlette.requests import Request

    from sgextended.localsite.files.file_store import Incoming, Media

#: The largest total size of a form's fields in bytes.
MAX_FIELD_BYTES = 1024 * 1024
_MAX_FIELDS = 200


class FormError(Exception):
    """
    The form cannot be read.
    """


@attrs.define(eq=False)
class Form:
    """
    A form that a client sent.

    Attributes:
        fields: Values by name. If several fields have the same name, the last one wins.

        file: The file, complete on the disk. None: the form has no file.

        filename: The name that the client gave the file, without folders.
    """

    fields: dict[str, str] = attrs.field(factory=dict)
    file: Optional[Incoming] = None
    filename: str = ""

    def discard(self) -> None:
        """
        Remove the received file from its temporary path, if it is still there.
        """
        if self.file is not None:
            self.file.discard()


async def receive_file(request: Request, media: Media, workers: Executor) -> Incoming:
    """
    Receive the body of a request and return it as a file on the disk.

    Raises:
        FormError: The body is larger than the site accepts.
        ClientDisconnect: The client disconnected before the end of the body.
    """
    file = media.incoming()
    try:
        async for piece in request.stream():
            _check_size(media, file.size + len(piece))
            if file.hold(piece):
                await _in_worker(workers, file.flush)
        await _in_worker(workers, file.finish)
    except BaseException:
        file.discard()
        raise
    return file


async def discard_rest(stream: AsyncIterator[bytes], media: Media) -> None:
    """
    Read the rest of a refused body without keeping it: a client reads the response only after sending everything.

    A body that is much larger than any that the site takes is not read further.
    """
    size, most = 0, 2 * max(media.max_file_bytes, MAX_FILE_BYTES)
    async for piece in stream:
        size += len(piece)
        if size > most:
            return


async def receive_form(
    request: Request, media: Media, workers: Executor, admit: Callable[[dict[str, str]], Awaitable[None]]
) -> Form:
    """
    Receive the form of a request and return it. Clients send two kinds: multipart and URL-encoded.

    Args:
        request: The request.

        media: The site's files, which provides the temporary path.

        workers: Threads that write to the disk.

        admit: Called with the fields before the first byte of the file is stored; raises to refuse the form.

    Raises:
        FormError: The body is not a valid form, or it is too large. It is read to its end first, because a client reads
            the response only after sending everything.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data":
        return await _read_fields(request, media)
    if not boundary:
        raise FormError("The form cannot be read: its content type has no boundary.")
    reader = _Multipart(boundary, media)
    failure: Optional[Exception] = None
    try:
        stream = request.stream()
        async for piece in stream:
            failure = await _parse_piece(reader, piece, workers, admit)
            if failure is not None:
                break
        if failure is None:
            await _in_worker(workers, reader.finish)
        else:
            await discard_rest(stream, media)
    except BaseException:
        reader.form.discard()
        raise
    if failure is not None:
        reader.form.discard()
        raise failure
    return reader.form


async def _parse_piece(
    reader: _Multipart, piece: bytes, workers: Executor, admit: Callable[[dict[str, str]], Awaitable[None]]
) -> Optional[Exception]:
    """
    Pass the next piece of the body to *reader*; return the exception if this fails, else None.
    """
    try:
        if reader.take(piece):
            await admit(reader.form.fields)
        if reader.hold():
            await _in_worker(workers, reader.flush)
    except Exception as error:  # noqa: BLE001 - raised by the caller when the client has sent everything
        return error
    return None


def _check_size(media: Media, size: int) -> None:
    if size > media.max_file_bytes:
        raise FormError(f"The file is larger than {media.max_file_bytes} bytes.")


async def _in_worker(workers: Executor, function: Callable[[], Any]) -> None:
    await asyncio.get_running_loop().run_in_executor(workers, function)


async def _read_fields(request: Request, media: Media) -> Form:
    pieces, size, stream = [], 0, request.stream()
    async for piece in stream:
        size += len(piece)
        pieces.append(piece)
        if size > MAX_FIELD_BYTES:
            pieces.clear()
            await discard_rest(stream, media)
            raise FormError(f"The form is larger than {MAX_FIELD_BYTES} bytes.")
    try:
        text = b"".join(pieces).decode("utf-8")
        pairs = urllib.parse.parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError as error:
        raise FormError(f"The form cannot be read: {error}") from error
    return Form(dict(pairs))


class _Multipart:
    """
    The parser of a multipart form. It stores the parts as fields and as a file while they arrive.
    """

    def __init__(self, boundary: bytes, media: Media) -> None:
        self.form = Form()
        self._media = media
        self._size = 0
        self._headers: dict[str, bytes] = {}
        self._header, self._value = bytearray(), bytearray()
        self._field: Optional[tuple[str, bytearray]] = None
        self._pieces: list[bytes] = []
        self._in_file = self._file_begun = self._ended = False
        callbacks: dict[str, Callable[..., None]] = {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header_bytes(self._header, data[start:end]),
            "on_header_value": lambda data, start, end: self._header_bytes(self._value, data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": self._data,
            "on_part_end": self._close,
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]  # a mapping of the same keys
        except FormParserError as error:
            raise FormError(f"The form cannot be read: {error}") from error

    def take(self, piece: bytes) -> bool:
        """
        Parse the next piece of the body; return whether the file begins in this piece.
        """
        begun = self._file_begun
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise FormError(f"The form cannot be read: {error}") from error
        return self._file_begun and not begun

    def hold(self) -> bool:
        """
        Add the parsed pieces of the file to its buffer; return whether the buffer is full.
        """
        if not self._pieces:
            return False
        if self.form.file is None:
            self.form.file = self._media.incoming()
        file, pieces = self.form.file, self._pieces
        self._pieces = []
        _check_size(self._media, file.size + sum(map(len, pieces)))
        is_time = [file.hold(piece) for piece in pieces]
        return any(is_time)

    def flush(self) -> None:
        """
        Write the buffer of the file to the disk.
        """
        if self.form.file is not None:
            self.form.file.flush()

    def finish(self) -> None:
        """
        Close the file. Raise ``FormError`` if the form is incomplete.
        """
        if not self._ended:
            raise FormError("The form is incomplete: it ends before its last boundary.")
        if self.form.file is not None:
            self.form.file.finish()

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > MAX_FIELD_BYTES:
            raise FormError(f"The form's fields are larger than {MAX_FIELD_BYTES} bytes.")

    def _begin(self) -> None:
        self._headers = {}
        self._count(100)  # parts without content count too, so that their number is limited

    def _header_bytes(self, target: bytearray, data: bytes) -> None:
        self._count(len(data))
        target += data

    def _end_header(self) -> None:
        self._headers[self._header.decode("latin-1").lower()] = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _open(self) -> None:
        disposition = self._headers.get("content-disposition", b"").decode("latin-1")
        _kind, options = parse_options_header(disposition)
        name = options.get(b"name", b"").decode("utf-8", "replace")
        self._in_file = b"filename" in options
        if not self._in_file:
            self._field = (name, bytearray())
        elif self._file_begun:
            raise FormError("The form has more than one file.")
        else:
            self._file_begun = True
            # Old browsers on Windows send whole paths.
            filename = options[b"filename"].decode("utf-8", "replace")
            self.form.filename = filename.replace("\\", "/").rpartition("/")[2]

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._pieces.append(data[start:end])
        elif self._field is not None:
            self._count(end - start)
            self._field[1].extend(data[start:end])

    def _close(self) -> None:
        if self._field is not None:
            name, value = self._field
            self.form.fields[name] = value.decode("utf-8", "replace")
            self._field = None
        self._in_file = False

    def _end(self) -> None:
        self._ended = True
