"""
Backups of a site on a file: its database with all keys and passwords, its uploads and its certificate authority.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from sgextended.localsite.files.file_store import check_no_links, copy_private
from sgextended.localsite.storage.database import copy_file

if TYPE_CHECKING:
    from pathlib import Path

# What is beside the file of a site: uploads, its certificate authority with the key, and the public part of that.
_BESIDE = (".media", ".tls", ".ca.pem")


def back_up_site(path: Path, target: Path) -> None:
    """
    Copy the SQLite file of a site, its uploads and its certificates, also while the site runs. Only this user may read
    the copy.

    The copy has one state of the rows. A file that is uploaded during the copy may be in it without its row. Uploads
    that have not arrived whole are left out.

    Raises:
        ValueError: There is no such file, it is not the database of a site, the target exists, or a file of the site is
            a link.
    """
    if not path.is_file():
        raise ValueError("There is no such file. Give the SQLite file of a local site.")
    beside = [(_with_ending(path, ending), _with_ending(target, ending)) for ending in _BESIDE]
    taken = next((found for found in (target, *(copy for _own, copy in beside)) if found.exists()), None)
    if taken is not None:
        raise ValueError(f"{taken} exists already. Name a file that does not exist yet.")
    # Files that the rows need exist before the rows, so they are copied afterwards.
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        copy_file(path, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    for own, copy in beside:
        if own.exists():
            _copy_all(own, copy)


def _with_ending(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _copy_all(source: Path, target: Path, depth: int = 0) -> None:
    """
    Copy a file, or a folder with all that is in it.

    Links to the folder and to its parts are followed, because the owner of the site may keep them on another disk. A
    link deeper inside may have come with somebody else's records, and is refused.
    """
    if not source.is_dir():
        with contextlib.suppress(FileNotFoundError):  # removed by the running site in this moment
            copy_private(source, target)
        return
    target.mkdir(mode=0o700)
    for path in sorted(source.iterdir()):
        if path.suffix != ".tmp":
            if depth or not path.is_dir():
                check_no_links(path)
            _copy_all(path, target / path.name, depth + 1)
