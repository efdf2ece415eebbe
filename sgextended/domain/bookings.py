"""
Find bookings of people, including vacations.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.domain.arguments import ASSIGNEES, Day, Links, Names, Row
from sgextended.domain.client_kinds import Finder
from sgextended.domain.search import Query
from sgextended.http.deadline import within

BOOKING_FIELDS = (
    "user",
    "project",
    "start_date",
    "end_date",
    "percent_allocation",
    "vacation",
    "note",
    "sg_status_list",
)


def find_bookings(
    sg: Finder,
    user: Links = None,
    *,
    project: Links = None,
    date_from: Day = None,
    date_to: Day = None,
    vacation: Optional[bool] = None,
    status: Names = None,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return bookings, sorted by their first day.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        user: Links to people.

        project: Links to projects.

        date_from: First day of a period. Bookings that overlap the period match.

        date_to: Last day of the period.

        vacation: True returns only vacations, False only other bookings, None both.

        status: Short codes of statuses, such as ``"cfrm"``.

        fields: Fields to return instead of `BOOKING_FIELDS`.

        extra_fields: Fields to return in addition.

        filters: Native conditions that the entities must also match.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type``, ``id`` and the fields.
    """
    with within(sg, timeout):
        query = Query(filters)
        query.links("user", user, *ASSIGNEES)
        query.links("project", project, "Project")
        query.days("end_date", date_from, None)
        query.days("start_date", None, date_to)
        query.flag("vacation", vacation)
        query.names("sg_status_list", status)
        return query.find(sg, "Booking", BOOKING_FIELDS, fields, extra_fields, ["start_date", "id"])
