"""
Records as attrs classes: which fields a class asks for, and how a row becomes an instance of it. cattrs does the work.
"""

import datetime as dt
import enum
import functools
import operator
import re
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, Union, get_args, get_origin

import attrs

from sgextended.errors import ConfigurationError, RecordError
from sgextended.schema.site_schema import did_you_mean

Row = Dict[str, Any]

#: The key in the metadata of an attribute for the field that it stands for, where that has another name.
FIELD = "sg_field"
#: What the value of a link field has, so that nothing need be asked for behind it.
_IN_LINK = ("type", "id", "name")
_DEEPEST = 6
_NONE = type(None)


@attrs.define(unsafe_hash=True)  # a frozen one takes more than twice as long to make, and there are many
class Link:
    """
    A link to an entity of any type. It is a value: links to the same entity are equal; make another, change none.

    Attributes:
        type: Its type.

        id: Its id.

        name: What people call it; None where that is not known.
    """

    __module__ = "sgextended"

    type: str
    id: int
    name: Optional[str] = attrs.field(default=None, eq=False)


@attrs.frozen
class Member:
    """
    One attribute of a class of records.

    Attributes:
        name: What it is called in the class.

        field: The field that it stands for, perhaps one behind links.

        wanted: Its type.

        linked: Where it holds links, the classes of these; any type of entity where there is a `Link`.

        is_list: Whether it holds a list of them.
    """

    name: str
    field: str
    wanted: Any
    linked: "Tuple[Shape, ...]"
    is_list: bool

    @property
    def is_dotted(self) -> bool:
        return "." in self.field


@attrs.frozen(eq=False)
class Shape:
    """
    A class of records, as it is read and written.

    Attributes:
        owner: The class.

        entity_type: The type of its entities. None: any, for a `Link`.

        members: Its attributes.

        fields: What is asked for; what lies behind links as dotted names.
    """

    owner: type
    entity_type: Optional[str]
    members: Tuple[Member, ...]
    fields: Tuple[str, ...]

    def member(self, name: str) -> Member:
        """
        Return an attribute.

        Raises:
            RecordError: The class has no such attribute.
        """
        for each in self.members:
            if each.name == name:
                return each
        hint = did_you_mean(name, [each.name for each in self.members])
        raise RecordError(f"{self.owner.__name__} has no attribute {name!r}.{hint}")


@functools.lru_cache(maxsize=512)
def shape_of(owner: type) -> Shape:
    """
    Return what is known of a class of records.

    Raises:
        ConfigurationError: It is no such class; the message says what it lacks.
    """
    if not isinstance(owner, type) or not attrs.has(owner):
        msg = f"{owner!r} is no attrs class: decorate it with attrs.define or attrs.frozen."
        raise ConfigurationError(msg)
    if not isinstance(getattr(owner, "ENTITY_TYPE", None), str):
        example = 'give it ENTITY_TYPE: ClassVar[str] = "Shot"'
        msg = f"{owner.__name__} does not say of which type its entities are: {example}."
        raise ConfigurationError(msg)
    return _shape(owner, ())


def _shape(owner: type, outer: Tuple[type, ...]) -> Shape:
    if owner in outer or len(outer) > _DEEPEST:
        names = " > ".join(each.__name__ for each in (*outer, owner))
        msg = f"The records link to each other without end: {names}. Let one of the attributes be a Link."
        raise ConfigurationError(msg)
    attrs.resolve_types(owner)
    members = tuple(_members(owner, (*outer, owner)))
    fields: Dict[str, None] = {}
    for member in members:
        fields[member.field] = None
        for shape in member.linked if not member.is_list else ():
            fields.update(dict.fromkeys(f"{member.field}.{shape.entity_type}.{name}" for name in _behind(shape)))
    fields.pop("type", None)
    return Shape(owner, getattr(owner, "ENTITY_TYPE", None), members, tuple(fields))


def _behind(shape: Shape) -> List[str]:
    return [field for field in shape.fields if field not in _IN_LINK] if shape.entity_type else []


