"""
Entities as a studio's own attrs classes, checked and converted; and written back, only what changed.

    @attrs.define
    class ShotRecord:
        ENTITY_TYPE: ClassVar[str] = "Shot"
        id: int
        code: str
        status: str = attrs.field(metadata={"sg_field": "sg_status_list"})

An attribute stands for the field of its name, or for the one that its metadata names, which may lie behind links. A
nested class is an entity behind a link, of which its own attributes are asked for.
"""

import copy
import functools
import itertools
import weakref
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Type,
    TypeVar,
    Union,
)

from sgextended.client.protocol.gc_pause import GCPause
from sgextended.domain.conditions import Entity, Finder, conditions_of
from sgextended.domain.entities import get
from sgextended.errors import PartialSuccessError, RecordError
from sgextended.lazy_import import lazy_module

if TYPE_CHECKING:
    from sgextended.domain.typed import record_classes
    from sgextended.domain.typed.record_classes import Shape
else:
    record_classes = lazy_module("sgextended.domain.typed.record_classes")

Row = Dict[str, Any]
Record = TypeVar("Record")

_COLLECTOR = GCPause()
_BYTES = 256  # of JSON that a record comes from, at least


def find_as(
    sg: Finder,
    record: Type[Record],
    filters: Any,
    *,
    order: Optional[List[Dict[str, str]]] = None,
    filter_operator: Optional[str] = None,
    limit: int = 0,
    retired_only: bool = False,
    include_archived_projects: bool = True,
) -> List[Record]:
    """
    Return all entities that match as instances of an attrs class, in the order of ``find``.

    Args:
        sg: Who is asked.

        record: The class. ``ENTITY_TYPE`` says of which type its entities are, and its attributes which fields are
            asked for. What a value is converted to is the type of its attribute: dates, enumerations and literals too;
            one that may be empty is Optional. A link becomes a `Link`, or a nested class for the entities that it leads
            to; a Union of such classes where that may be several types.

        filters: Native conditions, with the names of fields; values may be records, `Link`, dates and enumerations too.

        order: As for ``find``, with the names of fields, like all that follows.

        filter_operator: ``"all"`` or ``"any"`` of the conditions.

        limit: How many at most; 0 for all.

        retired_only: Those in the trash instead.

        include_archived_projects: Also those of projects that are archived.

    Raises:
        RecordError: A value is not what the class says; the message tells the entity, the field, what was expected and
            what was found.

        InvalidArgumentError: *filters* are no conditions; nothing was asked.

        ConfigurationError: The class cannot be one of records, or cattrs is missing (the extra ``typed``).
    """
    conditions = _conditions(filters)
    options = _options(order, filter_operator, limit, retired_only, include_archived_projects)
    read, shape = _reader(record)
    rows = sg.find(shape.entity_type, conditions, list(shape.fields), **options)
    with _COLLECTOR.paused(len(rows) * _BYTES):
        return list(read(rows))


def find_iter_as(
    sg: Any,
    record: Type[Record],
    filters: Any,
    *,
    order: Optional[List[Dict[str, str]]] = None,
    filter_operator: Optional[str] = None,
    limit: int = 0,
    retired_only: bool = False,
    include_archived_projects: bool = True,
) -> Iterator[Record]:
    """
    Return an iterator over all entities that match as instances of an attrs class, in bounded memory.

    The arguments are those of `find_as`, the order and the memory those of `SGExtended.find_iter`.

    Raises:
        ConfigurationError: The class cannot be one of records, or cattrs is missing (the extra ``typed``).

        RecordError: While iterating: a value is not what the class says.
    """
    conditions = _conditions(filters)
    options = _options(order, filter_operator, limit, retired_only, include_archived_projects)
    read, shape = _reader(record)
    find = getattr(sg, "find_iter", None) or sg.find  # a Shotgun has but find
    return read(find(shape.entity_type, conditions, list(shape.fields), **options))


def get_as(sg: Finder, record: Type[Record], which: Union[int, Entity, Sequence[Any]]) -> Record:
    """
    Return the one entity that is meant as an instance of an attrs class; see `find_as`.

    Args:
        sg: Who is asked.

        record: The class.

        which: Its id, a link to it, or native conditions that hold for it alone.

    Raises:
        NotFoundError: There is none.

        AmbiguousError: There are several.

        RecordError: A value is not what the class says.
    """
    read, shape = _reader(record)
    meant = _conditions(which) if isinstance(which, (list, tuple)) else which
    (found,) = read([get(sg, str(shape.entity_type), meant, fields=shape.fields)])
    return found


