"""
The description of the schema that callers get, in the form of API3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from sgextended.localsite.schema.entity_types import standard_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sgextended.localsite.schema.entity_types import EntityType, Field, Schema

# The formula of each calculated field, and the name of its renderer.
_FORMULAS = {
    "Task.workload": ("{duration}", "duration"),
    "Task.workload_per_day": ("{duration}/ceiling(to_days({duration}))", "duration"),
    "Task.workload_per_day_per_assignee": ("{workload_per_day}/{workload_assignee_count}", "duration"),
}
# Fields whose values the site keeps unique, although their descriptions do not say so.
_UNDECLARED_UNIQUE = frozenset({"LocalStorage.code"})
_TUNABLE_DEFAULTS = frozenset({"checkbox", "list", "number", "status_list", "text"})


def entity_types(schema: Schema) -> dict[str, Any]:
    """
    Return the label and the visibility of every entity type, keyed by its name.
    """
    return {name: {"name": _fact(facts.label), "visible": _fact(value=True)} for name, facts in schema.types.items()}


def fields(entity_type: EntityType, shown: Mapping[tuple[str, str], tuple[bool, list[str]]]) -> dict[str, Any]:
    """
    Return the description of every field of a type, keyed by its name.

    Args:
        entity_type: The type.

        shown: The settings of a project, keyed by type and field: whether it shows the field, and its hidden statuses.
    """
    return {
        name: describe(field, shown.get((entity_type.name, name)))
        for name, field in entity_type.fields.items()
        if not field.undeclared
    }


def describe(field: Field, shown: Optional[tuple[bool, list[str]]] = None) -> dict[str, Any]:
    """
    Return the description of one field.

    Args:
        field: The field.

        shown: The settings of a project: whether it shows the field, and its hidden statuses. None: those of the site.
    """
    visible, hidden_values = shown or (field.remarks.get("visible", True), field.remarks.get("hidden_values", []))
    found = _standard(field, visible, hidden_values)
    # A field that was copied from another site has that site's description, apart from what depends on the project.
    for name, value in field.remarks.items():
        if name not in {"visible", "hidden_values"}:
            part = found if name in found else found["properties"]
            part[name] = {**part.get(name, _fact(None)), "value": value}
    return found


def _fact(value: Any, *, editable: bool = False) -> dict[str, Any]:
    return {"value": value, "editable": editable}


def _standard(field: Field, visible: bool, hidden_values: list[str]) -> dict[str, Any]:
    return {
        "name": _fact(field.label, editable=True),
        "description": _fact(field.remarks.get("description", ""), editable=True),
        "entity_type": _fact(field.entity_type),
        "data_type": _fact(field.data_type),
        "editable": _fact(field.editable),
        "mandatory": _fact(field.mandatory),
        "unique": _fact(field.unique and field.path not in _UNDECLARED_UNIQUE),
        "visible": _fact(visible, editable=field.custom),
        "custom_metadata": _fact(field.remarks.get("custom_metadata", ""), editable=True),
        "ui_value_displayable": _fact(value=True),
        "properties": _properties(field, hidden_values),
    }


def _properties(field: Field, hidden_values: list[str]) -> dict[str, Any]:
    tunable = (field.custom or field.name.startswith("sg_")) and field.data_type in _TUNABLE_DEFAULTS
    found = {
        "default_value": _fact(field.default, editable=tunable),
        "summary_default": _fact(field.remarks.get("summary_default", "none"), editable=True),
    }
    if field.data_type in {"entity", "multi_entity", "tag_list"}:
        found["valid_types"] = _fact(list(field.valid_types), editable=True)
    if field.links_to_any_type:
        found["valid_types"] = _fact(_types_with_thumbnails())
    if field.data_type in {"list", "status_list"}:
        found["valid_values"] = _fact(list(field.valid_values or ()), editable=True)
    if field.data_type == "status_list":
        labels = {code: field.value_labels.get(code, code) for code in field.valid_values or ()}
        found["display_values"] = _fact(labels)
        found["hidden_values"] = _fact(hidden_values)
    if field.data_type == "text":
        found["regex_validation"] = _fact(field.remarks.get("regex_validation", ""))
        found["regex_validation_enabled"] = _fact(field.remarks.get("regex_validation_enabled"))
    if field.data_type == "url":
        found["open_in_new_window"] = _fact(field.remarks.get("open_in_new_window", True), editable=True)
    if field.data_type == "calculated":
        formula, renderer = _FORMULAS.get(field.path, (None, "text"))
        found["calculated_function"] = _fact(formula)
        found["renderer"] = _fact(renderer)
    if field.data_type == "summary":
        found.update(_query(field) if field.custom else _open_notes(field))
    return found


def _types_with_thumbnails() -> list[str]:
    """
    Return the types that a link to "any type" lists: the source of a thumbnail has a thumbnail itself.
    """
    return sorted(name for name, facts in standard_schema().types.items() if "image" in facts.fields)


def _query(field: Field) -> dict[str, Any]:
    """
    Return the properties that describe the query of a custom query field.
    """
    names = ("summary_default", "summary_field", "summary_value", "query")
    return {name: _fact(field.remarks.get(name)) for name in names}


def _open_notes(field: Field) -> dict[str, Any]:
    """
    Return the properties that describe the query of a standard field that counts open notes.
    """
    parent = {"type": field.entity_type, "id": 0, "name": "Current Entity", "valid": "parent_entity_token"}
    path = "tasks" if field.entity_type == "Task" else "note_links"
    conditions = [
        {"path": path, "relation": "is", "values": [parent], "active": "true"},
        {"path": "sg_status_list", "relation": "in", "values": ["opn", "ip", "rdy"], "active": "true"},
    ]
    filters = {"logical_operator": "and", "conditions": conditions}
    return {
        "summary_default": _fact("record_count"),
        "summary_field": _fact("id"),
        "summary_value": _fact(None),
        "query": _fact({"entity_type": "Note", "filters": filters}),
    }
