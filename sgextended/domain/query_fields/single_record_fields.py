"""
Query fields that show single records: the first of those found, in the order of one of their fields.
"""

import datetime as dt
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Sequence, Set, Tuple

from sgextended.domain.limits import PAGE_SIZE
from sgextended.domain.query_fields.saved_filters import (
    Matcher,
    Native,
    Owner,
    Term,
    Unanswerable,
    can_summarize,
    is_refusal,
    join,
    to_native,
)
from sgextended.domain.query_fields.site_requests import DATES, NUMBERS, Question, Row, Summary, owned_rows
from sgextended.errors import ShotgunError
from sgextended.schema.site_schema import SiteSchema

# From so many different values on they may be asked for all together, and not each with the records that have it.
_FEW_VALUES = 50

# Of these the site can say which values there are, and find the rows that have some of them.
_COUNTED = {"text", "list", "status_list", *DATES, *NUMBERS} - {"calculated", "timecode"}


class _Choice(NamedTuple):
    """
    Which of its rows a single-record field shows.
    """

    limit: int
    column: str
    descending: bool

    @property
    def order(self) -> List[Dict[str, str]]:
        return [{"field_name": self.column, "direction": "desc" if self.descending else "asc"}]


def _choice(value: Any) -> _Choice:
    chosen = value if isinstance(value, Mapping) else {}
    limit = chosen.get("limit") or 1
    if not str(limit).isdigit():
        msg = f"it shows {limit!r} records, which is no number"
        raise Unanswerable(msg)
    return _Choice(int(limit), chosen.get("column") or "id", chosen.get("direction") == "desc")


def single_records(
    sg: Any, schema: SiteSchema, summary: Summary, owners: Sequence[Owner], terms: Sequence[Term]
) -> List[Any]:
    """
    Return what a single-record field shows for each owner.
    """
    choice = _choice(summary.value)
    fields = list(dict.fromkeys([summary.field, choice.column]))
    if len(terms) > 1:
        owned = owned_rows(sg, schema, summary, owners, terms, fields)
        owned = [_in_order(rows, choice)[: choice.limit] for rows in owned]
    else:
        owned = _FirstRows(sg, schema, summary.found_type, owners, terms[0], fields, choice).found()
    shown = [[row.get(summary.field) for row in rows] for rows in owned]
    return [(values[0] if values else None) if choice.limit == 1 else values for values in shown]


def _in_order(rows: Sequence[Row], choice: _Choice) -> List[Row]:
    """
    Return rows, which come lowest id first, as the site would order them: those without a value last.
    """
    filled = [row for row in rows if row.get(choice.column) is not None]
    ordered = sorted(filled, key=lambda row: _rank(row[choice.column]), reverse=choice.descending)
    return [*ordered, *(row for row in rows if row.get(choice.column) is None)]


def _rank(value: Any) -> Any:
    """
    Return what a value is ordered by; equal for those that the site cannot tell apart.
    """
    if isinstance(value, Mapping):
        value = value.get("name") or ""
    return value.casefold() if isinstance(value, str) else value


