"""
Summaries and grouping, computed by SQL.

One query computes the innermost groups. Every summary is stored as parts that can be combined. The outer groups and the
total are combined from these parts, without reading the rows again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Optional

import attrs
import sqlalchemy as sa

from sgextended.localsite.errors import Fault, inspect
from sgextended.localsite.reading.field_paths import Leaf, Scope, is_linked, linked
from sgextended.localsite.reading.groupings import DATES, NUMBERS, Grouping, Key, grouping
from sgextended.localsite.reading.row_reads import Search, scope_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sgextended.localsite.storage.transaction import Transaction

#: All summaries that API3 has, in the order in which the site lists them.
SUMMARIES = (
    *("record_count", "count", "sum", "maximum", "minimum", "average", "earliest", "latest", "percentage"),
    *("status_percentage", "status_percentage_as_float", "status_list", "checked", "unchecked"),
)
_PERCENTAGES = frozenset({"percentage", "status_percentage", "status_percentage_as_float"})
#: The status of rows that a percentage of a status does not count.
_NOT_APPLICABLE = "na"
_CODES = frozenset({"list", "status_list"})


class _Part(NamedTuple):
    """
    One aggregate of a summary, and the function that combines two of its values.
    """

    column: sa.ColumnElement[Any]
    join: Callable[[Any, Any], Any]


class _Formula(NamedTuple):
    parts: tuple[_Part, ...]
    read: Callable[..., Any]


@attrs.frozen(eq=False)
class _Summary:
    """
    A summary of a request: the position of its parts in a row of parts, and the formula of its value.
    """

    path: str
    at: int
    formula: _Formula

    def value(self, parts: Sequence[Any]) -> Any:
        return self.formula.read(*parts[self.at : self.at + len(self.formula.parts)])


@attrs.frozen(eq=False)
class _Group:
    """
    The parts of one group's summaries, and the inner groups.
    """

    parts: list[Any]
    groups: dict[Key, _Group] = attrs.field(factory=dict)


def summarize(
    tx: Transaction, search: Search, summaries: Sequence[dict[str, Any]], groupings: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """
    Return the ``summaries`` of all rows found, and the ``groups`` of these rows with their own summaries.

    Raises:
        Fault: A summary or grouping is unknown, or the field's data type does not support the grouping.
    """
    scope, condition = scope_of(tx, search)
    wanted = list(_summaries(scope, summaries))
    levels = [grouping(scope, asked) for asked in groupings]
    parts = [part for summary in wanted for part in summary.formula.parts]
    keys = [column for level in levels for column in level.columns]
    # The count is added because a query needs at least one column.
    query = sa.select(*keys, *(part.column for part in parts), sa.func.count())
    rows = list(tx.connection.execute(query.select_from(scope.tables).where(condition).group_by(*keys)))
    whole = _Group([None] * len(parts))
    joins = [part.join for part in parts]
    paths = _paths(tx, levels, rows)
    for path, row in zip(paths, rows):
        _add(whole, path, row[len(keys) : -1], joins)
    return {
        "summaries": {summary.path: summary.value(whole.parts) for summary in wanted},
        "groups": _shown(tx, whole, levels, wanted) if levels else [],
    }


def _paths(tx: Transaction, levels: Sequence[Grouping], rows: Sequence[Sequence[Any]]) -> Iterator[tuple[Key, ...]]:
    """
    Return the keys of each row's groups, outermost first. A row of SQL's result is an innermost group.
    """
    columns, at = [], 0
    for level in levels:
        width = len(level.columns)
        keys = [tuple(row[at : at + width]) for row in rows]
        at += width
        folded = None if level.fold is None else level.fold(tx, set(keys))
        columns.append(keys if folded is None else [folded[key] for key in keys])
    return zip(*columns) if columns else iter([()] * len(rows))


def _add(whole: _Group, path: Sequence[Key], parts: Sequence[Any], joins: Sequence[Any]) -> None:
    """
    Add the parts of an innermost group to this group, and to all groups that contain it.
    """
    group = whole
    _combine(group, parts, joins)
    for key in path:
        inner = group.groups.get(key)
        if inner is None:
            inner = group.groups[key] = _Group([None] * len(joins))
        group = inner
        _combine(group, parts, joins)


def _combine(group: _Group, parts: Sequence[Any], joins: Sequence[Any]) -> None:
    kept = group.parts
    for at, (value, join) in enumerate(zip(parts, joins)):
        if value is not None:
            kept[at] = value if kept[at] is None else join(kept[at], value)


def _shown(
    tx: Transaction, whole: _Group, levels: Sequence[Grouping], wanted: Sequence[_Summary]
) -> list[dict[str, Any]]:
    """
    Return the groups as the response shows them. Groups without a value come last, in either direction.
    """
    top: list[dict[str, Any]] = []
    here = [(whole, top)]
    for number, level in enumerate(levels, start=1):
        shown = level.show(tx, {key for group, _out in here for key in group.groups})
        below: list[tuple[_Group, list[dict[str, Any]]]] = []
        for group, out in here:
            filled = [key for key in group.groups if shown[key].value is not None]
            filled.sort(key=lambda key, shown=shown: shown[key].rank, reverse=level.descending)  # type: ignore[misc]
            empty = [key for key in group.groups if shown[key].value is None]
            for key in (*filled, *empty):
                inner = group.groups[key]
                entry: dict[str, Any] = {
                    "group_name": shown[key].name,
                    "group_value": shown[key].value,
                    "summaries": {summary.path: summary.value(inner.parts) for summary in wanted},
                }
                if number < len(levels):
                    entry["groups"] = []
                    below.append((inner, entry["groups"]))
                out.append(entry)
        here = below
    return top


def _summaries(scope: Scope, asked: Sequence[dict[str, Any]]) -> Iterator[_Summary]:
    at = 0
    for item in asked:
        kind, path = item.get("type"), item.get("field")
        if kind not in SUMMARIES:
            raise Fault(f"API {scope.tx.rpc}() type must be one of: {', '.join(SUMMARIES)}. Got: {inspect(kind)}")
        leaf = scope.leaf(path) if isinstance(path, str) else None
        if leaf is None:
            raise Fault(f"API {scope.tx.rpc}() {scope.root.entity_type}.{path} doesn't exist.")
        formula = _formula(scope, leaf, kind, item.get("value"))
        if formula is None:
            # Real sites leave a summary that the field cannot have out of their response.
            continue
        yield _Summary(str(path), at, formula)
        at += len(formula.parts)


def _sum(one: Any, other: Any) -> Any:
    return one + other


def _identity(value: Any) -> Any:
    return value


def _or_zero(value: Any) -> Any:
    return value or 0


def _formula(scope: Scope, leaf: Leaf, kind: str, value: Any) -> Optional[_Formula]:
    """
    Return the formula of a summary, or None if the data type does not support the summary.
    """
    data_type, func = leaf.field.data_type, sa.func
    if data_type in {"pivot_column", "summary"}:
        return None
    if kind == "record_count":
        return _Formula((_Part(func.count(), _sum),), _or_zero)
    if kind == "count":
        return _Formula((_Part(func.count(_filled(scope.tx, leaf)), _sum),), _or_zero)
    if data_type in {"multi_entity", "password"}:
        return None
    if kind in _PERCENTAGES and data_type not in NUMBERS:
        return _share(scope, leaf, kind, value)
    column = leaf.place.column(leaf.field)
    least, most = _Part(func.min(column), min), _Part(func.max(column), max)
    if data_type in NUMBERS:
        total = _Part(func.sum(column), _sum)
        filled = _Part(func.count(column), _sum)
        numbers = {
            "sum": _Formula((total,), _or_zero),
            "maximum": _Formula((most,), _or_zero),
            "minimum": _Formula((least,), _or_zero),
            "percentage": _Formula((), int),
            "average": _Formula((total, filled), lambda whole, number: whole / number if number else 0.0),
        }
        return numbers.get(kind)
    if data_type in DATES and kind in {"earliest", "minimum", "latest", "maximum"}:
        return _Formula((least if kind in {"earliest", "minimum"} else most,), _identity)
    if data_type == "checkbox" and kind in {"checked", "unchecked"}:
        matching = func.count(sa.case((column == (1 if kind == "checked" else 0), 1)))
        return _Formula((_Part(matching, _sum),), _or_zero)
    if data_type == "status_list" and kind == "status_list":
        code = func.coalesce(column, "")
        return _Formula((_Part(func.min(code), min), _Part(func.max(code), max)), _common_status)
    return None


def _share(scope: Scope, leaf: Leaf, kind: str, value: Any) -> Optional[_Formula]:
    """
    Return the formula of a percentage of a status, a list or a checkbox, or None for other data types.
    """
    is_checkbox = leaf.field.data_type == "checkbox"
    if not (leaf.field.data_type in _CODES or (is_checkbox and kind == "percentage")):
        return None
    func, column = sa.func, leaf.place.column(leaf.field)
    wanted = 1 if is_checkbox else _code(scope, leaf, value)
    matching, rows = _Part(func.count(sa.case((column == wanted, 1))), _sum), _Part(func.count(), _sum)
    if kind == "percentage":
        return _Formula((matching, rows), _percent)
    counted = func.count(sa.case((func.coalesce(column, "") != _NOT_APPLICABLE, 1)))
    return _Formula((matching, rows, _Part(counted, _sum)), _status_percent)


def _code(scope: Scope, leaf: Leaf, value: Any) -> str:
    """
    Return the code whose percentage is requested; an empty text if the request names none.
    """
    if value is not None and not isinstance(value, str):
        raise Fault(f"API {scope.tx.rpc}() The value of a percentage of {leaf.field.path} is a code: {inspect(value)}")
    return value or ""


def _common_status(least: Optional[str], most: Optional[str]) -> str:
    return (most or _NOT_APPLICABLE) if least == most else "ip"


def _percent(matching: Optional[int], rows: Optional[int]) -> int:
    return int(100.0 * (matching or 0) / rows + 0.5) if rows else 0


def _status_percent(matching: Optional[int], rows: Optional[int], counted: Optional[int]) -> int:
    """
    Return the percentage, or -1 if there are rows and none of them has a status that counts.
    """
    return -1 if rows and not counted else _percent(matching, rows)


def _filled(tx: Transaction, leaf: Leaf) -> sa.ColumnElement[Any]:
    """
    Return an expression that is null in exactly the rows where the field is empty.
    """
    place, field = leaf.place, leaf.field
    if field.data_type == "multi_entity":
        return sa.case((place.id.in_(linked(tx, field).own_ids()), 1))
    if field.data_type == "entity":
        return sa.case((is_linked(tx, place, field), 1))
    if field.data_type == "password":
        return place.id
    return place.column(field)
