"""
Compute the values of query fields for many entities at once.

If possible, one ``summarize`` covers all entities: it groups the rows by the links that identify their owners. Each row
is in one group, and the value of an entity follows from its groups. Otherwise the rows themselves are requested.
"""

import functools
from typing import Any, Dict, List, Optional, Sequence, Tuple

from attrs import define, field, frozen

from sgextended.domain.client_kinds import can_summarize, is_refusal
from sgextended.domain.limits import PAGE_SIZE
from sgextended.domain.query_fields.row_owners import Owner, OwnerMatcher
from sgextended.domain.query_fields.saved_filters import (
    Alternative,
    CannotCompute,
    Placeholder,
    alternatives_of,
    join,
    to_native,
)
from sgextended.domain.query_fields.single_record_fields import single_records
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

_ADDITIVE = {"record_count", "count", "sum", "checked", "unchecked"}
_MINIMA, _MAXIMA = {"minimum", "earliest"}, {"maximum", "latest"}
_PERCENTAGES = {"percentage", "status_percentage", "status_percentage_as_float"}
_BY_VALUE = {*_PERCENTAGES, "status_list"}
_KINDS = {*_ADDITIVE, *_MINIMA, *_MAXIMA, *_BY_VALUE, "average", "single_record"}
_CODES = {"list", "status_list"}
_UNFILTERED = {"calculated", "summary", "url", "serializable", "password", "image", "pivot_column"}


@frozen
class NotComputed:
    """
    The value of a query field that could not be computed. It is false, and its text says why.

    Attributes:
        field: The query field, such as ``"Shot.sg_open_tasks"``.

        reason: Why there is no value.
    """

    __module__ = "sgextended.domain.query_fields.query_field_values"

    field: str
    reason: str

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"{self.field} is not computed: {self.reason}."


def compute(
    sg: Any, schema: SiteSchema, jobs: Sequence[Tuple[QueryFieldDefinition, Sequence[Owner]]]
) -> List[List[Any]]:
    """
    Return for each query field its values, in the order of its owners.

    Query fields with the same filters share their requests.
    """
    field_jobs = [
        _FieldJob(definition, owners[start : start + PAGE_SIZE], number)
        for number, (definition, owners) in enumerate(jobs)
        for start in range(0, len(owners), PAGE_SIZE)
    ]
    for job in field_jobs:
        job.run(functools.partial(_start, sg, schema, job))
    shared: Dict[str, List[_FieldJob]] = {}
    for job in field_jobs:
        if job.request is not None:
            shared.setdefault(job.request.key, []).append(job)
    for group in shared.values():
        _send_shared(sg, schema, group)
    values: List[List[Any]] = [[] for _job in jobs]
    for job in field_jobs:
        values[job.number] += job.values
    return values


@define(eq=False)
class _FieldJob:
    """
    One query field for at most 500 owners: the request that it needs, and later the values.
    """

    definition: QueryFieldDefinition
    owners: Sequence[Owner]
    number: int
    values: List[Any] = field(factory=list)
    request: Optional[SummarizeRequest] = None
    matcher: Optional[OwnerMatcher] = None

    def run(self, step: Any) -> None:
        """
        Run a step; if the value cannot be computed, store a `NotComputed` with the reason.
        """
        try:
            step()
        except CannotCompute as error:
            self.set_all(NotComputed(self.definition.name, str(error)))
        except ShotgunError as error:
            if not is_refusal(error):
                raise
            self.set_all(NotComputed(self.definition.name, f"the site refused the request: {str(error).strip()}"))

    def set_all(self, value: Any) -> None:
        """
        Store one value for all owners.
        """
        self.request, self.values = None, [value] * len(self.owners)

    def set_values(self, values: List[Any]) -> None:
        """
        Store the values. If the field refers to the current project, owners without a project get a `NotComputed`.
        """
        if Placeholder.PROJECT in self.definition.placeholders:
            lacking = NotComputed(
                self.definition.name, "it refers to the current project, and the entity has no project"
            )
            values = [lacking if owner.project is None else value for owner, value in zip(self.owners, values)]
        self.request, self.values = None, values


