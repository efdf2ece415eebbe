"""
The fields in which entities have their names.
"""

from typing import Collection, Optional, Tuple

#: Names of entities, if a type is not in `_FIELDS_OF_TYPE`.
NAME_FIELDS = ("code", "name", "content")
#: The name of an entity, if its type has none of `NAME_FIELDS`: the first field that the type has.
OTHER_NAME_FIELDS = ("subject", "title", "display_name", "firstname")

_FIELDS_OF_TYPE = {
    "ApiUser": ("firstname",),
    "Attachment": ("display_name",),
    "ClientUser": ("name", "email"),
    "Department": ("name",),
    "HumanUser": ("name", "login", "email"),
    "Note": ("subject",),
    "Page": ("name",),
    "Project": ("name", "tank_name"),
    "Step": ("code", "short_name"),
    "Tag": ("name",),
    "Task": ("content",),
    "Ticket": ("title",),
}


def name_fields(entity_type: str, fields: Optional[Collection[str]] = None) -> Tuple[str, ...]:
    """
    Return the fields of an entity type that have the name of an entity, the main one first.

    Args:
        entity_type: The entity type.

        fields: The fields that the type has on the site. None: they are not known; the result is never empty.
    """
    if fields is None:
        return _FIELDS_OF_TYPE.get(entity_type, NAME_FIELDS[:1])
    if entity_type in _FIELDS_OF_TYPE:
        return tuple(name for name in _FIELDS_OF_TYPE[entity_type] if name in fields)
    usual = tuple(name for name in NAME_FIELDS if name in fields)
    return usual or tuple(name for name in OTHER_NAME_FIELDS if name in fields)[:1]
