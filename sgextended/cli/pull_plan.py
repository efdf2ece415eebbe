"""
What ``sgextended pull`` asks a site for: which types, by which filters, with which fields; and what never leaves it.
"""

import datetime as dt
import hashlib
import re
from typing import Any, Dict, FrozenSet, Iterator, List, Mapping, Optional, Sequence, Tuple

from attrs import frozen

from sgextended.cli.load_function import UsageError
from sgextended.schema.site_schema import did_you_mean

#: Of which a site has few, and which the records of every project are about.
WHOLE = (
    *("Department", "Group", "LocalStorage", "PermissionRuleSet", "PublishedFileType", "Status", "Step"),
    *("TaskTemplate", "GroupUserConnection"),
)
#: Persons, whose names ``--anonymous`` leaves on the site.
PERSONS = frozenset({"ClientUser", "HumanUser", "Performer"})
#: What grows without end; pulled when it is asked for by name.
_LOGS = frozenset({"EventLogEntry", "PageHit"})
# What each person, or each program, has for themselves.
_NEVER = frozenset({"ActionMenuItem", "AppWelcomeUserConnection", "BannerUserConnection", "PlaylistShare", "Webhook"})

_SECRET = re.compile(r"passw(or)?d|pwd|secret|token|credential|api_?key|access_key|salt|private_key", re.IGNORECASE)
_COMPUTED = frozenset({"calculated", "password", "pivot_column", "summary"})
# What other records say too, from the other end.
_MIRRORED = frozenset(
    {"attachments", "notes", "open_notes", "replies", "sg_published_files", "sg_versions", "sibling_tasks", "tasks"}
)
_NOT_MIRRORED = frozenset({"Delivery.sg_published_files", "Note.tasks"})
_TEXTS = frozenset({"text", "url", "image", "serializable", "jsonb", "tag_list", "list", "footage", "url_template"})
_NAMES = ("name", "firstname", "login", "code")
# What texts that the site writes by itself tell about persons.
_TELLING = {"EventLogEntry": ("description", "meta")}


@frozen
class Part:
    """
    The records of one type that are pulled.

    Attributes:
        filters: Which of them.

        fields: What of them, by name and data type.
    """

    entity_type: str
    filters: List[Any]
    fields: Dict[str, str]


@frozen(kw_only=True)
class Plan:
    """
    What is pulled.

    Attributes:
        schema: The site's, as ``schema_read`` gives it.

        projects: Links to the projects.

        entity_types: The only types that are pulled of the projects. None: all but logs.

        since: Records that were not changed since are left out.

        is_anonymous: Whether names of persons are left out.
    """

    schema: Mapping[str, Any]
    projects: Sequence[Dict[str, Any]]
    entity_types: Optional[FrozenSet[str]] = None
    since: Optional[dt.datetime] = None
    is_anonymous: bool = False

    def parts(self) -> Iterator[Part]:
        """
        Yield what is pulled before it is known what that links to.

        Raises:
            UsageError: A type is none of the site's, or none of a project's.
        """
        unknown = sorted((self.entity_types or frozenset()) - set(self.schema))
        if unknown:
            raise UsageError(f"The site has no type {unknown[0]!r}.{did_you_mean(unknown[0], self.schema)}")
        ids = [project["id"] for project in self.projects]
        yield Part("Project", [["id", "in", ids]], self.fields("Project"))
        for entity_type in WHOLE:
            if entity_type in self.schema:
                yield Part(entity_type, [], self.fields(entity_type))
        for entity_type in self.schema:
            within = self._within(entity_type)
            if within is None or entity_type in (*WHOLE, *PERSONS - {"Performer"}, "Project"):
                if entity_type in (self.entity_types or ()):
                    raise UsageError(f"{entity_type} belongs to no project; it is pulled where records link to it.")
            elif self._is_wanted(entity_type):
                yield Part(entity_type, [within, *self._changed(entity_type)], self.fields(entity_type))

    def linked(self, entity_type: str, ids: Sequence[int]) -> Optional[Part]:
        """
        Return the part for records that others link to; None for those of projects, which are pulled or not anyhow.
        """
        there = entity_type in self.schema and entity_type not in (_LOGS | _NEVER | {"Project", *WHOLE})
        if not there or "project" in self.schema[entity_type]:
            return None
        return Part(entity_type, [["id", "in", list(ids)]], self.fields(entity_type))

    def fields(self, entity_type: str) -> Dict[str, str]:
        """
        Return the fields of a type that are pulled.
        """
        found = {}
        for name, facts in self.schema[entity_type].items():
            data_type = facts["data_type"]["value"]
            mirrored = name in _MIRRORED and f"{entity_type}.{name}" not in _NOT_MIRRORED
            left = data_type in _COMPUTED or mirrored or _SECRET.search(name) is not None
            if self.is_anonymous:
                left = left or (entity_type in PERSONS and data_type in _TEXTS) or name == "cached_display_name"
                left = left or name in _TELLING.get(entity_type, ())
            if not left and name not in {"id", "type"}:
                found[name] = data_type
        return found

    def _is_wanted(self, entity_type: str) -> bool:
        if self.entity_types is not None:
            return entity_type in self.entity_types
        return entity_type not in _LOGS | _NEVER

    def _changed(self, entity_type: str) -> List[Any]:
        if self.since is None or "updated_at" not in self.schema[entity_type]:
            return []
        return [["updated_at", "greater_than", self.since]]

    def _within(self, entity_type: str) -> Any:
        """
        Return the condition that a record belongs to the projects, perhaps by what it links to; None: it cannot.
        """
        projects = list(self.projects)
        fields = self.schema[entity_type]
        if "project" in fields:
            return ["project", "in", projects]
        conditions = []
        for name, facts in fields.items():
            types = facts.get("properties", {}).get("valid_types", {}).get("value") or []
            if facts["data_type"]["value"] == "entity" and name not in {"created_by", "updated_by"}:
                conditions += [
                    [f"{name}.{each}.project", "in", projects]
                    for each in types
                    if "project" in self.schema.get(each, ())
                ]
        return {"filter_operator": "any", "filters": conditions} if conditions else None


