"""
The views: each returns the name of a template and the values that the template shows. No view contains HTML.
"""

from __future__ import annotations

import collections
import json
import re
import statistics
import time
import urllib.parse
from typing import TYPE_CHECKING, Any, Optional

import sqlalchemy as sa

from sgextended.localsite.errors import Fault
from sgextended.localsite.reading.row_reads import Search, count, find_ids, link_lists, show
from sgextended.localsite.storage.display_names import status_names
from sgextended.localsite.writing.file_values import is_web

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from starlette.requests import Request

    from sgextended.localsite.schema.entity_types import EntityType, Field
    from sgextended.localsite.services.ledger import Entry, Ledger
    from sgextended.localsite.storage.transaction import Transaction

Page = tuple[str, dict[str, Any]]

_LARGEST_ID = 2**63  # no id of a row is as large
PER_PAGE = 50
_SHOWN_CALLS = 200
_EVENTS = 30
_NOTES = 50
_MAX_COLUMNS = 8
# The fields that a table shows first, if the type has them. NAME is the type's identifying field.
_COLUMNS = (
    *("image", "NAME", "event_type", "sg_status_list", "project", "entity", "sg_sequence", "step", "sg_asset_type"),
    *("task_assignees", "user", "note_links", "start_date", "due_date", "description", "updated_at", "created_at"),
)
_OPERATORS = {
    "contains": "contains",
    "is": "is",
    "is_not": "is not",
    "starts_with": "starts with",
    "greater_than": "above",
    "less_than": "below",
}
# Links are compared by their names.
_BY_NAME = {"contains": "name_contains", "is": "name_is", "starts_with": "name_starts_with"}
_NUMBERS = frozenset({"duration", "number", "percent", "timecode"})
_FLOATS = frozenset({"currency", "float"})
_CODE = re.compile(r"[A-Za-z0-9_-]{1,40}")
_COLOR = re.compile(r"(\d{1,3}),(\d{1,3}),(\d{1,3})")
_SHOWN_ABOVE = frozenset({"filmstrip_image", "id", "image"})
_HOUSEKEEPING = frozenset({"cached_display_name", "created_at", "created_by", "updated_at", "updated_by"})
_UNSORTED = frozenset(
    {
        *("calculated", "image", "jsonb", "multi_entity", "password", "pivot_column", "serializable", "summary"),
        *("url", "uuid"),
    }
)


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


