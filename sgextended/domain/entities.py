"""
Functions for entities of any type: find by ids, get one, count, ensure, copy, group.
"""

from typing import TYPE_CHECKING, Any, Dict, Hashable, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from sgextended.client.native_client import NativeClient
from sgextended.client.transfers.parallel_parts import in_parallel
from sgextended.domain.arguments import (
    Entity,
    Order,
    Row,
    conditions_of,
    fields_of,
    is_id,
    limit_of,
    may_be_copied,
    order_of,
    rows_of,
    to_link,
    values_of,
)
from sgextended.domain.client_kinds import Finder, can_summarize, client_of
from sgextended.domain.concurrent_creates import create_single
from sgextended.domain.limits import PAGE_SIZE, READ_THREADS
from sgextended.domain.search import Query
from sgextended.errors import AmbiguousError, InvalidArgumentError, NotFoundError
from sgextended.http.deadline import within
from sgextended.lazy_import import lazy_module
from sgextended.writes.reconcile import check_keys

if TYPE_CHECKING:
    from sgextended.writes import dry_run
else:
    dry_run = lazy_module("sgextended.writes.dry_run")

_SHOWN = 10  # maximum number of entities in an AmbiguousError


def find_by_ids(
    sg: Finder,
    entity_type: str,
    ids: Iterable[Union[int, Entity]],
    *,
    required: bool = False,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return entities by their ids, any number of them, in the order of *ids* unless *order* is given.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun). An SGExtended requests several pages of 500 at the same time.

        entity_type: The entity type.

        ids: Ids or links. An id that is given twice is returned twice.

        required: Whether to raise if an entity is not found. False: missing entities are left out.

        fields: Fields to return. None: only ``type`` and ``id``.

        extra_fields: Fields to return in addition.

        filters: Native conditions that the entities must also match.

        order: A native sort order, such as ``[{'field_name': 'created_at', 'direction': 'desc'}]``. It costs one find
            for all ids, which is not sent in parallel.

        limit: Maximum number of entities; 0: all.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type``, ``id`` and the fields.

    Raises:
        NotFoundError: *required* is True, and some entities do not exist, are retired, or do not match *filters*.

        InvalidArgumentError: An id is neither a whole number nor a link to that type. No request was sent.
    """
    numbers = [_id_of(each, entity_type) for each in _several(ids)]
    wanted, conditions = fields_of(fields, extra_fields), conditions_of(filters)
    unique = list(dict.fromkeys(numbers))
    most, _sorts = limit_of(limit), order_of(order)
    size = PAGE_SIZE if order is None else max(len(unique), 1)  # only the site can sort by any field
    chunks = [unique[start : start + size] for start in range(0, len(unique), size)]

    def find_chunk(number: int, _stopped: Any = None) -> List[Row]:
        query = Query(conditions)
        query.numbers("id", chunks[number - 1])
        return query.find(sg, entity_type, wanted, None, (), ["id"], order=order)

    with within(sg, timeout):
        if len(chunks) > 1 and isinstance(client_of(sg), NativeClient):
            pages = in_parallel(find_chunk, len(chunks), READ_THREADS, lambda: None)
        else:
            pages = [find_chunk(number) for number in range(1, len(chunks) + 1)]
    found: Dict[int, Row] = {row["id"]: row for page in pages for row in page}
    missing = [number for number in unique if number not in found]
    if required and missing:
        some = ", ".join(map(str, missing[:_SHOWN]))
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        msg = (
            f"{len(missing)} of {len(unique)} entities of type {entity_type} were not found: {some}{more}. They do "
            "not exist, are retired, or do not match the filters. Pass required=False to leave them out."
        )
        raise NotFoundError(msg)
    if order is not None:
        places = {number: place for place, number in enumerate(found)}
        numbers.sort(key=lambda number: places.get(number, 0))
    return [dict(found[number]) for number in numbers if number in found][: most or None]


def get(
    sg: Finder,
    entity_type: str,
    which: Union[int, Entity, Sequence[Any]],
    *,
    fields: Optional[Iterable[str]] = None,
    timeout: Optional[float] = None,
) -> Row:
    """
    Return exactly one entity.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity_type: The entity type.

        which: The id, a link, or native conditions that only this entity matches.

        fields: Fields to return. None: only ``type`` and ``id``.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        Dict with ``type``, ``id`` and the fields.

    Raises:
        NotFoundError: No entity matches.

        AmbiguousError: Several entities match. ``found`` contains the first ones, lowest ids first.

        InvalidArgumentError: *which* is neither an id, a link nor conditions. No request was sent.
    """
    query = _which(entity_type, which)
    with within(sg, timeout):
        found = query.find(sg, entity_type, (), fields, (), ["id"], limit=_SHOWN + 1)
    if not found:
        msg = f"There is no {entity_type} with {_described(which)}, or it is retired."
        raise NotFoundError(msg)
    if len(found) > 1:
        ids = ", ".join(str(row["id"]) for row in found[:_SHOWN])
        many = f"more than {_SHOWN}" if len(found) > _SHOWN else str(len(found))
        msg = f"Exactly one {entity_type} was expected, but {many} have {_described(which)}: {ids}. Add conditions."
        raise AmbiguousError(msg, found=found[:_SHOWN])
    return found[0]


def count(sg: Finder, entity_type: str, filters: Sequence[Any] = (), *, timeout: Optional[float] = None) -> int:
    """
    Return the number of entities that match; the site counts them.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity_type: The entity type.

        filters: Native conditions. Empty: all entities of the type.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.
    """
    client: Any = sg
    conditions = conditions_of(filters)
    with within(sg, timeout):
        if not can_summarize(sg):  # a Mockgun
            return len(sg.find(entity_type, conditions))
        summary = client.summarize(entity_type, conditions, [{"field": "id", "type": "count"}])
    return int(summary["summaries"]["id"])


def exists(
    sg: Finder,
    entity_type: str,
    which: Union[int, Entity, Sequence[Any]] = (),
    *,
    timeout: Optional[float] = None,
) -> bool:
    """
    Return whether at least one entity matches.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity_type: The entity type.

        which: An id, a link, or native conditions. Empty: any entity of the type.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.
    """
    query = _which(entity_type, which)
    with within(sg, timeout):
        return bool(query.find(sg, entity_type, (), None, (), ["id"], limit=1))


def ensure(
    sg: Any,
    entity_type: str,
    key: Row,
    *,
    data: Optional[Row] = None,
    fields: Optional[Iterable[str]] = None,
    timeout: Optional[float] = None,
) -> Row:
    """
    Return the entity with these values; create it if it does not exist.

    Concurrent calls return the same entity: after creating, each caller searches again. The entity with the lowest id
    is kept, and the callers that created the others retire them. If several entities exist already, the one with the
    lowest id is returned, and none is retired.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity_type: The entity type.

        key: Fields and values that identify the entity, such as ``{"project": show, "code": "sh010"}``.

        data: Further fields of a new entity. An existing entity is not changed.

        fields: Fields to return. None: those of *key*.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        Dict with ``type``, ``id`` and the fields.

    Raises:
        InvalidArgumentError: *key* is empty, or has a value that a site cannot search for. Nothing was sent.

        OutcomeUnknown: The entity may or may not have been created. It is safe to call again.
    """
    check_keys(entity_type, key, list(key))
    wanted = fields_of(fields, (), key)
    conditions = [[name, "is", value] for name, value in key.items()]
    order = [{"field_name": "id", "direction": "asc"}]

    def search() -> List[Row]:
        found = sg.find(entity_type, conditions, [*wanted, *key], order)
        # A site ignores case in text, so compare again here.
        same = [row for row in found if all(dry_run.is_same(row.get(name), value) for name, value in key.items())]
        return [{name: row.get(name) for name in ("type", "id", *wanted)} for row in same]

    with within(sg, timeout):
        found = search()
        if found:
            return found[0]
        made, found = create_single(sg, entity_type, key, {**(data or {}), **key}, search)
        if made is not None and not found:  # this is a dry run, or the site stores another value
            return {name: made.get(name) for name in ("type", "id", *wanted)}
        return found[0]


def copy_entity(
    sg: Any,
    entity: Entity,
    data: Optional[Row] = None,
    *,
    fields: Optional[Iterable[str]] = None,
    timeout: Optional[float] = None,
) -> Row:
    """
    Create a copy of an entity, and return the copy.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity: Link to the entity to copy.

        data: Fields of the copy that differ from the original, such as ``code``.

        fields: Fields to copy. None: all editable fields that have a value, except files, images and lists of links.
            Setting a list of links often removes the linked entities from the original, such as the tasks of a shot.
            Name such fields here to copy them.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        Dict with ``type``, ``id`` and the fields that were set.

    Raises:
        NotFoundError: The entity does not exist or is retired.
    """
    link = to_link(entity)
    with within(sg, timeout):
        chosen = None if fields is None else fields_of(fields)
        if chosen is None:
            schema = sg.schema_field_read(link["type"])
            chosen = [name for name, field in schema.items() if may_be_copied(name, field)]
        row = get(sg, link["type"], link, fields=chosen)
        copied = {name: row[name] for name in chosen if row.get(name) not in (None, [], "")}
        made: Row = sg.create(link["type"], {**copied, **(data or {})})
        return made


def group_by(_sg: Any, rows: Iterable[Row], field: str) -> List[Tuple[Any, List[Row]]]:
    """
    Group entities by the value of a field. No request is sent.

    If the field is a list of links, such as ``task_assignees``, an entity is in the group of each link. Entities with
    an empty list or no value are in the group None.

    Args:
        _sg: Not used; the parameter lets the function be a method as well.

        rows: Entities that have the field.

        field: The name of the field.

    Returns:
        Pairs of a value, as in the rows, and the list of its entities, in the order in which the values first occur.

    Raises:
        InvalidArgumentError: An entity lacks the field.
    """
    groups: Dict[Hashable, Tuple[Any, List[Row]]] = {}
    for row in rows_of(rows):
        if field not in row:
            msg = (
                f"A row of type {row.get('type')} lacks the field {field!r}, so it cannot be grouped. Request the "
                "field in find as well."
            )
            raise InvalidArgumentError(msg)
        value = row[field]
        values = (value or [None]) if isinstance(value, list) else [value]
        for each in {_key(each): each for each in values}.values():
            groups.setdefault(_key(each), (each, []))[1].append(row)
    return list(groups.values())


def _key(value: Any) -> Hashable:
    if isinstance(value, Mapping):
        return (value["type"], value["id"]) if "id" in value else repr(sorted(value.items()))
    return value if isinstance(value, Hashable) else repr(value)


def _which(entity_type: str, which: Any) -> Query:
    if isinstance(which, (int, Mapping)):
        query = Query()
        query.numbers("id", _id_of(which, entity_type))
        return query
    if which is None or isinstance(which, str):
        msg = (
            f"{which!r:.80} is neither an id, a link nor conditions. No request was sent. Use sg.resolve to find an "
            "entity by name."
        )
        raise InvalidArgumentError(msg)
    return Query(which)


def _several(ids: Any) -> List[Any]:
    values = values_of(ids)
    return [None] if values is None else values  # None raises as an invalid id


def _id_of(each: Any, entity_type: str) -> int:
    if is_id(each):
        return int(each)
    if isinstance(each, Mapping):
        link = to_link(each)
        if link["type"] == entity_type:
            return int(link["id"])
    msg = f"The id of a {entity_type} must be a number or a link to one, not {each!r:.80}."
    raise InvalidArgumentError(msg)


def _described(which: Any) -> str:
    if isinstance(which, Mapping):
        return f"the id {which['id']}"
    return f"the id {which}" if isinstance(which, int) else f"{list(which)!r:.200}"
