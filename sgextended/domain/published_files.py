"""
Find published files, the latest ones, and their dependencies.
"""

from typing import Any, Dict, Iterable, List, Optional, Sequence

from sgextended.domain.arguments import (
    Ids,
    Links,
    LinksOrNames,
    Names,
    Order,
    Row,
    SomeLinks,
    conditions_of,
    fields_of,
    ids_of,
    is_id,
    limit_of,
    order_of,
)
from sgextended.domain.client_kinds import Finder
from sgextended.domain.entities import find_by_ids
from sgextended.domain.latest_selection import LatestSelector
from sgextended.domain.search import Query
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

#: Start of the code of a record that `publish` has created and not finished. The finders leave these records out.
IN_PROGRESS = "(publishing "

_LATEST = LatestSelector(
    group_fields={"task": "task", "step": "task.Task.step", "type": "published_file_type", "name": "name"},
    number_field="version_number",
    number_in_name=False,
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
    archived: Optional[bool] = False,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return published files, oldest first.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity: Links to entities that the files belong to, such as a shot.

        project: Links to projects.

        name: Names or globs for the field ``name``, which all versions of a file share.

        file_type: Published file types, as links or by name or short name, such as ``"Maya Scene"``.

        version_number: Version numbers.

        task: Links to tasks.

        step: Pipeline steps of the tasks, as links or by short code or name, such as ``"ANM"``.

        version: Links to versions that show the files.

        status: Short codes or names of statuses, such as ``"cmpt"``.

        archived: True returns only entities of archived projects, False leaves them out, None returns both. False does
            not leave out anything if a project, or an entity, task or version of one, is given.

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
    """
    with within(sg, timeout):
        query = _query(filters, archived, entity, project, name, file_type, version_number, task, step, version, status)
        return query.find(
            sg, "PublishedFile", PUBLISHED_FILE_FIELDS, fields, extra_fields, ["id"], order=order, limit=limit
        )


def latest_published_files(
    sg: Finder,
    entity: Links = None,
    *,
    group_by: Names = ("task", "name", "type"),
    order_by: str = "number",
    project: Links = None,
    name: Names = None,
    file_type: LinksOrNames = None,
    task: Links = None,
    step: LinksOrNames = None,
    version: Links = None,
    status: Names = None,
    archived: Optional[bool] = False,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return the latest published files of each entity, or of each group within an entity, from one query.

    The conditions apply first: ``status="cmpt"`` returns the latest complete files.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity: Links to entities that the files belong to, such as a shot.

        group_by: Within each entity, return one file for each ``"task"``, ``"step"``, ``"name"`` or ``"type"``, or for
            each combination of several. Empty: one file for each entity. A file with neither an entity nor a value to
            group by is left out.

        order_by: ``"number"``: the file with the highest ``version_number``, even if a lower number was published
            later. ``"date"``: the file that was published last.

        project: Links to projects.

        name: Names or globs for the field ``name``, which all versions of a file share.

        file_type: Published file types, as links or by name or short name.

        task: Links to tasks.

        step: Pipeline steps of the tasks, as links or by short code or name.

        version: Links to versions that show the files.

        status: Short codes or names of statuses.

        archived: True returns only entities of archived projects, False leaves them out, None returns both. False does
            not leave out anything if a project, or an entity, task or version of one, is given.

        fields: Fields to return instead of `PUBLISHED_FILE_FIELDS`: ``code``, ``name``, ``version_number``,
            ``published_file_type``, ``path``, ``entity``, ``task``, ``version``, ``sg_status_list``, ``created_at``,
            ``project``.

        extra_fields: Fields to return in addition.

        filters: Native conditions that the entities must also match.

        order: A native sort order to use instead, such as ``[{'field_name': 'created_at', 'direction': 'desc'}]``.

        limit: Maximum number of entities; 0: all.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type``, ``id`` and the fields, oldest first.

    Raises:
        InvalidArgumentError: *group_by* or *order_by* is not one of these words. No request was sent.
    """
    with within(sg, timeout):
        query = _query(filters, archived, entity, project, name, file_type, None, task, step, version, status)
        wanted = fields_of(fields, extra_fields, PUBLISHED_FILE_FIELDS)
        return _LATEST.find(sg, query, "PublishedFile", wanted, group_by, order_by, order=order, limit=limit)


def find_upstream_files(
    sg: Finder,
    published_file: SomeLinks,
    *,
    levels: Optional[int] = 1,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return the published files from which the given files were made, nearest first.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        published_file: Links to published files.

        levels: Number of dependency levels to follow: 1 returns the direct sources, 2 also the sources of those, and so
            on. None: all levels. Each level costs a request.

        fields: Fields to return instead of `PUBLISHED_FILE_FIELDS`: ``code``, ``name``, ``version_number``,
            ``published_file_type``, ``path``, ``entity``, ``task``, ``version``, ``sg_status_list``, ``created_at``,
            ``project``.

        extra_fields: Fields to return in addition.

        filters: Native conditions that the entities must also match.

        order: A native sort order to use instead, such as ``[{'field_name': 'created_at', 'direction': 'desc'}]``.

        limit: Maximum number of entities; 0: all.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type``, ``id`` and the fields, each file once; the given files are left out.
    """
    with within(sg, timeout):
        return _follow(
            sg, "upstream_published_files", published_file, levels, filters, fields, extra_fields, order, limit
        )


def find_downstream_files(
    sg: Finder,
    published_file: SomeLinks,
    *,
    levels: Optional[int] = 1,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return the published files that were made from the given files, nearest first.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        published_file: Links to published files.

        levels: Number of dependency levels to follow: 1 returns the direct results, 2 also the results of those, and so
            on. None: all levels. Each level costs a request.

        fields: Fields to return instead of `PUBLISHED_FILE_FIELDS`: ``code``, ``name``, ``version_number``,
            ``published_file_type``, ``path``, ``entity``, ``task``, ``version``, ``sg_status_list``, ``created_at``,
            ``project``.

        extra_fields: Fields to return in addition.

        filters: Native conditions that the entities must also match.

        order: A native sort order to use instead, such as ``[{'field_name': 'created_at', 'direction': 'desc'}]``.

        limit: Maximum number of entities; 0: all.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type``, ``id`` and the fields, each file once; the given files are left out.
    """
    with within(sg, timeout):
        return _follow(
            sg, "downstream_published_files", published_file, levels, filters, fields, extra_fields, order, limit
        )


def _query(
    filters: Sequence[Any],
    archived: Optional[bool],
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
    query.archived(archived)
    query.any([["code", "not_contains", IN_PROGRESS]])
    query.links("entity", entity)
    query.links("project", project, "Project")
    query.globs("name", name)
    query.links_or_names("published_file_type", "PublishedFileType", ("code", "short_name"), file_type)
    query.numbers("version_number", version_number)
    query.links("task", task, "Task")
    query.steps("task.Task.step", step)
    query.links("version", version, "Version")
    query.statuses("PublishedFile", status)
    return query


def _follow(
    sg: Finder,
    link_field: str,
    start: SomeLinks,
    levels: Optional[int],
    filters: Sequence[Any],
    fields: Optional[Iterable[str]],
    extra_fields: Iterable[str],
    order: Order,
    limit: int,
) -> List[Row]:
    """
    Return the files that a link field leads to, level by level. Dependencies may be circular.
    """
    wanted, conditions = fields_of(fields, extra_fields, PUBLISHED_FILE_FIELDS), conditions_of(filters)
    most, _sorts = limit_of(limit), order_of(order)
    ids = ids_of(start, "published_file", "PublishedFile")
    if levels is not None and not is_id(levels):
        msg = (
            f"levels={levels!r:.80} is not a whole number. No request was sent. Pass a number, or None for all levels."
        )
        raise InvalidArgumentError(msg)
    seen = set(ids)
    found: Dict[int, Row] = {}
    rows = find_by_ids(sg, "PublishedFile", ids, fields=[link_field])
    level = 0
    while rows and (levels is None or level < levels):
        ids = list(
            dict.fromkeys(link["id"] for row in rows for link in row[link_field] or () if link["id"] not in seen)
        )
        seen.update(ids)
        # The caller's conditions restrict the returned files, not the files on the path to them.
        rows = find_by_ids(sg, "PublishedFile", ids, fields=[*wanted, link_field])
        found.update((row["id"], row) for row in rows)
        level += 1
    if conditions or order is not None:
        kept = find_by_ids(sg, "PublishedFile", list(found), fields=[], filters=conditions, order=order)
        found = {row["id"]: found[row["id"]] for row in kept}
    if link_field not in wanted:
        for row in found.values():
            del row[link_field]
    return list(found.values())[: most or None]
