"""
Publishing: a published file with the next version number, right whatever else is published at the same time.

The site gives no locks, and no field of it must be unique. What it does give is ids: whoever creates a record gets one
that nobody else has, and later ones are higher. So a publish is created first, without a number, and marked as under
way; its number follows from the records before it alone:

- Each record that has a number has that one, and each that is under way will have the next: whoever computes it, from
  whatever moment, finds the same, since a record before one's own is only ever given what was counted for it.
- What breaks that is a record with a lower id that was not to be seen yet (its transaction took longer). It is noticed
  on one side at least: by the later record, which looks again once it has its number, or by the earlier, which finds
  its number taken. Who notices retires its record and begins again with a new one. So a number may be left out, and
  none is given twice.
"""

import uuid
from typing import TYPE_CHECKING, Any, List, Optional, Sequence, Union

from sgextended.domain.bulk_writes import create_once_by
from sgextended.domain.conditions import Entity, Links, Row, check_text, rows_of, to_link
from sgextended.domain.entities import get
from sgextended.domain.files import File, file_at
from sgextended.errors import CallError, InvalidArgumentError, NotFoundError, PartialSuccessError
from sgextended.http.deadline import within
from sgextended.lazy_import import lazy_module

if TYPE_CHECKING:
    from sgextended.writes import dry_run as plan
else:
    plan = lazy_module("sgextended.writes.dry_run")

#: Begins the code of what is being published.
UNDER_WAY = "(publishing "

#: What those that share their numbers have in common.
_KEY = ("project", "entity", "name", "task", "published_file_type")

#: Times that a publish begins again because of a record that came late, before it gives up.
_MOST_BEGINNINGS = 20


def publish(
    sg: Any,
    entity: Entity,
    name: str,
    *,
    file_type: Union[str, Entity, None] = None,
    task: Optional[Entity] = None,
    version: Optional[Entity] = None,
    code: str = "{name}.v{version:03d}",
    path: Union[str, Row, None] = None,
    upstream: Links = None,
    description: Optional[str] = None,
    thumbnail: Optional[File] = None,
    data: Optional[Row] = None,
    timeout: Optional[float] = None,
) -> Row:
    """
    Publish the next version of a file, and return the published file.

    The number is one more than the highest of the same name, entity, task and type, retired ones included. However many
    publish it at the same time, in whatever processes, each gets another number. It costs six requests.

    Args:
        sg: Who is asked.

        entity: Link to what it is of, such as a shot; its project is looked up, unless it comes with it.

        name: What all versions of the file share.

        file_type: Link to the published file type, or its ``code``.

        task: Link to the task.

        version: Link to the version that shows it.

        code: How this version is called: text with ``{name}`` and ``{version}`` in braces.

        path: Where it is, on a local storage of the site: text with the same in braces. Or what the field ``path``
            takes, such as ``{"url": "file:///.../scene.v{version:03d}.ma", "name": "scene"}``.

        upstream: Links to the published files that it was made of.

        description: What has changed.

        thumbnail: An image to upload.

        data: More fields.

        timeout: Seconds for all of it. None: the site's limits.

    Returns:
        Dict with ``type``, ``id``, ``code``, ``version_number`` and the other fields that were set.

    Raises:
        PartialSuccessError: The record is there, and something after it failed; ``entity`` is the record, and the message says
            how to go on.

        InvalidArgumentError: A link or text is none that can be used; nothing was sent.

        NotFoundError: There is no such file type; nothing was written.
    """
    check_text(name, "name")
    check_text(code, "code")
    link = to_link(entity)
    fields: Row = {"entity": link, "name": name, "task": None}
    for field, given, of_type in (("task", task, "Task"), ("version", version, "Version")):
        if given is not None:
            fields[field] = to_link(given, field, (of_type,))
    if upstream is not None:
        fields["upstream_published_files"] = [
            to_link(each, "upstream", ("PublishedFile",)) for each in rows_of(upstream)
        ]
    if description is not None:
        fields["description"] = description
    taken = sorted({"code", "version_number", *fields} & set(data or {}) - {"upstream_published_files"})
    if taken:
        msg = f"data={sorted(data or {})!r}: publish sets {', '.join(taken)} by itself. Nothing was sent."
        raise InvalidArgumentError(msg)
    final: Row = {"code": code}
    if path is not None:
        final["path"] = {"local_path": path} if isinstance(path, str) else dict(path)
    _filled(final, name, 1)  # what cannot be filled in is refused before anything is sent
    if thumbnail is not None:
        final["image"] = str(file_at(thumbnail))
    with within(sg, timeout):
        fields["published_file_type"] = _type_of(sg, file_type)
        fields["project"] = entity.get("project") or get(sg, link["type"], link, fields=["project"])["project"]
        for _beginning in range(_MOST_BEGINNINGS):
            published = _try(sg, {**fields, **(data or {})}, final)
            if published is not None:
                return published
    msg = (
        f"No number for {name!r} of {link['type']} {link['id']} was found in {_MOST_BEGINNINGS} tries, since each was "
        "taken meanwhile: something else numbers these files. Nothing was published."
    )
    raise NotFoundError(msg)


