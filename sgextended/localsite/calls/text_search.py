"""
Text search over the names of rows and of the rows that they link to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import sqlalchemy as sa

from sgextended.localsite.calls import payload
from sgextended.localsite.errors import Fault, inspect
from sgextended.localsite.reading.field_paths import link_name
from sgextended.localsite.reading.filter_operators import text_condition
from sgextended.localsite.reading.row_reads import Search, scope_of, show
from sgextended.localsite.storage.transaction import among

if TYPE_CHECKING:
    from sgextended.localsite.schema.entity_types import EntityType, Field
    from sgextended.localsite.storage.transaction import Transaction

#: The largest number of matches that a search returns.
MAX_MATCHES = 500
SHORTEST_TEXT = 3

# The link that distinguishes rows of the same name, by type; "entity" for all other types.
_LINKS = {"Sequence": "episode", "Shot": "sg_sequence", "CutItem": "cut"}


def query_display_name_cache(tx: Transaction, request: Any) -> dict[str, Any]:
    """
    Return the rows in which every word of a text occurs, shortest names first.

    A word may occur in the row's own name or in the name of the row that it links to.
    """
    request = payload.mapping(tx, request)
    text, limit = request.get("text"), payload.optional_integer(tx, request, "max_results")
    if not isinstance(text, str) or len(text.strip()) < SHORTEST_TEXT:
        raise Fault(f"API {tx.rpc}() text must be at least {SHORTEST_TEXT} characters long: {inspect(text)}")
    projects = request.get("project_ids") or []
    if not isinstance(projects, list) or not all(isinstance(number, int) for number in projects):
        raise Fault(f"API {tx.rpc}() 'project_ids' expected an Array of Integer but got: {inspect(projects)}")
    words = text.lower().split()
    most = MAX_MATCHES if limit is None else min(limit, MAX_MATCHES)
    matches: list[dict[str, Any]] = []
    for name, filters in payload.mapping(tx, request.get("entity_types")).items():
        entity_type = payload.entity_type(tx, {"type": name})
        matches.extend(_matches(tx, entity_type, filters, words, projects, most))
    matches.sort(key=lambda match: (len(match["name"]), match["name"].casefold(), match["type"], match["id"]))
    return {"matches": matches[:most], "terms": words}


def _matches(
    tx: Transaction, entity_type: EntityType, filters: Any, words: list[str], projects: list[int], most: int
) -> list[dict[str, Any]]:
    scope, condition = scope_of(tx, Search(entity_type=entity_type.name, filters=filters))
    directory = tx.alias("directory")
    entry = sa.and_(directory.c.type == entity_type.name, directory.c.id == scope.root.id)
    link = _link(entity_type)
    names: list[sa.ColumnElement[Any]] = (
        [directory.c.name] if link is None else [directory.c.name, link_name(tx, scope.root, link)]
    )
    found = [sa.or_(*(text_condition(name, "contains", word) for name in names)) for word in words]
    query = sa.select(scope.root.id).select_from(scope.tables.join(directory, entry)).where(condition, *found)
    in_project = "project" in entity_type.fields
    if projects:
        owner = scope.root.row.c.project__id if in_project else scope.root.id
        if not in_project and entity_type.name != "Project":
            return []
        query = query.where(among(owner, projects))
    order = sa.func.length(directory.c.name), directory.c.name, scope.root.id
    ids = list(tx.connection.execute(query.order_by(*order).limit(most)).scalars())
    return _shown(tx, entity_type, link, ids)


def _shown(tx: Transaction, entity_type: EntityType, link: Optional[Field], ids: list[int]) -> list[dict[str, Any]]:
    status = next((name for name in ("sg_status_list", "sg_status") if name in entity_type.fields), "")
    fields = [name for name in ("project", "image", status) if name in entity_type.fields]
    rows = show(tx, entity_type.name, ids, fields + ([] if link is None else [link.name]))
    names = tx.names({entity_type.name: ids})
    found = []
    for row in rows:
        target = None if link is None else row[link.name]
        project = row.get("project")
        found.append(
            {
                "id": row["id"],
                "type": entity_type.name,
                "name": names[entity_type.name, row["id"]] or "",
                "project_id": row["id"] if entity_type.name == "Project" else project and project["id"],
                "image": row.get("image"),
                "links": ["", ""] if target is None else [tx.schema[target["type"]].label, target["name"] or ""],
                "status": row.get(status),
            }
        )
    return found


def _link(entity_type: EntityType) -> Optional[Field]:
    field = entity_type.fields.get(_LINKS.get(entity_type.name, "entity"))
    return field if field is not None and field.data_type == "entity" else None
