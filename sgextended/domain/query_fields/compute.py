"""
What query fields make of the rows that they find, worked out for many records at once.

Where the site can sum up, one ``summarize`` answers for all records: it groups the rows by the links that tell whose
they are, so that each row lies in one group, and a record's value follows from the groups that are its own. Where it
cannot, the rows themselves are asked for.
"""

import functools
from typing import Any, Dict, List, Optional, Sequence, Tuple

from attrs import define, field, frozen

from sgextended.domain.limits import PAGE_SIZE
from sgextended.domain.query_fields.saved_filters import (
    Matcher,
    Owner,
    Term,
    Unanswerable,
    Word,
    can_summarize,
    is_refusal,
    join,
    terms_of,
    to_native,
)
from sgextended.domain.query_fields.single_record_fields import single_records
from sgextended.domain.query_fields.site_requests import DATES, NUMBERS, Question, Row, Summary, owned_rows
from sgextended.errors import ShotgunError
from sgextended.schema.site_schema import SiteSchema

_ADDED = {"record_count", "count", "sum", "checked", "unchecked"}
_LEAST, _MOST = {"minimum", "earliest"}, {"maximum", "latest"}
_SHARES = {"percentage", "status_percentage", "status_percentage_as_float"}
_BY_VALUE = {*_SHARES, "status_list"}
_KINDS = {*_ADDED, *_LEAST, *_MOST, *_BY_VALUE, "average", "single_record"}
_CODES = {"list", "status_list"}
_UNFILTERED = {"calculated", "summary", "url", "serializable", "password", "image", "pivot_column"}


@frozen
class NotComputed:
    """
    Stands where the value of a query field would be that could not be computed. It is false, and its text says why.

    Attributes:
        field: The query field, such as ``"Shot.sg_open_tasks"``.

        reason: Why there is no value.
    """

    __module__ = "sgextended.domain.query_fields.query_fields"

    field: str
    reason: str

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"{self.field} is not computed: {self.reason}."


def compute(sg: Any, schema: SiteSchema, jobs: Sequence[Tuple[Summary, Sequence[Owner]]]) -> List[List[Any]]:
    """
    Return for each query field its values for its owners.

    Fields that ask the same of the same rows share their calls.
    """
    works = [
        _Work(summary, owners[start : start + PAGE_SIZE], number)
        for number, (summary, owners) in enumerate(jobs)
        for start in range(0, len(owners), PAGE_SIZE)
    ]
    for work in works:
        work.run(functools.partial(_begin, sg, schema, work))
    shared: Dict[str, List[_Work]] = {}
    for work in works:
        if work.question is not None:
            shared.setdefault(work.question.key, []).append(work)
    for group in shared.values():
        _answer(sg, schema, group)
    values: List[List[Any]] = [[] for _job in jobs]
    for work in works:
        values[work.number] += work.values
    return values


@define(eq=False)
class _Work:
    """
    One query field for some owners: what it has to ask, and the values once they are there.
    """

    summary: Summary
    owners: Sequence[Owner]
    number: int
    values: List[Any] = field(factory=list)
    question: Optional[Question] = None
    matcher: Optional[Matcher] = None

    def run(self, step: Any) -> None:
        """
        Do a step that may find out why there is no value.
        """
        try:
            step()
        except Unanswerable as error:
            self.settle(NotComputed(self.summary.name, str(error)))
        except ShotgunError as error:
            if not is_refusal(error):
                raise
            self.settle(NotComputed(self.summary.name, f"the site refused to answer: {str(error).strip()}"))

    def settle(self, value: Any) -> None:
        self.question, self.values = None, [value] * len(self.owners)

    def keep(self, values: List[Any]) -> None:
        """
        Take the values, except for owners that lack the project which the field asks about.
        """
        if Word.PROJECT in self.summary.words:
            lacking = NotComputed(self.summary.name, "it asks about the current project, and the record has none")
            values = [lacking if owner.project is None else value for owner, value in zip(self.owners, values)]
        self.question, self.values = None, values


