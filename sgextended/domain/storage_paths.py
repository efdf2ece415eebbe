"""
Translate paths between the platforms by the local storages of a site.
"""

import os
import sys
from typing import Any, List, Optional, Tuple

from sgextended.domain.arguments import FilePath, Row
from sgextended.domain.client_kinds import Finder
from sgextended.domain.vocabulary import schema_of
from sgextended.errors import InvalidArgumentError, NotFoundError
from sgextended.http.deadline import within

#: The root of a LocalStorage for each platform.
_ROOTS = {"linux": "linux_path", "mac": "mac_path", "windows": "windows_path"}


def translate_path(
    sg: Finder, path: FilePath, platform: Optional[str] = None, *, timeout: Optional[float] = None
) -> str:
    r"""
    Return a path as another platform has it, by the roots of the site's local storages.

    If the roots of several storages contain the path, the deepest one is used, and of equal ones the newest. The
    storages are cached as the schema is, and read again if none contains the path. The path need not exist.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        path: An absolute path on any platform, such as ``"P:\emb\sh010.ma"``.

        platform: ``"linux"``, ``"mac"`` or ``"windows"``. None: the platform of this machine.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        The path, with backslashes for Windows and slashes for the others.

    Raises:
        NotFoundError: No storage contains the path, or the storage has no root on that platform.

        InvalidArgumentError: *platform* is not one of these words, or *path* is not a path. No request was sent.
    """
    target = _this_platform() if platform is None else platform
    if target not in _ROOTS:
        msg = f"platform={platform!r} is not a known platform. No request was sent. Use {', '.join(map(repr, _ROOTS))}."
        raise InvalidArgumentError(msg)
    try:
        text = os.fsdecode(path)
    except TypeError:
        msg = f"path must be text or a path, not {path!r:.80}. No request was sent."
        raise InvalidArgumentError(msg) from None
    with within(sg, timeout):
        found = _storage_of(_storages(sg, None), text) or _storage_of(_storages(sg, 0.0), text)
    if found is None:
        msg = f"No local storage of the site contains {text!r:.200}. Check the path, or the roots of the LocalStorages."
        raise NotFoundError(msg)
    storage, rest = found
    root = storage.get(_ROOTS[target])
    if not root:
        msg = (
            f"{text!r:.200} is in the local storage {storage['code']!r}, which has no root for {target}. Set "
            f"{_ROOTS[target]} of LocalStorage {storage['id']}."
        )
        raise NotFoundError(msg)
    translated = _with_slashes(root) + rest if rest else root
    return translated.replace("/", "\\") if target == "windows" else translated


def _this_platform() -> str:
    return {"win32": "windows", "cygwin": "windows", "darwin": "mac"}.get(sys.platform, "linux")


def _storages(sg: Any, max_age: Optional[float]) -> List[Row]:
    return schema_of(sg).cached_rows("LocalStorage", ("code", *_ROOTS.values()), max_age)


def _storage_of(storages: List[Row], path: str) -> Optional[Tuple[Row, str]]:
    """
    Return the storage that contains a path, and the part of the path after the root.
    """
    wanted = _with_slashes(path)
    found: Tuple[Tuple[int, int], Optional[Row]] = ((-1, -1), None)
    for storage in storages:
        for platform, field in _ROOTS.items():
            if not storage.get(field):
                continue
            root, compared = _with_slashes(storage[field]), wanted
            length = len(root)
            if platform == "windows":  # where letter case is ignored
                root, compared = root.lower(), wanted.lower()
            if compared == root or compared.startswith(f"{root}/"):
                found = max(found, ((length, storage["id"]), storage), key=lambda each: each[0])
    (deepest, _id), storage_found = found
    return None if storage_found is None else (storage_found, wanted[deepest:])


def _with_slashes(path: str) -> str:
    return path.replace("\\", "/").rstrip("/")
