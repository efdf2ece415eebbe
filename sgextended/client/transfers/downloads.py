"""
Downloads: a file is received in chunks into a temporary file, which replaces the target when it is complete.

Only the site itself receives the session of the site. So redirects are followed here, one by one.
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
from typing import Any, BinaryIO, Callable, Dict, Iterator, Optional, Tuple, Union
from urllib.parse import quote, urldefrag, urljoin, urlsplit
from urllib.request import url2pathname

from sgextended.client.protocol.client_config import identity_of
from sgextended.client.protocol.responses import REDIRECTS, is_sign_on, session_expired_error
from sgextended.client.protocol.unencodable_text import check_texts
from sgextended.client.transfers.transfer import (
    CHUNK,
    EXPIRED,
    LOG,
    ClientSideError,
    Progress,
    ProgressCallback,
    Transfers,
    as_native_error,
    storage_message,
    without_query,
)
from sgextended.errors import (
    HTTPStatusError,
    ShotgunFileDownloadError,
    ThumbnailNotReady,
    TransportError,
    TransportTimeout,
)
from sgextended.http import deadline
from sgextended.http.response import Response
from sgextended.http.retry import BUSY, RequestKind
from sgextended.http.transport import retry_after
from sgextended.observe.call_events import RequestStats
from sgextended.secret import RedactedStr, Secret

#: Seconds for which a session counts as new. If the site refuses a new session, it would refuse another one, too.
NEW_SESSION_SECONDS = 60.0

_MAX_REDIRECTS = 10
#: The page to which a site redirects a request without a valid session.
_LOGIN_PATH = "/user/login"
#: The folder of the pictures that a site shows while it makes a thumbnail.
_PLACEHOLDER_PATH = "/images/status/transient/"


def is_placeholder(value: Any) -> bool:
    """
    Return whether the value of a file field, or its URL, is the placeholder of a thumbnail that the site still makes.
    """
    url = value.get("url") if isinstance(value, dict) else value
    return isinstance(url, str) and _PLACEHOLDER_PATH in url.partition("?")[0].partition("#")[0].lower()


def is_file_address(url: Any) -> bool:
    """
    Return whether a URL names a file of the machine that opens it.
    """
    return isinstance(url, str) and url.strip().lower().startswith("file:")


def check_is_local(value: Any, url: str) -> None:
    """
    Raise `TransportError` unless the value of a file field is a link to a file in a local storage.

    Anyone who may write on the site can store a web link with a ``file:`` URL. Opening it would copy any file of the
    machine that downloads.
    """
    if isinstance(value, dict) and value.get("link_type") == "local":
        return
    msg = (
        f"Failed to open {without_query(url)}\nThis link is not a file in a local storage, and a web link may not name "
        "a file of this machine. Nothing was read. Publish the file with its local path, or open it yourself."
    )
    raise TransportError(msg, sent=False, lasting=True)


class Downloads(Transfers):
    """
    The part of a client that downloads files.
    """

    def download_attachment(
        self,
        attachment: Any = False,
        file_path: Optional[str] = None,
        attachment_id: Optional[int] = None,
        *,
        progress: Optional[ProgressCallback] = None,
        timeout: Optional[float] = None,
    ) -> Any:
        """
        Download a file. Return its bytes, or *file_path* if that is given: see `SGExtended.download_attachment`.
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
        _check_is_file(url)
        link = None
        known = attachment if isinstance(attachment, dict) else {"type": "Attachment", "id": attachment}
        if known.get("type") == "Attachment" and known.get("id"):
            link = {"type": "Attachment", "id": known["id"]}
        with deadline.deadline(timeout), as_native_error(ShotgunFileDownloadError), contextlib.ExitStack() as stack:
            file: BinaryIO = BytesIO()
            if file_path:
                try:
                    file = stack.enter_context(_atomic_file(file_path))
                except OSError as error:
                    msg = f"Unable to write Attachment to disk using file_path. {error}"
                    raise OSError(msg) from error
            receiver = _Receiver(file, Progress(progress))
            if is_file_address(url):
                check_is_local(attachment, url)
                receiver.copy(url)
            else:
                check_texts({"url": url})
                self._download(url, link, receiver)
            return file_path or file.getvalue()  # type: ignore[attr-defined]  # without a path it is in memory

    def _download(self, url: str, link: Optional[Dict[str, Any]], receiver: "_Receiver") -> None:
        """
        Download a URL into *receiver*. If the URL has expired, download that of *link*, an Attachment, instead.
        """
        hops, refused = 0, None
        while True:
            response, token = self._get_once(url, refused, receiver)
            if 200 <= response.status < 300:
                return
            where = _redirect(url, response)
            if where is not None and not (token and _is_login(where)):
                hops += 1
                if hops > _MAX_REDIRECTS:
                    msg = (
                        f"Failed to open {without_query(url)}\nThere were {hops} redirects and no file. "
                        "Check the address of the file in a browser."
                    )
                    raise TransportError(msg, lasting=True)
                _check_is_file(where)
                url = where
            elif response.status in EXPIRED and link and (fresh := self.get_attachment_download_url(link)) != url:
                url, link, hops = fresh, None, 0
            elif token and not refused and (where or response.status in (401, 403)) and self._has_new_session(token):
                refused = token
            else:
                raise _refusal(url, response)

    def _session_cookie(self, refused: Optional[Secret]) -> Tuple[Secret, RedactedStr]:
        """
        Return the session token for a download from the site, and the header with it.
        """
        if refused or not hasattr(self, "_sgextended_wrapper"):
            token = self._download_session(refused)
            return token, RedactedStr(f"_session_id={token.reveal()}")
        # A studio's get_auth_cookie_handler or get_session_token is called where the official client calls it.
        cookies = {cookie.name: cookie.value or "" for cookie in self.get_auth_cookie_handler().cookiejar}
        text = "; ".join(f"{name}={value}" for name, value in cookies.items())
        return Secret(cookies.get("_session_id", text)), RedactedStr(text)

    def _get_once(
        self, url: str, refused: Optional[Secret], receiver: "_Receiver"
    ) -> Tuple[Response, Optional[Secret]]:
        """
        Send one request. Return the response, and the session token; None for servers other than the site.
        """
        transport, path, own = self._transport_for_url(url)
        headers, token = self._headers(own=own), None
        if own:
            token, headers["cookie"] = self._session_cookie(refused)

        def send(stats: RequestStats) -> Response:
            started, before, limits = time.monotonic(), receiver.received, self._file_limits
            try:
                response = transport.send(
                    "GET", path, body=None, headers=headers, limits=limits, user=self.config, sink=receiver.begin
                )
                stats.received += len(response.body)
            finally:
                stats.received += receiver.received - before
            LOG.debug("download: %d, %.3f s, %d bytes", response.status, time.monotonic() - started, receiver.size)
            if response.status in BUSY:
                raise _refusal(url, response)
            return response

        response: Response = self._send_with_retries(send, rpc="download", kind=RequestKind.READ, transport=transport)
        return response, token

    def _download_session(self, refused: Optional[Secret]) -> Secret:
        """
        Return the session token for downloads. It is requested once per process and credentials, and again if the site
        has *refused* it.
        """
        if refused is not None and refused == self.config.secret("session_token"):
            self._renew_session(refused)
        transport, key = self._transport, ("download session", *identity_of(self.config).values())
        found = transport.shared.once(key, self._new_download_session)
        if found.token == refused and time.monotonic() - found.made > NEW_SESSION_SECONDS:
            found = transport.shared.renew(key, found, self._new_download_session)
        return found.token

    def _new_download_session(self) -> "_Session":
        return _Session(Secret(self._begin_session()), time.monotonic())

    def _has_new_session(self, refused: Secret) -> bool:
        return self._download_session(refused) != refused


