"""
Writing the links of multi-entity fields to the place where their relation stores them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import sqlalchemy as sa

from sgextended.localsite.permissions.checks import check_update
from sgextended.localsite.reading.row_reads import link_lists
from sgextended.localsite.schedule.dependencies import DEPENDENCY_TYPES, check_type
from sgextended.localsite.schema.link_relations import Listed, Relation, Reverse, Through, relation_for
from sgextended.localsite.storage.single_row_writes import erase_row, insert_row, link_columns, update_row

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sgextended.localsite.schema.entity_types import Field
    from sgextended.localsite.storage.transaction import Link, Transaction

MODES = ("set", "add", "remove")


def write_links(tx: Transaction, field: Field, entity_id: int, links: Iterable[Link], mode: str = "set") -> None:
    """
    Change the links of one row.

    Args:
        tx: The transaction of the request.

        field: The multi-entity field.

        entity_id: The id of the row whose links change.

        links: The links to set, add or remove. Their rows must exist, apart from those to remove. Duplicates count
            once. The caller must have the right to change rows whose own field holds the link.

        mode: ``"set"`` replaces all links by *links*, ``"add"`` adds *links*, ``"remove"`` removes *links*.
    """
    relation = relation_for(field)
    given = {(link["type"], link["id"]): link for link in links}
    present = {(link["type"], link["id"]) for link in link_lists(tx, field, [entity_id]).get(entity_id, [])}
    added = [key for key in given if key not in present] if mode in {"set", "add"} else []
    goes = {"set": False, "remove": True}.get(mode)
    removed = [key for key in sorted(present) if (key in given) is goes]
    if isinstance(relation, Reverse):  # the far rows hold the links, and the caller may have no right to change them
        for _type, far_id in (*added, *removed):
            check_update(tx, relation.far_type, far_id, [relation.far_field])
    with tx.events.links_changed(tx, field, entity_id, added, removed):
        for key in added:
            _add(tx, field, relation, entity_id, given[key])
        for key in removed:
            _remove(tx, field, relation, entity_id, key)
    if isinstance(relation, Through) and relation.connection == "TaskDependency":
        for key, link in given.items():
            if key in present and mode != "remove" and "dependency_type" in link:
                _retype(tx, relation, entity_id, link)


def far_type_of(field: Field) -> Optional[str]:
    """
    Return the only type that the field's relation can store at its far end, or None if it can store several types.
    """
    relation = relation_for(field)
    return relation.far_type if isinstance(relation, (Reverse, Through, Listed)) else None


def _add(tx: Transaction, field: Field, relation: Relation, entity_id: int, link: Link) -> None:
    own = {"type": field.entity_type, "id": entity_id}
    if isinstance(relation, Reverse):
        # The far row's entity field holds one link only. Adding the far row here removes it from its earlier place.
        update_row(tx, relation.far_type, link["id"], link_columns(relation.far_field, own))
    elif isinstance(relation, Through):
        values = {**link_columns(relation.own_field, own), **link_columns(relation.far_field, link)}
        if relation.connection == "TaskDependency":
            values["dependency_type"] = link.get("dependency_type", DEPENDENCY_TYPES[0])
            check_type(values["dependency_type"])
        insert_row(tx, relation.connection, values)
    elif isinstance(relation, Listed):
        tx.connection.execute(sa.insert(tx.tables.links), _pair(relation, own, link))


def _retype(tx: Transaction, relation: Through, entity_id: int, link: Link) -> None:
    """
    Change the type of an existing dependency.
    """
    check_type(link["dependency_type"])
    pairs = tx.tables[relation.connection]
    query = sa.select(pairs.c.id).where(
        pairs.c[f"{relation.own_field}__id"] == entity_id,
        pairs.c[f"{relation.far_field}__id"] == link["id"],
        pairs.c.retired_at.is_(None),
    )
    for pair_id in list(tx.connection.execute(query).scalars()):
        update_row(tx, relation.connection, pair_id, {"dependency_type": link["dependency_type"]})


def _remove(tx: Transaction, field: Field, relation: Relation, entity_id: int, key: tuple[str, int]) -> None:
    own: Link = {"type": field.entity_type, "id": entity_id}
    link: Link = {"type": key[0], "id": key[1]}
    if isinstance(relation, Reverse) and relation.far_type == "Reply":
        # A reply cannot exist without its entity, so a reply that is removed from it is erased.
        erase_row(tx, "Reply", link["id"])
    elif isinstance(relation, Reverse):
        update_row(tx, relation.far_type, link["id"], link_columns(relation.far_field, None))
    elif isinstance(relation, Through):
        pairs = tx.tables[relation.connection]
        query = sa.select(pairs.c.id).where(
            pairs.c[f"{relation.own_field}__id"] == entity_id,
            pairs.c[f"{relation.far_field}__id"] == link["id"],
            pairs.c.retired_at.is_(None),
        )
        for pair_id in list(tx.connection.execute(query).scalars()):
            erase_row(tx, relation.connection, pair_id)
    elif isinstance(relation, Listed):
        links = tx.tables.links
        pair = _pair(relation, own, link)
        tx.connection.execute(sa.delete(links).where(*(links.c[name] == value for name, value in pair.items())))


def _pair(relation: Listed, own: Link, far: Link) -> dict[str, Any]:
    left, right = (own, far) if relation.left else (far, own)
    return {
        "relation": relation.relation,
        "left_type": left["type"],
        "left_id": left["id"],
        "right_type": right["type"],
        "right_id": right["id"],
    }
