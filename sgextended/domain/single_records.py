"""
Query fields that show single records: the first of those found, in the order of one of their fields.
"""

import datetime as dt
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set

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

    def rank(row: Row) -> Any:
        value = row[choice.column]
        if isinstance(value, Mapping):
            value = value.get("name") or ""
        return value.casefold() if isinstance(value, str) else value

    filled = [row for row in rows if row.get(choice.column) is not None]
    ordered = sorted(filled, key=rank, reverse=choice.descending)
    return [*ordered, *(row for row in rows if row.get(choice.column) is None)]


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
    Return the first rows of each owner: where one is shown, the ends of the column are asked for first, and then the
    rows that have them. For what is left, rows are asked for in order, until all owners have theirs.
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
    sums_up = data_type in DATES or data_type in NUMBERS - {"calculated"}
    if choice.limit == 1 and len(owned) > 1 and sums_up and can_summarize(sg):
        ends = _ends(sg, found_type, plain, matcher, choice, len(owned))
        if ends is not None:
            left = set(ends)
            _take_ends(sg, found_type, plain, matcher, choice, wanted, ends, owned)
            left -= {number for number in left if owned[number]}
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
    alternatives: List[Native] = []
    coincide = choice.column != "id" and not all(isinstance(end, dt.datetime) for end in who)
    if len(who) > _FEW_VALUES and not (coincide and matcher.is_exact):
        # Ids and moments hardly ever coincide, and so many conditions on lists of links would keep the site busy.
        alternatives.append([*_conditions(matcher, set().union(*who.values())), [choice.column, "in", list(who)]])
    else:
        alternatives += [[*_conditions(matcher, own), [choice.column, "is", end]] for end, own in who.items()]
    if empty:
        alternatives.append([*_conditions(matcher, empty), [choice.column, "is", None]])
    if not alternatives:
        return
    either = [{"filter_operator": "all", "filters": conditions} for conditions in alternatives]
    rows = sg.find(found_type, [*plain, {"filter_operator": "any", "filters": either}], wanted)
    rows.sort(key=lambda row: row.get(choice.column) is None)
    for row in rows:
        value = row.get(choice.column)
        for number in matcher.owners_of(row):
            is_end = number in empty if value is None else number in ends and ends[number] == value
            if is_end and not owned[number]:
                owned[number].append(row)


def _conditions(matcher: Matcher, numbers: Set[int]) -> Native:
    return matcher.conditions(numbers) or []
