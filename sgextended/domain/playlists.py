"""
Playlists, and their versions in order.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.domain.bulk_writes import change_lists, update_many
from sgextended.domain.conditions import (
    PEOPLE,
    Entity,
    Finder,
    Links,
    Names,
    Query,
    Row,
    SomeLinks,
    conditions_of,
    fields_of,
    rows_of,
    to_link,
)
from sgextended.domain.entities import find_by_ids
from sgextended.domain.versions import VERSION_FIELDS
from sgextended.errors import NotFoundError
from sgextended.http.deadline import within

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
        versions = [place["version"] for place in _places_of(sg, to_link(playlist, "playlist", ("Playlist",)))]
        return find_by_ids(sg, "Version", versions, fields=wanted, filters=conditions)


def add_to_playlist(sg: Any, playlist: Entity, versions: SomeLinks, *, timeout: Optional[float] = None) -> List[Row]:
    """
    Put versions at the end of a playlist, in the order given, and return its versions as links in their order.

    Args:
        sg: Who is asked.

        playlist: Link to the playlist.

        versions: Links to versions. Those that are on it stay where they are.

        timeout: Seconds for all of it. None: the site's limits.
    """
    link, new = to_link(playlist, "playlist", ("Playlist",)), _versions_of(versions)
    with within(sg, timeout):
        there = [place["version"]["id"] for place in _places_of(sg, link)]
        change_lists(sg, [link], "versions", new, "add")
        added = [version for version in new if version["id"] not in there]
        places = _places_of(sg, link)
        wanted = [version["id"] for version in added]
        places.sort(
            key=lambda place: wanted.index(place["version"]["id"]) + 1 if place["version"]["id"] in wanted else 0
        )
        return _set_order(sg, places)


def remove_from_playlist(
    sg: Any, playlist: Entity, versions: SomeLinks, *, timeout: Optional[float] = None
) -> List[Row]:
    """
    Take versions off a playlist, and return those that are left as links in their order.

    Args:
        sg: Who is asked.

        playlist: Link to the playlist.

        versions: Links to versions. Those that are not on it do no harm.

        timeout: Seconds for all of it. None: the site's limits.
    """
    link, gone = to_link(playlist, "playlist", ("Playlist",)), _versions_of(versions)
    with within(sg, timeout):
        change_lists(sg, [link], "versions", gone, "remove")
        return [place["version"] for place in _places_of(sg, link)]


def order_playlist(sg: Any, playlist: Entity, versions: SomeLinks, *, timeout: Optional[float] = None) -> List[Row]:
    """
    Put a playlist into an order, and return its versions as links in it.

    Args:
        sg: Who is asked.

        playlist: Link to the playlist.

        versions: Links to versions in their order. Others that are on the playlist come after them, as they are.

        timeout: Seconds for all of it. None: the site's limits.

    Raises:
        NotFoundError: One is not on the playlist; nothing was changed.
    """
    link, wanted = to_link(playlist, "playlist", ("Playlist",)), _versions_of(versions)
    ids = [version["id"] for version in wanted]
    with within(sg, timeout):
        places = _places_of(sg, link)
        missing = sorted(set(ids) - {place["version"]["id"] for place in places})
        if missing:
            some = ", ".join(map(str, missing[:10]))
            msg = f"These versions are not on Playlist {link['id']}: {some}. Add them first. Nothing was changed."
            raise NotFoundError(msg)
        places.sort(key=lambda place: ids.index(place["version"]["id"]) if place["version"]["id"] in ids else len(ids))
        return _set_order(sg, places)


def _versions_of(versions: SomeLinks) -> List[Row]:
    links = [to_link(version, "version", ("Version",)) for version in rows_of(versions)]
    return list({link["id"]: link for link in links}.values())


def _places_of(sg: Any, playlist: Row) -> List[Row]:
    """
    Return the connections of a playlist with its versions, in its order.
    """
    query = Query()
    query.links("playlist", playlist)
    places = query.find(sg, "PlaylistVersionConnection", ("version", "sg_sort_order"), None, (), ["id"])
    places.sort(key=lambda row: (row["sg_sort_order"] is None, row["sg_sort_order"] or 0, row["id"]))
    return [place for place in places if place["version"]]


def _set_order(sg: Any, places: List[Row]) -> List[Row]:
    """
    Number places in the order in which they are given; return their versions.
    """
    changed = [
        {"type": place["type"], "id": place["id"], "sg_sort_order": number}
        for number, place in enumerate(places, 1)
        if place["sg_sort_order"] != number
    ]
    update_many(sg, changed)
    return [place["version"] for place in places]
