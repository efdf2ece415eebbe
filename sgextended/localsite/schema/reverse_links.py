"""
The pairs of fields that show one relation from its two ends: the sequence of a shot, and the shots of that sequence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, cast

import attrs

from sgextended.localsite.schema.link_relations import Listed, Reverse, Through, is_open_notes, relation_for

if TYPE_CHECKING:
    from sgextended.localsite.schema.entity_types import Field, Schema


@attrs.frozen(eq=False)
class Views:
    """
    The multi-entity fields of a schema, keyed by the links that they show.

    Attributes:
        reverses: Keyed by the entity field whose links they show from the other end, then by their own type.

        connections: Keyed by the connection type and its field for their end.

        lists: Keyed by the relation's name and side, then by their own type.
    """

    reverses: dict[tuple[str, str], dict[str, Field]] = attrs.field(factory=dict)
    connections: dict[tuple[str, str], Field] = attrs.field(factory=dict)
    lists: dict[tuple[str, bool], dict[str, Field]] = attrs.field(factory=dict)


def views_of(schema: Schema) -> Views:
    """
    Return the views of a schema. They are computed once for each schema.
    """
    found = schema.memo.get("views")
    if found is None:
        # Two threads may compute them at the same time. Both results are equal, so no lock is needed.
        found = schema.memo["views"] = _views(schema)
    return cast("Views", found)


def mirror_of(schema: Schema, field: Field, far_type: str) -> Optional[Field]:
    """
    Return the field of the far rows that shows the same links as *field*, or None if there is none.
    """
    relation = relation_for(field)
    if isinstance(relation, Through):
        return views_of(schema).connections.get((relation.connection, relation.far_field))
    if isinstance(relation, Listed):
        return views_of(schema).lists.get((relation.relation, not relation.left), {}).get(far_type)
    return schema.field(relation.far_type, relation.far_field) if isinstance(relation, Reverse) else None


def _views(schema: Schema) -> Views:
    views = Views()
    for facts in schema.types.values():
        for field in facts.fields.values():
            if field.data_type != "multi_entity" or is_open_notes(field):
                continue
            relation = relation_for(field)
            if isinstance(relation, Reverse):
                views.reverses.setdefault((relation.far_type, relation.far_field), {})[facts.name] = field
            elif isinstance(relation, Through):
                views.connections[relation.connection, relation.own_field] = field
            elif isinstance(relation, Listed):
                views.lists.setdefault((relation.relation, relation.left), {})[facts.name] = field
    return views
