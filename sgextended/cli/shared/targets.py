"""
The entities that a command reads or changes: by type and id, by type and name, or by the address of their pages.
"""

import re
from typing import Any, Dict, List, Optional, Sequence, Tuple

from sgextended import SGExtended
from sgextended.cli.printing.terminal import one_line
from sgextended.cli.shared.entity_query import find_projects_by_name, known_fields
from sgextended.cli.syntax.link_finder import LinkFinder, is_address, link_in
from sgextended.cli.usage_error import UsageError

_FIELD_AND_VALUE = re.compile(r"\w[\w.]*=", re.DOTALL)


def split_target(first: str, words: Sequence[str]) -> Tuple[Optional[str], List[str]]:
    """
    Return the entity type and the references to entities in the arguments ``TYPE ID ...``.

    An address or ``Shot:123`` in the place of the type has no type before it, so it is a reference itself.
    """
    if is_address(first) or link_in(first):
        return None, [first, *words]
    return first, list(words)


def split_single_target(first: str, words: Sequence[str], what: str) -> Tuple[Optional[str], str, List[str]]:
    """
    Return the entity type, the reference to one entity, and the words after them, in ``TYPE ID WORD ...``.

    Args:
        first: The first argument.

        words: All other arguments.

        what: What the words after the reference are, for the error.

    Raises:
        UsageError: The reference is missing, or no word follows it.
    """
    entity_type, both = split_target(first, words)
    if not both or (entity_type is not None and _FIELD_AND_VALUE.match(both[0])):
        raise UsageError(f"The id or name of the {entity_type} is missing. Write it after {entity_type}.")
    if len(both) < 2:
        raise UsageError(f"{what} is missing after {both[0]!r}.")
    return entity_type, both[0], both[1:]


def find_targets(
    sg: SGExtended,
    entity_type: Optional[str],
    references: Sequence[str],
    *,
    projects: Optional[Sequence[str]] = None,
    retired: bool = False,
) -> List[Dict[str, Any]]:
    """
    Return the links to the entities that were typed, in their order, each once.

    Args:
        sg: The client.

        entity_type: The entity type. None: each reference names its own.

        references: Ids, names, addresses, or texts such as ``Shot:123``.

        projects: Names of projects in which names are searched.

        retired: Whether names are those of retired entities.

    Raises:
        NotFoundError: No entity has one of the names.

        InvalidArgumentError: Several entities have one of the names, or an entity is of another type.

        UsageError: The site has no such type, or no reference was typed.
    """
    schema = sg.site_schema()
    if entity_type is not None:
        known_fields(schema, entity_type)
    if not references:
        raise UsageError(f"The id or name of the {entity_type} is missing. Write it after {entity_type}.")
    found = find_projects_by_name(sg, projects) if projects else []
    finder = LinkFinder(sg, schema, [{"type": "Project", "id": project["id"]} for project in found])
    types = None if entity_type is None else [entity_type]
    links = [finder.find(reference, types, retired=retired, numbers_are_ids=True) for reference in references]
    unique = {(link["type"], link["id"]): {"type": link["type"], "id": link["id"]} for link in links}
    return list(unique.values())


def shown_name(sg: SGExtended, entity: Dict[str, Any]) -> str:
    """
    Return an entity as ``Shot 123 ab_010``, from a row with its name fields.
    """
    fields = LinkFinder(sg, sg.site_schema()).name_fields(entity["type"])
    name = next((entity[field] for field in fields if entity.get(field)), "")
    return one_line(f"{entity['type']} {entity['id']} {name}".rstrip())


def with_names(sg: SGExtended, links: Sequence[Dict[str, Any]], *, retired: bool = False) -> List[Dict[str, Any]]:
    """
    Return the entities of links, with the fields of their names, in the same order.

    Raises:
        NotFoundError: One of the entities does not exist, or is retired.
    """
    finder = LinkFinder(sg, sg.site_schema())
    rows: Dict[Tuple[str, int], Dict[str, Any]] = {}
    for entity_type in dict.fromkeys(link["type"] for link in links):
        ids, fields = [link["id"] for link in links if link["type"] == entity_type], finder.name_fields(entity_type)
        found = (
            sg.find(entity_type, [["id", "in", ids]], fields, retired_only=True)
            if retired
            else sg.find_by_ids(entity_type, ids, fields=fields, required=True)
        )
        rows.update({(entity_type, row["id"]): row for row in found})
    return [rows[link["type"], link["id"]] for link in links if (link["type"], link["id"]) in rows]
