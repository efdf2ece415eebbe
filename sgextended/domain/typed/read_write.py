"""
Read entities as instances of a studio's own attrs classes, validated and converted, and write back the changes.

    @attrs.define
    class ShotRecord:
        ENTITY_TYPE: ClassVar[str] = "Shot"
        id: int
        code: str
        status: str = attrs.field(metadata={"sg_field": "sg_status_list"})

An attribute stands for the field with its name, or for the field in its metadata, which may be behind links. A nested
class stands for a linked entity; the fields of its attributes are requested too.
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
from sgextended.domain.arguments import Entity, Row, conditions_of
from sgextended.domain.client_kinds import Finder
from sgextended.domain.entities import get
from sgextended.errors import PartialSuccessError, RecordError
from sgextended.lazy_import import lazy_module

if TYPE_CHECKING:
    from sgextended.domain.typed import conversion, record_classes
    from sgextended.domain.typed.record_classes import RecordClass
else:
    conversion = lazy_module("sgextended.domain.typed.conversion")
    record_classes = lazy_module("sgextended.domain.typed.record_classes")

Record = TypeVar("Record")

_GC_PAUSE = GCPause()
_BYTES_PER_ROW = 256  # minimum size of a row as JSON


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
        sg: The client (SGExtended, Shotgun or Mockgun).

        record: The attrs class. ``ENTITY_TYPE`` is the entity type, and the attributes define the fields to request.
            Each value is converted to the type of its attribute, also to dates, enumerations and literals. Use Optional
            for a field that may be empty. A link becomes a `Link` or an instance of a nested class; use a Union of such
            classes if the link may lead to several entity types.

        filters: Native conditions with field names. Values may also be records, `Link`, dates and enumerations.

        order: The order, as for ``find``, with field names.

        filter_operator: ``"all"`` or ``"any"`` of the conditions.

        limit: Maximum number of entities; 0: all.

        retired_only: Whether to return retired entities instead.

        include_archived_projects: Whether to include entities of archived projects.

    Raises:
        RecordError: A value does not fit the class. The message has the entity, the field, the expected type and the
            value.

        InvalidArgumentError: *filters* are not conditions. No request was sent.

        ConfigurationError: The class cannot be a record class, or cattrs is not installed (the extra ``typed``).
    """
    conditions = _conditions(filters)
    options = _options(order, filter_operator, limit, retired_only, include_archived_projects)
    read, record_class = _reader(record)
    rows = sg.find(record_class.entity_type, conditions, list(record_class.fields), **options)
    with _GC_PAUSE.paused(len(rows) * _BYTES_PER_ROW):
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

    The arguments are those of `find_as`; order and memory use are those of `SGExtended.find_iter`.

    Raises:
        ConfigurationError: The class cannot be a record class, or cattrs is not installed (the extra ``typed``).

        RecordError: While iterating: a value does not fit the class.
    """
    conditions = _conditions(filters)
    options = _options(order, filter_operator, limit, retired_only, include_archived_projects)
    read, record_class = _reader(record)
    find = getattr(sg, "find_iter", None) or sg.find  # a Shotgun has no find_iter
    return read(find(record_class.entity_type, conditions, list(record_class.fields), **options))


def get_as(sg: Finder, record: Type[Record], which: Union[int, Entity, Sequence[Any]]) -> Record:
    """
    Return exactly one entity as an instance of an attrs class; see `find_as`.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        record: The attrs class, as in `find_as`.

        which: The id, a link, or native conditions that only this entity matches.

    Raises:
        NotFoundError: No entity matches.

        AmbiguousError: Several entities match.

        RecordError: A value does not fit the class.
    """
    read, record_class = _reader(record)
    meant = _conditions(which) if isinstance(which, (list, tuple)) else which
    (found,) = read([get(sg, str(record_class.entity_type), meant, fields=record_class.fields)])
    return found


def create_as(sg: Any, record: Type[Record], data: Mapping[str, Any]) -> Record:
    """
    Create an entity, and return it as an instance of an attrs class.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        record: The attrs class, as in `find_as`.

        data: Values by attribute name. Links may be instances of record classes, `Link` or dicts.

    Raises:
        RecordError: The class has no attribute of that name, or the value is not of its type. Nothing was sent.

        PartialSuccessError: The entity was created, but does not fit the class. ``entity`` is the entity.
    """
    read, record_class = _reader(record)
    fields = {}
    for name, value in data.items():
        attribute = record_class.attribute(name)
        if attribute.is_dotted or attribute.field in ("id", "type"):
            msg = (
                f"{record.__name__}.{name} (field {attribute.field}) cannot be set when an entity is created. Nothing "
                "was sent."
            )
            raise RecordError(msg)
        conversion.check_value(record_class, attribute, value)
        fields[attribute.field] = conversion.field_value(attribute, value)
    created = sg.create(record_class.entity_type, fields)
    try:
        (made,) = read([get(sg, str(record_class.entity_type), created["id"], fields=record_class.fields)])
    except RecordError as error:
        msg = (
            f"{record_class.entity_type} {created['id']} was created, but cannot be read as {record.__name__}: {error}"
        )
        raise PartialSuccessError(msg, entity=created) from error
    return made


def update_as(sg: Any, record: Any, *, before: Any = None) -> Row:
    """
    Send the fields of a record that changed since it was read, and return these fields.

    If nothing changed, no request is sent.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        record: A record that `find_as`, `find_iter_as`, `get_as` or `create_as` returned, with changed attributes.

        before: The record before the changes. None: as it was last read or written. A copy or a result of
            ``attrs.evolve`` requires it.

    Raises:
        RecordError: A changed value belongs to a linked entity or cannot be written, or the state before the changes
            is unknown. Nothing was sent.
    """
    record_type: Any = type(record)
    record_class = record_classes.record_class_of(record_type)
    if before is None:
        before = _ORIGINALS.before(record)
    if before is None:
        msg = (
            f"The state of this {type(record).__name__} before the changes is unknown, because it is a copy and was "
            "not "
            "read from the site. Nothing was sent. Pass the original record: update_as(record, before=original)."
        )
        raise RecordError(msg)
    if before.id != record.id:
        msg = (
            f"before= is {record_class.entity_type} {before.id}, but the record has the id {record.id}. Nothing was "
            "sent."
        )
        raise RecordError(msg)
    changed = conversion.changes(record_class, before, record)
    for attribute in record_class.attributes:
        if attribute.field in changed:
            conversion.check_value(record_class, attribute, getattr(record, attribute.name))
    if changed:
        sg.update(record_class.entity_type, record.id, changed)
        _ORIGINALS.keep(record, copy.deepcopy(record))
    return changed


def _conditions(filters: Any) -> List[Any]:
    """
    Return conditions with their values in the form that the site accepts.
    """
    return [
        {**each, "filters": _conditions(each["filters"])} if isinstance(each, Mapping) else conversion.to_site(each)
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
    if not include_archived_projects:  # find of a Mockgun does not have this argument
        options["include_archived_projects"] = False
    return options


def _reader(record: Type[Record]) -> Tuple[Callable[[Iterable[Row]], Iterator[Record]], "RecordClass"]:
    record_type: Any = record
    record_class, make, keep = (
        record_classes.record_class_of(record_type),
        conversion.reader_of(record_type),
        _ORIGINALS.keep,
    )
    if not hasattr(record, "__weakref__"):
        return make, record_class

    def read(rows: Iterable[Row]) -> Iterator[Record]:
        rows, again = itertools.tee(rows)
        for made, row in zip(make(rows), again):
            keep(made, row)
            yield made

    return read, record_class


class _OriginalStates:
    """
    The state of each record when it was last read or written, as a row or a copy. It is kept as long as the record.
    """

    def __init__(self) -> None:
        # By id(), because a studio's classes may compare by value or have no hash.
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
        record_type: Any = type(record)
        return next(conversion.reader_of(record_type)([was])) if isinstance(was, dict) else was


_ORIGINALS = _OriginalStates()
