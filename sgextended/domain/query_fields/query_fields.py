"""
Query fields: the values that the web page shows for them, which the API reads as null.

A query field is a saved search with a summary: the open tasks of the shot at hand, the last version of an asset. Its
schema says what it asks; here it is asked, for many records at once. What it costs, for each field and 500 records:

- counts, sums, averages, least and most, shares and common statuses: one ``summarize``, grouped by the links that tell
  whose a row is. Fields that ask about the same rows share it. This holds for "any" groups, several places for the
  current entity, and the current project too.
- a single record, or several: two calls, one to learn which values of the column that it sorts by come first, and one
  find for the rows that have them, 500 at a time. Sorted by a link, a checkbox or a calculated field: one find of 500
  rows in that order, and another one with twice as many for the records that do not have theirs yet.
- conditions on what lies behind a list of links, such as ``notes.Note.tasks``: one find more.
- "any" of conditions that depend on the current entity and of others at the same time, and averages and ends of
  calculated fields by lists of links: one find for each alternative, of all the rows.

Beside these the schema of each type involved is read once in a call, and "Me" is looked up once.
"""

import itertools
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, Iterator, List, Optional

from sgextended.domain.arguments import Entity, Row, fields_of, is_id, rows_of
from sgextended.domain.limits import PAGE_SIZE
from sgextended.errors import InvalidArgumentError
from sgextended.http.deadline import within
from sgextended.lazy_import import lazy_module

if TYPE_CHECKING:
    from sgextended.domain.query_fields import query_field_reader
    from sgextended.domain.query_fields.compute import NotComputed
else:
    query_field_reader = lazy_module("sgextended.domain.query_fields.query_field_reader")

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
    Set the values of query fields in rows that were found before, and return the rows.

    What it costs stands at the head of this module. Where a row lacks a link that a dotted field passes, or a project
    that a field asks about, one find for all of them is added.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        rows: Dicts with ``type`` and ``id``, all of one type. They are changed.

        fields: Query fields of that type, dotted ones through links as well, such as
            ``"sg_sequence.Sequence.sg_shots_final"``. None: all of the type's own.

        user: Link to the person that "Me" stands for. None: the person for whom *sg* acts.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        The rows, as a list: *rows* itself if it is one. Numbers, dates, texts and links come as those of any other
        field; shares as whole percent, or as float where the field says so; a single record as the value of its field,
        or None; where the field shows several records, as a list. A dotted field whose link is empty is None. What
        cannot be worked out is a `NotComputed`.

    Raises:
        InvalidArgumentError: The rows are of several types, or a field is no query field.
    """
    rows = rows if isinstance(rows, list) else rows_of(rows)
    with within(sg, timeout):
        if not rows:
            return rows
        if any(not isinstance(row, dict) or "type" not in row or not is_id(row.get("id")) for row in rows):
            msg = "Rows must be dicts with 'type' and 'id', as find gives them."
            raise InvalidArgumentError(msg)
        types = {row["type"] for row in rows}
        if len(types) > 1:
            msg = f"Query fields are added to rows of one type at a time, not of {', '.join(sorted(types))}."
            raise InvalidArgumentError(msg)
        (entity_type,) = types
        asking = query_field_reader.Asking(sg, entity_type, user)
        if fields is None:
            wanted = asking.all_names()
        else:
            wanted = fields_of(fields)
            for name in wanted:
                if not asking.is_query_field(name):
                    msg = f"{entity_type}.{name} is no query field."
                    raise InvalidArgumentError(msg)
        asking.add(rows, wanted)
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
    Return all entities that match, as ``find``, with the values of the query fields among *fields*.

    This is for clients whose ``find`` knows no query fields, such as a plain ``Shotgun``; with an ``SGExtended`` it is
    ``sg.find(..., query_fields=True)``. The ``find`` of *sg* is what asks.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity_type: Type to search.

        filters: As ``find`` takes them; and so are the next ones up to *page*.

        fields: Fields to return, query fields and dotted ones through links among them.

        order: Fields to sort by, which cannot be query fields.

        filter_operator: ``"all"`` or ``"any"``.

        limit: How many to return; 0 is no limit.

        retired_only: Whether to search retired ones.

        page: Which page.

        user: Link to the person that "Me" stands for. None: the person for whom *sg* acts.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

        **newer: ``include_archived_projects`` and ``additional_filter_presets``, as ``find`` takes them.

    Returns:
        List of dicts; the values of query fields are as those of `add_query_fields`.
    """
    rest = (order, filter_operator, limit, retired_only, page)

    def search(asked: Optional[List[str]]) -> List[Row]:
        return sg.find(entity_type, filters, asked, *rest, **newer)  # type: ignore[no-any-return]

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
    Return what a search finds, with the values of the query fields among *fields*.

    Args:
        sg: Who is asked for them.

        entity_type: Type of what is found.

        fields: Fields to return, query fields among them.

        search: Finds the entities, with the fields that it is given.

        user: Link to the person that "Me" stands for. None: the person for whom *sg* acts.
    """
    asking = query_field_reader.Asking(sg, entity_type, user)
    plan = asking.plan(fields)
    return asking.finish(list(search(plan.asked)), plan)


def iter_with_query_fields(
    sg: Any,
    entity_type: str,
    fields: Optional[Iterable[str]],
    search: Callable[[Optional[List[str]]], Iterable[Row]],
) -> Iterator[Row]:
    """
    Return an iterator over what a search finds, as `with_query_fields`; they are worked out for 500 at a time.
    """
    asking = query_field_reader.Asking(sg, entity_type)
    plan = asking.plan(fields)
    rows = iter(search(plan.asked))
    while chunk := list(itertools.islice(rows, PAGE_SIZE)):
        yield from asking.finish(chunk, plan)


def __getattr__(name: str) -> Any:
    if name == "NotComputed":  # it is public here, and made by those who work out the values
        return lazy_module("sgextended.domain.query_fields.compute").NotComputed
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
