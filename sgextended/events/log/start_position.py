"""
Where a follower of the event log begins: after an id, at a time, now, or where an earlier run ended.
"""

import datetime as dt
import logging
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

from sgextended.domain.arguments import is_id
from sgextended.domain.client_kinds import is_refusal
from sgextended.errors import InvalidArgumentError
from sgextended.events.log.log_tracker import Position
from sgextended.events.log.site_time import SiteTime, seconds_of

Row = Dict[str, Any]
#: The start as the caller gives it: an id, a time, the text of a position, or "now".
After = Union[int, str, dt.datetime, None]

LOG = logging.getLogger("sgextended")

#: The number of newest entries between which "now" looks for ids that are missing. On a live site, the gaps among the
#: newest entries were within this number.
_WINDOW = 1000
#: Entries within this number of seconds of a time may be out of order, and a local time may stand for two moments an
#: hour apart.
MARGIN = 3900.0
#: A search for a place in the log ends when it is known to this number of ids.
_NEAR = 250

_BY_ID = [{"field_name": "id", "direction": "asc"}]
_NEWEST_FIRST = [{"field_name": "id", "direction": "desc"}]


def check_after(after: Any) -> After:
    """
    Return the start that a caller has given.

    Raises:
        InvalidArgumentError: The value is not a start.
    """
    if after is None or isinstance(after, dt.datetime):
        return after
    if after == "now":
        return "now"
    if is_id(after) and after >= 0:
        return int(after)
    if isinstance(after, str) and after.lstrip().startswith("{"):
        Position.from_json(after)
        return after
    msg = (
        f"after={after!r:.80} is not a place in the event log. Give the id of an event, a datetime, 'now', or what "
        "EventStream.position returned."
    )
    raise InvalidArgumentError(msg)


def newest_entries(sg: Any, limit: int) -> List[Row]:
    """
    Return the newest visible entries with id and creation time, the newest first.
    """
    rows: List[Row] = sg.find("EventLogEntry", [], ["created_at"], order=_NEWEST_FIRST, limit=limit)
    return rows


def start_position(sg: Any, after: After, time: SiteTime, gap_age: float) -> Position:
    """
    Return the place in the log where a follower begins.

    Args:
        sg: The client.

        after: The start as the caller gave it. None: now.

        time: The clock of the site.

        gap_age: The age in seconds from which on missing ids are given up.
    """
    if isinstance(after, dt.datetime):
        start = (after if after.tzinfo is not None else after.astimezone()).timestamp()
        mark = last_before(sg, 0, lambda created_at: seconds_of(created_at) < start - MARGIN)
        return Position(mark, not_before=start)
    if isinstance(after, int):
        return Position(after)
    if after is not None and after != "now":
        return Position.from_json(after)
    rows = newest_entries(sg, _WINDOW)
    if not rows:
        return Position(0)
    time.note(rows[0]["created_at"])
    recent = [row for row in rows if time.age(row["created_at"]) <= gap_age] or rows[:1]
    ids = sorted(row["id"] for row in recent)
    # The entries that are visible now are not wanted. Those of the ids between them appear after now.
    seen: List[Tuple[int, int]] = []
    for number in ids:
        if seen and seen[-1][1] + 1 == number:
            seen[-1] = (seen[-1][0], number)
        else:
            seen.append((number, number))
    return Position(seen[0][1], tuple(seen[1:]))


def last_before(sg: Any, low: int, is_before: Callable[[dt.datetime], bool]) -> int:
    """
    Return an id such that all entries up to it are before a time; it is near the last one.

    The ids are searched in halves, since a site finds an entry by its id quickly in a log of any size.

    Args:
        sg: The client.

        low: An id at which the search begins. It is returned if the next entry is not before the time.

        is_before: Returns whether an entry with a creation time is before the time.
    """
    newest = newest_entries(sg, 1)
    if not newest or newest[0]["id"] <= low:
        return low
    if is_before(newest[0]["created_at"]):
        return int(newest[0]["id"])
    first = _next_entry(sg, low)
    if first is None or not is_before(first["created_at"]):
        return low
    low, high = first["id"], newest[0]["id"]
    while high - low > _NEAR:
        middle = (low + high) // 2
        row = _next_entry(sg, middle)
        if row is not None and row["id"] < high and is_before(row["created_at"]):
            low = row["id"]
        else:
            high = middle
    return int(low)


def _next_entry(sg: Any, above: int) -> Optional[Row]:
    rows = sg.find("EventLogEntry", [["id", "greater_than", above]], ["created_at"], order=_BY_ID, limit=1)
    return rows[0] if rows else None


def warn_of_silent_scripts(sg: Any) -> None:
    """
    Log a warning that names the scripts whose writes leave no events.
    """
    names = silent_scripts(sg)
    if names:
        LOG.warning(
            "The writes of these scripts leave no events, so they cannot be followed: %s. To change that, switch on "
            "'Generate Events' (generate_event_log_entries) on the Scripts page of the site.",
            ", ".join(names),
        )


def silent_scripts(sg: Any, limit: int = 20) -> List[str]:
    """
    Return the names of the scripts whose writes leave no events; empty if the site does not let the caller read them.
    """
    try:
        rows = sg.find("ApiUser", [["generate_event_log_entries", "is", False]], ["firstname"], limit=limit)
    except Exception as error:
        if is_refusal(error):
            return []
        raise
    return sorted(str(row.get("firstname") or row["id"]) for row in rows)
