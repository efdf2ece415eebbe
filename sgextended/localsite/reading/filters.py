"""
Filters, compiled to SQL.

A group of conditions becomes an AND or an OR; a condition becomes a comparison of a column, of a link, or a subquery
over the links of a multi-entity field. All values are bound parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import attrs
import sqlalchemy as sa

from sgextended.localsite.errors import DATABASE, Fault, inspect
from sgextended.localsite.reading.field_paths import Linked, Place, Scope, is_linked, link_name, linked
from sgextended.localsite.reading.filter_operators import (
    COMPLEMENTS,
    RELATIONS,
    Condition,
    check_values,
    scalar_condition,
    text_condition,
)
from sgextended.localsite.schema.link_relations import Siblings, relation_for
from sgextended.localsite.storage.data_types import parse_link, wrong_class
from sgextended.localsite.storage.transaction import Link, Transaction, among

if TYPE_CHECKING:
    from sgextended.localsite.schema.entity_types import Field

_FROM = "$FROM$"
# Real sites ignore a condition on these fields: every row meets it.
_IGNORED = frozenset({"EventLogEntry.audit_trail", "PageSetting.settings_json"})
# Whether the current user has read a note. Each person has a value of their own.
_READ_STATE = "Note.read_by_current_user"
#: The most conditions that the filters of one statement may have.
MAX_CONDITIONS = 10_000
#: The deepest nesting of groups that a filter may have. Real sites have the same limit.
MAX_DEPTH = 265
# SQLite refuses expressions deeper than 1000 levels, and parses an AND of many parts as a deep expression.
_WIDTH = 200


def where(scope: Scope, filters: Any) -> Condition:
    """
    Return the condition that *filters*, a group of conditions in API3 form, set for the rows at the scope's root.

    Raises:
        Fault: The filters name an unknown field or type, or are malformed. The text is the real site's.
    """
    return _Compiler(scope.tx).group(scope, filters, 1)


@attrs.frozen
class _Test:
    """
    One condition of a filter: the path of a field, a relation and its values.
    """

    entity_type: str
    path: str
    relation: str
    values: list[Any]
    source: dict[str, Any]

    @property
    def positive(self) -> str:
        return COMPLEMENTS.get(self.relation, self.relation)


@attrs.define
class _Compiler:
    tx: Transaction
    conditions: int = 0

    def group(self, scope: Scope, group: Any, depth: int) -> Condition:
        if not isinstance(group, dict) or "logical_operator" not in group:
            raise Fault(f"API {self.tx.rpc}() Missing logical operator: {inspect(group)}")
        operator, conditions = group["logical_operator"], group.get("conditions")
        if operator not in ("and", "or"):
            raise Fault(f"API {self.tx.rpc}() Invalid logical operator: {operator}")
        if not isinstance(conditions, list):
            raise Fault(f"API {self.tx.rpc}() Missing conditions parameter: {inspect(group)}")
        if depth > MAX_DEPTH:
            raise Fault(f"API {self.tx.rpc}() The filters are nested deeper than {MAX_DEPTH} groups.")
        parts = [self._part(scope, condition, depth) for condition in conditions]
        return _joined(operator, parts)

    def _part(self, scope: Scope, condition: Any, depth: int) -> Condition:
        if isinstance(condition, dict) and "path" not in condition:
            return self.group(scope, condition, depth + 1)
        if not isinstance(condition, dict) or not isinstance(condition["path"], str):
            raise Fault(f"API {self.tx.rpc}() A filter condition needs a path: {inspect(condition)}")
        self.conditions += 1
        if self.conditions > MAX_CONDITIONS:
            raise Fault(
                f"API {self.tx.rpc}() The filters have more than {MAX_CONDITIONS} conditions. Use 'in' with a list of "
                "values instead of many conditions, or send several requests."
            )
        values = condition.get("values", [])
        test = _Test(
            scope.root.entity_type,
            condition["path"],
            str(condition.get("relation")),
            values if isinstance(values, list) else [values],
            condition,
        )
        if f"{test.entity_type}.{test.path}" in _IGNORED:
            return sa.true()
        met = self._test(scope, scope.root, test.path, test)
        # For a row without a value, SQL returns null instead of true or false. The complement includes such a row.
        return met.is_not(sa.true()) if test.relation in COMPLEMENTS else met

    def _test(self, scope: Scope, place: Place, path: str, test: _Test) -> Condition:
        """
        Return the condition for rows at *place*; *path* is the rest of the test's path, from this place on.
        """
        if path.startswith(_FROM):
            return self._from(place, path[len(_FROM) :], test)
        name, _, rest = path.partition(".")
        field = self.tx.schema.field(place.entity_type, name)
        if field is None:
            raise self._unknown(test)
        if not rest:
            return self._leaf(place, field, test)
        target, _, beyond = rest.partition(".")
        if target not in self.tx.schema or not beyond:
            raise self._unknown(test)
        if field.data_type == "entity":
            return self._test(scope, scope.follow(place, field, target), beyond, test)
        if field.data_type != "multi_entity":
            raise self._unknown(test)
        links = self._linked(field)
        return place.id.in_(links.own_ids(links.far_type == target, links.far_id.in_(self._rows(target, beyond, test))))

    def _rows(self, entity_type: str, path: str, test: _Test) -> sa.Select[Any]:
        scope = Scope(self.tx, entity_type)
        met = self._test(scope, scope.root, path, test)
        return sa.select(scope.root.id).select_from(scope.tables).where(scope.root.is_live, met)

    def _from(self, place: Place, path: str, test: _Test) -> Condition:
        """
        Return the condition that a row of another type links to this row and passes the test.

        Args:
            place: The table with the rows that are linked to.

            path: The path after ``$FROM$``, such as ``Task.entity.sg_status_list``.

            test: The condition that the other row must pass.
        """
        parts = path.split(".", 2)
        field = self.tx.schema.field(parts[0], parts[1]) if len(parts) == 3 else None
        if field is None or field.data_type not in {"entity", "multi_entity"}:
            raise self._unknown(test)
        rows = self._rows(field.entity_type, parts[2], test)
        if field.data_type == "multi_entity":
            links = self._linked(field)
            pointing = sa.select(links.far_id).where(
                links.condition, links.far_type == place.entity_type, links.own_id.in_(rows)
            )
        else:
            far = Scope(self.tx, field.entity_type).root
            pointing = sa.select(far.column(field)).where(far.link_type(field) == place.entity_type, far.id.in_(rows))
        return place.id.in_(pointing)

    def _leaf(self, place: Place, field: Field, test: _Test) -> Condition:
        if field.data_type == "pivot_column":
            raise Fault(f"API {self.tx.rpc}() of data type 'pivot_column' not supported in API")
        valid = RELATIONS.get(field.data_type)
        if valid is None:
            raise Fault(f"API {self.tx.rpc}() {field.path}'s '{field.data_type}' data type cannot be used in a filter.")
        if test.relation not in valid:
            raise Fault(
                f"API {self.tx.rpc}() {field.path}'s '{field.data_type}' data type doesn't support "
                f"'{test.relation}' 'relation' Value: {inspect(test.source)} Valid relations: {inspect(valid)}"
            )
        check_values(self.tx, test.relation, test.values)
        if field.data_type == "entity":
            return self._link(place, field, test)
        if field.data_type == "multi_entity":
            return self._links(place, field, test)
        if field.path == _READ_STATE:
            return _read_state(place.column(field), test)
        return scalar_condition(self.tx, field, place.column(field), test.positive, test.values)

    def _link(self, place: Place, field: Field, test: _Test) -> Condition:
        if test.positive in {"is", "in"}:
            links = self._given_links(field, test)
            met = [self._links_to(place, field, links)] if links else []
            if len(links) < len(test.values):
                met.append(sa.not_(is_linked(self.tx, place, field)))
            return sa.or_(*met)
        value = self._word(field, test)
        if value is None:
            return sa.not_(is_linked(self.tx, place, field))
        if test.positive == "type_is":
            return sa.and_(place.link_type(field) == value, is_linked(self.tx, place, field))
        relation = "is" if test.positive == "name_is" else "contains"
        return text_condition(link_name(self.tx, place, field), relation, value)

    def _links_to(self, place: Place, field: Field, links: list[Link]) -> Condition:
        directory = self.tx.alias("directory")
        column, parts = place.column(field), []
        for entity_type, ids in _by_type(links).items():
            live = sa.select(directory.c.id).where(
                directory.c.type == entity_type,
                directory.c.retired == 0,
                directory.c.id == ids[0] if len(ids) == 1 else among(directory.c.id, ids),
            )
            parts.append(sa.and_(column.in_(live), place.link_type(field) == entity_type))
        return sa.or_(*parts)

    def _links(self, place: Place, field: Field, test: _Test) -> Condition:
        links = self._linked(field)
        if test.positive in {"is", "in"}:
            given = self._given_links(field, test)
            parts = [
                sa.and_(
                    links.far_type == entity_type,
                    links.far_id == ids[0] if len(ids) == 1 else among(links.far_id, ids),
                )
                for entity_type, ids in _by_type(given).items()
            ]
            met = [place.id.in_(links.own_ids(sa.or_(*parts)))] if parts else []
            if len(given) < len(test.values):
                met.append(sa.not_(place.id.in_(links.own_ids())))
            return sa.or_(*met)
        value = self._word(field, test)
        if value is None:
            return sa.not_(place.id.in_(links.own_ids()))
        if test.positive == "type_is":
            return place.id.in_(links.own_ids(links.far_type == value))
        relation = "is" if test.positive == "name_is" else "contains"
        return place.id.in_(links.own_ids(text_condition(links.name, relation, value)))

    def _linked(self, field: Field) -> Linked:
        """
        Return the links of a multi-entity field. Real sites cannot search the siblings of tasks, which are not stored.
        """
        if isinstance(relation_for(field), Siblings):
            raise Fault(f"Read failed for entity type [{field.entity_type}]", DATABASE)
        return linked(self.tx, field)

    def _given_links(self, field: Field, test: _Test) -> list[Link]:
        return [parse_link(self.tx, field, value) for value in test.values if value is not None]

    def _word(self, field: Field, test: _Test) -> Optional[str]:
        """
        Return the value of a relation that compares types or names. Only a type may be null.
        """
        value = test.values[0]
        takes_null = test.positive == "type_is"
        if not isinstance(value, str) and not (value is None and takes_null):
            raise wrong_class(self.tx, field, value, "String, NilClass" if takes_null else "String")
        return value

    def _unknown(self, test: _Test) -> Fault:
        return Fault(
            f"API {self.tx.rpc}() {test.entity_type}.{test.path} doesn't exist:\n{inspect(test.source, spaced=False)}"
        )


def _read_state(column: sa.ColumnElement[Any], test: _Test) -> Condition:
    """
    Return the condition for the notes that the current user has read, or has not read.

    Real sites evaluate ``is`` and ``is_not``. With ``in``, ``not_in`` and any other word, they find the unread notes.
    """
    if test.relation == "not_in":
        return column != "unread"  # the caller negates this condition
    if test.relation in {"is", "is_not"}:
        return column == ("read" if test.values == ["read"] else "unread")
    return column == "unread"


def _by_type(links: list[Link]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for link in links:
        found.setdefault(link["type"], []).append(link["id"])
    return found


def _joined(operator: str, parts: list[Condition]) -> Condition:
    """
    Return the AND or OR of any number of conditions; without conditions, return true.
    """
    if not parts:
        return sa.true()
    join = sa.and_ if operator == "and" else sa.or_
    while len(parts) > _WIDTH:
        # Without brackets, SQLAlchemy and SQLite would join the parts into one long chain again.
        parts = [
            sa.type_coerce(join(*parts[start : start + _WIDTH]), sa.Boolean).self_group()
            for start in range(0, len(parts), _WIDTH)
        ]
    return join(*parts)
