"""
Find shots.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.domain.arguments import Links, Names, Row
from sgextended.domain.client_kinds import Finder
from sgextended.domain.search import Query
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
    Return shots, sorted by name.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        project: Links to projects.

        name: Names or globs, such as ``"sh0*"``.

        shot_type: Values of ``sg_shot_type``.

        sequence: Links to sequences.

        episode: Links to episodes. A shot belongs to the episode of its sequence.

        asset: Links to assets that appear in the shots.

        status: Short codes of statuses, such as ``"ip"``.

        fields: Fields to return instead of `SHOT_FIELDS`.

        extra_fields: Fields to return in addition.

        filters: Native conditions that the entities must also match.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

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
