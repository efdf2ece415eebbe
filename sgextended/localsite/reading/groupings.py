"""
The groups of a summary: which key each grouping makes from a value, and how a response shows the key.

SQL computes the keys. Some groupings then merge several keys into one, such as days into "This Week".
"""

from __future__ import annotations

import datetime as dt
import functools
import json
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

import attrs
import sqlalchemy as sa

from sgextended.localsite.errors import Fault, inspect
from sgextended.localsite.reading.field_paths import Leaf, Scope, is_linked, linked
from sgextended.localsite.schedule.working_days import MINUTES_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sgextended.localsite.storage.transaction import Transaction

NUMBERS = frozenset({"calculated", "currency", "duration", "float", "number", "percent", "timecode"})
DATES = frozenset({"date", "date_time"})
TEXTS = frozenset({"color", "entity_type", "footage", "list", "status_list", "text", "uuid"})

_UNGROUPED = frozenset({"image", "jsonb", "password", "pivot_column", "serializable", "summary", "tag_list", "url"})
_DECIMALS = {
    "tens": 10,
    "hundreds": 100,
    "thousands": 1_000,
    "tensofthousands": 10_000,
    "hundredsofthousands": 100_000,
    "millions": 1_000_000,
}
_FRAMES_PER_SECOND = 23.976
_CALENDAR = ("day", "week", "month", "quarter", "year")
_DAYS = {"oneday": 1, "fivedays": 5}
#: All groupings that API3 has.
GROUPINGS = (*("exact", *_DECIMALS, *_CALENDAR, "clustered_date", *_DAYS, "entitytype", "firstletter"),)
#: The groups of ``clustered_date``, in the order of time.
CLUSTERS = (
    *("Older", "Last Year", "Last Month", "Last Week", "Yesterday", "Today", "Tomorrow"),
    *("This Week", "Next Week", "This Month", "Next Month", "This Year", "Next Year", "Later"),
)

Key = tuple[Any, ...]


class Shown(NamedTuple):
    """
    A group as the response shows it, and the value by which groups are ordered.
    """

    name: str
    value: Any
    rank: Any


@attrs.frozen(eq=False)
class Grouping:
    """
    One level of groups: the columns of a group's key, and how a response shows the key.

    Attributes:
        fold: Returns the group's key for each key that SQL found. None: SQL's keys are the groups' keys.
    """

    columns: tuple[sa.ColumnElement[Any], ...]
    descending: bool
    data_type: str
    kind: str
    fold: Optional[Callable[[Transaction, set[Key]], dict[Key, Key]]] = None

    def show(self, tx: Transaction, keys: Iterable[Key]) -> dict[Key, Shown]:
        """
        Return how the response shows each key.
        """
        if self.kind == "exact" and self.data_type == "entity":
            return _shown_links(tx, keys)
        if self.data_type == "multi_entity":
            return _shown_lists(tx, keys)
        return {key: self._shown(key[0]) for key in keys}

    def _shown(self, value: Any) -> Shown:
        if value is None:
            return Shown("", None, ())
        if self.kind == "clustered_date":
            return Shown(value, value, CLUSTERS.index(value))
        if self.data_type == "checkbox":
            return Shown("[X]" if value else "[ ]", bool(value), value)
        if self.kind in {"exact", *_DAYS} and self.data_type in {"calculated", "duration"}:
            raw = f"{value:.6f}" if self.data_type == "calculated" else value
            return Shown(f"{value / MINUTES_PER_DAY:.2f} days", raw, value)
        if self.data_type == "timecode" and self.kind == "exact":
            return Shown(timecode(value), value, value)
        if self.data_type in NUMBERS:
            return Shown(str(value), value, value)
        return Shown(str(value), value, (str(value).casefold(), str(value)))


