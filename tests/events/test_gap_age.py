"""
The age of missing ids: neither a wrong ``Date`` nor a step of the site's clock has an entry given up that is only late.
"""

import datetime as dt
import itertools

import pytest

from sgextended import TransportTimeout
from sgextended.client.protocol.site_clock import ticks
from sgextended.events.log import log_follower, site_time
from sgextended.localsite import LocalSite

FAST = {"poll_seconds": 0.01, "timeout": 30}
NEVER = "late-events=0:next=1,never=1"
LATE = "late-events=86400:next=1"


@pytest.fixture
def quiet(connect_to):
    """
    A client of a site of its own, a project, and the site.
    """
    with LocalSite() as site, connect_to(site) as sg:
        yield sg, sg.create("Project", {"name": "p"}), site


@pytest.fixture
def wait_seconds(monkeypatch):
    """
    Lets seconds pass on the clock by which the follower measures its waiting.
    """
    passed = [0.0]
    for module in (site_time, log_follower):
        monkeypatch.setattr(module, "ticks", lambda: ticks() + passed[0])

    def wait(seconds):
        passed[0] += seconds

    return wait


def make_shot(studio):
    sg, project, _site = studio
    return sg.create("Shot", {"project": project, "code": "s"})


def set_clock(site, seconds):
    """
    Set the clock of the site's database, but not that of its responses.
    """
    site.store.clock = lambda: dt.datetime.now(dt.timezone.utc).replace(microsecond=0) + dt.timedelta(seconds=seconds)


def take(stream, count):
    return [event.id for event in itertools.islice(stream, count)]


@pytest.mark.parametrize("knows_site_time", [True, False])
def test_gap_is_waited_for_and_then_given_up(quiet, wait_seconds, knows_site_time):
    """
    In order, ids that never appear are waited for until the follower has waited for the age of a gap.
    """
    sg, _project, site = quiet
    stream = sg.events(gap_age=120, **FAST)
    if not knows_site_time:  # as with a client of another library
        stream._follower._time._clock = None
    make_shot(quiet)
    take(stream, 3)
    with site.faults.during(NEVER):
        make_shot(quiet)
    make_shot(quiet)
    for seconds in (0, 110):
        wait_seconds(seconds)
        with sg.deadline(0.2), pytest.raises(TransportTimeout, match=r"No event came within the 0\.2 s"):
            next(stream)
    wait_seconds(20)
    found = take(stream, 3)
    stream.close()

    assert len(found) == 3
    assert stream.given_up == 3


@pytest.mark.parametrize("starts", ["now", "before", "between"])
def test_late_events_come_although_the_date_is_ahead(quiet, starts):
    """
    The responses have a time that is an hour ahead of the creation times: a late event is waited for all the same.
    """
    sg, _project, site = quiet
    set_clock(site, -3600)
    make_shot(quiet)
    last = sg.find_one("EventLogEntry", [], order=[{"field_name": "id", "direction": "desc"}])["id"]
    stream = sg.events(**FAST) if starts == "now" else None
    with site.faults.during(LATE):
        make_shot(quiet)
    make_shot(quiet)
    if stream is None:
        stream = sg.events(after=last if starts == "before" else "now", **FAST)
        with sg.deadline(0.2), pytest.raises(TransportTimeout):
            next(stream)
    site.show_late_events()
    found = take(stream, 3)
    stream.close()

    assert found == [last + 1, last + 2, last + 3]
    assert stream.given_up == 0


def test_late_events_come_although_the_clock_steps(quiet):
    """
    The clock of the site is set an hour ahead between two entries: the missing ids before it are as young as before.
    """
    sg, _project, site = quiet
    stream = sg.events(**FAST)
    make_shot(quiet)
    take(stream, 3)
    with site.faults.during(LATE):
        make_shot(quiet)
    make_shot(quiet)
    with sg.deadline(0.2), pytest.raises(TransportTimeout):
        next(stream)
    set_clock(site, 3600)
    stream._follower._time._clock = None  # the clock of the responses steps too, so it says nothing else
    make_shot(quiet)
    with sg.deadline(0.2), pytest.raises(TransportTimeout):
        next(stream)
    site.show_late_events()
    found = take(stream, 9)
    stream.close()

    assert found == sorted(found)
    assert stream.given_up == 0


@pytest.mark.parametrize("quiet_for", ["a week", "a moment"])
def test_week_that_was_missed_is_not_waited_for(quiet, wait_seconds, quiet_for, monkeypatch):
    """
    A follower that could not read for a week waits for no gap of that week, also if the log is quiet since.
    """
    monkeypatch.setattr(log_follower, "PAGE", 8)
    sg, _project, site = quiet
    day = dt.timedelta(days=1)
    stream = sg.events(**FAST)
    set_clock(site, -7 * day.total_seconds())
    make_shot(quiet)
    take(stream, 3)
    for fault in [NEVER] * 4:
        with site.faults.during(fault):
            make_shot(quiet)
        make_shot(quiet)
    wait_seconds(7 * day.total_seconds())
    if quiet_for == "a moment":
        set_clock(site, 0)
        make_shot(quiet)
    found = take(stream, 12)
    stream.close()

    assert len(found) == 12
    assert stream.given_up == 12


def test_age_is_a_lower_bound(wait_seconds):
    """
    The age is that compared with the newest entry, and the time since; an entry of the future makes no other one old.
    """
    at = dt.datetime(2026, 3, 1, 12, tzinfo=dt.timezone.utc)
    time = site_time.SiteTime(None)
    assert time.age(at) == 0

    time.note(at + dt.timedelta(seconds=100))
    wait_seconds(50)
    assert time.age(at) == pytest.approx(150, abs=5)
    assert time.age(at, not_before=site_time.ticks() - 20) == pytest.approx(20, abs=5)
    assert time.age(None, since=site_time.ticks() - 30) == pytest.approx(30, abs=5)

    class Clock:
        def at(self, _moment):
            return at.timestamp() + 40

    time._clock = Clock()
    time.note(at + dt.timedelta(days=300))
    assert time.age(at) == 40
    assert time.age(at - dt.timedelta(days=2)) == 2 * 86400 + 40


def test_request_that_fails_in_a_full_look_loses_nothing(quiet, monkeypatch):
    """
    More entries are there than one request reads, and the request for the newest one fails: nothing is skipped.
    """
    monkeypatch.setattr(log_follower, "PAGE", 4)
    sg, _project, _site = quiet
    stream, real, failures = sg.events(**FAST), log_follower.newest_entries, []
    make_shot(quiet)
    take(stream, 3)

    def fail_once(client, limit):
        if not failures:
            failures.append(limit)
            raise ConnectionError("the site is down")
        return real(client, limit)

    monkeypatch.setattr(log_follower, "newest_entries", fail_once)
    for _ in range(3):
        make_shot(quiet)
    found = take(stream, 9)
    stream.close()

    assert found == list(range(found[0], found[0] + 9))
    assert failures
