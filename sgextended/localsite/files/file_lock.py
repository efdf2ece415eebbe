"""
The lock of a site's file: while one process serves the file, another one is told who it is.

The lock is that of the operating system, on a small file beside the database. It ends with its process, however that
ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from pathlib import Path

_TRIES = 10
# On Windows, the locked bytes cannot be read, so a byte beyond the text is locked.
_LOCKED_BYTE = 1_000_000


class FileLock:
    """
    Lock the file of a site for the process that serves it.

    Args:
        database: The SQLite file.

        shared: Whether other processes may serve the file too, if they lock it in the same way.

    Raises:
        ValueError: Another process serves the file. The message names it and says what to do.
    """

    def __init__(self, database: Path, *, shared: bool = False) -> None:
        self._path = database.with_name(f"{database.name}.lock")
        self._database = database
        self._shared = shared
        self._file: Optional[int] = None
        try:
            self._file = self._acquire()
        except _HeldError as error:
            raise ValueError(_refusal(database, error.holder)) from None
        except OSError:
            # The folder cannot be written, of which the database will say more, or the file system has no locks.
            self._file = None

    def announce(self, address: str) -> None:
        """
        Write into the lock file which process serves the site at which address.
        """
        if self._file is None:
            return
        holder = {"process": os.getpid(), "host": socket.gethostname(), "address": address}
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, json.dumps(holder).encode())

    def release(self) -> None:
        """
        Give up the lock. Doing so twice is safe.
        """
        file, self._file = self._file, None
        if file is None:
            return
        with contextlib.suppress(OSError):
            if not self._shared:  # another process may still use a shared one
                self._path.unlink()
        os.close(file)

    def _acquire(self) -> int:
        for _try in range(_TRIES):
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                _lock(file, shared=self._shared)
                # The process that had the lock before may have removed the file in the meantime.
                if _is_same(file, self._path):
                    return file
            except BlockingIOError:
                holder = os.read(file, 4096)
                os.close(file)
                raise _HeldError(holder) from None
            except BaseException:
                os.close(file)
                raise
            os.close(file)
        raise _HeldError(b"")


class _HeldError(Exception):
    """
    Another process has the lock.
    """

    def __init__(self, holder: bytes) -> None:
        super().__init__()
        self.holder = holder


def _lock(file: int, *, shared: bool) -> None:
    """
    Lock an open file, or raise ``BlockingIOError`` if another process has locked it.
    """
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - on Windows only

        if shared:  # Windows has no shared locks of this kind
            return
        os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError from error
        finally:
            os.lseek(file, 0, os.SEEK_SET)
    else:
        import fcntl  # noqa: PLC0415 - not on Windows

        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


def _is_same(file: int, path: Path) -> bool:
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    opened = os.fstat(file)
    return (found.st_dev, found.st_ino) == (opened.st_dev, opened.st_ino)


def _refusal(database: Path, holder: bytes) -> str:
    who = "another process"
    with contextlib.suppress(ValueError, KeyError, TypeError):
        found = json.loads(holder)
        here = "" if found["host"] == socket.gethostname() else f" on {found['host']}"
        who = f"process {int(found['process'])}{here} at {found['address']}"
    return (
        f"{database} is served already, by {who}. Use that address, or stop that process first. Or serve a copy, which "
        f"'sgextended site backup COPY --db {database}' makes while the site runs. Several processes can serve one "
        "file if each of them is started with --share-db."
    )
