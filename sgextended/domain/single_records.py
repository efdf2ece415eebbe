"""
Query fields that show single records: the first of those found, in the order of one of their fields.
"""

import datetime as dt
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from sgextended.domain.query_asking import CHUNK, DATES, NUMBERS, Question, Row, Summary, owned_rows
from sgextended.domain.saved_filters import (
    Matcher,
    Native,
    Owner,
    Schema,
    Term,
    Unanswerable,
    can_summarize,
    is_refusal,
    join,
    to_native,
)
from sgextended.errors import ShotgunError

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
    sg: Any, schema: Schema, summary: Summary, owners: Sequence[Owner], terms: Sequence[Term]
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
        owned = _first_rows(sg, schema, summary, owners, terms[0], fields, choice)
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


def _first_rows(
    sg: Any,
    schema: Schema,
    summary: Summary,
    owners: Sequence[Owner],
    term: Term,
    fields: List[str],
    choice: _Choice,
) -> List[List[Row]]:
    """
    Return the first rows of each owner: which values of the column theirs have is asked first, and then for the rows
    that have them. Where the site does not tell, rows are asked for in order, until all owners have theirs.
    """
    found_type = summary.found_type
    matcher = Matcher(sg, schema, found_type, term.own, owners)
    plain = to_native(join(term.plain, is_all=True))
    wanted = list(dict.fromkeys([*fields, *matcher.paths]))
    owned: List[List[Row]] = [[] for _owner in owners]
    left = set(range(len(owners)))
    if not term.own:
        rows = sg.find(found_type, plain, wanted, choice.order, limit=choice.limit)
        return [rows] * len(owned)
    data_type = schema.data_type(found_type, choice.column)
    if len(owned) > 1 and data_type in _COUNTED and can_summarize(sg):
        told: Optional[Mapping[int, Any]]
        if choice.limit == 1 and data_type in DATES | NUMBERS:
            told = _ends(sg, found_type, plain, matcher, choice, len(owned))
            if told is not None:
                _take_ends(sg, found_type, plain, matcher, choice, wanted, told, owned)
        else:
            told = _leading(sg, found_type, plain, matcher, choice, data_type)
            if told is not None:
                _take_leading(sg, found_type, plain, matcher, choice, wanted, told, owned)
        if told is not None:
            left = {number for number in told if not owned[number]}
    _take_in_order(sg, found_type, plain, matcher, choice, wanted, left, owned)
    return owned


def _take_in_order(
    sg: Any,
    found_type: str,
    plain: Native,
    matcher: Matcher,
    choice: _Choice,
    wanted: List[str],
    left: Set[int],
    owned: List[List[Row]],
) -> None:
    """
    Give owners their first rows, from finds in the order of the field: each restricted to who lacks some, and longer.
    """
    size = CHUNK
    while left:
        conditions = matcher.conditions(left)
        if conditions is None:
            return
        rows = sg.find(found_type, [*plain, *conditions], wanted, choice.order, limit=size)
        for number in left:
            owned[number] = []
        for row in rows:
            for number in matcher.owners_of(row) & left:
                if len(owned[number]) < choice.limit:
                    owned[number].append(row)
        if len(rows) < size:
            return
        left = {number for number in left if len(owned[number]) < choice.limit}
        size *= 2


def _ends(
    sg: Any, found_type: str, plain: Native, matcher: Matcher, choice: _Choice, owners: int
) -> Optional[Dict[int, Any]]:
    """
    Return the end of the column for each owner that has rows. None: the site does not tell.

    What it gives for rows without a value, or none, is nothing that a row has; such an owner stays without a row.
    """
    conditions = matcher.conditions()
    if conditions is None:
        return {}
    kind = "maximum" if choice.descending else "minimum"
    question = Question(found_type, [*plain, *conditions], list(matcher.paths), {choice.column: kind})
    found: List[List[Any]] = [[] for _number in range(owners)]
    has_rows: Set[int] = set()
    try:
        for values, sums in question.asked(sg, question.summaries):
            for number in matcher.owners_of(dict(zip(question.groupings, values))):
                has_rows.add(number)
                if sums.get(choice.column) is not None:
                    found[number].append(sums[choice.column])
    except Unanswerable:
        return None
    except ShotgunError as error:
        if not is_refusal(error):
            raise
        return None
    best = max if choice.descending else min
    return {number: best(found[number]) if found[number] else None for number in has_rows}


