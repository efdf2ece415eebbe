"""
Create, update and delete many entities in atomic batches, with a report of the result of each batch.
"""

from typing import TYPE_CHECKING, Any, Iterable, List, Optional, Union

from sgextended.client.native_client import NativeClient
from sgextended.domain.arguments import (
    Entity,
    Links,
    Names,
    Row,
    check_text,
    rows_of,
    texts_of,
    to_link,
    values_of,
)
from sgextended.domain.client_kinds import can_summarize
from sgextended.domain.limits import BATCH_SIZE, WORKERS
from sgextended.errors import ConfigurationError, InvalidArgumentError
from sgextended.lazy_import import lazy_module
from sgextended.workers.progress import Progress
from sgextended.writes.reconcile import check_keys

if TYPE_CHECKING:
    from os import PathLike

    from sgextended.domain import batches
    from sgextended.domain.batches import Report
else:
    batches = lazy_module("sgextended.domain.batches")

#: Status fields of the entity types that do not use ``sg_status_list``.
_STATUS_FIELDS = {"Project": "sg_status", "Playlist": "sg_status"}


def create_many(
    sg: Any,
    entity_type: str,
    rows: Iterable[Row],
    *,
    return_fields: Names = None,
    unique_by: Names = None,
    batch_size: int = BATCH_SIZE,
    workers: int = WORKERS,
    on_error: str = "raise",
    progress: Progress = None,
    journal: "Union[str, PathLike[str], None]" = None,
    timeout: Optional[float] = None,
) -> "Report":
    """
    Create any number of entities in atomic batches, several at the same time, and return a report.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun). Other clients than SGExtended send one batch after the other.

        entity_type: The entity type.

        rows: For each entity, a dict of the fields to set.

        return_fields: Fields to return in addition to those in *rows*.

        unique_by: Fields such as ``("project", "code")`` whose values identify each entity. If the outcome of a batch
            is unknown, its entities are searched by these fields among those that the current user has created since,
            and only the missing ones are created again. So no entity is missing and none exists twice. None, or if
            several entities match one row: such a batch is reported as uncertain.

        batch_size: Number of writes in one batch.

        workers: Number of batches in flight at the same time.

        on_error: ``"raise"`` raises `BatchesFailed` at the end if a batch failed; ``"collect"`` only reports it. All
            batches are tried in both cases.

        progress: True shows a progress bar. A function is called with (done, failed, total), counted in batches.

        journal: Path of a file that records finished batches, so that the same call resumes after an interruption. It
            requires *unique_by*, because batches in flight at the end of the earlier run may have been applied.

        timeout: Seconds for the whole call. None: the limits of the `Site` for each request.

    Returns:
        A `Report`. Its ``results`` are the new entities in the order of *rows*.

    Raises:
        BatchesFailed: At least one batch failed or has an unknown outcome. ``report`` contains all batches.

        InvalidArgumentError: *rows* or *unique_by* is not valid. Nothing was sent.

        ConfigurationError: *journal* was passed without *unique_by*, or an option is not valid. Nothing was sent.
    """
    keys, extra_fields = texts_of(unique_by, "unique_by"), texts_of(return_fields, "return_fields")
    requests = []
    for row in [None] if rows is None else values_of(rows) or ():
        if not isinstance(row, dict):
            msg = f"Each row must be a dict of fields, not {row!r:.80}. Nothing was sent."
            raise InvalidArgumentError(msg)
        request: Row = {"request_type": "create", "entity_type": entity_type, "data": row}
        requests.append({**request, "return_fields": extra_fields} if extra_fields else request)
        if keys is not None:
            check_keys(entity_type, row, keys)
    if keys is not None:
        batches.check_keys_are_unique(requests, keys)
    if journal is not None and keys is None:
        msg = (
            "journal= was passed without unique_by=, but creates that were in flight when the last run ended may have "
            "been applied. Nothing was sent. Pass as unique_by the fields that identify existing entities."
        )
        raise ConfigurationError(msg)
    options = batches.BatchOptions(keys, batch_size, workers, on_error, progress, journal, timeout)
    return batches.write_in_batches(sg, requests, options)


