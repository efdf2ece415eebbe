"""
Publish files with the next version number, also when several processes publish at the same time.

A site has no locks and no unique fields. But each create gets a new id, and later ids are higher. So `publish` creates
the PublishedFile first, without a version number and with a code that marks it as in progress. Its number follows only
from the records with lower ids:

- A finished record keeps its number, and a record in progress will get the next free one. Every process computes the
  same numbers at any time, because an earlier record always gets the number that others have counted for it.
- One case breaks this: a record with a lower id that was not visible yet, because its transaction took longer. At least
  one of the two processes notices. The later one searches again after it has set its number; the earlier one finds
  its number taken. The process that notices retires its record and starts again with a new one. So a number may be
  skipped, but no number is used twice.
- A record that a killed process left in progress keeps its number reserved until it is retired. The finders do not
  return such records; `find_unfinished_publishes` does.
"""

import os
import uuid
from typing import TYPE_CHECKING, Any, Iterable, List, Optional, Sequence, Union

from sgextended.domain.arguments import Entity, FilePath, Links, Order, Row, check_text, existing_file, rows_of, to_link
from sgextended.domain.bulk_writes import create_once_by
from sgextended.domain.client_kinds import is_refusal
from sgextended.domain.entities import get
from sgextended.domain.published_files import IN_PROGRESS, PUBLISHED_FILE_FIELDS
from sgextended.domain.search import Query
from sgextended.errors import CallError, InvalidArgumentError, NotFoundError, PartialSuccessError
from sgextended.http.deadline import within
from sgextended.lazy_import import lazy_module

if TYPE_CHECKING:
    from sgextended.writes import dry_run
else:
    dry_run = lazy_module("sgextended.writes.dry_run")

#: Records with equal values in these fields share one sequence of numbers.
_SERIES_FIELDS = ("project", "entity", "name", "task", "published_file_type")

#: Number of attempts, each with a new record, before `publish` gives up.
_MAX_ATTEMPTS = 20


