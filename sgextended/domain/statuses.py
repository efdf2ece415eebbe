"""
Find statuses: their names and colors, and which statuses a field offers, in which order.
"""

from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

from sgextended.domain.arguments import Entity, Names, Order, Row, fields_of, limit_of, order_of, to_link
from sgextended.domain.client_kinds import Finder
from sgextended.domain.search import Query
from sgextended.errors import NotFoundError
from sgextended.http.deadline import within

STATUS_FIELDS = ("code", "name", "bg_color")


def find_statuses(
    sg: Finder,
    entity_type: Optional[str] = None,
    *,
    field: str = "sg_status_list",
    project: Optional[Entity] = None,
    code: Names = None,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return the statuses that a field offers, in the order in which the web page offers them.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity_type: Entity type with the field, such as ``"Task"``. None: all statuses of the site, sorted by name.

        field: The name of the field.

        project: Link to a project. Statuses that the project hides are left out. None: statuses are not left out.

        code: Short codes of statuses, such as ``"ip"``.

        fields: Fields to return instead of `STATUS_FIELDS`: ``code``, ``name``, ``bg_color``.

        extra_fields: Fields to return in addition.

        filters: Native conditions that the entities must also match.

        order: A native sort order to use instead, such as ``[{'field_name': 'created_at', 'direction': 'desc'}]``.

        limit: Maximum number of entities; 0: all.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type``, ``id`` and the fields. ``name`` is the name that the web page
        shows in this field; ``bg_color`` is the color as text, such as ``"202,225,202"``. If the field offers a status
        that the site has no Status entity for, all fields except ``code`` and ``name`` are None.

    Raises:
        NotFoundError: The entity type has no status field of that name.
    """
    with within(sg, timeout):
        query = Query(filters)
        query.names("code", code)
        most, _sorts = limit_of(limit), order_of(order)
        projects = () if project is None else (to_link(project, "project", ("Project",)),)
        wanted = fields_of(fields, extra_fields, STATUS_FIELDS)
        if entity_type is None or query.is_impossible:
            return query.find(sg, "Status", wanted, None, (), ["name", "id"], order=order, limit=limit)
        offered = _offered(sg, entity_type, field, projects)
        rows = query.find(sg, "Status", wanted, None, ["code"], ["id"], order=order)
        described = {row["code"]: row for row in rows}
        if order is not None:  # statuses without an entity come last
            offered = {**{code: offered[code] for code in described if code in offered}, **offered}
        is_unfiltered = code is None and not filters
    found = []
    for short_code, name in offered.items():
        row = described.get(short_code)
        if row is None and is_unfiltered:
            row = {"type": "Status", "id": None, **dict.fromkeys(wanted), "name": short_code}
        if row is None:
            continue
        row.update(code=short_code, name=row.get("name") if name in (None, short_code) else name)
        found.append({key: value for key, value in row.items() if key in ("type", "id", *wanted)})
    return found[: most or None]


def _offered(sg: Any, entity_type: str, field: str, projects: Tuple[Row, ...]) -> Dict[str, Optional[str]]:
    """
    Return the short codes that a field offers, in the field's order, each with its name in that field (or None).
    """
    schema = sg.schema_field_read(entity_type, field, *projects)
    properties = schema.get(field, {}).get("properties", {})

    def value(name: str) -> Any:
        return properties.get(name, {}).get("value") or ()

    if not properties or "valid_values" not in properties:
        msg = (
            f"{entity_type}.{field} offers no statuses: the entity type has no such field, or the field is of another "
            "type. Check the name with sg.schema_field_read."
        )
        raise NotFoundError(msg)
    names, hidden = dict(value("display_values")), set(value("hidden_values"))
    return {code: names.get(code) for code in value("valid_values") if code not in hidden}
