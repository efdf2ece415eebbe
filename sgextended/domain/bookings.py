"""
Bookings of people, vacations among them.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.domain.conditions import ASSIGNEES, Day, Finder, Links, Names, Query, Row
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
    Return bookings, by their first day.

    Args:
        sg: Who is asked.

        user: Links to people.

        project: Links to projects.

        date_from: First day of a time in which they are at least in part.

        date_to: Last day of it.

        vacation: False leaves vacations out, True returns only those, None both.

        status: Short codes, such as ``"cfrm"``.

        fields: Fields to return instead of `BOOKING_FIELDS`.

        extra_fields: Fields to return beside them.

        filters: Native conditions that must hold as well.

        timeout: Seconds for all of it, waits included. None: the site's limits.

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
