"""
Convert rows to instances of record classes and back; cattrs does the conversion of values.
"""

import datetime as dt
import enum
import functools
import operator
import re
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, get_args, get_origin

from sgextended.domain.arguments import Row
from sgextended.domain.typed.record_classes import (
    NONE_TYPE,
    Attribute,
    Link,
    RecordClass,
    fields_behind_link,
    record_class_of,
    union_members,
)
from sgextended.errors import ConfigurationError, RecordError

# --- Reading


@functools.lru_cache(maxsize=512)
def reader_of(record_type: type) -> Callable[[Iterable[Row]], Iterator[Any]]:
    """
    Return a function that yields an instance of a record class for each row. The function is cached.

    The function raises RecordError if a row does not fit the class.

    Raises:
        ConfigurationError: The class cannot be a record class, or cattrs is not installed.
    """
    record_class = record_class_of(record_type)
    _, make = _converter(record_class, detailed=False)

    def read(rows: Iterable[Row]) -> Iterator[Any]:
        for row in rows:
            try:
                made = make(row, record_type)
            except Exception as error:  # convert the row again, slowly, to name the attribute
                raise _record_error(record_class, row) from error
            yield made

    return read


@functools.lru_cache(maxsize=512)
def _detailed_converter(record_type: type) -> Any:
    converter, _ = _converter(record_class_of(record_type), detailed=True)
    return converter


def _converter(record_class: RecordClass, *, detailed: bool) -> "Tuple[Any, _Hook]":
    """
    Return a converter for a record class, and the function that makes an instance from a row.
    """
    try:
        import cattrs  # noqa: PLC0415 - the extra "typed"
        from cattrs.gen import make_dict_structure_fn, override  # noqa: PLC0415
    except ImportError as error:
        msg = "Record classes need cattrs, which is not installed. Run: pip install 'sgextended[typed]'."
        raise ConfigurationError(msg) from error
    converter = cattrs.Converter(detailed_validation=detailed)
    for kind, hook in _HOOKS.items():
        converter.register_structure_hook(kind, hook)
        converter.register_structure_hook_func(functools.partial(operator.eq, Optional[kind]), _or_none(hook))
    converter.register_structure_hook_func(functools.partial(operator.eq, List[Link]), _links)

    def add(each: RecordClass) -> _Hook:
        for attribute in each.attributes:
            for linked in attribute.linked:
                if linked.record_type is not Link:
                    add(linked)
            if len(attribute.linked) > 1:
                _add_union(converter, attribute)
        options: Dict[str, Any] = {attribute.name: override(rename=attribute.field) for attribute in each.attributes}
        options["_cattrs_detailed_validation"] = detailed
        structure: Callable[[Any, Any], Any] = make_dict_structure_fn(each.record_type, converter, **options)
        made = _with_links(each, structure)
        converter.register_structure_hook(each.record_type, made)
        return made

    return converter, add(record_class)


