"""
`SiteTime`: how old an entry of the event log is, by the clock of the site.
"""

import datetime as dt
from typing import Any, Optional

from sgextended.client.protocol.site_clock import site_clock_of, ticks
from sgextended.domain.client_kinds import client_of


def seconds_of(moment: dt.datetime) -> float:
    """
    Return a moment in seconds since the epoch. A naive datetime of an entry is in UTC.
    """
    return (moment.replace(tzinfo=dt.timezone.utc) if moment.tzinfo is None else moment).timestamp()


class SiteTime:
    """
    The time of the site, from its responses; for a client that does not keep it, the time of the newest entry. The
    clock of this machine may be wrong, so it is not used.

    Args:
        sg: The client.
    """

    def __init__(self, sg: Any) -> None:
        transport = getattr(client_of(sg), "_transport", None)
        self._clock = None if transport is None else site_clock_of(transport)
        self._newest: Optional[dt.datetime] = None

    def note(self, created_at: Any) -> None:
        """
        Note the creation time of an entry.
        """
        if isinstance(created_at, dt.datetime) and (
            self._newest is None or seconds_of(created_at) > seconds_of(self._newest)
        ):
            self._newest = created_at

    def age(self, created_at: Any, since: Optional[float] = None) -> float:
        """
        Return the seconds since an entry was created; at least the time since it was first seen.

        Args:
            created_at: When the entry was created. If it is unknown, only the time since it was seen counts.

            since: When the entry was first seen, on the clock `ticks`. None: now.
        """
        now = ticks()
        ages = [0.0 if since is None else now - since]
        if isinstance(created_at, dt.datetime):
            site_now = None if self._clock is None else self._clock.at(now)
            if site_now is not None:
                zone = dt.timezone.utc if created_at.tzinfo is None else created_at.tzinfo
                at = dt.datetime.fromtimestamp(site_now, dt.timezone.utc).astimezone(zone)
                ages.append(_between(created_at, at.replace(tzinfo=created_at.tzinfo)))
            elif self._newest is not None:
                ages.append(_between(created_at, self._newest))
        return max(ages)


def _between(earlier: dt.datetime, later: dt.datetime) -> float:
    """
    Return the seconds between two moments in one zone.

    In the hours in which daylight saving time begins or ends, a local time may stand for two moments. The smaller
    result is taken, so that nothing is given up too early.
    """
    shown = (later.replace(tzinfo=None) - earlier.replace(tzinfo=None)).total_seconds()
    return min(shown, seconds_of(later) - seconds_of(earlier))
