"""
Collecting the conditions of one search, and asking for it: what all the functions of the domain share.
"""

import datetime as dt
import fnmatch
import numbers
import re
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Pattern, Protocol, Sequence, Tuple, Union

from sgextended.errors import InvalidArgumentError

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
_BRACKETS = re.compile(r"\[!?\]?[^\]]*\]")  # a "]" that comes first is one of the characters

#: Types of who makes something, and of whom something is given to.
PEOPLE = ("HumanUser", "ApiUser", "ClientUser")
ASSIGNEES = (*PEOPLE, "Group")


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
    if isinstance(wanted, Iterable) and not isinstance(wanted, (str, bytes, Mapping)):
        return list(wanted)
    return [wanted]


def rows_of(rows: Any) -> List[Any]:
    """
    Return rows as a list; one row alone, or any iterable of them.

    Raises:
        InvalidArgumentError: One is no dict.
    """
    found = [None] if rows is None else values_of(rows) or []
    for row in found:
        if not isinstance(row, Mapping):
            msg = f"Rows must be dicts with 'type' and 'id', as find gives them, not {row!r:.80}."
            raise InvalidArgumentError(msg)
    return found


def client_of(sg: Any) -> Any:
    """
    Return the client that a wrapper of ours is around, or *sg* itself.
    """
    return getattr(sg, "_sg", sg)


def is_id(value: Any) -> bool:
    """
    Tell whether a value can be an id: a whole number, those of NumPy among them.
    """
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def to_link(entity: Any, what: str = "entity", types: Sequence[str] = ()) -> Dict[str, Any]:
    """
    Return the link to an entity: its ``type`` and ``id`` alone.

    Args:
        entity: Any dict with both, such as a row that was found.

        what: What it is called in errors.

        types: The types of which it may be; none: any.

    Raises:
        InvalidArgumentError: It is no entity, or one of another type.
    """
    if not isinstance(entity, Mapping) or not isinstance(entity.get("type"), str) or not is_id(entity.get("id")):
        msg = (
            f"{what} must be a dict with 'type' and 'id', such as {{'type': {types[0] if types else 'Shot'!r}, "
            f"'id': 12}}, not {entity!r:.80}."
        )
        raise InvalidArgumentError(msg)
    if types and entity["type"] not in types:
        msg = f"{what} must be of the type {' or '.join(types)}, and {entity['type']} {entity['id']} is not."
        raise InvalidArgumentError(msg)
    return {"type": entity["type"], "id": int(entity["id"])}


def ids_of(links: SomeLinks, what: str, entity_type: str) -> List[int]:
    """
    Return the ids of links of one type, of which there must be some or an empty collection.

    Raises:
        InvalidArgumentError: One is no such link, or there is None at all.
    """
    values = values_of(links)
    return [to_link(value, what, (entity_type,))["id"] for value in ([None] if values is None else values)]


def texts_of(wanted: Names, what: str) -> Optional[List[str]]:
    """
    Return text as a list: one, any iterable of them, or None.

    Raises:
        InvalidArgumentError: One is no text.
    """
    values = values_of(wanted)
    for value in values or ():
        if not isinstance(value, str):
            msg = f"{what} must be text, or several texts, not {value!r:.80}."
            raise InvalidArgumentError(msg)
    return values


def check_text(value: Optional[str], what: str) -> None:
    """
    Refuse what is neither text nor None.

    Raises:
        InvalidArgumentError: It is something else; nothing was sent.
    """
    if value is not None and not isinstance(value, str):
        msg = f"{what} must be text, not {value!r:.80}."
        raise InvalidArgumentError(msg)


def optional_bool(wanted: Optional[bool], what: str) -> Optional[bool]:
    """
    Return whether something is to be so.

    Raises:
        InvalidArgumentError: It is neither True nor False nor None.
    """
    if wanted is not None and not isinstance(wanted, bool):
        msg = f"{what} must be True, False or None, not {wanted!r:.80}."
        raise InvalidArgumentError(msg)
    return wanted