def _send_shared(sg: Any, schema: SiteSchema, group: List[_FieldJob]) -> None:
    """
    Send the shared requests of several fields, in as few calls as their summaries allow.
    """
    waiting = list(group)
    while waiting:
        summaries: Dict[str, str] = {}
        together: List[_FieldJob] = []
        for job in waiting:
            assert job.request is not None
            wanted = job.request.summaries
            if all(summaries.get(name, kind) == kind for name, kind in wanted.items()):
                summaries.update(wanted)
                together.append(job)
        waiting = [job for job in waiting if job not in together]
        request = together[0].request
        assert request is not None
        try:
            groups = request.send(sg, summaries)
        except ShotgunError as error:
            if not is_refusal(error):
                raise
            for job in together:  # one of the summaries caused the refusal, so send each separately
                job.run(functools.partial(_finish_separately, sg, schema, job))
            continue
        for job in together:
            job.run(functools.partial(_finish, sg, schema, job, groups))


def _finish_separately(sg: Any, schema: SiteSchema, job: _FieldJob) -> None:
    assert job.request is not None
    _finish(sg, schema, job, job.request.send(sg, job.request.summaries))


def _start(sg: Any, schema: SiteSchema, job: _FieldJob) -> None:
    """
    Set the values of a field, or the request that will return them.
    """
    definition = job.definition
    data_type = _checked_data_type(schema, definition)
    alternatives = alternatives_of(definition.tree)
    if definition.kind == "single_record":
        job.set_values(single_records(sg, schema, definition, job.owners, alternatives))
        return
    if len(alternatives) > 1 or not can_summarize(sg):
        job.set_values(_values_from_rows(sg, schema, job, alternatives))
        return
    alternative = alternatives[0]
    matcher = job.matcher = OwnerMatcher(sg, schema, definition.found_type, alternative.dependent, job.owners)
    conditions = matcher.conditions()
    if conditions is None:
        job.set_values([_value_without_rows(definition.kind, data_type)] * len(job.owners))
        return
    if definition.kind in {*_MINIMA, *_MAXIMA, "average"} and not matcher.is_exact:
        # If an owner has several groups, groups without a value must not count as 0.
        if data_type in _UNFILTERED or definition.field == "id":
            job.set_values(_values_from_rows(sg, schema, job, alternatives))
            return
        conditions.append([definition.field, "is_not", None])
    filters = [*to_native(join(alternative.independent, is_all=True)), *conditions]
    groupings = [*matcher.paths, definition.field] if definition.kind in _BY_VALUE else list(matcher.paths)
    if definition.kind in {"record_count", *_BY_VALUE}:
        summaries = {"id": "record_count"}
    elif definition.kind == "average" and not matcher.is_exact:
        summaries = {definition.field: "sum", "id": "record_count"}
    else:
        summaries = {definition.field: definition.kind}
    job.request = SummarizeRequest(definition.found_type, filters, groupings, summaries)


def _finish(sg: Any, schema: SiteSchema, job: _FieldJob, groups: List[Tuple[List[Any], Row]]) -> None:
    definition, matcher = job.definition, job.matcher
    assert matcher is not None
    paths = matcher.paths
    groups_by_owner: List[List[Tuple[Any, Row]]] = [[] for _owner in job.owners]
    try:
        for values, sums in groups:
            for number in matcher.owners_of(dict(zip(paths, values))):
                groups_by_owner[number].append((values[-1] if values else None, sums))
    except CannotCompute:  # the groups do not contain the links that identify owners
        job.set_values(_values_from_rows(sg, schema, job, alternatives_of(definition.tree)))
        return
    data_type = schema.data_type(definition.found_type, definition.field)
    job.set_values(
        [_value_from_groups(definition, data_type, parts, is_exact=matcher.is_exact) for parts in groups_by_owner]
    )


def _value_from_groups(
    definition: QueryFieldDefinition, data_type: Optional[str], parts: List[Tuple[Any, Row]], *, is_exact: bool
) -> Any:
    """
    Return the value of a query field from the groups of one owner.
    """
    kind = definition.kind
    if not parts:
        return _value_without_rows(kind, data_type)
    if kind in _BY_VALUE:
        return _value_from_counts(definition, data_type, [(value, sums["id"]) for value, sums in parts])
    name = "id" if kind == "record_count" else definition.field
    if any(name not in sums for _value, sums in parts):
        msg = f"the site does not summarize {definition.found_type}.{name}"
        raise CannotCompute(msg)
    found = [sums[name] for _value, sums in parts]
    if kind in _ADDITIVE:
        return sum(value or 0 for value in found)
    if is_exact:
        return found[0]
    if kind == "average":
        return sum(found) / sum(sums["id"] for _value, sums in parts)
    return min(found) if kind in _MINIMA else max(found)


