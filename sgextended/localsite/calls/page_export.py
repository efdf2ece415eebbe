"""
The export of a Page: the rows and columns of its layout as CSV.

A page may be exported if ``api_exportable`` is set in the settings of its root or of the named layout.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, Optional

import sqlalchemy as sa

from sgextended.localsite.calls import payload
from sgextended.localsite.errors import Fault, inspect
from sgextended.localsite.reading.field_paths import Scope
from sgextended.localsite.reading.row_reads import Search, find_ids, show
from sgextended.localsite.storage.single_row_writes import is_retired

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sgextended.localsite.storage.transaction import Link, Transaction

WIDGET = "SG.Widget.EntityQuery.EntityQueryPage"

_CHUNK = 5000
_FOR_ALL_ROWS = 2**31 - 1


def export_page(tx: Transaction, request: Any) -> str:
    """
    Return the rows of a page as CSV: a line of column labels, then one line per row.
    """
    request = payload.mapping(tx, request)
    for name in ("format", "page_id"):
        if request.get(name) is None:
            raise Fault(f"API {tx.rpc}() '{name}' missing: {inspect(dict(request))}")
    page_id, layout = payload.integer(tx, request, "page_id"), request.get("layout_name")
    if request["format"] != "csv":
        raise Fault(f"API {tx.rpc}() 'format' must be one of: csv. Got: {inspect(request['format'])}")
    unavailable = Fault(f"Export for Page id={page_id} not available")
    retired = is_retired(tx, "Page", page_id)
    if retired:
        raise Fault(f"Trying to perform export for retired Page id={page_id}")
    settings = None if retired is None else _layout(tx, page_id)
    try:
        widget = None if settings is None else _widget(settings, layout)
        if widget is None:
            raise unavailable
        options = widget.get("settings") or {}
        columns = _columns(widget)
        if options.get("entity_type") not in tx.schema or not columns:
            raise unavailable
        return _csv_text(tx, options, columns, _context(tx, page_id))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # Callers write the settings as they like.
        raise Fault(f"The settings of Page id={page_id} are not those of a page that can be exported.") from error


def _layout(tx: Transaction, page_id: int) -> Optional[dict[str, Any]]:
    kept = tx.tables["PageSetting"]
    query = sa.select(kept.c.settings_json).where(
        kept.c.page__id == page_id, kept.c.user__id.is_(None), kept.c.retired_at.is_(None)
    )
    text = tx.connection.execute(query.order_by(kept.c.id.desc()).limit(1)).scalar()
    try:
        settings = json.loads(text or "null")
    except ValueError:
        return None
    return settings if isinstance(settings, dict) else None


def _widget(root: dict[str, Any], layout: Any) -> Optional[dict[str, Any]]:
    """
    Return the widget of a page that lists rows; None if there is none or the page may not be exported.
    """
    settings = root.get("settings") or {}
    branch: Any = root
    allowed = bool(settings.get("api_exportable"))
    layouts = settings.get("layouts") or []
    named = [each for each in layouts if layout in (None, each.get("display_name"), each.get("name"))]
    if layout is not None and not named:
        return None
    if named:
        # If the request names no layout, the first one is exported: it is the page's default.
        allowed = allowed or bool(named[0].get("api_exportable"))
        branch = (root.get("children") or {}).get(named[0].get("name")) or root
    return next(_widgets(branch), None) if allowed else None


def _widgets(node: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(node, dict):
        return
    if node.get("type") == WIDGET:
        yield node
    for child in (node.get("children") or {}).values():
        yield from _widgets(child)


def _columns(widget: Mapping[str, Any]) -> list[str]:
    content = (widget.get("children") or {}).get("list_content") or {}
    columns = (content.get("settings") or {}).get("columns") or []
    names = [each.get("column", each.get("name")) if isinstance(each, dict) else each for each in columns]
    return [name for name in names if isinstance(name, str)]


def _context(tx: Transaction, page_id: int) -> dict[str, Optional[Link]]:
    """
    Return the values of the tokens that saved filters may contain: the page's project and the current user.
    """
    project = show(tx, "Page", [page_id], ["project"])[0]["project"]
    actor = tx.actor
    user = None if actor is None else {"type": actor.type, "id": actor.id}
    return {"logged_in_user_token": user, "parent_entity_token": project, "project_token": project}


def _resolved(group: Any, context: Mapping[str, Optional[Link]], *, in_project: bool) -> Any:
    if not isinstance(group, dict):
        return group
    if "conditions" in group:
        parts = (_resolved(part, context, in_project=in_project) for part in group["conditions"])
        return {**group, "conditions": [part for part in parts if part is not None]}
    if group.get("active", True) in (False, "false") or (group.get("top_level_project_filter") and not in_project):
        return None
    values = group.get("values")
    values = values if isinstance(values, list) else [values]
    tokens = [value.get("valid") if isinstance(value, dict) else None for value in values]
    return {**group, "values": [context.get(str(token), value) for token, value in zip(tokens, values)]}


def _csv_text(
    tx: Transaction, options: Mapping[str, Any], columns: list[str], context: Mapping[str, Optional[Link]]
) -> str:
    entity_type = options["entity_type"]
    in_project = "project" in tx.schema[entity_type].fields
    filters = _resolved(options.get("filters"), context, in_project=in_project)
    sorts = [(each["column"], each.get("direction") == "desc") for each in options.get("sorts") or []]
    empty = {"logical_operator": "and", "conditions": []}
    ids = find_ids(tx, Search(entity_type=entity_type, filters=filters or empty, sorts=sorts), limit=_FOR_ALL_ROWS)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_label(tx, entity_type, name) for name in columns])
    for start in range(0, len(ids), _CHUNK):
        for row in show(tx, entity_type, ids[start : start + _CHUNK], columns):
            writer.writerow([_cell(row.get(name)) for name in columns])
    return out.getvalue()


def _label(tx: Transaction, entity_type: str, path: str) -> str:
    leaf = Scope(tx, entity_type).leaf(path)
    return path if leaf is None else leaf.field.label


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    if isinstance(value, dict):
        return str(value.get("name") or value.get("url") or "")
    return str(value)