def publish(
    sg: Any,
    entity: Entity,
    name: str,
    *,
    file_type: Union[str, Entity, None] = None,
    task: Optional[Entity] = None,
    version: Optional[Entity] = None,
    code: str = "{name}.v{version:03d}",
    path: Union[FilePath, Row, None] = None,
    upstream: Links = None,
    description: Optional[str] = None,
    thumbnail: Optional[FilePath] = None,
    data: Optional[Row] = None,
    timeout: Optional[float] = None,
) -> Row:
    """
    Publish the next version of a file, and return the published file.

    The number is one more than the highest number of the same name, entity, task and type, including retired files.
    Concurrent calls, also in other processes, never get the same number. A call costs six requests.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity: Link to the entity that the file belongs to, such as a shot. Its project costs a request unless the dict
            has a ``project``.

        name: The name that all versions of the file share.

        file_type: Link to the published file type, or its ``code``.

        task: Link to the task.

        version: Link to the version that shows the file.

        code: Template for the ``code`` of the published file, with ``{name}`` and ``{version}``.

        path: Template for the path of the file on a local storage of the site, with the same placeholders. Backslashes
            of Windows are sent as slashes, because sites refuse them. Or a value for the field ``path``, such as
            ``{"url": "file:///.../scene.v{version:03d}.ma", "name": "scene"}``.

        upstream: Links to the published files from which the file was made.

        description: Text that describes the changes.

        thumbnail: Path of an image to upload.

        data: Further fields to set, by name.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        Dict with ``type``, ``id``, ``code``, ``version_number`` and the other fields that were set; ``path`` as the
        site returns it.

    Raises:
        Fault: The site refused a value, such as a path outside of all local storages. The record was retired, and its
            number is free again.

        PartialSuccessError: The record was created and a later step failed. ``entity`` is the record, and the message
            says how to continue.

        InvalidArgumentError: A link, text, path or file is not valid. Nothing was sent.

        NotFoundError: The file type does not exist, or no free number was found. Nothing was published.
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
    further = _further_fields(data)
    taken = sorted({"code", "version_number", *fields} & set(further) - {"upstream_published_files"})
    if taken:
        msg = (
            f"data has the fields {', '.join(taken)}, but publish sets {', '.join(taken)} itself. Nothing was sent. "
            "Remove them."
        )
        raise InvalidArgumentError(msg)
    final: Row = {"code": code}
    if path is not None:
        final["path"] = _with_slashes(path if isinstance(path, dict) else {"local_path": path})
    _filled(final, name, 1)  # raises for an invalid template before a request is sent
    if thumbnail is not None:
        final["image"] = str(existing_file(thumbnail))
    with within(sg, timeout):
        fields["published_file_type"] = _type_of(sg, file_type)
        fields["project"] = entity.get("project") or get(sg, link["type"], link, fields=["project"])["project"]
        for _attempt in range(_MAX_ATTEMPTS):
            published = _publish_once(sg, {**fields, **further}, final)
            if published is not None:
                return published
    msg = (
        f"No free version number for {name!r} of {link['type']} {link['id']} was found in {_MAX_ATTEMPTS} attempts: "
        "each number was taken in the meantime, so another program also numbers these files. Nothing was published."
    )
    raise NotFoundError(msg)


def _publish_once(sg: Any, fields: Row, final: Row) -> Optional[Row]:
    """
    Return the published file, or None if another publish took its number and a new attempt is needed.
    """
    code = f"{IN_PROGRESS}{uuid.uuid4().hex})"
    made = create_once_by(sg, "PublishedFile", {**fields, "code": code}, ["code", "project"])
    refusal = None
    try:
        before = _series(sg, fields, (False, True))
        number = _number_of(made["id"], before)
        if number is not None:
            values = _filled(final, fields["name"], number)
            image = values.pop("image", None)
            try:
                sg.update("PublishedFile", made["id"], {"version_number": number, **values})
            except CallError as error:
                if not is_refusal(error):
                    raise
                refusal = error  # a response of the site, so nothing was written
            after = [] if refusal else _series(sg, fields, (False,), values)
            if refusal is None and _is_alone(made["id"], number, before, after):
                if image is not None:
                    sg.update("PublishedFile", made["id"], {"image": image})
                stored = next((row for row in after if row["id"] == made["id"]), {})
                return {**made, **{name: stored.get(name, values[name]) for name in values}, "version_number": number}
        sg.delete("PublishedFile", made["id"])
    except CallError as error:
        msg = (
            f"PublishedFile {made['id']} was created for {fields['name']!r}, and a later step failed: "
            f"{str(error).strip()} Check whether it is complete on the site; if not, retire it with "
            f"delete('PublishedFile', {made['id']}), and publish again."
        )
        raise PartialSuccessError(msg, entity=made) from error
    except Exception:  # a hook of the studio refuses the write, or a value cannot be sent
        sg.delete("PublishedFile", made["id"])
        raise
    if refusal is not None:
        raise refusal
    return None


def find_unfinished_publishes(
    sg: Any,
    entity: Links = None,
    *,
    project: Links = None,
    hours: int = 1,
    archived: Optional[bool] = False,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return the published files that `publish` created and did not finish, oldest first.

    A process that is killed leaves such a record. It has no version number and no path, and its number stays reserved.
    `find_published_files` and `latest_published_files` leave it out. Retire such records with
    ``sg.delete_many(sg.find_unfinished_publishes())``.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity: Links to entities that the files belong to.

        project: Links to projects.

        hours: The least age by the site's clock, so that a publish that is still running is left out. 0: all.

        archived: True returns only entities of archived projects, False leaves them out, None returns both. False does
            not leave out anything if a project or an entity of one is given.

        fields: Fields to return instead of `PUBLISHED_FILE_FIELDS`: ``code``, ``name``, ``version_number``,
            ``published_file_type``, ``path``, ``entity``, ``task``, ``version``, ``sg_status_list``, ``created_at``,
            ``project``.

        extra_fields: Fields to return in addition.

        filters: Native conditions that the entities must also match.

        order: A native sort order to use instead, such as ``[{'field_name': 'created_at', 'direction': 'desc'}]``.

        limit: Maximum number of entities; 0: all.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type``, ``id`` and the fields.

    Raises:
        InvalidArgumentError: *hours* is not a whole number of at least 0. No request was sent.
    """
    if isinstance(hours, bool) or not isinstance(hours, int) or hours < 0:
        msg = f"hours={hours!r} is not valid. Pass a whole number of at least 0. Nothing was sent."
        raise InvalidArgumentError(msg)
    with within(sg, timeout):
        query = Query(filters)
        query.archived(archived)
        query.any([["code", "starts_with", IN_PROGRESS]])
        query.any([["version_number", "is", None]])
        if hours:
            query.any([["created_at", "not_in_last", hours, "HOUR"]])
        query.links("entity", entity)
        query.links("project", project, "Project")
        return query.find(
            sg, "PublishedFile", PUBLISHED_FILE_FIELDS, fields, extra_fields, ["id"], order=order, limit=limit
        )


