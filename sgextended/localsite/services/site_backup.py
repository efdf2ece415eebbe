"""
Backups of a site on a file: its database with all keys and passwords, and its uploads.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from sgextended.localsite.files.file_store import check_no_links, copy_private, media_folder
from sgextended.localsite.storage.database import copy_file

if TYPE_CHECKING:
    from pathlib import Path


def back_up_site(path: Path, target: Path) -> None:
    """
    Copy the SQLite file of a site and its uploads, also while the site runs. Only this user may read the copy.

    The copy has one state of the rows. A file that is uploaded during the copy may be in it without its row. Uploads
    that have not arrived whole are left out.

    Raises:
        ValueError: There is no such file, it is not the database of a site, the target exists, or a file of the site is
            a link.
    """
    if not path.is_file():
        raise ValueError("There is no such file. Give the SQLite file of a local site.")
    if target.exists() or media_folder(target).exists():
        raise ValueError(f"{target} exists already. Name a file that does not exist yet.")
    # Files that the rows need exist before the rows, so they are copied afterwards.
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        copy_file(path, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    if media_folder(path).is_dir():
        _copy_files(media_folder(path), media_folder(target))


def _copy_files(source: Path, target: Path) -> None:
    target.mkdir(mode=0o700)
    for part in sorted(each for each in source.iterdir() if each.is_dir()):
        (target / part.name).mkdir(mode=0o700)
        for path in part.iterdir():
            if path.suffix == ".tmp":
                continue
            check_no_links(path)
            with contextlib.suppress(FileNotFoundError):  # removed by the running site in this moment
                copy_private(path, target / part.name / path.name)
