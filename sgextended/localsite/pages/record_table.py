"""
The view of a type's records as a table: its filters, its columns and its pages.
"""

from __future__ import annotations

import re
import urllib.parse
from typing import TYPE_CHECKING, Any, Optional

import attrs

from sgextended.localsite.errors import Fault
from sgextended.localsite.pages.conditions import (
    LABELS,
    OPERATORS,
    Condition,
    linked_name,
    operator_label,
    operators_of,
    to_filters,
)
from sgextended.localsite.pages.value_display import is_picture
from sgextended.localsite.reading.row_reads import Search, count, find_ids, show
from sgextended.localsite.storage.display_names import status_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.datastructures import QueryParams
    from starlette.requests import Request

    from sgextended.localsite.schema.entity_types import EntityType, Field
    from sgextended.localsite.storage.transaction import Transaction

Page = tuple[str, dict[str, Any]]

PER_PAGE = 50
_MAX_COLUMNS = 8
_MAX_CONDITIONS = 20
# The fields that a table shows first, if the type has them. NAME is the type's identifying field.
COLUMNS = (
    *("image", "NAME", "event_type", "sg_status_list", "project", "entity", "sg_sequence", "step", "sg_asset_type"),
    *("task_assignees", "due_date", "user", "note_links", "start_date", "description", "updated_at", "created_at"),
)
UNSORTED = frozenset(
    {
        *("calculated", "image", "jsonb", "multi_entity", "password", "pivot_column", "serializable", "summary"),
        *("tag_list", "url", "uuid"),
    }
)


@attrs.frozen(kw_only=True)
class TableAddress:
    """
    What the address of a table says, without what does not fit the type.
    """

    conditions: tuple[Condition, ...] = ()
    q: str = ""
    sort: str = "id"
    descends: bool = False
    columns: tuple[str, ...] = ()
    retired: bool = False
    page: int = 1

    @classmethod
    def parse(cls, query: QueryParams) -> TableAddress:
        """
        Return the address that the parameters of a request mean.
        """
        given = zip(query.getlist("field"), query.getlist("is"), query.getlist("value"))
        conditions = [Condition(field, operator, value.strip()) for field, operator, value in given]
        return cls(
            conditions=tuple(each for each in conditions if not each.is_blank)[:_MAX_CONDITIONS],
            q=query.get("q", "").strip(),
            sort=query.get("sort", "id"),
            descends=query.get("order") == "down",
            columns=tuple(query.getlist("column")),
            retired=query.get("retired") == "1",
            page=_page_number(query.get("page")),
        )

    def __str__(self) -> str:
        pairs: list[tuple[str, str]] = []
        for each in self.conditions:
            pairs += (("field", each.field), ("is", each.operator), ("value", each.value))
        pairs += [("q", self.q)] if self.q else []
        pairs += [("column", name) for name in self.columns]
        pairs += [("sort", self.sort)] if self.sort != "id" or self.descends else []
        pairs += [("order", "down")] if self.descends else []
        pairs += [("retired", "1")] if self.retired else []
        pairs += [("page", str(self.page))] if self.page > 1 else []
        return f"?{urllib.parse.urlencode(pairs)}"

    def link(self, **changes: Any) -> str:
        """
        Return the address with changes. A change of the rows leads to their first page.
        """
        return str(attrs.evolve(self, **{"page": 1, **changes}))

    def without(self, number: int) -> str:
        """
        Return the address without the condition with a number.
        """
        return self.link(conditions=tuple(each for at, each in enumerate(self.conditions) if at != number))

    def sorted_by(self, name: str) -> str:
        """
        Return the address with the rows sorted by a field, descending if they are sorted by it already.
        """
        return self.link(sort=name, descends=self.sort == name and not self.descends)


