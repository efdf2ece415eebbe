"""
The latest of each kind, out of all that match.
"""

import re
from typing import Any, Dict, Iterable, List, Mapping, Tuple

from sgextended.domain.conditions import Finder, Names, Query, Row, texts_of
from sgextended.errors import InvalidArgumentError

# "v003" in "sh010_v003", but nothing of "mov10".
_NUMBER = r"[._-]?(?<![a-z])v(\d+)(?![a-z\d])"


class Newest:
    """
    Which is the latest among the entities of one type.

    Args:
        parts: Fields by the words for them in *per*.

        number: Field that numbers them.

        names_hold_numbers: Whether that is a name with the number in it, such as ``sh010_anim_v003``.
    """

    def __init__(self, *, parts: Mapping[str, str], number: str, names_hold_numbers: bool) -> None:
        self.parts, self.number, self.names_hold_numbers = parts, number, names_hold_numbers

    def fields_of(self, per: Names, by: str) -> List[str]:
        """
        Return the fields that tell the parts apart.

        Raises:
            InvalidArgumentError: There is no such part, or no such way to be the latest.
        """
        words = [word for word in texts_of(per, "per") or () if word != "entity"]
        unknown = [word for word in words if word not in self.parts]
        if unknown:
            msg = f"per={unknown[0]!r} is nothing that has a latest one: use {_listed(['entity', *self.parts])}."
            raise InvalidArgumentError(msg)
        if by not in ("date", "number"):
            msg = f"by={by!r} is no way to be the latest: use 'date' or 'number'."
            raise InvalidArgumentError(msg)
        return [self.parts[word] for word in words]

    def rank(self, row: Row, by: str) -> Tuple[Any, ...]:
        """
        Return what is greater for a later one: no two are equal.
        """
        # Entities of one second are told apart by their ids, and a date that is missing comes before all others.
        date = (row["created_at"] is not None, row["created_at"], row["id"])
        return (self._number(row), *date) if by == "number" else date

    def kind(self, row: Row, fields: Iterable[str]) -> Tuple[Any, ...]:
        """
        Return what is equal for those of which one is the latest: values that can be hashed.
        """
        return tuple(self._part(row, field) for field in fields)

    def _part(self, row: Row, field: str) -> Any:
        value = row[field]
        if field == self.number and self.names_hold_numbers and value:
            number = _number_in(value)
            value = (value[: number.start()] + value[number.end() :]).lower() if number else value.lower()
        return (value["type"], value["id"]) if isinstance(value, Mapping) else value

    def _number(self, row: Row) -> int:
        value = row[self.number]
        if self.names_hold_numbers:
            number = _number_in(value or "")
            value = int(number.group(1)) if number else None
        return -1 if value is None else value


def latest_of(
    newest: Newest, sg: Finder, query: Query, entity_type: str, wanted: Iterable[str], per: Names, by: str
) -> List[Row]:
    """
    Return the latest of each kind among what a query finds, oldest first.

    Args:
        newest: Which is the latest.

        sg: Who is asked.

        query: The conditions.

        entity_type: Type to search.

        wanted: Fields to return.

        per: What has a latest one of its own within each entity.

        by: ``"date"`` or ``"number"``.
    """
    apart = newest.fields_of(per, by)
    needed = ["project", "entity", "created_at", newest.number, *apart]
    latest: Dict[Tuple[Any, ...], Row] = {}
    wanted = list(wanted)
    for row in query.find(sg, entity_type, wanted, None, needed, ["id"]):
        kind = newest.kind(row, ["project", "entity", *apart])
        if all(part is None for part in kind[1:]):  # it belongs to nothing that could have a latest one
            continue
        if kind not in latest or newest.rank(row, by) > newest.rank(latest[kind], by):
            latest[kind] = row
    keep = {"type", "id", *wanted}
    found = sorted(latest.values(), key=lambda row: int(row["id"]))
    return [{field: value for field, value in row.items() if field in keep} for row in found]


def _number_in(name: str) -> Any:
    """
    Return the last match of a version number: what stands before it may be a name like ``rev2_v003``.
    """
    found = list(re.finditer(_NUMBER, name, re.IGNORECASE))
    return found[-1] if found else None


def _listed(words: Iterable[str]) -> str:
    return ", ".join(repr(word) for word in words)
