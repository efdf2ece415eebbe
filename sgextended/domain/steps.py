"""
Find pipeline steps.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.domain.arguments import LinksOrNames, Names, Order, Row
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
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return pipeline steps, sorted by the site's list order.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity_type: Entity types for which the steps are used, such as ``"Shot"``.

        name: Names or short codes, or globs of either.

        department: Departments, as links or by name or short code.

        fields: Fields to return instead of `STEP_FIELDS`: ``code``, ``short_name``, ``entity_type``, ``color``,
            ``list_order``, ``department``.

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
        query.entity_types("entity_type", entity_type)
        query.globs_by_any(("code", "short_name"), name)
        query.links_or_names("department", "Department", ("name", "code"), department)
        return query.find(sg, "Step", STEP_FIELDS, fields, extra_fields, ["list_order", "id"], order=order, limit=limit)
