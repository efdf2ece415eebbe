"""
Undo: the writes of a block are undone, unless a value was changed later.
"""

import datetime
import errno
import multiprocessing
import os
import pickle
from pathlib import Path

import attrs
import pytest
from fix_extended import make_site as make_scripted
from fix_servers import Last, page

from sgextended import ConfigurationError, ForkedProcessError, OutcomeUnknown, PartialSuccessError, SGExtended, UndoLog


@pytest.fixture
def sg(any_tls_site, make_sg):
    """
    A wrapper on a local site.
    """
    return make_sg(any_tls_site)


@pytest.fixture
def steps(sg):
    """
    Two steps to write to.
    """
    return [sg.create("Step", {"code": f"step {number}", "description": "old"}) for number in (1, 2)]


def read(sg, *steps, retired_only=False):
    ids = [step["id"] for step in steps]
    order = [{"field_name": "id", "direction": "asc"}]
    return sg.find("Step", [["id", "in", ids]], ["code", "description"], order, retired_only=retired_only)


def write_some(sg, steps):
    """
    Call every method that can be undone; return the new step.
    """
    one, two = steps
    made = sg.create("Step", {"code": "made"})
    sg.update("Step", one["id"], {"code": "first", "description": "new"})
    sg.update("Step", one["id"], {"code": "second"})
    sg.update("Step", made["id"], {"description": "later"})
    sg.batch(
        [
            {"request_type": "update", "entity_type": "Step", "entity_id": two["id"], "data": {"description": None}},
            {"request_type": "delete", "entity_type": "Step", "entity_id": two["id"]},
        ]
    )
    return made


@pytest.mark.parametrize("from_file", [False, True])
def test_a_block_is_undone(sg, steps, tmp_path, from_file):
    """
    Updates, creates, deletes and batches are undone in reverse order, from memory or from the file.
    """
    before = read(sg, *steps)
    with sg.undoable(tmp_path / "log") as log:
        made = write_some(sg, steps)
    assert read(sg, *steps) != before

    undone = (UndoLog.read(tmp_path / "log") if from_file else log).undo(sg)

    assert undone
    assert str(undone) == "6 undone, 0 not undone."
    assert read(sg, *steps) == before
    assert read(sg, made) == []


def test_fields_that_were_changed_later_are_kept(sg, steps):
    """
    A field that was changed later is not restored, and the result names it.
    """
    one, two = steps
    with sg.undoable() as log:
        made = sg.create("Step", {"code": "made"})
        sg.update("Step", one["id"], {"code": "ours", "description": "ours"})
        sg.delete("Step", two["id"])
    sg.update("Step", one["id"], {"code": "theirs"})
    sg.update("Step", made["id"], {"code": "theirs"})
    sg.revive("Step", two["id"])

    undone = log.undo(sg)

    assert not undone
    assert str(undone).splitlines() == [
        "0 undone, 3 not undone.",
        f"delete Step {two['id']}: it was undone already.",
        f"update Step {one['id']}: code changed later; restored: description.",
        f"create Step {made['id']}: code changed later, so the entity is not retired.",
    ]
    assert (read(sg, one)[0]["code"], read(sg, one)[0]["description"]) == ("theirs", "old")


def test_what_has_no_way_back_is_said(sg, steps, tmp_path):
    """
    An upload is named as left.
    """
    (tmp_path / "note.txt").write_text("x")
    with sg.undoable() as log:
        sg.upload("Step", steps[0]["id"], str(tmp_path / "note.txt"))

    assert str(log.undo(sg)).splitlines()[1] == f"upload Step {steps[0]['id']}: this method cannot be undone."


def test_a_write_that_failed_is_not_undone(sg, steps):
    """
    A write that the site refused is not undone.
    """
    with sg.undoable() as log, pytest.raises(Exception, match="no_such_field"):
        sg.update("Step", steps[0]["id"], {"no_such_field": 1})

    assert log.undo(sg) == attrs.evolve(log.undo(sg), done=[], left=[])


def test_an_uncertain_create_is_named(shot_server):
    """
    A create with unknown outcome is not undone, and the result says so.
    """
    shot_server.answers["create"] = lambda _request: Last(reset=True)
    sg = SGExtended(site=make_scripted(shot_server))
    with sg.undoable() as log, pytest.raises(OutcomeUnknown):
        sg.create("Shot", {"code": "maybe"})
    shot_server.answers["read"] = page()

    assert "it is unknown whether it was done" in str(log.undo(sg))


