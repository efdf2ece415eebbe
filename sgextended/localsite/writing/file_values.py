"""
The values of file and link fields: web links, local files and uploads. Each has an Attachment.

A column stores the value as the JSON of a response, without the parts that depend on when and by whom it is read. These
are the URL of an upload, and the paths of a local file, which are computed from its storage.
"""

from __future__ import annotations

import json
import mimetypes
import posixpath
import re
import urllib.parse
from typing import TYPE_CHECKING, Any, Optional

import sqlalchemy as sa

from sgextended.localsite.errors import DATABASE, Fault, inspect
from sgextended.localsite.schema.strictness import Doubt, refuse_when_strict
from sgextended.localsite.storage.data_types import write_failed, wrong_class
from sgextended.localsite.storage.file_columns import PLATFORMS
from sgextended.localsite.storage.single_row_writes import insert_row, link_columns, update_row

_SPACE = re.compile(r"[\s\x00-\x1f]")
# The characters that RFC 3986 allows in an address; all others are percent-encoded.
_ADDRESS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sgextended.localsite.schema.entity_types import EntityType, Field
    from sgextended.localsite.storage.transaction import Link, Transaction


def stored_file(tx: Transaction, field: Field, value: Any) -> dict[str, Any]:
    """
    Create the Attachment for a file field's *value*, a web link or a local file; return the columns that it sets.

    Raises:
        Fault: The value is neither of the two, its path is in no local storage, or the path leaves its storage.
    """
    if not isinstance(value, dict):
        raise wrong_class(tx, field, value)
    storage: Optional[Link] = None
    if value.get("local_path") is not None or None not in (value.get("relative_path"), value.get("local_storage")):
        storage, shown = _local_file(tx, field, value)
    else:
        shown = _web_link(tx, value)
    # The own file of an Attachment needs no second Attachment. Its id is added when the row has been inserted.
    if field.entity_type == "Attachment":
        return {"this_file": _json(shown), **described(shown, storage)}
    columns = {
        **described(shown, storage),
        "created_at": tx.moment,
        "updated_at": tx.moment,
        "sg_status_list": "na",
        **created_columns(tx),
    }
    attachment = insert_row(tx, "Attachment", columns)
    text = _json({**shown, "id": attachment})
    update_row(tx, "Attachment", attachment, {"this_file": text})
    found = {field.name: text}
    if field.path == "PublishedFile.path" and storage is not None:
        found.update(link_columns("path_cache_storage", storage))
    return found


def uploaded(attachment_id: int, name: str, content_type: Optional[str]) -> str:
    """
    Return the stored value of a file field for an upload.
    """
    shown = {"name": name, "content_type": content_type, "link_type": "upload", "type": "Attachment"}
    return _json({**shown, "id": attachment_id})


def described(shown: Mapping[str, Any], storage: Optional[Link] = None) -> dict[str, Any]:
    """
    Return the columns of an Attachment that describe its file.
    """
    name = str(shown["name"])
    path = shown.get("relative_path") or name
    filename = posixpath.basename(path) if shown["link_type"] != "web" else None
    columns = {"display_name": name, "filename": filename, "original_fname": filename}
    extension = posixpath.splitext(filename or "")[1][1:]
    columns["file_extension"] = extension.lower() or None
    return {**columns, **link_columns("local_storage", storage)}


def own_file(tx: Transaction, attachment_id: int, sent: Mapping[str, Any]) -> None:
    """
    Add the id of a new Attachment to the value of its own file. A ``display_name`` in *sent* is kept.
    """
    table = tx.tables["Attachment"]
    text = tx.connection.execute(sa.select(table.c.this_file).where(table.c.id == attachment_id)).scalar_one()
    if text is not None:
        named = {name: value for name, value in sent.items() if name == "display_name" and value is not None}
        changes = {"this_file": _json({**json.loads(text), "id": attachment_id}), **named}
        update_row(tx, "Attachment", attachment_id, changes)


def without_image(entity_type: EntityType) -> dict[str, Any]:
    """
    Return the columns that clear a row's thumbnail, and its filmstrip with it.
    """
    names = ("image", "filmstrip_image", "image_source_entity__type", "image_source_entity__id")
    return {name: None for name in names if name.partition("__")[0] in entity_type.fields}


def created_columns(tx: Transaction) -> dict[str, Any]:
    """
    Return the creator columns of a row that the site creates by itself.
    """
    if tx.actor is None:
        return {}
    link = {"type": tx.actor.type, "id": tx.actor.id}
    return {**link_columns("created_by", link), **link_columns("updated_by", link)}


