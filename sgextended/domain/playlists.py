"""
Find playlists and their versions in order; add, remove and order versions.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.domain.arguments import (
    PEOPLE,
    Entity,
    Links,
    Names,
    Order,
    Row,
    SomeLinks,
    conditions_of,
    fields_of,
    limit_of,
    order_of,
    rows_of,
    to_link,
)
from sgextended.domain.bulk_writes import change_lists, update_many
from sgextended.domain.client_kinds import Finder
from sgextended.domain.entities import find_by_ids
from sgextended.domain.search import Query
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
    archived: Optional[bool] = False,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return playlists, newest first.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        project: Links to projects.

        name: Names or globs.

        version: Links to versions that the playlists contain.

        user: Links to people who created the playlists.

        status: Short codes or names of statuses (``sg_status``), such as ``"opn"``.

        archived: True returns only entities of archived projects, False leaves them out, None returns both. False does
            not leave out anything if a project or version is given.

        fields: Fields to return instead of `PLAYLIST_FIELDS`: ``code``, ``description``, ``sg_status``,
            ``sg_date_and_time``, ``created_by``, ``created_at``, ``project``.

        extra_fields: Fields to return in addition.

        filters: Native conditions that the entities must also match.

        order: A native sort order to use instead, such as ``[{'field_name': 'created_at', 'direction': 'desc'}]``.

        limit: Maximum number of entities; 0: all.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type``, ``id`` and the fields.
    """
    with within(sg, timeout):
        query = Query(filters)
        query.archived(archived)
        query.links("project", project, "Project")
        query.globs("code", name)
        query.links("versions", version, "Version")
        query.links("created_by", user, *PEOPLE)
        query.statuses("Playlist", status, "sg_status")
        return query.find(
            sg, "Playlist", PLAYLIST_FIELDS, fields, extra_fields, ["-created_at", "-id"], order=order, limit=limit
        )


def find_playlist_versions(
    sg: Finder,
    playlist: Entity,
    *,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return the versions of one playlist, in the playlist's order. Versions without a sort order come last, in the
    order in which they were added.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        playlist: Link to the playlist.

        fields: Fields to return instead of `VERSION_FIELDS`: ``code``, ``entity``, ``sg_task``, ``user``,
            ``sg_status_list``, ``description``, ``created_at``, ``project``.

        extra_fields: Fields to return in addition.

        filters: Native conditions that the entities must also match.

        order: A native sort order to use instead, such as ``[{'field_name': 'created_at', 'direction': 'desc'}]``.

        limit: Maximum number of entities; 0: all.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type``, ``id`` and the fields of the versions; retired ones are left out.
    """
    wanted, conditions = fields_of(fields, extra_fields, VERSION_FIELDS), conditions_of(filters)
    most, _sorts = limit_of(limit), order_of(order)
    with within(sg, timeout):
        versions = [place["version"] for place in _places_of(sg, to_link(playlist, "playlist", ("Playlist",)))]
        return find_by_ids(sg, "Version", versions, fields=wanted, filters=conditions, order=order, limit=most)


def add_to_playlist(sg: Any, playlist: Entity, versions: SomeLinks, *, timeout: Optional[float] = None) -> List[Row]:
    """
    Append versions to a playlist in the order given.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        playlist: Link to the playlist.

        versions: Links to versions. Versions that are already on the playlist keep their place.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        Links to all versions of the playlist, in its order.
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
    Remove versions from a playlist.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        playlist: Link to the playlist.

        versions: Links to versions. Versions that are not on the playlist are ignored.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        Links to the remaining versions of the playlist, in its order.
    """
    link, unwanted = to_link(playlist, "playlist", ("Playlist",)), _versions_of(versions)
    with within(sg, timeout):
        change_lists(sg, [link], "versions", unwanted, "remove")
        return [place["version"] for place in _places_of(sg, link)]


def order_playlist(sg: Any, playlist: Entity, versions: SomeLinks, *, timeout: Optional[float] = None) -> List[Row]:
    """
    Set the order of the versions of a playlist.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        playlist: Link to the playlist.

        versions: Links to versions in the new order. Other versions of the playlist follow in their current order.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        Links to all versions of the playlist, in the new order.

    Raises:
        NotFoundError: A version is not on the playlist. Nothing was changed.
    """
    link, wanted = to_link(playlist, "playlist", ("Playlist",)), _versions_of(versions)
    ids = [version["id"] for version in wanted]
    with within(sg, timeout):
        places = _places_of(sg, link)
        missing = sorted(set(ids) - {place["version"]["id"] for place in places})
        if missing:
            some = ", ".join(map(str, missing[:10]))
            msg = f"Some versions are not on Playlist {link['id']}: {some}. Nothing was changed. Add them first."
            raise NotFoundError(msg)
        places.sort(key=lambda place: ids.index(place["version"]["id"]) if place["version"]["id"] in ids else len(ids))
        return _set_order(sg, places)


def _versions_of(versions: SomeLinks) -> List[Row]:
    links = [to_link(version, "version", ("Version",)) for version in rows_of(versions)]
    return list({link["id"]: link for link in links}.values())


def _places_of(sg: Any, playlist: Row) -> List[Row]:
    """
    Return the PlaylistVersionConnections of a playlist, in its order.
    """
    query = Query()
    query.links("playlist", playlist)
    places = query.find(sg, "PlaylistVersionConnection", ("version", "sg_sort_order"), None, (), ["id"])
    places.sort(key=lambda row: (row["sg_sort_order"] is None, row["sg_sort_order"] or 0, row["id"]))
    return [place for place in places if place["version"]]


def _set_order(sg: Any, places: List[Row]) -> List[Row]:
    """
    Number the places in the order given, and return links to their versions.
    """
    changed = [
        {"type": place["type"], "id": place["id"], "sg_sort_order": number}
        for number, place in enumerate(places, 1)
        if place["sg_sort_order"] != number
    ]
    update_many(sg, changed)
    return [place["version"] for place in places]
