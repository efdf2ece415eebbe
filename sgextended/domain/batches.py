"""
Send batches of writes, several at the same time, and report the result of each batch.
"""

import hashlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, Set, Tuple, Union

from attrs import evolve, frozen

from sgextended.client.native_client import NativeClient
from sgextended.domain.arguments import Row, fields_of
from sgextended.domain.client_kinds import client_of, is_refusal
from sgextended.domain.limits import BATCH_SIZE, WORKERS
from sgextended.errors import BatchesFailed, CallError, ConfigurationError, InvalidArgumentError, OutcomeUnknown
from sgextended.http.deadline import within
from sgextended.http.retry import RetryPolicy
from sgextended.site_address import recorded_site
from sgextended.workers.map import run
from sgextended.workers.map_options import Failure, Options
from sgextended.workers.progress import Progress
from sgextended.writes.dry_run import comparable, is_same
from sgextended.writes.reconcile import ambiguous, find_since, still_unknown

if TYPE_CHECKING:
    from os import PathLike


@frozen(kw_only=True)
class Batch:
    """
    The result of one batch, which the site applies as a whole or not at all.

    Attributes:
        first: Index of the first write of the batch among all writes, from 0.

        requests: The writes, as the native ``batch`` takes them.

        results: The result of each write, as the native ``batch`` returns it. None if the batch failed or its outcome
            is unknown.

        error: The reason why the batch failed or is uncertain. None if it was applied.
    """

    first: int
    requests: List[Row]
    results: Optional[List[Any]] = None
    error: Optional[BaseException] = None

    @property
    def is_uncertain(self) -> bool:
        """
        Whether the outcome is unknown: the site may have applied the batch.
        """
        return isinstance(self.error, OutcomeUnknown)


@frozen
class Report:
    """
    The result of many writes. It is true if all batches were applied; ``str()`` summarizes it.

    Attributes:
        batches: All batches, in the order of the writes.
    """

    batches: List[Batch]

    @property
    def results(self) -> List[Any]:
        """
        The results of all writes that were applied, in order.
        """
        return [result for batch in self.batches for result in batch.results or ()]

    @property
    def failed(self) -> List[Batch]:
        """
        The batches that were certainly not applied.
        """
        return [batch for batch in self.batches if batch.error is not None and not batch.is_uncertain]

    @property
    def uncertain(self) -> List[Batch]:
        """
        The batches whose outcome is unknown.
        """
        return [batch for batch in self.batches if batch.is_uncertain]

    def __bool__(self) -> bool:
        return all(batch.error is None for batch in self.batches)

    def __str__(self) -> str:
        def count(batches: List[Batch]) -> int:
            return sum(len(batch.requests) for batch in batches)

        total, failed, uncertain = count(self.batches), count(self.failed), count(self.uncertain)
        lines = [f"{total - failed - uncertain} of {total} done, {failed} failed, {uncertain} uncertain."]
        for batch in self.batches:
            if batch.error is not None:
                word = "uncertain" if batch.is_uncertain else "failed"
                last = batch.first + len(batch.requests) - 1
                lines.append(f"{word}: number {batch.first} to {last}: {str(batch.error).strip()}")
        return "\n".join(lines)


# --- Sending


