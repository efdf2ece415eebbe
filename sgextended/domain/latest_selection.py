"""
Select the latest entity of each group, for versions and published files.
"""

import re
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

from sgextended.domain.arguments import Names, Order, Row, limit_of, texts_of
from sgextended.domain.client_kinds import Finder
from sgextended.domain.search import Query
from sgextended.errors import InvalidArgumentError

# Matches "v003" in "sh010_v003", but nothing in "mov10".
_NUMBER = r"[._-]?(?<![a-z])v(\d+)(?![a-z\d])"


class LatestSelector:
    """
    Select the latest entity of each group, for one entity type.

    Args:
        group_fields: For each word that *group_by* may contain, the field whose value makes the group.

        number_field: The field with the version number.

        number_in_name: Whether that field is a name that contains the number, such as ``sh010_anim_v003``.
    """

    group_fields: Mapping[str, str]
    number_field: str
    number_in_name: bool

    def __init__(self, *, group_fields: Mapping[str, str], number_field: str, number_in_name: bool) -> None:
        self.group_fields, self.number_field, self.number_in_name = group_fields, number_field, number_in_name

    def find(
        self,
        sg: Finder,
        query: Query,
        entity_type: str,
        wanted: Iterable[str],
        group_by: Names,
        order_by: str,
        *,
        order: Order = None,
        limit: int = 0,
    ) -> List[Row]:
        """
        Return the latest entity of each group among the entities that a query finds.

        Args:
            sg: The client (SGExtended, Shotgun or Mockgun).

            query: The conditions.

            entity_type: Type to search.

            wanted: Fields to return.

            group_by: The words for the groups within each entity.

            order_by: ``"date"`` or ``"number"``.

            order: A native sort order for the result. None: lowest id first.

            limit: Maximum number of entities to return; 0: all.

        Raises:
            InvalidArgumentError: *group_by* or *order_by* is not one of the known words. No request was sent.
        """
        fields = self._fields_to_group_by(group_by, order_by)
        needed = ["project", "entity", "created_at", self.number_field, *fields]
        latest: Dict[Tuple[Any, ...], Row] = {}
        wanted = list(wanted)
        most = limit_of(limit)
        places: Dict[int, int] = {}
        for place, row in enumerate(query.find(sg, entity_type, wanted, None, needed, ["id"], order=order)):
            places[row["id"]] = place
            group = self.group_key(row, ["project", "entity", *fields])
            if all(value is None for value in group[1:]):  # neither an entity nor a value to group by
                continue
            if group not in latest or self.rank(row, order_by) > self.rank(latest[group], order_by):
                latest[group] = row
        keep = {"type", "id", *wanted}
        found = sorted(latest.values(), key=lambda row: places[row["id"]])[: most or None]
        return [{field: value for field, value in row.items() if field in keep} for row in found]

    def _fields_to_group_by(self, group_by: Names, order_by: str) -> List[str]:
        words = [word for word in texts_of(group_by, "group_by") or () if word != "entity"]
        unknown = [word for word in words if word not in self.group_fields]
        if unknown:
            known = ", ".join(repr(word) for word in ("entity", *self.group_fields))
            msg = f"group_by={unknown[0]!r} is not a known group. No request was sent. Use {known}."
            raise InvalidArgumentError(msg)
        if order_by not in ("date", "number"):
            msg = f"order_by={order_by!r} is not a known order. No request was sent. Use 'date' or 'number'."
            raise InvalidArgumentError(msg)
        return [self.group_fields[word] for word in words]

    def rank(self, row: Row, order_by: str) -> Tuple[Any, ...]:
        """
        Return a sort key that is greater for a later entity. Keys of two entities are never equal.
        """
        # The id decides between entities of one second. A missing date sorts before all others.
        date = (row["created_at"] is not None, row["created_at"], row["id"])
        return (self._number(row), *date) if order_by == "number" else date

    def group_key(self, row: Row, fields: Iterable[str]) -> Tuple[Any, ...]:
        """
        Return a hashable key that is equal for entities of one group.
        """
        return tuple(self._group_value(row, field) for field in fields)

    def _group_value(self, row: Row, field: str) -> Any:
        value = row[field]
        if field == self.number_field and self.number_in_name and value:
            number = number_in(value)
            value = (value[: number.start()] + value[number.end() :]).lower() if number else value.lower()
        return (value["type"], value["id"]) if isinstance(value, Mapping) else value

    def _number(self, row: Row) -> int:
        value = row[self.number_field]
        if self.number_in_name:
            number = number_in(value or "")
            value = int(number.group(1)) if number else None
        return -1 if value is None else value


def number_in(name: str) -> "Optional[re.Match[str]]":
    """
    Return the match of the version number in a name, or None. The last match counts, as in ``rev2_v003``.
    """
    found = list(re.finditer(_NUMBER, name, re.IGNORECASE))
    return found[-1] if found else None
