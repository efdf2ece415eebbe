"""
Find sequences.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.domain.arguments import Links, Names, Order, Row
from sgextended.domain.client_kinds import Finder
from sgextended.domain.search import Query
from sgextended.http.deadline import within

SEQUENCE_FIELDS = ("code", "sg_status_list", "description", "episode", "project")


def find_sequences(
    sg: Finder,
    project: Links = None,
    *,
    name: Names = None,
    episode: Links = None,
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
    Return sequences, sorted by name.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        project: Links to projects.

        name: Names or globs.

        episode: Links to episodes.

        status: Short codes or names of statuses, such as ``"ip"``.

        archived: True returns only entities of archived projects, False leaves them out, None returns both. False does
            not leave out anything if a project or episode is given.

        fields: Fields to return instead of `SEQUENCE_FIELDS`: ``code``, ``sg_status_list``, ``description``,
            ``episode``, ``project``.

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
        query.links("episode", episode, "Episode")
        query.statuses("Sequence", status)
        return query.find(
            sg, "Sequence", SEQUENCE_FIELDS, fields, extra_fields, ["code", "id"], order=order, limit=limit
        )
