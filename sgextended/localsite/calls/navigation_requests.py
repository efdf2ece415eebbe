"""
The requests about the navigation tree: expand one node, and search for the nodes of a row or of a text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import attrs
import sqlalchemy as sa

from sgextended.localsite.calls import payload
from sgextended.localsite.errors import Fault, inspect
from sgextended.localsite.reading.filter_operators import text_condition
from sgextended.localsite.reading.navigation import (
    NAVIGATION,
    NO_GROUP,
    Node,
    chains,
    parse_path,
    rows_below,
    sort_column,
)
from sgextended.localsite.reading.row_reads import show

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sgextended.localsite.schema.entity_types import Field
    from sgextended.localsite.storage.transaction import Transaction

#: The largest number of nodes that a search of the tree returns.
MAX_FOUND = 100


@attrs.frozen
class _Tree:
    tx: Transaction
    seed: Optional[tuple[str, str]]
    fields: dict[str, list[str]]

    def entry(self, node: Node, label: str, ref: dict[str, Any], *, has_children: bool) -> dict[str, Any]:
        found: dict[str, Any] = {"label": label, "path": node.path, "has_children": has_children, "ref": ref}
        if self.seed is not None:
            entity_type, field = self.seed
            seed = {"type": entity_type, "field": field}
            preset = {"preset_name": "NAV_ENTRIES", "path": node.path, "seed": seed}
            found["target_entities"] = {"type": entity_type, "additional_filter_presets": [preset]}
        return found

    def own(self, node: Node) -> dict[str, Any]:
        """
        Return the entry of one node.
        """
        if node.project_id is None:
            return self.entry(node, "Site", {"kind": "root", "value": None}, has_children=True)
        if not node.entity_type:
            return self._row(node, "Project", node.project_id, has_children=True)
        if node.row_id is not None:
            return self._row(node, node.entity_type, node.row_id, has_children=False)
        if node.group is None:
            ref = {"kind": "entity_type", "value": node.entity_type}
            return self.entry(node, _plural(self.tx, node.entity_type), ref, has_children=True)
        return self._group(node)

    def children(self, node: Node) -> list[dict[str, Any]]:
        """
        Return the entries one level below a node.
        """
        tx = self.tx
        if node.project_id is None:
            projects = tx.alias("Project")
            query = sa.select(projects.c.id).where(projects.c.retired_at.is_(None))
            names = tx.names({"Project": list(tx.connection.execute(query).scalars())})
            ordered = sorted(names, key=lambda key: ((names[key] or "").casefold(), key[1]))
            return [self.own(Node(entity_id)) for _type, entity_id in ordered]
        if not node.entity_type:
            return [self.own(Node(node.project_id, name, by)) for name, by in chains(tx, node.project_id).items()]
        if node.row_id is not None:
            return []
        if node.group is None:
            return [self._group(group) for group in self._groups(node)] or [self._empty(node)]
        ids = self._ordered(node)
        return [self.own(attrs.evolve(node, row_id=entity_id)) for entity_id in ids] or [self._empty(node)]

    def _row(self, node: Node, entity_type: str, entity_id: int, *, has_children: bool) -> dict[str, Any]:
        names = self.tx.names({entity_type: [entity_id]})
        if (entity_type, entity_id) not in names:
            raise Fault(f"Unexpected result looking for {entity_type}: {entity_id}: 0 found.", NAVIGATION)
        value = {"type": entity_type, "id": entity_id}
        if self.fields.get(entity_type):
            value = show(self.tx, entity_type, [entity_id], self.fields[entity_type])[0]
        ref = {"kind": "entity", "value": value}
        return self.entry(node, names[entity_type, entity_id] or "", ref, has_children=has_children)

    def _group(self, node: Node) -> dict[str, Any]:
        field = node.field
        by_link = field is not None and field.data_type == "entity"
        if node.group and by_link:
            return self._row(node, *node.group, has_children=True)
        label = node.group or f"{_plural(self.tx, node.entity_type)} with no {field and field.label}"
        ref = {"kind": "list", "value": node.group or NO_GROUP}
        if by_link:
            ref = {"kind": "entity_type", "value": node.entity_type}
        return self.entry(node, label, ref, has_children=True)

    def _groups(self, node: Node) -> Iterator[Node]:
        """
        Yield the groups, ordered by name, and the node of the rows without a group.

        Values of a list are groups if rows have them, and the node of the other rows comes last. Linked rows are groups
        even if they have no rows. The node of the other rows then comes after every group, as on real sites.
        """
        tx, field = self.tx, node.field
        if field is None:
            return
        table = tx.alias(node.entity_type)
        chosen = table.c.id.in_(rows_below(tx, node))
        others = attrs.evolve(node, group="")
        if field.data_type == "list":
            values = list(tx.connection.execute(sa.select(table.c[field.name]).where(chosen).distinct()).scalars())
            for value in sorted((value for value in values if value), key=str.casefold):
                yield attrs.evolve(node, group=value)
            if None in values:
                yield others
            return
        kind, column = table.c[f"{field.name}__type"], table.c[f"{field.name}__id"]
        keys = {(row[0], row[1]) for row in tx.connection.execute(sa.select(kind, column).where(chosen).distinct())}
        names = tx.names(_by_type((*keys, *self._possible(node, field))))
        nameless = any(key not in names for key in keys)
        for group in sorted(names, key=lambda key: ((names[key] or "").casefold(), key)):
            yield attrs.evolve(node, group=group)
            if nameless:
                yield others

    def _possible(self, node: Node, field: Field) -> Iterator[tuple[str, int]]:
        """
        Yield the rows of the project that rows of the node may link to.
        """
        for entity_type in field.valid_types[:1]:
            if self.tx.schema.field(entity_type, "project") is not None:
                table = self.tx.alias(entity_type)
                query = sa.select(table.c.id).where(table.c.project__id == node.project_id)
                for entity_id in list(self.tx.connection.execute(query).scalars()):
                    yield entity_type, entity_id

    def _ordered(self, node: Node) -> list[int]:
        table = self.tx.alias(node.entity_type)
        query = sa.select(table.c.id).where(table.c.id.in_(rows_below(self.tx, node)))
        name = sort_column(self.tx, node.entity_type, table)
        return list(self.tx.connection.execute(query.order_by(name, table.c.id)).scalars())

    def _empty(self, node: Node) -> dict[str, Any]:
        label = f"No {_plural(self.tx, node.entity_type)}"
        return {"label": label, "has_children": False, "ref": {"kind": "empty", "value": None}}


def nav_expand(tx: Transaction, request: Any) -> dict[str, Any]:
    """
    Return one node of the tree, and its children.
    """
    request = payload.mapping(tx, request)
    node = parse_path(tx, request.get("path"))
    tree = _Tree(tx, _seed(tx, request.get("seed_entity_field")), payload.names_by_type(tx, request, "entity_fields"))
    return {**tree.own(node), "parent_path": _parent(node), "children": tree.children(node)}


def nav_search(tx: Transaction, request: Any) -> list[dict[str, Any]]:
    """
    Return the nodes of a row, or the nodes whose name contains a text.
    """
    request = payload.mapping(tx, request)
    root = parse_path(tx, request.get("root_path"))
    _seed(tx, request.get("seed_entity_field"))
    criteria = payload.mapping(tx, request.get("search_criteria"))
    if criteria.get("entity") is not None:
        link = payload.link(tx, criteria, "entity")
        nodes = list(_nodes_of_row(tx, link["type"], link["id"]))
        if not nodes:
            raise Fault(f"Entity type provided is not part of the tree: {link['type']}", NAVIGATION)
    else:
        text = criteria.get("search_string")
        if not isinstance(text, str) or not text:
            raise Fault(f"API {tx.rpc}() invalid/missing 'search_criteria': {inspect(dict(criteria))}", NAVIGATION)
        nodes = list(_nodes_named(tx, text, root.project_id))
    tree = _Tree(tx, None, {})
    return [_search_result(tree, node) for node in nodes if _is_below(node, root)][:MAX_FOUND]


def _seed(tx: Transaction, value: Any) -> Optional[tuple[str, str]]:
    if value is None:
        return None
    entity_type, _, name = str(value).partition(".")
    field = tx.schema.field(entity_type, name)
    if field is None or field.data_type != "entity":
        raise Fault(f"API {tx.rpc}() invalid 'seed_entity_field': {inspect(value)}", NAVIGATION)
    return entity_type, name


def _by_type(keys: Iterable[tuple[str, Optional[int]]]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for entity_type, entity_id in keys:
        if entity_id is not None:
            found.setdefault(entity_type, set()).add(entity_id)
    return found


def _plural(tx: Transaction, entity_type: str) -> str:
    return f"{tx.schema[entity_type].label}s"


def _ancestors(node: Node) -> list[Node]:
    """
    Return the nodes from the project down to the node itself.
    """
    found = [Node(node.project_id)]
    if node.entity_type:
        found.append(Node(node.project_id, node.entity_type, node.field))
        if node.group is not None:
            found.append(attrs.evolve(node, row_id=None))
        if node.row_id is not None:
            found.append(node)
    return found


def _parent(node: Node) -> Optional[str]:
    if node.project_id is None:
        return None
    above = _ancestors(node)[:-1]
    return above[-1].path if above else "/"


def _is_below(node: Node, root: Node) -> bool:
    return root.project_id is None or root.path in {above.path for above in _ancestors(node)}


def _search_result(tree: _Tree, node: Node) -> dict[str, Any]:
    """
    Return a node as tools show it in a list of results: its own name, and apart from it the way to it.
    """
    entry = tree.own(node)
    way = _ancestors(node)
    labels = [tree.own(above)["label"] for above in way[1:-1]]
    row = entry["ref"]["value"]
    return {
        "label": entry["label"],
        "incremental_path": [above.path for above in way],
        "path_label": " > ".join(labels),
        "ref": {"type": row["type"], "id": row["id"]},
        "project_id": node.project_id,
    }


def _nodes_of_row(tx: Transaction, entity_type: str, entity_id: int) -> Iterator[Node]:
    """
    Yield the nodes of a row: as a row of its type, and as a group of other rows.
    """
    if entity_type == "Project":
        yield Node(entity_id)
        return
    if tx.schema.field(entity_type, "project") is None:
        return
    project = show(tx, entity_type, [entity_id], ["project"])[0]["project"]
    if project is None:
        return
    for name, field in chains(tx, project["id"]).items():
        if name == entity_type:
            row = show(tx, name, [entity_id], [field.name])[0][field.name]
            group = (row["type"], row["id"]) if isinstance(row, dict) else row or ""
            yield Node(project["id"], name, field, group, entity_id)
        if field.data_type == "entity" and entity_type in field.valid_types:
            yield Node(project["id"], name, field, (entity_type, entity_id))


def _nodes_named(tx: Transaction, text: str, project_id: Optional[int]) -> Iterator[Node]:
    projects = tx.alias("Project")
    query = sa.select(projects.c.id).where(projects.c.retired_at.is_(None)).order_by(projects.c.name)
    if project_id is not None:
        query = query.where(projects.c.id == project_id)
    for number in list(tx.connection.execute(query).scalars()):
        known = chains(tx, number)
        types = {"Project", *known}
        types.update(field.valid_types[0] for field in known.values() if field.data_type == "entity")
        for entity_type in sorted(types):
            table = tx.alias(entity_type)
            name = sort_column(tx, entity_type, table)
            owner = table.c.id if entity_type == "Project" else table.c.project__id
            called = text_condition(name, "contains", text)
            rows = sa.select(table.c.id).where(table.c.retired_at.is_(None), owner == number, called)
            for entity_id in list(tx.connection.execute(rows.order_by(name, table.c.id).limit(MAX_FOUND)).scalars()):
                yield from _nodes_of_row(tx, entity_type, entity_id)
