"""
`SiteTime`: how old an entry of the event log is at least.

The clock of this machine may be wrong. The ``Date`` header of a response may come from a proxy whose clock is not the
one of the database, so it cannot show alone that an entry is old. The creation time of the newest entry can.
"""

import datetime as dt
from typing import Any, Optional

from sgextended.client.protocol.site_clock import site_clock_of, ticks
from sgextended.domain.client_kinds import client_of

#: The ``Date`` of a response is assumed to be ahead of the creation times by at most this number of seconds.
_DATE_AHEAD = 86400.0


def seconds_of(moment: dt.datetime) -> float:
    """
    Return a moment in seconds since the epoch. A naive datetime of an entry is in UTC.
    """
    return (moment.replace(tzinfo=dt.timezone.utc) if moment.tzinfo is None else moment).timestamp()


class SiteTime:
    """
    The age of entries: compared with the newest entry, and with the time that has passed since that was first seen.

    A log without new entries for more than a day is recognized by the ``Date`` of the responses. That also bounds the
    age, so that one entry with a time in the future makes no other one old.

    Args:
        sg: The client.
    """

    def __init__(self, sg: Any) -> None:
        transport = getattr(client_of(sg), "_transport", None)
        self._clock = None if transport is None else site_clock_of(transport)
        self._newest: Optional[dt.datetime] = None
        self._newest_since = 0.0

    def note(self, created_at: Any) -> None:
        """
        Note the creation time of an entry.
        """
        if isinstance(created_at, dt.datetime) and (
            self._newest is None or seconds_of(created_at) > seconds_of(self._newest)
        ):
            self._newest, self._newest_since = created_at, ticks()

    def age(self, created_at: Any, since: Optional[float] = None, not_before: Optional[float] = None) -> float:
        """
        Return the seconds since an entry has become visible, as far as that is certain.

        Args:
            created_at: When the entry was created. If it is unknown, only the time since it was seen counts.

            since: When the entry was first seen, on the clock `ticks`. None: now.

            not_before: When the entry was not visible yet, on the same clock. None: it is unknown.
        """
        now = ticks()
        waited = 0.0 if since is None else now - since
        if not isinstance(created_at, dt.datetime):
            return waited
        age = self._compared(created_at, now)
        return max(waited, age if not_before is None else min(age, now - not_before))

    def _compared(self, created_at: dt.datetime, now: float) -> float:
        by_newest = by_date = None
        if self._newest is not None:
            by_newest = _between(created_at, self._newest) + now - self._newest_since
        site_now = None if self._clock is None else self._clock.at(now)
        if site_now is not None:
            zone = dt.timezone.utc if created_at.tzinfo is None else created_at.tzinfo
            at = dt.datetime.fromtimestamp(site_now, dt.timezone.utc).astimezone(zone)
            by_date = _between(created_at, at.replace(tzinfo=created_at.tzinfo))
        if by_newest is None:
            return 0.0 if by_date is None else by_date - _DATE_AHEAD
        return by_newest if by_date is None else max(min(by_newest, by_date), by_date - _DATE_AHEAD)


def _between(earlier: dt.datetime, later: dt.datetime) -> float:
    """
    Return the seconds between two moments in one zone.

    In the hours in which daylight saving time begins or ends, a local time may stand for two moments. The smaller
    result is taken, so that nothing is given up too early.
    """
    shown = (later.replace(tzinfo=None) - earlier.replace(tzinfo=None)).total_seconds()
    return min(shown, seconds_of(later) - seconds_of(earlier))
