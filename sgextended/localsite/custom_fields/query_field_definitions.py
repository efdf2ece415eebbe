"""
Custom query fields: people create them in the web application, and the schema describes them.

The site does not compute their values for callers of the API. The client that reads a query field computes the value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Optional

from sgextended.localsite.custom_fields.field_storage import add_fields
from sgextended.localsite.schema.entity_types import Field

if TYPE_CHECKING:
    from sgextended.localsite.storage.transaction import Link, Transaction

#: The summaries that a query field may show of the rows that it finds.
SUMMARIES = (
    *("record_count", "count", "sum", "average", "minimum", "maximum", "percentage", "status_percentage"),
    *("status_percentage_as_float", "status_list", "single_record"),
)

#: The token for the current user.
ME: Link = {"type": "HumanUser", "id": 0, "name": "Me", "valid": "logged_in_user_token"}
#: The token for the project of the row.
CURRENT_PROJECT: Link = {"type": "Project", "id": 0, "name": "Current Project", "valid": "project_token"}


def current(entity_type: str) -> Link:
    """
    Return the token for the row that has the query field.
    """
    return {"type": entity_type, "id": 0, "name": f"Current {entity_type}", "valid": "parent_entity_token"}


def condition(path: str, relation: str, *values: Any, active: bool = True) -> dict[str, Any]:
    """
    Return a filter condition in the form in which the web application stores it.
    """
    return {"path": path, "relation": relation, "values": list(values), "active": "true" if active else "false"}


def group(operator: str, *conditions: dict[str, Any]) -> dict[str, Any]:
    """
    Return a group of conditions; *operator* is ``"and"`` or ``"or"``.
    """
    return {"logical_operator": operator, "conditions": list(conditions)}


def single(column: str, *, descending: bool = True, limit: int = 1) -> dict[str, Any]:
    """
    Return the settings of a field that shows single records: the first *limit* rows in the order of *column*.
    """
    return {
        "column": column,
        "direction": "desc" if descending else "asc",
        "detail_link": True,
        "limit": limit,
    }


def query_field(
    entity_type: str,
    label: str,
    query: tuple[str, dict[str, Any]],
    summary: str,
    *,
    field: str = "id",
    value: Any = None,
    description: Optional[str] = None,
) -> Field:
    """
    Return a new query field. Its name is derived from its label.

    Args:
        entity_type: The type that gets the field.

        label: The label that people see.

        query: The type of the rows to find, and the filters in the form in which the web application stores them.

        summary: The summary of the rows found: one of ``SUMMARIES``.

        field: The field of the rows found that is summarized or shown.

        value: The status whose percentage is shown; for single records, the settings that ``single`` returns.

        description: The description that people see.
    """
    if summary not in SUMMARIES:
        raise ValueError(f"The summary of a query field must be one of {', '.join(SUMMARIES)}; got {summary!r}.")
    found_type, filters = query
    name = "sg_" + re.sub(r"[^a-z0-9]", "_", label.lower())
    remarks = {
        "description": description or "",
        "summary_default": summary,
        "summary_field": field,
        "summary_value": value,
        "query": {"entity_type": found_type, "filters": filters},
    }
    return Field(entity_type=entity_type, name=name, data_type="summary", label=label, custom=True, remarks=remarks)


def add_query_field(
    tx: Transaction, entity_type: str, label: str, query: tuple[str, dict[str, Any]], summary: str, **options: Any
) -> str:
    """
    Create a query field and return its name. The arguments are those of ``query_field``.
    """
    made = query_field(entity_type, label, query, summary, **options)
    add_fields(tx, [made])
    return made.name
