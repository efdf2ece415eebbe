"""
Writing many entities: in atomic batches, several at a time, with a report of what came of each.
"""

from typing import TYPE_CHECKING, Any, Iterable, List, Optional, Union

from sgextended.client.native_client import NativeClient
from sgextended.domain.conditions import (
    Entity,
    Links,
    Names,
    Row,
    check_text,
    client_of,
    rows_of,
    texts_of,
    to_link,
    values_of,
)
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

#: Writes in one batch: the site does it all or not at all, in one transaction, and others wait for it meanwhile.
BATCH = 100
WORKERS = 4

#: Fields of the status of types that have another one than ``sg_status_list``.
_STATUS = {"Project": "sg_status", "Playlist": "sg_status"}


def create_many(
    sg: Any,
    entity_type: str,
    rows: Iterable[Row],
    *,
    return_fields: Names = None,
    unique_by: Names = None,
    batch_size: int = BATCH,
    workers: int = WORKERS,
    on_error: str = "raise",
    progress: Progress = None,
    journal: "Union[str, PathLike[str], None]" = None,
    timeout: Optional[float] = None,
) -> "Report":
    """
    Create any number of entities, in atomic batches, several at a time, and return what came of each batch.

    Args:
        sg: Who is asked. A client that is not ours does one batch after the other.

        entity_type: Their type.

        rows: The fields of each.

        return_fields: More fields to return; those that were given always come.

        unique_by: Fields such as ``("project", "code")`` by which each can be told from all others. Where nobody
            knows whether the site has done a batch, its entities are looked for by them, and those that are not there
            are created; so that none is missing and none is there twice. None: such a batch is reported as uncertain.

        batch_size: Writes in one batch.

        workers: How many batches are under way at the same time.

        on_error: ``"raise"`` raises `BatchesFailed` in the end if a batch was not done, ``"collect"`` only reports it.
            All batches are tried in either case.

        progress: True shows a bar, a function is called with (done, failed, total): numbers of batches.

        journal: A file from which the same call goes on where it ended; it needs *unique_by*, since what was under
            way at the end of an earlier run may be done.

        timeout: Seconds for all of it. None: the site's limits for each call.

    Returns:
        A `Report`, whose ``results`` are the new entities in the order of *rows*.

    Raises:
        BatchesFailed: Some batches failed, or nobody knows of them; ``report`` has them all.

        InvalidArgumentError: *rows* or *unique_by* cannot work; nothing was sent.

        ConfigurationError: A journal without *unique_by*, or an option that cannot be.
    """
    keys, more = texts_of(unique_by, "unique_by"), texts_of(return_fields, "return_fields")
    requests = []
    for row in [None] if rows is None else values_of(rows) or ():
        if not isinstance(row, dict):
            msg = f"Each of the rows is a dict of fields, and {row!r:.80} is none. Nothing was sent."
            raise InvalidArgumentError(msg)
        request: Row = {"request_type": "create", "entity_type": entity_type, "data": row}
        requests.append({**request, "return_fields": more} if more else request)
        if keys is not None:
            check_keys(entity_type, row, keys)
    if keys is not None:
        batches.check_that_keys_differ(requests, keys)
    if journal is not None and keys is None:
        msg = (
            "A journal of creates needs unique_by, the fields by which one that is there already is known: what was "
            "under way when the last run ended may have been done."
        )
        raise ConfigurationError(msg)
    how = batches.How(keys, batch_size, workers, on_error, progress, journal, timeout)
    return batches.in_batches(sg, requests, how)


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
) -> "Report":
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

        InvalidArgumentError: A row has no type and id, lacks one of *fields*, or has nothing to set; nothing was sent.
    """
    chosen = texts_of(fields, "fields")
    requests = []
    for row in rows_of(rows):
        link = to_link(row, "Each of the rows")
        try:
            data = {name: row[name] for name in (chosen if chosen is not None else row.keys() - {"type", "id"})}
        except KeyError as error:
            msg = f"{link['type']} {link['id']} comes without {error}, so it cannot be set. Nothing was sent."
            raise InvalidArgumentError(msg) from None
        if not data:
            msg = f"{link['type']} {link['id']} comes with no field to set. Nothing was sent."
            raise InvalidArgumentError(msg)
        requests.append(_update(link, data))
    return batches.in_batches(
        sg, requests, batches.How(None, batch_size, workers, on_error, progress, journal, timeout)
    )


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
) -> "Report":
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
    return batches.in_batches(
        sg, requests, batches.How(None, batch_size, workers, on_error, progress, journal, timeout)
    )


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
    return batches.in_batches(sg, [_update(link, data, modes) for link in links], batches.How()).results


# --- One that is not created twice


def create_once_by(sg: Any, entity_type: str, data: Row, keys: Iterable[str]) -> Row:
    """
    Return what was created; where nobody knows whether it was, a wrapper of ours looks for it by some of its fields.
    """
    looks = isinstance(getattr(sg, "_client", None), NativeClient)
    made: Row = sg.create(entity_type, data, **({"unique_by": list(keys)} if looks else {}))
    return made
