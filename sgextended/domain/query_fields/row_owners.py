"""
Find out which rows belong to which current entity, from the conditions of a query field that have placeholders.
"""

from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Set

from sgextended.domain.client_kinds import can_summarize
from sgextended.domain.query_fields.saved_filters import (
    CannotCompute,
    Condition,
    ConditionGroup,
    Key,
    Native,
    Node,
    Placeholder,
    as_one,
    conditions_in,
    key_of,
)
from sgextended.schema.site_schema import SiteSchema


class Owner(NamedTuple):
    """
    The entity for which a query field is computed, with its project. Rows that the query field finds belong to it.
    """

    key: Key
    project: Optional[Key]


class _OwnerLookup(NamedTuple):
    """
    For one condition with placeholders: which value of a row's field *path* makes the condition true for which owners.
    """

    path: str
    is_negative: bool
    owners: Dict[Optional[Key], Set[int]]
    is_exact: bool  # at most one value for each owner, and one value in each row


class OwnerMatcher:
    """
    Find the owners of rows, from the conditions with placeholders of one `Alternative`.

    A condition through a list of links cannot be evaluated from a row alone. For each such condition, one find first
    reads the entities behind the list; links to these entities then identify the owners.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        schema: The site's schema.

        entity_type: Type of the rows.

        dependent: The conditions with placeholders.

        owners: The owners. The methods refer to them by their index in this list.
    """

    def __init__(
        self, sg: Any, schema: SiteSchema, entity_type: str, dependent: Iterable[Node], owners: Sequence[Owner]
    ) -> None:
        self._dependent = list(dependent)
        self._can_restrict = can_summarize(sg)
        self._all_owners = set(range(len(owners)))
        self._lookups: Dict[Condition, _OwnerLookup] = {}
        for node in self._dependent:
            for condition in conditions_in(node):
                self._lookups[condition] = _lookup_of(sg, schema, entity_type, condition, owners)

    @property
    def paths(self) -> List[str]:
        """
        The fields of a row that identify its owners.
        """
        return list(dict.fromkeys(lookup.path for lookup in self._lookups.values()))

    @property
    def is_exact(self) -> bool:
        """
        Whether rows with different values in `paths` always belong to different owners.
        """
        return all(isinstance(node, Condition) and self._lookups[node].is_exact for node in self._dependent)

    def conditions(self, only: Optional[Set[int]] = None) -> Optional[Native]:
        """
        Return native conditions that match all rows of the owners and few others, or None if there are no such rows.

        Args:
            only: Indexes of the owners whose rows are wanted. None: all owners.
        """
        if not self._can_restrict:
            return []
        found: Native = []
        for node in self._dependent:
            for part in node.parts if isinstance(node, ConditionGroup) and node.is_all else (node,):
                condition = self._condition(part, only)
                if condition is False:
                    return None
                if condition is not True:
                    found.append(condition)
        return found

    def _condition(self, node: Node, only: Optional[Set[int]]) -> Any:
        """
        Return a native condition; True if all rows match, False if none can match.
        """
        if isinstance(node, Condition):
            lookup = self._lookups[node]
            if lookup.is_negative:
                return True
            wanted = [key for key, owners in lookup.owners.items() if only is None or owners & only]
            links = sorted(key for key in wanted if key is not None)
            if None in wanted:
                empty = [lookup.path, "is", [None]]
                return empty if not links else {"filter_operator": "any", "filters": [empty, _in(lookup.path, links)]}
            return _in(lookup.path, links) if links else False
        parts = [self._condition(part, only) for part in node.parts]
        if node.is_all:
            parts = [part for part in parts if part is not True]
            return False if False in parts else as_one(parts) if parts else True
        parts = [part for part in parts if part is not False]
        if True in parts:
            return True
        return {"filter_operator": "any", "filters": parts} if parts else False

    def owners_of(self, row: Mapping[str, Any]) -> Set[int]:
        """
        Return the indexes of the owners to which a row belongs, from its values in `paths`.
        """
        values = {path: keys_of(row.get(path)) for path in self.paths}
        return self._owners_matching_all(self._dependent, values)

    def _owners_matching_all(self, nodes: Iterable[Node], values: Mapping[str, Set[Optional[Key]]]) -> Set[int]:
        result = self._all_owners
        for node in nodes:
            result = result & self._owners_matching(node, values)
        return result

    def _owners_matching(self, node: Node, values: Mapping[str, Set[Optional[Key]]]) -> Set[int]:
        if isinstance(node, Condition):
            lookup = self._lookups[node]
            found: Set[int] = set()
            for key in values[lookup.path]:
                found |= lookup.owners.get(key, set())
            return self._all_owners - found if lookup.is_negative else found
        if node.is_all:
            return self._owners_matching_all(node.parts, values)
        return set().union(*(self._owners_matching(part, values) for part in node.parts))


def _in(path: str, links: Iterable[Key]) -> Native:
    return [path, "in", [{"type": key[0], "id": key[1]} for key in links]]


def _lookup_of(
    sg: Any, schema: SiteSchema, entity_type: str, condition: Condition, owners: Sequence[Owner]
) -> _OwnerLookup:
    at = schema.first_list(entity_type, condition.path)
    if at is not None:
        return _lookup_through_list(sg, schema, condition, at, owners)
    reached: Dict[Optional[Key], Set[int]] = {}
    for number, owner in enumerate(owners):
        for value in condition.values:
            if value is Placeholder.CURRENT:
                reached.setdefault(owner.key, set()).add(number)
            elif value is Placeholder.PROJECT:
                if owner.project is not None:
                    reached.setdefault(owner.project, set()).add(number)
            else:
                reached.setdefault(value, set()).add(number)
    data_type = schema.data_type(entity_type, condition.path)
    if data_type is None:
        msg = f"its condition is on {entity_type}.{condition.path}, which is not a field of the site"
        raise CannotCompute(msg)
    is_exact = len(condition.values) == 1 and not condition.is_negative and data_type == "entity"
    return _OwnerLookup(condition.path, condition.is_negative, reached, is_exact)


def _lookup_through_list(
    sg: Any, schema: SiteSchema, condition: Condition, at: int, owners: Sequence[Owner]
) -> _OwnerLookup:
    parts = condition.path.split(".")
    head, far_type, rest = ".".join(parts[:at]), parts[at], ".".join(parts[at + 1 :])
    # Through a list of links, "is not" means that "is" matches for no entity in the list.
    inner = OwnerMatcher(sg, schema, far_type, [Condition(rest, "in", condition.values)], owners)
    conditions = inner.conditions()
    reached: Dict[Optional[Key], Set[int]] = {}
    if conditions is not None:
        for row in sg.find(far_type, conditions, inner.paths):
            reached[row["type"], row["id"]] = set(inner.owners_of(row))
    return _OwnerLookup(head, condition.is_negative, reached, False)


def keys_of(value: Any) -> Set[Optional[Key]]:
    """
    Return the keys of the links in the value of a link or list field; for an empty value, a set with only None.

    Raises:
        CannotCompute: The value is not a link or a list of links.
    """
    if value is None or value == []:
        return {None}
    if isinstance(value, Mapping) and "id" in value:
        return {key_of(value)}
    if isinstance(value, list) and all(isinstance(each, Mapping) and "id" in each for each in value):
        return {key_of(each) for each in value}
    msg = f"the site returned {value!r:.80} where links were expected"
    raise CannotCompute(msg)