class Writer:
    """
    Turns what the site answers into lines: values that hold for good, without addresses that let anybody in.

    Args:
        part: What is written.

        is_anonymous: Whether persons are called by their numbers.

    Attributes:
        links: Ids of what the records link to, by type.
    """

    def __init__(self, part: Part, *, is_anonymous: bool = False) -> None:
        self._part = part
        self._is_anonymous = is_anonymous
        self.links: Dict[str, set] = {}  # type: ignore[type-arg]  # of ids

    def line(self, entity: Mapping[str, Any]) -> Dict[str, Any]:
        """
        Return an entity as it is written.
        """
        own = self._part.entity_type
        record = {"type": own, "id": entity["id"]}
        for name, data_type in self._part.fields.items():
            record[name] = self._value(entity, name, data_type, entity.get(name))
        if self._is_anonymous and own in PERSONS:
            record.update(dict.fromkeys(_NAMES, _pseudonym(entity["id"])))
        self.note(record)
        return record

    def note(self, record: Mapping[str, Any]) -> None:
        """
        Remember what a record, as it was written, links to.
        """
        for name, data_type in self._part.fields.items():
            value = record.get(name)
            for link in value if isinstance(value, list) else [value]:
                if data_type in {"entity", "multi_entity", "tag_list"} and isinstance(link, dict):
                    self.links.setdefault(link["type"], set()).add(link["id"])

    def _value(self, entity: Mapping[str, Any], name: str, data_type: str, value: Any) -> Any:
        if isinstance(value, dt.datetime):
            return value.astimezone(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        if data_type == "image" and isinstance(value, str):
            # The address lets whoever has it in for a while; what it shows is pulled by its number.
            return {"thumbnail": thumbnail_number(self._part.entity_type, entity["id"], name)}
        if data_type == "url" and isinstance(value, dict) and value.get("link_type") == "upload":
            return {key: kept for key, kept in value.items() if key != "url"}
        if data_type in {"entity", "multi_entity"}:
            return [self._link(each) for each in value] if isinstance(value, list) else self._link(value)
        return value

    def _link(self, link: Any) -> Any:
        if self._is_anonymous and isinstance(link, dict) and link.get("type") in PERSONS:
            return {"type": link["type"], "id": link["id"], "name": _pseudonym(link["id"])}
        return link


def thumbnail_number(entity_type: str, entity_id: int, field: str) -> int:
    """
    Return the number by which a record's thumbnail is known; below 0, so that it is no Attachment's.
    """
    digest = hashlib.sha256(f"{entity_type} {entity_id} {field}".encode()).digest()
    return -int.from_bytes(digest[:6], "big") - 1


def _pseudonym(entity_id: int) -> str:
    return f"Person {entity_id}"


def moment(text: str) -> dt.datetime:
    """
    Return the moment that a day or a time in ISO 8601 names; without a zone it is one of this machine's.

    Raises:
        UsageError: It names none.
    """
    try:
        found = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise UsageError(f"{text!r} is no day: write one like 2026-03-10, or a time like 2026-03-10T18:00.") from None
    return found.astimezone()


def uploads_in(record: Mapping[str, Any]) -> List[Tuple[str, int]]:
    """
    Return the files that a record, as it was written, has on the site: what kind, and the number.
    """
    found = []
    for value in record.values():
        if isinstance(value, dict) and value.get("link_type") == "upload":
            number = value.get("id") or (record["id"] if record["type"] == "Attachment" else None)
            found += [("attachments", number)] if number else []
        elif isinstance(value, dict) and set(value) == {"thumbnail"}:
            found.append(("thumbnails", value["thumbnail"]))
    return found
