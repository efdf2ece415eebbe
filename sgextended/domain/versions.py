"""
Versions.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.deadline import within
from sgextended.domain.latest import Newest, latest_of
from sgextended.domain.query import PEOPLE, Finder, Links, LinksOrNames, Names, Query, Row, fields_of

VERSION_FIELDS = ("code", "entity", "sg_task", "user", "sg_status_list", "description", "created_at", "project")

_NEWEST = Newest(
    parts={"task": "sg_task", "step": "sg_task.Task.step", "type": "sg_version_type", "name": "code"},
    number="code",
    names_hold_numbers=True,
)


def find_versions(
    sg: Finder,
    entity: Links = None,
    *,
    project: Links = None,
    name: Names = None,
    task: Links = None,
    step: LinksOrNames = None,
    user: Links = None,
    playlist: Links = None,
    status: Names = None,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return versions, oldest first.

    Args:
        sg: Who is asked.

        entity: Links to what the versions are of, such as a shot.

        project: Links to projects.

        name: Names or globs.

        task: Links to tasks.

        step: Pipeline steps of their tasks, as links or by short code or name, such as ``"ANM"``.

        user: Links to the artists.

        playlist: Links to playlists that they are on; `find_playlist_versions` keeps the order of one.

        status: Short codes, such as ``"rev"``.

        fields: Fields to return instead of `VERSION_FIELDS`.

        extra_fields: Fields to return beside them.

        filters: Native conditions that must hold as well.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        List of dicts with ``type``, ``id`` and the fields; ``created_at`` is a datetime, as native.
    """
    with within(sg, timeout):
        query = _query(filters, entity, project, name, task, step, user, playlist, status)
        return query.find(sg, "Version", VERSION_FIELDS, fields, extra_fields, ["id"])


def latest_versions(
    sg: Finder,
    entity: Links = None,
    *,
    per: Names = (),
    by: str = "date",
    project: Links = None,
    name: Names = None,
    task: Links = None,
    step: LinksOrNames = None,
    user: Links = None,
    playlist: Links = None,
    status: Names = None,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return the latest version of each entity, or of each part of it; one query, whatever their number.

    They are the latest of those that match: with ``status="apr"`` the latest approved ones. All that match are read, as
    the site's own ``LATEST`` can neither look at names and tasks nor obey other conditions.

    Args:
        sg: Who is asked.

        entity: Links to what the versions are of, such as a shot.

        per: What has a latest version of its own within each entity: ``"task"``, ``"step"``, ``"type"``, ``"name"``
            (what is left of ``sh010_anim_v003`` without the number), or several of these. Nothing: the entity. What
            belongs to neither an entity nor such a part is left out.

        by: ``"date"``: the one made last. ``"number"``: the one with the highest number in its name, however late a
            lower one was made.

        project: Links to projects.

        name: Names or globs.

        task: Links to tasks.

        step: Pipeline steps of their tasks, as links or by short code or name.

        user: Links to the artists.

        playlist: Links to playlists that they are on.

        status: Short codes.

        fields: Fields to return instead of `VERSION_FIELDS`.

        extra_fields: Fields to return beside them.

        filters: Native conditions that must hold as well.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        List of dicts with ``type``, ``id`` and the fields, oldest first.

    Raises:
        FilterError: *per* or *by* is none of these words; nothing was asked.
    """
    with within(sg, timeout):
        query = _query(filters, entity, project, name, task, step, user, playlist, status)
        wanted = fields_of(fields, extra_fields, VERSION_FIELDS)
        return latest_of(_NEWEST, sg, query, "Version", wanted, per, by)


def _query(
    filters: Sequence[Any],
    entity: Links,
    project: Links,
    name: Names,
    task: Links,
    step: LinksOrNames,
    user: Links,
    playlist: Links,
    status: Names,
) -> Query:
    query = Query(filters)
    query.links("entity", entity)
    query.links("project", project, "Project")
    query.globs("code", name)
    query.links("sg_task", task, "Task")
    query.steps("sg_task.Task.step", step)
    query.links("user", user, *PEOPLE)
    query.links("playlists", playlist, "Playlist")
    query.names("sg_status_list", status)
    return query
