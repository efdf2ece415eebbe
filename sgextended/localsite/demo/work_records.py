"""
What goes on around the work of the demo: time logs, bookings, tags, tickets and deliveries.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from sgextended.localsite.demo import vocabulary as words
from sgextended.localsite.demo.demo_rows import TODAY, DemoRows, weekday

if TYPE_CHECKING:
    from sgextended.localsite.storage.transaction import Link

# The days before today for which everybody has logged their time.
_LOGGED_DAYS = 21
# The first shots of this sequence, which the documentation's examples use, have logs of all their days.
_LOGGED_SEQUENCE = "BRG"
_LOGGED_SHOTS = 6
_STARTED = frozenset({"fin", "ip", "hld"})


def add_work_records(demo: DemoRows) -> None:
    """
    Add time logs, bookings, tags, tickets and deliveries.
    """
    demo.begin_part("time logs")
    _add_time_logs(demo)
    demo.begin_part("bookings")
    _add_bookings(demo)
    demo.begin_part("tags")
    _add_tags(demo)
    demo.begin_part("tickets")
    _add_tickets(demo)
    demo.begin_part("deliveries")
    _add_deliveries(demo)


def _add_time_logs(demo: DemoRows) -> None:
    since = (TODAY - dt.timedelta(days=_LOGGED_DAYS)).isoformat()
    sequence = next(row["id"] for row in demo.rows["Sequence"] if row["code"] == _LOGGED_SEQUENCE)
    shots = [row["id"] for row in demo.rows["Shot"] if row["sg_sequence__id"] == sequence][:_LOGGED_SHOTS]
    for task in demo.rows["Task"]:
        is_logged = task["entity__type"] == "Shot" and task["entity__id"] in shots
        if task["sg_status_list"] not in _STARTED or not (is_logged or task["due_date"] >= since):
            continue
        person = demo.assignees[task["id"]]
        day, last = dt.date.fromisoformat(task["start_date"]), dt.date.fromisoformat(task["due_date"])
        while day <= min(last, TODAY):
            if weekday(day) == day and (is_logged or day.isoformat() >= since):
                demo.author = person
                demo.add(
                    "TimeLog",
                    demo.moment(day),
                    project={"type": "Project", "id": task["project__id"]},
                    entity={"type": "Task", "id": task["id"]},
                    user=person,
                    date=day.isoformat(),
                    duration=demo.random.choice((120, 240, 300, 360, 420, 480)),
                    description=demo.random.choice(words.TIME_LOGS),
                )
            day += dt.timedelta(days=1)


def _add_bookings(demo: DemoRows) -> None:
    active = [number for number, show in enumerate(words.SHOWS, start=1) if show.status == "Active"]
    for department, people in demo.team.items():
        for person in people:
            demo.author = demo.team["PRD"][0]
            start = weekday(TODAY - dt.timedelta(days=demo.random.randrange(20, 60)))
            project = {"type": "Project", "id": demo.random.choice(active)}
            share = 100 if department == "PRD" else demo.random.choice((50, 80, 100))
            _book(demo, person, start, 60, project=project, percent_allocation=share)
            if demo.random.random() < 0.2:
                away = weekday(TODAY + dt.timedelta(days=demo.random.randrange(-20, 40)))
                _book(demo, person, away, 5, vacation=1, note="Away.")
    _book(demo, demo.me, TODAY + dt.timedelta(days=2), 5, vacation=1, note="Skiing.")


def _book(demo: DemoRows, person: Link, start: dt.date, days: int, **columns: Any) -> None:
    """
    Add the booking of a person for a number of working days.
    """
    given = {"project": None, "percent_allocation": 100, "vacation": 0, "note": None, **columns}
    last = demo.workday(start, days)
    when = demo.moment(min(start - dt.timedelta(days=14), TODAY))
    demo.add("Booking", when, user=person, start_date=start.isoformat(), end_date=last.isoformat(), **given)


def _add_tags(demo: DemoRows) -> None:
    demo.author = demo.team["PRD"][0]
    tags = {name: demo.add("Tag", demo.moment(TODAY - dt.timedelta(days=300)), name=name) for name in words.TAGS}
    for asset in demo.rows["Asset"]:
        chosen = [tags[tag] for part, tag in words.TAGGED_PARTS.items() if part in asset["code"]]
        if demo.random.random() < 0.1:
            chosen.append(tags["reuse"])
        for tag in chosen:
            demo.link("Asset.tags", {"type": "Asset", "id": asset["id"]}, tag)
    for shot in demo.rows["Shot"]:
        if demo.random.random() < 0.2:
            name = demo.random.choice(words.SHOT_TAGS)
            demo.link("Shot.tags", {"type": "Shot", "id": shot["id"]}, tags[name])


def _add_tickets(demo: DemoRows) -> None:
    developers = demo.team["RIG"][:2]
    for number, (title, text, kind) in enumerate(words.TICKETS):
        day = weekday(TODAY - dt.timedelta(days=2 + 4 * number))
        demo.author = demo.random.choice(demo.team["ANM"] + demo.team["LGT"])
        ticket = demo.add(
            "Ticket",
            demo.moment(day),
            project={"type": "Project", "id": number % 5 + 1},
            title=title,
            description=text,
            sg_ticket_type=kind,
            sg_priority=str(1 + number % 5),
            sg_status_list=demo.random.choice(("wtg", "ip")) if number < 6 else "clsd",
        )
        solver = demo.random.choice(developers)
        demo.link("Ticket.addressings_to", ticket, solver)
        demo.link("Ticket.addressings_cc", ticket, demo.team["PRD"][number % 3])
        if number >= 3:
            demo.author = solver
            moment = demo.moment(min(weekday(day + dt.timedelta(days=1)), TODAY))
            demo.add("Reply", moment, entity=ticket, user=solver, content=demo.random.choice(words.TICKET_REPLIES))


def _add_deliveries(demo: DemoRows) -> None:
    for number, title in enumerate(words.DELIVERIES):
        day = weekday(TODAY - dt.timedelta(days=3 + 11 * number))
        project: Link = {"type": "Project", "id": number % 5 + 1}
        sender = demo.author = demo.team["ED"][number % 2]
        is_new = number < 2
        delivery = demo.add(
            "Delivery",
            demo.moment(day),
            project=project,
            title=f"{words.SHOWS[project['id'] - 1].code.upper()} {title}",
            description=f"{title} for the client.",
            sg_contents="Movies and frames.",
            sg_delivery_method=("Aspera", "FTP")[number % 2],
            sg_due_date=demo.workday(day, 5).isoformat(),
            sg_from=sender,
            sg_status_list=("ip", "opn")[number] if is_new else "dlvr",
        )
        demo.link("Delivery.addressings_to", delivery, demo.team["PRD"][number % 3])
        viewed = [
            row
            for row in demo.rows["Version"]
            if row["project__id"] == project["id"] and row["sg_status_list"] == "vwd"
        ]
        for version in demo.random.sample(viewed, 6):
            demo.link("Delivery.sg_versions", delivery, {"type": "Version", "id": version["id"]})
        if not is_new:
            demo.add("Reply", demo.moment(day), entity=delivery, user=sender, content="Sent and confirmed.")
