"""
Collecting the conditions of one search, and asking for it: what all the functions of the domain share.
"""

import fnmatch
import re
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Pattern, Protocol, Sequence, Tuple, Union

from sgextended.errors import FilterError

Entity = Mapping[str, Any]
Row = Dict[str, Any]
#: One value, several of which any may match, or None for no restriction.
Names = Union[str, Iterable[str], None]
Links = Union[Entity, Iterable[Entity], None]

_WILDCARD = re.compile(r"[*?\[]")


class Finder(Protocol):
    """
    Whatever has a native ``find``: an ``SGExtended``, a ``Shotgun``, a ``Mockgun``.
    """

    @property
    def find(self) -> Callable[..., Any]:
        """
        The native ``find``.
        """


def values_of(wanted: Any) -> Optional[List[Any]]:
    """
    Return *wanted* as a list: one value, any iterable of values, or None.
    """
    if wanted is None:
        return None
    if isinstance(wanted, (str, Mapping, int)):
        return [wanted]
    return list(wanted)


def to_link(entity: Any, what: str = "entity") -> Dict[str, Any]:
    """
    Return the link to an entity: its ``type`` and ``id`` alone.

    Raises:
        FilterError: It is no entity.
    """
    if not isinstance(entity, Mapping) or "type" not in entity or "id" not in entity:
        msg = f"{what} must be a dict with 'type' and 'id', such as {{'type': 'Shot', 'id': 12}}, not {entity!r:.80}."
        raise FilterError(msg)
    return {"type": entity["type"], "id": entity["id"]}


class Query:
    """
    The conditions of one search, all of which must hold.

    Args:
        filters: Native conditions to begin with.
    """

    def __init__(self, filters: Sequence[Any] = ()) -> None:
        self._filters: List[Any] = list(filters)
        self._globs: List[Tuple[str, List[Pattern[str]]]] = []
        self._impossible = False

    def names(self, field: str, wanted: Names) -> None:
        """
        Let a text, status or list field be one of the wanted values.
        """
        self._one_of(field, values_of(wanted))

    def links(self, field: str, wanted: Links) -> None:
        """
        Let a link be one of the wanted entities.
        """
        values = values_of(wanted)
        self._one_of(field, None if values is None else [to_link(value, field) for value in values])

    def any_link(self, field: str, wanted: Links) -> None:
        """
        Let a list of links hold at least one of the wanted entities.
        """
        values = values_of(wanted)
        if values is not None:
            self.any([[field, "is", to_link(value, field)] for value in values])

    def flag(self, field: str, wanted: Optional[bool]) -> None:
        """
        Let a checkbox be on or off.
        """
        if wanted is not None:
            self._filters.append([field, "is", wanted])

    def any(self, conditions: List[List[Any]]) -> None:
        """
        Let at least one of the conditions hold.
        """
        if not conditions:
            self._impossible = True
        elif len(conditions) == 1:
            self._filters.append(conditions[0])
        else:
            self._filters.append({"filter_operator": "any", "filters": conditions})

    def globs(self, field: str, wanted: Names) -> None:
        """
        Let a text field match one of the wanted names or globs.

        The site gets what it can decide (a start, an end, a part); the rest is decided here.
        """
        patterns = values_of(wanted)
        if patterns is None or not any(_WILDCARD.search(pattern) for pattern in patterns):
            self._one_of(field, patterns)
            return
        groups = [_site_conditions(field, pattern) for pattern in patterns]
        if all(groups):
            self.any([group[0] if len(group) == 1 else _all_of(group) for group in groups])
        compiled = [re.compile(fnmatch.translate(pattern), re.IGNORECASE) for pattern in patterns]
        self._globs.append((field, compiled))

    def find(
        self,
        sg: Finder,
        entity_type: str,
        default_fields: Iterable[str],
        fields: Optional[Iterable[str]],
        extra_fields: Iterable[str],
        order: Sequence[str],
    ) -> List[Row]:
        """
        Return what matches, without asking when nothing can.

        Args:
            sg: Who is asked.

            entity_type: Type to search.

            default_fields: What comes back when *fields* is None.

            fields: What comes back instead.

            extra_fields: What comes back beside either.

            order: Fields to sort by, ascending.
        """
        if self._impossible:
            return []
        wanted = list(dict.fromkeys([*(default_fields if fields is None else fields), *extra_fields]))
        for_matching = [field for field, _patterns in self._globs if field not in wanted]
        sorts = [{"field_name": field, "direction": "asc"} for field in order]
        rows: List[Row] = sg.find(entity_type, self._filters, [*wanted, *for_matching], sorts)
        for field, patterns in self._globs:
            rows = [row for row in rows if any(pattern.match(row[field] or "") for pattern in patterns)]
        for row in rows:
            for field in for_matching:
                del row[field]
        return rows

    def _one_of(self, field: str, values: Optional[List[Any]]) -> None:
        if values is None:
            return
        if not values:
            self._impossible = True
        elif len(values) == 1:
            self._filters.append([field, "is", values[0]])
        else:
            self._filters.append([field, "in", values])


def _all_of(conditions: List[List[Any]]) -> Any:
    return {"filter_operator": "all", "filters": conditions}


def _site_conditions(field: str, pattern: str) -> List[List[Any]]:
    """
    Return conditions that hold for all that a glob matches, and for little more. None is needed for ``*``.
    """
    literals = _WILDCARD.split(re.sub(r"\[.*?\]", "?", pattern))
    if len(literals) == 1 and not _WILDCARD.search(pattern):
        return [[field, "is", pattern]]
    start, middle, end = literals[0], max(literals[1:-1], key=len, default=""), literals[-1]
    conditions = []
    if start:
        conditions.append([field, "starts_with", start])
    if end:
        conditions.append([field, "ends_with", end])
    if middle:
        conditions.append([field, "contains", middle])
    return conditions
