"""
Compute query fields that show single records: the first rows of each owner, in the order of one of the fields.
"""

import datetime as dt
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Sequence, Set, Tuple

from sgextended.domain.client_kinds import can_summarize, is_refusal
from sgextended.domain.limits import PAGE_SIZE
from sgextended.domain.query_fields.row_owners import Owner, OwnerMatcher
from sgextended.domain.query_fields.saved_filters import (
    Alternative,
    CannotCompute,
    Native,
    join,
    to_native,
)
from sgextended.domain.query_fields.site_requests import (
    DATES,
    NUMBERS,
    QueryFieldDefinition,
    Row,
    SummarizeRequest,
    owned_rows,
)
from sgextended.errors import ShotgunError
from sgextended.schema.site_schema import SiteSchema

# With more different values, one condition for all values may replace one condition for each value and its owners.
_FEW_VALUES = 50

# For fields of these data types, the site can group by value and find rows by value.
_COUNTED = {"text", "list", "status_list", *DATES, *NUMBERS} - {"calculated", "timecode"}


class _Choice(NamedTuple):
    """
    The rows that a single-record field shows: the first *limit* rows in the order of *column*.
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
        msg = f"its limit {limit!r} is not a number"
        raise CannotCompute(msg)
    return _Choice(int(limit), chosen.get("column") or "id", chosen.get("direction") == "desc")


def single_records(
    sg: Any,
    schema: SiteSchema,
    definition: QueryFieldDefinition,
    owners: Sequence[Owner],
    alternatives: Sequence[Alternative],
) -> List[Any]:
    """
    Return for each owner the value of a single-record field; a list of values if the field shows several records.
    """
    choice = _choice(definition.value)
    fields = list(dict.fromkeys([definition.field, choice.column]))
    if len(alternatives) > 1:
        owned = owned_rows(sg, schema, definition, owners, alternatives, fields)
        owned = [_in_order(rows, choice)[: choice.limit] for rows in owned]
    else:
        owned = _FirstRows(sg, schema, definition.found_type, owners, alternatives[0], fields, choice).found()
    shown = [[row.get(definition.field) for row in rows] for rows in owned]
    return [(values[0] if values else None) if choice.limit == 1 else values for values in shown]


def _in_order(rows: Sequence[Row], choice: _Choice) -> List[Row]:
    """
    Return rows in the order of the site, with rows without a value last. The given rows have the lowest id first.
    """
    filled = [row for row in rows if row.get(choice.column) is not None]
    ordered = sorted(filled, key=lambda row: _rank(row[choice.column]), reverse=choice.descending)
    return [*ordered, *(row for row in rows if row.get(choice.column) is None)]


def _rank(value: Any) -> Any:
    """
    Return the sort key of a value. Values that the site orders equally have equal keys.
    """
    if isinstance(value, Mapping):
        value = value.get("name") or ""
    return value.casefold() if isinstance(value, str) else value


class _FirstRows:
    """
    Find the first rows of each owner, for a filter with one alternative.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        schema: The site's schema.

        found_type: Type of the rows.

        owners: The owners. The methods refer to them by their index in this list.

        alternative: The only alternative of the filter.

        fields: Fields to request for the rows.

        choice: The order and number of the rows.
    """

    def __init__(
        self,
        sg: Any,
        schema: SiteSchema,
        found_type: str,
        owners: Sequence[Owner],
        alternative: Alternative,
        fields: List[str],
        choice: _Choice,
    ) -> None:
        self._sg, self._type, self._choice, self._dependent = sg, found_type, choice, alternative.dependent
        self._matcher = OwnerMatcher(sg, schema, found_type, alternative.dependent, owners)
        self._independent = to_native(join(alternative.independent, is_all=True))
        self._fields = list(dict.fromkeys([*fields, *self._matcher.paths]))
        self._data_type = schema.data_type(found_type, choice.column)
        self._owned: List[List[Row]] = [[] for _owner in owners]

    def found(self) -> List[List[Row]]:
        """
        Return the first rows of each owner.

        One request finds the leading values of the column for each owner, and a find returns the rows with these
        values. If the site does not return the values, rows are requested in order until all owners have their rows.
        """
        owned, choice = self._owned, self._choice
        if not self._dependent:
            return [self._sg.find(self._type, self._independent, self._fields, choice.order, limit=choice.limit)] * len(
                owned
            )
        remaining = set(range(len(owned)))
        if len(owned) > 1 and self._data_type in _COUNTED and can_summarize(self._sg):
            try:
                if choice.limit == 1 and self._data_type in DATES | NUMBERS:
                    remaining = self._take_ends(self._ends())
                else:
                    remaining = self._take_leading(self._leading())
            except CannotCompute:  # the site does not return usable values
                pass
            except ShotgunError as error:
                if not is_refusal(error):
                    raise
        self._take_in_order(remaining)
        return owned

    def _take_in_order(self, remaining: Set[int]) -> None:
        """
        Set the first rows of owners from finds in the order of the column. Each further find is for the owners that
        still lack rows, and is twice as long.
        """
        owned, limit, size = self._owned, self._choice.limit, PAGE_SIZE
        while remaining:
            conditions = self._matcher.conditions(remaining)
            if conditions is None:
                return
            rows = self._find(conditions, limit=size)
            for number in remaining:
                owned[number] = []
            for row in rows:
                for number in self._matcher.owners_of(row) & remaining:
                    if len(owned[number]) < limit:
                        owned[number].append(row)
            if len(rows) < size:
                return
            remaining = {number for number in remaining if len(owned[number]) < limit}
            size *= 2

    def _ends(self) -> Dict[int, Any]:
        """
        Return the least or greatest value of the column for each owner that has rows.

        The value is None if the site returns no value for the owner.
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
        Find the rows with the least or greatest values, and set one for each owner: of several, the one with the lowest
        id. Return the owners that still lack a row.
        """
        column, owned = self._choice.column, self._owned
        owners_of = _owners_by_value({number: [end] for number, end in ends.items()})
        # For number fields without values, the site returns 0. If an owner has several groups, that may hide a value.
        empty = owners_of.pop(None, set()) | (owners_of.get(0, set()) if self._matcher.is_exact else set())
        coincide = column != "id" and not all(isinstance(end, dt.datetime) for end in owners_of)
        together = not (coincide and self._matcher.is_exact)
        rows = self._with_values({**owners_of, None: empty} if empty else owners_of, together=together)
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
        Return for each owner that has rows the values of the column in its first rows.
        """
        column = self._choice.column
        counted: Dict[int, List[Tuple[Any, int]]] = {}
        for numbers, row, sums in self._groups([column], {"id": "record_count"}):
            value = _filled(row[column])
            if self._data_type == "date_time" and not isinstance(value, (dt.datetime, type(None))):
                msg = f"the site returned {value!r:.80} where a date and time was expected"
                raise CannotCompute(msg)
            for number in numbers:
                counted.setdefault(number, []).append((value, sums["id"]))
        return {number: _first_values(pairs, self._choice) for number, pairs in counted.items()}

    def _take_leading(self, values: Mapping[int, List[Any]]) -> Set[int]:
        """
        Find the rows with the leading values, and set them for each owner in the order of the site. Return the owners
        that still lack rows.
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
        Yield groups of rows with equal values in the fields that identify owners and in the fields *also*: the owners,
        the values and the summaries of each group.
        """
        conditions = self._matcher.conditions()
        if conditions is None:
            return
        groupings = list(dict.fromkeys([*self._matcher.paths, *also]))
        request = SummarizeRequest(self._type, [*self._independent, *conditions], groupings, summaries)
        for values, sums in request.send(self._sg, summaries):
            row = dict(zip(groupings, values))
            yield self._matcher.owners_of(row), row, sums

    def _with_values(self, owners_of: Mapping[Any, Set[int]], *, together: bool) -> List[Row]:
        """
        Return the rows of owners with given values of the column, from one find. It may also return further rows.

        Args:
            owners_of: For each value, the owners whose rows are wanted.

            together: Whether one condition for many values may replace one condition for each value and its owners.
        """
        column = self._choice.column
        filled = {value: owners for value, owners in owners_of.items() if value is not None}
        alternatives: List[Native] = []
        if together and len(filled) > _FEW_VALUES:
            # So many conditions on links would be slow on the site.
            alternatives.append([*self._conditions_for(set().union(*filled.values())), [column, "in", list(filled)]])
        else:
            alternatives += [[*self._conditions_for(owners), [column, "is", value]] for value, owners in filled.items()]
        if None in owners_of:
            alternatives.append([*self._conditions_for(owners_of[None]), [column, "is", None]])
        if not alternatives:
            return []
        either = [{"filter_operator": "all", "filters": conditions} for conditions in alternatives]
        return self._find([{"filter_operator": "any", "filters": either}])

    def _conditions_for(self, owners: Set[int]) -> Native:
        return self._matcher.conditions(owners) or []

    def _find(self, conditions: Native, limit: int = 0) -> List[Row]:
        filters = [*self._independent, *conditions]
        rows: List[Row] = self._sg.find(self._type, filters, self._fields, self._choice.order, limit=limit)
        return rows


def _owners_by_value(values: Mapping[int, Iterable[Any]]) -> Dict[Any, Set[int]]:
    owners_of: Dict[Any, Set[int]] = {}
    for number, own in values.items():
        for value in own:
            owners_of.setdefault(value, set()).add(number)
    return owners_of


def _filled(value: Any) -> Any:
    return None if value == "" else value  # the site stores empty text as None


def _first_values(counted: Iterable[Tuple[Any, int]], choice: _Choice) -> List[Any]:
    """
    Return the values of the first rows, from the number of rows with each value.
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
