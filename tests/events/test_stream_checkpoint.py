"""
``sg.events`` with a checkpoint file: which place counts, and who may write the file.
"""

import datetime as dt
import itertools
import threading

import pytest

from sgextended import ConfigurationError
from sgextended.events.log import checkpoint
from sgextended.events.log.checkpoint import read_checkpoint
from sgextended.events.log.log_tracker import Position
from sgextended.events.log.outages import OutageWaits

FAST = {"poll_seconds": 0.01, "timeout": 30}
DAYS = itertools.count(1)


def make_shots(studio, count):
    """
    Create shots, each with three events, and return their ids.
    """
    sg, project = studio
    return [sg.create("Shot", {"project": project, "code": f"s{number}"})["id"] for number in range(count)]


def take(stream, count):
    """
    Return the ids of the next events.
    """
    return [event.id for event in itertools.islice(stream, count)]


@pytest.fixture
def place(tmp_path):
    return tmp_path / "place"


@pytest.fixture
def at(event_site):
    """
    Sets the clock of the site: a number of seconds after the start of the test, which has a day of its own.
    """
    clock, day = event_site.store.clock, dt.timedelta(days=next(DAYS))

    def set_clock(seconds):
        event_site.store.clock = lambda: clock() + day + dt.timedelta(seconds=seconds)
        return event_site.store.clock()

    yield set_clock
    event_site.store.clock = clock


@pytest.mark.parametrize("in_order", [True, False])
def test_time_is_for_the_first_run_only(studio, place, at, in_order):
    """
    With a checkpoint, events before *after* are yielded too: they have happened while nobody followed.
    """
    sg, _project = studio
    options = {"checkpoint": place, "follow": False, "in_order": in_order}
    assert [*sg.events("Shotgun_Shot_New", after=at(0), **options)] == []
    shots = make_shots(studio, 1)
    found = [event.entity["id"] for event in sg.events("Shotgun_Shot_New", after=at(60), **options)]

    assert found == shots


@pytest.mark.parametrize("in_order", [True, False])
def test_start_at_a_time_survives_an_early_end(studio, place, at, in_order):
    """
    A run that ends at its first event leaves the time in the checkpoint: the next run yields nothing before it either.
    """
    sg, _project = studio
    make_shots(studio, 1)
    start = at(120)
    make_shots(studio, 2)
    options = {"checkpoint": place, "follow": False, "in_order": in_order}
    with sg.events("Shotgun_Shot_New", after=start, **options) as stream:
        (first,) = take(stream, 1)
    text = sg.events(after=start, follow=False)
    next(text)
    with sg.events("Shotgun_Shot_New", after=text.position, follow=False) as from_text:
        again, after_text = take(sg.events("Shotgun_Shot_New", **options), 9), take(from_text, 9)

    assert again[0] == first
    assert len(again) == 2
    assert after_text == again[1:]


def test_time_of_the_start_ends_with_its_margin(studio, place, at):
    """
    Long after the start, the clock of the site may be set back: no event of that time is unwanted.
    """
    sg, _project = studio
    stream = sg.events("Shotgun_Shot_New", after=at(0), checkpoint=place, **FAST)
    at(7200)
    make_shots(studio, 1)
    at(-600)
    shots = make_shots(studio, 1)
    events = [*itertools.islice(stream, 2)]
    stream.close()

    assert events[-1].entity["id"] == shots[0]
    assert Position.from_json(stream.position).not_before is None


@pytest.mark.parametrize("second_is", ["ended", "running"])
def test_mark_never_goes_back(studio, place, second_is):
    """
    After close, another loop may use the checkpoint. The first one then ends without writing.
    """
    sg, _project = studio
    first = sg.events(checkpoint=place, **FAST)
    make_shots(studio, 2)
    next(first)
    first.close()
    with sg.events(checkpoint=place, **FAST) as second:
        take(second, 4)
        if second_is == "running":
            assert [*first] == []
        next(second)
        mark = read_checkpoint(place)["position"]["mark"]
    if second_is == "ended":
        mark = read_checkpoint(place)["position"]["mark"]
        assert [*first] == []

    assert read_checkpoint(place)["position"]["mark"] == mark


def test_loop_that_lost_its_checkpoint_ends(studio, place):
    """
    Without its lock file a loop must not go on: another one could handle the same events.
    """
    sg, _project = studio
    stream = sg.events(checkpoint=place, **FAST)
    make_shots(studio, 1)
    next(stream)
    place.with_name("place.lock").unlink()
    before = place.read_bytes()
    with pytest.raises(ConfigurationError, match="has lost the lock"):
        next(stream)
    stream.close()

    assert place.read_bytes() == before


def test_close_by_another_thread_at_any_moment(studio, place):
    """
    However close meets the loop, each run continues where the one before has ended, and nothing comes twice.
    """
    sg, _project = studio
    sg.events(checkpoint=place).close()
    shots, ids = make_shots(studio, 8), []
    for number in range(16):
        stream = sg.events("Shotgun_Shot_New", checkpoint=place, follow=False, timeout=30)
        thread = threading.Thread(target=stream.close)
        for event in stream:
            ids.append(event.entity["id"])
            if len(ids) % 3 == number % 3 and not thread.ident:
                thread.start()
        if thread.ident:
            thread.join()

    assert ids == shots


def test_full_disk_is_waited_for(studio, place, caplog, monkeypatch):
    """
    While the place cannot be stored, the loop warns and waits. Then it goes on, and nothing is lost.
    """
    sg, _project = studio
    stream = sg.events(checkpoint=place, **FAST)
    make_shots(studio, 1)
    failures, real = [], checkpoint.os.fsync

    def fail_twice(file):
        if len(failures) < 2:
            failures.append(file)
            raise OSError(28, "No space left on device")
        real(file)

    monkeypatch.setattr(checkpoint, "STORE_SECONDS", 0.0)
    monkeypatch.setattr(checkpoint.os, "fsync", fail_twice)
    monkeypatch.setattr(stream._disk, "failed", lambda error: OutageWaits.failed(stream._disk, error) / 100)
    ids = take(stream, 3)
    stream.close()

    assert ids == [ids[0], ids[0] + 1, ids[0] + 2]
    assert len(failures) == 2
    assert "Writing the checkpoint" in caplog.text
    assert read_checkpoint(place)["position"]["mark"] == ids[1]


def test_first_place_must_be_stored(studio, place, monkeypatch):
    """
    A checkpoint that cannot be written at all is an error of the call.
    """
    sg, _project = studio

    def fail(_file):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(checkpoint.os, "fsync", fail)
    with pytest.raises(OSError, match="Read-only"):
        sg.events(checkpoint=place)
