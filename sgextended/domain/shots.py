"""
Shots.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.domain.conditions import Finder, Links, Names, Query, Row
from sgextended.http.deadline import within

SHOT_FIELDS = ("code", "sg_sequence", "sg_status_list", "description", "sg_cut_in", "sg_cut_out", "project")


def find_shots(
    sg: Finder,
    project: Links = None,
    *,
    name: Names = None,
    shot_type: Names = None,
    sequence: Links = None,
    episode: Links = None,
    asset: Links = None,
    status: Names = None,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return shots, by name.

    Args:
        sg: Who is asked.

        project: Links to projects.

        name: Names or globs, such as ``"sh0*"``.

        shot_type: Values of ``sg_shot_type``.

        sequence: Links to sequences.

        episode: Links to episodes, which shots have through their sequences.

        asset: Links to assets that are in them.

        status: Short codes, such as ``"ip"``.

        fields: Fields to return instead of `SHOT_FIELDS`.

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
        query.names("sg_shot_type", shot_type)
        query.links("sg_sequence", sequence, "Sequence")
        query.links("sg_sequence.Sequence.episode", episode, "Episode")
        query.links("assets", asset, "Asset")
        query.names("sg_status_list", status)
        return query.find(sg, "Shot", SHOT_FIELDS, fields, extra_fields, ["code", "id"])