def grouping(scope: Scope, asked: dict[str, Any]) -> Grouping:
    """
    Return the level of groups that a request describes.

    Raises:
        Fault: There is no such field or grouping, or the field's data type does not support the grouping.
    """
    kind, direction, path = asked.get("type", "exact"), asked.get("direction", "asc"), asked.get("field")
    leaf = scope.leaf(path) if isinstance(path, str) else None
    if leaf is None:
        raise Fault(f"API {scope.tx.rpc}() {scope.root.entity_type}.{path} doesn't exist.")
    field = leaf.field
    if kind not in GROUPINGS:
        raise Fault(f"API {scope.tx.rpc}() type must be one of: {', '.join(GROUPINGS)}. Got: {inspect(kind)}")
    if direction not in ("asc", "desc"):
        raise Fault(f"API {scope.tx.rpc}() direction must be one of: asc, desc. Got: {inspect(direction)}")
    if field.data_type in _UNGROUPED:
        raise Fault(f"Grouping is not allowed for field {field.path}.")
    columns = _columns(scope, leaf, kind)
    if columns is None:
        raise Fault(f"Grouping by '{kind}' is not allowed for field {field.path}.")
    fold: Optional[Callable[[Transaction, set[Key]], dict[Key, Key]]] = None
    if kind == "clustered_date":
        fold = _clustered
    elif field.data_type == "multi_entity":
        fold = _sorted_lists
    elif field.data_type == "entity" and kind == "exact":
        fold = _live_links if field.takes_any_type else functools.partial(_live_links, only=field.valid_types[0])
    return Grouping(columns, direction == "desc", field.data_type, kind, fold)


def cluster(day: dt.date, today: dt.date) -> str:
    """
    Return the group of ``CLUSTERS`` that *day* belongs to, seen from *today*. The smallest matching span wins.
    """
    near = {-1: "Yesterday", 0: "Today", 1: "Tomorrow"}.get((day - today).days)
    if near is not None:
        return near
    monday = dt.timedelta(days=1)
    weeks = ((day - day.weekday() * monday) - (today - today.weekday() * monday)).days // 7
    months = (day.year - today.year) * 12 + day.month - today.month
    for distance, unit in ((weeks, "Week"), (months, "Month"), (day.year - today.year, "Year")):
        if abs(distance) <= 1:
            return f"{('Last', 'This', 'Next')[distance + 1]} {unit}"
    return "Older" if day < today else "Later"


def timecode(milliseconds: int) -> str:
    """
    Return a timecode as groups show it: hours, minutes, seconds and frames, at 23.976 frames a second.

    Frames are rounded. The last part of a second may round up to the next second, which 24 frames fill.
    """
    seconds, rest = divmod(abs(milliseconds), 1000)
    more, frames = divmod(round(rest * _FRAMES_PER_SECOND / 1000), 24)
    seconds += more
    sign = "-" if milliseconds < 0 else ""
    return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frames:02d}"


def _columns(scope: Scope, leaf: Leaf, kind: str) -> Optional[tuple[sa.ColumnElement[Any], ...]]:
    """
    Return the columns of a group's key, or None if the data type does not support the grouping.
    """
    data_type = leaf.field.data_type
    if data_type == "multi_entity":
        return (_list_key(scope, leaf),) if kind == "exact" else None
    column = leaf.place.column(leaf.field)
    if data_type == "entity":
        entity_type = leaf.place.link_type(leaf.field)
        if kind == "exact":
            # The retired links are removed later, once per link instead of once per row. SQLite sorts faster by
            # fewer columns, and the type is the same in all rows of a field that accepts one type.
            return (entity_type, column) if leaf.field.takes_any_type else (column,)
        return (sa.case((is_linked(scope.tx, leaf.place, leaf.field), entity_type)),) if kind == "entitytype" else None
    if kind == "exact":
        # The column's own collation ignores letter case, but "Hero" and "hero" are two groups.
        return (sa.collate(column, "BINARY") if data_type in TEXTS else column,)
    if data_type in NUMBERS and kind in _DECIMALS:
        return (_floor(sa.cast(column, sa.Integer), _DECIMALS[kind]),)
    if data_type in {"calculated", "duration"} and kind in _DAYS:
        return (_floor(column, _DAYS[kind] * MINUTES_PER_DAY),)
    if data_type in DATES and (kind in _CALENDAR or kind in _DAYS or kind == "clustered_date"):
        return (_first_day(column, kind),)
    if data_type in TEXTS and kind == "firstletter":
        return (sa.func.upper(sa.func.substr(column, 1, 1)),)
    return None