class _Session:
    """
    A session for downloads, and its time of creation in seconds of the monotonic clock.
    """

    __slots__ = ("made", "token")

    def __init__(self, token: Secret, made: float) -> None:
        self.token, self.made = token, made


class _Receiver:
    """
    Writes the body of a response into a file. Each new response starts again with the first byte.
    """

    def __init__(self, file: BinaryIO, progress: Progress) -> None:
        self._file, self._progress = file, progress
        self.size = 0
        self.received = 0  # bytes of all attempts together

    def begin(self, response: Response) -> Optional[Callable[[bytes], object]]:
        """
        Return `write` if the response is the file. Return None for other responses, which keep their body.
        """
        if not 200 <= response.status < 300:
            return None
        length = response.headers.get("content-length", "")
        self.start(int(length) if length.isdigit() else None)
        return self.write

    def start(self, total: Optional[int]) -> None:
        with _file_errors():
            self._file.seek(0)
            self._file.truncate()
        self.size, self._progress.total = 0, total
        self._progress.record(0, 0)
        self._progress.report()

    def write(self, piece: bytes) -> None:
        with _file_errors():
            self._file.write(piece)
        self.size += len(piece)
        self.received += len(piece)
        self._progress.record(0, self.size)
        self._progress.report()

    def copy(self, url: str) -> None:
        """
        Copy a file of this machine. The site gives ``file://`` URLs for files in local storages.
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
                with _file_errors():
                    piece = source.read(CHUNK)
                if not piece:
                    return
                self.write(piece)
                if limit is not None and not limit.left():
                    msg = (
                        f"{url} was not copied within the {limit.seconds} s that the caller allows. "
                        "Set a longer deadline."
                    )
                    raise TransportTimeout(msg, sent=False)


@contextlib.contextmanager
def _file_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ClientSideError(error) from error


@contextlib.contextmanager
def _atomic_file(path: Union[str, "os.PathLike[str]"]) -> Iterator[BinaryIO]:
    """
    Return a context manager that yields a temporary file. When the block ends normally, the file replaces *path*.

    After an exception the temporary file is deleted, and *path* is unchanged.
    """
    given = Path(os.fsdecode(path))
    exists = given.exists()
    if exists and not os.access(given, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(given))
    is_regular = not exists or given.is_file()
    target = given.resolve()  # a symbolic link stays a link
    temporary = target.with_name(f".sgextended-{os.urandom(8).hex()}.part")
    file: Optional[BinaryIO] = None
    try:
        file = temporary.open("xb") if is_regular else None
    except OSError as error:
        if not exists:
            # Name the caller's path, or the folder that is missing, instead of the temporary file.
            missing = not target.parent.exists()
            raise OSError(error.errno, error.strerror, str(target.parent if missing else given)) from None
    if file is None:
        # The target is a device or a pipe, or its folder is read-only: receive the whole file first, then copy it.
        with given.open("r+b" if is_regular else "wb") as old, tempfile.TemporaryFile() as spool:
            yield spool
            spool.seek(0)
            if is_regular:
                old.truncate()
            shutil.copyfileobj(spool, old)
        return
    try:
        with file:
            yield file
        if exists:
            with contextlib.suppress(OSError):
                shutil.copymode(target, temporary)
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _check_is_file(url: str) -> None:
    if is_placeholder(url):
        msg = (
            f"{without_query(url)} is the placeholder of a thumbnail that the site is still making. Nothing was "
            "stored. Read the field again later, and download the new address."
        )
        raise ThumbnailNotReady(msg)


def _redirect(url: str, response: Response) -> Optional[str]:
    """
    Return the URL to which a response redirects; None if it is no redirect.
    """
    where = response.headers.get("location")
    if response.status not in REDIRECTS or not where:
        return None
    where = quote(where, encoding="iso-8859-1", safe=string.punctuation)  # as urllib reads headers
    try:
        return urldefrag(urljoin(url, where)).url
    except ValueError as error:
        msg = (
            f"Failed to open {without_query(url)}\nThe server redirects to an invalid address: {error}. "
            "Check the address of the file in a browser."
        )
        raise TransportError(msg, lasting=True) from error


def _is_login(where: str) -> bool:
    return urlsplit(where).path.startswith(_LOGIN_PATH) or is_sign_on(where)


def _refusal(url: str, response: Response) -> HTTPStatusError:
    """
    Return the error for a response that is no file, with the message of the official client.
    """
    if response.status in REDIRECTS and is_sign_on(response.headers.get("location", "")):
        return session_expired_error(without_query(url), (response.status, response.reason), response.headers)
    msg = f"Failed to open {without_query(url)}\nHTTP Error {response.status}: {response.reason}"
    if response.status == 400:
        msg += "\nAttachment may not exist or is a local file?"
    elif response.status == 403:
        message = storage_message(response.body)
        msg += f" - {message}" if message else ""
    elif response.status in (409, 410) and response.body:
        msg += f"\n{response.body.decode('utf-8', 'replace')}\n"  # a malware scan is running, or has found something
    return HTTPStatusError(
        msg,
        url=without_query(url),
        errcode=response.status,
        errmsg=response.reason,
        headers=response.headers,
        retry_after=retry_after(response.headers, time.time()),
    )
