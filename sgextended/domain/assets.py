"""
Find assets.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.domain.arguments import Links, Names, Order, Row
from sgextended.domain.client_kinds import Finder
from sgextended.domain.search import Query
from sgextended.http.deadline import within

ASSET_FIELDS = ("code", "sg_asset_type", "sg_status_list", "description", "project")

# An asset belongs to a sequence if it is linked to the sequence or to one of its shots. Studios use either or both.
_IN_SEQUENCE = ("sequences", "shots.Shot.sg_sequence")
_IN_EPISODE = ("episodes", "sequences.Sequence.episode", "shots.Shot.sg_sequence.Sequence.episode")


def find_assets(
    sg: Finder,
    project: Links = None,
    *,
    name: Names = None,
    asset_type: Names = None,
    status: Names = None,
    shot: Links = None,
    sequence: Links = None,
    episode: Links = None,
    archived: Optional[bool] = False,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return assets, sorted by name.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        project: Links to projects.

        name: Names or globs, such as ``"char_*"``.

        asset_type: Values of ``sg_asset_type``, such as ``"Character"``.

        status: Short codes or names of statuses, such as ``"ip"``.

        shot: Links to shots in which the assets appear.

        sequence: Links to sequences. An asset matches if the sequence itself or one of its shots is linked to it.

        episode: Links to episodes. An asset matches if the episode itself, a sequence or a shot of it is linked to it.

        archived: True returns only entities of archived projects, False leaves them out, None returns both. False does
            not leave out anything if a project, shot, sequence or episode is given.

        fields: Fields to return instead of `ASSET_FIELDS`: ``code``, ``sg_asset_type``, ``sg_status_list``,
            ``description``, ``project``.

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
        query.list_values("Asset", "sg_asset_type", asset_type)
        query.statuses("Asset", status)
        query.links("shots", shot, "Shot")
        query.links_by_any(_IN_SEQUENCE, sequence, "Sequence")
        query.links_by_any(_IN_EPISODE, episode, "Episode")
        return query.find(sg, "Asset", ASSET_FIELDS, fields, extra_fields, ["code", "id"], order=order, limit=limit)
