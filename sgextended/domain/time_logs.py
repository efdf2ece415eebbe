"""
Time logs.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.deadline import within
from sgextended.domain.query import PEOPLE, Day, Finder, Links, LinksOrNames, Query, Row

TIME_LOG_FIELDS = ("date", "duration", "user", "entity", "description", "project")

_LOGGED_ON = ("Task", "Ticket")


def find_time_logs(
    sg: Finder,
    entity: Links = None,
    *,
    project: Links = None,
    user: Links = None,
    step: LinksOrNames = None,
    date_from: Day = None,
    date_to: Day = None,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return time logs, by day.

    Args:
        sg: Who is asked.

        entity: Links to tasks or tickets, or to what the tasks are for, such as a shot.

        project: Links to projects.

        user: Links to people.

        step: Pipeline steps of the tasks, as links or by short code or name.

        date_from: First day.

        date_to: Last day.

        fields: Fields to return instead of `TIME_LOG_FIELDS`.

        extra_fields: Fields to return beside them.

        filters: Native conditions that must hold as well.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        List of dicts with ``type``, ``id`` and the fields; ``duration`` is in minutes.
    """
    with within(sg, timeout):
        query = Query(filters)
        query.links_by_type(lambda kind: "entity" if kind in _LOGGED_ON else "entity.Task.entity", entity)
        query.links("project", project, "Project")
        query.links("user", user, *PEOPLE)
        query.steps("entity.Task.step", step)
        query.days("date", date_from, date_to)
        return query.find(sg, "TimeLog", TIME_LOG_FIELDS, fields, extra_fields, ["date", "id"])
