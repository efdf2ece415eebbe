"""
Types of the arguments that the functions of the domain share, and their validation before a request is sent.
"""

import datetime as dt
import numbers
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union
from urllib.parse import parse_qs, urlsplit

from sgextended.errors import InvalidArgumentError
from sgextended.site_address import host_of

if TYPE_CHECKING:
    from os import PathLike

Entity = Mapping[str, Any]
Row = Dict[str, Any]
#: One value, or several of which any may match, or None for no restriction.
Names = Union[str, Iterable[str], None]
Links = Union[Entity, Iterable[Entity], None]
#: Links that are required: None raises InvalidArgumentError.
SomeLinks = Union[Entity, Iterable[Entity]]
#: Links, or names of the linked entities.
LinksOrNames = Union[str, Entity, Iterable[Union[str, Entity]], None]
Ids = Union[int, Iterable[int], None]
#: A day, as ``"YYYY-MM-DD"`` or a date, or None for no restriction.
Day = Union[str, dt.date, None]
FilePath = Union[str, "PathLike[str]"]
#: A sort order as the native ``find`` takes it, or None for the default order of the function.
Order = Optional[Sequence[Mapping[str, str]]]

#: Types of authors and artists.
PEOPLE = ("HumanUser", "ApiUser", "ClientUser")
#: Types to which tasks and notes can be assigned or addressed.
ASSIGNEES = (*PEOPLE, "Group")

# Not compiled here, because that would slow down the import; re caches compiled patterns.
_DETAIL = r"/detail/(\w+)/(\d+)\b"
_SELECTED = r"([A-Z][A-Za-z0-9]*)_(\d+)(?:_|$)"
_PAGE = r"/page/(\d+)\b"


def values_of(wanted: Any) -> Optional[List[Any]]:
    """
    Return one value, or any iterable of values, as a list; None stays None.
    """
    if wanted is None:
        return None
    if isinstance(wanted, Iterable) and not isinstance(wanted, (str, bytes, Mapping)):
        return list(wanted)
    return [wanted]


def rows_of(rows: Any) -> List[Any]:
    """
    Return one row, or any iterable of rows, as a list.

    Raises:
        InvalidArgumentError: A row is not a dict, or *rows* is None.
    """
    found = [None] if rows is None else values_of(rows) or []
    for row in found:
        if not isinstance(row, Mapping):
            msg = f"Rows must be dicts with 'type' and 'id', as find returns them, not {row!r:.80}."
            raise InvalidArgumentError(msg)
    return found


def is_id(value: Any) -> bool:
    """
    Return whether a value can be an id: any whole number, including those of NumPy, but not a bool.
    """
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def to_link(entity: Any, argument: str = "entity", types: Sequence[str] = ()) -> Dict[str, Any]:
    """
    Return the link to an entity: a dict with only its ``type`` and ``id``.

    Args:
        entity: Any dict with both keys, such as a row from ``find``.

        argument: The name of the argument, for error messages.

        types: The allowed entity types. Empty: any type.

    Raises:
        InvalidArgumentError: *entity* is not such a dict, or its type is not allowed.
    """
    if not isinstance(entity, Mapping) or not isinstance(entity.get("type"), str) or not is_id(entity.get("id")):
        msg = (
            f"{argument} must be a dict with 'type' and 'id', such as {{'type': {types[0] if types else 'Shot'!r}, "
            f"'id': 12}}, not {entity!r:.80}."
        )
        raise InvalidArgumentError(msg)
    if types and entity["type"] not in types:
        msg = f"{argument} must be of the type {' or '.join(types)}, and {entity['type']} {entity['id']} is not."
        raise InvalidArgumentError(msg)
    return {"type": entity["type"], "id": int(entity["id"])}


