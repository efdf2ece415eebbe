"""
Which entities a command is about: what was typed, as the native client takes it.
"""

from typing import Any, Dict, List, Optional, Sequence

from attrs import field, frozen

from sgextended import NotFoundError, SGExtended
from sgextended.cli import filter_syntax as typed
from sgextended.cli import project_names as projects
from sgextended.cli.load_function import UsageError
from sgextended.schema.site_schema import SiteSchema

#: Fields by which people know an entity; a type has one of them, or several.
NAMES = ("code", "name", "content")


def _parsed(texts: Optional[Sequence[str]]) -> List[typed.Filter]:
    return [typed.parse(text) for text in texts or ()]


def _given(names: Optional[Sequence[str]]) -> Sequence[str]:
    return names or ()


@frozen
class Native:
    """
    A query as the native client takes it.
    """

    entity_type: str
    filters: List[Any]
    fields: List[str]
    order: List[Dict[str, str]]


@frozen(kw_only=True)
class Query:
    """
    A query as it was typed. Filters that are none are refused when it is made, before anything is sent.
    """

    entity_type: str
    filters: List[typed.Filter] = field(converter=_parsed)
    projects: Sequence[str] = field(default=(), converter=_given)
    fields: Optional[str] = None
    order: Optional[str] = None

    def to_native(self, sg: SGExtended) -> Native:
        """
        Return the query for a site, which is asked for the types of the fields.

        Raises:
            NotFoundError: The site has no such type, field or project.

            InvalidArgumentError: A field holds no such values.
        """
        schema = SiteSchema(sg)
        known = schema.fields(self.entity_type)
        filters = typed.to_native(self.filters, schema, self.entity_type)
        if self.projects:
            filters.append(_in_projects(self.entity_type, known, projects.find_named(sg, self.projects)))
        order = [
            {"field_name": name.lstrip("-"), "direction": "desc" if name.startswith("-") else "asc"}
            for name in _names_in(self.order, "--order")
        ]
        fields = _names_in(self.fields, "--fields") or ["id", *(name for name in NAMES if name in known)]
        for name in [*fields, *(key["field_name"] for key in order)]:
            if name != "type":  # every entity has it, and no schema
                schema.field_type(self.entity_type, name)
        return Native(self.entity_type, filters, fields, order)


def _names_in(text: Optional[str], option: str) -> List[str]:
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    if text is not None and not names:
        raise UsageError(f"{option} {text!r} names no field.")
    return names


def _in_projects(entity_type: str, known: Dict[str, Any], wanted: List[Dict[str, Any]]) -> List[Any]:
    links = [{"type": "Project", "id": project["id"]} for project in wanted]
    if entity_type == "Project":
        return ["id", "in", [link["id"] for link in links]]
    for name in ("project", "projects"):
        if name in known:
            return [name, "in", links]
    msg = f"A {entity_type} belongs to no project: leave --project out, or give a --filter."
    raise NotFoundError(msg)
