"""
Write what an `ImportPlan` has planned, batch by batch, and record the finished rows in a journal.
"""

from typing import TYPE_CHECKING, Any, Callable, Iterable, List, Optional, Sequence, Union

from attrs import define, field

from sgextended.domain import batches
from sgextended.domain.arguments import Row
from sgextended.domain.limits import BATCH_SIZE
from sgextended.domain.table_import.import_plan import CHANGE, CREATE, REFUSED, ImportPlan, PlannedRow
from sgextended.errors import CallError, ConfigurationError, InvalidArgumentError, OutcomeUnknown
from sgextended.workers.journal import Journal
from sgextended.writes.reconcile import check_keys

if TYPE_CHECKING:
    import os


@define
class ImportReport:
    """
    The result of an import.

    Attributes:
        written: The rows that were written, each with its entity.

        not_written: The rows of the batches that the site has refused or that were not sent.

        uncertain: The rows of a batch that was in flight when the import stopped: the site may have applied it.

        error: Why the import stopped. None: all rows were written.
    """

    written: "List[tuple[PlannedRow, Row]]" = field(factory=list)
    not_written: List[PlannedRow] = field(factory=list)
    uncertain: List[PlannedRow] = field(factory=list)
    error: Optional[BaseException] = None


def open_journal(path: "Union[str, os.PathLike[str]]") -> Journal:
    """
    Return the journal of an import. It is locked within a ``with`` block.

    Raises:
        ConfigurationError: The file is not the journal of an import.
    """
    return Journal(path, apply_import, key=lambda row: str(row.key))


def apply_import(
    sg: Any,
    plan: ImportPlan,
    *,
    journal: Optional[Journal] = None,
    skip_refused: bool = False,
    batch_size: int = BATCH_SIZE,
    report: Callable[[int, int], object] = lambda _done, _failed: None,
) -> ImportReport:
    """
    Write the planned rows, and return what was written. The import stops at the first batch that fails.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        plan: The plan.

        journal: An open journal that records each finished row. None: no record.

        skip_refused: Whether to write the other rows if the plan refuses some.

        batch_size: Number of rows in one batch, which the site applies as a whole or not at all.

        report: Called with the number of written rows and of failed rows.

    Raises:
        InvalidArgumentError: The plan refuses rows, and *skip_refused* is False; or a key has a value that the site
            cannot search for. Nothing was written.

        ConfigurationError: *journal* was passed and rows without a key create entities. Nothing was written.
    """
    refused, creates = plan.with_action(REFUSED), plan.with_action(CREATE)
    if refused and not skip_refused:
        msg = f"{len(refused)} rows are refused, so nothing was written. Correct them, or skip them."
        raise InvalidArgumentError(msg)
    keys = list(plan.identified_by) if plan.identified_by and "id" not in plan.identified_by else None
    if journal is not None and creates and keys is None:
        msg = (
            "A journal was passed, but no key, and rows without a key are new entities: a batch that was in flight "
            "when an import stopped would be created twice. Nothing was written. Name a key, such as code."
        )
        raise ConfigurationError(msg)
    for row in creates if keys else ():
        check_keys(plan.entity_type, row.data, keys or ())
    result = ImportReport()
    jobs = [*_chunks(creates, batch_size), *_chunks(plan.with_action(CHANGE), batch_size)]
    for number, rows in enumerate(jobs):
        try:
            entities = _write(sg, plan.entity_type, rows, keys)
        except (KeyboardInterrupt, *CallError) as error:
            is_uncertain = isinstance(error, (KeyboardInterrupt, OutcomeUnknown))
            (result.uncertain if is_uncertain else result.not_written).extend(rows)
            result.error = error
        else:
            result.written += zip(rows, entities)
            result.error = None if journal is None else _record(journal, rows, entities)
            report(len(result.written), 0)
        if result.error is not None:
            result.not_written += [row for later in jobs[number + 1 :] for row in later]
            break
    return result


def _record(journal: Journal, rows: Sequence[PlannedRow], entities: Sequence[Row]) -> Optional[BaseException]:
    """
    Record the rows of a batch in the journal. Return the error if that fails; the rows are written all the same.
    """
    try:
        for row, entity in zip(rows, entities):
            journal.record(row.key, {"type": entity["type"], "id": entity["id"]})
    except (OSError, KeyboardInterrupt) as error:
        return error
    return None


def _chunks(rows: Sequence[PlannedRow], size: int) -> "Iterable[List[PlannedRow]]":
    return [list(rows[start : start + size]) for start in range(0, len(rows), size)]


def _write(sg: Any, entity_type: str, rows: List[PlannedRow], keys: Optional[List[str]]) -> List[Row]:
    """
    Write the rows of one batch and return their entities.
    """
    is_new = rows[0].entity is None
    requests: List[Row] = [
        {"request_type": "create", "entity_type": entity_type, "data": _sent(row.data)}
        if row.entity is None
        else {
            "request_type": "update",
            "entity_type": entity_type,
            "entity_id": row.entity["id"],
            "data": _sent(row.data),
        }
        for row in rows
    ]
    options = batches.BatchOptions(keys if is_new else None, batch_size=len(requests), workers=1, on_error="collect")
    (batch,) = batches.write_in_batches(sg, requests, options).batches
    if batch.error is not None:
        raise batch.error
    return list(batch.results or ())


def _sent(data: Row) -> Row:
    """
    Return the fields as they are sent: links without their names.
    """
    return {name: _link(value) for name, value in data.items()}


def _link(value: Any) -> Any:
    if isinstance(value, list):
        return [_link(each) for each in value]
    if isinstance(value, dict) and "type" in value and "id" in value:
        return {"type": value["type"], "id": value["id"]}
    return value
