"""
Find pipeline steps.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.domain.arguments import LinksOrNames, Names, Row
from sgextended.domain.client_kinds import Finder
from sgextended.domain.search import Query
from sgextended.http.deadline import within

STEP_FIELDS = ("code", "short_name", "entity_type", "color", "list_order", "department")


def find_steps(
    sg: Finder,
    entity_type: Names = None,
    *,
    name: Names = None,
    department: LinksOrNames = None,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return pipeline steps, sorted by the site's list order.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity_type: Entity types for which the steps are used, such as ``"Shot"``.

        name: Names or short codes, or globs of either.

        department: Departments, as links or by name or short code.

        fields: Fields to return instead of `STEP_FIELDS`.

        extra_fields: Fields to return in addition.

        filters: Native conditions that the entities must also match.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type``, ``id`` and the fields.
    """
    with within(sg, timeout):
        query = Query(filters)
        query.names("entity_type", entity_type)
        query.globs_by_any(("code", "short_name"), name)
        query.links_or_names("department", "Department", ("name", "code"), department)
        return query.find(sg, "Step", STEP_FIELDS, fields, extra_fields, ["list_order", "id"])