def _with_links(record_class: RecordClass, structure: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """
    Return a function that moves the dotted values of a row into its links, then makes an instance.
    """
    wanted = record_class.entity_type
    linked_fields = [
        (attribute.field, {each.entity_type: _linked_fields(attribute.field, each) for each in attribute.linked})
        for attribute in record_class.attributes
        if any(fields_behind_link(each) for each in attribute.linked)
    ]

    def make(row: Any, record_type: Any) -> Any:
        if wanted is not None and row["type"] != wanted:
            raise _WrongType(wanted)
        if linked_fields:
            row = dict(row)
            for field, by_type in linked_fields:
                link = row.get(field)
                if link:
                    below = by_type.get(link["type"])
                    if below:
                        row[field] = {**link, **{name: row[path] for path, name in below if path in row}}
        return structure(row, record_type)

    return make


def _linked_fields(field: str, record_class: RecordClass) -> List[Tuple[str, str]]:
    return [(f"{field}.{record_class.entity_type}.{name}", name) for name in fields_behind_link(record_class)]


def _add_union(converter: Any, attribute: Attribute) -> None:
    """
    Let a converter choose the class for a link by the entity type of the link.
    """
    record_types = {each.entity_type: each.record_type for each in attribute.linked}

    def choose(value: Any, _union: Any) -> Any:
        if value is None and NONE_TYPE in union_members(attribute.wanted):
            return None
        record_type = record_types.get(value["type"], record_types.get(None))
        if record_type is None:
            raise _WrongType(" or ".join(map(str, record_types)))
        return converter.structure(value, record_type)

    inner = get_args(attribute.wanted)[0] if attribute.is_list else attribute.wanted
    converter.register_structure_hook_func(lambda wanted: wanted == inner, choose)


class _WrongType(Exception):
    """
    A value is not of the annotated type; the message names the expected type.
    """


_Hook = Callable[[Any, Any], Any]


def _exactly(kind: type) -> _Hook:
    def hook(value: Any, _wanted: Any) -> Any:
        if type(value) is kind:
            return value
        raise _WrongType(kind.__name__)

    return hook


def _or_none(hook: _Hook) -> _Hook:
    return lambda value, wanted: None if value is None else hook(value, wanted)


def _float(value: Any, _wanted: Any) -> float:
    if type(value) in (float, int):
        return float(value)
    raise _WrongType("float")


def _date(value: Any, _wanted: Any) -> dt.date:
    try:
        return dt.date.fromisoformat(value)
    except (TypeError, ValueError):
        raise _WrongType("date") from None


def _link(value: Any, _wanted: Any) -> Link:
    try:
        return Link(value["type"], value["id"], value.get("name"))
    except (TypeError, KeyError, AttributeError):
        raise _WrongType("Link") from None


def _links(values: Any, _wanted: Any) -> List[Link]:
    try:  # not with _link, because a call for each value takes 1.5 times as long
        return [Link(value["type"], value["id"], value.get("name")) for value in values]
    except (TypeError, KeyError, AttributeError):
        raise _WrongType("List[Link]") from None


# Without these hooks, cattrs would convert numbers to text and text to numbers.
_HOOKS: Dict[Any, _Hook] = {
    **{kind: _exactly(kind) for kind in (str, int, bool, dt.datetime)},
    float: _float,
    dt.date: _date,
    Link: _link,
}


# --- Errors


def _record_error(record_class: RecordClass, row: Row) -> RecordError:
    """
    Return the error for a row that does not fit a record class, with all problems.
    """
    try:
        _detailed_converter(record_class.record_type).structure(row, record_class.record_type)
        problems = ["the instance cannot be created"]
    except Exception as error:  # noqa: BLE001 - reported, not handled
        problems = list(_problems(error, record_class, row, ""))
    kind, name = row.get("type", record_class.entity_type), row.get("code") or row.get("name") or row.get("content")
    entity = f"{kind} {row.get('id')}" + (f" ({name!r})" if isinstance(name, str) else "")
    lines = "".join(f"\n  {problem}" for problem in problems)
    msg = f"{entity} does not fit {record_class.record_type.__name__}:{lines}"
    return RecordError(msg, entity={"type": kind, "id": row.get("id")}, problems=problems)


def _problems(error: BaseException, record_class: RecordClass, row: Mapping[str, Any], path: str) -> Iterator[str]:
    parts = getattr(error, "exceptions", None)
    if parts is None:
        yield f"{path or record_class.record_type.__name__}: {_reason(error)}"
        return
    for part in parts:
        name = next((note.name for note in getattr(part, "__notes__", ()) if hasattr(note, "name")), None)
        if name is None:  # raised by a validator of the whole class
            yield f"{path or record_class.record_type.__name__}: {_reason(part)}"
            continue
        yield from _attribute_problems(part, record_class.attribute(name), row, path)


def _attribute_problems(error: BaseException, attribute: Attribute, row: Mapping[str, Any], path: str) -> Iterator[str]:
    here = f"{path}.{attribute.name}" if path else attribute.name
    value, is_there = row.get(attribute.field), attribute.field in row
    if attribute.linked and not attribute.is_list and isinstance(value, Mapping) and hasattr(error, "exceptions"):
        linked = next((each for each in attribute.linked if each.entity_type in (None, value.get("type"))), None)
        if linked is not None:
            prefix = f"{attribute.field}.{linked.entity_type}."
            below = {name[len(prefix) :]: each for name, each in row.items() if name.startswith(prefix)}
            yield from _problems(error, linked, {**value, **below}, here)
            return
    where = here if attribute.name == attribute.field else f"{here} (field {attribute.field})"
    if not is_there:
        yield f"{where}: the response of the site lacks this field. Check its name and the read permission."
        return
    hint = " Use Optional for a field that may be empty." if value is None else ""
    leaf = next(iter(getattr(error, "exceptions", ())), error)
    reason = "" if isinstance(leaf, _WrongType) or value is None else f" ({_reason(leaf)})"
    yield f"{where}: expected {_type_name(attribute.wanted)}, found {value!r:.120}{reason}.{hint}"


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _type_name(wanted: Any) -> str:
    if isinstance(wanted, type) and get_origin(wanted) is None:
        return wanted.__name__
    return re.sub(r"\b(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])", "", str(wanted))  # typing.List[studio.Shot]: List[Shot]


# --- Writing


def to_site(value: Any) -> Any:
    """
    Return the value of an attribute in the form that the site accepts: links with type and id, dates as text.
    """
    if isinstance(value, (list, tuple)):
        return [to_site(each) for each in value]
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, Link):
        return {"type": value.type, "id": value.id}
    entity_type: Optional[str] = getattr(type(value), "ENTITY_TYPE", None)
    if isinstance(entity_type, str):
        return {"type": entity_type, "id": value.id}
    if isinstance(value, Mapping) and {"type", "id"} <= set(value):
        return {"type": value["type"], "id": value["id"]} if "url" not in value else dict(value)
    return value


