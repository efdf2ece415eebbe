"""
Summaries and grouping, computed by SQL (protocol 2.2).

Every level of groups takes one query: the whole, then the rows by the first grouping, then by the first two, and so on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import attrs
import sqlalchemy as sa

from sgextended.localsite.errors import Fault, inspect
from sgextended.localsite.paths import Leaf, Scope, is_linked, linked
from sgextended.localsite.reading import Search, scope_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sgextended.localsite.schema import Field
    from sgextended.localsite.transaction import Transaction

NUMBERS = frozenset({"currency", "duration", "float", "number", "percent", "timecode"})
DATES = frozenset({"date", "date_time"})
_TEXTS = frozenset({"color", "entity_type", "footage", "list", "status_list", "text", "uuid"})

#: All summaries that the protocol knows, in the order in which the site lists them.
SUMMARIES = (
    *("record_count", "count", "sum", "maximum", "minimum", "average", "earliest", "latest", "percentage"),
    *("status_percentage", "status_percentage_as_float", "status_list", "checked", "unchecked"),
)
_NOT_SERVED = frozenset({"percentage", "status_percentage", "status_percentage_as_float"})
_UNGROUPED = frozenset({"image", "jsonb", "password", "pivot_column", "serializable", "summary", "tag_list", "url"})
_DECIMALS = {
    "tens": 10,
    "hundreds": 100,
    "thousands": 1_000,
    "tensofthousands": 10_000,
    "hundredsofthousands": 100_000,
    "millions": 1_000_000,
}
_CALENDAR = ("day", "week", "month", "quarter", "year")
#: All groupings that the protocol knows.
GROUPINGS = (*("exact", *_DECIMALS, *_CALENDAR, "clustered_date", "oneday", "fivedays", "entitytype", "firstletter"),)
_MINUTES_PER_DAY = 8 * 60


@attrs.frozen
class _Summary:
    path: str
    column: sa.ColumnElement[Any]
    read: Callable[[Any], Any]


@attrs.frozen
class _Grouping:
    """
    One level of groups: the columns that make a group's key, and how the key is shown.
    """

    columns: tuple[sa.ColumnElement[Any], ...]
    descending: bool
    field: Field
    kind: str


def summarize(
    tx: Transaction, search: Search, summaries: Sequence[dict[str, Any]], groupings: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """
    Return ``summaries`` of all rows found, and of the ``groups`` that they fall into.

    Raises:
        Fault: A summary or grouping is unknown, does not suit its field, or is not served by this site.
    """
    scope, condition = scope_of(tx, search)
    wanted = [summary for asked in summaries for summary in _summaries(scope, asked)]
    levels = [_grouping(scope, asked) for asked in groupings]
    columns = [summary.column.label(f"s{at}") for at, summary in enumerate(wanted)]

    def rows_at(level: int) -> list[sa.Row[Any]]:
        keys = [column for grouping in levels[:level] for column in grouping.columns]
        query = sa.select(*keys, *columns, sa.func.count()).select_from(scope.tables).where(condition)
        return list(tx.connection.execute(query.group_by(*keys)))

    whole = _read(wanted, rows_at(0)[0])
    return {"summaries": whole, "groups": _groups(tx, levels, wanted, rows_at) if levels else []}


def _read(wanted: list[_Summary], row: Sequence[Any]) -> dict[str, Any]:
    values = row[len(row) - len(wanted) - 1 : -1]
    return {summary.path: summary.read(value) for summary, value in zip(wanted, values)}


def _groups(
    tx: Transaction,
    levels: list[_Grouping],
    wanted: list[_Summary],
    rows_at: Callable[[int], list[sa.Row[Any]]],
) -> list[dict[str, Any]]:
    top: list[dict[str, Any]] = []
    above: dict[tuple[Any, ...], list[dict[str, Any]]] = {(): top}
    for level, grouping in enumerate(levels, start=1):
        rows = rows_at(level)
        before = sum(len(earlier.columns) for earlier in levels[: level - 1])
        keys = [tuple(row[before : before + len(grouping.columns)]) for row in rows]
        shown = _shown(tx, grouping, set(keys))
        here: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        order = sorted(range(len(rows)), key=lambda at: _rank(shown[keys[at]], grouping), reverse=grouping.descending)
        # Groups without a value come last, whichever way the others run.
        order.sort(key=lambda at: shown[keys[at]][1] is None)
        for at in order:
            name, value = shown[keys[at]]
            group: dict[str, Any] = {"group_name": name, "group_value": value, "summaries": _read(wanted, rows[at])}
            if level < len(levels):
                group["groups"] = here.setdefault(tuple(rows[at][: before + len(grouping.columns)]), [])
            above[tuple(rows[at][:before])].append(group)
        above = here
    return top


def _rank(shown: tuple[str, Any], grouping: _Grouping) -> Any:
    name, value = shown
    if value is None:
        return (0, "") if grouping.field.data_type in NUMBERS else ("", "")
    if grouping.field.data_type in NUMBERS:
        return (value, "")
    return (name.casefold(), name)


def _shown(tx: Transaction, grouping: _Grouping, keys: set[tuple[Any, ...]]) -> dict[tuple[Any, ...], tuple[str, Any]]:
    if grouping.field.data_type == "entity" and grouping.kind == "exact":
        wanted: dict[str, set[int]] = {}
        for entity_type, entity_id in keys:
            if entity_id is not None:
                wanted.setdefault(entity_type, set()).add(entity_id)
        names = tx.names(wanted)
        return {
            key: (
                names[key] or "",
                {"type": key[0], "id": key[1], "name": names[key], "valid": "valid"},
            )
            if key in names
            else ("", None)
            for key in keys
        }
    return {key: _labelled(grouping, key[0]) for key in keys}


def _labelled(grouping: _Grouping, value: Any) -> tuple[str, Any]:
    data_type = grouping.field.data_type
    if value is None:
        return "", None
    if data_type == "checkbox":
        return ("[X]", True) if value else ("[ ]", False)
    if data_type == "duration" and grouping.kind == "exact":
        return f"{value / _MINUTES_PER_DAY:.2f} days", value
    if data_type == "timecode" and grouping.kind == "exact":
        return _timecode(value), value
    return str(value), value


def _timecode(milliseconds: int) -> str:
    seconds, rest = divmod(abs(milliseconds), 1000)
    sign = "-" if milliseconds < 0 else ""
    return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{rest * 24 // 1000:02d}"


def _leaf(scope: Scope, path: Any) -> Leaf:
    leaf = scope.leaf(path) if isinstance(path, str) else None
    if leaf is None:
        raise Fault(f"API {scope.tx.rpc}() {scope.root.entity_type}.{path} doesn't exist.")
    return leaf


def _grouping(scope: Scope, asked: dict[str, Any]) -> _Grouping:
    kind, direction = asked.get("type", "exact"), asked.get("direction", "asc")
    leaf = _leaf(scope, asked.get("field"))
    field = leaf.field
    if kind not in GROUPINGS:
        raise Fault(f"API {scope.tx.rpc}() type must be one of: {', '.join(GROUPINGS)}. Got: {inspect(kind)}")
    if direction not in ("asc", "desc"):
        raise Fault(f"API {scope.tx.rpc}() direction must be one of: asc, desc. Got: {inspect(direction)}")
    if field.data_type in _UNGROUPED:
        raise Fault(f"Grouping is not allowed for field {field.path}.")
    if field.data_type in {"calculated", "multi_entity"} or kind in {"clustered_date", "oneday", "fivedays"}:
        raise Fault(
            f"API {scope.tx.rpc}() Grouping {field.path} ({field.data_type}) by '{kind}' is not served by this local "
            "site yet."
        )
    column = leaf.place.column(field)
    columns = _grouped(scope.tx, leaf, kind, column)
    if columns is None:
        raise Fault(f"Grouping by '{kind}' is not allowed for field {field.path}.")
    return _Grouping(columns, direction == "desc", field, kind)


def _grouped(
    tx: Transaction, leaf: Leaf, kind: str, column: sa.ColumnElement[Any]
) -> Optional[tuple[sa.ColumnElement[Any], ...]]:
    """
    Return the columns of a group's key, or None if the grouping does not suit the data type.
    """
    data_type = leaf.field.data_type
    if data_type == "entity" and kind in {"exact", "entitytype"}:
        live = is_linked(tx, leaf.place, leaf.field)
        entity_type = sa.case((live, leaf.place.link_type(leaf.field)))
        return (entity_type, sa.case((live, column))) if kind == "exact" else (entity_type,)
    if kind == "exact":
        # Without its collation, so that "Hero" and "hero" are two groups.
        return (sa.collate(column, "BINARY") if data_type in _TEXTS else column,)
    if kind in _DECIMALS and data_type in NUMBERS:
        size = _DECIMALS[kind]
        return (sa.cast(sa.cast(column, sa.Integer) - (sa.cast(column, sa.Integer) % size + size) % size, sa.Integer),)
    if kind in _CALENDAR and data_type in DATES:
        return (_first_day(column, kind),)
    if kind == "firstletter" and data_type in _TEXTS:
        return (sa.func.upper(sa.func.substr(column, 1, 1)),)
    return None


def _first_day(column: sa.ColumnElement[Any], kind: str) -> sa.ColumnElement[Any]:
    day = sa.func.substr(column, 1, 10)
    if kind == "day":
        return day
    if kind == "week":
        return sa.func.date(day, "-6 days", "weekday 1")
    if kind == "quarter":
        month = (sa.cast(sa.func.substr(column, 6, 2), sa.Integer) - 1) % 3
        return sa.func.date(day, "start of month", sa.func.printf("-%d months", month))
    return sa.func.date(day, f"start of {kind}")


def _summaries(scope: Scope, asked: dict[str, Any]) -> list[_Summary]:
    kind, path = asked.get("type"), asked.get("field")
    if kind not in SUMMARIES:
        raise Fault(f"API {scope.tx.rpc}() type must be one of: {', '.join(SUMMARIES)}. Got: {inspect(kind)}")
    if kind in _NOT_SERVED:
        raise Fault(f"API {scope.tx.rpc}() The summary '{kind}' is not served by this local site yet.")
    leaf = _leaf(scope, path)
    if leaf.field.data_type in {"calculated", "pivot_column", "summary"}:
        # The site leaves query fields out of its answer.
        return []
    found = _aggregate(scope, leaf, kind)
    if found is None:
        raise Fault(
            f"API {scope.tx.rpc}() The summary '{kind}' is not allowed for field {leaf.field.path} of data type "
            f"'{leaf.field.data_type}'."
        )
    return [_Summary(str(path), *found)]


def _same(value: Any) -> Any:
    return value


def _or_zero(value: Any) -> Any:
    return value or 0


def _aggregate(scope: Scope, leaf: Leaf, kind: str) -> Optional[tuple[sa.ColumnElement[Any], Callable[[Any], Any]]]:
    """
    Return the aggregate and how its value is shown, or None if the summary does not suit the data type.
    """
    data_type, func = leaf.field.data_type, sa.func
    if kind == "record_count":
        return func.count(), _same
    if kind == "count":
        return func.count(_filled(scope.tx, leaf)), _same
    if data_type in {"multi_entity", "password"}:
        return None
    column = leaf.place.column(leaf.field)
    if data_type in NUMBERS:
        numbers: dict[str, tuple[sa.ColumnElement[Any], Callable[[Any], Any]]] = {
            "sum": (func.sum(column), _or_zero),
            "maximum": (func.max(column), _or_zero),
            "minimum": (func.min(column), _or_zero),
            "average": (func.avg(column), lambda value: value or 0.0),
        }
        return numbers.get(kind)
    if data_type in DATES and kind in {"earliest", "minimum", "latest", "maximum"}:
        return (func.min(column) if kind in {"earliest", "minimum"} else func.max(column)), _same
    if data_type == "checkbox" and kind in {"checked", "unchecked"}:
        return func.count(sa.case((column == (1 if kind == "checked" else 0), 1))), _same
    if data_type == "status_list" and kind == "status_list":
        code = func.coalesce(column, "")
        mixed = sa.case((func.min(code) != func.max(code), "ip"), else_=func.max(column))
        return mixed, lambda value: value or "na"
    return None


def _filled(tx: Transaction, leaf: Leaf) -> sa.ColumnElement[Any]:
    """
    Return an expression that has a value where the field has one.
    """
    place, field = leaf.place, leaf.field
    if field.data_type == "multi_entity":
        return sa.case((place.id.in_(linked(tx, field).own_ids()), 1))
    if field.data_type == "entity":
        return sa.case((is_linked(tx, place, field), 1))
    if field.data_type == "password":
        return place.id
    return place.column(field)
