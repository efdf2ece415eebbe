"""
Search the site for entities that a create with unknown outcome has made.
"""

import contextlib
import datetime
import math
import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

from sgextended.client.protocol.site_clock import RESPONSES_OF_BLOCK, SiteClock
from sgextended.errors import CallError, InvalidArgumentError, OutcomeUnknown
from sgextended.secret import HIDDEN, without_secrets

Row = Dict[str, Any]

#: Seconds by which the site's creation time may be earlier than the time when the request was sent.
MARGIN = 30.0

_PAGE = 500  # rows of the first search, which has no filter by time

_LONGEST_TEXT = 255  # characters; the site stores longer text in another way and cannot compare it

#: Fields that the site fills by itself unless the create sets them.
CREATION_FIELDS = ("created_at", "created_by")


def reconcile(client: Any, error: OutcomeUnknown) -> List[Row]:
    """
    Return the entities that a create or batch with unknown outcome has made; see `SGExtended.reconcile`.
    """
    if error.rpc == "create":
        creates = [{"entity_type": error.entity_type, "data": error.data}]
    elif error.rpc == "batch":
        creates = [request for request in error.data or () if request.get("request_type") == "create"]
    else:
        msg = f"'{error.rpc}' creates no entity, so there is nothing to search for. Check the result on the site."
        raise InvalidArgumentError(msg)
    found: List[Row] = []
    for create in creates:
        seen = [row["id"] for row in found]
        made = find_created(client, create["entity_type"], create["data"], error)
        found += [row for row in made if row["id"] not in seen]
    return found


def create_once(
    client: Any,
    entity_type: str,
    data: Row,
    return_fields: Optional[List[str]],
    unique_by: Sequence[str],
    *,
    sleep: Callable[[float], object] = time.sleep,
) -> Row:
    """
    Create an entity and return it; if the outcome is unknown, search for it first. See `SGExtended.create`.

    Args:
        client: The client.

        entity_type: The type of the entity.

        data: The values of its fields.

        return_fields: Additional fields to return.

        unique_by: Fields of *data* that identify the entity.

        sleep: Waits for a number of seconds; for tests.

    Raises:
        InvalidArgumentError: A field of *unique_by* has no value in *data*; nothing was sent.

        OutcomeUnknown: The outcome was unknown after each attempt, and no search found the entity. Or a search found
            several.
    """
    keys = [unique_by] if isinstance(unique_by, str) else list(unique_by)
    check_keys(entity_type, data, keys)
    known = {name: data[name] for name in (*keys, *CREATION_FIELDS) if name in data}
    policy = client.site.retry
    first: Optional[OutcomeUnknown] = None
    for attempt in range(1, policy.attempts + 1):
        try:
            with still_unknown(first):
                return client.create(entity_type, data, return_fields)  # type: ignore[no-any-return]
        except OutcomeUnknown as error:  # noqa: PERF203 - a rare error
            first = first or error
            for look in range(1, policy.attempts + 1):
                with still_unknown(first):
                    made = find_created(client, entity_type, known, first)
                    if len(made) > 1:  # perhaps another caller's, with other values in the other fields
                        made = find_created(client, entity_type, data, first)
                if len(made) > 1:
                    raise ambiguous(first, made) from error
                if made:
                    return complete_created(client, made[0], data, return_fields)
                sleep(policy.wait(look, 1.0))  # the site may still be processing the request
            if attempt == policy.attempts:
                raise
    raise AssertionError  # the loop returns or raises


@contextlib.contextmanager
def still_unknown(lost: Optional[OutcomeUnknown]) -> Iterator[None]:
    """
    Raise *lost*, the error of an earlier attempt, if a search for its entity or a further attempt fails.

    Their own errors would say that nothing was done: that the site does not respond, or that it refuses to create the
    entity, perhaps because the earlier attempt has created it. None: no attempt was lost; their errors are raised.
    """
    try:
        yield
    except OutcomeUnknown:
        raise
    except CallError as failure:
        if lost is None:
            raise
        raise lost from failure


def check_keys(entity_type: str, data: Row, keys: Sequence[str]) -> None:
    """
    Validate the fields of ``unique_by``.

    Raises:
        InvalidArgumentError: A field has no value in *data*, or a value that the site cannot search for.
    """
    missing = [name for name in keys if data.get(name) is None]
    if missing or not keys:
        msg = f"unique_by={list(keys)!r} is not valid. Pass fields of the {entity_type} that have a value in its data."
        raise InvalidArgumentError(msg)
    vague = [name for name in keys if not _is_comparable(without_secrets(data)[name])]
    if vague:
        msg = (
            f"unique_by={list(keys)!r} is not valid: the site cannot search for the value of {', '.join(vague)}. Pass "
            f"fields with a text of at most {_LONGEST_TEXT} characters, a whole number, a checkbox or a link."
        )
        raise InvalidArgumentError(msg)


def complete_created(client: Any, made: Row, data: Row, return_fields: Optional[List[str]]) -> Row:
    """
    Upload the images of an entity that was found, and return what the create would have returned.
    """
    images = {name: data[name] for name in ("image", "filmstrip_image") if data.get(name)}
    if images:
        client.update(made["type"], made["id"], images)
    fields = [*(return_fields or ()), *data]
    row: Row = client.find_one(made["type"], [["id", "is", made["id"]]], fields)
    return row


