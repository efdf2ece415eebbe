"""
Collecting the conditions of one search, and asking for it: what all the functions of the domain share.
"""

import datetime as dt
import fnmatch
import re
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Pattern, Protocol, Sequence, Tuple, Union

from sgextended.errors import FilterError

Entity = Mapping[str, Any]
Row = Dict[str, Any]
#: One value, several of which any may match, or None for no restriction.
Names = Union[str, Iterable[str], None]
Links = Union[Entity, Iterable[Entity], None]
#: Where there must be some: None is refused.
SomeLinks = Union[Entity, Iterable[Entity]]
#: Links, or names of what they lead to.
LinksOrNames = Union[str, Entity, Iterable[Union[str, Entity]], None]
Ids = Union[int, Iterable[int], None]
#: A day, as ``"YYYY-MM-DD"`` or a date, or None for no restriction.
Day = Union[str, dt.date, None]

#: From so many links on they are sent as one "in", which the site takes in any number. Fewer are sent as "is" each: a
#: Mockgun takes "in" for "all of them".
_MANY_LINKS = 20

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


def client_of(sg: Any) -> Any:
    """
    Return the client that a wrapper of ours is around, or *sg* itself.
    """
    return getattr(sg, "_sg", sg)


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


def ids_of(links: SomeLinks, what: str) -> List[int]:
    """
    Return the ids of links, of which there must be some or an empty collection.

    Raises:
        FilterError: One is no link, or there is None at all.
    """
    values = values_of(links)
    return [int(to_link(value, what)["id"]) for value in ([None] if values is None else values)]


