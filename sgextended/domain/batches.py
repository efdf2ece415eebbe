"""
Batches of writes: how they are sent, several at a time, and the report of what came of each.
"""

import hashlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, Union

from attrs import evolve, frozen

from sgextended.client.native_client import NativeClient
from sgextended.domain.bulk_writes import BATCH, WORKERS
from sgextended.domain.conditions import Row, fields_of
from sgextended.errors import BatchesFailed, CallError, ConfigurationError, InvalidArgumentError, OutcomeUnknown
from sgextended.http.deadline import within
from sgextended.http.retry import RetryPolicy
from sgextended.workers.map import Failure, Options, run
from sgextended.workers.progress import Progress
from sgextended.writes.dry_run import comparable, is_same

if TYPE_CHECKING:
    from os import PathLike


@frozen(kw_only=True)
class Batch:
    """
    What came of one batch, which is done as a whole or not at all.

    Attributes:
        first: Which of the writes, from 0, is the first of it.

        requests: What was to be written, as ``batch`` takes it.

        results: What each request returned, as ``batch`` does. None where it was not done, or nobody knows.

        error: Why not; None where it was done.
    """

    __module__ = "sgextended"

    first: int
    requests: List[Row]
    results: Optional[List[Any]] = None
    error: Optional[BaseException] = None

    @property
    def is_uncertain(self) -> bool:
        """
        Whether nobody knows if the site has done it.
        """
        return isinstance(self.error, OutcomeUnknown)


@frozen
class Report:
    """
    What came of many writes; its text says it.

    Attributes:
        batches: All of them, in order.
    """

    __module__ = "sgextended"

    batches: List[Batch]

    @property
    def results(self) -> List[Any]:
        """
        What was returned for each write that was done, in order.
        """
        return [result for batch in self.batches for result in batch.results or ()]

    @property
    def failed(self) -> List[Batch]:
        """
        The batches that were surely not done.
        """
        return [batch for batch in self.batches if batch.error is not None and not batch.is_uncertain]

    @property
    def uncertain(self) -> List[Batch]:
        """
        The batches of which nobody knows whether they were done.
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
    One batch that is to be sent.
    """

    first: int
    requests: List[Row]

    def key(self) -> str:
        """
        Return what tells it from others in the journal: where it stands, and what is in it.
        """
        text = json.dumps([self.first, self.requests], default=str, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()


@frozen
class How:
    """
    How many writes are done: the options of `create_many`.
    """

    keys: Optional[List[str]] = None
    batch_size: int = BATCH
    workers: int = WORKERS
    on_error: str = "raise"
    progress: Progress = None
    journal: "Union[str, PathLike[str], None]" = None
    timeout: Optional[float] = None


def in_batches(sg: Any, requests: List[Row], how: How) -> Report:
    size = how.batch_size
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        msg = f"batch_size={size!r}: give a whole number of at least 1."
        raise ConfigurationError(msg)
    jobs = [_Job(start, requests[start : start + size]) for start in range(0, len(requests), size)]
    options = Options(
        workers=how.workers, on_error=how.on_error, progress=how.progress, journal=how.journal, key=_Job.key
    )
    goes_on = how.journal is not None and Path(how.journal).exists()
    with within(sg, how.timeout):
        # What comes of a batch that failed is told apart below: a mistake in a program is raised, the rest reported.
        outcomes = run_concurrently(sg, _Sending(how.keys, goes_on), jobs, evolve(options, on_error="collect"))
    batches = []
    for job, outcome in zip(jobs, outcomes):
        failure = outcome.error if isinstance(outcome, Failure) else None
        if failure is not None and not isinstance(failure, CallError):
            raise failure
        results = None if failure is not None else outcome
        batches.append(Batch(first=job.first, requests=job.requests, results=results, error=failure))
    report = Report(batches)
    if not report and how.on_error == "raise":
        raise BatchesFailed(str(report), report=report)
    return report


def run_concurrently(sg: Any, function: Callable[[Any, Any], Any], jobs: Sequence[Any], options: Options) -> List[Any]:
    """
    Return what comes of each job, in order; a client that is not ours does one after the other.
    """
    ours = isinstance(getattr(sg, "_client", sg), NativeClient)
    options = options if ours else evolve(options, workers=1)
    return list(run(function, jobs, make=sg.clone if ours else lambda: sg, options=options))


@frozen
class _Sending:
    """
    Sends one batch, and returns what it returns; where nobody knows whether it was done, what it has made by then.

    Args:
        keys: The fields by which what it creates is known. None: it is not looked for.

        goes_on: Whether an earlier run may have sent it.
    """

    keys: Optional[List[str]]
    goes_on: bool

    def __call__(self, sg: Any, job: _Job) -> List[Any]:
        requests, keys = job.requests, self.keys
        if keys is None:
            results: List[Any] = sg.batch(requests)
            return results
        policy = getattr(getattr(sg, "site", None), "retry", None) or RetryPolicy(attempts=1)
        made = _made(sg, requests, keys) if self.goes_on else [None] * len(requests)
        for attempt in range(1, policy.attempts + 1):
            missing = [number for number, row in enumerate(made) if row is None]
            if not missing:
                break
            try:
                new = sg.batch([requests[number] for number in missing])
            except OutcomeUnknown:
                for look in range(1, policy.attempts + 1):
                    made = _made(sg, requests, keys)
                    if all(made):
                        break
                    time.sleep(policy.wait(look, 1.0))  # the site may still be at work on it
                if attempt == policy.attempts and not all(made):
                    raise
            else:
                for number, row in zip(missing, new):
                    made[number] = row
        return made


def check_that_keys_differ(requests: List[Row], keys: List[str]) -> None:
    seen: Dict[str, int] = {}
    for number, request in enumerate(requests):
        key = json.dumps([comparable(request["data"][name]) for name in keys], default=str)
        if seen.setdefault(key, number) != number:
            msg = (
                f"unique_by={keys!r}: the rows number {seen[key]} and {number} have the same, so that they cannot "
                "be told from each other. Nothing was sent."
            )
            raise InvalidArgumentError(msg)


def _made(sg: Any, requests: List[Row], keys: List[str]) -> List[Optional[Row]]:
    """
    Return for each create the entity with these keys that is on the site, or None.
    """
    entity_type = requests[0]["entity_type"]
    conditions: List[Any] = []
    for key in keys:
        values = [request["data"][key] for request in requests]
        if all(is_same(value, values[0]) for value in values):
            conditions.append([key, "is", values[0]])
        elif all(isinstance(value, (str, int)) for value in values):
            conditions.append([key, "in", list(dict.fromkeys(values))])
    wanted = fields_of([*keys, *requests[0]["data"], *requests[0].get("return_fields", ())])
    order = [{"field_name": "id", "direction": "asc"}]
    found = sg.find(entity_type, conditions, wanted, order)
    made: List[Optional[Row]] = []
    for request in requests:
        alike = [row for row in found if all(is_same(row.get(key), request["data"][key]) for key in keys)]
        made.append(alike[0] if alike else None)
    return made
