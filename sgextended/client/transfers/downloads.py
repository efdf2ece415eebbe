"""
Downloading: a file comes piece by piece and takes its place when it is complete, and not before.

The session of a site goes to the site alone: redirects are followed here, one by one.
"""

import contextlib
import errno
import os
import shutil
import string
import tempfile
import time
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Callable, Iterator, NamedTuple, Optional, Tuple, Union
from urllib.parse import quote, urldefrag, urljoin, urlsplit
from urllib.request import url2pathname

from sgextended.client.credentials import RedactedStr, identity_of
from sgextended.client.transfers.transfer import (
    CHUNK,
    EXPIRED,
    LOG,
    LocalError,
    Progress,
    Report,
    Transfers,
    known_as,
    storage_message,
    without_query,
)
from sgextended.errors import HTTPStatusError, ShotgunFileDownloadError, TransportError, TransportTimeout
from sgextended.http import deadline
from sgextended.http.response import Response
from sgextended.http.retry import BUSY, Kind
from sgextended.http.transport import retry_after
from sgextended.observe.call_events import RequestStats
from sgextended.secret import Secret

#: Seconds for which a session is new: if a new one is refused, another would be too.
NEW = 60.0

_MOST_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Where a site leads who has no session, or one that has expired.
_LOGIN = "/user/login"


class Downloads(Transfers):
    """
    The downloads of a client.
    """

    def download_attachment(
        self,
        attachment: Any = False,
        file_path: Optional[str] = None,
        attachment_id: Optional[int] = None,
        *,
        progress: Optional[Report] = None,
        timeout: Optional[float] = None,
    ) -> Any:
        """
        Download a file: its bytes, or *file_path* once it is there: see `SGExtended.download_attachment`.
        """
        if attachment is False:
            if type(attachment_id) is not int:
                msg = (
                    "Missing parameter 'attachment'. Expected a dict, int, NoneType value or"
                    "an int for parameter attachment_id"
                )
                raise TypeError(msg)
            attachment = attachment_id
        url = self.get_attachment_download_url(attachment)
        if url is None:
            return None
        self._fail_if_closed()
        fresh = None
        known = attachment if isinstance(attachment, dict) else {"type": "Attachment", "id": attachment}
        if known.get("type") == "Attachment" and known.get("id"):
            fresh = self.get_attachment_download_url({"type": "Attachment", "id": known["id"]})
        with deadline.deadline(timeout), known_as(ShotgunFileDownloadError), contextlib.ExitStack() as stack:
            file: BinaryIO = BytesIO()
            if file_path:
                try:
                    file = stack.enter_context(_taking_the_place_of(file_path))
                except OSError as error:
                    msg = f"Unable to write Attachment to disk using file_path. {error}"
                    raise OSError(msg) from error
            receiver = _Receiver(file, Progress(progress))
            if url.lower().startswith("file:"):
                receiver.copy(url)
            else:
                self._receive(url, fresh, receiver)
            return file_path or file.getvalue()  # type: ignore[attr-defined]  # without a path it is in memory

    def _receive(self, url: str, fresh: Optional[str], receiver: "_Receiver") -> None:
        """
        Let *receiver* have what an address leads to; where that has expired, what *fresh* leads to.
        """
        hops, refused = 0, None
        while True:
            answer, token = self._get(url, refused, receiver)
            if 200 <= answer.status < 300:
                return
            where = _redirect(url, answer)
            if where is not None and not (token and urlsplit(where).path.startswith(_LOGIN)):
                hops += 1
                if hops > _MOST_REDIRECTS:
                    msg = f"Failed to open {without_query(url)}\nIt leads on and on: {hops} redirects, and no file."
                    raise TransportError(msg, lasting=True)
                url = where
            elif answer.status in EXPIRED and fresh not in (None, url):
                url, fresh, hops = str(fresh), None, 0
            elif token and not refused and (where or answer.status in (401, 403)) and self._has_new_session(token):
                refused = token
            else:
                raise _refusal(url, answer)

    def _get(self, url: str, refused: Optional[Secret], receiver: "_Receiver") -> Tuple[Response, Optional[Secret]]:
        """
        Return the answer to one request, and the session that it was made with: None anywhere but at the site.
        """
        transport, path, own = self._way_to(url)
        headers, token = self._headers(own=own), None
        if own:
            token = self._download_session(refused)
            headers["cookie"] = RedactedStr(f"_session_id={token.reveal()}")

        def send(stats: RequestStats) -> Response:
            started, before, limits = time.monotonic(), receiver.received, self._patient_limits
            try:
                answer = transport.send(
                    "GET", path, body=None, headers=headers, limits=limits, user=self.config, sink=receiver.begin
                )
                stats.received += len(answer.body)
            finally:
                stats.received += receiver.received - before
            LOG.debug("download: %d, %.3f s, %d bytes", answer.status, time.monotonic() - started, receiver.size)
            if answer.status in BUSY:
                raise _refusal(url, answer)
            return answer

        answer: Response = self._carry_out(send, rpc="download", kind=Kind.READ, transport=transport)
        return answer, token

    def _download_session(self, refused: Optional[Secret]) -> Secret:
        """
        Return the session for downloads: asked for once per identity and process, and again when it was *refused*.
        """
        if refused is not None and refused == self.config.secret("session_token"):
            self._renewed(refused)
        transport, key = self._transport, ("download session", *identity_of(self.config).values())
        found = transport.once(key, self._new_download_session)
        if found.token == refused and time.monotonic() - found.made > NEW:
            found = transport.renew(key, found, self._new_download_session)
        return found.token

    def _new_download_session(self) -> "_Session":
        return _Session(Secret(self.get_session_token()), time.monotonic())

    def _has_new_session(self, refused: Secret) -> bool:
        return self._download_session(refused) != refused


