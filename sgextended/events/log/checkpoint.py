"""
`CheckpointFile`: a file with the place in the event log, replaced as a whole and locked against a second follower.

Having the system store a file takes milliseconds, which would limit a follower to some hundred events a second. So the
file is replaced and stored once a second. What changes in between is written into the lock file, without waiting for
the disk: it survives the death of the process. After a power failure the place is at most a second old.

The lock file has two slots that are written by turns. If a process dies while it writes one, the other is whole.
"""

import contextlib
import errno
import json
import logging
import os
import threading
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Union

from sgextended.errors import ConfigurationError
from sgextended.file_path import check_file_path
from sgextended.site_address import host_of

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from os import PathLike

FORMAT = 1  # version of the content
STORE_SECONDS = 1.0  # between two replacements of the file
_LONGEST_TAIL = 65_536  # bytes; more is stored at once
_HEAD = 18  # bytes before the tail: its checksum and its length, both in hexadecimal digits, and two spaces
_SLOT = _HEAD + _LONGEST_TAIL

LOG = logging.getLogger("sgextended")


class CheckpointFile:
    """
    A JSON object in a file.

    Args:
        path: The file. It is created by the first `save`. The lock file beside it has the ending ``.lock``.

        site: The address of the site. None: it is unknown.

    Raises:
        ConfigurationError: Another follower uses the file, or the file is not a checkpoint of this site.
    """

    path: Path

    def __init__(self, path: "Union[str, PathLike[str]]", site: Optional[str]) -> None:
        self.path = Path(path)
        self._site = site
        self._lock: Optional[int] = None  # the open lock file
        self._opened: Optional[os.stat_result] = None  # which file that is
        self._folder_is_stored = self._has_tail = False
        self._stored_at = float("-inf")
        self._saves = 0
        self._new_serial: Optional[int] = None  # that of a content that is being stored
        # One thread may save while another one releases. A signal handler may release within a release.
        self._mutex, self._is_releasing = threading.RLock(), False
        check_file_path(self.path, "checkpoint")
        self.lock()
        try:
            self._stored = self._content = read_checkpoint(self.path, site)
        except BaseException:
            self.release()
            raise

    @property
    def content(self) -> Mapping[str, Any]:
        """
        What was saved last; empty if nothing was.
        """
        return self._content

    def lock(self) -> None:
        """
        Lock the file against other followers, if the system supports locks.

        Raises:
            ConfigurationError: Another follower has the lock, or the lock file cannot be written.
        """
        if self._lock is not None:
            return
        path = _lock_file(self.path)
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        except OSError as error:
            msg = f"The checkpoint {self.path} cannot be written: {error.strerror}. Pass another file."
            raise ConfigurationError(msg) from error
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(file)
            msg = f"Another follower uses the checkpoint {self.path}. End it first, or pass another file."
            raise ConfigurationError(msg) from error
        except OSError:  # for example a network drive without locks
            LOG.debug("%s cannot be locked.", path, exc_info=True)
        self._lock, self._opened = file, os.fstat(file)

    def resume(self) -> bool:
        """
        Lock the file again after a `release`. Return False if another follower has used it since: it keeps the file.
        """
        with self._mutex:
            try:
                self.lock()
                self._require_own()
            except ConfigurationError:
                self._has_tail = False
                self.release()
                return False
            return True

    def release(self) -> None:
        """
        Store what was saved, and release the lock. `resume` takes it again.
        """
        with self._mutex:
            if self._lock is None or self._is_releasing:
                return
            self._is_releasing = True
            try:
                if self._has_tail:
                    self._store(self._content)
            except (OSError, ConfigurationError) as error:
                LOG.warning("The checkpoint %s could not be stored at the end: %s", self.path, error)
            finally:
                self._is_releasing = False
                self._unlock()

    def _unlock(self) -> None:
        file, self._lock = self._lock, None
        with contextlib.suppress(OSError):
            # A descriptor that somebody has closed may be that of another file by now.
            if file is not None and self._opened is not None and os.path.samestat(os.fstat(file), self._opened):
                # Closing is not enough: a process that was forked in between still has the file, and would keep the
                # lock.
                with contextlib.suppress(OSError):
                    if fcntl is not None:
                        fcntl.flock(file, fcntl.LOCK_UN)
                os.close(file)

    def save(self, content: Mapping[str, Any]) -> None:
        """
        Save the content, so that it survives the death of this process.

        Raises:
            OSError: It could not be written; the file has an earlier content.

            ConfigurationError: This follower has lost the lock, or another one has changed the file. Nothing is
                written.
        """
        whole = {**content, "sgextended_events": FORMAT, "site": self._site or content.get("site")}
        with self._mutex:
            if not self._is_due():
                tail = {name: value for name, value in whole.items() if value != self._stored.get(name)}
                tail.update(serial=self._stored["serial"], saves=self._saves + 1)
                data = json.dumps(tail, default=str).encode()
                if len(data) <= _LONGEST_TAIL:
                    self._write_tail(data)
                    self._content, self._has_tail = whole, True
                    return
            self._store(whole)

    def store_if_due(self) -> None:
        """
        Store what was saved, if the last time was more than a second ago.
        """
        with self._mutex:
            if self._has_tail and self._is_due():
                self._store(self._content)

    def _is_due(self) -> bool:
        return time.monotonic() - self._stored_at >= STORE_SECONDS

    def _write_tail(self, data: bytes) -> None:
        lock = self._require_lock()
        text = b"%08x %08x %s" % (zlib.crc32(data), len(data), data)
        os.lseek(lock, self._saves % 2 * _SLOT, os.SEEK_SET)
        if os.write(lock, text) < len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._saves += 1

    def _require_lock(self) -> int:
        """
        Return the open lock file.

        Raises:
            ConfigurationError: This follower has not the lock. The lock file may have been deleted and made anew by
                another follower, or its descriptor may have been closed.
        """
        with contextlib.suppress(OSError):
            if self._lock is not None and os.path.samestat(os.fstat(self._lock), _lock_file(self.path).stat()):
                return self._lock
        msg = (
            f"This follower has lost the lock of the checkpoint {self.path}: {_lock_file(self.path).name} was deleted "
            "or replaced, or the stream was closed. The place is not written. Begin again, and leave that file alone."
        )
        raise ConfigurationError(msg)

    def _require_own(self) -> None:
        """
        Check that nobody else may write the file, or has changed it.

        Raises:
            ConfigurationError: Somebody else may, or has.
        """
        self._require_lock()
        content = read_checkpoint(self.path)
        if content and content.get("serial") not in (self._stored.get("serial"), self._new_serial):
            msg = (
                f"Another follower has changed the checkpoint {self.path}, so this one no longer writes it. Give each "
                "follower a file of its own."
            )
            raise ConfigurationError(msg)

    def _store(self, content: Mapping[str, Any]) -> None:
        self._require_own()
        self._new_serial = time.time_ns()
        whole = {**content, "serial": self._new_serial}
        new = self.path.with_name(f"{self.path.name}.new")
        with new.open("wb") as file:
            file.write(json.dumps(whole, default=str).encode())
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)
        self._stored = self._content = whole
        self._stored_at, self._has_tail = time.monotonic(), False
        if not self._folder_is_stored:
            _store_folder(self.path.parent)
            self._folder_is_stored = True


