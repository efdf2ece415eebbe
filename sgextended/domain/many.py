"""
Writing many entities: in atomic batches, several at a time, with a report of what came of each.
"""

import hashlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Optional, Sequence, Union

from attrs import evolve, frozen

from sgextended import workers
from sgextended.domain.query import (
    Entity,
    Links,
    Names,
    Row,
    check_text,
    client_of,
    fields_of,
    rows_of,
    texts_of,
    to_link,
    values_of,
)
from sgextended.errors import BatchesFailed, CallError, ConfigurationError, FilterError, OutcomeUnknown
from sgextended.http.deadline import within
from sgextended.http.retry import RetryPolicy
from sgextended.native import NativeClient
from sgextended.plan import comparable, is_same
from sgextended.reconcile import check_keys
from sgextended.workers import Failure, Progress

if TYPE_CHECKING:
    from os import PathLike

#: Writes in one batch: the site does it all or not at all, in one transaction, and others wait for it meanwhile.
BATCH = 100
WORKERS = 4

#: Fields of the status of types that have another one than ``sg_status_list``.
_STATUS = {"Project": "sg_status", "Playlist": "sg_status"}


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


def create_many(
    sg: Any,
    entity_type: str,
    rows: Iterable[Row],
    *,
    return_fields: Names = None,
    reconcile_on: Names = None,
    batch_size: int = BATCH,
    workers: int = WORKERS,
    on_error: str = "raise",
    progress: Progress = None,
    journal: "Union[str, PathLike[str], None]" = None,
    timeout: Optional[float] = None,
) -> Report:
    """
    Create any number of entities, in atomic batches, several at a time, and return what came of each batch.

    Args:
        sg: Who is asked. A client that is not ours does one batch after the other.

        entity_type: Their type.

        rows: The fields of each.

        return_fields: More fields to return; those that were given always come.

        reconcile_on: Fields such as ``("project", "code")`` by which each can be told from all others. Where nobody
            knows whether the site has done a batch, its entities are looked for by them, and those that are not there
            are created; so that none is missing and none is there twice. None: such a batch is reported as uncertain.

        batch_size: Writes in one batch.

        workers: How many batches are under way at the same time.

        on_error: ``"raise"`` raises `BatchesFailed` in the end if a batch was not done, ``"collect"`` only reports it.
            All batches are tried in either case.

        progress: True shows a bar, a function is called with (done, failed, total): numbers of batches.

        journal: A file from which the same call goes on where it ended; it needs *reconcile_on*, since what was under
            way at the end of an earlier run may be done.

        timeout: Seconds for all of it. None: the site's limits for each call.

    Returns:
        A `Report`, whose ``results`` are the new entities in the order of *rows*.

    Raises:
        BatchesFailed: Some batches failed, or nobody knows of them; ``report`` has them all.

        FilterError: *rows* or *reconcile_on* cannot work; nothing was sent.

        ConfigurationError: A journal without *reconcile_on*, or an option that cannot be.
    """
    keys, more = texts_of(reconcile_on, "reconcile_on"), texts_of(return_fields, "return_fields")
    requests = []
    for row in [None] if rows is None else values_of(rows) or ():
        if not isinstance(row, dict):
            msg = f"Each of the rows is a dict of fields, and {row!r:.80} is none. Nothing was sent."
            raise FilterError(msg)
        request: Row = {"request_type": "create", "entity_type": entity_type, "data": row}
        requests.append({**request, "return_fields": more} if more else request)
        if keys is not None:
            check_keys(entity_type, row, keys)
    if keys is not None:
        _check_that_keys_differ(requests, keys)
    if journal is not None and keys is None:
        msg = (
            "A journal of creates needs reconcile_on, the fields by which one that is there already is known: what was "
            "under way when the last run ended may have been done."
        )
        raise ConfigurationError(msg)
    how = _How(keys, batch_size, workers, on_error, progress, journal, timeout)
    return _in_batches(sg, requests, how)


def update_many(
    sg: Any,
    rows: Iterable[Row],
    *,
    fields: Names = None,
    batch_size: int = BATCH,
    workers: int = WORKERS,
    on_error: str = "raise",
    progress: Progress = None,
    journal: "Union[str, PathLike[str], None]" = None,
    timeout: Optional[float] = None,
) -> Report:
    """
    Set fields of any number of entities, in atomic batches, several at a time.

    Args:
        sg: Who is asked.

        rows: Dicts with ``type``, ``id`` and the fields to set, such as what was found and then changed.

        fields: Which of their fields to set. None: all that they have.

        batch_size: As in `create_many`, and so the rest.

        workers: How many batches are under way at the same time.

        on_error: ``"raise"`` or ``"collect"``.

        progress: Shows how far it is.

        journal: A file from which the same call goes on where it ended.

        timeout: Seconds for all of it.

    Returns:
        A `Report`, whose ``results`` are the updated rows as ``update`` returns them. An uncertain batch may be sent
        again without harm.

    Raises:
        BatchesFailed: As in `create_many`.

        FilterError: A row has no type and id, lacks one of *fields*, or has nothing to set; nothing was sent.
    """
    chosen = texts_of(fields, "fields")
    requests = []
    for row in rows_of(rows):
        link = to_link(row, "Each of the rows")
        try:
            data = {name: row[name] for name in (chosen if chosen is not None else row.keys() - {"type", "id"})}
        except KeyError as error:
            msg = f"{link['type']} {link['id']} comes without {error}, so it cannot be set. Nothing was sent."
            raise FilterError(msg) from None
        if not data:
            msg = f"{link['type']} {link['id']} comes with no field to set. Nothing was sent."
            raise FilterError(msg)
        requests.append(_update(link, data))
    return _in_batches(sg, requests, _How(None, batch_size, workers, on_error, progress, journal, timeout))