def _further_fields(data: Optional[Row]) -> Row:
    path = (data or {}).get("path")
    return {**(data or {}), **({"path": _with_slashes(path)} if isinstance(path, dict) else {})}


def _with_slashes(path: Row) -> Row:
    if path.get("local_path") is None:
        return dict(path)
    try:
        local_path = os.fsdecode(path["local_path"])
    except TypeError:
        msg = f"path must be a text, a path or a dict, not {path['local_path']!r:.80}. Nothing was sent."
        raise InvalidArgumentError(msg) from None
    return {**path, "local_path": local_path.replace("\\", "/")}


def _series(sg: Any, fields: Row, retired_states: Sequence[bool], extra_fields: Iterable[str] = ()) -> List[Row]:
    """
    Return the records that share one sequence of numbers, lowest id first; retired ones too if *retired_states* has
    True.
    """
    wanted = list(dict.fromkeys(["code", "version_number", *_SERIES_FIELDS, *extra_fields]))
    conditions = [[name, "is", fields[name]] for name in _SERIES_FIELDS]
    found = {
        row["id"]: {**row, "is_retired": retired}  # once, even if it is retired between the two requests
        for retired in retired_states
        for row in sg.find("PublishedFile", conditions, wanted, retired_only=retired)
        if all(dry_run.is_same(row[name], fields[name]) for name in _SERIES_FIELDS)  # sites ignore case in text
    }
    return [found[number] for number in sorted(found)]


def _number_of(mine: int, rows: List[Row]) -> Optional[int]:
    """
    Return the version number for a record, or None if a later record has that number.
    """
    number = 0
    for row in rows:
        if mine < 0 or row["id"] < mine:  # in a dry run, the id is negative
            if row["version_number"] is not None:
                number = max(number, row["version_number"])
            elif str(row["code"]).startswith(IN_PROGRESS) and not row["is_retired"]:
                number += 1  # also if its process died: others have counted it
    number += 1
    return None if any(row["version_number"] == number for row in rows) else number


def _is_alone(mine: int, number: int, before: List[Row], after: List[Row]) -> bool:
    """
    Return whether no other record has the number, and no record with a lower id has appeared since.
    """
    known = {row["id"] for row in before}
    return not any(
        row["version_number"] == number or (row["id"] < mine and row["id"] not in known)
        for row in after
        if row["id"] != mine
    )


def _filled(final: Row, name: str, number: int) -> Row:
    """
    Return the fields with the name and the number filled in.
    """

    def fill(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: fill(each) for key, each in value.items()}
        return value.format(name=name, version=number) if isinstance(value, str) else value

    try:
        return {field: value if field == "image" else fill(value) for field, value in final.items()}
    except (ValueError, LookupError, AttributeError) as error:
        msg = (
            f"{final!r:.200} cannot be filled in: {error}. Nothing was sent. Write the number as {{version:03d}} and "
            "the "
            "name as {name}."
        )
        raise InvalidArgumentError(msg) from error


def _type_of(sg: Any, file_type: Any) -> Optional[Row]:
    if file_type is None:
        return None
    if not isinstance(file_type, str):
        return to_link(file_type, "file_type", ("PublishedFileType",))
    return to_link(get(sg, "PublishedFileType", [["code", "is", file_type]]))