def fields_of(
    fields: Optional[Iterable[str]], extra_fields: Optional[Iterable[str]] = (), usual: Iterable[str] = ()
) -> List[str]:
    """
    Return which fields to ask for, each once: those wanted or the usual ones, and the extra ones. Text is one field.

    Raises:
        InvalidArgumentError: One is no text.
    """
    chosen = usual if fields is None else values_of(fields)
    wanted = [*(chosen or ()), *(values_of(extra_fields) or ())]
    for field in wanted:
        if not isinstance(field, str):
            msg = f"A field is named by text such as 'code', not by {field!r:.80}."
            raise InvalidArgumentError(msg)
    return list(dict.fromkeys(wanted))


def conditions_of(filters: Optional[Iterable[Any]]) -> List[Any]:
    """
    Return native conditions as a list; None is none.

    Raises:
        InvalidArgumentError: Something is neither a condition nor a group of conditions.
    """
    if filters is None:
        return []
    conditions = [filters] if isinstance(filters, Mapping) else values_of(filters) or []
    for each in conditions:
        if not _is_condition(each):
            msg = (
                "filters must be a list of native conditions, such as [['code', 'is', 'sh010']], or of groups of them; "
                f"{each!r:.80} is neither."
            )
            raise InvalidArgumentError(msg)
    return conditions


def _is_condition(each: Any) -> bool:
    if isinstance(each, Mapping):
        return "filters" in each
    return isinstance(each, (list, tuple)) and len(each) > 2 and all(isinstance(part, str) for part in each[:2])


class Query:
    """
    The conditions of one search, all of which must hold.

    Args:
        filters: Native conditions to begin with.
    """

    def __init__(self, filters: Optional[Iterable[Any]] = ()) -> None:
        self._filters: List[Any] = conditions_of(filters)
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
        self._one_of(field, texts_of(wanted, field))

    def numbers(self, field: str, wanted: Ids) -> None:
        """
        Let a number, such as the id, be one of the wanted ones.
        """
        values = values_of(wanted)
        for value in values or ():
            if not is_id(value):
                msg = f"{field} must be a whole number, or several, not {value!r:.80}."
                raise InvalidArgumentError(msg)
        self._one_of(field, values and [int(value) for value in values])

    def links(self, field: str, wanted: Links, *types: str) -> None:
        """
        Let a link be one of the wanted entities, or a list of links hold at least one of them.

        Args:
            field: The link, or list of links.

            wanted: The entities.

            types: The types of which they may be; none: any.
        """
        self.links_by_any((field,), wanted, *types)

    def links_by_any(self, fields: Sequence[str], wanted: Links, *types: str) -> None:
        """
        Let at least one of several fields lead to one of the wanted entities.
        """
        values = values_of(wanted)
        if values is not None:
            links = [to_link(value, fields[0], types) for value in values]
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
                conditions.append([field, "is", to_link(value, f"{field}, unless it is a name,", (entity_type,))])
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
        begin, end = (None if day is None else to_day(day) for day in (first, last))
        if begin is not None and end is not None:
            self._filters.append([field, "between", [begin.isoformat(), end.isoformat()]])
            self._impossible = self._impossible or begin > end  # sites differ in what that is
        elif begin == dt.date.min or end == dt.date.max:  # there is no day beyond
            self._filters.append([field, "is_not", None])
        elif begin is not None:
            self._filters.append([field, "greater_than", (begin - dt.timedelta(days=1)).isoformat()])
        elif end is not None:
            self._filters.append([field, "less_than", (end + dt.timedelta(days=1)).isoformat()])

    def flag(self, field: str, wanted: Optional[bool]) -> None:
        """
        Let a checkbox be on or off.
        """
        if optional_bool(wanted, field) is not None:
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


def to_day(day: Union[str, dt.date]) -> dt.date:
    if isinstance(day, dt.datetime):
        return day.date()
    if isinstance(day, dt.date):
        return day
    try:
        return dt.date.fromisoformat(day)
    except (TypeError, ValueError):
        msg = f"A day must be a date, or text such as '2026-03-10', not {day!r:.80}."
        raise InvalidArgumentError(msg) from None


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