def _take_ends(
    sg: Any,
    found_type: str,
    plain: Native,
    matcher: Matcher,
    choice: _Choice,
    wanted: List[str],
    ends: Mapping[int, Any],
    owned: List[List[Row]],
) -> None:
    """
    Find the rows that have the ends, and give each owner its own: of equals the one with the lowest id.
    """
    who: Dict[Any, Set[int]] = {}
    for number, end in ends.items():
        who.setdefault(end, set()).add(number)
    # Of numbers the site says 0 where there are none. Where the owner has several groups, that may hide another value.
    empty = who.pop(None, set()) | (who.get(0, set()) if matcher.is_exact else set())
    coincide = choice.column != "id" and not all(isinstance(end, dt.datetime) for end in who)
    asked = {**who, None: empty} if empty else who
    together = not (coincide and matcher.is_exact)
    rows = _with_values(sg, found_type, plain, matcher, choice, wanted, asked, together=together)
    rows.sort(key=lambda row: row.get(choice.column) is None)
    for row in rows:
        value = row.get(choice.column)
        for number in matcher.owners_of(row):
            is_end = number in empty if value is None else number in ends and ends[number] == value
            if is_end and not owned[number]:
                owned[number].append(row)


def _with_values(
    sg: Any,
    found_type: str,
    plain: Native,
    matcher: Matcher,
    choice: _Choice,
    wanted: List[str],
    who: Mapping[Any, Set[int]],
    *,
    together: bool,
) -> List[Row]:
    """
    Return the rows that have some values of the column, of the owners of each value, and maybe some more, in the order
    of the site; one find.

    *together*: whether many values may be asked for all together, and not each with its owners.
    """
    filled = {value: owners for value, owners in who.items() if value is not None}
    alternatives: List[Native] = []
    if together and len(filled) > _FEW_VALUES:
        # So many conditions on links would keep the site busy.
        alternatives.append([*_conditions(matcher, set().union(*filled.values())), [choice.column, "in", list(filled)]])
    else:
        alternatives += [[*_conditions(matcher, own), [choice.column, "is", value]] for value, own in filled.items()]
    if None in who:
        alternatives.append([*_conditions(matcher, who[None]), [choice.column, "is", None]])
    if not alternatives:
        return []
    either = [{"filter_operator": "all", "filters": conditions} for conditions in alternatives]
    rows: List[Row] = sg.find(found_type, [*plain, {"filter_operator": "any", "filters": either}], wanted, choice.order)
    return rows


def _leading(
    sg: Any, found_type: str, plain: Native, matcher: Matcher, choice: _Choice, data_type: Optional[str]
) -> Optional[Dict[int, List[Any]]]:
    """
    Return for each owner that has rows which values of the column the first of them have. None: the site does not tell.
    """
    conditions = matcher.conditions()
    if conditions is None:
        return {}
    groupings = list(dict.fromkeys([*matcher.paths, choice.column]))
    question = Question(found_type, [*plain, *conditions], groupings, {"id": "record_count"})
    counted: Dict[int, List[Tuple[Any, int]]] = {}
    try:
        for values, sums in question.asked(sg, question.summaries):
            row = dict(zip(groupings, values))
            value = row[choice.column]
            if data_type == "date_time" and not isinstance(value, (dt.datetime, type(None))):
                return None
            for number in matcher.owners_of(row):
                counted.setdefault(number, []).append((None if value == "" else value, sums["id"]))
    except Unanswerable:
        return None
    except ShotgunError as error:
        if not is_refusal(error):
            raise
        return None
    return {number: _first_values(pairs, choice) for number, pairs in counted.items()}


def _first_values(counted: Iterable[Tuple[Any, int]], choice: _Choice) -> List[Any]:
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


def _take_leading(
    sg: Any,
    found_type: str,
    plain: Native,
    matcher: Matcher,
    choice: _Choice,
    wanted: List[str],
    values: Mapping[int, List[Any]],
    owned: List[List[Row]],
) -> None:
    """
    Find the rows that have the first values, and give each owner its own, in their order.
    """
    who: Dict[Any, Set[int]] = {}
    for number, first in values.items():
        for value in first:
            who.setdefault(value, set()).add(number)
    rows = _with_values(sg, found_type, plain, matcher, choice, wanted, who, together=True)
    ranks = {number: {_rank(value) for value in first} for number, first in values.items()}
    found: Dict[int, List[Row]] = {}
    for row in rows:
        value = _rank(row.get(choice.column) or None)
        for number in matcher.owners_of(row):
            if value in ranks.get(number, ()):
                found.setdefault(number, []).append(row)
    for number, own in found.items():
        owned[number] = own[: choice.limit]


def _conditions(matcher: Matcher, numbers: Set[int]) -> Native:
    return matcher.conditions(numbers) or []
