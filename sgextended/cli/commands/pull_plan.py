"""
What ``sgextended pull`` copies: the entity types, filters and fields; and how a record is written without secrets.
"""

import datetime as dt
import hashlib
import re
from typing import Any, Dict, FrozenSet, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from attrs import frozen

from sgextended.cli.syntax.date_words import parse_iso_moment, parse_moment
from sgextended.cli.usage_error import UsageError
from sgextended.schema.site_schema import did_you_mean

#: Types that are pulled completely: a site has few records of them, and the records of all projects refer to them.
SITE_WIDE_TYPES = (
    *("Department", "Group", "LocalStorage", "PermissionRuleSet", "PublishedFileType", "Status", "Step"),
    *("TaskTemplate", "GroupUserConnection"),
)
#: Types that describe people. ``--anonymous`` replaces their names.
PERSON_TYPES = frozenset({"ClientUser", "HumanUser", "Performer"})
#: Types whose records need no project. Those without one are pulled if a record links to them.
PROJECT_OPTIONAL_TYPES = frozenset({"Attachment", "Booking", "Page", "PipelineConfiguration", "WorkDayRule"})
# Those whose records without a project are always pulled, because the dates of all tasks depend on them.
_CALENDAR_TYPES = frozenset({"Booking", "WorkDayRule"})
# Types that grow without limit. They are pulled only if the user names them.
_LOG_TYPES = frozenset({"EventLogEntry", "PageHit"})
# Types with settings of single users or programs.
_PRIVATE_TYPES = frozenset(
    {"ActionMenuItem", "AppWelcomeUserConnection", "BannerUserConnection", "PlaylistShare", "Webhook"}
)

_SECRET_NAME = re.compile(
    r"passw(or)?d|pwd|secret|token|credential|api_?key|access_key|salt|private_key", re.IGNORECASE
)
_SKIPPED_DATA_TYPES = frozenset({"calculated", "password", "pivot_column", "summary"})
# Links that the linked records have too, in the other direction.
_REVERSE_FIELDS = frozenset(
    {"attachments", "notes", "open_notes", "replies", "sg_published_files", "sg_versions", "sibling_tasks", "tasks"}
)
# Those of them that show the links of the field "entity" of other records.
_REVERSE_OF_ENTITY = frozenset({"replies", "sg_published_files", "sg_versions", "tasks"})
# Fields with such a name that are not the reverse of another field.
_NOT_REVERSE = frozenset({"Delivery.sg_published_files", "Note.tasks"})
_TEXT_DATA_TYPES = frozenset(
    {"text", "url", "image", "serializable", "jsonb", "tag_list", "list", "footage", "url_template"}
)
_LONG_AGO = "1970-01-01T00:00:00Z"
_NAME_FIELDS = ("name", "firstname", "login", "code")
# Fields in which the site itself writes names of people.
_FIELDS_WITH_NAMES = {"EventLogEntry": ("description", "meta")}


@frozen
class Selection:
    """
    The records of one entity type to pull.

    Attributes:
        entity_type: The entity type.

        filters: Native filters that the records match.

        fields: The fields to pull, by name, with their data types.

        narrow_filters: Filters to use if the site refuses *filters*. None: there are none.
    """

    entity_type: str
    filters: List[Any]
    fields: Dict[str, str]
    narrow_filters: Optional[List[Any]] = None


