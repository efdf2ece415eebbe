"""
What is asked of a site for the sake of query fields: groups of rows, or the rows of each of many records.
"""

import json
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from attrs import frozen

from sgextended.domain.query_fields.saved_filters import (
    Matcher,
    Native,
    Node,
    Owner,
    Term,
    Word,
    join,
    leaves_of,
    to_native,
)
from sgextended.schema.site_schema import SiteSchema

Row = Dict[str, Any]

NUMBERS = {"number", "float", "currency", "percent", "duration", "timecode", "calculated"}
DATES = {"date", "date_time"}


@frozen(eq=False)
class Summary:
    """
    A query field as its schema describes it.

    Attributes:
        name: Its type and name, for people.

        found_type: Type of the rows that it finds.

        tree: Which of them.

        kind: What it makes of them.

        field: The field of theirs that it is about.

        value: A status for shares; for single records which of them are shown.
    """

    name: str
    found_type: str
    tree: Optional[Node]
    kind: str
    field: str
    value: Any

    @property
    def words(self) -> Set[Any]:
        return {value for leaf in leaves_of(self.tree) for value in leaf.values if isinstance(value, Word)}


class Question(NamedTuple):
    """
    One ``summarize``; those with the same key can be asked in one.
    """

    entity_type: str
    filters: Native
    groupings: List[str]
    summaries: Dict[str, str]

    @property
    def key(self) -> str:
        return json.dumps([self.entity_type, self.filters, self.groupings], default=str)

    def asked(self, sg: Any, summaries: Mapping[str, str]) -> List[Tuple[List[Any], Row]]:
        """
        Return the smallest groups: the values that make each, and its summaries.
        """
        fields = [{"field": name, "type": kind} for name, kind in summaries.items()]
        grouping = [{"field": path, "type": "exact", "direction": "asc"} for path in self.groupings]
        reply = sg.summarize(self.entity_type, self.filters, fields, grouping=grouping or None)
        return [([], reply["summaries"])] if not grouping else list(_smallest(reply["groups"], len(grouping), []))


def _smallest(groups: Iterable[Row], depth: int, outer: List[Any]) -> Iterator[Tuple[List[Any], Row]]:
    for group in groups:
        values = [*outer, group["group_value"]]
        if depth == 1:
            yield values, group["summaries"]
        else:
            yield from _smallest(group.get("groups") or (), depth - 1, values)


def owned_rows(
    sg: Any, schema: SiteSchema, summary: Summary, owners: Sequence[Owner], terms: Iterable[Term], fields: Iterable[str]
) -> List[List[Row]]:
    """
    Return the rows of each owner, lowest id first, from one find for each alternative of the filter.
    """
    rows: Dict[int, Row] = {}
    whose: Dict[int, Set[int]] = {}
    for term in terms:
        matcher = Matcher(sg, schema, summary.found_type, term.own, owners)
        conditions = matcher.conditions()
        if conditions is None:
            continue
        filters = [*to_native(join(term.plain, is_all=True)), *conditions]
        for row in sg.find(summary.found_type, filters, list(dict.fromkeys([*fields, *matcher.paths]))):
            rows.setdefault(row["id"], row)
            whose.setdefault(row["id"], set()).update(matcher.owners_of(row))
    owned: List[List[Row]] = [[] for _owner in owners]
    for row_id in sorted(rows):
        for number in whose[row_id]:
            owned[number].append(rows[row_id])
    return owned
