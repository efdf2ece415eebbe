"""
Creates that several callers may run at the same time: which record is the caller's own, and which one is kept.

A site has no unique fields, and a record holds no token of its caller. So a caller knows its record for certain only by
the id in the response. If that response is lost, the functions here decide by what is known, and raise otherwise.
"""

import time
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Deque, Iterable, List, Optional, Tuple

from sgextended.client.native_client import NativeClient
from sgextended.domain.arguments import Row
from sgextended.domain.client_kinds import can_summarize, client_of
from sgextended.errors import OutcomeUnknown, ShotgunError
from sgextended.http.retry import RetryPolicy
from sgextended.lazy_import import lazy_module
from sgextended.writes.reconcile import (
    CREATION_FIELDS,
    MARGIN,
    ambiguous,
    complete_created,
    find_created,
    still_unknown,
)

if TYPE_CHECKING:
    from sgextended.writes import dry_run
else:
    dry_run = lazy_module("sgextended.writes.dry_run")

_REMEMBERED = 10_000  # ids of created records


# --- One record for all callers


def create_single(
    sg: Any, entity_type: str, key: Row, data: Row, search: Callable[[], List[Row]]
) -> Tuple[Optional[Row], List[Row]]:
    """
    Create an entity that no search has found; if others have created it at the same time, keep one and retire the rest.

    The entity with the lowest id is kept. A caller retires its own entity, and entities that are provably duplicates:
    no search found them before, and the same user created them with the same key since the caller's own create.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity_type: The entity type.

        key: The values that identify the entity.

        data: The values of the new entity, with those of *key*.

        search: Returns the entities with that key, lowest id first.

    Returns:
        The response to the create, or None if it was lost; and what *search* returned afterwards.

    Raises:
        OutcomeUnknown: The outcome was unknown after each attempt, and no search found an entity.
    """
    policy, first = _policy(sg), None
    for attempt in range(1, policy.attempts + 1):
        try:
            with still_unknown(first):
                made: Row = sg.create(entity_type, data)
        except OutcomeUnknown as error:
            first = first or error
            with still_unknown(first):
                found = _search_repeatedly(search, policy)
            if not found and attempt == policy.attempts:
                raise
        except ShotgunError:  # for some types, the site itself refuses to create a duplicate
            found = search()
            if not found:
                raise
            return None, found
        else:
            found = search()
            _retire(sg, entity_type, found, {made["id"], *_younger_twins(sg, entity_type, made["id"], found)})
            if found and made["id"] > max(row["id"] for row in found):  # the site does not show it to searches yet
                sg.delete(entity_type, made["id"])
            if first is not None:
                _retire(sg, entity_type, found, _created_since(sg, entity_type, key, data, first))
            return made, found
        if found and first is not None:
            _retire(sg, entity_type, found, _created_since(sg, entity_type, key, data, first))
            return None, found
    raise AssertionError  # the loop returns or raises


def _policy(sg: Any) -> RetryPolicy:
    policy: Optional[RetryPolicy] = getattr(getattr(sg, "site", None), "retry", None)
    return policy or RetryPolicy(attempts=1)


def _search_repeatedly(search: Callable[[], List[Row]], policy: RetryPolicy) -> List[Row]:
    """
    Search with growing waits until something was found, at least twice: the site may still be processing the create.
    """
    found = search()
    for look in range(1, policy.attempts):
        time.sleep(policy.wait(look, 1.0))
        found = search()
        if found:
            break
    return found


def _retire(sg: Any, entity_type: str, found: List[Row], ids: "set[int]") -> None:
    for row in found[1:]:
        if row["id"] in ids:
            sg.delete(entity_type, row["id"])


def _younger_twins(sg: Any, entity_type: str, mine: int, found: List[Row]) -> "set[int]":
    """
    Return the ids that the same user has created at the time of *mine*, if that one has the lowest id.

    Their callers would retire them too. But a caller may have been ended, or may not have seen a record with a lower
    id, because its transaction took longer.
    """
    if len(found) == 1 or not found or found[0]["id"] != mine or not can_summarize(sg):
        return set()
    ids = [row["id"] for row in found]
    rows = {row["id"]: row for row in sg.find(entity_type, [["id", "in", ids]], ["created_at", "created_by"])}
    own = rows.get(mine)
    if own is None or own.get("created_by") is None or own.get("created_at") is None:
        return set()
    return {
        number
        for number, row in rows.items()
        if dry_run.is_same(row.get("created_by"), own["created_by"])
        and row.get("created_at") is not None
        and (own["created_at"] - row["created_at"]).total_seconds() <= MARGIN
    }