@frozen(kw_only=True)
class PullPlan:
    """
    What to pull.

    Attributes:
        schema: The schema of the site, as ``schema_read`` returns it.

        projects: Links to the projects. None: the whole site.

        entity_types: The entity types to pull from the projects. None: all except logs.

        with_events: Whether to pull the event log too.

        since: Skip records that were not changed since then.

        is_anonymous: Whether to replace the names of people.
    """

    schema: Mapping[str, Any]
    projects: Optional[Sequence[Dict[str, Any]]]
    entity_types: Optional[FrozenSet[str]] = None
    with_events: bool = False
    since: Optional[dt.datetime] = None
    is_anonymous: bool = False

    def selections(self) -> Iterator[Selection]:
        """
        Yield what to pull first: the projects, the site-wide types, and the types that belong to projects. The records
        that these link to are pulled afterwards; see `linked`.

        Raises:
            UsageError: The user named a type that the site does not have, or that does not belong to a project.
        """
        unknown = sorted((self.entity_types or frozenset()) - set(self.schema))
        if unknown:
            raise UsageError(
                f"The site has no entity type {unknown[0]!r}, given by --entity.{did_you_mean(unknown[0], self.schema)}"
            )
        yield Selection("Project", self._own_filter(), self.fields("Project"))
        for entity_type in SITE_WIDE_TYPES:
            if entity_type in self.schema:
                yield Selection(entity_type, [], self.fields(entity_type))
        for entity_type in self.schema:
            is_possible = entity_type not in SITE_WIDE_TYPES and entity_type != "Project"
            if is_possible and self.projects is not None:
                is_person = entity_type in PERSON_TYPES - {"Performer"}
                is_possible = not is_person and self._project_filter(entity_type) is not None
            if not is_possible and entity_type in (self.entity_types or ()):
                raise UsageError(
                    f"--entity {entity_type} is not possible, because {entity_type} does not belong to a project. "
                    "Leave it out: the records that other records link to are pulled anyway."
                )
            if is_possible and self._is_wanted(entity_type):
                yield self._selection(entity_type)

    def linked(self, entity_type: str, ids: Sequence[int]) -> Optional[Selection]:
        """
        Return the selection for records that other records link to.

        Return None for types that are never pulled by links: those that belong to projects, the site-wide types, logs
        and private types. Of a type that may belong to a project, only the records without one are pulled.
        """
        is_pulled = entity_type in self.schema and entity_type not in (
            _LOG_TYPES | _PRIVATE_TYPES | {"Project", *SITE_WIDE_TYPES}
        )
        filters: List[Any] = [["id", "in", list(ids)]]
        if is_pulled and "project" in self.schema[entity_type]:
            is_pulled = entity_type in PROJECT_OPTIONAL_TYPES
            filters.append(["project", "is", None])
        return Selection(entity_type, filters, self.fields(entity_type)) if is_pulled else None

    def fields(self, entity_type: str) -> Dict[str, str]:
        """
        Return the fields of a type to pull, by name, with their data types.
        """
        fields = {}
        for name, field_schema in self.schema[entity_type].items():
            data_type = field_schema["data_type"]["value"]
            is_reverse = name in _REVERSE_FIELDS and f"{entity_type}.{name}" not in _NOT_REVERSE
            is_skipped = data_type in _SKIPPED_DATA_TYPES or is_reverse or _SECRET_NAME.search(name) is not None
            if self.is_anonymous:
                is_text_of_person = entity_type in PERSON_TYPES and data_type in _TEXT_DATA_TYPES
                is_skipped = is_skipped or is_text_of_person or name == "cached_display_name"
                is_skipped = is_skipped or name in _FIELDS_WITH_NAMES.get(entity_type, ())
            if not is_skipped and name not in {"id", "type"}:
                fields[name] = data_type
        return fields

    def _own_filter(self) -> List[Any]:
        """
        Return the filters for the projects themselves.
        """
        return [] if self.projects is None else [["id", "in", [project["id"] for project in self.projects]]]

    def _selection(self, entity_type: str) -> Selection:
        changed, fields = self._changed_filter(entity_type), self.fields(entity_type)
        if self.projects is None:
            # People and the like are pulled completely, because the records of all projects refer to them.
            is_limited = self._project_filter(entity_type) is not None and entity_type not in PERSON_TYPES
            return Selection(entity_type, changed if is_limited else [], fields)
        narrow = self._project_filter(entity_type)
        wide = self._project_filter(entity_type, self._unlisted_types(entity_type))
        return Selection(entity_type, [wide, *changed], fields, None if wide == narrow else [narrow, *changed])

    def _unlisted_types(self, entity_type: str) -> List[str]:
        """
        Return the types to which records of a type can link by their field "entity" although the schema does not list
        them: tickets and deliveries have replies.
        """
        return [
            name
            for name, fields in self.schema.items()
            for field in _REVERSE_OF_ENTITY & fields.keys()
            if _valid_types(fields[field]) == [entity_type]
        ]

    def _is_wanted(self, entity_type: str) -> bool:
        if entity_type == "EventLogEntry" and self.with_events:
            return True
        if self.entity_types is not None:
            return entity_type in self.entity_types
        return entity_type not in _LOG_TYPES | _PRIVATE_TYPES

    def _changed_filter(self, entity_type: str) -> List[Any]:
        if self.since is None or "updated_at" not in self.schema[entity_type]:
            return []
        return [["updated_at", "greater_than", self.since]]

    def _project_filter(self, entity_type: str, unlisted_types: Sequence[str] = ()) -> Any:
        """
        Return the filter for the records that belong to the projects, themselves or through a link. Return None if a
        record of this type cannot belong to a project.

        The tasks of task templates belong to no project. They are included, because the templates are.

        Args:
            entity_type: The type of the records.

            unlisted_types: Types to which records link by their field "entity", in addition to those of the schema.
        """
        if "project" in self.schema[entity_type]:
            conditions: List[Any] = [["project", "in", list(self.projects or ())]]
            if entity_type == "Task" and "task_template" in self.schema[entity_type]:
                conditions.append(["task_template", "is_not", None])
            if entity_type in _CALENDAR_TYPES:
                conditions.append(["project", "is", None])
        else:
            conditions = list(self._link_conditions(entity_type, unlisted_types))
        if len(conditions) == 1:
            return conditions[0]
        return {"filter_operator": "any", "filters": conditions} if conditions else None

    def _link_conditions(self, entity_type: str, unlisted_types: Sequence[str]) -> Iterator[Any]:
        for name, field_schema in self.schema[entity_type].items():
            if field_schema["data_type"]["value"] != "entity" or name in {"created_by", "updated_by"}:
                continue
            types = _valid_types(field_schema) + list(unlisted_types if name == "entity" else ())
            for each in dict.fromkeys(types):
                linked = self.schema.get(each, ())
                if "project" in linked:
                    yield [f"{name}.{each}.project", "in", list(self.projects or ())]
                if each == "Task" and "task_template" in linked:
                    yield [f"{name}.Task.task_template", "is_not", None]