def records(tx: Transaction, request: Request) -> Page:
    """
    Return the view of one page of a type's records, filtered and sorted by the address's parameters.
    """
    facts = labelled_type(tx, request.path_params["type"])
    address = TableAddress.parse(request.query_params)
    columns = columns_of(facts, address.columns)
    faults: list[str] = []
    if address.sort not in facts.fields or facts.fields[address.sort].data_type in UNSORTED:
        faults.append(f"{facts.label} cannot be sorted by {address.sort!r}.")
        address = attrs.evolve(address, sort="id", descends=False)
    total, shown = 0, []
    try:
        filters = to_filters(tx, facts, address.conditions)
        if address.q:
            filters.conditions.append(_named(facts, address.q))
        search = Search(
            entity_type=facts.name,
            filters=filters.group,
            sorts=[(address.sort, address.descends)],
            retired=address.retired,
            further=filters.further,
        )
        total = count(tx, search)
        ids = find_ids(tx, search, limit=PER_PAGE, offset=PER_PAGE * (address.page - 1))
        shown = show(tx, facts.name, ids, [field.name for field in columns])
    except Fault as fault:
        faults.append(_in_plain_words(fault.message))
    return "records.html", {
        "facts": facts,
        "fields": [field for field in facts.fields.values() if not field.is_personal],
        "searched": [field for field in facts.fields.values() if not field.is_personal and operators_of(field)],
        "columns": filled_columns(columns, shown, asked=address.columns),
        "operators": LABELS,
        "operators_of": operators_of,
        "text_operators": OPERATORS["text"],
        "choices": _choices(facts),
        "address": address,
        "chips": [_chip(tx, facts, condition) for condition in address.conditions],
        "unsorted": UNSORTED,
        "faults": faults,
        "total": total,
        "pages": max(1, -(-total // PER_PAGE)),
        "rows": shown,
        "first": PER_PAGE * (address.page - 1),
    }


def labelled_type(tx: Transaction, name: str) -> EntityType:
    """
    Return an entity type with the names of statuses.

    Raises:
        Fault: The site has no such type.
    """
    facts = tx.schema.types.get(name)
    if facts is None:
        raise Fault(f"This site has no type {name}.")
    return facts.labelled(status_names(tx))


def columns_of(facts: EntityType, asked: Iterable[str] = ()) -> list[Field]:
    """
    Return the fields that a table of a type shows: those asked for, or the usual ones.
    """
    chosen = [facts.fields[name] for name in asked if name in facts.fields and not facts.fields[name].is_personal]
    if chosen:
        return chosen
    names = [facts.identifier or "id" if name == "NAME" else name for name in COLUMNS]
    there = [facts.fields[name] for name in dict.fromkeys(names) if name in facts.fields and name != "id"]
    return there[:_MAX_COLUMNS]


def filled_columns(columns: list[Field], rows: list[dict[str, Any]], *, asked: Iterable[str] = ()) -> list[Field]:
    """
    Return the columns without those of pictures that no row has, unless they were asked for.
    """
    if list(asked):
        return columns
    return [
        field for field in columns if field.data_type != "image" or any(is_picture(row.get(field.name)) for row in rows)
    ]


def _named(facts: EntityType, text: str) -> dict[str, Any]:
    name = facts.identifier
    if name is None:
        raise Fault(f"Records of {facts.label} have no names to search for.")
    return {"path": name, "relation": "contains", "values": [text]}


def _choices(facts: EntityType) -> dict[str, list[tuple[str, str]]]:
    """
    Return the values that the page suggests for a field, each with its label.
    """
    found = {}
    for field in facts.fields.values():
        if field.data_type in {"list", "status_list"} and field.valid_values:
            found[field.name] = [(code, field.value_labels.get(code, code)) for code in field.valid_values[:100]]
    return found


def _chip(tx: Transaction, facts: EntityType, condition: Condition) -> dict[str, str]:
    """
    Return a condition in words.
    """
    field = facts.fields.get(condition.field)
    kind = "text" if field is None else field.data_type
    value = condition.value
    if field is not None and condition.operator == "is" and kind in {"entity", "multi_entity"}:
        value = linked_name(tx, value) or value
    if field is not None and kind in {"list", "status_list"}:
        value = field.value_labels.get(value, value)
    has_value = condition.operator not in {"empty", "filled"}
    return {
        "field": field.label if field is not None else condition.field or "Any text",
        "operator": operator_label(kind, condition.operator),
        "value": (value or "nothing") if has_value else "",
    }


def _in_plain_words(message: str) -> str:
    """
    Return the message of the site without the words that only programs need.
    """
    return re.sub(r"^API \w+\(\) ", "", message).partition(" Value: {")[0]


def _page_number(text: Optional[str]) -> int:
    return max(1, int(text)) if text and text.isascii() and text.isdigit() and len(text) < 8 else 1
