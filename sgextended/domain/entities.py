"""
Entities of any type: by their ids, exactly one, how many, in groups.
"""

from typing import Any, Dict, Hashable, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from sgextended.deadline import within
from sgextended.domain.query import (
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
from sgextended.errors import AmbiguousError, FilterError, NotFoundError
from sgextended.native import NativeClient
from sgextended.parallel import in_parallel

#: Ids in one request: what a site returns in one page.
CHUNK = 500
WORKERS = 6

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

        FilterError: An id is neither a number nor a link to that type; nothing was asked.
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

        FilterError: *which* is none of these; nothing was asked.
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
        FilterError: An entity was asked for without the field.
    """
    groups: Dict[Hashable, Tuple[Any, List[Row]]] = {}
    for row in rows_of(rows):
        if field not in row:
            msg = f"A {row.get('type')} comes without {field!r}, so it is in no group: ask for the field as well."
            raise FilterError(msg)
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
        raise FilterError(msg)
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
    raise FilterError(msg)


def _described(which: Any) -> str:
    if isinstance(which, Mapping):
        return f"the id {which['id']}"
    return f"the id {which}" if isinstance(which, int) else f"{list(which)!r:.200}"
