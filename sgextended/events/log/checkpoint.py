"""
`CheckpointFile`: a file with the place in the event log, replaced as a whole and locked against a second follower.
"""

import contextlib
import json
import logging
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Dict, Mapping, Optional, Union

from sgextended.errors import ConfigurationError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from os import PathLike

FORMAT = 1  # version of the content

LOG = logging.getLogger("sgextended")


class CheckpointFile:
    """
    A JSON object in a file.

    Each `save` writes a new file and renames it over the old one, so that a process that dies leaves one of the two.
    The lock is on a second file, whose name ends in ``.lock``, because a rename would lose it.

    Args:
        path: The file. It is created by the first `save`.

        site: The address of the site. None: it is unknown.

    Raises:
        ConfigurationError: Another follower uses the file, or the file is not a checkpoint of this site.
    """

    def __init__(self, path: "Union[str, PathLike[str]]", site: Optional[str]) -> None:
        self.path = Path(path)
        self._site = site
        self._lock: Optional[IO[bytes]] = None
        self._folder_is_stored = False
        if not self.path.parent.is_dir():
            msg = (
                f"The folder {self.path.parent} of the checkpoint {self.path.name} does not exist. Create it, or pass "
                "another path."
            )
            raise ConfigurationError(msg)
        self.lock()
        try:
            self._content = self._read()
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
        if fcntl is None or self._lock is not None:
            return
        path = self.path.with_name(f"{self.path.name}.lock")
        try:
            file = path.open("ab")
        except OSError as error:
            msg = f"The checkpoint {self.path} cannot be written: {error.strerror}. Pass another file."
            raise ConfigurationError(msg) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            msg = f"Another follower uses the checkpoint {self.path}. End it first, or pass another file."
            raise ConfigurationError(msg) from error
        except OSError:  # for example a network drive without locks
            LOG.debug("%s cannot be locked.", path, exc_info=True)
        self._lock = file

    def release(self) -> None:
        """
        Release the lock. `lock` takes it again.
        """
        file, self._lock = self._lock, None
        if file is not None:
            # Closing is not enough: a process that was forked in between still has the file, and would keep the lock.
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_UN)
            file.close()

    def _read(self) -> Dict[str, Any]:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            msg = f"The checkpoint {self.path} cannot be read: {error}. Pass another file."
            raise ConfigurationError(msg) from error
        try:
            content: Any = json.loads(text)
        except ValueError:
            content = None
        if not isinstance(content, dict) or content.get("sgextended_events") != FORMAT:
            msg = f"{self.path} is not a checkpoint of the event log. Pass another file."
            raise ConfigurationError(msg)
        site = content.get("site")
        if site is not None and self._site is not None and site != self._site:
            msg = f"{self.path} is the checkpoint of {site}, not of {self._site}. Pass another file for this site."
            raise ConfigurationError(msg)
        return content

    def save(self, content: Mapping[str, Any]) -> None:
        """
        Replace the content of the file.

        Raises:
            OSError: The file could not be written; it has the content from before.
        """
        whole = {**content, "sgextended_events": FORMAT, "site": self._site or content.get("site")}
        new = self.path.with_name(f"{self.path.name}.new")
        with new.open("wb") as file:
            file.write(json.dumps(whole, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace"))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)
        self._content = whole
        if not self._folder_is_stored:
            _store_folder(self.path.parent)
            self._folder_is_stored = True


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
