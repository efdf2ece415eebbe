"""
The rows that an upload writes: the new Attachment, and its links to the row that it was uploaded to.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING, Any, Optional

import attrs
import sqlalchemy as sa

from sgextended.localsite.errors import DATABASE, Fault, inspect
from sgextended.localsite.files.file_store import keep
from sgextended.localsite.permissions.checks import check_update
from sgextended.localsite.storage.file_columns import image_attachment, image_value, is_pending
from sgextended.localsite.storage.single_row_writes import (
    default_columns,
    insert_row,
    is_retired,
    link_columns,
    update_row,
)
from sgextended.localsite.storage.transaction import MOMENT
from sgextended.localsite.writing.file_values import created_columns, described, guessed_type, uploaded, without_image
from sgextended.localsite.writing.link_writes import write_links
from sgextended.localsite.writing.transcodes import begin_processing, transcode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sgextended.localsite.schema.entity_types import Field
    from sgextended.localsite.storage.transaction import Link, Transaction

_ENTITY = re.compile(r"([A-Za-z]\w*)_(\d{1,18})")


@attrs.frozen(kw_only=True)
class Upload:
    """
    An uploaded file, before it is stored for an Attachment.

    Attributes:
        path: The temporary path of the file.

        filename: The name that the client gave the file.

        kind: The upload type, ``"Attachment"`` or ``"Thumbnail"``.

        thumbnail: The temporary path of the thumbnail. None: no thumbnail could be made.
    """

    path: Path
    filename: str
    kind: str = "Attachment"
    thumbnail: Optional[Path] = None


def attach_file(tx: Transaction, upload: Upload, fields: Mapping[str, str]) -> int:
    """
    Create an Attachment for *upload*, link it to the row that the form's *fields* name, and return its id.

    Raises:
        Fault: There is no such row, or the row has no such field for files.
    """
    entity = _entity(tx, fields)
    field = _file_field(tx, entity, fields.get("field_name") or None)
    check_update(tx, entity["type"], entity["id"], ["attachments" if field is None else field.name])
    name = fields.get("display_name") or upload.filename
    text_of = {"filename": upload.filename, "display_name": name}
    if field is not None and field.path == "Attachment.this_file":
        attachment_id: int = entity["id"]
        update_row(tx, "Attachment", attachment_id, _file_columns(upload, text_of, fields))
    else:
        links = _attachment_links(tx, entity) if field is None or field.data_type != "url" else []
        attachment_id = _create(tx, entity, upload, text_of, fields)
        for link in links:
            write_links(tx, _field(tx, "Attachment", "attachment_links"), attachment_id, [link], "add")
    value = uploaded(attachment_id, name, guessed_type(upload.filename))
    update_row(tx, "Attachment", attachment_id, {"this_file": value})
    if field is not None and field.data_type == "url" and field.entity_type != "Attachment":
        update_row(tx, entity["type"], entity["id"], {field.name: value, **_touched(tx, entity)})
    elif field is not None and field.data_type == "multi_entity":
        write_links(tx, field, entity["id"], [{"type": "Attachment", "id": attachment_id}], "add")
    _store(tx, upload, attachment_id)
    if upload.thumbnail is not None:
        update_row(tx, "Attachment", attachment_id, {"image": image_value(tx, attachment_id)})
        # A real site makes a thumbnail from one frame of a movie. On the local site, only images get a thumbnail.
        if field is not None and field.path == "Version.sg_uploaded_movie":
            _set_image(tx, entity, "image", attachment_id)
    begin_processing(tx, attachment_id)
    if field is not None and field.path == "Version.sg_uploaded_movie":

        def make_copy(later: Transaction, filename: str) -> str:
            return _copy(later, entity, attachment_id, filename)

        transcode(tx, entity["id"], attachment_id, upload.filename, make_copy)
    return attachment_id


def attach_thumbnail(tx: Transaction, upload: Upload, fields: Mapping[str, str]) -> int:
    """
    Create an Attachment for *upload*, set it as a row's thumbnail or filmstrip, and return its id.

    Raises:
        Fault: There is no such row, or its type has no field for thumbnails.
    """
    entity = _entity(tx, fields)
    name = "filmstrip_image" if is_true(fields.get("filmstrip")) else "image"
    _field(tx, entity["type"], name)
    check_update(tx, entity["type"], entity["id"], [name])
    attachment_id: int = _create(
        tx, entity, upload, {"filename": upload.filename, "display_name": upload.filename}, fields
    )
    value = uploaded(attachment_id, upload.filename, guessed_type(upload.filename))
    update_row(tx, "Attachment", attachment_id, {"this_file": value})
    _store(tx, upload, attachment_id)
    begin_processing(tx, attachment_id)
    _set_image(tx, entity, name, attachment_id if upload.thumbnail is not None else None)
    return attachment_id


def share_thumbnail(tx: Transaction, fields: Mapping[str, str]) -> Optional[int]:
    """
    Set the thumbnail of one row for other rows; return the id of its Attachment, or None if the row has no thumbnail.

    Raises:
        Fault: One of the rows does not exist or is retired.
        NotReadyError: The thumbnail is still being made.
    """
    name = "filmstrip_image" if is_true(fields.get("filmstrip_thumbnail")) else "image"
    source = _named_entity(tx, fields.get("source_entity", ""))
    targets = [_named_entity(tx, text) for text in fields.get("entities", "").split(",")]
    value = image_of(tx, source["type"], source["id"], name)
    if value is not None and is_pending(tx, value):
        raise NotReadyError(f"The thumbnail of {source['type']} {source['id']} is still being made.")
    for target in targets:
        _field(tx, target["type"], name)
        check_update(tx, target["type"], target["id"], [name])
        columns = {name: value, **_touched(tx, target)}
        if value is None and name == "image":
            columns.update(without_image(tx.schema[target["type"]]))
        elif name == "image" and tx.schema.field(target["type"], "image_source_entity") is not None:
            columns.update(link_columns("image_source_entity", source))
        update_row(tx, target["type"], target["id"], columns)
    return None if value is None else image_attachment(value)


class NotReadyError(Exception):
    """
    The requested thumbnail is still being made.
    """


def image_of(tx: Transaction, entity_type: str, entity_id: int, name: str = "image") -> Optional[str]:
    """
    Return the stored value of a live row's image field.

    Raises:
        Fault: There is no such row, or its type has no such field.
    """
    _live(tx, entity_type, entity_id)
    field = _field(tx, entity_type, name)
    table = tx.tables[entity_type]
    query = sa.select(table.c[field.name]).where(table.c.id == entity_id)
    found: Optional[str] = tx.connection.execute(query).scalar_one()
    return found


def is_true(text: Optional[str]) -> bool:
    """
    Return whether a form's text stands for true: ``"1"``, or ``"true"`` in any letter case.
    """
    return (text or "").lower() in {"1", "true"}


def moment_of(text: str) -> str:
    """
    Return a form's moment in the format of API3, in UTC. A moment without a time zone is read as UTC.

    Raises:
        Fault: The text is not a moment in ISO 8601.
    """
    try:
        moment = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
        aware = moment.replace(tzinfo=moment.tzinfo or dt.timezone.utc)
        return aware.astimezone(dt.timezone.utc).strftime(MOMENT)
    except (ValueError, OverflowError):
        raise Fault(f"Invalid created_at: {inspect(text)}. Correct format is 2011-01-21T13:26:09+00:00.") from None


def _create(tx: Transaction, entity: Link, upload: Upload, names: Mapping[str, str], fields: Mapping[str, str]) -> int:
    facts = tx.schema["Attachment"]
    created_at = moment_of(fields["created_at"]) if fields.get("created_at") else tx.moment
    columns = {
        **default_columns(facts),
        "created_at": created_at,
        "updated_at": tx.moment,
        **created_columns(tx),
        **link_columns("project", _project_of(tx, entity)),
        **_file_columns(upload, names, fields),
    }
    return insert_row(tx, "Attachment", columns)


def _file_columns(upload: Upload, names: Mapping[str, str], fields: Mapping[str, str]) -> dict[str, Any]:
    tags = [tag.strip() for tag in fields.get("tag_list", "").split(",") if tag.strip()]
    shown = {"name": upload.filename, "link_type": "upload"}
    # On live sites, size and extension of an upload stay null.
    return {
        **described(shown),
        "display_name": names["display_name"],
        "file_extension": None,
        **({"tag_list": json.dumps(tags, ensure_ascii=False)} if tags else {}),
    }


def _copy(tx: Transaction, entity: Link, attachment_id: int, filename: str) -> str:
    """
    Create an Attachment with the bytes of another one, and return its value for a file field.
    """
    upload = Upload(path=tx.media.attachment(attachment_id), filename=filename)
    copy_id = _create(tx, entity, upload, {"filename": filename, "display_name": filename}, {})
    value = uploaded(copy_id, filename, guessed_type(filename))
    update_row(tx, "Attachment", copy_id, {"this_file": value})
    _store(tx, upload, copy_id)
    return value


def _store(tx: Transaction, upload: Upload, attachment_id: int) -> None:
    keep(upload.path, tx.media.attachment(attachment_id))
    if upload.thumbnail is not None:
        keep(upload.thumbnail, tx.media.thumbnail(attachment_id))


def _set_image(tx: Transaction, entity: Link, name: str, attachment_id: Optional[int]) -> None:
    columns: dict[str, Any] = {name: None if attachment_id is None else image_value(tx, attachment_id)}
    if name == "image" and tx.schema.field(entity["type"], "image_source_entity") is not None:
        columns.update(link_columns("image_source_entity", None))
    update_row(tx, entity["type"], entity["id"], {**columns, **_touched(tx, entity)})


def _touched(tx: Transaction, entity: Link) -> dict[str, Any]:
    """
    Return the columns with the user who changed a row, and the time of the change.
    """
    if tx.actor is None or "updated_by" not in tx.schema[entity["type"]].fields:
        return {}
    return {"updated_at": tx.moment, **link_columns("updated_by", {"type": tx.actor.type, "id": tx.actor.id})}


def _attachment_links(tx: Transaction, entity: Link) -> list[Link]:
    """
    Return the rows that a file belongs to: the row that it was uploaded to, and for a reply also the reply's entity.
    """
    if entity["type"] != "Reply":
        return [entity]
    replies = tx.tables["Reply"]
    query = sa.select(replies.c.entity__type, replies.c.entity__id).where(replies.c.id == entity["id"])
    answered = tx.connection.execute(query).one()
    if answered.entity__id is None or is_retired(tx, answered.entity__type, answered.entity__id) is not False:
        return [entity]
    return [entity, {"type": answered.entity__type, "id": answered.entity__id}]


def _project_of(tx: Transaction, entity: Link) -> Optional[Link]:
    if entity["type"] == "Project":
        return entity
    if entity["type"] == "Reply":
        answered = _attachment_links(tx, entity)[1:]
        return _project_of(tx, answered[0]) if answered and answered[0]["type"] != "Reply" else None
    field = tx.schema.field(entity["type"], "project")
    if field is None or field.data_type != "entity":
        return None
    table = tx.tables[entity["type"]]
    project = tx.connection.execute(sa.select(table.c.project__id).where(table.c.id == entity["id"])).scalar()
    return None if project is None else {"type": "Project", "id": project}


def _entity(tx: Transaction, fields: Mapping[str, str]) -> Link:
    text = f"{fields.get('entity_type', '')}_{fields.get('entity_id', '')}"
    return _named_entity(tx, text)


def _named_entity(tx: Transaction, text: str) -> Link:
    match = _ENTITY.fullmatch(text.strip())
    if match is None or match.group(1) not in tx.schema:
        raise Fault(f"{tx.rpc}: {inspect(text)} is not the type and id of an entity of this site, such as Shot_12.")
    entity_type, entity_id = match.group(1), int(match.group(2))
    _live(tx, entity_type, entity_id)
    return {"type": entity_type, "id": entity_id}


def _live(tx: Transaction, entity_type: str, entity_id: int) -> None:
    if is_retired(tx, entity_type, entity_id) is not False:
        raise Fault(f"Entity of type [{entity_type}] with id={entity_id} does not exist.", DATABASE)


def _field(tx: Transaction, entity_type: str, name: str) -> Field:
    field = tx.schema.field(entity_type, name)
    if field is None:
        raise Fault(f"{tx.rpc}: {entity_type}.{name} doesn't exist.")
    return field


def _file_field(tx: Transaction, entity: Link, name: Optional[str]) -> Optional[Field]:
    if name is None:
        return None
    field = _field(tx, entity["type"], name)
    takes_list = field.data_type == "multi_entity" and "Attachment" in field.valid_types
    if field.data_type != "url" and not takes_list:
        raise Fault(f"{tx.rpc}: {field.path} of data type '{field.data_type}' does not accept files.")
    return field
