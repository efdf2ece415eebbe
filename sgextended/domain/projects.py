"""
Projects.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.domain.conditions import PEOPLE, Finder, Ids, Links, Names, Query, Row
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
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return projects, by name. The active ones have the status ``"Active"``.

    Args:
        sg: Who is asked.

        name: Names or globs.

        ids: Their ids.

        tank_name: Names that the Toolkit has for them on disk.

        status: Values of ``sg_status``, such as ``"Active"``.

        user: Links to people who are on them.

        archived: False leaves archived projects out, True returns only those, None both.

        is_template: False leaves template projects out, True returns only those, None both.

        fields: Fields to return instead of `PROJECT_FIELDS`.

        extra_fields: Fields to return beside them.

        filters: Native conditions that must hold as well.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        List of dicts with ``type``, ``id`` and the fields.
    """
    with within(sg, timeout):
        query = Query(filters)
        query.globs("name", name)
        query.numbers("id", ids)
        query.names("tank_name", tank_name)
        query.names("sg_status", status)
        query.links("users", user, *PEOPLE)
        query.flag("archived", archived)
        query.flag("is_template", is_template)
        return query.find(sg, "Project", PROJECT_FIELDS, fields, extra_fields, ["name", "id"])
