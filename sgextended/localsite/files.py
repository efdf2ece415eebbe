"""
The values of file and link fields (protocol 4.4). So far: web links, each of which makes an Attachment.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sgextended.localsite.errors import Fault, inspect
from sgextended.localsite.rows import insert_row
from sgextended.localsite.values import wrong_class

if TYPE_CHECKING:
    from sgextended.localsite.schema import Field
    from sgextended.localsite.transaction import Transaction


def stored_file(tx: Transaction, field: Field, value: Any) -> str:
    """
    Return what the column of a file field keeps for *value*, a web link.

    Raises:
        Fault: The value is no web link; links to local files are not served yet.
    """
    if not isinstance(value, dict):
        raise wrong_class(tx, field, value)
    if "local_path" in value or "relative_path" in value:
        raise Fault(f"API {tx.rpc}() {field.path}: links to local files are not served by this local site yet.")
    url = value.get("url")
    if not isinstance(url, str) or not url:
        raise Fault(f"API {tx.rpc}() invalid/missing url hash string 'url': {inspect(value)}")
    name = value.get("name")
    shown = {
        "url": url,
        "name": name if isinstance(name, str) and name else url,
        "content_type": value.get("content_type"),
        "link_type": "web",
        "type": "Attachment",
    }
    columns: dict[str, Any] = {"display_name": shown["name"], "created_at": tx.moment, "sg_status_list": "na"}
    if tx.actor is not None:
        columns.update(created_by__type=tx.actor.type, created_by__id=tx.actor.id)
    attachment = insert_row(tx, "Attachment", columns)
    text = json.dumps({**shown, "id": attachment}, ensure_ascii=False)
    attachments = tx.tables["Attachment"]
    tx.connection.execute(attachments.update().where(attachments.c.id == attachment), {"this_file": text})
    return text
