"""
Paths of fields, turned into joins: ``code``, ``entity.Shot.code``, ``tasks.Task.content``.

A scope is the FROM clause of one statement. Following an entity link joins the linked table to the scope, once per
link and type. A retired row does not join, so a link to it reads as null. Links of multi-entity fields are never
joined, because a join would multiply the rows. They are queried in a subquery, which this module builds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Optional

import attrs
import sqlalchemy as sa

from sgextended.localsite.schema.link_relations import Listed, Reverse, Siblings, Through, is_open_notes, relation_for
from sgextended.localsite.storage.entity_tables import column_name
from sgextended.localsite.storage.personal_values import personal_value

if TYPE_CHECKING:
    from sgextended.localsite.schema.entity_types import Field
    from sgextended.localsite.storage.transaction import Transaction

#: Statuses of notes that count as open.
OPEN_STATUSES = ("opn", "ip", "rdy")
# Fields that no response has, although a filter may name them.
_NEVER_RETURNED = frozenset({"EventLogEntry.audit_trail"})


@attrs.frozen(eq=False)
class Place:
    """
    One table of a statement and the entity type of its rows.
    """

    tx: Transaction
    entity_type: str
    row: sa.FromClause

    @property
    def id(self) -> sa.ColumnElement[int]:
        """
        Return the column with the ids of the rows.
        """
        return self.row.c.id

    @property
    def is_live(self) -> sa.ColumnElement[bool]:
        """
        Return the condition that a row is not retired.
        """
        return self.row.c.retired_at.is_(None)

    def column(self, field: Field) -> sa.ColumnElement[Any]:
        """
        Return the field's column; for an entity field, the column with the id of the linked row.
        """
        if field.is_personal:
            return personal_value(self.tx, field, self.row)
        return self.row.c[column_name(field)]

    def link_type(self, field: Field) -> sa.ColumnElement[str]:
        """
        Return the column with the type of the row that an entity field links to.
        """
        return self.row.c[f"{field.name}__type"]


@attrs.frozen(eq=False)
class Leaf:
    """
    The field at a path's end, and the table that holds it.
    """

    place: Place
    field: Field


@attrs.frozen(eq=False)
class Linked:
    """
    The links of a multi-entity field, as the parts of a query. Only links to live rows are included.

    Attributes:
        own_id: The id of the row that has the field.

        far_type: The type of the linked row.

        far_id: The id of the linked row.

        name: The display name of the linked row.

        condition: The condition that every query over these columns must include.
    """

    own_id: sa.ColumnElement[int]
    far_type: sa.ColumnElement[str]
    far_id: sa.ColumnElement[int]
    name: sa.ColumnElement[Optional[str]]
    condition: sa.ColumnElement[bool]

    def own_ids(self, *conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
        """
        Return the query for the ids of the rows that have at least one link for which *conditions* hold.
        """
        return sa.select(self.own_id).where(self.condition, *conditions)


class Scope:
    """
    The tables of one statement: the queried rows and the linked rows that its paths reach.
    """

    root: Place

    def __init__(self, tx: Transaction, entity_type: str) -> None:
        self.tx = tx
        self.root = self._place(entity_type)
        self.tables: sa.FromClause = self.root.row
        self._joined: dict[tuple[int, str, str], Place] = {}

    def follow(self, place: Place, field: Field, target: str) -> Place:
        """
        Join the rows of type *target* that the entity field links to, and return their place.
        """
        key = (id(place), field.name, target)
        found = self._joined.get(key)
        if found is None:
            found = self._joined[key] = self._place(target)
            met = sa.and_(found.id == place.column(field), place.link_type(field) == target, found.is_live)
            self.tables = self.tables.outerjoin(found.row, met)
        return found

    def leaf(self, path: str) -> Optional[Leaf]:
        """
        Return the field that *path* ends at, or None if a response leaves this path out.

        A response leaves a path out if it contains an unknown name, or a type that a link on the path does not
        accept. It also leaves out every path through a multi-entity field. Real sites do the same.
        """
        parts = path.split(".")
        place = self.root
        if len(parts) % 2 == 0:
            return None
        for name, target in zip(parts[:-1:2], parts[1::2]):
            field = self.tx.schema.field(place.entity_type, name)
            if field is None or field.data_type != "entity" or target not in self.tx.schema:
                return None
            if target not in field.valid_types and not field.links_to_any_type:
                return None
            place = self.follow(place, field, target)
        field = self.tx.schema.field(place.entity_type, parts[-1])
        return None if field is None or field.path in _NEVER_RETURNED else Leaf(place, field)

    def _place(self, entity_type: str) -> Place:
        return Place(self.tx, entity_type, self.tx.alias(entity_type))


def is_linked(tx: Transaction, place: Place, field: Field) -> sa.ColumnElement[bool]:
    """
    Return the condition that an entity field links to a live row.
    """
    directory = tx.alias("directory")
    # Retired rows are few. SQLite lists them once per statement, instead of looking up the linked row of each row.
    retired = sa.select(directory.c.type, directory.c.id).where(directory.c.retired == 1)
    column = place.column(field)
    return sa.and_(column.is_not(None), sa.tuple_(place.link_type(field), column).not_in(retired))


def link_name(tx: Transaction, place: Place, field: Field) -> sa.ColumnElement[Any]:
    """
    Return the name of the row that an entity field links to; null without a link, or if that row is retired.
    """
    directory = tx.alias("directory")
    name = sa.select(directory.c.name).where(
        directory.c.type == place.link_type(field), directory.c.id == place.column(field), directory.c.retired == 0
    )
    # A subquery loses the collation of its column.
    return sa.collate(name.correlate(place.row).scalar_subquery(), "NOCASE")


def linked(tx: Transaction, field: Field) -> Linked:
    """
    Return the links that a multi-entity field has in all rows of its type.
    """
    relation = relation_for(field)
    if isinstance(relation, Reverse):
        ends = _reverse_ends(tx, relation, field.entity_type)
    elif isinstance(relation, Through):
        ends = _through_ends(tx, relation)
    elif isinstance(relation, Siblings):
        ends = _sibling_ends(tx, relation, field.entity_type)
    else:
        ends = _listed_ends(tx, relation, field.entity_type)
    own_id, far_type, far_id, kept = ends
    directory = tx.alias("directory")
    live = sa.and_(directory.c.type == far_type, directory.c.id == far_id, directory.c.retired == 0)
    condition = sa.and_(kept, live)
    if is_open_notes(field):
        note = tx.alias("Note")
        is_open = sa.select(note.c.id).where(note.c.sg_status_list.in_(OPEN_STATUSES))
        condition = sa.and_(condition, far_id.in_(is_open))
    return Linked(own_id, directory.c.type, far_id, directory.c.name, condition)


class _Ends(NamedTuple):
    own_id: sa.ColumnElement[int]
    far_type: sa.ColumnElement[str]
    far_id: sa.ColumnElement[int]
    kept: sa.ColumnElement[bool]


def _reverse_ends(tx: Transaction, relation: Reverse, own_type: str) -> _Ends:
    far = tx.alias(relation.far_type)
    kept = sa.and_(far.c[f"{relation.far_field}__type"] == own_type, far.c.retired_at.is_(None))
    return _Ends(far.c[f"{relation.far_field}__id"], sa.literal(relation.far_type), far.c.id, kept)


def _through_ends(tx: Transaction, relation: Through) -> _Ends:
    pair = tx.alias(relation.connection)
    own_id, far_id = pair.c[f"{relation.own_field}__id"], pair.c[f"{relation.far_field}__id"]
    kept = sa.and_(own_id.is_not(None), pair.c.retired_at.is_(None))
    return _Ends(own_id, sa.literal(relation.far_type), far_id, kept)


def _sibling_ends(tx: Transaction, relation: Siblings, own_type: str) -> _Ends:
    own, far = tx.alias(own_type), tx.alias(own_type)
    shared_type, shared_id = f"{relation.shared}__type", f"{relation.shared}__id"
    kept = sa.and_(far.c[shared_id] == own.c[shared_id], far.c[shared_type] == own.c[shared_type], far.c.id != own.c.id)
    return _Ends(own.c.id, sa.literal(own_type), far.c.id, kept)


def _listed_ends(tx: Transaction, relation: Listed, own_type: str) -> _Ends:
    links = tx.alias("links")
    left = (links.c.left_type, links.c.left_id)
    right = (links.c.right_type, links.c.right_id)
    (near_type, near_id), (far_type, far_id) = (left, right) if relation.left else (right, left)
    kept = sa.and_(links.c.relation == relation.relation, near_type == own_type)
    if relation.far_type is not None:
        kept = sa.and_(kept, far_type == relation.far_type)
    return _Ends(near_id, far_type, far_id, kept)
