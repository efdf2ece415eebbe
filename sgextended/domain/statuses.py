"""
Statuses: how they are called, their colors, and which ones a field offers in which order.
"""

from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

from sgextended.domain.conditions import Entity, Finder, Names, Query, Row, fields_of, to_link
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
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return the statuses that a field offers, in the order in which the web page offers them.

    Args:
        sg: Who is asked.

        entity_type: Type that has the field, such as ``"Task"``. None: all statuses of the site, by name.

        field: The field.

        project: Link to a project, whose hidden statuses are left out. None: none is hidden.

        code: Short codes, such as ``"ip"``.

        fields: Fields to return instead of `STATUS_FIELDS`.

        extra_fields: Fields to return beside them.

        filters: Native conditions that must hold as well.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        List of dicts with ``type``, ``id`` and the fields. ``name`` is what people see in that field,
        ``bg_color`` the color as ``"202,225,202"``. A status that the field offers and the site does not describe has
        None for all but ``code`` and ``name``.

    Raises:
        NotFoundError: The type has no such field of statuses.
    """
    with within(sg, timeout):
        query = Query(filters)
        query.names("code", code)
        where = () if project is None else (to_link(project, "project", ("Project",)),)
        wanted = fields_of(fields, extra_fields, STATUS_FIELDS)
        if entity_type is None or query.is_impossible:
            return query.find(sg, "Status", wanted, None, (), ["name", "id"])
        offered = _offered(sg, entity_type, field, where)
        described = {row["code"]: row for row in query.find(sg, "Status", wanted, None, ["code"], ["id"])}
        is_whole = code is None and not filters
    found = []
    for short_code, name in offered.items():
        row = described.get(short_code)
        if row is None and is_whole:
            row = {"type": "Status", "id": None, **dict.fromkeys(wanted), "name": short_code}
        if row is None:
            continue
        row.update(code=short_code, name=row.get("name") if name in (None, short_code) else name)
        found.append({key: value for key, value in row.items() if key in ("type", "id", *wanted)})
    return found


def _offered(sg: Any, entity_type: str, field: str, where: Tuple[Row, ...]) -> Dict[str, Optional[str]]:
    """
    Return the short codes that a field offers in their order, each with its name in that field.
    """
    schema = sg.schema_field_read(entity_type, field, *where)
    properties = schema.get(field, {}).get("properties", {})

    def value(name: str) -> Any:
        return properties.get(name, {}).get("value") or ()

    if not properties or "valid_values" not in properties:
        msg = f"{entity_type}.{field} is no field of statuses."
        raise NotFoundError(msg)
    names, hidden = dict(value("display_values")), set(value("hidden_values"))
    return {code: names.get(code) for code in value("valid_values") if code not in hidden}