def find_created(
    client: Any, entity_type: str, data: Row, error: OutcomeUnknown, extra_fields: Sequence[str] = ()
) -> List[Row]:
    """
    Return the entities with these values that the current user has created since the request was sent, lowest id first.

    The time of sending is computed back from the site's time in the response to the search itself, by a clock that is
    never set.

    Args:
        client: The client.

        entity_type: The type of the entities.

        data: The values. If they include ``created_at`` or ``created_by``, these replace the time and the current user.

        error: The error of the request.

        extra_fields: Fields to return in addition to those of *data* and ``created_at``.
    """
    data = without_secrets(data)
    filters = [_filter(name, value) for name, value in data.items() if _is_comparable(value)]
    found = find_since(client, entity_type, filters, [*data, *extra_fields], error, [data])
    return [row for row in found if all(_agrees(row.get(name), value) for name, value in data.items())]


def find_since(
    client: Any,
    entity_type: str,
    filters: Sequence[Any],
    fields: Sequence[str],
    error: OutcomeUnknown,
    creates: Sequence[Row],
) -> List[Row]:
    """
    Return the entities that match and that the current user has created since a request was sent, lowest id first.

    Args:
        client: The client.

        entity_type: The type of the entities.

        filters: Native conditions.

        fields: Fields to return in addition to ``created_at``.

        error: The error of the request.

        creates: The values of the entities. If some include ``created_at`` or ``created_by``, the time or the user is
            not compared.
    """
    by_us = not any(data.get("created_by") is not None for data in creates)
    timed = not any(data.get("created_at") is not None for data in creates)
    conditions, wanted, clock = [*filters, *(_creator(client) if by_us else ())], [*fields, "created_at"], SiteClock()
    newest_first = [{"field_name": "id", "direction": "desc"}]
    with RESPONSES_OF_BLOCK.bind(clock):
        found: List[Row] = client.find(entity_type, conditions, wanted, newest_first, limit=_PAGE)
    since = _earliest(error, clock) if timed else None
    if len(found) == _PAGE:
        if since is not None:
            moment = datetime.datetime.fromtimestamp(since, datetime.timezone.utc)
            conditions.append(["created_at", "greater_than", moment])
        found = client.find(entity_type, conditions, wanted)
    return [row for row in sorted(found, key=lambda row: int(row["id"])) if _is_since(row.get("created_at"), since)]


def _earliest(error: OutcomeUnknown, clock: SiteClock) -> Optional[float]:
    """
    Return the earliest creation time of an entity of the request, in seconds since the epoch; None if it is unknown.
    """
    sent = None if error.sent_tick is None else clock.at(error.sent_tick)
    if sent is None and error.clock_ahead is not None:  # the error comes from another process
        sent = error.sent_at + error.clock_ahead
    return None if sent is None else sent - MARGIN


def _is_since(created_at: object, earliest: Optional[float]) -> bool:
    if earliest is None or not isinstance(created_at, datetime.datetime):
        return True
    if created_at.tzinfo is None:  # a client that does not convert times returns them in UTC
        created_at = created_at.replace(tzinfo=datetime.timezone.utc)
    return created_at.timestamp() >= earliest


def ambiguous(error: OutcomeUnknown, found: Sequence[Row]) -> OutcomeUnknown:
    """
    Return the error for entities of which at most one is the one that was to be created.
    """
    ids = ", ".join(str(row["id"]) for row in found)
    msg = (
        f"'{error.rpc}' was sent, and no response arrived. On the site, {found[0]['type']} with the values that were "
        f"sent were created since, perhaps by another caller: {ids}. It is unknown which of them, if any, is the one "
        "of this call. Check them on the site, and retire the ones that are not wanted."
    )
    new = OutcomeUnknown(msg, rpc=error.rpc, attempts=error.attempts)
    new.__dict__.update(vars(error))
    return new


def _creator(client: Any) -> List[Any]:
    site = client.site
    login = site.sudo_as_login or site.login
    if login:
        return [["created_by.HumanUser.login", "is", login]]
    if site.script_name:
        return [["created_by.ApiUser.firstname", "is", site.script_name]]
    return []  # a session: only the site knows its user


def _is_comparable(value: Any) -> bool:
    """
    Return whether the site can search for a value.
    """
    if isinstance(value, str):
        return 0 < len(value.strip()) <= _LONGEST_TEXT and value != HIDDEN
    return _is_link(value) or isinstance(value, (bool, int))


def _filter(name: str, value: Any) -> List[Any]:
    if isinstance(value, str) and value != value.strip():
        return [name, "in", [value, value.strip()]]  # the site strips most texts
    return [name, "is", value]


def _agrees(there: Any, value: Any) -> bool:
    """
    Return whether a value on the site may be the one that was sent.

    This is checked again after the search, because the site ignores the case of letters and cannot search for all kinds
    of values.
    """
    if isinstance(value, str) and isinstance(there, str) and value != HIDDEN:
        return there.strip() == value.strip()
    if isinstance(value, list) and isinstance(there, list) and all(map(_is_link, (*value, *there))):
        return {(link["type"], link["id"]) for link in value} <= {(link["type"], link["id"]) for link in there}
    if isinstance(value, (int, float)) and isinstance(there, (int, float)):
        return math.isclose(value, there)
    if isinstance(value, dict) and isinstance(there, dict) and "url" in value:
        return bool(there.get("url") == value["url"])
    if isinstance(value, datetime.datetime) and isinstance(there, datetime.datetime) and value.tzinfo and there.tzinfo:
        return abs(there - value) < datetime.timedelta(seconds=1)  # the site keeps whole seconds
    return True


def _is_link(value: Any) -> bool:
    return isinstance(value, dict) and "type" in value and "id" in value
