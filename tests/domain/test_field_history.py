"""
The history of fields, from the event log.
"""

import datetime as dt

import pytest


@pytest.fixture(scope="module")
def sg(own_sg):
    """
    A client of a site for these tests.
    """
    return own_sg


@pytest.fixture(scope="module")
def changed(sg, ana):
    """
    A shot and a task whose fields have changed.
    """
    project = sg.create("Project", {"name": "Film"})
    sequence = sg.create("Sequence", {"code": "sq", "project": project})
    shot = sg.create("Shot", {"code": "history", "project": project, "sg_status_list": "wtg"})
    for status in ("ip", "fin"):
        sg.update("Shot", shot["id"], {"sg_status_list": status})
    sg.update("Shot", shot["id"], {"sg_cut_in": 1001, "sg_sequence": sequence})
    task = sg.create("Task", {"content": "history", "project": project, "entity": shot})
    sg.assign(task, ana)
    sg.unassign(task, ana)
    return {**shot, "sg_sequence": sequence}, task


def test_values_of_a_field(sg, changed):
    """
    Each change has the values before and after, the user and the time, oldest first.
    """
    shot, _task = changed
    history = sg.field_history(shot, "sg_status_list")

    assert [(row["old_value"], row["new_value"]) for row in history][-2:] == [("wtg", "ip"), ("ip", "fin")]
    assert {row["entity"]["id"] for row in history} == {shot["id"]}
    assert history[-1]["user"]["id"] == sg.me()["id"]
    assert isinstance(history[-1]["created_at"], dt.datetime)
    assert history[-1]["type"] == "EventLogEntry"


def test_links(sg, ana, changed):
    """
    A link has its type and id; a list of links has what was added and removed.
    """
    shot, task = changed
    sequence = sg.field_history(shot, "sg_sequence")[-1]["new_value"]
    added, removed = sg.field_history(task, "task_assignees")[-2:]

    assert (sequence["type"], sequence["id"]) == ("Sequence", shot["sg_sequence"]["id"])
    assert [link["id"] for link in added["added"]] == [ana["id"]]
    assert [link["id"] for link in removed["removed"]] == [ana["id"]]
    assert added["removed"] == removed["added"] == []


def test_several_entities_and_fields(sg, changed):
    """
    Entities of several types and several fields are one search; None returns all fields.
    """
    before = sg.requests_sent
    found = sg.field_history(changed, ["sg_cut_in", "task_assignees"])

    assert {row["field"] for row in found} == {"sg_cut_in", "task_assignees"}
    assert sg.requests_sent == before + 1
    assert {row["field"] for row in sg.field_history(changed[0])} >= {"sg_cut_in", "sg_status_list", "sg_sequence"}


def test_options(sg, ana, changed):
    """
    user=, order= and limit= have the usual meaning. No entities cost no request.
    """
    newest = [{"field_name": "id", "direction": "desc"}]
    (last,) = sg.field_history(changed[0], "sg_status_list", order=newest, limit=1)

    assert last["new_value"] == "fin"
    assert sg.field_history(changed[0], user=ana) == []
    assert sg.field_history([]) == []