def read_checkpoint(path: Path, site: Optional[str] = None) -> Dict[str, Any]:
    """
    Return the content of a checkpoint, also while a follower uses it; empty if there is none.

    Args:
        path: The file.

        site: The address of the site. None: the checkpoint may be of any site.

    Raises:
        ConfigurationError: The file is not a checkpoint of this site.
    """
    try:
        # The lock file first: if the file is replaced in between, the tail does not belong to it, and is older.
        tails = _read_tails(path)
        text = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        msg = f"The checkpoint {path} cannot be read: {error.strerror}. Pass another file."
        raise ConfigurationError(msg) from error
    try:
        content: Any = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict) or content.get("sgextended_events") != FORMAT:
        msg = f"{path} is not a checkpoint of the event log. Pass another file."
        raise ConfigurationError(msg)
    known = content.get("site")
    if known is not None and site is not None and not _is_one_site(known, site):
        msg = f"{path} is the checkpoint of {known}, not of {site}. Pass another file for this site."
        raise ConfigurationError(msg)
    for tail in sorted((tail for tail in tails if tail["serial"] == content.get("serial")), key=_saves_of)[-1:]:
        content.update(tail)
    content.pop("saves", None)
    return content


def _is_one_site(known: Any, site: str) -> bool:
    try:
        return host_of(str(known)) == host_of(site)
    except ValueError:  # a damaged file
        return False


def _lock_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _read_tails(path: Path) -> List[Dict[str, Any]]:
    """
    Return what was saved last, and before it, in the lock file, as far as it is whole.
    """
    try:
        text = _lock_file(path).read_bytes()
    except OSError:
        return []
    tails = []
    for slot in (text[:_SLOT], text[_SLOT:]):
        with contextlib.suppress(ValueError):
            checksum, length = int(slot[:8], 16), int(slot[9:17], 16)
            data = slot[_HEAD : _HEAD + length]
            tail: Any = json.loads(data) if zlib.crc32(data) == checksum and len(data) == length else None
            if isinstance(tail, dict) and "serial" in tail:
                tails.append(tail)
    return tails


def _saves_of(tail: Dict[str, Any]) -> int:
    number: int = tail.get("saves", 0)
    return number


def _store_folder(path: Path) -> None:
    """
    Have the system store the names in a folder, so that a new file is there after a power failure.
    """
    with contextlib.suppress(OSError):  # Windows opens no folders
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
