"""
Find projects.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.domain.arguments import PEOPLE, Ids, Links, Names, Order, Row
from sgextended.domain.client_kinds import Finder
from sgextended.domain.search import Query
from sgextended.http.deadline import within

PROJECT_FIELDS = ("name", "tank_name", "sg_status", "sg_type", "archived")


def find_projects(
    sg: Finder,
    name: Names = None,
    *,
    ids: Ids = None,
    tank_name: Names = None,
    status: Names = None,
    user: Links = None,
    archived: Optional[bool] = False,
    is_template: Optional[bool] = None,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return projects, sorted by name. Active projects have the status ``"Active"``.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        name: Names or globs.

        ids: Ids of projects.

        tank_name: Folder names on disk, as Toolkit uses them.

        status: Values of ``sg_status``, such as ``"Active"``.

        user: Links to people who are assigned to the projects.

        archived: True returns only archived projects, False only other projects, None both.

        is_template: True returns only template projects, False only other projects, None both.

        fields: Fields to return instead of `PROJECT_FIELDS`: ``name``, ``tank_name``, ``sg_status``, ``sg_type``,
            ``archived``.

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
        query.globs("name", name)
        query.numbers("id", ids)
        query.names("tank_name", tank_name)
        query.list_values("Project", "sg_status", status)
        query.links("users", user, *PEOPLE)
        query.flag("archived", archived)
        query.flag("is_template", is_template)
        return query.find(sg, "Project", PROJECT_FIELDS, fields, extra_fields, ["name", "id"], order=order, limit=limit)
