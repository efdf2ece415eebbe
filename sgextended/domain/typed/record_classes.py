"""
Inspect record classes: attrs classes of a studio whose instances stand for entities, and the `Link` to any entity.
"""

import functools
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union, get_args, get_origin

import attrs

from sgextended.errors import ConfigurationError, RecordError
from sgextended.schema.site_schema import did_you_mean

#: The metadata key of an attribute for the name of its field, if that differs from the attribute's name.
FIELD = "sg_field"
#: Keys in the value of a link field, which need no fields behind the link.
_IN_LINK = ("type", "id", "name")
_MAX_DEPTH = 6  # levels of nested classes
NONE_TYPE = type(None)


@attrs.define(unsafe_hash=True)  # creating frozen instances takes more than twice as long, and there are many
class Link:
    """
    A link to an entity of any type. Links to the same entity are equal. Treat a link as immutable.

    Attributes:
        type: The entity type.

        id: The id.

        name: The display name; None if it is unknown.
    """

    __module__ = "sgextended"

    type: str
    id: int
    name: Optional[str] = attrs.field(default=None, eq=False)


@attrs.frozen
class Attribute:
    """
    One attribute of a record class.

    Attributes:
        name: The name of the attribute in the class.

        field: The field of the entity; dotted if it is behind links.

        wanted: The annotated type.

        linked: For a link attribute, the record classes of the linked entities; `Link` allows any entity type.

        is_list: Whether the attribute is a list of links.
    """

    name: str
    field: str
    wanted: Any
    linked: "Tuple[RecordClass, ...]"
    is_list: bool

    @property
    def is_dotted(self) -> bool:
        """
        Whether the field is behind links.
        """
        return "." in self.field


@attrs.frozen(eq=False)
class RecordClass:
    """
    A description of an attrs class whose instances stand for entities.

    Attributes:
        record_type: The attrs class.

        entity_type: The entity type. None: any type, for a `Link`.

        attributes: The attributes of the class.

        fields: Fields to request; fields behind links have dotted names.
    """

    record_type: type
    entity_type: Optional[str]
    attributes: Tuple[Attribute, ...]
    fields: Tuple[str, ...]

    def attribute(self, name: str) -> Attribute:
        """
        Return the attribute with a name.

        Raises:
            RecordError: The class has no attribute of that name.
        """
        for each in self.attributes:
            if each.name == name:
                return each
        hint = did_you_mean(name, [each.name for each in self.attributes])
        raise RecordError(f"{self.record_type.__name__} has no attribute {name!r}.{hint}")


@functools.lru_cache(maxsize=512)
def record_class_of(record_type: type) -> RecordClass:
    """
    Return the description of a record class. The result is cached.

    Raises:
        ConfigurationError: The class cannot be a record class. The message says what is missing.
    """
    if not isinstance(record_type, type) or not attrs.has(record_type):
        msg = (
            f"{record_type!r} is not an attrs class, so it cannot be a record class. Decorate it with attrs.define or "
            "attrs.frozen."
        )
        raise ConfigurationError(msg)
    if not isinstance(getattr(record_type, "ENTITY_TYPE", None), str):
        example = 'ENTITY_TYPE: ClassVar[str] = "Shot"'
        msg = f"{record_type.__name__} has no ENTITY_TYPE, so its entity type is unknown. Add a line such as {example}."
        raise ConfigurationError(msg)
    return _record_class(record_type, ())


def _record_class(record_type: type, outer: Tuple[type, ...]) -> RecordClass:
    if record_type in outer or len(outer) > _MAX_DEPTH:
        names = " > ".join(each.__name__ for each in (*outer, record_type))
        msg = f"The record classes are nested without end: {names}. Use Link as the type of one of the attributes."
        raise ConfigurationError(msg)
    attrs.resolve_types(record_type)
    attributes = tuple(_attributes(record_type, (*outer, record_type)))
    fields: Dict[str, None] = {}
    for attribute in attributes:
        fields[attribute.field] = None
        for record_class in attribute.linked if not attribute.is_list else ():
            fields.update(
                dict.fromkeys(
                    f"{attribute.field}.{record_class.entity_type}.{name}" for name in fields_behind_link(record_class)
                )
            )
    fields.pop("type", None)
    return RecordClass(record_type, getattr(record_type, "ENTITY_TYPE", None), attributes, tuple(fields))


def fields_behind_link(record_class: RecordClass) -> List[str]:
    """
    Return the fields of a nested record class that the value of a link field does not contain.
    """
    return [field for field in record_class.fields if field not in _IN_LINK] if record_class.entity_type else []


def _attributes(record_type: type, outer: Tuple[type, ...]) -> Iterator[Attribute]:
    for each in attrs.fields(record_type):
        if not each.init:
            continue
        kinds = [kind for kind in union_members(each.type) if kind is not NONE_TYPE]
        is_list = any(get_origin(kind) is list for kind in kinds)
        if is_list:
            kinds = [inner for kind in kinds for inner in get_args(kind)]
        linked = tuple(
            _record_class(kind, outer)
            for kind in kinds
            if kind is Link or isinstance(getattr(kind, "ENTITY_TYPE", None), str)
        )
        name = f"{record_type.__name__}.{each.name}"
        if linked and len(linked) < len(kinds):
            msg = (
                f"{name} mixes link types with other types, which cannot be told apart. Use only link types or only "
                "others."
            )
            raise ConfigurationError(msg)
        for record_class in linked if is_list else ():
            if fields_behind_link(record_class):
                msg = (
                    f"{name} is a list of links, which only has the type, id and name of each entity, but "
                    f"{record_class.record_type.__name__} also needs {', '.join(fields_behind_link(record_class))}. "
                    "Use List[Link]."
                )
                raise ConfigurationError(msg)
        yield Attribute(each.name, each.metadata.get(FIELD, each.name), each.type, linked, is_list)


def union_members(wanted: Any) -> List[Any]:
    """
    Return the types of a Union, or the type itself in a list.
    """
    # The origin of "int | None" is types.UnionType, which does not exist in all supported Python versions.
    is_union = get_origin(wanted) is Union or type(wanted).__name__ == "UnionType"
    return list(get_args(wanted)) if is_union else [wanted]
