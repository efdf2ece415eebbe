"""
The site's stored files, and the URLs under which clients download and upload them.

The files are in a folder beside the database, ``site.db.media`` for ``site.db``. Their names are numbers and random
keys: no name that a caller sends becomes part of a path. URLs are signed, and they expire.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import shutil
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Union

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

#: Seconds after which an upload that was never linked to a row is removed.
_KEPT_UPLOADS = 86400
_PARTS = ("attachments", "thumbnails", "uploads")
_KEY = re.compile(r"[0-9a-f]{32}")
_ETAG = re.compile(r"[0-9a-f]{32}")
_BUFFER = 1024 * 1024
# Text mode is the default on Windows, and would change the bytes.
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class Incoming:
    """
    A file that is being received. It is written piece by piece to a temporary path, until it is stored or discarded.

    Attributes:
        path: The temporary path.

        size: The number of bytes received so far.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._digest = hashlib.md5(usedforsecurity=False)  # storage services use MD5 as the ETag
        self._pieces: list[bytes] = []
        self._held = 0
        self._file = os.fdopen(os.open(path, _NEW_FILE, 0o600), "wb")

    @property
    def etag(self) -> str:
        """
        Return the MD5 digest of the bytes written to the disk so far, as hexadecimal text.
        """
        return self._digest.hexdigest()

    def hold(self, piece: bytes) -> bool:
        """
        Add a piece to the buffer in memory; return whether the buffer is full, so that ``flush`` should be called.
        """
        self._pieces.append(piece)
        self._held += len(piece)
        self.size += len(piece)
        return self._held >= _BUFFER

    def flush(self) -> None:
        """
        Write the buffer to the disk.
        """
        for piece in self._pieces:
            self._digest.update(piece)
            self._file.write(piece)
        self._pieces.clear()
        self._held = 0

    def finish(self) -> None:
        """
        Write the rest of the buffer and close the file.
        """
        self.flush()
        self._file.close()

    def discard(self) -> None:
        """
        Close the file and remove it from the temporary path, if it is still there.
        """
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()


def media_folder(database: Path) -> Path:
    """
    Return the folder with the files of a site whose rows are in the SQLite file *database*.
    """
    return database.with_name(f"{database.name}.media")