def _members(owner: type, outer: Tuple[type, ...]) -> Iterator[Member]:
    for each in attrs.fields(owner):
        if not each.init:
            continue
        kinds = [kind for kind in _alternatives(each.type) if kind is not _NONE]
        is_list = any(get_origin(kind) is list for kind in kinds)
        if is_list:
            kinds = [inner for kind in kinds for inner in get_args(kind)]
        linked = tuple(
            _shape(kind, outer) for kind in kinds if kind is Link or isinstance(getattr(kind, "ENTITY_TYPE", None), str)
        )
        name = f"{owner.__name__}.{each.name}"
        if linked and len(linked) < len(kinds):
            msg = f"{name} mixes links with what is none."
            raise ConfigurationError(msg)
        for shape in linked if is_list else ():
            if _behind(shape):
                msg = (
                    f"{name} is a list, and a list of links has type, id and name of each alone: "
                    f"{shape.owner.__name__} wants {', '.join(_behind(shape))} too. Use List[Link]."
                )
                raise ConfigurationError(msg)
        yield Member(each.name, each.metadata.get(FIELD, each.name), each.type, linked, is_list)


def _alternatives(wanted: Any) -> List[Any]:
    # Also int | None, whose origin is another class, and only where there is one.
    is_union = get_origin(wanted) is Union or type(wanted).__name__ == "UnionType"
    return list(get_args(wanted)) if is_union else [wanted]


# --- Reading


@functools.lru_cache(maxsize=512)
def reader_of(owner: type) -> Callable[[Iterable[Row]], Iterator[Any]]:
    """
    Return what makes instances of a class from rows that have its fields.

    Raises:
        ConfigurationError: It is no class of records, or cattrs is not installed.
    """
    shape = shape_of(owner)
    _, make = _converter(shape, detailed=False)

    def read(rows: Iterable[Row]) -> Iterator[Any]:
        for row in rows:
            try:
                made = make(row, owner)
            except Exception as error:  # whatever it is: once more, slowly, with the place
                raise _told(shape, row) from error
            yield made

    return read


@functools.lru_cache(maxsize=512)
def _detailed(owner: type) -> Any:
    converter, _ = _converter(shape_of(owner), detailed=True)
    return converter


def _converter(shape: Shape, *, detailed: bool) -> "Tuple[Any, _Hook]":
    """
    Return a converter for a class of records, and what makes an instance of a row.
    """
    try:
        import cattrs  # noqa: PLC0415 - the extra "typed"
        from cattrs.gen import make_dict_structure_fn, override  # noqa: PLC0415
    except ImportError as error:
        msg = "Records as classes need cattrs: pip install 'sgextended[typed]'."
        raise ConfigurationError(msg) from error
    converter = cattrs.Converter(detailed_validation=detailed)
    for kind, hook in _HOOKS.items():
        converter.register_structure_hook(kind, hook)
        converter.register_structure_hook_func(functools.partial(operator.eq, Optional[kind]), _or_none(hook))
    converter.register_structure_hook_func(functools.partial(operator.eq, List[Link]), _links)

    def add(each: Shape) -> _Hook:
        for member in each.members:
            for linked in member.linked:
                if linked.owner is not Link:
                    add(linked)
            if len(member.linked) > 1:
                _add_union(converter, member)
        options: Dict[str, Any] = {member.name: override(rename=member.field) for member in each.members}
        options["_cattrs_detailed_validation"] = detailed
        structure: Callable[[Any, Any], Any] = make_dict_structure_fn(each.owner, converter, **options)
        made = _with_links(each, structure)
        converter.register_structure_hook(each.owner, made)
        return made

    return converter, add(shape)


