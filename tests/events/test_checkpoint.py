"""
`CheckpointFile`: what was saved is there after the process died, at any moment.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from sgextended.errors import ConfigurationError
from sgextended.events.log import checkpoint
from sgextended.events.log.checkpoint import CheckpointFile, read_checkpoint

WRITER = """
import sys
from sgextended.events.log.checkpoint import CheckpointFile
file = CheckpointFile(sys.argv[1], None)
number = 0
while True:
    number += 1
    file.save({"position": {"mark": number}})
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


@pytest.fixture
def place(tmp_path):
    return tmp_path / "place"


def test_last_save_survives_the_death_of_the_process(place):
    """
    After SIGKILL the content is that of the last save, or of the one that was being written.
    """
    command = [sys.executable, "-c", WRITER, str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) == 300:
                break
        process.send_signal(signal.SIGKILL)
        *_, last = [300, *map(int, (line for line in process.stdout if line.endswith("\n")))]

    assert read_checkpoint(place)["position"]["mark"] - last in (0, 1)
    CheckpointFile(place, None).release()  # the lock has ended with the process


def test_file_is_replaced_as_a_whole(place, monkeypatch):
    """
    The file is stored at once when nothing was stored for a second, and at the release; its content is whole.
    """
    now = [100.0]
    # Not the clock of the whole process: the loops of local sites in other threads would stop.
    clock = SimpleNamespace(monotonic=lambda: now[0], time_ns=time.time_ns)
    monkeypatch.setattr(checkpoint, "time", clock)
    file = CheckpointFile(place, "http://site")
    marks = []
    for number in range(4):
        file.save({"position": number})
        file.store_if_due()
        marks.append(json.loads(place.read_text())["position"])
        now[0] += 0.4
    file.store_if_due()
    marks.append(json.loads(place.read_text())["position"])
    file.save({"position": 5})
    file.release()
    marks.append(json.loads(place.read_text())["position"])

    assert marks == [0, 0, 0, 3, 3, 5]
    assert {path.name for path in place.parent.iterdir()} == {"place", "place.lock"}


def test_newest_content_is_read_while_it_is_in_use(place):
    """
    Other processes read what was saved last; a lock file that belongs to another file, or is damaged, is ignored.
    """
    file = CheckpointFile(place, None)
    file.save({"position": 1, "more": "x"})
    file.save({"position": 2, "more": "x"})
    newest, lock = read_checkpoint(place), place.with_name("place.lock")
    whole = lock.read_bytes()
    lock.write_bytes(whole[:-1] + b"?")
    damaged = read_checkpoint(place)
    lock.write_bytes(whole)
    place.write_text(json.dumps({**json.loads(place.read_text()), "serial": 1, "position": 0}))
    restored = read_checkpoint(place)
    place.unlink()

    assert (newest["position"], newest["more"]) == (2, "x")
    assert (damaged["position"], restored["position"], read_checkpoint(place)) == (1, 0, {})


def test_failed_write_keeps_the_content(place, monkeypatch):
    """
    A full disk leaves the file as it was.
    """
    file = CheckpointFile(place, None)
    file.save({"position": 1})
    file._stored_at = float("-inf")

    def fail(_file):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.os, "fsync", fail)
        with pytest.raises(OSError, match="No space left"):
            file.save({"position": 2})
    assert read_checkpoint(place)["position"] == 1
    file.release()


@pytest.mark.parametrize("torn_at", [0, 5, 30, 4096, 9000])
def test_save_that_was_cut_off_leaves_the_one_before(place, torn_at):
    """
    A process that dies while it writes a long content has the content before it, and continues from there.
    """
    file, parked = CheckpointFile(place, None), [f"event {number}" for number in range(1500)]
    lock = place.with_name("place.lock")
    contents = []
    for number in range(6):
        file.save({"position": number, "parked": parked[number:]})
        contents.append(lock.read_bytes())
    whole, before = contents[-1], contents[-2]
    first = next(at for at, (new, old) in enumerate(zip(whole, before)) if new != old)
    slot = first - first % checkpoint._SLOT
    lock.write_bytes(before[:slot] + whole[slot : slot + torn_at] + before[slot + torn_at :])
    torn = read_checkpoint(place)

    assert json.loads(place.read_text())["position"] == 0
    assert (torn["position"], torn["parked"]) == (4, parked[4:])


def test_writer_without_the_lock_writes_nothing(place):
    """
    Somebody has deleted the lock file, and another follower has begun: the first one reports it, and changes nothing.
    """
    first = CheckpointFile(place, None)
    first.save({"position": 1})
    place.with_name("place.lock").unlink()
    second = CheckpointFile(place, None)
    second.save({"position": 7})
    second.save({"position": 8})
    for stored_at in (first._stored_at, float("-inf")):
        first._stored_at = stored_at
        with pytest.raises(ConfigurationError, match="has lost the lock"):
            first.save({"position": 2})
    first.release()
    assert read_checkpoint(place)["position"] == 8
    second.save({"position": 9})
    second.release()
    assert read_checkpoint(place)["position"] == 9


def test_file_that_another_follower_has_changed_is_kept(place, monkeypatch):
    """
    Where the system supports no locks, the follower that finds another content stops writing.
    """
    monkeypatch.setattr(checkpoint, "fcntl", None)
    first, second = CheckpointFile(place, None), CheckpointFile(place, None)
    first.save({"position": 1})
    with pytest.raises(ConfigurationError, match="Another follower has changed the checkpoint"):
        second.save({"position": 0})
    second.release()
    first.release()

    assert read_checkpoint(place)["position"] == 1


def test_resume_is_refused_after_another_follower(place):
    """
    After a release the file can be locked again, unless another follower has it or has changed it since.
    """
    first = CheckpointFile(place, None)
    first.save({"position": 1})
    first.release()
    with pytest.raises(ConfigurationError, match="has lost the lock"):
        first.save({"position": 2})
    assert first.resume()
    first.save({"position": 2})
    first.release()
    second = CheckpointFile(place, None)
    assert not first.resume()
    second.save({"position": 5})
    second.release()
    assert not first.resume()
    first.release()

    assert read_checkpoint(place)["position"] == 5


def test_a_renamed_site_goes_on_from_its_checkpoint(place):
    """
    The vendor has renamed the sites. The checkpoint of a site is good for its new address.
    """
    before = CheckpointFile(place, "https://studio.shotgunstudio.com")
    before.save({"position": 7})
    before.release()
    after = CheckpointFile(place, "https://Studio.shotgrid.autodesk.com/")
    after.release()

    assert read_checkpoint(place, "https://studio.shotgrid.autodesk.com")["position"] == 7
    with pytest.raises(ConfigurationError, match="is the checkpoint of"):
        read_checkpoint(place, "https://other.shotgrid.autodesk.com")


def test_folder_that_does_not_exist_is_reported(place):
    """
    A path in a folder that does not exist is an error before anything is followed.
    """
    with pytest.raises(ConfigurationError, match="Create it, or pass another path"):
        CheckpointFile(place / "in" / "nothing", None)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs this device")
def test_checkpoint_is_no_device():
    """
    A device that can be read without end is not read.
    """
    with pytest.raises(ConfigurationError, match="cannot be a device"):
        CheckpointFile("/dev/full", None)
