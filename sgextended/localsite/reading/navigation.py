"""
The navigation tree: projects with their assets and shots, grouped by the fields that each project sets.

A path names a node: ``/Project/65/Shot/sg_sequence/Sequence/23/id/7`` is shot 7, shown under sequence 23. If the
project sets no fields, assets are grouped by type and shots by sequence.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Optional
from urllib.parse import quote, unquote

import attrs
import sqlalchemy as sa

from sgextended.localsite.errors import Fault, inspect
from sgextended.localsite.storage.display_names import name_sources

if TYPE_CHECKING:
    from sgextended.localsite.reading.field_paths import Place
    from sgextended.localsite.schema.entity_types import Field
    from sgextended.localsite.storage.transaction import Transaction

Condition = sa.ColumnElement[bool]

#: The fault code for a path that is not in the tree.
NAVIGATION = 107

# The field by which a project's tree groups the rows of each type, if the project has no settings of its own.
_DEFAULT_CHAINS = {"Asset": "sg_asset_type", "Shot": "sg_sequence"}
#: What stands in a path in place of a group, for the rows that have none.
NO_GROUP = "__none__"


@attrs.frozen
class Node:
    """
    A place in the tree. Each further attribute is one level deeper.

    ``group`` is None for a node above the groups. In a group, it is a pair of type and id for an entity field, or the
    value of a list field. For the rows that have no group, it is an empty text.
    """

    project_id: Optional[int] = None
    entity_type: str = ""
    field: Optional[Field] = None
    group: Any = None
    row_id: Optional[int] = None

    @property
    def path(self) -> str:
        """
        Return the node's path.
        """
        if self.project_id is None:
            return "/"
        path = f"/Project/{self.project_id}"
        if self.entity_type:
            path += f"/{self.entity_type}"
        if self.field is not None and self.group is not None:
            path += f"/{self.field.name}"
            if self.field.data_type == "entity":
                target = self.group[0] if self.group else self.field.valid_types[0]
                path += f"/{target}/{self.group[1] if self.group else NO_GROUP}"
            else:
                path += f"/{quote(self.group, safe=' ') or NO_GROUP}"
        return path if self.row_id is None else f"{path}/id/{self.row_id}"


def default_tracking_settings() -> dict[str, Any]:
    """
    Return the ``tracking_settings`` that the site gives to a new project.
    """
    return {"navchains": {name: f"{name}.{field}" for name, field in _DEFAULT_CHAINS.items()}}


def chains(tx: Transaction, project_id: int) -> dict[str, Field]:
    """
    Return the fields that a project's tree groups rows by, keyed by the types that it shows.
    """
    projects = tx.tables["Project"]
    text = tx.connection.execute(sa.select(projects.c.tracking_settings).where(projects.c.id == project_id)).scalar()
    settings = json.loads(text) if text else {}
    given = settings.get("navchains") if isinstance(settings, dict) else None
    wanted = dict(_DEFAULT_CHAINS)
    if isinstance(given, (dict, list)) and given:
        parts = [str(item).split(".") for item in (given.values() if isinstance(given, dict) else given)]
        wanted = {part[0]: part[1] for part in parts if len(part) == 2}
    found = {}
    for entity_type, name in wanted.items():
        field = tx.schema.field(entity_type, name)
        if field is not None and field.data_type in {"entity", "list"} and tx.schema.field(entity_type, "project"):
            found[entity_type] = field
    return found


def parse_path(tx: Transaction, path: Any) -> Node:
    """
    Return the node that a path names.

    Raises:
        Fault: The path names no node of the tree. The code is 107.
    """
    if not isinstance(path, str):
        raise Fault(f"API {tx.rpc}() invalid/missing string 'path': {inspect(path)}", NAVIGATION)
    parts = [part for part in path.split("/") if part]
    if not parts:
        return Node()
    if parts[0] != "Project" or len(parts) < 2:
        raise Fault(f"Unexpected path: {path} (expecting /Project/<id>)", NAVIGATION)
    node = Node(_project(tx, parts[1]))
    if len(parts) == 2:
        return node
    known = chains(tx, node.project_id or 0)
    if parts[2] not in known:
        raise Fault(f"Entity type provided is not part of the tree: {parts[2]}", NAVIGATION)
    field = known[parts[2]]
    node = attrs.evolve(node, entity_type=parts[2], field=field)
    rest = parts[3:]
    if rest and rest[0] != "id":
        node, rest = _grouped(tx, node, field, rest)
    if rest:
        if len(rest) != 2 or rest[0] != "id" or not _is_id(rest[1]):
            raise Fault(f"Unexpected path: {path} (expecting id/<id>)", NAVIGATION)
        node = attrs.evolve(node, row_id=int(rest[1]))
    return node


def rows_below(tx: Transaction, node: Node) -> sa.Select[Any]:
    """
    Return the query for the ids of the node's live rows: rows of its type, in its project and group.
    """
    table = tx.alias(node.entity_type)
    query = sa.select(table.c.id).where(
        table.c.retired_at.is_(None), table.c.project__id == node.project_id, *group_condition(tx, table, node)
    )
    return query if node.row_id is None else query.where(table.c.id == node.row_id)


def group_condition(tx: Transaction, table: sa.FromClause, node: Node) -> list[Condition]:
    """
    Return the conditions for the rows of a table in the node's group; an empty list for a node above the groups.
    """
    field = node.field
    if field is None or node.group is None:
        return []
    if field.data_type == "list":
        # The column of a list field compares without letter case, as everywhere on the site.
        return [table.c[field.name] == node.group if node.group else table.c[field.name].is_(None)]
    kind, column = table.c[f"{field.name}__type"], table.c[f"{field.name}__id"]
    if node.group:
        return [kind == node.group[0], column == node.group[1]]
    retired = _retired(tx)
    return [sa.or_(column.is_(None), sa.tuple_(kind, column).in_(retired))]


def linked_below(tx: Transaction, place: Place, field: Field, path: str) -> Condition:
    """
    Return the condition that an entity field of the rows at *place* links to the node at *path*, or to a node below.
    """
    node = parse_path(tx, path)
    kind, column = place.link_type(field), place.column(field)
    if node.project_id is None:
        return sa.and_(column.is_not(None), sa.tuple_(kind, column).not_in(_retired(tx)))
    below = (
        [node]
        if node.entity_type
        else [Node(node.project_id, entity_type, by) for entity_type, by in chains(tx, node.project_id).items()]
    )
    parts = [sa.and_(kind == each.entity_type, column.in_(rows_below(tx, each))) for each in below]
    if not node.entity_type:
        parts.append(sa.and_(kind == "Project", column == node.project_id))
        # The rows that others are grouped under belong to the project too.
        for each in below:
            if each.field is not None and each.field.data_type == "entity":
                target = each.field.valid_types[0]
                far = tx.alias(target)
                live = sa.select(far.c.id).where(far.c.project__id == node.project_id, far.c.retired_at.is_(None))
                parts.append(sa.and_(kind == target, column.in_(live)))
    elif isinstance(node.group, tuple) and node.group and node.row_id is None:
        parts.append(sa.and_(kind == node.group[0], column == node.group[1]))
    return sa.or_(*parts)


def sort_column(tx: Transaction, entity_type: str, table: sa.FromClause) -> sa.ColumnElement[Any]:
    """
    Return the column with the names of the rows of a type.
    """
    return table.c[name_sources(tx.schema[entity_type])[0]]


def _retired(tx: Transaction) -> sa.Select[Any]:
    directory = tx.alias("directory")
    return sa.select(directory.c.type, directory.c.id).where(directory.c.retired == 1)


def _is_id(text: str) -> bool:
    """
    Return whether a text is a whole number that SQLite can store.
    """
    return text.isascii() and text.isdigit() and len(text) < 19


def _project(tx: Transaction, text: str) -> int:
    projects = tx.tables["Project"]
    query = sa.select(projects.c.id).where(projects.c.retired_at.is_(None))
    if not _is_id(text) or tx.connection.execute(query.where(projects.c.id == int(text))).first() is None:
        raise Fault(f"Unexpected result looking for project: {text}: 0 found.", NAVIGATION)
    return int(text)


def _grouped(tx: Transaction, node: Node, field: Field, rest: list[str]) -> tuple[Node, list[str]]:
    if rest[0] != field.name:
        raise Fault(f"Unexpected field name in path: {rest[0]} (expecting {field.name})", NAVIGATION)
    # For the rows without a group, the type of the groups may be missing from the path.
    taken = 3 if field.data_type == "entity" and rest[1:2] != [NO_GROUP] else 2
    group: Any = None
    if len(rest) >= taken and rest[taken - 1] == NO_GROUP:
        group = ""
    elif len(rest) >= taken and taken == 2:
        group = unquote(rest[1])
    elif len(rest) >= taken and rest[1] in tx.schema and _is_id(rest[2]):
        group = (rest[1], int(rest[2]))
    if group is None:
        raise Fault(f"Unexpected group in path: {'/'.join(rest)}", NAVIGATION)
    return attrs.evolve(node, group=group), rest[taken:]