def _try(sg: Any, fields: Row, final: Row) -> Optional[Row]:
    """
    Return what was published; None if somebody came in between, so that it is to be begun again.
    """
    code = f"{UNDER_WAY}{uuid.uuid4().hex})"
    made = create_once_by(sg, "PublishedFile", {**fields, "code": code}, ["code", "project"])
    try:
        before = _alike(sg, fields, (False, True))
        number = _number_of(made["id"], before)
        if number is not None:
            values = _filled(final, fields["name"], number)
            sg.update("PublishedFile", made["id"], {"version_number": number, **values})
            after = _alike(sg, fields, (False,))
            if _is_alone(made["id"], number, before, after):
                values.pop("image", None)
                return {**made, **values, "version_number": number}
        sg.delete("PublishedFile", made["id"])
    except CallError as error:
        msg = (
            f"PublishedFile {made['id']} was created for {fields['name']!r}, and then: {str(error).strip()} Look "
            f"whether it is whole; if not, retire it with delete('PublishedFile', {made['id']}), and publish again."
        )
        raise PartialSuccessError(msg, entity=made) from error
    return None


def _alike(sg: Any, fields: Row, ways: Sequence[bool]) -> List[Row]:
    """
    Return all that share their numbers, lowest id first; the retired ones too, where *ways* has True.
    """
    conditions = [[name, "is", fields[name]] for name in _KEY]
    found = {
        row["id"]: row  # once, also if it is retired between the two
        for retired in ways
        for row in sg.find("PublishedFile", conditions, ["code", "version_number", *_KEY], retired_only=retired)
        if all(plan.is_same(row[name], fields[name]) for name in _KEY)  # sites compare texts without regard to case
    }
    return [found[number] for number in sorted(found)]


def _number_of(mine: int, rows: List[Row]) -> Optional[int]:
    """
    Return the number of a record; None if one that came later has it.
    """
    number = 0
    for row in rows:
        if mine < 0 or row["id"] < mine:  # in a dry run it has no id yet
            if row["version_number"] is not None:
                number = max(number, row["version_number"])
            elif str(row["code"]).startswith(UNDER_WAY):  # for ever, if its process died: others have counted it
                number += 1
    number += 1
    return None if any(row["version_number"] == number for row in rows) else number


def _is_alone(mine: int, number: int, before: List[Row], after: List[Row]) -> bool:
    """
    Tell whether nobody has the number too, and no earlier record has come to be seen only now.
    """
    known = {row["id"] for row in before}
    return not any(
        row["version_number"] == number or (row["id"] < mine and row["id"] not in known)
        for row in after
        if row["id"] != mine
    )


def _filled(final: Row, name: str, number: int) -> Row:
    """
    Return the fields that hold the number, with it.
    """

    def fill(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: fill(each) for key, each in value.items()}
        return value.format(name=name, version=number) if isinstance(value, str) else value

    try:
        return {field: value if field == "image" else fill(value) for field, value in final.items()}
    except (ValueError, LookupError, AttributeError) as error:
        msg = (
            f"{final!r:.200}: {error}. Write the number as {{version:03d}} and the name as {{name}}. Nothing was sent."
        )
        raise InvalidArgumentError(msg) from error


def _type_of(sg: Any, file_type: Any) -> Optional[Row]:
    if file_type is None:
        return None
    if not isinstance(file_type, str):
        return to_link(file_type, "file_type", ("PublishedFileType",))
    return to_link(get(sg, "PublishedFileType", [["code", "is", file_type]]))