def ids_of(links: SomeLinks, argument: str, entity_type: str) -> List[int]:
    """
    Return the ids of links of one type. An empty collection is allowed.

    Raises:
        InvalidArgumentError: A value is not a link of that type, or *links* is None.
    """
    values = values_of(links)
    return [to_link(value, argument, (entity_type,))["id"] for value in ([None] if values is None else values)]


def texts_of(wanted: Names, argument: str) -> Optional[List[str]]:
    """
    Return one text, or any iterable of texts, as a list; None stays None.

    Raises:
        InvalidArgumentError: A value is not text.
    """
    values = values_of(wanted)
    for value in values or ():
        if not isinstance(value, str):
            msg = f"{argument} must be text, or several texts, not {value!r:.80}."
            raise InvalidArgumentError(msg)
    return values


def check_text(value: Optional[str], argument: str) -> None:
    """
    Raise InvalidArgumentError if a value is neither text nor None.
    """
    if value is not None and not isinstance(value, str):
        msg = f"{argument} must be text, not {value!r:.80}."
        raise InvalidArgumentError(msg)


def optional_bool(wanted: Optional[bool], argument: str) -> Optional[bool]:
    """
    Return the value of an optional flag.

    Raises:
        InvalidArgumentError: The value is not True, False or None.
    """
    if wanted is not None and not isinstance(wanted, bool):
        msg = f"{argument} must be True, False or None, not {wanted!r:.80}."
        raise InvalidArgumentError(msg)
    return wanted


def to_day(day: Union[str, dt.date]) -> dt.date:
    """
    Return a day as a date.

    Args:
        day: A date, a datetime, or text as ``"YYYY-MM-DD"``.

    Raises:
        InvalidArgumentError: The value is not a valid day.
    """
    if isinstance(day, dt.datetime):
        return day.date()
    if isinstance(day, dt.date):
        return day
    try:
        return dt.date.fromisoformat(day)
    except (TypeError, ValueError):
        msg = f"A day must be a date, or text such as '2026-03-10', not {day!r:.80}."
        raise InvalidArgumentError(msg) from None


def existing_file(path: FilePath) -> Path:
    """
    Return the absolute path of a file to upload; ``~`` is expanded.

    Raises:
        InvalidArgumentError: The file does not exist, is not a file, or is empty.
    """
    found = Path(os.fsdecode(path)).expanduser().absolute()
    if not found.is_file():
        msg = f"{os.fsdecode(path)!r} is not an existing file. Nothing was sent. Check the path."
        raise InvalidArgumentError(msg)
    if not found.stat().st_size:
        msg = f"{os.fsdecode(path)!r} is empty, and a site does not accept empty files. Nothing was sent."
        raise InvalidArgumentError(msg)
    return found


def fields_of(
    fields: Optional[Iterable[str]], extra_fields: Optional[Iterable[str]] = (), default: Iterable[str] = ()
) -> List[str]:
    """
    Return the fields to request, each once: *fields* or else *default*, then *extra_fields*. A text is one field.

    Raises:
        InvalidArgumentError: A field is not text.
    """
    chosen = default if fields is None else values_of(fields)
    wanted = [*(chosen or ()), *(values_of(extra_fields) or ())]
    for field in wanted:
        if not isinstance(field, str):
            msg = f"A field must be text such as 'code', not {field!r:.80}."
            raise InvalidArgumentError(msg)
    return list(dict.fromkeys(wanted))


def conditions_of(filters: Optional[Iterable[Any]]) -> List[Any]:
    """
    Return native conditions as a list. None becomes an empty list, and a single group a list of one.

    Raises:
        InvalidArgumentError: A value is neither a condition nor a group of conditions.
    """
    if filters is None:
        return []
    conditions = [filters] if isinstance(filters, Mapping) else values_of(filters) or []
    for each in conditions:
        if not _is_condition(each):
            msg = (
                "filters must be a list of native conditions, such as [['code', 'is', 'sh010']], or of groups of them; "
                f"{each!r:.80} is neither."
            )
            raise InvalidArgumentError(msg)
    return conditions


