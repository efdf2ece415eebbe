"""
What the columns of file and image fields hold, and the values that they read as.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Optional

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable

    from sgextended.localsite.storage.transaction import Transaction

#: The path of the placeholder that an image field shows while its thumbnail is being made.
PENDING_PATH = "/images/status/transient/thumbnail_pending.png"

#: The platforms for which a local storage has a root, as field names and values spell them.
PLATFORMS = ("linux", "mac", "windows")


def image_value(tx: Transaction, attachment_id: int) -> str:
    """
    Return the stored value of an image field: the id of the Attachment, and the time from which its thumbnail shows.
    """
    return f"{attachment_id} {round(tx.now.timestamp() + tx.media.thumbnail_delay, 6)}"


def image_attachment(value: str) -> int:
    """
    Return the id of the Attachment from which an image field's thumbnail was made.
    """
    return int(value.partition(" ")[0])


def is_pending(tx: Transaction, value: str) -> bool:
    """
    Return whether a thumbnail still counts as being made.
    """
    return tx.now.timestamp() < float(value.partition(" ")[2])


def shown_image(tx: Transaction, value: Optional[str]) -> Optional[str]:
    """
    Return the URL that a response shows for an image field.
    """
    if value is None or "://" in value:
        return value
    if is_pending(tx, value):
        return f"{tx.address}{PENDING_PATH}"
    path = f"/storage/thumbnail/{image_attachment(value)}.jpg"
    return f"{tx.address}{tx.media.signed('GET', path, tx.now)}"


def shown_file(tx: Transaction) -> Callable[[Optional[str]], Optional[dict[str, Any]]]:
    """
    Return the function that converts the stored value of a file field to the value in a response.
    """
    storages: dict[int, Any] = {}

    def show(text: Optional[str]) -> Optional[dict[str, Any]]:
        if text is None:
            return None
        value: dict[str, Any] = json.loads(text)
        if value.get("link_type") == "upload":
            value["url"] = upload_address(tx, value["id"], value["name"])
        elif value.get("link_type") == "local":
            if not storages:
                table = tx.tables["LocalStorage"]
                storages.update((row.id, row) for row in tx.connection.execute(sa.select(table)))
            value.update(_local_paths(storages[value["local_storage"]["id"]], value["relative_path"]))
        return value

    return show


def upload_address(tx: Transaction, attachment_id: int, name: str) -> str:
    """
    Return the URL from which an uploaded file can be downloaded.
    """
    path = f"/file_serve/attachment/{attachment_id}"
    if tx.media.direct_uploads:
        path = f"/storage/attachment/{attachment_id}/{name.replace('/', '_')}"
    return f"{tx.address}{tx.media.signed('GET', path, tx.now)}"


def _local_paths(storage: Any, relative: str) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for platform in PLATFORMS:
        root = getattr(storage, f"{platform}_path")
        path = None if root is None else f"{root.replace(chr(92), '/').rstrip('/')}/{relative}"
        paths[f"local_path_{platform}"] = path.replace("/", "\\") if path and platform == "windows" else path
    # The storage may have been renamed since the value was stored.
    return {**paths, "local_storage": {"type": "LocalStorage", "id": storage.id, "name": storage.code}}
