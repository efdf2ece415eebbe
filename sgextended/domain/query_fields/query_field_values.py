"""
Return the values of query fields, as the web page shows them. The API itself returns None for them.

A query field is a saved search with a summary, such as the open tasks of a shot or the last version of an asset. Its
definition is in the schema. Here it is computed for many entities at once. Each field costs, for 500 entities:

- Counts, sums, averages, minima, maxima, percentages and common statuses: one ``summarize``, grouped by the links that
  identify the owner of a row. Fields with the same filter share it. This also covers "any" groups, several conditions
  on the current entity, and the current project.
- A single record, or several: two calls. The first finds the leading values of the sort column; the second is a find
  for the rows with these values, 500 at a time. Sorted by a link, a checkbox or a calculated field: one find of 500
  rows in that order, and another find with twice as many for the entities that still lack their rows.
- Conditions behind a list of links, such as ``notes.Note.tasks``: one more find.
- Each alternative of an "any" group that mixes conditions on the current entity with others: one find of all rows.
  The same applies to averages, minima and maxima of calculated fields through lists of links.

In addition, the schema of each entity type is read once in a call, and "Me" is looked up once.
"""

import itertools
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, Iterator, List, Optional

from sgextended.domain.arguments import Entity, Row, fields_of, is_id, rows_of
from sgextended.domain.limits import PAGE_SIZE
from sgextended.errors import InvalidArgumentError
from sgextended.http.deadline import within
from sgextended.lazy_import import lazy_module

if TYPE_CHECKING:
    from sgextended.domain.query_fields import query_field_plan
    from sgextended.domain.query_fields.compute import NotComputed
else:
    query_field_plan = lazy_module("sgextended.domain.query_fields.query_field_plan")

__all__ = ["NotComputed", "add_query_fields", "find_with_query_fields", "iter_with_query_fields", "with_query_fields"]


def add_query_fields(
    sg: Any,
    rows: Iterable[Row],
    fields: Optional[Iterable[str]] = None,
    *,
    user: Optional[Entity] = None,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Set the values of query fields in rows of an earlier find, and return the rows.

    The docstring of this module lists the costs. If a row lacks a link that a dotted field passes through, or a project
    that a field refers to, one more find for all rows is sent.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        rows: Dicts with ``type`` and ``id``, all of one type. They are changed in place.

        fields: Query fields of that type, also dotted ones through links, such as
            ``"sg_sequence.Sequence.sg_shots_final"``. None: all query fields of the type.

        user: Link to the person for whom "Me" stands. None: the current user.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        The rows as a list; *rows* itself if it is a list. Numbers, dates, texts and links are as in other fields.
        Percentages are whole numbers, or floats if the field is defined so. A single record is the value of its field,
        or None; several records are a list of values. A dotted field with an empty link is None. A value that cannot be
        computed is a `NotComputed`.

    Raises:
        InvalidArgumentError: The rows are of several types, or a field is not a query field.
    """
    rows = rows if isinstance(rows, list) else rows_of(rows)
    with within(sg, timeout):
        if not rows:
            return rows
        if any(not isinstance(row, dict) or "type" not in row or not is_id(row.get("id")) for row in rows):
            msg = "Rows must be dicts with 'type' and 'id', as find returns them."
            raise InvalidArgumentError(msg)
        types = {row["type"] for row in rows}
        if len(types) > 1:
            msg = (
                f"The rows are of several types ({', '.join(sorted(types))}), but must be of one type. Call it once "
                "for each type."
            )
            raise InvalidArgumentError(msg)
        (entity_type,) = types
        reader = query_field_plan.QueryFieldReader(sg, entity_type, user)
        if fields is None:
            wanted = reader.all_names()
        else:
            wanted = fields_of(fields)
            for name in wanted:
                if not reader.is_query_field(name):
                    msg = f"{entity_type}.{name} is not a query field that can be computed here. No values were set."
                    raise InvalidArgumentError(msg)
        reader.add(rows, wanted)
        return rows


def find_with_query_fields(
    sg: Any,
    entity_type: str,
    filters: Any,
    fields: Optional[Iterable[str]] = None,
    order: Optional[List[Dict[str, str]]] = None,
    filter_operator: Optional[str] = None,
    limit: int = 0,
    retired_only: bool = False,
    page: int = 0,
    *,
    user: Optional[Entity] = None,
    timeout: Optional[float] = None,
    **newer: Any,
) -> List[Row]:
    """
    Return all entities that match, like ``find``, with the values of the query fields among *fields*.

    Use it with clients that do not compute query fields, such as a plain ``Shotgun``. With an ``SGExtended``, use
    ``sg.find(..., query_fields=True)``. The function calls the ``find`` of *sg*.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity_type: Type to search.

        filters: Native conditions, as for ``find``; the arguments up to *page* are also those of ``find``.

        fields: Fields to return, including query fields and dotted fields through links.

        order: Fields to sort by; query fields are not possible.

        filter_operator: ``"all"`` or ``"any"`` of the conditions.

        limit: Maximum number of entities; 0: no limit.

        retired_only: Whether to return retired entities instead.

        page: Number of the page to return, from 1; 0: all pages.

        user: Link to the person for whom "Me" stands. None: the current user.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

        **newer: ``include_archived_projects`` and ``additional_filter_presets``, as for ``find``.

    Returns:
        List of dicts. The values of query fields are as in `add_query_fields`.
    """
    rest = (order, filter_operator, limit, retired_only, page)

    def search(requested: Optional[List[str]]) -> List[Row]:
        return sg.find(entity_type, filters, requested, *rest, **newer)  # type: ignore[no-any-return]

    with within(sg, timeout):
        return with_query_fields(sg, entity_type, fields, search, user)


def with_query_fields(
    sg: Any,
    entity_type: str,
    fields: Optional[Iterable[str]],
    search: Callable[[Optional[List[str]]], Iterable[Row]],
    user: Optional[Entity] = None,
) -> List[Row]:
    """
    Return the entities that a search finds, with the values of the query fields among *fields*.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun) for the requests of query fields.

        entity_type: Type of the entities.

        fields: Fields to return, including query fields.

        search: A function that finds the entities with the given fields.

        user: Link to the person for whom "Me" stands. None: the current user.
    """
    reader = query_field_plan.QueryFieldReader(sg, entity_type, user)
    plan = reader.plan(fields)
    return reader.finish(list(search(plan.requested)), plan)


def iter_with_query_fields(
    sg: Any,
    entity_type: str,
    fields: Optional[Iterable[str]],
    search: Callable[[Optional[List[str]]], Iterable[Row]],
) -> Iterator[Row]:
    """
    Yield the entities that a search finds, as `with_query_fields`. Query fields are computed for 500 entities at a
    time.
    """
    reader = query_field_plan.QueryFieldReader(sg, entity_type)
    plan = reader.plan(fields)
    rows = iter(search(plan.requested))
    while chunk := list(itertools.islice(rows, PAGE_SIZE)):
        yield from reader.finish(chunk, plan)


def __getattr__(name: str) -> Any:
    if name == "NotComputed":  # public in this module, but defined in compute, which is imported lazily
        return lazy_module("sgextended.domain.query_fields.compute").NotComputed
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