def guessed_type(name: str) -> Optional[str]:
    """
    Return the content type that the extension of a file's name suggests, or None.
    """
    return mimetypes.guess_type(name)[0]


def _web_link(tx: Transaction, value: Mapping[str, Any]) -> dict[str, Any]:
    url = value.get("url")
    if not isinstance(url, str) or not url:
        raise Fault(f"API {tx.rpc}() invalid/missing url hash string 'url': {inspect(value)}")
    bad = Fault(f"Create failed for [Attachment]: bad URI(is not URI?): {inspect(url)}", DATABASE)
    if any(character.isspace() for character in url):
        raise bad
    if not _ADDRESS.fullmatch(url):
        refuse_when_strict(tx, Doubt.ADDRESS, bad)
    return {
        "url": url,
        "name": _text(tx, value, "name") or url,
        "content_type": _text(tx, value, "content_type"),
        "link_type": "web",
        "type": "Attachment",
    }


def _local_file(tx: Transaction, field: Field, value: Mapping[str, Any]) -> tuple[Link, dict[str, Any]]:
    given = "relative_path" if value.get("local_path") is None else "local_path"
    path = _text(tx, value, given) or ""
    if "\\" in path or "\0" in path:
        raise write_failed(tx, field, f"{given} {inspect(path)} must use forward slashes.")
    if ".." in path.split("/"):
        raise write_failed(tx, field, f"{given} {inspect(path)} leaves its local storage.")
    if given == "local_path":
        storage, relative = _storage_of_path(tx, path)
        if storage is None:
            text = f"Create failed for [Attachment]: Path {path} doesn't match any defined Local Storage."
            raise Fault(text, DATABASE)
    else:
        storage, relative = _storage_of_link(tx, value.get("local_storage")), path.lstrip("/")
        if storage is None:
            raise Fault(
                f"API {tx.rpc}() invalid/missing local storage hash 'local_storage': {inspect(value)}", DATABASE
            )
    if not relative:
        raise write_failed(tx, field, f"{given} {inspect(path)} is the root of its local storage, not a file.")
    name = posixpath.basename(relative.rstrip("/"))
    return storage, {
        "content_type": _text(tx, value, "content_type") or guessed_type(name),
        "link_type": "local",
        "name": _text(tx, value, "name") or name,
        "local_storage": storage,
        "relative_path": relative,
        "type": "Attachment",
    }


def _text(tx: Transaction, value: Mapping[str, Any], key: str) -> Optional[str]:
    found = value.get(key)
    if found is not None and not isinstance(found, str):
        raise Fault(f"API {tx.rpc}() invalid url hash string '{key}': {inspect(dict(value))}")
    return found


def _storage_of_path(tx: Transaction, path: str) -> tuple[Optional[Link], str]:
    """
    Return the storage whose root contains *path*, and the path below that root.

    The longest matching root wins; of equally long ones, the newest storage. Without a match, the storage is None.
    """
    table = tx.tables["LocalStorage"]
    best: tuple[int, int] = (0, 0)
    found: tuple[Optional[Link], str] = (None, "")
    for row in tx.connection.execute(sa.select(table).where(table.c.retired_at.is_(None))):
        for platform in PLATFORMS:
            root = (getattr(row, f"{platform}_path") or "").replace("\\", "/").rstrip("/")
            ignores_case = platform == "windows"
            start = path[: len(root) + 1]
            wanted = f"{root}/"
            same = start.lower() == wanted.lower() if ignores_case else start == wanted
            if root and same and (len(root), row.id) > best:
                best = (len(root), row.id)
                found = ({"type": "LocalStorage", "id": row.id, "name": row.code}, path[len(root) + 1 :].lstrip("/"))
    return found


def _storage_of_link(tx: Transaction, link: Any) -> Optional[Link]:
    if not isinstance(link, dict) or link.get("type", "LocalStorage") != "LocalStorage":
        return None
    table = tx.tables["LocalStorage"]
    key, column = ("id", table.c.id) if link.get("id") is not None else ("name", table.c.code)
    wanted = link.get(key)
    if not isinstance(wanted, (int, str)) or isinstance(wanted, bool):
        return None
    query = sa.select(table.c.id, table.c.code).where(column == str(wanted), table.c.retired_at.is_(None))
    row = tx.connection.execute(query).first()
    return None if row is None else {"type": "LocalStorage", "id": row.id, "name": row.code}


def is_web(url: str) -> bool:
    """
    Return whether a browser may be redirected to *url*: whether its scheme is HTTP or HTTPS.
    """
    try:
        return urllib.parse.urlsplit(url).scheme in {"http", "https"}
    except ValueError:  # such as an opening bracket without a closing one
        return False


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)
