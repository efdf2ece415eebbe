"""
The entities that a command works on: converts the typed type, filters, projects and fields into a native query.
"""

from typing import Any, Dict, Iterator, List, Optional, Sequence

from attrs import field, frozen

from sgextended import NotFoundError, SGExtended
from sgextended.cli.shared.filter_syntax import Condition, Filter, parse_filter, to_native_filters
from sgextended.cli.shared.output import plural, say
from sgextended.cli.syntax.link_finder import LinkFinder, link_in
from sgextended.cli.usage_error import UsageError
from sgextended.schema.name_fields import NAME_FIELDS, OTHER_NAME_FIELDS
from sgextended.schema.site_schema import SiteSchema, did_you_mean
from sgextended.schema.validation import problems_of

#: Fields that are shown by default for types without a name: the first one that the type has.
_INSTEAD_OF_NAMES = ("event_type", "description")


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
            NotFoundError: The site has no such project, or no entity with the name of a link.

            InvalidArgumentError: A filter has a value that its field cannot hold.

            UsageError: The site has no such type or field, or ``--fields`` or ``--order`` names no field.
        """
        schema = sg.site_schema()
        fields_of_type = known_fields(schema, self.entity_type)
        projects = find_projects_by_name(sg, self.projects) if self.projects else []
        links = LinkFinder(sg, schema, [{"type": "Project", "id": project["id"]} for project in projects])
        filters = to_native_filters(self.filters, schema, self.entity_type, links)
        if projects:
            filters.append(_project_filter(self.entity_type, fields_of_type, projects))
        order = [
            {"field_name": name.lstrip("-"), "direction": "desc" if name.startswith("-") else "asc"}
            for name in _split_names(self.order, "--order")
        ]
        named = [name for name in NAME_FIELDS if name in fields_of_type] or [
            name for name in (*OTHER_NAME_FIELDS, *_INSTEAD_OF_NAMES) if name in fields_of_type
        ][:1]
        default = ["id", *named]
        fields = _split_names(self.fields, "--fields") or default
        for name in [*fields, *(key["field_name"] for key in order)]:
            if name != "type":  # every entity has it, but no schema lists it
                try:
                    schema.field_type(self.entity_type, name)
                except NotFoundError as error:
                    raise UsageError(str(error)) from error
        return NativeQuery(self.entity_type, filters, fields, order)

    def explain_empty(self, sg: SGExtended, native: NativeQuery, message: Optional[str] = None) -> None:
        """
        Say on stderr that nothing matches the query, and which of its values do not exist.

        Args:
            sg: The client.

            native: The query as it was sent.

            message: The first sentence. None: that nothing matches.
        """
        reasons = list(dict.fromkeys([*_missing_links(sg, self), *_problems(sg, native)]))
        found = "matches the filters" if native.filters else "was found"
        say((message or f"No {self.entity_type} {found}.") + "".join(f"\n  {reason}" for reason in reasons))


def known_fields(schema: SiteSchema, entity_type: str) -> Dict[str, Any]:
    """
    Return the description of each field of an entity type.

    Raises:
        UsageError: The site has no such type.
    """
    try:
        return schema.fields(entity_type)
    except NotFoundError as error:
        raise UsageError(str(error)) from error


def _missing_links(sg: SGExtended, query: Query) -> Iterator[str]:
    """
    Yield a sentence for each entity that the query names by its id, and that does not exist.
    """
    wanted: Dict[str, Dict[int, None]] = {}
    for condition in query.filters:
        if not isinstance(condition, Condition) or condition.operator not in ("is", "in"):
            continue
        for token in condition.values:
            link = link_in(token.text)
            if link is not None:
                wanted.setdefault(link["type"], {})[link["id"]] = None
            elif condition.field.text == "id" and token.text.isdecimal():
                wanted.setdefault(query.entity_type, {})[int(token.text)] = None
    for entity_type, ids in wanted.items():
        if entity_type not in sg.site_schema().entity_types():
            continue
        found = {row["id"] for row in sg.find_by_ids(entity_type, list(ids))}
        for number in ids:
            if number not in found:
                yield f"There is no {entity_type} with the id {number}, or it is retired."


def _problems(sg: SGExtended, native: NativeQuery) -> Iterator[str]:
    """
    Yield what the site's schema says about filters that were typed as JSON and sent without a check.
    """
    arguments = {"entity_type": native.entity_type, "filters": native.filters}
    for problem in problems_of(sg.site_schema(), "find", arguments):
        yield problem.message


def find_projects_by_name(sg: SGExtended, names: Sequence[str]) -> List[Dict[str, Any]]:
    """
    Return the projects with these names, in the order of the names, each project once. Include archived projects.

    A name is compared as a whole, not as a glob pattern. Upper and lower case do not matter. ``tank_name``, an id,
    ``Project:12`` and the address of the project's page name a project too.

    Args:
        sg: The client.

        names: The names of the projects.

    Raises:
        NotFoundError: The site has no project with one of the names.

        UsageError: Several projects have one of the names.
    """
    all_projects = sg.find_projects(archived=None, fields=["name", "tank_name"])
    by_id = {project["id"]: project for project in all_projects}
    found: Dict[int, Dict[str, Any]] = {}
    missing = []
    for name in names:
        wanted = name.strip().lower()
        several = (
            [each for each in all_projects if each["name"].lower() == wanted]
            or [each for each in all_projects if (each["tank_name"] or "").lower() == wanted]
            or [by_id[number] for number in _project_ids_in(sg, name) if number in by_id]
        )
        if len(several) > 1:
            lines = "".join(f"\n  Project:{each['id']}  {each['name']}" for each in several)
            raise UsageError(f"{len(several)} projects have the name {name!r}. Write the id of one of them:{lines}")
        if several:
            found[several[0]["id"]] = several[0]
        else:
            missing.append(name)
    if missing:
        known = [each[key] for each in all_projects for key in ("name", "tank_name") if each[key]]
        hint = did_you_mean(missing[0], known)
        hint = hint or f" The site has {plural(len(all_projects), 'project')}. To list them: sgextended find Project"
        msg = f"There is no project {' or '.join(map(repr, missing))} on {sg.site.url}.{hint}"
        raise NotFoundError(msg)
    return [{key: row[key] for key in ("type", "id", "name")} for row in found.values()]


def _project_ids_in(sg: SGExtended, text: str) -> List[int]:
    if text.isdecimal():
        return [int(text)]
    link = link_in(text) or (sg.resolve(text, fields=["id"]) if "://" in text else None)
    return [link["id"]] if link is not None and link["type"] == "Project" else []


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