class _FirstRows:
    """
    The first rows of each owner, for a filter with one alternative.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        schema: The schema.

        found_type: Type of the rows.

        owners: Whose they are. They are named by their numbers in this list.

        term: The filter.

        fields: Fields that the rows need.

        choice: Which are the first ones.
    """

    def __init__(
        self,
        sg: Any,
        schema: SiteSchema,
        found_type: str,
        owners: Sequence[Owner],
        term: Term,
        fields: List[str],
        choice: _Choice,
    ) -> None:
        self._sg, self._type, self._choice, self._own = sg, found_type, choice, term.own
        self._matcher = Matcher(sg, schema, found_type, term.own, owners)
        self._plain = to_native(join(term.plain, is_all=True))
        self._fields = list(dict.fromkeys([*fields, *self._matcher.paths]))
        self._data_type = schema.data_type(found_type, choice.column)
        self._owned: List[List[Row]] = [[] for _owner in owners]

    def found(self) -> List[List[Row]]:
        """
        Return the rows of each owner: which values of the column theirs have is asked first, and then for the rows that
        have them. Where the site does not tell, rows are asked for in order, until all owners have theirs.
        """
        owned, choice = self._owned, self._choice
        if not self._own:
            return [self._sg.find(self._type, self._plain, self._fields, choice.order, limit=choice.limit)] * len(owned)
        left = set(range(len(owned)))
        if len(owned) > 1 and self._data_type in _COUNTED and can_summarize(self._sg):
            try:
                if choice.limit == 1 and self._data_type in DATES | NUMBERS:
                    left = self._take_ends(self._ends())
                else:
                    left = self._take_leading(self._leading())
            except Unanswerable:  # the site does not tell
                pass
            except ShotgunError as error:
                if not is_refusal(error):
                    raise
        self._take_in_order(left)
        return owned

    def _take_in_order(self, left: Set[int]) -> None:
        """
        Give owners their first rows, from finds in the order of the field: each for who lacks some, and longer.
        """
        owned, limit, size = self._owned, self._choice.limit, PAGE_SIZE
        while left:
            conditions = self._matcher.conditions(left)
            if conditions is None:
                return
            rows = self._find(conditions, limit=size)
            for number in left:
                owned[number] = []
            for row in rows:
                for number in self._matcher.owners_of(row) & left:
                    if len(owned[number]) < limit:
                        owned[number].append(row)
            if len(rows) < size:
                return
            left = {number for number in left if len(owned[number]) < limit}
            size *= 2

    def _ends(self) -> Dict[int, Any]:
        """
        Return the end of the column for each owner that has rows.

        What the site gives for rows without a value, or none, is nothing that a row has; such an owner has no row yet.
        """
        column, descending = self._choice.column, self._choice.descending
        found: Dict[int, List[Any]] = {}
        for numbers, _row, sums in self._groups([], {column: "maximum" if descending else "minimum"}):
            for number in numbers:
                end = sums.get(column)
                found.setdefault(number, []).extend([] if end is None else [end])
        best = max if descending else min
        return {number: best(ends) if ends else None for number, ends in found.items()}

    def _take_ends(self, ends: Mapping[int, Any]) -> Set[int]:
        """
        Find the rows that have the ends, and give each owner its own: of equals the one with the lowest id.

        Returns who still lacks one.
        """
        column, owned = self._choice.column, self._owned
        who = _owners_by_value({number: [end] for number, end in ends.items()})
        # Of numbers the site says 0 where there are none. In several groups of an owner that may hide another value.
        empty = who.pop(None, set()) | (who.get(0, set()) if self._matcher.is_exact else set())
        coincide = column != "id" and not all(isinstance(end, dt.datetime) for end in who)
        together = not (coincide and self._matcher.is_exact)
        rows = self._with_values({**who, None: empty} if empty else who, together=together)
        rows.sort(key=lambda row: row.get(column) is None)
        for row in rows:
            value = row.get(column)
            for number in self._matcher.owners_of(row):
                is_end = number in empty if value is None else number in ends and ends[number] == value
                if is_end and not owned[number]:
                    owned[number].append(row)
        return {number for number in ends if not owned[number]}

    def _leading(self) -> Dict[int, List[Any]]:
        """
        Return for each owner that has rows which values of the column the first of them have.
        """
        column = self._choice.column
        counted: Dict[int, List[Tuple[Any, int]]] = {}
        for numbers, row, sums in self._groups([column], {"id": "record_count"}):
            value = _filled(row[column])
            if self._data_type == "date_time" and not isinstance(value, (dt.datetime, type(None))):
                msg = f"the site gave {value!r:.80} where a date and time was expected"
                raise Unanswerable(msg)
            for number in numbers:
                counted.setdefault(number, []).append((value, sums["id"]))
        return {number: _first_values(pairs, self._choice) for number, pairs in counted.items()}

    def _take_leading(self, values: Mapping[int, List[Any]]) -> Set[int]:
        """
        Find the rows that have the first values, and give each owner its own, in the order of the site.

        Returns who still lacks some.
        """
        ranks = {number: {_rank(value) for value in first} for number, first in values.items()}
        found: Dict[int, List[Row]] = {}
        for row in self._with_values(_owners_by_value(values), together=True):
            rank = _rank(_filled(row.get(self._choice.column)))
            for number in self._matcher.owners_of(row):
                if rank in ranks.get(number, ()):
                    found.setdefault(number, []).append(row)
        for number, own in found.items():
            self._owned[number] = own[: self._choice.limit]
        return {number for number in values if not self._owned[number]}

    def _groups(self, also: List[str], summaries: Dict[str, str]) -> Iterator[Tuple[Set[int], Row, Row]]:
        """
        Return the groups of rows that are equal in what tells whose they are, and in some more fields: whose they are,
        the values, and their summaries.
        """
        conditions = self._matcher.conditions()
        if conditions is None:
            return
        groupings = list(dict.fromkeys([*self._matcher.paths, *also]))
        question = Question(self._type, [*self._plain, *conditions], groupings, summaries)
        for values, sums in question.asked(self._sg, summaries):
            row = dict(zip(groupings, values))
            yield self._matcher.owners_of(row), row, sums

    def _with_values(self, who: Mapping[Any, Set[int]], *, together: bool) -> List[Row]:
        """
        Return the rows that have some values of the column, of the owners of each value, and maybe some more; one find.

        *together*: whether many values may be asked for all together, and not each with its owners.
        """
        column = self._choice.column
        filled = {value: owners for value, owners in who.items() if value is not None}
        alternatives: List[Native] = []
        if together and len(filled) > _FEW_VALUES:
            # So many conditions on links would keep the site busy.
            alternatives.append([*self._of(set().union(*filled.values())), [column, "in", list(filled)]])
        else:
            alternatives += [[*self._of(owners), [column, "is", value]] for value, owners in filled.items()]
        if None in who:
            alternatives.append([*self._of(who[None]), [column, "is", None]])
        if not alternatives:
            return []
        either = [{"filter_operator": "all", "filters": conditions} for conditions in alternatives]
        return self._find([{"filter_operator": "any", "filters": either}])

    def _of(self, owners: Set[int]) -> Native:
        return self._matcher.conditions(owners) or []

    def _find(self, conditions: Native, limit: int = 0) -> List[Row]:
        filters = [*self._plain, *conditions]
        rows: List[Row] = self._sg.find(self._type, filters, self._fields, self._choice.order, limit=limit)
        return rows


def _owners_by_value(values: Mapping[int, Iterable[Any]]) -> Dict[Any, Set[int]]:
    who: Dict[Any, Set[int]] = {}
    for number, own in values.items():
        for value in own:
            who.setdefault(value, set()).add(number)
    return who


def _filled(value: Any) -> Any:
    return None if value == "" else value  # the site keeps no empty text


def _first_values(counted: Iterable[Tuple[Any, int]], choice: _Choice) -> List[Any]:
    """
    Return which values the first rows have, from how many have each.
    """
    numbers: Dict[Any, int] = {}
    value_of: Dict[Any, Any] = {}
    for value, number in counted:
        value_of.setdefault(_rank(value), value)
        numbers[_rank(value)] = numbers.get(_rank(value), 0) + number
    ranks = sorted((rank for rank in numbers if rank is not None), reverse=choice.descending)
    first: List[Any] = []
    rows = 0
    for rank in [*ranks, *([None] if None in numbers else [])]:
        if rows >= choice.limit:
            break
        first.append(value_of[rank])
        rows += numbers[rank]
    return first
