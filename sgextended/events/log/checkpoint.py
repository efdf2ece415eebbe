"""
`CheckpointFile`: a file with the place in the event log, replaced as a whole and locked against a second follower.

Having the system store a file takes milliseconds, which would limit a follower to some hundred events a second. So the
file is replaced and stored once a second. What changes in between is written into the lock file, without waiting for
the disk: it survives the death of the process. After a power failure the place is at most a second old.
"""

import contextlib
import json
import logging
import os
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional, Union

from sgextended.errors import ConfigurationError

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
        self._folder_is_stored = self._has_tail = False
        self._stored_at = float("-inf")
        if not self.path.parent.is_dir():
            msg = (
                f"The folder {self.path.parent} of the checkpoint {self.path.name} does not exist. Create it, or pass "
                "another path."
            )
            raise ConfigurationError(msg)
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
        self._lock = file

    def release(self) -> None:
        """
        Store what was saved, and release the lock. `lock` takes it again.
        """
        if self._lock is None:
            return
        try:
            if self._has_tail:
                self._store(self._content)
        finally:
            file, self._lock = self._lock, None
            # Closing is not enough: a process that was forked in between still has the file, and would keep the lock.
            with contextlib.suppress(OSError):
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_UN)
            os.close(file)

    def save(self, content: Mapping[str, Any]) -> None:
        """
        Save the content, so that it survives the death of this process.

        Raises:
            OSError: It could not be written; the file has an earlier content.
        """
        whole = {**content, "sgextended_events": FORMAT, "site": self._site or content.get("site")}
        if not self._is_due() and self._lock is not None:
            tail = {name: value for name, value in whole.items() if value != self._stored.get(name)}
            data = json.dumps({**tail, "serial": self._stored["serial"]}, default=str).encode()
            if len(data) <= _LONGEST_TAIL:
                self._content, self._has_tail = whole, True
                os.lseek(self._lock, 0, os.SEEK_SET)
                os.write(self._lock, b"%08x %08x %s" % (zlib.crc32(data), len(data), data))
                return
        self._store(whole)

    def store_if_due(self) -> None:
        """
        Store what was saved, if the last time was more than a second ago.
        """
        if self._has_tail and self._is_due():
            self._store(self._content)

    def _is_due(self) -> bool:
        return time.monotonic() - self._stored_at >= STORE_SECONDS

    def _store(self, content: Mapping[str, Any]) -> None:
        whole = {**content, "serial": time.time_ns()}
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
        tail = _read_tail(path)
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
    if known is not None and site is not None and known != site:
        msg = f"{path} is the checkpoint of {known}, not of {site}. Pass another file for this site."
        raise ConfigurationError(msg)
    return {**content, **tail} if tail.get("serial") == content.get("serial") else content


def _lock_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _read_tail(path: Path) -> Dict[str, Any]:
    """
    Return what was saved after the file was stored last; empty if nothing was, or if it is not whole.
    """
    try:
        text = _lock_file(path).read_bytes()
        checksum, length = int(text[:8], 16), int(text[9:17], 16)
        data = text[_HEAD : _HEAD + length]
        tail: Any = json.loads(data) if zlib.crc32(data) == checksum and len(data) == length else {}
    except (OSError, ValueError):
        return {}
    return tail if isinstance(tail, dict) else {}


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
