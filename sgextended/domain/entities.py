"""
Entities of any type: by their ids, exactly one, how many, in groups.
"""

from typing import TYPE_CHECKING, Any, Dict, Hashable, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from sgextended.client.native_client import NativeClient
from sgextended.client.transfers.parallel_parts import in_parallel
from sgextended.domain.bulk_writes import create_once_by
from sgextended.domain.conditions import (
    Entity,
    Finder,
    Query,
    Row,
    client_of,
    conditions_of,
    fields_of,
    is_id,
    rows_of,
    to_link,
    values_of,
)
from sgextended.errors import AmbiguousError, InvalidArgumentError, NotFoundError, ShotgunError
from sgextended.http.deadline import within
from sgextended.lazy_import import lazy_module
from sgextended.writes.reconcile import check_keys

if TYPE_CHECKING:
    from sgextended.writes import dry_run as plan
else:
    plan = lazy_module("sgextended.writes.dry_run")

#: Ids in one request: what a site returns in one page.
CHUNK = 500
WORKERS = 6

#: Data types of fields that a copy does not get unless they are named.
_NOT_COPIED = frozenset({"image", "multi_entity", "url", "url_template", "summary", "calculated", "pivot_column"})

_SHOWN = 10  # entities that an AmbiguousError holds


def find_by_ids(
    sg: Finder,
    entity_type: str,
    ids: Iterable[Union[int, Entity]],
    *,
    required: bool = False,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return entities by their ids, any number of them, in the order in which they are asked for.

    Args:
        sg: Who is asked. A wrapper or client of ours is asked for several chunks at the same time.

        entity_type: Their type.

        ids: Ids or links. One that is given twice comes twice.

        required: False leaves out what is not there, True raises then.

        fields: Fields to return; None: ``type`` and ``id`` alone.

        extra_fields: Fields to return beside them.

        filters: Native conditions that must hold as well.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        List of dicts with ``type``, ``id`` and the fields.

    Raises:
        NotFoundError: *required*, and some are not on the site, are retired, or do not match *filters*.

        InvalidArgumentError: An id is neither a number nor a link to that type; nothing was asked.
    """
    numbers = [_id_of(each, entity_type) for each in _several(ids)]
    wanted, conditions = fields_of(fields, extra_fields), conditions_of(filters)
    unique = list(dict.fromkeys(numbers))
    chunks = [unique[start : start + CHUNK] for start in range(0, len(unique), CHUNK)]

    def work(number: int, _stopped: Any = None) -> List[Row]:
        query = Query(conditions)
        query.numbers("id", chunks[number - 1])
        return query.find(sg, entity_type, wanted, None, (), ["id"])

    with within(sg, timeout):
        if len(chunks) > 1 and isinstance(client_of(sg), NativeClient):
            pages = in_parallel(work, len(chunks), WORKERS, lambda: None)
        else:
            pages = [work(number) for number in range(1, len(chunks) + 1)]
    found: Dict[int, Row] = {row["id"]: row for page in pages for row in page}
    missing = [number for number in unique if number not in found]
    if required and missing:
        some = ", ".join(map(str, missing[:_SHOWN]))
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        msg = (
            f"{len(missing)} of {len(unique)} entities of type {entity_type} were not found: {some}{more}. They are "
            "not on the site, are retired, or do not match the filters."
        )
        raise NotFoundError(msg)
    return [dict(found[number]) for number in numbers if number in found]


def get(
    sg: Finder,
    entity_type: str,
    which: Union[int, Entity, Sequence[Any]],
    *,
    fields: Optional[Iterable[str]] = None,
    timeout: Optional[float] = None,
) -> Row:
    """
    Return the one entity that is meant.

    Args:
        sg: Who is asked.

        entity_type: Its type.

        which: Its id, a link to it, or native conditions that hold for it alone.

        fields: Fields to return; None: ``type`` and ``id`` alone.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        Dict with ``type``, ``id`` and the fields.

    Raises:
        NotFoundError: There is none.

        AmbiguousError: There are several; ``found`` holds the first of them.

        InvalidArgumentError: *which* is none of these; nothing was asked.
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
        msg = f"One {entity_type} was asked for, and {many} have {_described(which)}: {ids}. Add conditions."
        raise AmbiguousError(msg, found=found[:_SHOWN])
    return found[0]


def count(sg: Finder, entity_type: str, filters: Sequence[Any] = (), *, timeout: Optional[float] = None) -> int:
    """
    Return how many entities match; the site counts.

    Args:
        sg: Who is asked.

        entity_type: Their type.

        filters: Native conditions.

        timeout: Seconds for all of it, waits included. None: the site's limits.
    """
    asked: Any = sg
    conditions = conditions_of(filters)
    with within(sg, timeout):
        if not hasattr(client_of(sg), "summarize"):  # a Mockgun
            return len(sg.find(entity_type, conditions))
        summary = asked.summarize(entity_type, conditions, [{"field": "id", "type": "count"}])
    return int(summary["summaries"]["id"])


def exists(
    sg: Finder,
    entity_type: str,
    which: Union[int, Entity, Sequence[Any]] = (),
    *,
    timeout: Optional[float] = None,
) -> bool:
    """
    Return whether there is such an entity.

    Args:
        sg: Who is asked.

        entity_type: Its type.

        which: Its id, a link to it, or native conditions.

        timeout: Seconds for all of it, waits included. None: the site's limits.
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
    Return the entity with these values; if there is none, it is created.

    Of several that do the same at once, all get the same entity: after a create it is looked again, and where there are
    several, the one with the lowest id stays, and who created another retires it.

    Args:
        sg: Who is asked.

        entity_type: Its type.

        key: The fields by which it is told from all others, such as ``{"project": show, "code": "sh010"}``.

        data: Fields that a new one gets as well; one that is there stays as it is.

        fields: Fields to return; None: those of *key*.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        Dict with ``type``, ``id`` and the fields.

    Raises:
        InvalidArgumentError: *key* is empty, or has a value by which no site can look; nothing was sent.

        OutcomeUnknown: Nobody knows whether it was created; the same again is right.
    """
    check_keys(entity_type, key, list(key))
    wanted = fields_of(fields, (), key)
    conditions = [[name, "is", value] for name, value in key.items()]
    order = [{"field_name": "id", "direction": "asc"}]

    def look() -> List[Row]:
        found = sg.find(entity_type, conditions, [*wanted, *key], order)
        # Sites compare texts without regard to case.
        same = [row for row in found if all(plan.is_same(row.get(name), value) for name, value in key.items())]
        return [{name: row.get(name) for name in ("type", "id", *wanted)} for row in same]

    with within(sg, timeout):
        found = look()
        if found:
            return found[0]
        try:
            made = create_once_by(sg, entity_type, {**(data or {}), **key}, key)
        except ShotgunError:  # of some types the site itself lets nobody create a second one
            found = look()
            if found:
                return found[0]
            raise
        found = look()
        if not found:  # retired by somebody meanwhile, or in a dry run
            return {name: made.get(name) for name in ("type", "id", *wanted)}
        if made["id"] > found[0]["id"]:
            sg.delete(entity_type, made["id"])
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
    Create a copy of an entity, and return it.

    Args:
        sg: Who is asked.

        entity: Link to it.

        data: Fields of the copy that are other than the original's, such as its ``code``.

        fields: Fields to copy. None: all that may be edited and have a value, but for files and images, and for lists
            of links: setting those often takes what is in them away from the original, as the tasks of a shot. Name
            the ones that are wanted.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        Dict with ``type``, ``id`` and the fields that were set.

    Raises:
        NotFoundError: There is no such entity.
    """
    link = to_link(entity)
    with within(sg, timeout):
        chosen = None if fields is None else fields_of(fields)
        if chosen is None:
            schema = sg.schema_field_read(link["type"])
            chosen = [name for name, field in schema.items() if _may_be_copied(name, field)]
        row = get(sg, link["type"], link, fields=chosen)
        copied = {name: row[name] for name in chosen if row.get(name) not in (None, [], "")}
        made: Row = sg.create(link["type"], {**copied, **(data or {})})
        return made


def _may_be_copied(name: str, field: Row) -> bool:
    is_own = name != "cached_display_name"  # the site makes it of the others
    return bool(is_own and field["editable"]["value"] and field["data_type"]["value"] not in _NOT_COPIED)


def group_by(_sg: Any, rows: Iterable[Row], field: str) -> List[Tuple[Any, List[Row]]]:
    """
    Return entities in groups with an equal value of a field, in the order in which the values come; asks nobody.

    Entities that a field links to several others stand in the group of each of them, such as tasks by
    ``task_assignees``. Where the list is empty, or there is no value, the group is None.

    Args:
        _sg: Not used; it makes this a method as well.

        rows: Entities with that field.

        field: Its name.

    Returns:
        Pairs of a value as it came and its entities.

    Raises:
        InvalidArgumentError: An entity was asked for without the field.
    """
    groups: Dict[Hashable, Tuple[Any, List[Row]]] = {}
    for row in rows_of(rows):
        if field not in row:
            msg = f"A {row.get('type')} comes without {field!r}, so it is in no group: ask for the field as well."
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
        msg = f"{which!r:.80} is neither an id nor conditions; a name is found by sg.resolve."
        raise InvalidArgumentError(msg)
    return Query(which)


def _several(ids: Any) -> List[Any]:
    values = values_of(ids)
    return [None] if values is None else values  # None is refused as an id


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