def create_as(sg: Any, record: Type[Record], data: Mapping[str, Any]) -> Record:
    """
    Create an entity, and return it as an instance of an attrs class.

    Args:
        sg: Who creates it.

        record: The class.

        data: Attributes of the class and their values. Links are given as instances, as `Link` or as dicts.

    Raises:
        RecordError: The class has no such attribute, or one of another type; nothing was sent.

        PartialSuccessError: It was created, and is not what the class says; the error has the entity.
    """
    read, shape = _reader(record)
    fields = {}
    for name, value in data.items():
        member = shape.member(name)
        if member.is_dotted or member.field in ("id", "type"):
            msg = f"{record.__name__}.{name} (field {member.field}) cannot be set when an entity is created."
            raise RecordError(msg)
        record_classes.check_value(shape, member, value)
        fields[member.field] = record_classes.to_site(value)
    created = sg.create(shape.entity_type, fields)
    try:
        (made,) = read([get(sg, str(shape.entity_type), created["id"], fields=shape.fields)])
    except RecordError as error:
        msg = f"{shape.entity_type} {created['id']} was created, and cannot be read as {record.__name__}: {error}"
        raise PartialSuccessError(msg, entity=created) from error
    return made


def update_as(sg: Any, record: Any, *, before: Any = None) -> Row:
    """
    Write a record back, and return the fields that were sent: those that changed since it was read, and no others.

    Nothing is sent where nothing changed.

    Args:
        sg: Who writes.

        record: What `find_as` and its like returned, changed since.

        before: What it was. None: as it was read, or last written; a copy, and what ``attrs.evolve`` made, need it.

    Raises:
        RecordError: What changed is not the entity's own, or nobody knows what *record* was before; nothing was sent.
    """
    owner: Any = type(record)
    shape = record_classes.shape_of(owner)
    if before is None:
        before = _KNOWN.before(record)
    if before is None:
        msg = (
            f"Nobody knows what this {type(record).__name__} was: it did not come from the site by itself. Say so with "
            "update_as(record, before=what_it_was)."
        )
        raise RecordError(msg)
    if before.id != record.id:
        msg = f"before= is {shape.entity_type} {before.id}, and what is to be written is {record.id}."
        raise RecordError(msg)
    changed = record_classes.changes(shape, before, record)
    for member in shape.members:
        if member.field in changed:
            record_classes.check_value(shape, member, getattr(record, member.name))
    if changed:
        sg.update(shape.entity_type, record.id, changed)
        _KNOWN.keep(record, copy.deepcopy(record))
    return changed


def _conditions(filters: Any) -> List[Any]:
    """
    Return conditions with their values as the site takes them.
    """
    return [
        {**each, "filters": _conditions(each["filters"])} if isinstance(each, Mapping) else record_classes.to_site(each)
        for each in conditions_of(filters)
    ]


def _options(
    order: Optional[List[Dict[str, str]]],
    filter_operator: Optional[str],
    limit: int,
    retired_only: bool,
    include_archived_projects: bool,
) -> Dict[str, Any]:
    options: Dict[str, Any] = {
        "order": order, "filter_operator": filter_operator, "limit": limit, "retired_only": retired_only,
    }  # fmt: skip
    if not include_archived_projects:  # a Mockgun does not know it
        options["include_archived_projects"] = False
    return options


def _reader(record: Type[Record]) -> Tuple[Callable[[Iterable[Row]], Iterator[Record]], "Shape"]:
    owner: Any = record
    shape, make, keep = record_classes.shape_of(owner), record_classes.reader_of(owner), _KNOWN.keep
    if not hasattr(record, "__weakref__"):
        return make, shape

    def read(rows: Iterable[Row]) -> Iterator[Record]:
        rows, again = itertools.tee(rows)
        for made, row in zip(make(rows), again):
            keep(made, row)
            yield made

    return read, shape


class _Known:
    """
    What each record was when it was read, for as long as it lives: its row, or a copy of it.
    """

    def __init__(self) -> None:
        # By identity: a studio's classes may compare by value, and be without a hash.
        self._rows: Dict[int, Tuple[Any, Any]] = {}

    def keep(self, record: Any, was: Any) -> None:
        key = id(record)
        self._rows[key] = (weakref.ref(record, functools.partial(self._forget, key)), was)

    def _forget(self, key: int, gone: Any) -> None:
        known = self._rows.get(key)
        if known is not None and known[0] is gone:
            del self._rows[key]

    def before(self, record: Any) -> Any:
        reference, was = self._rows.get(id(record), (None, None))
        if reference is None or reference() is not record:
            return None
        owner: Any = type(record)
        return next(record_classes.reader_of(owner)([was])) if isinstance(was, dict) else was


_KNOWN = _Known()
