"""
Where the site keeps files, and the addresses that it hands out for them (protocol 7).

Files lie in a folder beside the database, ``site.db.media`` for ``site.db``, and are named by numbers alone: no name
that a caller sends ever becomes part of a path. Addresses are signed, and hold for a while only.
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

#: Uploads that were never linked are removed after this many seconds.
_KEPT_UPLOADS = 86400
_PARTS = ("attachments", "thumbnails", "uploads")
_KEY = re.compile(r"[0-9a-f]{32}")
_ETAG = re.compile(r"[0-9a-f]{32}")
_BUFFER = 1024 * 1024


class Incoming:
    """
    A file on its way in: written piece by piece to a place of its own, until it is kept or discarded.

    Attributes:
        path: Where it lies.

        size: Bytes so far.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._digest = hashlib.md5(usedforsecurity=False)  # what storage services give as the ETag
        self._pieces: list[bytes] = []
        self._held = 0
        self._file = path.open("xb")

    @property
    def etag(self) -> str:
        """
        The digest of the bytes so far.
        """
        return self._digest.hexdigest()

    def hold(self, piece: bytes) -> bool:
        """
        Take a piece into memory; return whether so much is held that it is time to ``flush``.
        """
        self._pieces.append(piece)
        self._held += len(piece)
        self.size += len(piece)
        return self._held >= _BUFFER

    def flush(self) -> None:
        """
        Write what is held to the disk.
        """
        for piece in self._pieces:
            self._digest.update(piece)
            self._file.write(piece)
        self._pieces.clear()
        self._held = 0

    def finish(self) -> None:
        """
        Write the rest and close the file.
        """
        self.flush()
        self._file.close()

    def discard(self) -> None:
        """
        Remove the file, if it was not kept.
        """
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()


class Media:
    """
    The files of one site.

    Args:
        database: The site's SQLite file, beside which the files lie. None: a temporary folder.

    Attributes:
        direct_uploads:
            What clients are to upload straight to storage: True for all files, False for none, or a mapping as the
            protocol's ``s3_enabled_upload_types``.

        link_lifetime: Seconds that an address holds at least.

        thumbnail_delay: Seconds for which a new thumbnail reads as the transient placeholder.

        address: The site's own address, for whoever asks without naming it.
    """

    def __init__(self, database: Optional[Path] = None) -> None:
        self.direct_uploads: Union[bool, Mapping[str, Any]] = False
        self.link_lifetime = 3600.0
        self.thumbnail_delay = 0.0
        self.address = ""
        self._secret = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._temporary: Optional[tempfile.TemporaryDirectory[str]] = None
        self._folder = None if database is None else database.with_name(f"{database.name}.media")
        if self._folder is not None:
            _remove_old(self._folder / "uploads")

    def close(self) -> None:
        """
        Remove the files, if they were a site's in memory.
        """
        with self._lock:
            temporary, self._temporary = self._temporary, None
        if temporary is not None:
            temporary.cleanup()

    def copy(self) -> tempfile.TemporaryDirectory[str]:
        """
        Return a folder with all files, which are shared with it, as none is ever written to again.
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
        Have exactly the files of a folder that ``copy`` made.
        """
        for part in _PARTS:
            for path in self.files(part):
                path.unlink()
            for path in (held / part).iterdir():
                keep(path, self.place(part, path.name))

    def place(self, part: str, name: str) -> Path:
        """
        Return where a file of that name lies in a part: attachments, thumbnails or uploads.
        """
        return self._part(part) / name

    def files(self, part: str) -> list[Path]:
        """
        Return all files of a part.
        """
        # A part that nobody used has no folder, and making one takes longer than all the rest of a fresh site.
        is_used = self._folder is not None or self._temporary is not None
        return list(self._part(part).iterdir()) if is_used else []

    def upload_info(self) -> dict[str, Any]:
        """
        Return what ``info`` says about uploads (protocol 7.1).
        """
        # The client looks a field up in "*" as it is, and fails for none of them if that is not a list.
        kinds = {"*": ["*"]} if self.direct_uploads is True else dict(self.direct_uploads or {})
        return {
            "s3_uploads_enabled": bool(self.direct_uploads),
            "s3_direct_uploads_enabled": bool(self.direct_uploads),
            "s3_enabled_upload_types": kinds,
        }

    def attachment(self, attachment_id: int) -> Path:
        """
        Return where the file of an attachment lies.
        """
        return self._part("attachments") / str(attachment_id)

    def thumbnail(self, attachment_id: int) -> Path:
        """
        Return where the thumbnail lies that was made of an attachment.
        """
        return self._part("thumbnails") / f"{attachment_id}.jpg"

    def incoming(self) -> Incoming:
        """
        Return a new file to receive into.
        """
        return Incoming(self.scratch())

    def scratch(self) -> Path:
        """
        Return a path that nothing lies at.
        """
        return self._part("uploads") / f"{secrets.token_hex(16)}.tmp"

    def upload(self, key: str) -> Path:
        """
        Return where a finished direct upload lies.

        Raises:
            ValueError: *key* is none that the site gave out.
        """
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is the key of no upload.")
        return self._part("uploads") / key

    def upload_part(self, key: str, part: int, etag: str) -> Path:
        """
        Return where one part of a direct upload lies.

        Raises:
            ValueError: *key* or *etag* is none that the site gave out.
        """
        if not _ETAG.fullmatch(etag):
            raise ValueError(f"{etag!r} is the ETag of no part.")
        return self.upload(key).with_suffix(f".{part}.{etag}")

    def signed(self, method: str, path: str, now: dt.datetime, **query: str) -> str:
        """
        Return *path* with a signature that lets whoever holds it use it, for as long as addresses hold.
        """
        # Counted in whole lifetimes, so that an address reads the same for a while.
        lifetime = self.link_lifetime
        expires = int((now.timestamp() // lifetime + 2) * lifetime) if lifetime > 0 else int(now.timestamp())
        given = {**query, "expires": str(expires)}
        signature = self._signature(method, path, given)
        quoted = urllib.parse.quote(path)
        return f"{quoted}?{urllib.parse.urlencode({**given, 'signature': signature})}"

    def is_signed(self, method: str, path: str, query: Mapping[str, str], now: dt.datetime) -> bool:
        """
        Tell whether an address is one that the site handed out and that still holds.
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
                folder.mkdir(mode=0o700, exist_ok=True)
            part = folder / name
            part.mkdir(exist_ok=True)
        return part


def keep(source: Path, target: Path) -> None:
    """
    Let *target* be the file at *source* too, which stays; what was at *target* is replaced.
    """
    beside = target.with_name(f"{target.name}.{secrets.token_hex(4)}")
    try:
        os.link(source, beside)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, beside)
    beside.replace(target)


def _remove_old(uploads: Path) -> None:
    oldest = time.time() - _KEPT_UPLOADS
    with contextlib.suppress(OSError):
        for path in uploads.iterdir():
            if path.stat().st_mtime < oldest:
                path.unlink()