class Query:
    """
    The conditions of one search, all of which must hold.

    Args:
        filters: Native conditions to begin with.
    """

    def __init__(self, filters: Sequence[Any] = ()) -> None:
        self._filters: List[Any] = list(filters)
        self._globs: List[Tuple[Tuple[str, ...], List[Pattern[str]]]] = []
        self._impossible = False

    @property
    def is_impossible(self) -> bool:
        """
        Whether nothing can match, whatever is on the site.
        """
        return self._impossible

    def names(self, field: str, wanted: Names) -> None:
        """
        Let a text, status or list field be one of the wanted values.
        """
        self._one_of(field, values_of(wanted))

    def numbers(self, field: str, wanted: Ids) -> None:
        """
        Let a number, such as the id, be one of the wanted ones.
        """
        self._one_of(field, values_of(wanted))

    def links(self, field: str, wanted: Links) -> None:
        """
        Let a link be one of the wanted entities, or a list of links hold at least one of them.
        """
        self.links_by_any((field,), wanted)

    def links_by_any(self, fields: Sequence[str], wanted: Links) -> None:
        """
        Let at least one of several fields lead to one of the wanted entities.
        """
        values = values_of(wanted)
        if values is not None:
            links = [to_link(value, fields[0]) for value in values]
            self.any([condition for field in fields for condition in _leads_to(field, links)])

    def links_by_type(self, field_for: Callable[[str], str], wanted: Links) -> None:
        """
        Let one of the wanted entities be linked by the field that is right for its type.
        """
        values = values_of(wanted)
        if values is not None:
            by_field: Dict[str, List[Row]] = {}
            for value in values:
                link = to_link(value)
                by_field.setdefault(field_for(link["type"]), []).append(link)
            self.any([condition for field, links in by_field.items() for condition in _leads_to(field, links)])

    def links_or_names(self, field: str, entity_type: str, names: Sequence[str], wanted: LinksOrNames) -> None:
        """
        Let a link be one of the wanted entities, or lead to one with one of the wanted names.

        Args:
            field: The link.

            entity_type: Type of what it leads to.

            names: Fields of that type that a name may stand in.

            wanted: Links and names.
        """
        values = values_of(wanted)
        if values is None:
            return
        conditions: List[List[Any]] = []
        for value in values:
            if isinstance(value, str):
                conditions += [[f"{field}.{entity_type}.{name}", "is", value] for name in names]
            else:
                conditions.append([field, "is", to_link(value, field)])
        self.any(conditions)

    def steps(self, field: str, wanted: LinksOrNames) -> None:
        """
        Let a link be one of the wanted pipeline steps, given as links or by short code or name.
        """
        self.links_or_names(field, "Step", ("short_name", "code"), wanted)

    def days(self, field: str, first: Day, last: Day) -> None:
        """
        Let a date lie between two days, both included.
        """
        if first is not None and last is not None:
            self._filters.append([field, "between", [_to_day(first).isoformat(), _to_day(last).isoformat()]])
        elif first is not None:
            self._filters.append([field, "greater_than", (_to_day(first) - dt.timedelta(days=1)).isoformat()])
        elif last is not None:
            self._filters.append([field, "less_than", (_to_day(last) + dt.timedelta(days=1)).isoformat()])

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
        self.globs_by_any((field,), wanted)

    def globs_by_any(self, fields: Sequence[str], wanted: Names) -> None:
        """
        Let at least one of several text fields match one of the wanted names or globs.
        """
        patterns = values_of(wanted)
        if patterns is None:
            return
        if len(fields) == 1 and not any(_WILDCARD.search(pattern) for pattern in patterns):
            self._one_of(fields[0], patterns)
            return
        groups = [_site_conditions(field, pattern) for field in fields for pattern in patterns]
        if all(groups):
            self.any([group[0] if len(group) == 1 else _all_of(group) for group in groups])
        compiled = [re.compile(fnmatch.translate(pattern), re.IGNORECASE) for pattern in patterns]
        self._globs.append((tuple(fields), compiled))

    def find(
        self,
        sg: Finder,
        entity_type: str,
        default_fields: Iterable[str],
        fields: Optional[Iterable[str]],
        extra_fields: Iterable[str],
        order: Sequence[str],
        limit: int = 0,
    ) -> List[Row]:
        """
        Return what matches, without asking when nothing can.

        Args:
            sg: Who is asked.

            entity_type: Type to search.

            default_fields: What comes back when *fields* is None.

            fields: What comes back instead.

            extra_fields: What comes back beside either.

            order: Fields to sort by, ascending; descending with a ``-`` before.

            limit: How many at most; 0: all. Not for globs, which are decided here in part.
        """
        if self._impossible:
            return []
        wanted = list(dict.fromkeys([*(default_fields if fields is None else fields), *extra_fields]))
        matched = dict.fromkeys(field for several, _patterns in self._globs for field in several)
        for_matching = [field for field in matched if field not in wanted]
        sorts = [_sort(field) for field in order]
        some = {"limit": limit} if limit else {}
        rows: List[Row] = sg.find(entity_type, self._filters, [*wanted, *for_matching], sorts, **some)
        for several, patterns in self._globs:
            rows = [row for row in rows if _matches(row, several, patterns)]
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


def _to_day(day: Union[str, dt.date]) -> dt.date:
    if isinstance(day, dt.datetime):
        return day.date()
    if isinstance(day, dt.date):
        return day
    try:
        return dt.date.fromisoformat(day)
    except (TypeError, ValueError):
        msg = f"A day must be a date, or text such as '2026-03-10', not {day!r:.80}."
        raise FilterError(msg) from None


def _sort(field: str) -> Dict[str, str]:
    return {"field_name": field.lstrip("-"), "direction": "desc" if field.startswith("-") else "asc"}


def _matches(row: Row, fields: Iterable[str], patterns: Iterable[Pattern[str]]) -> bool:
    texts = [row[field] or "" for field in fields]
    return any(pattern.match(text) for pattern in patterns for text in texts)


def _leads_to(field: str, links: List[Row]) -> List[List[Any]]:
    """
    Return conditions of which any holds where a field leads to one of the entities.
    """
    if len(links) >= _MANY_LINKS:
        return [[field, "in", links]]
    return [[field, "is", link] for link in links]


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
