"""
The views of the site, of one record and of a project. A view returns the name of a template and the values that the
template shows; it contains no HTML.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sgextended.localsite.errors import Fault
from sgextended.localsite.pages.conditions import Condition
from sgextended.localsite.pages.record_table import (
    COLUMNS,
    PER_PAGE,
    Page,
    TableAddress,
    columns_of,
    filled_columns,
    labelled_type,
)
from sgextended.localsite.pages.value_display import is_empty
from sgextended.localsite.reading.row_reads import Search, count, find_ids, link_lists, show

if TYPE_CHECKING:
    from starlette.requests import Request

    from sgextended.localsite.schema.entity_types import EntityType, Field
    from sgextended.localsite.storage.transaction import Transaction

_EVENTS = 30
_NOTES = 50
_CODE = re.compile(r"[A-Za-z0-9_-]{1,40}")
_COLOR = re.compile(r"(\d{1,3}),(\d{1,3}),(\d{1,3})")
_SHOWN_ABOVE = frozenset({"filmstrip_image", "id", "image"})
_HOUSEKEEPING = frozenset({"cached_display_name", "created_at", "created_by", "updated_at", "updated_by"})
#: What a project's page shows: entity types, each with the field and the direction of the order, and a number of rows.
_SECTIONS = (
    ("Shot", "code", False, 10),
    ("Asset", "code", False, 10),
    ("Task", "due_date", True, 10),
    ("Version", "id", True, 8),
    ("Playlist", "id", True, 6),
)
_SECTION_COLUMNS = {
    "Shot": ("image", "code", "sg_status_list", "sg_sequence", "sg_cut_in", "sg_cut_out", "description"),
    "Asset": ("image", "code", "sg_status_list", "sg_asset_type", "description"),
    "Task": ("content", "entity", "step", "sg_status_list", "task_assignees", "start_date", "due_date"),
    "Version": ("image", "code", "sg_status_list", "entity", "user", "description", "created_at"),
    "Playlist": ("code", "versions", "created_by", "created_at"),
}

_LARGEST_ID = 2**63  # no id of a row is as large


def overview(tx: Transaction, request: Request) -> Page:
    """
    Return the view of the whole site: its types with their numbers of live records, and its projects.
    """
    del request
    directory = tx.tables.directory
    query = sa.select(directory.c.type, sa.func.count()).where(directory.c.retired == 0).group_by(directory.c.type)
    counts = {row[0]: row[1] for row in tx.connection.execute(query)}
    types = [
        {"name": name, "label": facts.label, "count": counts.get(name, 0)} for name, facts in tx.schema.types.items()
    ]
    nothing = {"logical_operator": "and", "conditions": []}
    search = Search(entity_type="Project", filters=nothing, sorts=[("name", False)])
    ids = find_ids(tx, search, limit=PER_PAGE)
    projects = show(tx, "Project", ids, ["name", "image", "sg_status", "archived"])
    used = sorted((each for each in types if each["count"]), key=lambda each: -each["count"])
    main = [each for each in used if not each["name"].endswith(("Connection", "Dependency"))]
    return "overview.html", {
        "main": main,
        "behind": [each for each in used if each not in main],
        "empty": [each for each in types if not each["count"]],
        "projects": projects,
        "total": sum(counts.values()),
    }


def record(tx: Transaction, request: Request) -> Page:
    """
    Return the view of one record: all its fields, its notes with their replies, and its events. A project's view also
    shows its shots, assets, tasks, versions and playlists.
    """
    facts = labelled_type(tx, request.path_params["type"])
    entity_id = request.path_params["id"]
    names = [name for name, field in facts.fields.items() if not field.is_personal and field.data_type != "password"]
    found = show(tx, facts.name, [entity_id], names) if entity_id < _LARGEST_ID else []
    if not found:
        raise Fault(f"There is no {facts.name} {entity_id}.")
    (row,) = found
    directory = tx.tables.directory
    entry = tx.connection.execute(
        sa.select(directory.c.name, directory.c.retired).where(
            directory.c.type == facts.name, directory.c.id == entity_id
        )
    ).first()
    other_fields = sorted(
        (facts.fields[name] for name in names if name in row and name not in _SHOWN_ABOVE),
        key=lambda each: _sort_key(facts, each),
    )
    is_project = facts.name == "Project"
    return "project.html" if is_project else "record.html", {
        "facts": facts,
        "row": row,
        "name": (entry and entry.name) or f"{facts.label} {entity_id}",
        "retired": bool(entry and entry.retired),
        "full": [field for field in other_fields if not is_empty(row[field.name])],
        "empty": [field for field in other_fields if is_empty(row[field.name])],
        "sections": _sections(tx, entity_id) if is_project else [],
        "notes": _notes_on(tx, facts, entity_id),
        "events": _events_of(tx, facts.name, entity_id),
    }


def statuses(tx: Transaction, request: Request) -> Page:
    """
    Return the style sheet with the colors of statuses, by status code.
    """
    del request
    table = tx.tables["Status"]
    query = sa.select(table.c.code, table.c.bg_color).where(table.c.retired_at.is_(None))
    found = []
    for code, text in tx.connection.execute(query):
        color = _COLOR.fullmatch(text or "")
        if _CODE.fullmatch(code or "") and color is not None:
            found.append((code, [int(part) % 256 for part in color.groups()]))
    return "statuses.css", {"statuses": found}


# --- Parts of the pages


def _sort_key(facts: EntityType, field: Field) -> tuple[int, str]:
    """
    Return the sort key of a field: first the fields that tables show, then the others, then author and dates.
    """
    name = "NAME" if field.name == facts.identifier else field.name
    if name in _HOUSEKEEPING:
        return len(COLUMNS) + 1, field.label
    return COLUMNS.index(name) if name in COLUMNS else len(COLUMNS), field.label


def _sections(tx: Transaction, project_id: int) -> list[dict[str, Any]]:
    """
    Return the records of a project: for each type their number, the first ones, and the address of all of them.
    """
    sections = []
    for name, sort, descends, most in _SECTIONS:
        if name not in tx.schema.types:
            continue
        facts = labelled_type(tx, name)
        link = {"type": "Project", "id": project_id}
        search = Search(
            entity_type=name,
            filters={
                "logical_operator": "and",
                "conditions": [{"path": "project", "relation": "is", "values": [link]}],
            },
            sorts=[(sort, descends)],
        )
        columns = columns_of(facts, _SECTION_COLUMNS[name])
        rows = show(tx, name, find_ids(tx, search, limit=most), [field.name for field in columns])
        here = Condition("project", "is", f"Project:{project_id}")
        sections.append(
            {
                "facts": facts,
                "total": count(tx, search),
                "rows": rows,
                "columns": filled_columns(columns, rows),
                "address": f"/records/{name}{TableAddress(conditions=(here,), sort=sort, descends=descends)}",
            }
        )
    return sections


def _notes_on(tx: Transaction, facts: EntityType, entity_id: int) -> list[dict[str, Any]]:
    if facts.name == "Note":
        wanted: list[dict[str, Any]] = [{"type": "Note", "id": entity_id}]
    else:
        field = facts.fields.get("notes")
        wanted = [] if field is None else link_lists(tx, field, [entity_id]).get(entity_id, [])
    ids = sorted((link["id"] for link in wanted), reverse=True)[:_NOTES]
    fields = ["subject", "content", "user", "created_at", "sg_status_list", "replies"]
    notes = show(tx, "Note", ids, fields)
    for note in notes:
        replies = sorted(link["id"] for link in note["replies"])
        note["replies"] = show(tx, "Reply", replies, ["content", "user", "created_at"])
    return notes


def _events_of(tx: Transaction, entity_type: str, entity_id: int) -> list[dict[str, Any]]:
    link = {"type": entity_type, "id": entity_id, "valid": "valid"}
    condition = {"path": "entity", "relation": "is", "values": [link]}
    search = Search(
        entity_type="EventLogEntry",
        filters={"logical_operator": "and", "conditions": [condition]},
        sorts=[("id", True)],
    )
    ids = find_ids(tx, search, limit=_EVENTS)
    return show(tx, "EventLogEntry", ids, ["event_type", "attribute_name", "description", "user", "created_at"])
