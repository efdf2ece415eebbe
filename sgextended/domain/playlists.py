"""
Playlists, and their versions in order.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.deadline import within
from sgextended.domain.entities import find_by_ids
from sgextended.domain.query import PEOPLE, Entity, Finder, Links, Names, Query, Row, conditions_of, fields_of, to_link
from sgextended.domain.versions import VERSION_FIELDS

PLAYLIST_FIELDS = ("code", "description", "sg_status", "sg_date_and_time", "created_by", "created_at", "project")


def find_playlists(
    sg: Finder,
    project: Links = None,
    *,
    name: Names = None,
    version: Links = None,
    user: Links = None,
    status: Names = None,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return playlists, newest first.

    Args:
        sg: Who is asked.

        project: Links to projects.

        name: Names or globs.

        version: Links to versions that are on them.

        user: Links to those who made them.

        status: Values of ``sg_status``, such as ``"opn"``.

        fields: Fields to return instead of `PLAYLIST_FIELDS`.

        extra_fields: Fields to return beside them.

        filters: Native conditions that must hold as well.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        List of dicts with ``type``, ``id`` and the fields.
    """
    with within(sg, timeout):
        query = Query(filters)
        query.links("project", project, "Project")
        query.globs("code", name)
        query.links("versions", version, "Version")
        query.links("created_by", user, *PEOPLE)
        query.names("sg_status", status)
        return query.find(sg, "Playlist", PLAYLIST_FIELDS, fields, extra_fields, ["-created_at", "-id"])


def find_playlist_versions(
    sg: Finder,
    playlist: Entity,
    *,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return the versions of one playlist, in its order. Those that nobody has sorted come last, as they were added.

    Args:
        sg: Who is asked.

        playlist: Link to the playlist.

        fields: Fields to return instead of `VERSION_FIELDS`.

        extra_fields: Fields to return beside them.

        filters: Native conditions that must hold as well.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        List of dicts with ``type``, ``id`` and the fields of the versions; retired ones are left out.
    """
    wanted, conditions = fields_of(fields, extra_fields, VERSION_FIELDS), conditions_of(filters)
    with within(sg, timeout):
        query = Query()
        query.links("playlist", to_link(playlist, "playlist", ("Playlist",)))
        places = query.find(sg, "PlaylistVersionConnection", ("version", "sg_sort_order"), None, (), ["id"])
        places.sort(key=lambda row: (row["sg_sort_order"] is None, row["sg_sort_order"] or 0, row["id"]))
        versions = [row["version"] for row in places if row["version"]]
        return find_by_ids(sg, "Version", versions, fields=wanted, filters=conditions)