def order_of(order: Order, default: Iterable[str] = ()) -> List[Dict[str, str]]:
    """
    Return a native sort order; if *order* is None, one by the fields of *default*. A ``-`` in front of a default field
    means descending.

    Raises:
        InvalidArgumentError: *order* is not a list of dicts with ``field_name``.
    """
    if order is None:
        return [
            {"field_name": field.lstrip("-"), "direction": "desc" if field.startswith("-") else "asc"}
            for field in default
        ]
    sorts: List[Any] = [None] if isinstance(order, (str, Mapping)) else values_of(order) or []
    for sort in sorts:
        if not isinstance(sort, Mapping) or not isinstance(sort.get("field_name", sort.get("column")), str):
            msg = (
                "order must be a list as in find, such as [{'field_name': 'code', 'direction': 'desc'}], not "
                f"{order!r:.80}. No request was sent."
            )
            raise InvalidArgumentError(msg)
    return [dict(sort) for sort in sorts]


def limit_of(limit: Optional[int]) -> int:
    """
    Return the maximum number of entities; 0 means all.

    Raises:
        InvalidArgumentError: *limit* is not a whole number of at least 0.
    """
    if limit is None:
        return 0
    if not is_id(limit) or limit < 0:
        msg = f"limit={limit!r:.80} is not a whole number of at least 0. No request was sent. 0 returns all entities."
        raise InvalidArgumentError(msg)
    return int(limit)


def _is_condition(each: Any) -> bool:
    if isinstance(each, Mapping):
        return "filters" in each
    return isinstance(each, (list, tuple)) and len(each) > 2 and all(isinstance(part, str) for part in each[:2])


# --- Fields to copy

#: Data types of fields that `copy_entity` copies only if the caller names the fields.
_NOT_COPIED = frozenset({"image", "multi_entity", "url", "url_template", "summary", "calculated", "pivot_column"})


def may_be_copied(name: str, field: Row) -> bool:
    """
    Return whether `copy_entity` copies a field of the schema, if the caller names none.
    """
    is_stored = name != "cached_display_name"  # the site computes it from other fields
    return bool(is_stored and field["editable"]["value"] and field["data_type"]["value"] not in _NOT_COPIED)


def link_in_url(text: str, own: str) -> Row:
    """
    Return the link that the URL of a web page contains.

    Args:
        text: The URL.

        own: The host of the client's site.

    Raises:
        InvalidArgumentError: The URL is not valid, is of another site, or contains no entity.
    """
    try:
        address, host = urlsplit(text), host_of(text)
    except ValueError as error:
        msg = f"{text!r:.200} is not a valid URL: {error}."
        raise InvalidArgumentError(msg) from None
    if host != own:
        msg = (
            f"{text!r:.200} is a URL of another site: of {host or 'no site'}, and this client is for {own}, where "
            f"the id belongs to another entity. No request was sent. Use a client for {host or 'the site of the URL'}."
        )
        raise InvalidArgumentError(msg)
    parameters = {name: values[0] for name, values in parse_qs(address.query).items()}
    # An entity that is selected on a page takes precedence over the page.
    match = re.search(_DETAIL, address.path) or re.match(_SELECTED, address.fragment)
    if match:
        return {"type": match.group(1), "id": int(match.group(2))}
    pairs: List[Tuple[Optional[str], Optional[str]]] = [
        (parameters.get("type"), parameters.get("id")),
        (parameters.get("entity_type"), parameters.get("entity_id")),
        ("Project", parameters.get("project_id")),
    ]
    page = re.match(_PAGE, address.path)
    for kind, number in [*pairs, ("Page", page and page.group(1))]:
        if kind and number and number.isdigit():
            return {"type": kind, "id": int(number)}
    msg = f"{text!r:.200} is not the URL of an entity. Pass a URL such as https://.../detail/Shot/123."
    raise InvalidArgumentError(msg)