@frozen
class _Job:
    """
    One batch to send.
    """

    first: int
    requests: List[Row]

    def key(self) -> str:
        """
        Return the key of the batch in the journal: a hash of its position and content.
        """
        text = json.dumps([self.first, self.requests], default=str, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()


@frozen
class BatchOptions:
    """
    The options of `create_many`; *keys* are the fields of *unique_by*.
    """

    keys: Optional[List[str]] = None
    batch_size: int = BATCH_SIZE
    workers: int = WORKERS
    on_error: str = "raise"
    progress: Progress = None
    journal: "Union[str, PathLike[str], None]" = None
    timeout: Optional[float] = None


def write_in_batches(sg: Any, requests: List[Row], options: BatchOptions) -> Report:
    """
    Send writes in batches, several at the same time, and return the report.

    Raises:
        BatchesFailed: At least one batch failed or has an unknown outcome, and *on_error* is ``"raise"``.

        ConfigurationError: An option is not valid. Nothing was sent.
    """
    size = options.batch_size
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        msg = f"batch_size={size!r} is not a whole number of at least 1. Nothing was sent."
        raise ConfigurationError(msg)
    jobs = [_Job(start, requests[start : start + size]) for start in range(0, len(requests), size)]
    run_options = Options(
        workers=options.workers,
        on_error=options.on_error,
        progress=options.progress,
        journal=options.journal,
        key=_Job.key,
    )
    is_resumed = options.journal is not None and Path(options.journal).exists()
    with within(sg, options.timeout):
        # All failures are collected first. Below, programming errors are raised and failed calls are reported.
        send = _BatchSender(options.keys, is_resumed)
        outcomes = run_concurrently(sg, send, jobs, evolve(run_options, on_error="collect"))
    batches = []
    for job, outcome in zip(jobs, outcomes):
        failure = outcome.error if isinstance(outcome, Failure) else None
        if failure is not None and not isinstance(failure, CallError):
            raise failure
        results = None if failure is not None else outcome
        batches.append(Batch(first=job.first, requests=job.requests, results=results, error=failure))
    report = Report(batches)
    if not report and options.on_error == "raise":
        raise BatchesFailed(str(report), report=report)
    return report


def run_concurrently(sg: Any, function: Callable[[Any, Any], Any], jobs: Sequence[Any], options: Options) -> List[Any]:
    """
    Run jobs, and return their results in order. Other clients than SGExtended run one job after the other.
    """
    is_ours = isinstance(getattr(sg, "_client", sg), NativeClient)
    options = options if is_ours else evolve(options, workers=1)
    make = sg.clone if is_ours else lambda: sg
    return list(run(function, jobs, make=make, options=options, site=recorded_site(getattr(sg, "base_url", None))))


@frozen
class _BatchSender:
    """
    Send one batch and return its results; if the outcome is unknown, search for the entities that it created.

    Args:
        keys: The fields that identify the created entities. None: do not search for them.

        is_resumed: Whether an earlier run may have sent the batch.
    """

    keys: Optional[List[str]]
    is_resumed: bool

    def __call__(self, sg: Any, job: _Job) -> List[Any]:
        requests, keys = job.requests, self.keys
        if keys is None:
            return _send(sg, requests)
        policy = getattr(getattr(sg, "site", None), "retry", None) or RetryPolicy(attempts=1)
        created = _existing(sg, requests, keys, None) if self.is_resumed else [None] * len(requests)
        first = None
        for attempt in range(1, policy.attempts + 1):
            missing = [number for number, row in enumerate(created) if row is None]
            if not missing:
                break
            try:
                with still_unknown(first):
                    new = sg.batch([requests[number] for number in missing])
            except OutcomeUnknown as error:
                first = first or error
                for search in range(1, policy.attempts + 1):
                    # A resumed run takes the entities of the earlier run, whatever their time of creation.
                    with still_unknown(first):
                        created = _existing(sg, requests, keys, None if self.is_resumed else first)
                    if all(created):
                        break
                    time.sleep(policy.wait(search, 1.0))  # the site may still be applying the batch
                if attempt == policy.attempts and not all(created):
                    raise
            else:
                for number, row in zip(missing, new):
                    created[number] = row
        return created


def _send(sg: Any, requests: List[Row]) -> List[Any]:
    """
    Send a batch and return its results. A delete of an entity that is already retired does not refuse the batch.

    A site refuses a whole batch that deletes a retired entity, also if an earlier attempt of this batch retired it. A
    batch of deletes is therefore sent again without the retired entities. Their results are True after an earlier
    attempt with an unknown outcome, else False.
    """
    try:
        results: List[Any] = sg.batch(requests)
    except CallError as error:
        was_attempted = isinstance(error, OutcomeUnknown)
        is_about_absence = "does not exist" in str(error) and (was_attempted or is_refusal(error))
        if not is_about_absence or any(request["request_type"] != "delete" for request in requests):
            raise
        retired = _retired(sg, requests)
        rest = [request for request in requests if _key(request) not in retired]
        if len(rest) == len(requests):
            raise
        others = iter(sg.batch(rest) if rest else ())
        results = [was_attempted if _key(request) in retired else next(others) for request in requests]
    return results


def _key(request: Row) -> Tuple[str, int]:
    return request["entity_type"], request["entity_id"]


def _retired(sg: Any, requests: List[Row]) -> Set[Tuple[str, int]]:
    """
    Return the types and ids of the retired entities among those of some writes.
    """
    ids: Dict[str, List[int]] = {}
    for request in requests:
        ids.setdefault(request["entity_type"], []).append(request["entity_id"])
    return {
        (entity_type, row["id"])
        for entity_type, numbers in ids.items()
        for row in sg.find(entity_type, [["id", "in", numbers]], retired_only=True)
    }


def check_keys_are_unique(requests: List[Row], keys: List[str]) -> None:
    """
    Raise InvalidArgumentError if two creates have equal values in the fields of *unique_by*.
    """
    seen: Dict[str, int] = {}
    for number, request in enumerate(requests):
        key = json.dumps([comparable(request["data"][name]) for name in keys], default=str)
        if seen.setdefault(key, number) != number:
            msg = (
                f"The rows {seen[key]} and {number} have equal values in unique_by={keys!r}, so these fields do not "
                "identify a row. Nothing was sent. Add a field to unique_by, or remove one of the rows."
            )
            raise InvalidArgumentError(msg)


def _existing(sg: Any, requests: List[Row], keys: List[str], error: Optional[OutcomeUnknown]) -> List[Optional[Row]]:
    """
    Return for each create the entity on the site with equal values in *keys*, or None.

    Args:
        sg: The client.

        requests: The creates.

        keys: The fields that identify an entity.

        error: The error of the lost batch: only entities that the current user has created since are returned. None:
            all entities.

    Raises:
        OutcomeUnknown: Several entities match one create of the lost batch.
    """
    entity_type = requests[0]["entity_type"]
    conditions: List[Any] = []
    for key in keys:
        values = [request["data"][key] for request in requests]
        if all(is_same(value, values[0]) for value in values):
            both = [values[0], *_stripped(values[:1])]
            conditions.append([key, "is", values[0]] if len(both) == 1 else [key, "in", both])
        elif all(isinstance(value, (str, int)) for value in values):
            conditions.append([key, "in", list(dict.fromkeys([*values, *_stripped(values)]))])
    wanted = fields_of([*keys, *requests[0]["data"], *requests[0].get("return_fields", ())])
    if error is None:
        found = sg.find(entity_type, conditions, wanted, [{"field_name": "id", "direction": "asc"}])
    else:
        creates = [request["data"] for request in requests]
        found = find_since(client_of(sg), entity_type, conditions, wanted, error, creates)
    existing: List[Optional[Row]] = []
    for request in requests:
        alike = [row for row in found if all(_is_stored_as(request["data"][key], row.get(key)) for key in keys)]
        if len(alike) > 1 and error is not None:
            raise ambiguous(error, alike)
        existing.append(alike[0] if alike else None)
    return existing


def _stripped(values: Sequence[Any]) -> List[str]:
    # The site removes blanks around most texts.
    return [value.strip() for value in values if isinstance(value, str) and value != value.strip()]


def _is_stored_as(sent: Any, there: Any) -> bool:
    if isinstance(sent, str) and isinstance(there, str):
        return sent.strip() == there.strip()
    return is_same(there, sent)
