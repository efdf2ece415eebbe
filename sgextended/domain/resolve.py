"""
Entities as people name them: by web address, by type and id, by name.
"""

import re
from typing import Any, Iterable, List, Mapping, Optional, Tuple, Union
from urllib.parse import parse_qs, urlsplit

from sgextended.domain.conditions import (
    Entity,
    Finder,
    Links,
    Names,
    Query,
    Row,
    client_of,
    fields_of,
    ids_of,
    texts_of,
    to_link,
)
from sgextended.domain.entities import get
from sgextended.errors import AmbiguousError, InvalidArgumentError, NotFoundError
from sgextended.http.deadline import within

#: Types among which a name is looked for.
NAMED_TYPES = ("Project", "Asset", "Shot", "Sequence", "Episode")

_NAMES = {
    "Attachment": "display_name",
    "Department": "name",
    "HumanUser": "name",
    "Note": "subject",
    "Page": "name",
    "Project": "name",
    "Tag": "name",
    "Task": "content",
    "Ticket": "title",
}
_WITHOUT_PROJECT = {"Department", "Group", "HumanUser", "Project", "PublishedFileType", "Status", "Step", "Tag"}

_USUAL_PORTS = {"http": 80, "https": 443}
# Plain texts: compiling them at import would cost time, and re keeps what it has compiled.
_TYPE_AND_ID = r"([A-Z]\w*)\s*:\s*(\d+)"
_DETAIL = r"/detail/(\w+)/(\d+)\b"
_SELECTED = r"([A-Z][A-Za-z0-9]*)_(\d+)(?:_|$)"
_PAGE = r"/page/(\d+)\b"


def resolve(
    sg: Finder,
    what: Union[str, int, Entity],
    *,
    entity_type: Names = None,
    project: Links = None,
    fields: Optional[Iterable[str]] = None,
    timeout: Optional[float] = None,
) -> Row:
    """
    Return the entity that somebody means.

    Args:
        sg: Who is asked.

        what: An address of the site's web pages, such as ``"https://.../detail/Shot/123"``; ``"Shot:123"``; a link; a
            name such as ``"sh010"``; or an id, with one *entity_type*.

        entity_type: Types among which a name is looked for, one request for each. None: `NAMED_TYPES`. An entity of
            another type is refused.

        project: Links to projects in which a name is looked for.

        fields: Fields to return; None: ``cached_display_name``.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        Dict with ``type``, ``id`` and the fields.

    Raises:
        NotFoundError: There is no such entity.

        AmbiguousError: A name is that of several; ``found`` holds them, with their projects.

        InvalidArgumentError: It says nothing that could be an entity, or leads to another site; nothing was asked.
    """
    types = texts_of(entity_type, "entity_type")
    projects = None if project is None else [_project(each) for each in ids_of(project, "project", "Project")]
    wanted = fields_of(fields, usual=["cached_display_name"])
    link = _link_of(sg, what, types)
    with within(sg, timeout):
        if link is None:
            link = _named(sg, str(what).strip(), NAMED_TYPES if types is None else types, projects)
        elif types is not None and link["type"] not in types:
            msg = f"{what!r:.200} is of the type {link['type']}, and not of {' or '.join(types)}."
            raise InvalidArgumentError(msg)
        return get(sg, link["type"], link, fields=wanted)


def entity_url(sg: Finder, entity: Entity) -> str:
    """
    Return the address of an entity's web page.

    Args:
        sg: Whose site it is on. It is not asked.

        entity: Link to the entity.
    """
    link = to_link(entity)
    address = urlsplit(client_of(sg).base_url)
    root = f"{address.scheme}://{address.netloc.rpartition('@')[2]}"
    return f"{root}/page/{link['id']}" if link["type"] == "Page" else f"{root}/detail/{link['type']}/{link['id']}"


def _link_of(sg: Any, what: Any, types: Optional[List[str]]) -> Optional[Row]:
    """
    Return the link that *what* says; None where it can only be a name.
    """
    if isinstance(what, Mapping):
        return to_link(what, "what")
    text = what.strip() if isinstance(what, str) else what
    if isinstance(text, int) and not isinstance(text, bool):
        if types is not None and len(types) == 1:
            return {"type": types[0], "id": text}
    elif isinstance(text, str) and text:
        if "://" in text:
            return _at_address(sg, text)
        match = re.fullmatch(_TYPE_AND_ID, text)
        return {"type": match.group(1), "id": int(match.group(2))} if match else None
    msg = f"{what!r:.80} says no entity: give a web address, 'Shot:123', a link, a name, or an id with one entity_type."
    raise InvalidArgumentError(msg)


def _at_address(sg: Any, text: str) -> Row:
    own = urlsplit(client_of(sg).base_url)
    try:
        address = urlsplit(text)
        port = address.port
    except ValueError as error:
        msg = f"{text!r:.200} is no web address: {error}."
        raise InvalidArgumentError(msg) from None
    if address.hostname != own.hostname or _port(address.scheme, port) != _port(own.scheme, own.port):
        msg = f"{text!r:.200} leads to another site than {own.hostname}, where that id is something else."
        raise InvalidArgumentError(msg)
    asked = {name: values[0] for name, values in parse_qs(address.query).items()}
    # What is selected on a page is meant rather than the page.
    match = re.search(_DETAIL, address.path) or re.match(_SELECTED, address.fragment)
    if match:
        return {"type": match.group(1), "id": int(match.group(2))}
    pairs: List[Tuple[Optional[str], Optional[str]]] = [
        (asked.get("type"), asked.get("id")),
        (asked.get("entity_type"), asked.get("entity_id")),
        ("Project", asked.get("project_id")),
    ]
    page = re.match(_PAGE, address.path)
    for kind, number in [*pairs, ("Page", page and page.group(1))]:
        if kind and number and number.isdigit():
            return {"type": kind, "id": int(number)}
    msg = f"{text!r:.200} is no address of an entity, such as https://.../detail/Shot/123."
    raise InvalidArgumentError(msg)


def _project(number: int) -> Row:
    return {"type": "Project", "id": number}


def _port(scheme: str, port: Optional[int]) -> Optional[int]:
    return None if port == _USUAL_PORTS.get(scheme) else port  # http and https lead to one site


def _named(sg: Finder, name: str, types: Iterable[str], projects: Optional[List[Row]]) -> Row:
    found: List[Row] = []
    for kind in types:
        query = Query()
        field = _NAMES.get(kind, "code")
        query.names(field, name)
        has_project = kind not in _WITHOUT_PROJECT
        if has_project:
            query.links("project", projects)
        elif projects is not None and kind == "Project":
            query.numbers("id", [each["id"] for each in projects])
        found += query.find(sg, kind, [field, *(["project"] if has_project else [])], None, (), ["id"])
    if not found:
        msg = f"Nothing is called {name!r:.80} among {', '.join(types) or 'no types'}."
        raise NotFoundError(msg)
    if len(found) > 1:
        some = ", ".join(f"{row['type']}:{row['id']}{_in_project(row)}" for row in found[:10])
        msg = f"{name!r:.80} is the name of {len(found)} entities: {some}. Give project=, entity_type= or one of these."
        raise AmbiguousError(msg, found=found)
    return found[0]


def _in_project(row: Row) -> str:
    project = row.get("project")
    return f" in {project.get('name') or project['id']}" if project else ""
