"""
Query fields of a site's own (protocol 4.6): made by people in the web application, described by the schema, and
worked out by whoever reads them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Optional

from sgextended.localsite.custom_fields.field_storage import add_fields
from sgextended.localsite.schema.entity_types import Field

if TYPE_CHECKING:
    from sgextended.localsite.storage.transaction import Link, Transaction

#: What a query field may make of the rows that it finds.
SUMMARIES = (
    *("record_count", "count", "sum", "average", "minimum", "maximum", "percentage", "status_percentage"),
    *("status_percentage_as_float", "status_list", "single_record"),
)

#: Stands for the person who asks.
ME: Link = {"type": "HumanUser", "id": 0, "name": "Me", "valid": "logged_in_user_token"}
#: Stands for the project that the row belongs to.
CURRENT_PROJECT: Link = {"type": "Project", "id": 0, "name": "Current Project", "valid": "project_token"}


def current(entity_type: str) -> Link:
    """
    Return what stands for the row that the field belongs to.
    """
    return {"type": entity_type, "id": 0, "name": f"Current {entity_type}", "valid": "parent_entity_token"}


def condition(path: str, relation: str, *values: Any, active: bool = True) -> dict[str, Any]:
    """
    Return a condition as the web application saves it.
    """
    return {"path": path, "relation": relation, "values": list(values), "active": "true" if active else "false"}


def group(operator: str, *conditions: dict[str, Any]) -> dict[str, Any]:
    """
    Return a group of conditions; *operator* is ``"and"`` or ``"or"``.
    """
    return {"logical_operator": operator, "conditions": list(conditions)}


def single(column: str, *, descending: bool = True, limit: int = 1) -> dict[str, Any]:
    """
    Return which of the rows found a single-record field shows: the first *limit* in the order of *column*.
    """
    return {
        "column": column,
        "direction": "desc" if descending else "asc",
        "detail_link": True,
        "limit": limit,
    }


def add_query_field(
    tx: Transaction,
    entity_type: str,
    label: str,
    query: tuple[str, dict[str, Any]],
    summary: str,
    *,
    field: str = "id",
    value: Any = None,
    description: Optional[str] = None,
) -> str:
    """
    Make a query field and return its name, which follows from its label.

    Args:
        tx: The request at work.

        entity_type: The type that gets the field.

        label: How people see it named.

        query: The type of the rows that it finds, and the filters as the web application saves them.

        summary: What is made of the rows: one of ``SUMMARIES``.

        field: The field of the found rows that is summed up or shown.

        value: The status whose share is asked for, or for single records which of them are shown.

        description: What people read about it.
    """
    if summary not in SUMMARIES:
        raise ValueError(f"A query field sums up by one of {', '.join(SUMMARIES)}; got {summary!r}.")
    found_type, filters = query
    name = "sg_" + re.sub(r"[^a-z0-9]", "_", label.lower())
    remarks = {
        "description": description or "",
        "summary_default": summary,
        "summary_field": field,
        "summary_value": value,
        "query": {"entity_type": found_type, "filters": filters},
    }
    draft = Field(entity_type=entity_type, name=name, data_type="summary", label=label, custom=True, remarks=remarks)
    add_fields(tx, [draft])
    return name
