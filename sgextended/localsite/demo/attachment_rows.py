"""
The Attachments of the demo: of uploads, whose bytes the site stores, and of files on a local storage.
"""

from __future__ import annotations

import json
import posixpath
from typing import TYPE_CHECKING, Any, Optional

from sgextended.localsite.files.file_store import keep
from sgextended.localsite.writing.file_values import described, uploaded

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from sgextended.localsite.demo.demo_rows import DemoRows
    from sgextended.localsite.storage.transaction import Link

# The content types are written out, because those that Python guesses depend on the machine.
_TYPES = {
    "jpg": "image/jpeg",
    "mov": "video/quicktime",
    "txt": "text/plain",
    "exr": "image/x-exr",
    "psd": "image/vnd.adobe.photoshop",
}


def add_upload(
    demo: DemoRows, when: dt.datetime, name: str, file: Path, project: Optional[Link] = None, **columns: Any
) -> Link:
    """
    Add the Attachment of an uploaded file, and return a link to it.

    Args:
        demo: The rows of the demo.

        when: The time of the upload.

        name: The name of the file.

        file: The file with the bytes, which stays.

        project: The project of the Attachment.

        **columns: Other stored values.
    """
    shown = {"name": name, "link_type": "upload"}
    made = demo.add("Attachment", when, project=project, **columns)
    # On live sites, the extension of an upload stays null.
    demo.row(made).update(described(shown), file_extension=None, this_file=upload_value(made, name))
    keep(file, demo.tx.media.attachment(made["id"]))
    return made


def upload_value(attachment: Link, name: str) -> str:
    """
    Return the stored value of a file field for an upload.
    """
    return uploaded(attachment["id"], name, _type_of(name))


def add_local_file(demo: DemoRows, when: dt.datetime, storage: Link, path: str) -> str:
    """
    Add the Attachment of a file on a local storage, and return the stored value of the file field.

    Args:
        demo: The rows of the demo.

        when: The time at which the file was published.

        storage: The storage, with its name.

        path: The path below the root of the storage.
    """
    name = posixpath.basename(path)
    shown = {
        "content_type": _type_of(name),
        "link_type": "local",
        "name": name,
        "local_storage": storage,
        "relative_path": path,
        "type": "Attachment",
    }
    made = demo.add("Attachment", when, sg_status_list="na")
    value = json.dumps({**shown, "id": made["id"]})
    demo.row(made).update(described(shown, storage), this_file=value)
    return value


def _type_of(name: str) -> Optional[str]:
    return _TYPES.get(posixpath.splitext(name)[1][1:])