def _valid_types(field_schema: Mapping[str, Any]) -> List[str]:
    return list(field_schema.get("properties", {}).get("valid_types", {}).get("value") or [])


class RecordSerializer:
    """
    Converts entities to records for the folder, and collects the ids that the records link to.

    The records contain no signed URLs, which expire and give access to anyone who has them.

    Args:
        selection: The selection that the records belong to.

        is_anonymous: Whether to replace the names of people by "Person ID".

    Attributes:
        links: Ids of the entities that the records link to, by entity type.
    """

    def __init__(self, selection: Selection, *, is_anonymous: bool = False) -> None:
        self._selection = selection
        self._is_anonymous = is_anonymous
        self.links: Dict[str, Set[int]] = {}

    def serialize(self, entity: Mapping[str, Any], *, is_retired: bool = False) -> Dict[str, Any]:
        """
        Return the record for an entity, and collect its links.

        Args:
            entity: The entity.

            is_retired: Whether the entity is retired.
        """
        entity_type = self._selection.entity_type
        record = {"type": entity_type, "id": entity["id"]}
        for name, data_type in self._selection.fields.items():
            record[name] = self._value(entity, name, data_type, entity.get(name))
        if is_retired:
            # The API does not return the time of the retirement.
            record["retired_at"] = record.get("updated_at") or record.get("created_at") or _LONG_AGO
        if self._is_anonymous and entity_type in PERSON_TYPES:
            record.update(dict.fromkeys(_NAME_FIELDS, _pseudonym(entity["id"])))
        self.collect_links(record)
        return record

    def collect_links(self, record: Mapping[str, Any]) -> None:
        """
        Add to *links* the ids of the entities that a record links to.
        """
        for name, data_type in self._selection.fields.items():
            value = record.get(name)
            for link in value if isinstance(value, list) else [value]:
                # The value of a file field has the id of its Attachment.
                is_link = data_type in {"entity", "multi_entity", "tag_list", "url"}
                if is_link and isinstance(link, dict) and "type" in link and "id" in link:
                    self.links.setdefault(link["type"], set()).add(link["id"])

    def _value(self, entity: Mapping[str, Any], name: str, data_type: str, value: Any) -> Any:
        if isinstance(value, dt.datetime):
            return value.astimezone(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        if data_type == "image" and isinstance(value, str):
            # The value is a signed URL. --media pulls the image by this number instead.
            return {"thumbnail": thumbnail_number(self._selection.entity_type, entity["id"], name)}
        if data_type == "url" and isinstance(value, dict) and value.get("link_type") == "upload":
            return {key: kept for key, kept in value.items() if key != "url"}
        if data_type in {"entity", "multi_entity"}:
            return [self._link(each) for each in value] if isinstance(value, list) else self._link(value)
        return value

    def _link(self, link: Any) -> Any:
        if self._is_anonymous and isinstance(link, dict) and link.get("type") in PERSON_TYPES:
            return {"type": link["type"], "id": link["id"], "name": _pseudonym(link["id"])}
        return link


def thumbnail_number(entity_type: str, entity_id: int, field: str) -> int:
    """
    Return the number that identifies the thumbnail of a record. It is negative, so that it is never the id of an
    Attachment.
    """
    digest = hashlib.sha256(f"{entity_type} {entity_id} {field}".encode()).digest()
    return -int.from_bytes(digest[:6], "big") - 1


def _pseudonym(entity_id: int) -> str:
    return f"Person {entity_id}"


def parse_time(text: str) -> dt.datetime:
    """
    Return the datetime for a day or time: ISO 8601, or a word or offset as in filters. Without a time zone, the zone of
    this machine applies.

    Raises:
        UsageError: The text is not a day or time.
    """
    moment = parse_moment(text) or parse_iso_moment(text)
    if moment is None:
        raise UsageError(
            f"--since {text!r} is not a day or time. Write a day as 2026-03-10 or -7d, or a time as 2026-03-10T18:00."
        )
    return moment.to_datetime()


def uploads_of(record: Mapping[str, Any]) -> List[Tuple[str, int]]:
    """
    Return the uploaded files of a record, each as its kind ("attachments" or "thumbnails") and its number.
    """
    uploads = []
    for value in record.values():
        if isinstance(value, dict) and value.get("link_type") == "upload":
            number = value.get("id") or (record["id"] if record["type"] == "Attachment" else None)
            uploads += [("attachments", number)] if number else []
        elif isinstance(value, dict) and set(value) == {"thumbnail"}:
            uploads.append(("thumbnails", value["thumbnail"]))
    return uploads
