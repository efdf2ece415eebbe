"""
`CheckpointFile`: what was saved is there after the process died, at any moment.
"""

import json
import signal
import subprocess
import sys

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
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
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


def test_folder_that_does_not_exist_is_reported(place):
    """
    A path in a folder that does not exist is an error before anything is followed.
    """
    with pytest.raises(ConfigurationError, match="Create it, or pass another path"):
        CheckpointFile(place / "in" / "nothing", None)
