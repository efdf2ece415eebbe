"""
Versions.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.deadline import within
from sgextended.domain.query import Finder, Links, Names, Query, Row

VERSION_FIELDS = ("code", "entity", "sg_task", "user", "sg_status_list", "description", "created_at", "project")


def find_versions(
    sg: Finder,
    entity: Links = None,
    *,
    project: Links = None,
    name: Names = None,
    task: Links = None,
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

        user: Links to the artists.

        playlist: Links to playlists that they are on.

        status: Short codes, such as ``"rev"``.

        fields: Fields to return instead of `VERSION_FIELDS`.

        extra_fields: Fields to return beside them.

        filters: Native conditions that must hold as well.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        List of dicts with ``type``, ``id`` and the fields; ``created_at`` is a datetime, as native.
    """
    with within(sg, timeout):
        query = Query(filters)
        query.links("entity", entity)
        query.links("project", project)
        query.globs("code", name)
        query.links("sg_task", task)
        query.links("user", user)
        query.any_link("playlists", playlist)
        query.names("sg_status_list", status)
        return query.find(sg, "Version", VERSION_FIELDS, fields, extra_fields, ["id"])