def _answer(sg: Any, schema: SiteSchema, group: List[_Work]) -> None:
    """
    Ask what several fields have in common, in as few calls as their summaries allow.
    """
    waiting = list(group)
    while waiting:
        summaries: Dict[str, str] = {}
        together: List[_Work] = []
        for work in waiting:
            assert work.question is not None
            wanted = work.question.summaries
            if all(summaries.get(name, kind) == kind for name, kind in wanted.items()):
                summaries.update(wanted)
                together.append(work)
        waiting = [work for work in waiting if work not in together]
        question = together[0].question
        assert question is not None
        try:
            groups = question.asked(sg, summaries)
        except ShotgunError as error:
            if not is_refusal(error):
                raise
            for work in together:  # one of them is to blame: each by itself
                work.run(functools.partial(_finish_alone, sg, schema, work))
            continue
        for work in together:
            work.run(functools.partial(_finish, sg, schema, work, groups))


def _finish_alone(sg: Any, schema: SiteSchema, work: _Work) -> None:
    assert work.question is not None
    _finish(sg, schema, work, work.question.asked(sg, work.question.summaries))


def _begin(sg: Any, schema: SiteSchema, work: _Work) -> None:
    """
    Find the values of a field, or the question that will give them.
    """
    summary = work.summary
    data_type = _checked(schema, summary)
    terms = terms_of(summary.tree)
    if summary.kind == "single_record":
        work.keep(single_records(sg, schema, summary, work.owners, terms))
        return
    if len(terms) > 1 or not can_summarize(sg):
        work.keep(_by_rows(sg, schema, work, terms))
        return
    term = terms[0]
    matcher = work.matcher = Matcher(sg, schema, summary.found_type, term.own, work.owners)
    conditions = matcher.conditions()
    if conditions is None:
        work.keep([_of_nothing(summary.kind, data_type)] * len(work.owners))
        return
    if summary.kind in {*_LEAST, *_MOST, "average"} and not matcher.is_exact:
        # Of several groups of one owner, those without a value must not count as 0.
        if data_type in _UNFILTERED or summary.field == "id":
            work.keep(_by_rows(sg, schema, work, terms))
            return
        conditions.append([summary.field, "is_not", None])
    filters = [*to_native(join(term.plain, is_all=True)), *conditions]
    groupings = [*matcher.paths, summary.field] if summary.kind in _BY_VALUE else list(matcher.paths)
    if summary.kind in {"record_count", *_BY_VALUE}:
        summaries = {"id": "record_count"}
    elif summary.kind == "average" and not matcher.is_exact:
        summaries = {summary.field: "sum", "id": "record_count"}
    else:
        summaries = {summary.field: summary.kind}
    work.question = Question(summary.found_type, filters, groupings, summaries)


def _finish(sg: Any, schema: SiteSchema, work: _Work, groups: List[Tuple[List[Any], Row]]) -> None:
    summary, matcher = work.summary, work.matcher
    assert matcher is not None
    paths = matcher.paths
    own: List[List[Tuple[Any, Row]]] = [[] for _owner in work.owners]
    try:
        for values, sums in groups:
            for number in matcher.owners_of(dict(zip(paths, values))):
                own[number].append((values[-1] if values else None, sums))
    except Unanswerable:  # groups that do not say which links make them
        work.keep(_by_rows(sg, schema, work, terms_of(summary.tree)))
        return
    data_type = schema.data_type(summary.found_type, summary.field)
    work.keep([_joined(summary, data_type, parts, is_exact=matcher.is_exact) for parts in own])


def _joined(summary: Summary, data_type: Optional[str], parts: List[Tuple[Any, Row]], *, is_exact: bool) -> Any:
    """
    Return the value that follows from the groups of one owner.
    """
    kind = summary.kind
    if not parts:
        return _of_nothing(kind, data_type)
    if kind in _BY_VALUE:
        return _of_values(summary, data_type, [(value, sums["id"]) for value, sums in parts])
    name = "id" if kind == "record_count" else summary.field
    if any(name not in sums for _value, sums in parts):
        msg = f"the site sums up no {summary.found_type}.{name}"
        raise Unanswerable(msg)
    found = [sums[name] for _value, sums in parts]
    if kind in _ADDED:
        return sum(value or 0 for value in found)
    if is_exact:
        return found[0]
    if kind == "average":
        return sum(found) / sum(sums["id"] for _value, sums in parts)
    return min(found) if kind in _LEAST else max(found)


