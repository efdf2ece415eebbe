"""
Requests for the values of query fields: one summarize with groups, or the rows of each owner.
"""

import json
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from attrs import frozen

from sgextended.domain.query_fields.row_owners import Owner, OwnerMatcher
from sgextended.domain.query_fields.saved_filters import (
    Alternative,
    Native,
    Node,
    Placeholder,
    conditions_in,
    join,
    to_native,
)
from sgextended.schema.site_schema import SiteSchema

Row = Dict[str, Any]

NUMBERS = {"number", "float", "currency", "percent", "duration", "timecode", "calculated"}
DATES = {"date", "date_time"}


@frozen(eq=False)
class QueryFieldDefinition:
    """
    The definition of a query field, from the schema.

    Attributes:
        name: Entity type and field name, such as ``"Shot.sg_open_tasks"``.

        found_type: Type of the rows that the query field finds.

        tree: The filter for the rows.

        kind: The kind of summary, such as ``"record_count"`` or ``"single_record"``.

        field: The field of the rows to summarize.

        value: For percentages, the status; for single records, a dict with the order and the limit.
    """

    name: str
    found_type: str
    tree: Optional[Node]
    kind: str
    field: str
    value: Any

    @property
    def placeholders(self) -> Set[Any]:
        """
        The placeholders in the filter.
        """
        return {
            value
            for condition in conditions_in(self.tree)
            for value in condition.values
            if isinstance(value, Placeholder)
        }


class SummarizeRequest(NamedTuple):
    """
    One ``summarize``. Requests with equal keys can be sent as one.
    """

    entity_type: str
    filters: Native
    groupings: List[str]
    summaries: Dict[str, str]

    @property
    def key(self) -> str:
        """
        A text that is equal for requests with the same type, filters and groupings.
        """
        return json.dumps([self.entity_type, self.filters, self.groupings], default=str)

    def send(self, sg: Any, summaries: Mapping[str, str]) -> List[Tuple[List[Any], Row]]:
        """
        Send the request, and return the innermost groups: for each, the grouped values and its summaries.
        """
        fields = [{"field": name, "type": kind} for name, kind in summaries.items()]
        grouping = [{"field": path, "type": "exact", "direction": "asc"} for path in self.groupings]
        response = sg.summarize(self.entity_type, self.filters, fields, grouping=grouping or None)
        if not grouping:
            return [([], response["summaries"])]
        return list(_innermost(response["groups"], len(grouping), []))


def _innermost(groups: Iterable[Row], depth: int, outer: List[Any]) -> Iterator[Tuple[List[Any], Row]]:
    for group in groups:
        values = [*outer, group["group_value"]]
        if depth == 1:
            yield values, group["summaries"]
        else:
            yield from _innermost(group.get("groups") or (), depth - 1, values)


def owned_rows(
    sg: Any,
    schema: SiteSchema,
    definition: QueryFieldDefinition,
    owners: Sequence[Owner],
    alternatives: Iterable[Alternative],
    fields: Iterable[str],
) -> List[List[Row]]:
    """
    Return the rows of each owner, lowest id first. Each alternative of the filter costs one find.
    """
    rows: Dict[int, Row] = {}
    owners_by_row: Dict[int, Set[int]] = {}
    for alternative in alternatives:
        matcher = OwnerMatcher(sg, schema, definition.found_type, alternative.dependent, owners)
        conditions = matcher.conditions()
        if conditions is None:
            continue
        filters = [*to_native(join(alternative.independent, is_all=True)), *conditions]
        for row in sg.find(definition.found_type, filters, list(dict.fromkeys([*fields, *matcher.paths]))):
            rows.setdefault(row["id"], row)
            owners_by_row.setdefault(row["id"], set()).update(matcher.owners_of(row))
    owned: List[List[Row]] = [[] for _owner in owners]
    for row_id in sorted(rows):
        for number in owners_by_row[row_id]:
            owned[number].append(rows[row_id])
    return owned
