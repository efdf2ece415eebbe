"""
Backups of a site on a file: its database with all keys and passwords, and its uploads.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from sgextended.localsite.files.file_store import media_folder
from sgextended.localsite.storage.database import copy_file

if TYPE_CHECKING:
    from pathlib import Path


def back_up_site(path: Path, target: Path) -> None:
    """
    Copy the SQLite file of a site and its uploads, also while the site runs.

    The copy has one state of the rows. A file that is uploaded during the copy may be in it without its row.

    Raises:
        ValueError: There is no such file, it is not the database of a site, or the target exists.
    """
    if not path.is_file():
        raise ValueError("There is no such file. Give the SQLite file of a local site.")
    if target.exists() or media_folder(target).exists():
        raise ValueError(f"{target} exists already. Name a file that does not exist yet.")
    # Files that the rows need exist before the rows, so they are copied afterwards.
    try:
        copy_file(path, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    if media_folder(path).is_dir():
        shutil.copytree(media_folder(path), media_folder(target))
