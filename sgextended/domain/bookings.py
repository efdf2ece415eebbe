"""
Find bookings of people, including vacations.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.domain.arguments import ASSIGNEES, Day, Links, Names, Order, Row
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
    archived: Optional[bool] = False,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    order: Order = None,
    limit: int = 0,
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

        status: Short codes or names of statuses, such as ``"cfrm"``.

        archived: True returns only entities of archived projects, False leaves them out, None returns both. False does
            not leave out anything if a project is given.

        fields: Fields to return instead of `BOOKING_FIELDS`: ``user``, ``project``, ``start_date``, ``end_date``,
            ``percent_allocation``, ``vacation``, ``note``, ``sg_status_list``.

        extra_fields: Fields to return in addition.

        filters: Native conditions that the entities must also match.

        order: A native sort order to use instead, such as ``[{'field_name': 'created_at', 'direction': 'desc'}]``.

        limit: Maximum number of entities; 0: all.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type``, ``id`` and the fields.
    """
    with within(sg, timeout):
        query = Query(filters)
        query.archived(archived)
        query.links("user", user, *ASSIGNEES)
        query.links("project", project, "Project")
        query.days("end_date", date_from, None)
        query.days("start_date", None, date_to)
        query.flag("vacation", vacation)
        query.statuses("Booking", status)
        return query.find(
            sg, "Booking", BOOKING_FIELDS, fields, extra_fields, ["start_date", "id"], order=order, limit=limit
        )
