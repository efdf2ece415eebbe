"""
Filter presets: predefined conditions that a caller selects by name.

The latest row of a group is the row that no other live row of the group ranks above. The condition tests this for each
row; there is no table of latest rows. A narrow filter therefore makes the preset cheap too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sgextended.localsite.errors import Fault, inspect
from sgextended.localsite.reading.navigation import linked_below

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sgextended.localsite.reading.field_paths import Place
    from sgextended.localsite.storage.transaction import Transaction

Condition = sa.ColumnElement[bool]


def preset_condition(tx: Transaction, place: Place, preset: Any) -> Condition:
    """
    Return the condition of a preset for the rows at *place*.

    Raises:
        Fault: There is no such preset for the type, or an argument of the preset is missing or invalid.
    """
    name = preset.get("preset_name") if isinstance(preset, dict) else None
    found = _PRESETS.get((place.entity_type, str(name))) or _PRESETS.get(("", str(name)))
    if found is None:
        raise Fault(f"API {tx.rpc}() {place.entity_type} has no filter preset {inspect(name)}: {inspect(preset)}")
    return found(tx, place, preset)


def _latest_by(preset: Mapping[str, Any], tx: Transaction, *known: str) -> str:
    way = preset.get("latest_by")
    if way not in known:
        raise Fault(f"API {tx.rpc}() 'latest_by' must be one of: {', '.join(known)}. Got: {inspect(way)}")
    return str(way)


def _latest(
    tx: Transaction,
    place: Place,
    kin: tuple[str, ...],
    rank: Callable[[sa.FromClause], tuple[sa.ColumnElement[Any], ...]],
) -> Condition:
    """
    Return the condition that a row is live, and that no other live row with equal *kin* columns ranks higher.
    """
    other = tx.alias(place.entity_type)
    same = [other.c[name].is_not_distinct_from(place.row.c[name]) for name in kin]
    above = sa.tuple_(*rank(other)) > sa.tuple_(*rank(place.row))
    later = sa.select(sa.literal(1)).where(other.c.retired_at.is_(None), *same, above)
    return sa.and_(place.is_live, sa.not_(later.correlate(place.row).exists()))


def _created(row: sa.FromClause) -> tuple[sa.ColumnElement[Any], ...]:
    # The id decides between rows that were created at the same moment.
    return sa.func.coalesce(row.c.created_at, ""), row.c.id


def _latest_cut(tx: Transaction, place: Place, preset: Mapping[str, Any]) -> Condition:
    _latest_by(preset, tx, "REVISION_NUMBER")
    return _latest(
        tx,
        place,
        ("code", "entity__id", "entity__type"),
        lambda row: (sa.func.coalesce(row.c.revision_number, -1), row.c.id),
    )


def _latest_version(tx: Transaction, place: Place, preset: Mapping[str, Any]) -> Condition:
    by_step = "BY_PIPELINE_STEP_NUMBER_AND_ENTITIES_CREATED_AT"
    way = _latest_by(preset, tx, "ENTITIES_CREATED_AT", by_step)

    def stepped(row: sa.FromClause) -> tuple[sa.ColumnElement[Any], ...]:
        task, step = tx.alias("Task"), tx.alias("Step")
        order = (
            sa.select(step.c.list_order)
            .join(task, task.c.step__id == step.c.id)
            .where(task.c.id == row.c.sg_task__id, task.c.retired_at.is_(None), step.c.retired_at.is_(None))
        )
        return sa.func.coalesce(order.correlate(row).scalar_subquery(), -1), *_created(row)

    latest = _latest(tx, place, ("entity__id", "entity__type"), stepped if way == by_step else _created)
    return sa.and_(place.row.c.entity__id.is_not(None), latest)


def _latest_file(tx: Transaction, place: Place, preset: Mapping[str, Any]) -> Condition:
    way = _latest_by(preset, tx, "ENTITIES_CREATED_AT", "VERSION_NUMBER")

    def numbered(row: sa.FromClause) -> tuple[sa.ColumnElement[Any], ...]:
        return sa.func.coalesce(row.c.version_number, -1), *_created(row)

    kin = ("entity__id", "entity__type", "name", "published_file_type__id", "task__id")
    return _latest(tx, place, kin, numbered if way == "VERSION_NUMBER" else _created)


def _cut_shot_versions(tx: Transaction, place: Place, preset: Mapping[str, Any]) -> Condition:
    cut_id = preset.get("cut_id")
    if not isinstance(cut_id, int) or isinstance(cut_id, bool):
        raise Fault(f"API {tx.rpc}() invalid/missing integer 'cut_id': {inspect(preset)}")
    items = tx.alias("CutItem")
    shots = sa.select(items.c.shot__id).where(
        items.c.cut__id == cut_id, items.c.retired_at.is_(None), items.c.shot__id.is_not(None)
    )
    return sa.and_(place.is_live, place.row.c.entity__type == "Shot", place.row.c.entity__id.in_(shots))


def _nav_entries(tx: Transaction, place: Place, preset: Mapping[str, Any]) -> Condition:
    seed, path = preset.get("seed"), preset.get("path")
    name = seed.get("field") if isinstance(seed, dict) else None
    field = tx.schema.field(place.entity_type, name) if isinstance(name, str) else None
    if field is None or field.data_type != "entity" or not isinstance(path, str):
        raise Fault(f"API {tx.rpc}() a NAV_ENTRIES preset needs a path and an entity field as seed: {inspect(preset)}")
    return linked_below(tx, place, field, path)


_PRESETS: dict[tuple[str, str], Callable[[Transaction, Place, Mapping[str, Any]], Condition]] = {
    ("", "NAV_ENTRIES"): _nav_entries,
    ("Cut", "LATEST"): _latest_cut,
    ("PublishedFile", "LATEST"): _latest_file,
    ("Version", "CUT_SHOT_VERSIONS"): _cut_shot_versions,
    ("Version", "LATEST"): _latest_version,
}
