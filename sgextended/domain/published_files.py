"""
Published files, and what they were made of.
"""

from typing import Any, Dict, Iterable, List, Optional, Sequence

from sgextended.domain.conditions import (
    Finder,
    Ids,
    Links,
    LinksOrNames,
    Names,
    Query,
    Row,
    SomeLinks,
    conditions_of,
    fields_of,
    ids_of,
    is_id,
)
from sgextended.domain.entities import find_by_ids
from sgextended.domain.latest_selection import Newest, latest_of
from sgextended.errors import InvalidArgumentError
from sgextended.http.deadline import within

PUBLISHED_FILE_FIELDS = (
    "code",
    "name",
    "version_number",
    "published_file_type",
    "path",
    "entity",
    "task",
    "version",
    "sg_status_list",
    "created_at",
    "project",
)

_NEWEST = Newest(
    parts={"task": "task", "step": "task.Task.step", "type": "published_file_type", "name": "name"},
    number="version_number",
    names_hold_numbers=False,
)


def find_published_files(
    sg: Finder,
    entity: Links = None,
    *,
    project: Links = None,
    name: Names = None,
    file_type: LinksOrNames = None,
    version_number: Ids = None,
    task: Links = None,
    step: LinksOrNames = None,
    version: Links = None,
    status: Names = None,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return published files, oldest first.

    Args:
        sg: Who is asked.

        entity: Links to what they are of, such as a shot.

        project: Links to projects.

        name: Names (``name``, which all versions of a file share) or globs.

        file_type: Published file types, as links or by name or short name, such as ``"Maya Scene"``.

        version_number: Numbers.

        task: Links to tasks.

        step: Pipeline steps of their tasks, as links or by short code or name, such as ``"ANM"``.

        version: Links to versions that show them.

        status: Short codes, such as ``"cmpt"``.

        fields: Fields to return instead of `PUBLISHED_FILE_FIELDS`.

        extra_fields: Fields to return beside them.

        filters: Native conditions that must hold as well.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        List of dicts with ``type``, ``id`` and the fields.
    """
    with within(sg, timeout):
        query = _query(filters, entity, project, name, file_type, version_number, task, step, version, status)
        return query.find(sg, "PublishedFile", PUBLISHED_FILE_FIELDS, fields, extra_fields, ["id"])


def latest_published_files(
    sg: Finder,
    entity: Links = None,
    *,
    per: Names = ("task", "name", "type"),
    by: str = "number",
    project: Links = None,
    name: Names = None,
    file_type: LinksOrNames = None,
    task: Links = None,
    step: LinksOrNames = None,
    version: Links = None,
    status: Names = None,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return the latest published files of each entity, or of each part of it; one query, whatever their number.

    They are the latest of those that match: with ``status="cmpt"`` the latest complete ones.

    Args:
        sg: Who is asked.

        entity: Links to what they are of, such as a shot.

        per: What has a latest file of its own within each entity: ``"task"``, ``"step"``, ``"name"``, ``"type"``, or
            several of these. Nothing: the entity. What belongs to neither an entity nor such a part is left out.

        by: ``"number"``: the one with the highest ``version_number``, however late a lower one was published.
            ``"date"``: the one published last.

        project: Links to projects.

        name: Names (``name``) or globs.

        file_type: Published file types, as links or by name or short name.

        task: Links to tasks.

        step: Pipeline steps of their tasks, as links or by short code or name.

        version: Links to versions that show them.

        status: Short codes.

        fields: Fields to return instead of `PUBLISHED_FILE_FIELDS`.

        extra_fields: Fields to return beside them.

        filters: Native conditions that must hold as well.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        List of dicts with ``type``, ``id`` and the fields, oldest first.

    Raises:
        InvalidArgumentError: *per* or *by* is none of these words; nothing was asked.
    """
    with within(sg, timeout):
        query = _query(filters, entity, project, name, file_type, None, task, step, version, status)
        wanted = fields_of(fields, extra_fields, PUBLISHED_FILE_FIELDS)
        return latest_of(_NEWEST, sg, query, "PublishedFile", wanted, per, by)


def find_upstream_files(
    sg: Finder,
    published_file: SomeLinks,
    *,
    levels: Optional[int] = 1,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return the published files that some were made of, nearest first.

    Args:
        sg: Who is asked.

        published_file: Links to published files.

        levels: How far to go: 1 gives what they were made of, 2 what those were made of too, and so on. None: all the
            way. Each level costs a request.

        fields: Fields to return instead of `PUBLISHED_FILE_FIELDS`.

        extra_fields: Fields to return beside them.

        filters: Native conditions that must hold as well.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        List of dicts with ``type``, ``id`` and the fields, each file once; those given do not come back.
    """
    with within(sg, timeout):
        return _follow(sg, "upstream_published_files", published_file, levels, filters, fields, extra_fields)


def find_downstream_files(
    sg: Finder,
    published_file: SomeLinks,
    *,
    levels: Optional[int] = 1,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return the published files that were made of some, nearest first.

    Args:
        sg: Who is asked.

        published_file: Links to published files.

        levels: How far to go: 1 gives what was made of them, 2 what was made of those too, and so on. None: all the
            way. Each level costs a request.

        fields: Fields to return instead of `PUBLISHED_FILE_FIELDS`.

        extra_fields: Fields to return beside them.

        filters: Native conditions that must hold as well.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        List of dicts with ``type``, ``id`` and the fields, each file once; those given do not come back.
    """
    with within(sg, timeout):
        return _follow(sg, "downstream_published_files", published_file, levels, filters, fields, extra_fields)


def _query(
    filters: Sequence[Any],
    entity: Links,
    project: Links,
    name: Names,
    file_type: LinksOrNames,
    version_number: Ids,
    task: Links,
    step: LinksOrNames,
    version: Links,
    status: Names,
) -> Query:
    query = Query(filters)
    query.links("entity", entity)
    query.links("project", project, "Project")
    query.globs("name", name)
    query.links_or_names("published_file_type", "PublishedFileType", ("code", "short_name"), file_type)
    query.numbers("version_number", version_number)
    query.links("task", task, "Task")
    query.steps("task.Task.step", step)
    query.links("version", version, "Version")
    query.names("sg_status_list", status)
    return query


def _follow(
    sg: Finder,
    way: str,
    start: SomeLinks,
    levels: Optional[int],
    filters: Sequence[Any],
    fields: Optional[Iterable[str]],
    extra_fields: Iterable[str],
) -> List[Row]:
    """
    Return what files depend on, or what depends on them, level by level; dependencies may go in circles.
    """
    wanted, conditions = fields_of(fields, extra_fields, PUBLISHED_FILE_FIELDS), conditions_of(filters)
    ids = ids_of(start, "published_file", "PublishedFile")
    if levels is not None and not is_id(levels):
        msg = f"levels must be a whole number, or None for all the way, not {levels!r:.80}."
        raise InvalidArgumentError(msg)
    seen = set(ids)
    found: Dict[int, Row] = {}
    rows = find_by_ids(sg, "PublishedFile", ids, fields=[way])
    level = 0
    while rows and (levels is None or level < levels):
        ids = list(dict.fromkeys(link["id"] for row in rows for link in row[way] or () if link["id"] not in seen))
        seen.update(ids)
        # Conditions choose what is returned, not the way that leads there.
        rows = find_by_ids(sg, "PublishedFile", ids, fields=[*wanted, way])
        found.update((row["id"], row) for row in rows)
        level += 1
    if conditions:
        keep = {row["id"] for row in find_by_ids(sg, "PublishedFile", list(found), fields=[], filters=conditions)}
        found = {number: row for number, row in found.items() if number in keep}
    if way not in wanted:
        for row in found.values():
            del row[way]
    return list(found.values())