def _with_links(shape: Shape, structure: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """
    Return what puts the dotted values of a row into its links, and makes an instance.
    """
    wanted = shape.entity_type
    moves = [
        (member.field, {each.entity_type: _moves(member.field, each) for each in member.linked})
        for member in shape.members
        if any(_behind(each) for each in member.linked)
    ]

    def make(row: Any, owner: Any) -> Any:
        if wanted is not None and row["type"] != wanted:
            raise _Unfit(wanted)
        if moves:
            row = dict(row)
            for field, by_type in moves:
                link = row.get(field)
                if link:
                    below = by_type.get(link["type"])
                    if below:
                        row[field] = {**link, **{name: row[path] for path, name in below if path in row}}
        return structure(row, owner)

    return make


def _moves(field: str, shape: Shape) -> List[Tuple[str, str]]:
    return [(f"{field}.{shape.entity_type}.{name}", name) for name in _behind(shape)]


def _add_union(converter: Any, member: Member) -> None:
    """
    Teach a converter that the type of a link says which class it becomes.
    """
    owners = {each.entity_type: each.owner for each in member.linked}

    def choose(value: Any, _union: Any) -> Any:
        if value is None and _NONE in _alternatives(member.wanted):
            return None
        owner = owners.get(value["type"], owners.get(None))
        if owner is None:
            raise _Unfit(" or ".join(map(str, owners)))
        return converter.structure(value, owner)

    inner = get_args(member.wanted)[0] if member.is_list else member.wanted
    converter.register_structure_hook_func(lambda wanted: wanted == inner, choose)


class _Unfit(Exception):
    """
    A value that is not what its type says; the message says what is wanted.
    """


_Hook = Callable[[Any, Any], Any]


def _exactly(kind: type) -> _Hook:
    def hook(value: Any, _wanted: Any) -> Any:
        if type(value) is kind:
            return value
        raise _Unfit(kind.__name__)

    return hook


def _or_none(hook: _Hook) -> _Hook:
    return lambda value, wanted: None if value is None else hook(value, wanted)


def _float(value: Any, _wanted: Any) -> float:
    if type(value) in (float, int):
        return float(value)
    raise _Unfit("float")


def _date(value: Any, _wanted: Any) -> dt.date:
    try:
        return dt.date.fromisoformat(value)
    except (TypeError, ValueError):
        raise _Unfit("date") from None


def _link(value: Any, _wanted: Any) -> Link:
    try:
        return Link(value["type"], value["id"], value.get("name"))
    except (TypeError, KeyError, AttributeError):
        raise _Unfit("Link") from None


def _links(values: Any, _wanted: Any) -> List[Link]:
    try:  # not by _link: a call for each would take half as long again
        return [Link(value["type"], value["id"], value.get("name")) for value in values]
    except (TypeError, KeyError, AttributeError):
        raise _Unfit("List[Link]") from None


# cattrs alone would make texts of numbers, and numbers of texts.
_HOOKS: Dict[Any, _Hook] = {
    **{kind: _exactly(kind) for kind in (str, int, bool, dt.datetime)},
    float: _float,
    dt.date: _date,
    Link: _link,
}


# --- What went wrong


def _told(shape: Shape, row: Row) -> RecordError:
    """
    Return the error for a row of which no instance could be made.
    """
    try:
        _detailed(shape.owner).structure(row, shape.owner)
        problems = ["it cannot be made"]
    except Exception as error:  # noqa: BLE001 - it is told, not handled
        problems = list(_problems(error, shape, row, ""))
    kind, name = row.get("type", shape.entity_type), row.get("code") or row.get("name") or row.get("content")
    who = f"{kind} {row.get('id')}" + (f" ({name!r})" if isinstance(name, str) else "")
    lines = "".join(f"\n  {problem}" for problem in problems)
    msg = f"{who} does not fit {shape.owner.__name__}:{lines}"
    return RecordError(msg, entity={"type": kind, "id": row.get("id")}, problems=problems)


def _problems(error: BaseException, shape: Shape, row: Mapping[str, Any], path: str) -> Iterator[str]:
    parts = getattr(error, "exceptions", None)
    if parts is None:
        yield f"{path or shape.owner.__name__}: {_reason(error)}"
        return
    for part in parts:
        name = next((note.name for note in getattr(part, "__notes__", ()) if hasattr(note, "name")), None)
        if name is None:  # a validator of the class as a whole
            yield f"{path or shape.owner.__name__}: {_reason(part)}"
            continue
        yield from _about(part, shape.member(name), row, path)


def _about(error: BaseException, member: Member, row: Mapping[str, Any], path: str) -> Iterator[str]:
    here = f"{path}.{member.name}" if path else member.name
    value, is_there = row.get(member.field), member.field in row
    if member.linked and not member.is_list and isinstance(value, Mapping) and hasattr(error, "exceptions"):
        linked = next((each for each in member.linked if each.entity_type in (None, value.get("type"))), None)
        if linked is not None:
            prefix = f"{member.field}.{linked.entity_type}."
            below = {name[len(prefix) :]: each for name, each in row.items() if name.startswith(prefix)}
            yield from _problems(error, linked, {**value, **below}, here)
            return
    where = here if member.name == member.field else f"{here} (field {member.field})"
    if not is_there:
        yield f"{where}: the site has sent no such field. Is its name right, and may it be read?"
        return
    hint = " A field that may be empty is Optional." if value is None else ""
    leaf = next(iter(getattr(error, "exceptions", ())), error)
    reason = "" if isinstance(leaf, _Unfit) or value is None else f" ({_reason(leaf)})"
    yield f"{where}: expected {_words(member.wanted)}, found {value!r:.120}{reason}.{hint}"


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _words(wanted: Any) -> str:
    if isinstance(wanted, type) and get_origin(wanted) is None:
        return wanted.__name__
    return re.sub(r"\b(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])", "", str(wanted))  # typing.List[studio.Shot]: List[Shot]


# --- Writing


def to_site(value: Any) -> Any:
    """
    Return the value of an attribute as the site takes it: links as type and id, dates as text.
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


def changes(shape: Shape, before: Any, now: Any) -> Dict[str, Any]:
    """
    Return the fields whose values differ, with those of *now*.

    Raises:
        RecordError: Something differs that is not the entity's own.
    """
    found: Dict[str, Any] = {}
    for member in shape.members:
        old, new = getattr(before, member.name), getattr(now, member.name)
        if to_site(old) != to_site(new):
            if member.is_dotted or member.field in ("id", "type"):
                msg = f"{shape.owner.__name__}.{member.name} (field {member.field}) cannot be written from here."
                raise RecordError(msg, entity={"type": shape.entity_type, "id": before.id})
            found[member.field] = to_site(new)
        else:
            _check_behind(shape, member, old, new)
    return found


def _check_behind(shape: Shape, member: Member, old: Any, new: Any) -> None:
    """
    Refuse changes of a record that another one links to: they would be lost.
    """
    for linked in member.linked if not member.is_list else ():
        owner: Any = linked.owner
        if linked.entity_type and isinstance(new, owner) and changes(linked, old, new):
            msg = (
                f"{shape.owner.__name__}.{member.name} is {linked.entity_type} {new.id}, whose own fields were "
                f"changed: read it with get_as({linked.owner.__name__}, {new.id}) and write that back."
            )
            raise RecordError(msg, entity={"type": linked.entity_type, "id": new.id})


def check_value(shape: Shape, member: Member, value: Any) -> None:
    """
    Refuse a value that an attribute cannot have.

    Raises:
        RecordError: It says what is wanted and what was given.
    """
    if member.linked:
        fits = _is_link(member, value)
    else:
        try:
            _detailed(shape.owner).structure(to_site(value), member.wanted)
            fits = True
        except Exception:  # noqa: BLE001 - whatever cattrs raises, it does not fit
            fits = False
    if not fits:
        msg = f"{shape.owner.__name__}.{member.name}: expected {_words(member.wanted)}, found {value!r:.120}."
        raise RecordError(msg)


def _is_link(member: Member, value: Any) -> bool:
    if value is None:
        return _NONE in _alternatives(member.wanted)
    if member.is_list != isinstance(value, (list, tuple)):
        return False
    types = {each.entity_type for each in member.linked}
    links = [to_site(each) for each in (value if member.is_list else [value])]
    return all(isinstance(link, Mapping) and (None in types or link.get("type") in types) for link in links)
