"""
What an undo log says of side effects: what they cost, what is unknown, and which formats are read.
"""

import json

import pytest
from shotgun_api3 import Fault

from sgextended import ConfigurationError, UndoLog
from sgextended.writes.undo import FORMAT


def test_only_writes_with_side_effects_cost_reads(show, chain):
    """
    A write of other fields costs one read, as before.
    """

    def cost(write):
        sent = show.sg.requests_sent
        write()
        return show.sg.requests_sent - sent

    with show.sg.undoable():
        plain = cost(lambda: show.sg.update("Task", chain[0]["id"], {"sg_status_list": "ip", "content": "x"}))
        made = cost(show.shot)
        scheduled = cost(lambda: show.sg.update("Task", chain[0]["id"], {"start_date": "2026-03-03"}))

    assert (plain, made) == (2, 1)
    assert scheduled > 2


def test_side_effects_that_were_not_recorded_are_named(show, chain, tmp_path):
    """
    A log of the former format is read. The result says that the side effects are unknown, where there may be some.
    """
    one, two, _three = chain
    entries = [
        {"number": 1, "method": "update", "entity_type": "Task", "entity_id": one["id"], "is_done": True,
         "old": {"content": "one"}, "new": {"content": "new"}},
        {"number": 2, "method": "update", "entity_type": "Task", "entity_id": two["id"], "is_done": True,
         "old": {"start_date": "2026-03-04"}, "new": {"start_date": "2026-03-16"}},
    ]  # fmt: skip
    show.sg.update("Task", one["id"], {"content": "new"})
    show.sg.update("Task", two["id"], {"start_date": "2026-03-16"})
    path = tmp_path / "log"
    path.write_text("".join(json.dumps(row) + "\n" for row in [{"sgextended_undo": 1}, *entries]))
    undone = UndoLog.read(path).undo(show.sg)

    assert [entry.number for entry in undone.done] == [1]
    assert [entry.number for entry, _reason in undone.left] == [2]
    assert "unknown: the log does not have them" in str(undone)
    assert show.get(two, "start_date")["start_date"] == "2026-03-04"


def test_a_process_that_died_before_the_second_look_is_named(show, chain, tmp_path):
    """
    If the state after the write is not in the file, the written field is restored, and the rest is named as unknown.
    """
    with show.sg.undoable(tmp_path / "log"):
        show.sg.update("Task", chain[1]["id"], {"upstream_tasks": []})
    lines = (tmp_path / "log").read_bytes().splitlines(keepends=True)
    (tmp_path / "torn").write_bytes(b"".join(lines[:-1]))
    undone = UndoLog.read(tmp_path / "torn").undo(show.sg)

    assert str(undone).splitlines()[0] == "0 undone, 1 not undone."
    assert "its effects on other entities and on the schedule are unknown" in str(undone)
    assert [edge[1] for edge in show.edges(chain[1])] == [chain[0]["id"]]


def test_a_newer_log_is_refused(tmp_path):
    """
    A log of a format that this version does not know is refused, and the error says so.
    """
    (tmp_path / "log").write_text(json.dumps({"sgextended_undo": FORMAT + 1}) + "\n")

    with pytest.raises(ConfigurationError, match=f"its format is {FORMAT + 1}"):
        UndoLog.read(tmp_path / "log")


def test_side_effects_that_the_site_does_not_show_are_named(show, chain, monkeypatch):
    """
    If the site refuses to show the dependencies, the write is sent, and the result says that they are unknown.
    """
    client = type(show.sg._client)
    find = client.find

    def refuse(self, entity_type, *args, **kwargs):
        if entity_type == "TaskDependency":
            raise Fault("not for this user")
        return find(self, entity_type, *args, **kwargs)

    monkeypatch.setattr(client, "find", refuse)
    with show.sg.undoable() as log:
        show.sg.update("Task", chain[0]["id"], {"start_date": "2026-03-09"})

    assert "unknown: the site refused to show them: not for this user" in str(log.undo(show.sg))