class _Session(NamedTuple):
    """
    A session with which files are fetched, and when it was made, in seconds of the monotonic clock.
    """

    token: Secret
    made: float


class _Receiver:
    """
    What takes the bytes of an answer, from the first on each time that an answer begins.
    """

    def __init__(self, file: BinaryIO, progress: Progress) -> None:
        self._file, self._progress = file, progress
        self.size = 0
        self.received = 0  # by all attempts together

    def begin(self, answer: Response) -> Optional[Callable[[bytes], object]]:
        """
        Take an answer that is the file; others keep their bytes.
        """
        if not 200 <= answer.status < 300:
            return None
        length = answer.headers.get("content-length", "")
        self.start(int(length) if length.isdigit() else None)
        return self.write

    def start(self, total: Optional[int]) -> None:
        with _local():
            self._file.seek(0)
            self._file.truncate()
        self.size, self._progress.total = 0, total
        self._progress.note(0, 0)
        self._progress.tell()

    def write(self, piece: bytes) -> None:
        with _local():
            self._file.write(piece)
        self.size += len(piece)
        self.received += len(piece)
        self._progress.note(0, self.size)
        self._progress.tell()

    def copy(self, url: str) -> None:
        """
        Take a file of this machine, as the paths of local storages are told.
        """
        parts = urlsplit(url)
        limit = deadline.current()
        if parts.netloc not in ("", "localhost"):
            msg = f"Failed to open {url}\n<urlopen error file:// scheme is supported only on localhost>"
            raise TransportError(msg, sent=False, lasting=True)
        try:
            source = Path(url2pathname(parts.path)).open("rb")  # noqa: SIM115 - closed below
        except OSError as error:
            msg = f"Failed to open {url}\n<urlopen error {error}>"
            raise TransportError(msg, sent=False, lasting=True) from error
        with source:
            self.start(os.fstat(source.fileno()).st_size)
            while True:
                with _local():
                    piece = source.read(CHUNK)
                if not piece:
                    return
                self.write(piece)
                if limit is not None and not limit.left():
                    msg = f"{url} was not copied within the {limit.seconds} s that the caller allows."
                    raise TransportTimeout(msg, sent=False)


@contextlib.contextmanager
def _local() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LocalError(error) from error


@contextlib.contextmanager
def _taking_the_place_of(path: Union[str, "os.PathLike[str]"]) -> Iterator[BinaryIO]:
    """
    Give a file to write to, which takes the place of the one at *path* when the block ends well; otherwise it goes, and
    what was at *path* stays.
    """
    there = Path(os.fsdecode(path))
    is_there = there.exists()
    if is_there and not os.access(there, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(there))
    is_plain = not is_there or there.is_file()
    target = there.resolve()  # a link stays one
    beside = target.with_name(f".sgextended-{os.urandom(8).hex()}.part")
    file: Optional[BinaryIO] = None
    try:
        file = beside.open("xb") if is_plain else None
    except OSError:
        if not is_there:
            raise
    if file is None:
        # A device or a pipe, or a file in a folder that takes no other one: all of it comes first, and then goes in.
        with there.open("r+b" if is_plain else "wb") as old, tempfile.TemporaryFile() as spool:
            yield spool
            spool.seek(0)
            if is_plain:
                old.truncate()
            shutil.copyfileobj(spool, old)
        return
    try:
        with file:
            yield file
        if is_there:
            with contextlib.suppress(OSError):
                shutil.copymode(target, beside)
        beside.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def _redirect(url: str, answer: Response) -> Optional[str]:
    """
    Return the address that an answer leads on to, if it does.
    """
    where = answer.headers.get("location")
    if answer.status not in _REDIRECTS or not where:
        return None
    where = quote(where, encoding="iso-8859-1", safe=string.punctuation)  # as urllib reads headers
    try:
        return urldefrag(urljoin(url, where)).url
    except ValueError as error:
        msg = f"Failed to open {without_query(url)}\nIt leads on to what is no address: {error}."
        raise TransportError(msg, lasting=True) from error


def _refusal(url: str, answer: Response) -> HTTPStatusError:
    """
    Return the error of an answer that is no file, in the words of the official client.
    """
    msg = f"Failed to open {without_query(url)}\nHTTP Error {answer.status}: {answer.reason}"
    if answer.status == 400:
        msg += "\nAttachment may not exist or is a local file?"
    elif answer.status == 403:
        message = storage_message(answer.body)
        msg += f" - {message}" if message else ""
    elif answer.status in (409, 410) and answer.body:
        msg += f"\n{answer.body.decode('utf-8', 'replace')}\n"  # a scan for malware is not over, or has found some
    return HTTPStatusError(
        msg,
        url=without_query(url),
        errcode=answer.status,
        errmsg=answer.reason,
        headers=answer.headers,
        retry_after=retry_after(answer.headers, time.time()),
    )
