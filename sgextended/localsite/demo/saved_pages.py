"""
The demo's query fields and saved pages, in the form in which the web application saves them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Optional

from sgextended.localsite.custom_fields.field_storage import add_fields
from sgextended.localsite.custom_fields.query_field_definitions import (
    CURRENT_PROJECT,
    ME,
    condition,
    current,
    group,
    query_field,
    single,
)
from sgextended.localsite.storage.single_row_writes import insert_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sgextended.localsite.schema.entity_types import Field
    from sgextended.localsite.storage.transaction import Transaction

_WIDGET = "SG.Widget.EntityQuery.EntityQueryPage"
_OPEN = condition("sg_status_list", "not_in", "fin", "omt")


def insert_query_fields(tx: Transaction) -> None:
    """
    Insert the demo's query fields.
    """
    add_fields(
        tx,
        [
            *(field for entity_type in ("Asset", "Shot") for field in _task_counting_query_fields(entity_type)),
            *_shot_query_fields(),
            *_asset_query_fields(),
            *_sequence_query_fields(),
            *_task_query_fields(),
        ],
    )


def insert_pages(tx: Transaction, moment: str) -> None:
    """
    Insert the demo's saved pages, created at *moment*, with their settings.
    """
    pages = list(_pages())
    rows: list[dict[str, Any]] = []
    settings: list[dict[str, Any]] = []
    for number, page in enumerate(pages, start=1):
        kept = page.pop("settings")
        project = page.pop("project")
        rows.append(
            {
                "id": number,
                **page,
                "project__type": project and "Project",
                "project__id": project,
                "shared": 1,
                "last_accessed": moment,
                "created_at": moment,
                "updated_at": moment,
                "created_by__type": "HumanUser",
                "created_by__id": 1,
                "updated_by__type": "HumanUser",
                "updated_by__id": 1,
            }
        )
        for user, value in kept:
            settings.append(
                {
                    "id": len(settings) + 1,
                    "page__type": "Page",
                    "page__id": number,
                    "user__type": user and "HumanUser",
                    "user__id": user,
                    "settings_json": json.dumps(value),
                    "created_at": moment,
                }
            )
    insert_rows(tx, "Page", rows)
    insert_rows(tx, "PageSetting", settings)


def _task_counting_query_fields(entity_type: str) -> Iterator[Field]:
    mine = condition("entity", "is", current(entity_type))

    def of_tasks(label: str, summary: str, *more: dict[str, Any], **options: Any) -> Field:
        return query_field(entity_type, label, ("Task", group("and", mine, *more)), summary, **options)

    yield of_tasks("Open Tasks", "record_count", _OPEN, description="Tasks that are neither final nor omitted.")
    yield of_tasks("Bid Total", "sum", field="est_in_mins")
    yield of_tasks("Average Task Duration", "average", field="duration")
    yield of_tasks("First Start", "minimum", field="start_date")
    yield of_tasks("Last Due", "maximum", field="due_date")
    yield of_tasks("Tasks Final", "status_percentage", field="sg_status_list", value="fin")
    yield of_tasks("Tasks Final Exactly", "status_percentage_as_float", field="sg_status_list", value="fin")
    yield of_tasks("Task Status", "status_list", field="sg_status_list")
    yield of_tasks("Milestones Share", "percentage", field="milestone")
    yield of_tasks("My Tasks", "count", condition("task_assignees", "is", ME), field="content")
    latest = ("Version", group("and", condition("entity", "is", current(entity_type))))
    yield query_field(entity_type, "Latest Version", latest, "single_record", field="code", value=single("created_at"))
    three = single("created_at", limit=3)
    yield query_field(entity_type, "Latest Artists", latest, "single_record", field="user", value=three)


def _shot_query_fields() -> Iterator[Field]:
    shot = condition("entity", "is", current("Shot"))
    soon = group("and", condition("sg_status_list", "is", "rdy"), condition("due_date", "in_next", 7, "DAY"))
    busy = group("or", condition("sg_status_list", "is", "ip"), soon)
    ignored = condition("step.Step.short_name", "is", "ANM", active=False)
    yield query_field("Shot", "Busy Tasks", ("Task", group("and", shot, busy, ignored)), "record_count")
    next_due = ("Task", group("and", shot, _OPEN))
    order = single("due_date", descending=False)
    yield query_field("Shot", "Next Task", next_due, "single_record", field="content", value=order)
    characters = group("and", condition("shots", "is", current("Shot")), condition("sg_asset_type", "is", "Character"))
    names = single("code", descending=False, limit=10)
    yield query_field("Shot", "Characters", ("Asset", characters), "single_record", field="code", value=names)


def _asset_query_fields() -> Iterator[Field]:
    shots = group("and", condition("assets", "is", current("Asset")), condition("project", "is", CURRENT_PROJECT))
    yield query_field("Asset", "Shot Count", ("Shot", shots), "record_count")
    yield query_field("Asset", "Frames", ("Shot", shots), "sum", field="sg_cut_duration")


def _sequence_query_fields() -> Iterator[Field]:
    mine = condition("sg_sequence", "is", current("Sequence"))
    yield query_field("Sequence", "Shot Total", ("Shot", group("and", mine)), "record_count")
    yield query_field("Sequence", "Cut Length", ("Shot", group("and", mine)), "sum", field="sg_cut_duration")
    yield query_field("Sequence", "Average Cut", ("Shot", group("and", mine)), "average", field="sg_cut_duration")
    deep = group("and", condition("entity.Shot.sg_sequence", "is", current("Sequence")), _OPEN)
    yield query_field("Sequence", "Open Shot Tasks", ("Task", deep), "record_count")
    final = ("Shot", group("and", mine))
    yield query_field("Sequence", "Shots Final", final, "status_percentage", field="sg_status_list", value="fin")


def _task_query_fields() -> Iterator[Field]:
    versions = ("Version", group("and", condition("sg_task", "is", current("Task"))))
    yield query_field("Task", "Version Count", versions, "record_count")
    yield query_field("Task", "Latest Take", versions, "single_record", field="code", value=single("created_at"))
    notes = ("Note", group("and", condition("tasks", "is", current("Task"))))
    yield query_field("Task", "Latest Note", notes, "single_record", field="subject", value=single("created_at"))
    logs = ("TimeLog", group("and", condition("entity", "is", current("Task")), condition("user", "is", ME)))
    yield query_field("Task", "My Time", logs, "sum", field="duration")


def _pages() -> Iterable[dict[str, Any]]:
    in_project = {**condition("project", "is", CURRENT_PROJECT), "top_level_project_filter": True}
    shots = _query_page(
        "Shot",
        group("and", in_project, condition("sg_status_list", "is_not", "omt")),
        ["code", "image", "sg_sequence", "sg_status_list", "sg_cut_duration", "sg_open_tasks", "sg_latest_version"],
        sorts=[("sg_sequence", "asc"), ("code", "asc")],
        grouping=[("sg_sequence", "exact", "asc")],
    )
    own = [
        {"spec_path": "body", "settings": {"sorts": [_sort("code", "desc")], "mode": "thumb"}},
        {"spec_path": "body|list_content", "settings": {"columns": ["code", "sg_status_list"]}},
    ]
    yield _page("Shots", "Shot", shots, project=1, user=(2, own))
    assets = _query_page(
        "Asset",
        group("and", in_project),
        ["code", "sg_asset_type", "sg_status_list", "sg_shot_count", "sg_tasks_final"],
        sorts=[("code", "asc")],
        grouping=[("sg_asset_type", "exact", "asc"), ("sg_status_list", "exact", "desc")],
    )
    yield _page("Assets", "Asset", assets, project=1)
    mine = group(
        "and",
        condition("task_assignees", "is", ME),
        condition("sg_status_list", "in", "ip", "rdy"),
        condition("project.Project.archived", "is", False),
    )
    columns = ["content", "entity", "step", "sg_status_list", "due_date", "sg_latest_take", "sg_version_count"]
    yield _page("My Tasks", "Task", _query_page("Task", mine, columns, sorts=[("due_date", "asc")]), folder="Mine")
    late = group(
        "and",
        in_project,
        condition("due_date", "in_last", 30, "DAY"),
        group("or", condition("sg_status_list", "is", "ip"), condition("sg_status_list", "is", "rdy")),
        condition("step.Step.short_name", "is", "ANM", active=False),
    )
    yield _page("Late Tasks", "Task", _query_page("Task", late, columns[:5], exportable=True), project=2)
    versions = _query_page(
        "Version",
        group("and", condition("project", "is", {"type": "Project", "id": 2, "valid": "valid"})),
        ["code", "entity", "entity.Shot.sg_sequence", "user", "sg_status_list", "open_notes_count"],
        sorts=[("created_at", "desc")],
        mode="card",
    )
    yield _page("Versions", "Version", versions, project=2)
    sequences = _query_page(
        "Sequence",
        group("and", in_project),
        ["code", "sg_shot_total", "sg_cut_length", "sg_average_cut", "sg_shots_final", "sg_open_shot_tasks"],
    )
    sequences["settings"]["layouts"] = [{"name": "body", "display_name": "All Sequences", "api_exportable": True}]
    yield _page("Sequences", "Sequence", sequences, project=1)
    yield _page("Overview", None, {"type": "SG.Widget.Canvas", "settings": {}, "children": {}}, kind="canvas")


def _page(
    name: str,
    entity_type: Optional[str],
    settings: dict[str, Any],
    *,
    project: Optional[int] = None,
    folder: Optional[str] = None,
    kind: str = "entity_query",
    user: Optional[tuple[int, Any]] = None,
) -> dict[str, Any]:
    return {
        "name": name,
        "entity_type": entity_type,
        "page_type": kind,
        "ui_category": "project" if project else "global",
        "folder": folder,
        "description": f"{name} of the demo.",
        "project": project,
        "settings": [(None, settings), *([user] if user else [])],
    }


def _query_page(
    entity_type: str,
    filters: dict[str, Any],
    columns: list[str],
    *,
    sorts: Iterable[tuple[str, str]] = (),
    grouping: Iterable[tuple[str, str, str]] = (),
    mode: str = "list",
    exportable: bool = False,
) -> dict[str, Any]:
    """
    Return the settings of a page that lists rows, as the web application saves them.
    """
    groups = [{"column": column, "method": method, "direction": direction} for column, method, direction in grouping]
    panel = group("and", condition("sg_status_list", "in", "ip", active=False))
    body = {
        "type": _WIDGET,
        "settings": {
            "entity_type": entity_type,
            "filters": filters,
            "sorts": [_sort(column, direction) for column, direction in sorts],
            "grouping": groups or False,
            "mode": mode,
            "records_per_page": 50,
        },
        "children": {
            "list_content": {
                "type": "SG.Widget.EntityQuery.ListContent",
                "settings": {"columns": columns, "column_widths": {columns[0]: 200}},
                "children": {},
            }
        },
    }
    settings: dict[str, Any] = {
        "layouts": [{"name": "body", "display_name": "Default"}],
        "filter_panel_main_entity_type_settings": {"panel_filters": panel},
        "api_exportable": exportable,
    }
    return {"type": "SG.Widget.Page", "settings": settings, "children": {"body": body}}


def _sort(column: str, direction: str) -> dict[str, str]:
    return {"column": column, "direction": direction}