# --- Values


def _checked_data_type(schema: SiteSchema, definition: QueryFieldDefinition) -> Optional[str]:
    """
    Return the data type of the field that a query field summarizes.

    Raises:
        CannotCompute: The kind of summary does not apply to that data type.
    """
    kind, about = definition.kind, f"{definition.found_type}.{definition.field}"
    if kind not in _KINDS:
        msg = "it has no summary" if kind == "none" else f"its summary {kind!r} is unknown"
        raise CannotCompute(msg)
    data_type = schema.data_type(definition.found_type, definition.field)
    if data_type is None and kind != "record_count":
        msg = f"it summarizes {about}, which is not a field of the site"
        raise CannotCompute(msg)
    if kind == "status_list" and data_type not in _CODES:
        msg = f"{about} ({data_type}) has no status"
        raise CannotCompute(msg)
    if kind in _PERCENTAGES and data_type not in {*_CODES, "checkbox"}:
        msg = f"a percentage of {about} ({data_type}) has no meaning"
        raise CannotCompute(msg)
    if kind in _PERCENTAGES and data_type in _CODES and not definition.value:
        msg = f"it shows the percentage of one value of {about}, but does not define the value"
        raise CannotCompute(msg)
    return data_type


def _value_without_rows(kind: str, data_type: Optional[str]) -> Any:
    """
    Return the value that the site shows if there are no rows.
    """
    if kind == "status_list":
        return "na"
    if kind in {"average", "status_percentage_as_float"}:
        return 0.0
    return None if kind in _MINIMA | _MAXIMA and data_type not in NUMBERS else 0


def _value_from_counts(
    definition: QueryFieldDefinition, data_type: Optional[str], counts: Sequence[Tuple[Any, int]]
) -> Any:
    """
    Return a percentage or a common status, from the number of rows with each value.
    """
    if definition.kind == "status_list":
        found = {value or None for value, number in counts if number}
        return "ip" if len(found) > 1 else (found.pop() if found else None) or "na"
    if data_type == "checkbox":
        wanted = definition.value not in {False, "false"}  # None means checked
        matching = sum(number for value, number in counts if bool(value) is wanted)
    else:
        codes = definition.value if isinstance(definition.value, (list, tuple)) else [definition.value]
        matching = sum(number for value, number in counts if value in codes)
    rows = sum(number for _value, number in counts)
    share = 100.0 * matching / rows if rows else 0.0
    return share if definition.kind == "status_percentage_as_float" else int(share + 0.5)


def _to_number(value: Any) -> Any:
    return float(value.replace(",", "")) if isinstance(value, str) else value  # the value of a calculated field is text


def _value_from_rows(definition: QueryFieldDefinition, data_type: Optional[str], rows: Sequence[Row]) -> Any:
    """
    Return the value that the site would compute from rows.
    """
    kind = definition.kind
    if kind == "record_count":
        return len(rows)
    values = [row.get(definition.field) for row in rows]
    if kind in _BY_VALUE:
        return _value_from_counts(definition, data_type, [(value, 1) for value in values])
    if kind in {"checked", "unchecked"}:
        return sum(bool(value) is (kind == "checked") for value in values)
    filled: List[Any] = [value for value in values if value not in (None, [], "")]
    if kind == "count":
        return len(filled)
    if not filled:
        return _value_without_rows(kind, data_type)
    if data_type in DATES and kind in _MINIMA | _MAXIMA:
        return min(filled) if kind in _MINIMA else max(filled)
    if data_type not in NUMBERS:
        msg = f"the {kind} of {definition.found_type}.{definition.field} ({data_type}) has no meaning"
        raise CannotCompute(msg)
    numbers = [_to_number(value) for value in filled]
    if kind in _MINIMA | _MAXIMA:
        return min(numbers) if kind in _MINIMA else max(numbers)
    return sum(numbers) / len(numbers) if kind == "average" else sum(numbers)


# --- Rows


def _values_from_rows(sg: Any, schema: SiteSchema, job: _FieldJob, alternatives: Sequence[Alternative]) -> List[Any]:
    definition = job.definition
    data_type = schema.data_type(definition.found_type, definition.field)
    owned = owned_rows(sg, schema, definition, job.owners, alternatives, [definition.field])
    return [_value_from_rows(definition, data_type, rows) for rows in owned]
