"""
Find the entity for a web page URL, a type and id, or a name; return the URL of an entity's web page.
"""

import re
from typing import Any, Iterable, List, Mapping, Optional, Union
from urllib.parse import urlsplit

from sgextended.domain.arguments import Entity, Links, Names, Row, fields_of, ids_of, link_in_url, texts_of, to_link
from sgextended.domain.client_kinds import Finder, client_of
from sgextended.domain.entities import get
from sgextended.domain.search import Query
from sgextended.errors import AmbiguousError, InvalidArgumentError, NotFoundError
from sgextended.http.deadline import within
from sgextended.schema.name_fields import name_fields
from sgextended.site_address import host_of

#: Entity types that are searched for a name.
NAMED_TYPES = ("Project", "Asset", "Shot", "Sequence", "Episode")

_WITHOUT_PROJECT = {"Department", "Group", "HumanUser", "Project", "PublishedFileType", "Status", "Step", "Tag"}

# Not compiled here, because that would slow down the import; re caches compiled patterns.
_TYPE_AND_ID = r"([A-Z]\w*)\s*:\s*(\d+)"


def resolve(
    sg: Finder,
    reference: Union[str, int, Entity],
    *,
    entity_type: Names = None,
    project: Links = None,
    fields: Optional[Iterable[str]] = None,
    timeout: Optional[float] = None,
) -> Row:
    """
    Return the entity that a URL, a text, a link or an id refers to.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        reference: A URL of the site's web pages, such as ``"https://.../detail/Shot/123"``; ``"Shot:123"``; a link; a
            name such as ``"sh010"``; or an id, with one *entity_type*.

        entity_type: Entity types to search for a name, one request for each. None: `NAMED_TYPES`. A reference to an
            entity of another type raises InvalidArgumentError.

        project: Links to projects to search for a name.

        fields: Fields to return. None: ``cached_display_name``.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        Dict with ``type``, ``id`` and the fields.

    Raises:
        NotFoundError: No entity matches.

        AmbiguousError: Several entities have the name. ``found`` contains them, with their projects.

        InvalidArgumentError: *reference* does not refer to an entity, or is a URL of another site. No request was sent.
    """
    types = texts_of(entity_type, "entity_type")
    projects = None if project is None else [_project(each) for each in ids_of(project, "project", "Project")]
    wanted = fields_of(fields, default=["cached_display_name"])
    link = _link_of(sg, reference, types)
    with within(sg, timeout):
        if link is None:
            link = _find_by_name(sg, str(reference).strip(), NAMED_TYPES if types is None else types, projects)
        elif types is not None and link["type"] not in types:
            msg = (
                f"{reference!r:.200} is of the type {link['type']}, not {' or '.join(types)}, as entity_type= requires."
            )
            raise InvalidArgumentError(msg)
        return get(sg, link["type"], link, fields=wanted)


def entity_url(sg: Finder, entity: Entity) -> str:
    """
    Return the URL of an entity's web page. No request is sent.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun), which has the URL of the site.

        entity: Link to the entity.
    """
    link = to_link(entity)
    address = urlsplit(client_of(sg).base_url)
    root = f"{address.scheme}://{address.netloc.rpartition('@')[2]}"
    return f"{root}/page/{link['id']}" if link["type"] == "Page" else f"{root}/detail/{link['type']}/{link['id']}"


def _link_of(sg: Any, reference: Any, types: Optional[List[str]]) -> Optional[Row]:
    """
    Return the link that a reference contains, or None if the reference can only be a name.
    """
    if isinstance(reference, Mapping):
        return to_link(reference, "reference")
    text = reference.strip() if isinstance(reference, str) else reference
    if isinstance(text, int) and not isinstance(text, bool):
        if types is not None and len(types) == 1:
            return {"type": types[0], "id": text}
    elif isinstance(text, str) and text:
        if "://" in text:
            return link_in_url(text, host_of(client_of(sg).base_url))
        match = re.fullmatch(_TYPE_AND_ID, text)
        return {"type": match.group(1), "id": int(match.group(2))} if match else None
    msg = (
        f"{reference!r:.80} does not refer to an entity. No request was sent. Pass a web page URL, 'Shot:123', a link, "
        "a "
        "name, or an id with one entity_type."
    )
    raise InvalidArgumentError(msg)


def _project(number: int) -> Row:
    return {"type": "Project", "id": number}


def _find_by_name(sg: Finder, name: str, types: Iterable[str], projects: Optional[List[Row]]) -> Row:
    found: List[Row] = []
    for kind in types:
        query = Query()
        field = name_fields(kind)[0]
        query.names(field, name)
        has_project = kind not in _WITHOUT_PROJECT
        if has_project:
            query.links("project", projects)
        elif projects is not None and kind == "Project":
            query.numbers("id", [each["id"] for each in projects])
        found += query.find(sg, kind, [field, *(["project"] if has_project else [])], None, (), ["id"])
    if not found:
        msg = f"No entity of the types {', '.join(types) or '(none)'} has the name {name!r:.80}."
        raise NotFoundError(msg)
    if len(found) > 1:
        some = ", ".join(f"{row['type']}:{row['id']}{_in_project(row)}" for row in found[:10])
        msg = f"{len(found)} entities have the name {name!r:.80}: {some}. Pass project=, entity_type= or one of these."
        raise AmbiguousError(msg, found=found)
    return found[0]


def _in_project(row: Row) -> str:
    project = row.get("project")
    return f" in {project.get('name') or project['id']}" if project else ""