def delete_many(
    sg: Any,
    entities: Iterable[Entity],
    *,
    batch_size: int = BATCH,
    workers: int = WORKERS,
    on_error: str = "raise",
    progress: Progress = None,
    journal: "Union[str, PathLike[str], None]" = None,
    timeout: Optional[float] = None,
) -> Report:
    """
    Retire any number of entities, in atomic batches, several at a time.

    Args:
        sg: Who is asked.

        entities: Links to them.

        batch_size: As in `create_many`, and so the rest.

        workers: How many batches are under way at the same time.

        on_error: ``"raise"`` or ``"collect"``.

        progress: Shows how far it is.

        journal: A file from which the same call goes on where it ended.

        timeout: Seconds for all of it.

    Returns:
        A `Report`, whose ``results`` are True, or False for what was retired before.

    Raises:
        BatchesFailed: As in `create_many`.
    """
    links = [to_link(entity, "Each of the entities") for entity in rows_of(entities)]
    requests = [{"request_type": "delete", "entity_type": link["type"], "entity_id": link["id"]} for link in links]
    return _in_batches(sg, requests, _How(None, batch_size, workers, on_error, progress, journal, timeout))


def set_status(
    sg: Any, entities: Links, status: str, *, field: Optional[str] = None, timeout: Optional[float] = None
) -> List[Row]:
    """
    Set the status of one or many entities, and return them with it.

    Args:
        sg: Who is asked.

        entities: Links to them, of any types.

        status: Short code, such as ``"ip"``.

        field: The field. None: ``sg_status_list``, or ``sg_status`` for projects and playlists.

        timeout: Seconds for all of it.

    Returns:
        List of dicts with ``type``, ``id`` and the field, in the order given.

    Raises:
        BatchesFailed: As in `create_many`, where there are so many that they need several batches.
    """
    check_text(status, "status")
    links = [to_link(entity) for entity in rows_of(entities)]
    rows = [{**link, field or _STATUS.get(link["type"], "sg_status_list"): status} for link in links]
    return update_many(sg, rows, timeout=timeout).results


def _update(link: Row, data: Row, modes: Optional[Row] = None) -> Row:
    request = {"request_type": "update", "entity_type": link["type"], "entity_id": link["id"], "data": data}
    return {**request, "multi_entity_update_modes": modes} if modes else request


def change_lists(sg: Any, links: List[Row], field: str, values: List[Row], mode: str) -> List[Row]:
    """
    Add links to a list field of entities, or remove them, and return the entities with it.
    """
    if not values:
        return [dict(link) for link in links]
    data, modes = {field: values}, {field: mode}
    if len(links) == 1 or not hasattr(client_of(sg), "summarize"):  # the batch of a Mockgun forgets the mode
        return [sg.update(link["type"], link["id"], dict(data), dict(modes)) for link in links]
    return _in_batches(sg, [_update(link, data, modes) for link in links], _How()).results


# --- One that is not created twice


def create_once_by(sg: Any, entity_type: str, data: Row, keys: Iterable[str]) -> Row:
    """
    Return what was created; where nobody knows whether it was, a wrapper of ours looks for it by some of its fields.
    """
    looks = isinstance(getattr(sg, "_client", None), NativeClient)
    made: Row = sg.create(entity_type, data, **({"reconcile_on": list(keys)} if looks else {}))
    return made


# --- Batches


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
class _How:
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


def _in_batches(sg: Any, requests: List[Row], how: _How) -> Report:
    size = how.batch_size
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        msg = f"batch_size={size!r}: give a whole number of at least 1."
        raise ConfigurationError(msg)
    jobs = [_Job(start, requests[start : start + size]) for start in range(0, len(requests), size)]
    options = workers.Options(
        workers=how.workers, on_error=how.on_error, progress=how.progress, journal=how.journal, key=_Job.key
    )
    goes_on = how.journal is not None and Path(how.journal).exists()
    with within(sg, how.timeout):
        # What comes of a batch that failed is told apart below: a mistake in a program is raised, the rest reported.
        outcomes = at_once(sg, _Sending(how.keys, goes_on), jobs, evolve(options, on_error="collect"))
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


def at_once(sg: Any, function: Callable[[Any, Any], Any], jobs: Sequence[Any], options: workers.Options) -> List[Any]:
    """
    Return what comes of each job, in order; a client that is not ours does one after the other.
    """
    ours = isinstance(getattr(sg, "_client", sg), NativeClient)
    options = options if ours else evolve(options, workers=1)
    return list(workers.run(function, jobs, make=sg.clone if ours else lambda: sg, options=options))


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


def _check_that_keys_differ(requests: List[Row], keys: List[str]) -> None:
    seen: Dict[str, int] = {}
    for number, request in enumerate(requests):
        key = json.dumps([comparable(request["data"][name]) for name in keys], default=str)
        if seen.setdefault(key, number) != number:
            msg = (
                f"reconcile_on={keys!r}: the rows number {seen[key]} and {number} have the same, so that they cannot "
                "be told from each other. Nothing was sent."
            )
            raise FilterError(msg)


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