# --- Values


def _checked(schema: SiteSchema, summary: Summary) -> Optional[str]:
    """
    Return the data type of what a query field is about.

    Raises:
        Unanswerable: The two do not suit each other.
    """
    kind, about = summary.kind, f"{summary.found_type}.{summary.field}"
    if kind not in _KINDS:
        msg = "it makes nothing of what it finds" if kind == "none" else f"nobody knows what {kind!r} of records is"
        raise Unanswerable(msg)
    data_type = schema.data_type(summary.found_type, summary.field)
    if data_type is None and kind != "record_count":
        msg = f"it is about {about}, which is no field of the site"
        raise Unanswerable(msg)
    if kind == "status_list" and data_type not in _CODES:
        msg = f"{about} ({data_type}) has no status"
        raise Unanswerable(msg)
    if kind in _SHARES and data_type not in {*_CODES, "checkbox"}:
        msg = f"a share of {about} ({data_type}) means nothing"
        raise Unanswerable(msg)
    if kind in _SHARES and data_type in _CODES and not summary.value:
        msg = f"it shows the share of one value of {about}, and does not say which"
        raise Unanswerable(msg)
    return data_type


def _of_nothing(kind: str, data_type: Optional[str]) -> Any:
    """
    Return what the site gives when there are no rows.
    """
    if kind == "status_list":
        return "na"
    if kind in {"average", "status_percentage_as_float"}:
        return 0.0
    return None if kind in _LEAST | _MOST and data_type not in NUMBERS else 0


def _of_values(summary: Summary, data_type: Optional[str], counts: Sequence[Tuple[Any, int]]) -> Any:
    """
    Return a share or a common status, from how many rows have each value.
    """
    if summary.kind == "status_list":
        found = {value or None for value, number in counts if number}
        return "ip" if len(found) > 1 else (found.pop() if found else None) or "na"
    if data_type == "checkbox":
        wanted = summary.value not in {False, "false"}  # None: those that are checked
        matching = sum(number for value, number in counts if bool(value) is wanted)
    else:
        codes = summary.value if isinstance(summary.value, (list, tuple)) else [summary.value]
        matching = sum(number for value, number in counts if value in codes)
    rows = sum(number for _value, number in counts)
    share = 100.0 * matching / rows if rows else 0.0
    return share if summary.kind == "status_percentage_as_float" else int(share + 0.5)


def _number(value: Any) -> Any:
    return float(value.replace(",", "")) if isinstance(value, str) else value  # a calculated field gives text


def _of_rows(summary: Summary, data_type: Optional[str], rows: Sequence[Row]) -> Any:
    """
    Return what the site would make of rows.
    """
    kind = summary.kind
    if kind == "record_count":
        return len(rows)
    values = [row.get(summary.field) for row in rows]
    if kind in _BY_VALUE:
        return _of_values(summary, data_type, [(value, 1) for value in values])
    if kind in {"checked", "unchecked"}:
        return sum(bool(value) is (kind == "checked") for value in values)
    filled: List[Any] = [value for value in values if value not in (None, [], "")]
    if kind == "count":
        return len(filled)
    if not filled:
        return _of_nothing(kind, data_type)
    if data_type in DATES and kind in _LEAST | _MOST:
        return min(filled) if kind in _LEAST else max(filled)
    if data_type not in NUMBERS:
        msg = f"{kind} of {summary.found_type}.{summary.field} ({data_type}) means nothing"
        raise Unanswerable(msg)
    numbers = [_number(value) for value in filled]
    if kind in _LEAST | _MOST:
        return min(numbers) if kind in _LEAST else max(numbers)
    return sum(numbers) / len(numbers) if kind == "average" else sum(numbers)


# --- Rows


def _by_rows(sg: Any, schema: SiteSchema, work: _Work, terms: Sequence[Term]) -> List[Any]:
    summary = work.summary
    data_type = schema.data_type(summary.found_type, summary.field)
    owned = owned_rows(sg, schema, summary, work.owners, terms, [summary.field])
    return [_of_rows(summary, data_type, rows) for rows in owned]
