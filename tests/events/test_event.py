"""
`Event`: what an entry of the event log becomes.
"""

import datetime as dt

import pytest

from sgextended import Event
from sgextended.events.event import FIELDS as EVENT_FIELDS

UTC = dt.timezone.utc
CREATED = dt.datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def event_of(kind=None, **meta):
    """
    Return the event of a change of a field with a data type.
    """
    if kind is not None:
        meta["field_data_type"] = kind
    row = {"type": "EventLogEntry", "id": 7, "event_type": "Shotgun_Shot_Change", "created_at": CREATED, "meta": meta}
    return Event.from_entry(row)


@pytest.mark.parametrize(
    ("kind", "value", "typed"),
    [
        ("date", "2026-01-05", dt.date(2026, 1, 5)),
        ("date", "soon", "soon"),
        ("date", "2026-02-31", "2026-02-31"),
        ("date_time", "2026-01-02 03:04:05 UTC", dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("date_time", "2026-01-02T03:04:05.25+01:00", dt.datetime(2026, 1, 2, 2, 4, 5, 250000, tzinfo=UTC)),
        ("date_time", CREATED, CREATED),
        (None, "2026-01-02 03:04:05 UTC", dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),  # the date of a deletion
        ("text", "2026-01-02 03:04:05 UTC", "2026-01-02 03:04:05 UTC"),
        ("number", "12", 12),
        ("number", 12, 12),
        ("float", "1.5", 1.5),
        ("float", 2, 2.0),
        ("currency", "many", "many"),
        ("checkbox", "true", True),
        ("checkbox", False, False),
        ("status_list", "ip", "ip"),
        ("serializable", {"a": 1}, {"a": 1}),
        ("entity", {"type": "Task", "id": 3, "name": "t", "valid": "valid"}, {"type": "Task", "id": 3, "name": "t"}),
        ("entity", "gone", "gone"),
    ],
)
def test_values_have_the_type_of_their_field(kind, value, typed):
    """
    The old and the new value have the type of the field; a value that does not fit stays as the site sent it.
    """
    event = event_of(kind, old_value=value, new_value=value)

    assert (event.old_value, event.new_value) == (typed, typed)
    assert type(event.new_value) is type(typed)


def test_list_of_links_has_what_was_added_and_removed():
    """
    Added and removed links have type, id and name. What is not a link is left out.
    """
    event = event_of(
        "multi_entity", added=[{"type": "Shot", "id": 1, "uuid": "u", "name": "a"}, None], removed=[{"type": "Shot"}]
    )

    assert event.added == ({"type": "Shot", "id": 1, "name": "a"},)
    assert event.removed == ()
    assert (event.old_value, event.new_value) == (None, None)


def test_entity_of_a_deleted_one_comes_from_the_details():
    """
    The field ``entity`` of an entry is empty once the entity is deleted; the details still name it.
    """
    event = event_of(entity_type="Shot", entity_id=5, display_name="sh010")

    assert event.entity == {"type": "Shot", "id": 5, "name": "sh010"}


@pytest.mark.parametrize("meta", [None, "text", [], {"entity_type": "Shot", "entity_id": None}, {"added": 3}])
def test_unexpected_details_are_no_error(meta):
    """
    A program may write any entry, so details of any kind are accepted.
    """
    event = Event.from_entry({"type": "EventLogEntry", "id": "7", "meta": meta})

    assert (event.id, event.entity, event.added, event.created_at) == (7, None, (), None)


def test_events_of_a_site_have_all_parts(studio):
    """
    The entries of a real change become events with typed parts, also after the entity was deleted.
    """
    sg, project = studio
    shot = sg.create("Shot", {"project": project, "code": "sh010"})
    task = sg.create("Task", {"project": project, "content": "comp", "entity": shot, "due_date": "2026-01-05"})
    sg.delete("Shot", shot["id"])
    rows = sg.find("EventLogEntry", [["project", "is", project]], EVENT_FIELDS)
    events = [Event.from_entry(row) for row in rows]

    due = next(event for event in events if event.attribute_name == "due_date")
    assert (due.old_value, due.new_value, due.in_create) == (None, dt.date(2026, 1, 5), True)
    assert due.entity == {"type": "Task", "id": task["id"], "name": "comp"}
    assert due.user["type"] == "ApiUser"
    assert due.project == {"type": "Project", "id": project["id"], "name": project["name"]}
    back = next(event for event in events if event.is_back_reference)
    assert back.attribute_name == "tasks"
    assert [(link["type"], link["id"]) for link in back.added] == [("Task", task["id"])]
    retired = next(event for event in events if event.attribute_name == "retirement_date")
    assert (retired.entity["type"], retired.entity["id"]) == ("Shot", shot["id"])
    assert abs(retired.new_value - retired.created_at) < dt.timedelta(seconds=2)
    assert {event.entity["type"] for event in events} <= {"Project", "Shot", "Task"}


def test_events_with_one_id_are_equal():
    """
    The id is the key: sets and dicts hold an event once, also if it was read twice.
    """
    assert len({event_of("number", new_value=1), event_of("number", new_value=2)}) == 1