def update_many(
    sg: Any,
    rows: Iterable[Row],
    *,
    fields: Names = None,
    batch_size: int = BATCH_SIZE,
    workers: int = WORKERS,
    on_error: str = "raise",
    progress: Progress = None,
    journal: "Union[str, PathLike[str], None]" = None,
    timeout: Optional[float] = None,
) -> "Report":
    """
    Set fields of any number of entities in atomic batches, several at the same time, and return a report.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        rows: Dicts with ``type``, ``id`` and the fields to set, such as changed rows of a ``find``.

        fields: Which fields of the rows to set. None: all.

        batch_size: Number of writes in one batch.

        workers: Number of batches in flight at the same time.

        on_error: ``"raise"`` or ``"collect"``, as in `create_many`.

        progress: True or a function, as in `create_many`.

        journal: Path of a file that records finished batches, so that the same call resumes after an interruption.

        timeout: Seconds for the whole call. None: the limits of the `Site` for each request.

    Returns:
        A `Report`. Its ``results`` are the updated rows as ``update`` returns them, in the order of *rows*. It is safe
        to send an uncertain batch again.

    Raises:
        BatchesFailed: At least one batch failed or has an unknown outcome; see `create_many`.

        InvalidArgumentError: A row has no type and id, lacks one of *fields*, or has no field to set. Nothing was sent.
    """
    chosen = texts_of(fields, "fields")
    requests = []
    for row in rows_of(rows):
        link = to_link(row, "Each row")
        try:
            data = {name: row[name] for name in (chosen if chosen is not None else row.keys() - {"type", "id"})}
        except KeyError as error:
            msg = (
                f"The row of {link['type']} {link['id']} lacks {error}, which fields= names. Nothing was sent. Add it "
                "to the row."
            )
            raise InvalidArgumentError(msg) from None
        if not data:
            msg = f"The row of {link['type']} {link['id']} has no field to set. Nothing was sent."
            raise InvalidArgumentError(msg)
        requests.append(_update(link, data))
    return batches.write_in_batches(
        sg, requests, batches.BatchOptions(None, batch_size, workers, on_error, progress, journal, timeout)
    )


def delete_many(
    sg: Any,
    entities: Iterable[Entity],
    *,
    batch_size: int = BATCH_SIZE,
    workers: int = WORKERS,
    on_error: str = "raise",
    progress: Progress = None,
    journal: "Union[str, PathLike[str], None]" = None,
    timeout: Optional[float] = None,
) -> "Report":
    """
    Retire any number of entities in atomic batches, several at the same time, and return a report.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entities: Links to the entities.

        batch_size: Number of writes in one batch.

        workers: Number of batches in flight at the same time.

        on_error: ``"raise"`` or ``"collect"``, as in `create_many`.

        progress: True or a function, as in `create_many`.

        journal: Path of a file that records finished batches, so that the same call resumes after an interruption.

        timeout: Seconds for the whole call. None: the limits of the `Site` for each request.

    Returns:
        A `Report`. Its ``results`` are True, or False for entities that were already retired, in the order given.

    Raises:
        BatchesFailed: At least one batch failed or has an unknown outcome; see `create_many`.
    """
    links = [to_link(entity, "Each entity") for entity in rows_of(entities)]
    requests = [{"request_type": "delete", "entity_type": link["type"], "entity_id": link["id"]} for link in links]
    return batches.write_in_batches(
        sg, requests, batches.BatchOptions(None, batch_size, workers, on_error, progress, journal, timeout)
    )


def set_status(
    sg: Any, entities: Links, status: str, *, field: Optional[str] = None, timeout: Optional[float] = None
) -> List[Row]:
    """
    Set the status of one or several entities, and return them with the status field.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entities: Links to entities, also of different types.

        status: Short code of the status, such as ``"ip"``.

        field: The status field. None: ``sg_status_list``, or ``sg_status`` for projects and playlists.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type``, ``id`` and the field, in the order given.

    Raises:
        BatchesFailed: At least one batch failed or has an unknown outcome; see `create_many`.
    """
    check_text(status, "status")
    links = [to_link(entity) for entity in rows_of(entities)]
    rows = [{**link, field or _STATUS_FIELDS.get(link["type"], "sg_status_list"): status} for link in links]
    return update_many(sg, rows, timeout=timeout).results


def _update(link: Row, data: Row, modes: Optional[Row] = None) -> Row:
    request = {"request_type": "update", "entity_type": link["type"], "entity_id": link["id"], "data": data}
    return {**request, "multi_entity_update_modes": modes} if modes else request


def change_lists(sg: Any, links: List[Row], field: str, values: List[Row], mode: str) -> List[Row]:
    """
    Add links to a list field of entities, or remove them, and return the entities with the field.
    """
    if not values:
        return [dict(link) for link in links]
    data, modes = {field: values}, {field: mode}
    if len(links) == 1 or not can_summarize(sg):  # batch() of a Mockgun ignores the update mode
        return [sg.update(link["type"], link["id"], dict(data), dict(modes)) for link in links]
    return batches.write_in_batches(sg, [_update(link, data, modes) for link in links], batches.BatchOptions()).results


def create_once_by(sg: Any, entity_type: str, data: Row, keys: Iterable[str]) -> Row:
    """
    Create an entity and return it.

    If the outcome is unknown, an SGExtended searches for the entity by the values of *keys* before it sends the create
    again. Other clients just create.
    """
    can_search = isinstance(getattr(sg, "_client", None), NativeClient)
    made: Row = sg.create(entity_type, data, **({"unique_by": list(keys)} if can_search else {}))
    return made
