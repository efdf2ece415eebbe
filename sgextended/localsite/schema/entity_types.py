"""
The site's schema: its entity types, their fields, and the values that each field accepts.

The standard schema is in ``schema.json``, one line per field. A line contains the field's data type and everything that
differs from the defaults: a label other than the name in title case, ``read_only``, ``create_only``, ``mandatory``,
``unique``, a ``default``, the default ``summary``, the entity ``types`` of a link, the ``values`` of a list and the
``labels`` of its statuses.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Data types that are stored as JSON text.
CONTAINERS = frozenset({"jsonb", "serializable", "tag_list", "url"})

#: Data types whose values the site computes. Callers cannot write them.
COMPUTED = frozenset({"calculated", "pivot_column", "summary", "uuid"})

#: Entity types that the service knows. A site enables some of them; the others can be named as a value only.
BUILT_IN_TYPES = frozenset(
    [
        *(f"CustomEntity{number:02d}" for number in range(1, 51)),
        *(f"CustomNonProjectEntity{number:02d}" for number in range(1, 31)),
        *(f"CustomThreadedEntity{number:02d}" for number in range(1, 16)),
        *("Contract", "Launch", "Reel", "RvLicense", "SavedFilter", "Slate", "SourceClip"),
    ]
)

# The first of these fields that a type has is the name of its rows, unless the type is in _IDENTIFIERS.
_IDENTIFIER_ORDER = ("code", "name", "title", "subject", "content", "display_name", "description")
_IDENTIFIERS = {
    "ApiUser": "firstname",
    "Department": "name",
    "PermissionRuleSet": "display_name",
    "Project": "name",
    "Status": "name",
    "TimeLog": "description",
}

# Link fields with one valid type that were measured to refuse other types: of all entity types, and of one.
_BINDING_NAMES = frozenset({"project", "task_template"})
_BINDING = frozenset(
    {
        *("Cut.version", "CutItem.cut", "CutItem.shot", "CutItem.version", "Sequence.episode", "TimeLog.user"),
    }
)

_PERSONAL = frozenset(
    {
        *("accesses_by_current_user", "current_user_favorite", "last_accessed_by_current_user"),
        *("media_center_viewed_by_current_user", "media_center_viewed_by_current_user_at", "read_by_current_user"),
        *("viewed_by_current_user", "viewed_by_current_user_at"),
    }
)

_PROJECT_OPTIONAL = frozenset({"Attachment", "Booking", "Page", "PipelineConfiguration", "SavedFilter", "WorkDayRule"})


@attrs.frozen(kw_only=True)
class Field:
    """
    One field of an entity type.
    """

    entity_type: str
    name: str
    data_type: str
    label: str
    read_only: bool = False
    create_only: bool = False
    mandatory: bool = False
    unique: bool = False
    default: Any = None
    valid_types: tuple[str, ...] = ()
    valid_values: Optional[tuple[str, ...]] = None
    #: Names of statuses by their codes, for statuses without a row of type Status; see `EntityType.labelled`.
    value_labels: Mapping[str, str] = attrs.field(factory=dict)
    #: Whether the field is not part of the standard schema.
    custom: bool = False
    #: For a custom multi-entity field, the connection type, its field for this end and its field for the far end.
    connection: Optional[tuple[str, str, str]] = None
    #: Whether the field exists but is in no description of the schema.
    undeclared: bool = False
    #: Properties without an effect on values: the description, the default summary and the like.
    remarks: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def path(self) -> str:
        """
        Return the field as messages write it: ``"Shot.code"``.
        """
        return f"{self.entity_type}.{self.name}"

    @property
    def editable(self) -> bool:
        """
        Return whether the form of the web application may change the field. `write_rules` decides for the API.
        """
        return not (self.read_only or self.create_only)

    @property
    def is_personal(self) -> bool:
        """
        Return whether every person has their own value in each row: a favourite, read or unread, last viewed.
        """
        return self.name in _PERSONAL

    @property
    def takes_any_type(self) -> bool:
        """
        Return whether the field may hold links to types that are not in ``valid_types``.

        For a link with several valid types, the list is only advice. Some links with one valid type refuse others.
        """
        is_end = self.entity_type.endswith(("Connection", "Dependency"))
        return len(self.valid_types) != 1 or not (is_end or self.name in _BINDING_NAMES or self.path in _BINDING)

    @property
    def is_type_advice(self) -> bool:
        """
        Return whether ``valid_types`` is known to be only advice.

        This was measured for links with several valid types, and for the ``sg_`` links, whose types a site can
        configure. For a list, it was measured for the lists of links to whatever a row is about.
        """
        if "*" in self.valid_types or not self.valid_types:
            return True
        if self.data_type == "multi_entity":
            return self.name.endswith("_links")
        return len(self.valid_types) > 1 or self.name.startswith("sg_") or self.path == "Reply.entity"

    @property
    def links_to_any_type(self) -> bool:
        """
        Return whether the schema itself allows all types, with ``*``.
        """
        return "*" in self.valid_types


@attrs.frozen(kw_only=True)
class EntityType:
    """
    One entity type with its fields by name, including ``id``.
    """

    name: str
    label: str
    fields: Mapping[str, Field]

    @property
    def identifier(self) -> Optional[str]:
        """
        Return the name of the field that names a row, or None if the type has no such field.
        """
        if self.name in _IDENTIFIERS:
            return _IDENTIFIERS[self.name]
        return next((name for name in _IDENTIFIER_ORDER if name in self.fields), None)

    def labelled(self, status_names: Mapping[str, str]) -> EntityType:
        """
        Return the type with the names of statuses in its status fields.

        Args:
            status_names: The names of the site's statuses by their codes.
        """
        labelled = {
            name: attrs.evolve(field, value_labels={**field.value_labels, **status_names})
            for name, field in self.fields.items()
            if field.data_type == "status_list"
        }
        return attrs.evolve(self, fields={**self.fields, **labelled}) if labelled else self

    @property
    def needs_project(self) -> bool:
        """
        Return whether a row must be created with a project.
        """
        return "project" in self.fields and self.name not in _PROJECT_OPTIONAL


@attrs.frozen
class Schema:
    """
    All entity types of a site by name.
    """

    types: Mapping[str, EntityType]
    #: A cache for values that other modules compute from the schema.
    memo: dict[str, Any] = attrs.field(factory=dict, init=False, eq=False, repr=False)

    def __contains__(self, name: object) -> bool:
        return name in self.types

    def __getitem__(self, name: str) -> EntityType:
        return self.types[name]

    def field(self, entity_type: str, name: str) -> Optional[Field]:
        """
        Return one field, or None if there is no such type or field.
        """
        found = self.types.get(entity_type)
        return None if found is None else found.fields.get(name)

    def extended(self, types: Iterable[EntityType]) -> Schema:
        """
        Return the schema with *types* added. A type replaces an earlier type of the same name.
        """
        return Schema({**self.types, **{facts.name: facts for facts in types}})


def _title(name: str) -> str:
    return name.replace("_", " ").title()


def _field(entity_type: str, name: str, line: Mapping[str, Any]) -> Field:
    values, summary = line.get("values"), line.get("summary")
    return Field(
        entity_type=entity_type,
        name=name,
        data_type=line["type"],
        label=line.get("label", _title(name)),
        read_only=line.get("read_only", False),
        create_only=line.get("create_only", False),
        mandatory=line.get("mandatory", False),
        unique=line.get("unique", False),
        default=line.get("default"),
        valid_types=tuple(line.get("types", ())),
        valid_values=None if values is None else tuple(values),
        value_labels=line.get("labels", {}),
        undeclared=line.get("undeclared", False),
        remarks={} if summary is None else {"summary_default": summary},
    )


def _entity_type(name: str, facts: Mapping[str, Any]) -> EntityType:
    fields = {"id": Field(entity_type=name, name="id", data_type="number", label="Id", read_only=True)}
    fields.update((field, _field(name, field, line)) for field, line in facts["fields"].items())
    return EntityType(name=name, label=facts["label"], fields=fields)


@functools.cache
def standard_schema() -> Schema:
    """
    Return the schema that every new site starts with. The file is read once per process.
    """
    facts = json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8"))
    return Schema({name: _entity_type(name, type_facts) for name, type_facts in facts.items()})