def _created_since(sg: Any, entity_type: str, key: Row, data: Row, error: OutcomeUnknown) -> "set[int]":
    """
    Return the ids of the entities with that key which the current user has created since a lost create.
    """
    values = {**{name: data[name] for name in CREATION_FIELDS if name in data}, **key}
    rows = find_created(client_of(sg), entity_type, values, error, ["created_by"])
    # With a session token the current user is unknown. Rows of several users are then not provably duplicates.
    creators = {str(dry_run.comparable(row.get("created_by"))) for row in rows}
    return {row["id"] for row in rows} if len(creators) == 1 else set()


# --- A record for each caller


class _Running:  # attrs would generate its methods at each import
    """
    A create of this process that has not ended, by the site, the entity type and the name of the entity.
    """

    __slots__ = ("key",)

    def __init__(self, key: Tuple[str, str, str]) -> None:
        self.key = key


_running: List[_Running] = []
_created: "Deque[Tuple[str, str, int]]" = deque(maxlen=_REMEMBERED)


def create_own(sg: Any, entity_type: str, data: Row, may_be_empty: Iterable[str]) -> Row:
    """
    Create an entity of this caller alone. Others may create equal ones at the same time.

    If the outcome is unknown, an SGExtended searches for the entity by all values. A single one that no other caller of
    this process has created is returned; if there is none, the create is sent again. Other clients just create.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity_type: The entity type.

        data: The values of its fields, including ``code``.

        may_be_empty: Fields that only the create sets. If *data* lacks them, an entity with a value there is another
            caller's.

    Raises:
        OutcomeUnknown: An entity may be the one of this caller or of another one, or no search found any.
    """
    if not isinstance(getattr(sg, "_client", None), NativeClient):
        made: Row = sg.create(entity_type, data)
        return made
    me = _Running((str(sg.site.url), entity_type, str(data.get("code")).strip().lower()))
    _running.append(me)
    try:
        made = _create_own(sg, entity_type, data, list(may_be_empty), me)
        _created.append((*me.key[:2], made["id"]))  # before others see that this create has ended
        return made
    finally:
        _running.remove(me)


def _create_own(sg: Any, entity_type: str, data: Row, may_be_empty: List[str], me: _Running) -> Row:
    policy, first = _policy(sg), None
    for attempt in range(1, policy.attempts + 1):
        try:
            with still_unknown(first):
                made: Row = sg.create(entity_type, data)
        except OutcomeUnknown as error:  # noqa: PERF203 - a rare error
            first = first or error
            with still_unknown(first):
                rows, is_certain = _own_candidates(sg, entity_type, may_be_empty, me, first, policy)
            if is_certain:
                return complete_created(client_of(sg), rows[0], data, None)
            if rows:
                raise ambiguous(error, rows) from error
            if attempt == policy.attempts:
                raise
        else:
            return made
    raise AssertionError  # the loop returns or raises


def _own_candidates(
    sg: Any, entity_type: str, may_be_empty: List[str], me: _Running, error: OutcomeUnknown, policy: RetryPolicy
) -> Tuple[List[Row], bool]:
    """
    Return the entities that a lost create may have made, and whether it has made the only one of them.

    The search is repeated with growing waits until that is so.
    """
    empty = [name for name in may_be_empty if error.data.get(name) is None]  # a hook may have set others
    rows: List[Row] = []
    for look in range(1, policy.attempts + 1):
        others_before = _others(me)
        rows = find_created(client_of(sg), entity_type, error.data, error, empty)
        is_alone = not others_before and not _others(me)
        taken = {number for url, kind, number in list(_created) if (url, kind) == me.key[:2]}
        rows = [row for row in rows if row["id"] not in taken and not any(row.get(name) for name in empty)]
        if len(rows) == 1 and is_alone:
            return rows, True
        time.sleep(policy.wait(look, 1.0))  # the site, or another caller of this process, may need more time
    return rows, False


def _others(me: _Running) -> bool:
    return any(each is not me and each.key == me.key for each in list(_running))
