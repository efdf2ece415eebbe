"""
Filter presets: predefined conditions that a caller selects by name.

``LATEST`` keeps one row of each group: the highest one of the rows that the filters and the other presets leave. A row
that the filters exclude therefore never hides an older one. Real sites do the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Union

import attrs
import sqlalchemy as sa

from sgextended.localsite.errors import Fault, inspect
from sgextended.localsite.reading.navigation import linked_below

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sgextended.localsite.reading.field_paths import Place, Scope
    from sgextended.localsite.storage.transaction import Transaction

Condition = sa.ColumnElement[bool]


@attrs.frozen(eq=False)
class Latest:
    """
    The highest row of each group.

    Attributes:
        group: The columns that are equal for the rows of one group.

        rank: The columns that decide which row is the highest. A later column counts where the earlier ones are equal.

        condition: The condition that a row must meet to be in a group at all.
    """

    group: tuple[sa.ColumnElement[Any], ...]
    rank: tuple[sa.ColumnElement[Any], ...]
    condition: Condition = attrs.field(factory=sa.true)

    def chosen(self, scope: Scope, condition: Condition) -> Condition:
        """
        Return the condition that a row is the highest of its group among the live rows that meet *condition*.
        """
        order = [column.desc() for column in self.rank]
        place = sa.func.row_number().over(partition_by=self.group, order_by=order)
        ranked = (
            sa.select(scope.root.id.label("id"), place.label("place"))
            .select_from(scope.tables)
            .where(scope.root.is_live, self.condition, condition)
            .correlate(None)
            .subquery()
        )
        return scope.root.id.in_(sa.select(ranked.c.id).where(ranked.c.place == 1))


def with_presets(scope: Scope, condition: Condition, presets: Sequence[Any]) -> Condition:
    """
    Return the condition of the rows at the scope's root that meet *condition* and all presets.

    Raises:
        Fault: There is no such preset for the type, or an argument of a preset is missing or invalid.
    """
    found = [_preset(scope.tx, scope.root, preset) for preset in presets]
    left = sa.and_(condition, *(each for each in found if not isinstance(each, Latest)))
    chosen = [each.chosen(scope, left) for each in found if isinstance(each, Latest)]
    return sa.and_(*chosen) if chosen else left


def _preset(tx: Transaction, place: Place, preset: Any) -> Union[Condition, Latest]:
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


def _created(row: sa.FromClause) -> tuple[sa.ColumnElement[Any], ...]:
    # The id decides between rows that were created at the same moment.
    return sa.func.coalesce(row.c.created_at, ""), row.c.id


def _latest_cut(tx: Transaction, place: Place, preset: Mapping[str, Any]) -> Latest:
    _latest_by(preset, tx, "REVISION_NUMBER")
    row = place.row
    rank = (sa.func.coalesce(row.c.revision_number, -1), row.c.id)
    return Latest((row.c.code, row.c.entity__id, row.c.entity__type), rank)


def _latest_version(tx: Transaction, place: Place, preset: Mapping[str, Any]) -> Latest:
    by_step = "BY_PIPELINE_STEP_NUMBER_AND_ENTITIES_CREATED_AT"
    way = _latest_by(preset, tx, "ENTITIES_CREATED_AT", by_step)
    row = place.row
    rank = _created(row)
    if way == by_step:
        task, step = tx.alias("Task"), tx.alias("Step")
        order = (
            sa.select(step.c.list_order)
            .join(task, task.c.step__id == step.c.id)
            .where(task.c.id == row.c.sg_task__id, task.c.retired_at.is_(None), step.c.retired_at.is_(None))
        )
        rank = (sa.func.coalesce(order.correlate(row).scalar_subquery(), -1), *rank)
    return Latest((row.c.entity__id, row.c.entity__type), rank, row.c.entity__id.is_not(None))


def _latest_file(tx: Transaction, place: Place, preset: Mapping[str, Any]) -> Latest:
    way = _latest_by(preset, tx, "ENTITIES_CREATED_AT", "VERSION_NUMBER")
    row = place.row
    rank = _created(row)
    if way == "VERSION_NUMBER":
        rank = (sa.func.coalesce(row.c.version_number, -1), *rank)
    kin = ("entity__id", "entity__type", "name", "published_file_type__id", "task__id")
    return Latest(tuple(row.c[name] for name in kin), rank)


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


_PRESETS: dict[tuple[str, str], Callable[[Transaction, Place, Mapping[str, Any]], Union[Condition, Latest]]] = {
    ("", "NAV_ENTRIES"): _nav_entries,
    ("Cut", "LATEST"): _latest_cut,
    ("PublishedFile", "LATEST"): _latest_file,
    ("Version", "CUT_SHOT_VERSIONS"): _cut_shot_versions,
    ("Version", "LATEST"): _latest_version,
}