def records(tx: Transaction, request: Request) -> Page:
    """
    Return the view of one page of a type's records, filtered and sorted by the address's parameters.
    """
    facts = _type(tx, request)
    query = request.query_params
    number = _page_number(query.get("page"), 1)
    sort, descends = query.get("sort", "id"), query.get("order") == "down"
    conditions = list(zip(query.getlist("field"), query.getlist("is"), query.getlist("value")))
    text = query.get("q", "").strip()
    values: dict[str, Any] = {
        "facts": facts,
        "fields": [field for field in facts.fields.values() if not field.is_personal],
        "columns": _columns(facts, query.getlist("column")),
        "operators": _OPERATORS,
        "conditions": [condition for condition in conditions if condition[0]],
        "q": text,
        "sort": sort,
        "descends": descends,
        "page": number,
        "retired": query.get("retired") == "1",
        "chosen": query.getlist("column"),
        "link": lambda **changes: _address(request, changes),
        "unsorted": _UNSORTED,
        "fault": None,
    }
    try:
        filters = [_condition(facts, *condition) for condition in values["conditions"]]
        if text:
            filters.append(_named(facts, text))
        search = Search(
            entity_type=facts.name,
            filters={"logical_operator": "and", "conditions": filters},
            sorts=[(sort, descends)],
            retired=values["retired"],
        )
        total = count(tx, search)
        ids = find_ids(tx, search, limit=PER_PAGE, offset=PER_PAGE * (number - 1))
        shown = show(tx, facts.name, ids, [field.name for field in values["columns"]])
    except Fault as fault:
        values["fault"], total, shown = fault.message, 0, []
    pages = max(1, -(-total // PER_PAGE))
    return "records.html", {**values, "total": total, "pages": pages, "rows": shown, "first": PER_PAGE * (number - 1)}


def record(tx: Transaction, request: Request) -> Page:
    """
    Return the view of one record: all its fields, its notes with their replies, and its events.
    """
    facts = _type(tx, request)
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
    return "record.html", {
        "facts": facts,
        "row": row,
        "name": (entry and entry.name) or f"{facts.label} {entity_id}",
        "retired": bool(entry and entry.retired),
        "full": [field for field in other_fields if not _is_empty(row[field.name])],
        "empty": [field for field in other_fields if _is_empty(row[field.name])],
        "notes": _notes_on(tx, facts, entity_id),
        "events": _events_of(tx, facts.name, entity_id),
    }


def calls(ledger: Ledger, tx: Transaction, request: Request) -> Page:
    """
    Return the view of the executed calls, the newest first.
    """
    del tx, request
    entries = ledger.entries
    shown = _call_values(entries[-_SHOWN_CALLS:])
    counts = collections.Counter(entry.rpc for entry in entries)
    seconds = sorted(entry.seconds for entry in entries)
    return "calls.html", {
        "here": "calls",
        "calls": shown,
        "newest": entries[-1].number if entries else 0,
        "total": ledger.count(),
        "faults": sum(not entry.ok for entry in entries),
        "rows": sum(entry.rows for entry in entries),
        "median": statistics.median(seconds) if seconds else 0.0,
        "slowest": seconds[-1] if seconds else 0.0,
        "counts": counts.most_common(),
    }


def newer_calls(ledger: Ledger, tx: Transaction, request: Request) -> Page:
    """
    Return the view of the calls after the one of a number, which the page adds to its table.
    """
    del tx
    number = request.path_params["number"]
    entries = [entry for entry in ledger.entries[-_SHOWN_CALLS:] if entry.number > number]
    return "call_rows.html", {"calls": _call_values(entries)}


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


def _type(tx: Transaction, request: Request) -> EntityType:
    name = request.path_params["type"]
    facts = tx.schema.types.get(name)
    if facts is None:
        raise Fault(f"This site has no type {name}.")
    return facts.labelled(status_names(tx))


def _sort_key(facts: EntityType, field: Field) -> tuple[int, str]:
    """
    Return the sort key of a field: first the fields that tables show, then the others, then author and dates.
    """
    name = "NAME" if field.name == facts.identifier else field.name
    if name in _HOUSEKEEPING:
        return len(_COLUMNS) + 1, field.label
    return _COLUMNS.index(name) if name in _COLUMNS else len(_COLUMNS), field.label


def _page_number(text: Optional[str], least: int) -> int:
    return max(least, int(text)) if text and text.isascii() and text.isdigit() and len(text) < 8 else least


def _columns(facts: EntityType, asked: Iterable[str]) -> list[Field]:
    chosen = [facts.fields[name] for name in asked if name in facts.fields and not facts.fields[name].is_personal]
    if chosen:
        return chosen
    names = [facts.identifier or "id" if name == "NAME" else name for name in _COLUMNS]
    there = [facts.fields[name] for name in dict.fromkeys(names) if name in facts.fields and name != "id"]
    return there[:_MAX_COLUMNS]


def _named(facts: EntityType, text: str) -> dict[str, Any]:
    name = facts.identifier
    if name is None:
        raise Fault(f"Records of {facts.label} have no names to search for.")
    return {"path": name, "relation": "contains", "values": [text]}


def _condition(facts: EntityType, name: str, operator: str, text: str) -> dict[str, Any]:
    field = facts.fields.get(name)
    if field is None or operator not in _OPERATORS:
        raise Fault(f"{name!r} {operator!r} is not a condition on a {facts.label}.")
    if field.data_type in {"entity", "multi_entity"}:
        relation = _BY_NAME.get(operator)
        if relation is None:
            raise Fault(f"{field.label} is a link. Use contains, is or starts with, which compare its name.")
        return {"path": name, "relation": relation, "values": [text]}
    return {"path": name, "relation": operator, "values": [_value(field, text)]}


def _value(field: Field, text: str) -> Any:
    if text == "":
        return None
    try:
        if field.data_type in _NUMBERS:
            return int(text)
        if field.data_type in _FLOATS:
            return float(text)
    except ValueError:
        raise Fault(f"{field.label} is a number, and {text!r} is not.") from None
    if field.data_type == "checkbox":
        return text.lower() in {"1", "true", "yes"}
    return text


def _address(request: Request, changes: Mapping[str, Any]) -> str:
    """
    Return the address of the page with changed parameters; None removes one. A change of the rows leads to page 1.
    """
    pairs = [(key, value) for key, value in request.query_params.multi_items() if key not in changes and value]
    if "page" not in changes:
        pairs = [pair for pair in pairs if pair[0] != "page"]
    drop = changes.get("drop")
    if drop is not None:  # the number of the condition to remove
        kept = [(key, value) for key, value in pairs if key not in {"field", "is", "value"}]
        query = request.query_params
        conditions = list(zip(query.getlist("field"), query.getlist("is"), query.getlist("value")))
        for number, condition in enumerate(conditions):
            if number != drop:
                kept += zip(("field", "is", "value"), condition)
        pairs = kept
    pairs += [(key, str(value)) for key, value in changes.items() if value is not None and key != "drop"]
    return f"?{urllib.parse.urlencode(pairs)}"


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


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


def _call_values(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """
    Return the calls as values for the template, the newest first.
    """
    now, ticks = time.time(), time.monotonic()
    return [
        {
            "number": entry.number,
            "at": time.strftime("%H:%M:%S", time.localtime(now - (ticks - entry.started))),
            "who": entry.who or "nobody",
            "rpc": entry.rpc,
            "entity_type": entry.entity_type,
            "rows": entry.rows,
            "milliseconds": entry.seconds * 1000,
            "ok": entry.ok,
            "agent": entry.user_agent,
            "ids": entry.ids[:20],
        }
        for entry in reversed(list(entries))
    ]


# --- How values are shown


def kind_of(value: Any) -> str:
    """
    Return the name of the form in which a value is shown.
    """
    if _is_empty(value):
        return "empty"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, dict):
        return "file" if "link_type" in value else "link" if {"type", "id"} <= set(value) else "json"
    if isinstance(value, list):
        return "links" if all(isinstance(each, dict) and {"type", "id"} <= set(each) for each in value) else "json"
    return "text"


def web(value: Mapping[str, Any]) -> Optional[str]:
    """
    Return the address of a file if a page may link to it, else None.
    """
    url = value.get("url")
    if not isinstance(url, str):
        return None
    return url if is_web(url) or url.startswith(("/file_serve/", "/storage/")) else None


def moment(text: str) -> str:
    """
    Return a moment in UTC in a readable form.
    """
    return text.replace("T", " ").replace("Z", "")


def is_picture(value: Any) -> bool:
    """
    Return whether an image field's value is an address that a page may show.
    """
    return isinstance(value, str) and (is_web(value) or value.startswith(("/storage/", "/images/")))


def pretty(value: Any) -> str:
    """
    Return a value as indented JSON.
    """
    return json.dumps(value, indent=2, ensure_ascii=False)


FILTERS: dict[str, Callable[..., Any]] = {
    "kind": kind_of,
    "web": web,
    "moment": moment,
    "is_picture": is_picture,
    "pretty": pretty,
}
