"""
Collect the conditions of one search and run it: shared by all find functions of the domain.
"""

import datetime as dt
import fnmatch
import re
from typing import Any, Callable, Dict, Iterable, List, Optional, Pattern, Sequence, Tuple

from sgextended.domain.arguments import (
    Day,
    Ids,
    Links,
    LinksOrNames,
    Names,
    Row,
    conditions_of,
    fields_of,
    is_id,
    optional_bool,
    texts_of,
    to_day,
    to_link,
    values_of,
)
from sgextended.domain.client_kinds import Finder
from sgextended.errors import InvalidArgumentError

#: From this number of links on, one "in" condition is sent, which a site accepts for any number. Fewer links are sent
#: as one "is" condition each, because a Mockgun reads "in" as "all of them".
_MANY_LINKS = 20

_WILDCARD = re.compile(r"[*?\[]")
_BRACKETS = re.compile(r"\[!?\]?[^\]]*\]")  # a "]" in the first place is one of the characters


class Query:
    """
    The conditions of one search. Entities must match all of them.

    Args:
        filters: Native conditions to start with.
    """

    def __init__(self, filters: Optional[Iterable[Any]] = ()) -> None:
        self._filters: List[Any] = conditions_of(filters)
        self._globs: List[Tuple[Tuple[str, ...], List[Pattern[str]]]] = []
        self._impossible = False

    @property
    def is_impossible(self) -> bool:
        """
        Whether the conditions contradict each other, so that no entity can match.
        """
        return self._impossible

    def names(self, field: str, wanted: Names) -> None:
        """
        Require that a text, status or list field has one of the wanted values.
        """
        self._one_of(field, texts_of(wanted, field))

    def numbers(self, field: str, wanted: Ids) -> None:
        """
        Require that a number field, such as the id, has one of the wanted values.
        """
        values = values_of(wanted)
        for value in values or ():
            if not is_id(value):
                msg = f"{field} must be a whole number, or several whole numbers, not {value!r:.80}."
                raise InvalidArgumentError(msg)
        self._one_of(field, values and [int(value) for value in values])

    def links(self, field: str, wanted: Links, *types: str) -> None:
        """
        Require that a link leads to one of the wanted entities, or that a list of links contains at least one of them.

        Args:
            field: A field with a link or a list of links.

            wanted: The entities.

            types: The allowed types of the entities. Empty: any type.
        """
        self.links_by_any((field,), wanted, *types)

    def links_by_any(self, fields: Sequence[str], wanted: Links, *types: str) -> None:
        """
        Require that at least one of several fields leads to one of the wanted entities.
        """
        values = values_of(wanted)
        if values is not None:
            links = [to_link(value, fields[0], types) for value in values]
            self.any([condition for field in fields for condition in _leads_to(field, links)])

    def links_by_type(self, field_for: Callable[[str], str], wanted: Links) -> None:
        """
        Require a link to one of the wanted entities; *field_for* returns the link field for an entity type.
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
        Require that a link leads to one of the wanted entities, or to an entity with one of the wanted names.

        Args:
            field: The link field.

            entity_type: Type of the linked entities.

            names: Fields of that type to compare names with.

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
                conditions.append([field, "is", to_link(value, f"{field}, unless it is a name,", (entity_type,))])
        self.any(conditions)

    def steps(self, field: str, wanted: LinksOrNames) -> None:
        """
        Require that a link leads to one of the wanted pipeline steps, given as links or by short code or name.
        """
        self.links_or_names(field, "Step", ("short_name", "code"), wanted)

    def days(self, field: str, first: Day, last: Day) -> None:
        """
        Require that a date lies between two days, both included.
        """
        begin, end = (None if day is None else to_day(day) for day in (first, last))
        if begin is not None and end is not None:
            self._filters.append([field, "between", [begin.isoformat(), end.isoformat()]])
            self._impossible = self._impossible or begin > end  # sites differ in how they read a reversed range
        elif begin == dt.date.min or end == dt.date.max:  # no earlier or later day exists, so any date matches
            self._filters.append([field, "is_not", None])
        elif begin is not None:
            self._filters.append([field, "greater_than", (begin - dt.timedelta(days=1)).isoformat()])
        elif end is not None:
            self._filters.append([field, "less_than", (end + dt.timedelta(days=1)).isoformat()])

    def flag(self, field: str, wanted: Optional[bool]) -> None:
        """
        Require that a checkbox is on or off.
        """
        if optional_bool(wanted, field) is not None:
            self._filters.append([field, "is", wanted])

    def any(self, conditions: List[List[Any]]) -> None:
        """
        Require that at least one of the conditions matches.
        """
        if not conditions:
            self._impossible = True
        elif len(conditions) == 1:
            self._filters.append(conditions[0])
        else:
            self._filters.append({"filter_operator": "any", "filters": conditions})

    def globs(self, field: str, wanted: Names) -> None:
        """
        Require that a text field matches one of the wanted names or globs.

        The site filters by what it supports (a start, an end, a part); `find` matches the rest after the response.
        """
        self.globs_by_any((field,), wanted)

    def globs_by_any(self, fields: Sequence[str], wanted: Names) -> None:
        """
        Require that at least one of several text fields matches one of the wanted names or globs.
        """
        patterns = texts_of(wanted, fields[0])
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
        Return the entities that match; send no request if none can match.

        Args:
            sg: The client (SGExtended, Shotgun or Mockgun).

            entity_type: Type to search.

            default_fields: Fields to return if *fields* is None.

            fields: Fields to return instead.

            extra_fields: Fields to return in addition.

            order: Fields to sort by, ascending; with a ``-`` in front, descending.

            limit: Maximum number of entities; 0: all. Not allowed with globs, which are matched after the response.
        """
        if self._impossible:
            return []
        wanted = fields_of(fields, extra_fields, default_fields)
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


def _sort(field: str) -> Dict[str, str]:
    return {"field_name": field.lstrip("-"), "direction": "desc" if field.startswith("-") else "asc"}


def _matches(row: Row, fields: Iterable[str], patterns: Iterable[Pattern[str]]) -> bool:
    texts = [row[field] or "" for field in fields]
    return any(pattern.match(text) for pattern in patterns for text in texts)


def _leads_to(field: str, links: List[Row]) -> List[List[Any]]:
    """
    Return conditions; at least one of them matches if a field leads to one of the entities.
    """
    if len(links) >= _MANY_LINKS:
        return [[field, "in", links]]
    return [[field, "is", link] for link in links]


def _all_of(conditions: List[List[Any]]) -> Any:
    return {"filter_operator": "all", "filters": conditions}


def _site_conditions(field: str, pattern: str) -> List[List[Any]]:
    """
    Return conditions that match every text that a glob matches, and few others. For ``*`` the list is empty.
    """
    literals = _WILDCARD.split(_BRACKETS.sub("?", pattern))
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
