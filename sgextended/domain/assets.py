"""
Assets.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.domain.conditions import Finder, Links, Names, Query, Row
from sgextended.http.deadline import within

ASSET_FIELDS = ("code", "sg_asset_type", "sg_status_list", "description", "project")

# An asset is in a sequence when it is linked to it or to one of its shots: studios do either, and some both.
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
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return assets, by name.

    Args:
        sg: Who is asked.

        project: Links to projects.

        name: Names or globs, such as ``"char_*"``.

        asset_type: Values of ``sg_asset_type``, such as ``"Character"``.

        status: Short codes, such as ``"ip"``.

        shot: Links to shots that they are in.

        sequence: Links to sequences that they are in, themselves or with a shot.

        episode: Links to episodes that they are in, themselves, with a sequence or with a shot.

        fields: Fields to return instead of `ASSET_FIELDS`.

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
        query.names("sg_asset_type", asset_type)
        query.names("sg_status_list", status)
        query.links("shots", shot, "Shot")
        query.links_by_any(_IN_SEQUENCE, sequence, "Sequence")
        query.links_by_any(_IN_EPISODE, episode, "Episode")
        return query.find(sg, "Asset", ASSET_FIELDS, fields, extra_fields, ["code", "id"])
