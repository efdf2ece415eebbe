"""
The entities that a command works on: converts the typed type, filters, projects and fields into a native query.
"""

from typing import Any, Dict, List, Optional, Sequence

from attrs import field, frozen

from sgextended import NotFoundError, SGExtended
from sgextended.cli.shared.filter_syntax import Filter, parse_filter, to_native_filters
from sgextended.cli.shared.output import plural
from sgextended.cli.shared.usage_error import UsageError
from sgextended.schema.site_schema import SiteSchema, did_you_mean

#: The fields that hold the name of an entity. Each entity type has at least one of them.
NAME_FIELDS = ("code", "name", "content")


def _parse_filters(texts: Optional[Sequence[str]]) -> List[Filter]:
    return [parse_filter(text) for text in texts or ()]


def _or_empty(names: Optional[Sequence[str]]) -> Sequence[str]:
    return names or ()


@frozen
class NativeQuery:
    """
    The arguments of a query, as ``find`` of the native client takes them.
    """

    entity_type: str
    filters: List[Any]
    fields: List[str]
    order: List[Dict[str, str]]


@frozen(kw_only=True)
class Query:
    """
    A query as the user typed it. Creating it parses the filters, and raises `InvalidArgumentError` before any request
    if one of them is not valid.
    """

    entity_type: str
    filters: List[Filter] = field(converter=_parse_filters)
    projects: Sequence[str] = field(default=(), converter=_or_empty)
    fields: Optional[str] = None
    order: Optional[str] = None

    def to_native(self, sg: SGExtended) -> NativeQuery:
        """
        Return the query as the native client takes it. The site's schema gives the types of the fields.

        Raises:
            NotFoundError: The site has no such type, field or project.

            InvalidArgumentError: A filter has a value that its field cannot hold.

            UsageError: ``--fields`` or ``--order`` names no field.
        """
        schema = SiteSchema(sg)
        fields_of_type = schema.fields(self.entity_type)
        filters = to_native_filters(self.filters, schema, self.entity_type)
        if self.projects:
            projects = find_projects_by_name(sg, self.projects)
            filters.append(_project_filter(self.entity_type, fields_of_type, projects))
        order = [
            {"field_name": name.lstrip("-"), "direction": "desc" if name.startswith("-") else "asc"}
            for name in _split_names(self.order, "--order")
        ]
        default = ["id", *(name for name in NAME_FIELDS if name in fields_of_type)]
        fields = _split_names(self.fields, "--fields") or default
        for name in [*fields, *(key["field_name"] for key in order)]:
            if name != "type":  # every entity has it, but no schema lists it
                schema.field_type(self.entity_type, name)
        return NativeQuery(self.entity_type, filters, fields, order)


def find_projects_by_name(sg: SGExtended, names: Sequence[str]) -> List[Dict[str, Any]]:
    """
    Return the projects with these names, in the order of the names, each project once. Include archived projects.

    A name is compared as a whole, not as a glob pattern. Upper and lower case do not matter.

    Args:
        sg: The client.

        names: The names of the projects.

    Raises:
        NotFoundError: The site has no project with one of the names.
    """
    all_projects = sg.find_projects(archived=None, fields=["name"])
    by_name = {project["name"].lower(): project for project in all_projects}
    missing = [name for name in names if name.lower() not in by_name]
    if missing:
        hint = did_you_mean(missing[0], [project["name"] for project in all_projects])
        hint = hint or f" The site has {plural(len(all_projects), 'project')}."
        msg = f"There is no project {' or '.join(map(repr, missing))} on {sg.site.url}.{hint}"
        raise NotFoundError(msg)
    return [by_name[name] for name in dict.fromkeys(name.lower() for name in names)]


def _split_names(text: Optional[str], option: str) -> List[str]:
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    if text is not None and not names:
        raise UsageError(f"{option} {text!r} names no field. Give field names, separated by commas, such as id,code.")
    return names


def _project_filter(entity_type: str, fields_of_type: Dict[str, Any], projects: List[Dict[str, Any]]) -> List[Any]:
    links = [{"type": "Project", "id": project["id"]} for project in projects]
    if entity_type == "Project":
        return ["id", "in", [link["id"] for link in links]]
    for name in ("project", "projects"):
        if name in fields_of_type:
            return [name, "in", links]
    msg = (
        f"{entity_type} cannot be limited to a project: it has no field 'project' or 'projects'. "
        "Use --filter instead of --project."
    )
    raise NotFoundError(msg)
