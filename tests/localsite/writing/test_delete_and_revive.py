"""
Deleting and reviving rows: what goes and comes along, and what cannot be deleted.
"""

import pytest
from shotgun_api3 import Fault


def test_delete_and_revive_say_whether_they_did_something(sg, make):
    """
    Deleting a deleted row, or reviving a live one, does nothing and says so.
    """
    shot = make("Shot")

    assert [sg.delete("Shot", shot["id"]), sg.delete("Shot", shot["id"])] == [True, False]
    assert [sg.revive("Shot", shot["id"]), sg.revive("Shot", shot["id"])] == [True, False]
    assert sg.find_one("Shot", [["id", "is", shot["id"]]]) == shot


def test_versions_go_and_come_with_their_shot(sg, make):
    """
    A deleted shot takes its versions along and brings them back; one deleted before stays deleted.
    """
    shot = make("Shot")
    kept, gone = make("Version", entity=shot), make("Version", entity=shot)
    sg.delete("Version", gone["id"])
    sg.delete("Shot", shot["id"])
    during = sg.find_one("Version", [["id", "is", kept["id"]]])
    sg.revive("Shot", shot["id"])

    assert during is None
    assert sg.find_one("Version", [["id", "is", kept["id"]]]) == kept
    assert sg.find_one("Version", [["id", "is", gone["id"]]]) is None


def test_events_cannot_be_deleted(sg, project):
    """
    An entry of the event log is for ever.
    """
    event = sg.create("EventLogEntry", {"project": project, "event_type": "Tool_Shot_Check", "description": "x"})

    with pytest.raises(Fault, match=r"Entity of type EventLogEntry can not be deleted by this user."):
        sg.delete("EventLogEntry", event["id"])