def test_the_file_is_written_before_the_write_is_sent(sg, steps, tmp_path):
    """
    A process that dies during a write leaves the old values in the file; an incomplete line is ignored.
    """
    seen = []

    class Looking(SGExtended):
        def on_call(self, call):
            if call.rpc == "update":
                seen.append(path.read_bytes())

    path, looking = tmp_path / "log", Looking(sg)
    with looking.undoable(path):
        looking.update("Step", steps[0]["id"], {"code": "new"})
    (tmp_path / "torn").write_bytes(seen[0] + b'{"number": 2, "meth')

    (entry,) = UndoLog.read(tmp_path / "torn").entries
    assert (entry.old, entry.new, entry.is_done) == ({"code": "step 1"}, {"code": "new"}, False)
    assert UndoLog.read(tmp_path / "torn").undo(sg)
    assert read(sg, steps[0])[0]["code"] == "step 1"


def test_datetimes_survive_the_file(tmp_path):
    """
    A datetime that was overwritten comes back from the file as it was.
    """
    when = datetime.datetime(2026, 3, 9, 12, 30, tzinfo=datetime.timezone.utc)
    log = UndoLog(tmp_path / "log")
    log._append({"number": 1, "method": "update", "entity_type": "Note", "entity_id": 1, "old": {"d": when}})
    log.close()

    assert UndoLog.read(tmp_path / "log").entries[0].old == {"d": when}


def test_an_existing_file_is_kept(sg, tmp_path):
    """
    A log never overwrites a file, and a file that is not a log is refused.
    """
    (tmp_path / "log").write_text("dear diary\n")

    with pytest.raises(ConfigurationError, match="exists already"), sg.undoable(tmp_path / "log"):
        pass
    with pytest.raises(ConfigurationError, match="is not an undo log: line 1"):
        UndoLog.read(tmp_path / "log")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("when", ["before", "after"])
def test_full_disk_says_what_was_done(sg, steps, tmp_path, when):
    """
    If the log cannot be written before a write, nothing is sent. After it, the error says what the site has done, and
    the log in memory undoes it.
    """
    number = steps[0]["id"]

    def fill(log):
        log.close()
        log._file = Path("/dev/full").open("r+b", buffering=0)  # noqa: SIM115 - the log closes it

    class Filling(SGExtended):
        def on_call(self, call):
            if call.rpc == "update" and when == "after":
                fill(log)

    filling = Filling(sg)
    with filling.undoable(tmp_path / "log") as log:
        if when == "before":
            fill(log)
            with pytest.raises(OSError, match="Nothing was sent"):
                filling.update("Step", number, {"code": "new"})
        else:
            with pytest.raises(
                PartialSuccessError, match=r"The site has done this: update Step .* recorded in the undo"
            ):
                filling.update("Step", number, {"code": "new"})

    assert sg.get("Step", number, fields=["code"])["code"] == ("step 1" if when == "before" else "new")
    assert log.undo(sg)
    assert sg.get("Step", number, fields=["code"])["code"] == "step 1"


def test_log_is_readable_after_the_disk_was_full(sg, steps, tmp_path):
    """
    A line that was written in part is removed, so that the lines of later writes can be read.
    """
    number, path = steps[0]["id"], tmp_path / "log"

    class Full:
        def __init__(self, file):
            self._file, self._room = file, 40

        def write(self, data):
            room, self._room = self._room, 0
            if not room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return self._file.write(data[:room])

        def __getattr__(self, name):
            return getattr(self._file, name)

    with sg.undoable(path) as log:
        file = log._file
        log._file = Full(file)
        with pytest.raises(OSError, match="Nothing was sent"):
            sg.update("Step", number, {"code": "new"})
        log._file = file
        sg.update("Step", number, {"code": "newer"})

    assert UndoLog.read(path).undo(sg)
    assert sg.get("Step", number, fields=["code"])["code"] == "step 1"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_child_writes_nothing_in_a_block_of_its_parent(sg, steps, tmp_path):
    """
    The log would not have the write, or under the number of another one.
    """
    number = steps[0]["id"]

    def write():
        with pytest.raises(ForkedProcessError, match="This undoable block"):
            sg.update("Step", number, {"code": "child"})

    with sg.undoable(tmp_path / "log") as log:
        child = multiprocessing.get_context("fork").Process(target=write)
        child.start()
        child.join(30)

    assert child.exitcode == 0
    assert log.entries == []
    assert sg.get("Step", number, fields=["code"])["code"] == "step 1"


def test_pickled_log_has_its_writes(sg, steps):
    """
    A worker may return its log, and the caller may undo it.
    """
    with sg.undoable() as log:
        sg.update("Step", steps[0]["id"], {"code": "new"})

    assert pickle.loads(pickle.dumps(log)).undo(sg)
    assert sg.get("Step", steps[0]["id"], fields=["code"])["code"] == "step 1"