def _floor(column: sa.ColumnElement[Any], size: int) -> sa.ColumnElement[Any]:
    return sa.cast(column - (column % size + size) % size, sa.Integer)


def _first_day(column: sa.ColumnElement[Any], kind: str) -> sa.ColumnElement[Any]:
    """
    Return the first day of the period that a date falls into.
    """
    day = sa.func.substr(column, 1, 10)
    if kind in {"day", "oneday", "clustered_date"}:
        return day
    if kind == "fivedays":
        # Periods of five days are counted from 1970-01-01, the start of Unix time.
        number = sa.cast(sa.func.julianday(day) - sa.func.julianday("1970-01-01"), sa.Integer)
        first = sa.func.date("1970-01-01", sa.func.printf("+%d days", _floor(number, 5)))
        return sa.case((day.is_not(None), first))
    if kind == "week":
        return sa.func.date(day, "-6 days", "weekday 1")
    if kind == "quarter":
        month = (sa.cast(sa.func.substr(column, 6, 2), sa.Integer) - 1) % 3
        return sa.func.date(day, "start of month", sa.func.printf("-%d months", month))
    return sa.func.date(day, f"start of {kind}")


def _list_key(scope: Scope, leaf: Leaf) -> sa.ColumnElement[Any]:
    """
    Return the links of a multi-entity field as JSON text, in no particular order; null without links.
    """
    links = linked(scope.tx, leaf.field)
    pair = sa.func.json_array(links.far_type, links.far_id)
    lists = (
        sa.select(links.own_id.label("own_id"), sa.func.json_group_array(sa.func.json(pair)).label("links"))
        .where(links.condition)
        .group_by(links.own_id)
        .subquery()
    )
    scope.tables = scope.tables.outerjoin(lists, lists.c.own_id == leaf.place.id)
    return lists.c.links


def _live_links(tx: Transaction, keys: set[Key], only: Optional[str] = None) -> dict[Key, Key]:
    """
    Return the link of each key as a type and an id; two Nones for a link to a retired row.
    """
    links = {key: key if only is None else (only, key[0]) for key in keys}
    live = _names(tx, (link for link in links.values() if link[1] is not None))
    return {key: link if link in live else (None, None) for key, link in links.items()}


def _sorted_lists(tx: Transaction, keys: set[Key]) -> dict[Key, Key]:
    del tx  # the keys contain live links only
    return {key: (None if key[0] is None else tuple(sorted(map(tuple, json.loads(key[0])))),) for key in keys}


def _clustered(tx: Transaction, keys: set[Key]) -> dict[Key, Key]:
    today = tx.now.date()
    return {key: (None if key[0] is None else cluster(dt.date.fromisoformat(key[0]), today),) for key in keys}


def _shown_links(tx: Transaction, keys: Iterable[Key]) -> dict[Key, Shown]:
    keys = list(keys)
    names = _names(tx, (key for key in keys if key[1] is not None))
    shown = {}
    for key in keys:
        name = names.get((key[0], key[1]))
        shown[key] = Shown("", None, ()) if key[1] is None else Shown(name or "", _link(key, name), _name_rank(name))
    return shown


def _shown_lists(tx: Transaction, keys: Iterable[Key]) -> dict[Key, Shown]:
    keys = list(keys)
    names = _names(tx, (link for key in keys for link in key[0] or ()))
    shown = {}
    for key in keys:
        if key[0] is None:
            shown[key] = Shown("", None, ())
            continue
        links = sorted(key[0], key=lambda link: (_name_rank(names.get(link)), link))
        name = ", ".join(names.get(link) or "" for link in links)
        shown[key] = Shown(name, [_link(link, names.get(link)) for link in links], _name_rank(name))
    return shown


def _names(tx: Transaction, links: Iterable[Key]) -> dict[tuple[str, int], Optional[str]]:
    wanted: dict[str, set[int]] = {}
    for entity_type, entity_id in links:
        wanted.setdefault(entity_type, set()).add(entity_id)
    return tx.names(wanted)


def _name_rank(name: Optional[str]) -> tuple[str, str]:
    return ((name or "").casefold(), name or "")


def _link(key: Key, name: Optional[str]) -> dict[str, Any]:
    return {"type": key[0], "id": key[1], "name": name, "valid": "valid"}