class Media:
    """
    The files of one site.

    Args:
        database: The site's SQLite file; the files are stored beside it. None: a temporary folder.

    Attributes:
        direct_uploads:
            The files that clients upload directly to storage: True for all files, False for none, or a mapping in the
            form of ``s3_enabled_upload_types``, a key of API3's ``info``.

        link_lifetime: The shortest time in seconds for which a signed URL is valid.

        thumbnail_delay: Seconds for which a new thumbnail reads as the transient placeholder.

        address: The site's own address, for requests that do not name it.
    """

    def __init__(self, database: Optional[Path] = None) -> None:
        self.direct_uploads: Union[bool, Mapping[str, Any]] = False
        self.link_lifetime = 3600.0
        self.thumbnail_delay = 0.0
        self.address = ""
        self._secret = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._temporary: Optional[tempfile.TemporaryDirectory[str]] = None
        self._folder = None if database is None else media_folder(database)
        if self._folder is not None:
            _remove_old(self._folder / "uploads")

    def close(self) -> None:
        """
        Remove the temporary folder with the files of a site in memory. Other files stay.
        """
        with self._lock:
            temporary, self._temporary = self._temporary, None
        if temporary is not None:
            temporary.cleanup()

    def copy(self) -> tempfile.TemporaryDirectory[str]:
        """
        Return a temporary folder with all files. They are hard links where possible, as a stored file never changes.
        """
        held = tempfile.TemporaryDirectory(prefix="sgextended-media-")
        for part in _PARTS:
            target = Path(held.name) / part
            target.mkdir()
            for path in self.files(part):
                keep(path, target / path.name)
        return held

    def replace(self, held: Path) -> None:
        """
        Replace all files by those of a folder that ``copy`` made. Files that are still the same ones stay.
        """
        for part in _PARTS:
            wanted = {path.name: path for path in (held / part).iterdir()}
            for path in self.files(part):
                source = wanted.get(path.name)
                if source is not None and path.samefile(source):  # hard links to one file
                    del wanted[path.name]
                else:
                    path.unlink()
            for path in wanted.values():
                keep(path, self.place(part, path.name))

    def place(self, part: str, name: str) -> Path:
        """
        Return the path of the file *name* in a subfolder: ``attachments``, ``thumbnails`` or ``uploads``.
        """
        return self._part(part) / name

    def files(self, part: str) -> list[Path]:
        """
        Return the paths of all files in a subfolder.
        """
        # An unused site has no folder yet, and creating one takes longer than all other work for a new site.
        is_used = self._folder is not None or self._temporary is not None
        return list(self._part(part).iterdir()) if is_used else []

    def upload_info(self) -> dict[str, Any]:
        """
        Return the entries about uploads in the response to ``info``.
        """
        # The official client tests whether a field is in the value of "*". It fails for every field if that value is
        # not a list.
        kinds = {"*": ["*"]} if self.direct_uploads is True else dict(self.direct_uploads or {})
        return {
            "s3_uploads_enabled": bool(self.direct_uploads),
            "s3_direct_uploads_enabled": bool(self.direct_uploads),
            "s3_enabled_upload_types": kinds,
        }

    def attachment(self, attachment_id: int) -> Path:
        """
        Return the path of an Attachment's file.
        """
        return self._part("attachments") / str(attachment_id)

    def thumbnail(self, attachment_id: int) -> Path:
        """
        Return the path of the thumbnail that was made from an Attachment.
        """
        return self._part("thumbnails") / f"{attachment_id}.jpg"

    def incoming(self) -> Incoming:
        """
        Return a new file to receive into.
        """
        return Incoming(self.scratch())

    def scratch(self) -> Path:
        """
        Return a new temporary path, at which there is no file.
        """
        return self._part("uploads") / f"{secrets.token_hex(16)}.tmp"

    def upload(self, key: str) -> Path:
        """
        Return the path of a finished direct upload.

        Raises:
            ValueError: *key* does not have the form of the site's upload keys.
        """
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is not the key of an upload.")
        return self._part("uploads") / key

    def upload_part(self, key: str, part: int, etag: str) -> Path:
        """
        Return the path of one part of a direct upload.

        Raises:
            ValueError: *key* or *etag* does not have the form of the site's upload keys and ETags.
        """
        if not _ETAG.fullmatch(etag):
            raise ValueError(f"{etag!r} is not the ETag of a part.")
        return self.upload(key).with_suffix(f".{part}.{etag}")

    def signed(self, method: str, path: str, now: dt.datetime, **query: str) -> str:
        """
        Return *path* with a signature. Anyone who has this URL may use it until it expires.
        """
        # The time of expiry is rounded to whole lifetimes, so that a URL stays the same for a while.
        lifetime = self.link_lifetime
        expires = int((now.timestamp() // lifetime + 2) * lifetime) if lifetime > 0 else int(now.timestamp())
        given = {**query, "expires": str(expires)}
        signature = self._signature(method, path, given)
        quoted = urllib.parse.quote(path)
        return f"{quoted}?{urllib.parse.urlencode({**given, 'signature': signature})}"

    def is_signed(self, method: str, path: str, query: Mapping[str, str], now: dt.datetime) -> bool:
        """
        Return whether a URL was signed by this site and has not expired.
        """
        given = {name: value for name, value in query.items() if name != "signature"}
        signature = query.get("signature", "")
        if not hmac.compare_digest(signature.encode(), self._signature(method, path, given).encode()):
            return False
        return now.timestamp() < int(given["expires"])

    def _signature(self, method: str, path: str, query: Mapping[str, str]) -> str:
        said = "\n".join((method, path, *(f"{name}={query[name]}" for name in sorted(query))))
        return hmac.new(self._secret, said.encode("utf-8", "surrogatepass"), "sha256").hexdigest()[:40]

    def _part(self, name: str) -> Path:
        with self._lock:
            if self._folder is None:
                if self._temporary is None:
                    self._temporary = tempfile.TemporaryDirectory(prefix="sgextended-media-")
                folder = Path(self._temporary.name)
            else:
                folder = self._folder
                if not folder.is_dir():
                    folder.mkdir(mode=0o700, exist_ok=True)
                elif folder.stat().st_mode & 0o077:  # an earlier version made it
                    folder.chmod(0o700)
            part = folder / name
            part.mkdir(mode=0o700, exist_ok=True)
        return part


def keep(source: Path, target: Path) -> None:
    """
    Link or copy the file at *source* to *target*. The file at *source* stays; an earlier one at *target* is replaced.
    """
    beside = target.with_name(f"{target.name}.{secrets.token_hex(4)}")
    try:
        os.link(source, beside)
    except OSError:  # the paths are on two file systems, or the file system has no hard links
        shutil.copyfile(source, beside)
    beside.replace(target)


def _remove_old(uploads: Path) -> None:
    oldest = time.time() - _KEPT_UPLOADS
    with contextlib.suppress(OSError):
        for path in uploads.iterdir():
            if path.stat().st_mtime < oldest:
                path.unlink()