def field_value(attribute: Attribute, value: Any) -> Any:
    """
    Return what the site gets for the value of an attribute: see `to_site`. An integer for a float becomes a float,
    because Python takes integers for floats and sites refuse them.
    """
    members = union_members(attribute.wanted)
    return float(value) if type(value) is int and float in members and int not in members else to_site(value)


def changes(record_class: RecordClass, before: Any, now: Any) -> Dict[str, Any]:
    """
    Return the fields whose values differ between two instances, with the values of *now*.

    Raises:
        RecordError: A value differs that belongs to a linked entity, or that cannot be written.
    """
    found: Dict[str, Any] = {}
    for attribute in record_class.attributes:
        old, new = getattr(before, attribute.name), getattr(now, attribute.name)
        if to_site(old) != to_site(new):
            if attribute.is_dotted or attribute.field in ("id", "type"):
                msg = (
                    f"{record_class.record_type.__name__}.{attribute.name} (field {attribute.field}) cannot be "
                    "written: "
                    "it is the id, the type, or a field of a linked entity. Nothing was sent."
                )
                raise RecordError(msg, entity={"type": record_class.entity_type, "id": before.id})
            found[attribute.field] = field_value(attribute, new)
        else:
            _check_linked_unchanged(record_class, attribute, old, new)
    return found


def _check_linked_unchanged(record_class: RecordClass, attribute: Attribute, old: Any, new: Any) -> None:
    """
    Raise RecordError if a linked record was changed, because the change would be lost.
    """
    for linked in attribute.linked if not attribute.is_list else ():
        record_type: Any = linked.record_type
        if linked.entity_type and isinstance(new, record_type) and changes(linked, old, new):
            msg = (
                f"{record_class.record_type.__name__}.{attribute.name} is {linked.entity_type} {new.id}, and fields of "
                "that entity were changed, which cannot be written with this record. Nothing was sent. Read it with "
                f"get_as({linked.record_type.__name__}, {new.id}), change that record and write it."
            )
            raise RecordError(msg, entity={"type": linked.entity_type, "id": new.id})


def check_value(record_class: RecordClass, attribute: Attribute, value: Any) -> None:
    """
    Raise RecordError if an attribute cannot have a value.

    Raises:
        RecordError: The value is not of the annotated type. The message has the expected type and the value.
    """
    if attribute.linked:
        fits = _is_link(attribute, value)
    else:
        try:
            _detailed_converter(record_class.record_type).structure(to_site(value), attribute.wanted)
            fits = True
        except Exception:  # noqa: BLE001 - whatever cattrs raises, it does not fit
            fits = False
    if not fits:
        name = f"{record_class.record_type.__name__}.{attribute.name}"
        msg = f"{name}: expected {_type_name(attribute.wanted)}, found {value!r:.120}."
        raise RecordError(msg)


def _is_link(attribute: Attribute, value: Any) -> bool:
    if value is None:
        return NONE_TYPE in union_members(attribute.wanted)
    if attribute.is_list != isinstance(value, (list, tuple)):
        return False
    types = {each.entity_type for each in attribute.linked}
    links = [to_site(each) for each in (value if attribute.is_list else [value])]
    return all(isinstance(link, Mapping) and (None in types or link.get("type") in types) for link in links)
