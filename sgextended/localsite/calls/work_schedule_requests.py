"""
The requests that read and change the work schedule: which days are working days.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Optional

from sgextended.localsite.errors import Fault, inspect
from sgextended.localsite.schedule.dependencies import replan_around
from sgextended.localsite.schedule.working_days import set_day, work_days
from sgextended.localsite.storage.data_types import parse_date
from sgextended.localsite.storage.single_row_writes import is_retired

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sgextended.localsite.storage.transaction import Transaction

#: The fields that may be recalculated when a day starts or stops being a working day.
RECALCULATED = ("due_date", "duration")
# The response has one entry per day. A span of centuries would be a mistake of the caller.
_LONGEST = 366 * 20


def read_work_schedule(tx: Transaction, payload: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the schedule of every day of a span, keyed by date.

    Raises:
        Fault: A date is invalid, the end is before the start, or the span is longer than twenty years.
    """
    first, last = _day(tx, payload, "start_date"), _day(tx, payload, "end_date")
    if last < first:
        raise Fault(f"API {tx.rpc}() 'end_date' {last} is before 'start_date' {first}.")
    if (last - first).days > _LONGEST:
        raise Fault(f"API {tx.rpc}() The span from {first} to {last} is longer than {_LONGEST} days.")
    project, user = (_owner(tx, payload, key, kind) for key, kind in (("project", "Project"), ("user", "HumanUser")))
    rules = work_days(tx)
    days = (first + dt.timedelta(days=at) for at in range((last - first).days + 1))
    return {
        day.isoformat(): {"description": found.description, "reason": found.reason, "working": found.working}
        for day in days
        for found in [rules.on(day, project, user)]
    }


def update_work_schedule(tx: Transaction, payload: Mapping[str, Any]) -> dict[str, Any]:
    """
    Record one day as an exception of the studio, of a project or of a person, and reschedule the tasks around it.

    Raises:
        Fault: The payload names both a project and a person, names one that does not exist, or has an invalid value.
    """
    day = _day(tx, payload, "date")
    working, description = payload.get("working"), payload.get("description")
    if not isinstance(working, bool):
        raise Fault(f"API {tx.rpc}() 'working' must be true or false. Got: {inspect(working)}")
    if description is not None and not isinstance(description, str):
        raise Fault(f"API {tx.rpc}() 'description' must be a String. Got: {inspect(description)}")
    if payload.get("project") is not None and payload.get("user") is not None:
        raise Fault(f"API {tx.rpc}() 'project' and 'user' cannot be given together.")
    field = payload.get("recalculate_field") or RECALCULATED[0]
    if field not in RECALCULATED:
        raise Fault(
            f"API {tx.rpc}() 'recalculate_field' must be one of: {', '.join(RECALCULATED)}. Got: {inspect(field)}"
        )
    project, user = (_owner(tx, payload, key, kind) for key, kind in (("project", "Project"), ("user", "HumanUser")))
    for key, kind, owner in (("project", "Project", project), ("user", "HumanUser", user)):
        if owner is not None and is_retired(tx, kind, owner) is not False:
            raise Fault(f"API {tx.rpc}() '{key}' does not exist or is retired: {inspect(payload[key])}")
    before = work_days(tx).on(day, project, user).working
    set_day(tx, day, working=working, description=description, project=project, user=user)
    if before != working:
        replan_around(tx, day, project, user, field)
    return {
        "date": day.isoformat(),
        "description": description,
        "project": payload.get("project"),
        "user": payload.get("user"),
        "working": working,
    }


def _day(tx: Transaction, payload: Mapping[str, Any], key: str) -> dt.date:
    value = payload.get(key)
    if not isinstance(value, str):
        raise Fault(f"API {tx.rpc}() invalid/missing string '{key}': {inspect(value)}")
    return dt.date.fromisoformat(parse_date(value))


def _owner(tx: Transaction, payload: Mapping[str, Any], key: str, kind: str) -> Optional[int]:
    value = payload.get(key)
    if value is None:
        return None
    entity_id = value.get("id") if isinstance(value, dict) and value.get("type") == kind else None
    if not isinstance(entity_id, int) or isinstance(entity_id, bool) or not 0 <= entity_id < 2**63:
        raise Fault(f"API {tx.rpc}() '{key}' must be a link to a {kind}. Got: {inspect(value)}")
    return entity_id
