"""
``sg.events`` with a checkpoint file: which place counts, and who may write the file.
"""

import datetime as dt
import itertools

import pytest

from sgextended.events.log.log_tracker import Position

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
