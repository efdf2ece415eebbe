"""
Find time logs; log time on a task.
"""

import datetime as dt
from typing import Any, Iterable, List, Optional, Sequence

from sgextended.domain.arguments import PEOPLE, Day, Entity, Links, LinksOrNames, Order, Row, to_day, to_link
from sgextended.domain.client_kinds import Finder
from sgextended.domain.entities import get
from sgextended.domain.search import Query
from sgextended.domain.users import me
from sgextended.errors import InvalidArgumentError
from sgextended.http.deadline import within

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
    archived: Optional[bool] = False,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return time logs, sorted by day.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity: Links to tasks or tickets, or to the entities that the tasks belong to, such as a shot.

        project: Links to projects.

        user: Links to people.

        step: Pipeline steps of the tasks, as links or by short code or name.

        date_from: First day, included.

        date_to: Last day, included.

        archived: True returns only entities of archived projects, False leaves them out, None returns both. False does
            not leave out anything if a project or an entity of one is given.

        fields: Fields to return instead of `TIME_LOG_FIELDS`: ``date``, ``duration``, ``user``, ``entity``,
            ``description``, ``project``.

        extra_fields: Fields to return in addition.

        filters: Native conditions that the entities must also match.

        order: A native sort order to use instead, such as ``[{'field_name': 'created_at', 'direction': 'desc'}]``.

        limit: Maximum number of entities; 0: all.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type``, ``id`` and the fields; ``duration`` is in minutes.
    """
    with within(sg, timeout):
        query = Query(filters)
        query.archived(archived)
        query.links_by_type(lambda kind: "entity" if kind in _LOGGED_ON else "entity.Task.entity", entity)
        query.links("project", project, "Project")
        query.links("user", user, *PEOPLE)
        query.steps("entity.Task.step", step)
        query.days("date", date_from, date_to)
        return query.find(
            sg, "TimeLog", TIME_LOG_FIELDS, fields, extra_fields, ["date", "id"], order=order, limit=limit
        )


def log_time(
    sg: Any,
    entity: Entity,
    minutes: float,
    *,
    user: Optional[Entity] = None,
    day: Day = None,
    description: Optional[str] = None,
    data: Optional[Row] = None,
    timeout: Optional[float] = None,
) -> Row:
    """
    Log time on a task or ticket, and return the time log.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity: Link to the task or ticket. Its project costs a request unless the dict has a ``project``.

        minutes: Duration in minutes, above 0.

        user: Link to the person who did the work. None: the current user, see `me`.

        day: Date, or text ``"YYYY-MM-DD"``. None: today in the local time zone of this machine.

        description: Text that describes the work.

        data: Further fields to set, by name.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        Dict with ``type``, ``id`` and the fields that were set.

    Raises:
        InvalidArgumentError: *minutes* is not a number above 0, or *day* is not a valid day. Nothing was sent.
    """
    link = to_link(entity, "entity", _LOGGED_ON)
    if isinstance(minutes, bool) or not isinstance(minutes, (int, float)) or not minutes > 0:
        msg = (
            f"minutes={minutes!r} is not a number above 0. Nothing was sent. Pass the duration in minutes, such as 90."
        )
        raise InvalidArgumentError(msg)
    when = dt.date.today() if day is None else to_day(day)  # noqa: DTZ011 - people log time by local days
    with within(sg, timeout):
        worker = to_link(me(sg) if user is None else user, "user", PEOPLE)
        project = entity.get("project") or get(sg, link["type"], link, fields=["project"])["project"]
        fields: Row = {
            "entity": link,
            "project": project,
            "user": worker,
            "date": when.isoformat(),
            "duration": minutes,
        }
        if description is not None:
            fields["description"] = description
        made: Row = sg.create("TimeLog", {**fields, **(data or {})})
        return made
