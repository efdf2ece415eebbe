"""
``sg.events``: each event once, in order or at once, with filters, through outages, and from where an earlier run ended.
"""

import datetime as dt
import itertools
import json
import signal
import threading
import time

import pytest
from shotgun_api3 import AuthenticationFault, Fault, Shotgun

from sgextended import ConfigurationError, InvalidArgumentError, SGExtended, Site, TransportTimeout
from sgextended.localsite import LocalSite

FAST = {"poll_seconds": 0.01, "timeout": 30}
NEWEST = [{"field_name": "id", "direction": "desc"}]


def newest_id(sg):
    """
    Return the id of the newest visible entry.
    """
    return sg.find_one("EventLogEntry", [], order=NEWEST)["id"]


def make_shots(studio, count):
    """
    Create shots, each with three events.
    """
    sg, project = studio
    for number in range(count):
        sg.create("Shot", {"project": project, "code": f"s{number}"})


def take(stream, count):
    """
    Return the ids of the next events.
    """
    return [event.id for event in itertools.islice(stream, count)]


def test_follows_from_now(studio):
    """
    Now is the time of the call: changes after it are yielded, those before it are not.
    """
    sg, project = studio
    with sg.events(**FAST) as stream:
        shot = sg.create("Shot", {"project": project, "code": "sh010"})
        first = next(stream)

    assert (first.event_type, first.entity["id"]) == ("Shotgun_Shot_New", shot["id"])


@pytest.mark.parametrize("filters", [{}, {"attribute": "code"}], ids=["all", "filtered"])
@pytest.mark.parametrize("in_order", [True, False])
def test_late_events_come_once(studio, event_site, filters, in_order):
    """
    Entries that the site writes late are yielded once each: in their place, or marked as late.
    """
    sg, _project = studio
    last = newest_id(sg)
    stream = sg.events(after=last, in_order=in_order, **filters, **FAST)
    with event_site.faults.during("late-events=3600:rate=0.5,seed=3,behind=12"):
        make_shots(studio, 12)
        early = [] if in_order else list(sg.events(after=last, in_order=False, follow=False, **filters))
    make_shots(studio, 5)
    want = [row["id"] for row in sg.find("EventLogEntry", [["id", "greater_than", last]], ["attribute_name"])
            if not filters or row["attribute_name"] == "code"]  # fmt: skip
    events = [*itertools.islice(stream, len(want))]

    assert len(want) == (17 if filters else 51)
    assert sorted(event.id for event in events) == sorted(want)
    assert ([event.id for event in events] == sorted(want)) or not in_order
    assert not any(event.late for event in events if in_order)
    assert len(early) < len(want)
    stream.close()


def test_late_event_is_marked(studio, event_site):
    """
    At once, an event that appears after one with a higher id has late set.
    """
    sg, _project = studio
    stream = sg.events(in_order=False, **FAST)
    with event_site.faults.during("late-events=3600:next=1"):
        make_shots(studio, 1)
    make_shots(studio, 1)
    first = [*itertools.islice(stream, 3)]
    event_site.show_late_events()
    late = [*itertools.islice(stream, 3)]
    stream.close()

    assert [event.late for event in first + late] == [False] * 3 + [True] * 3
    assert max(event.id for event in late) < min(event.id for event in first)


def later(clock, seconds):
    """
    Return a clock that is ahead.
    """
    return lambda: clock() + dt.timedelta(seconds=seconds)


@pytest.mark.parametrize("filters", [{}, {"attribute": "code"}], ids=["all", "filtered"])
def test_batch_within_a_gap_is_no_endless_loop(studio, event_site, filters, monkeypatch):
    """
    More entries above a gap than one request reads: at once yields them all, in order holds them until the gap fills.
    """
    monkeypatch.setattr("sgextended.events.log.log_follower.PAGE", 5)
    sg, _project = studio
    in_order, at_once = (sg.events(in_order=order, **filters, **FAST) for order in (True, False))
    with event_site.faults.during("late-events=3600:next=1"):
        make_shots(studio, 1)
    make_shots(studio, 6)
    each = 1 if filters else 3

    assert len(take(at_once, 6 * each)) == 6 * each
    with sg.deadline(0.3), pytest.raises(TransportTimeout):
        next(in_order)
    event_site.show_late_events()
    ids = take(in_order, 7 * each)
    assert ids == sorted(ids)
    assert len(set(ids)) == 7 * each
    in_order.close()
    at_once.close()


def test_catching_up_never_waits(monkeypatch):
    """
    In an old part of the log, gaps cost no wait and no further requests, for any number of pages.
    """
    monkeypatch.setattr("sgextended.events.log.log_follower.PAGE", 20)
    with LocalSite() as site:
        sg = SGExtended(site.url, site.script_name, site.api_key)
        site.store.clock = later(site.store.clock, -7 * 86400)
        project = sg.create("Project", {"name": "p"})
        with site.faults.during("late-events=0:rate=0.3,seed=1,never=1"):
            make_shots((sg, project), 30)
        site.store.clock = later(site.store.clock, 7 * 86400)
        make_shots((sg, project), 1)
        visible = sorted(row["id"] for row in sg.find("EventLogEntry", []))
        with sg.trace() as trace:
            events = [*sg.events(after=0, poll_seconds=3600, timeout=30, follow=False)]
        sg.close()

    assert [event.id for event in events] == visible
    assert len(visible) < visible[-1]
    assert trace.total.calls < len(visible) / 20 + 15


def test_start_at_a_time(studio, event_site):
    """
    A datetime begins at the first event that is not before it.
    """
    sg, _project = studio
    make_shots(studio, 1)
    now, event_site.store.clock = event_site.store.clock, later(event_site.store.clock, 7200)
    try:
        before = newest_id(sg)
        make_shots(studio, 1)
        start = sg.find_one("EventLogEntry", [["id", "is", before + 1]], ["created_at"])["created_at"]
        for after in (start, start.astimezone(dt.timezone.utc), start.astimezone().replace(tzinfo=None)):
            assert [event.id for event in sg.events(after=after, follow=False)] == [before + 1, before + 2, before + 3]
    finally:
        event_site.store.clock = now


def test_filters_are_the_sites(studio):
    """
    Event type, field, project, entity type and native conditions restrict the events, deleted entities included.
    """
    sg, project = studio
    last = newest_id(sg)
    other = sg.create("Project", {"name": f"{project['name']} other"})
    shot = sg.create("Shot", {"project": project, "code": "a"})
    sg.create("Task", {"project": other, "content": "t"})
    sg.delete("Shot", shot["id"])

    def found(**filters):
        return [(event.event_type, event.attribute_name) for event in sg.events(after=last, follow=False, **filters)]

    assert found(event_type="Shotgun_Shot_New") == [("Shotgun_Shot_New", None)]
    assert {kind for kind, _field in found(event_type=["Shotgun_Task_*", "Shotgun_Shot_Retirement"])} == {
        "Shotgun_Task_New", "Shotgun_Task_Change", "Shotgun_Shot_Retirement",
    }  # fmt: skip
    assert found(attribute=["content", "code"]) == [("Shotgun_Shot_Change", "code"), ("Shotgun_Task_Change", "content")]
    assert {kind.split("_")[1] for kind, _field in found(project=other)} == {"Project", "Task"}
    shots = found(entity_type="Shot")
    assert {kind.split("_")[1] for kind, _field in shots} == {"Shot"}
    assert shots[-1] == ("Shotgun_Shot_Retirement", None)
    assert found(filters=[["attribute_name", "is", "code"]]) == [("Shotgun_Shot_Change", "code")]


def test_deleted_entity_of_a_tools_event(studio):
    """
    A tool's own event has no details; the deleted entity is found by the id of the event.
    """
    sg, project = studio
    last = newest_id(sg)
    shot = sg.create("Shot", {"project": project, "code": "a"})
    entry = sg.create("EventLogEntry", {"project": project, "event_type": "Tool_Shot_Publish", "entity": shot})
    plain = sg.create("EventLogEntry", {"project": project, "event_type": "Tool_Nothing_Else"})
    sg.delete("Shot", shot["id"])
    events = {event.id: event for event in sg.events("Tool_*", after=last, follow=False)}

    assert {key: events[entry["id"]].entity[key] for key in ("type", "id")} == {"type": "Shot", "id": shot["id"]}
    assert events[plain["id"]].entity is None


@pytest.mark.parametrize("in_order", [True, False])
def test_checkpoint_advances_when_the_next_is_asked_for(studio, tmp_path, in_order):
    """
    The event that a loop had in hand when it ended comes again; those before it do not.
    """
    sg, _project = studio
    options = {"checkpoint": tmp_path / "place", "in_order": in_order, **FAST}
    with sg.events(**options) as stream:
        make_shots(studio, 2)
        ids = take(stream, 3)
    with sg.events(**options) as stream:
        again = take(stream, 4)

    assert again[0] == ids[2]
    assert again == list(range(ids[2], ids[2] + 4))


def test_checkpoint_of_a_filtered_loop_advances_without_events(studio, tmp_path):
    """
    Events that are filtered out are settled: the next run does not read them again.
    """
    sg, _project = studio
    place = tmp_path / "place"
    with sg.events("Tool_None", checkpoint=place, follow=False, after=0) as stream:
        make_shots(studio, 2)
        assert [*stream] == []

    assert json.loads(place.read_text())["position"]["mark"] == newest_id(sg)


def test_two_loops_on_one_checkpoint_are_refused(studio, tmp_path):
    """
    The second loop on a checkpoint is an error; after the end of the first it is not.
    """
    sg, _project = studio
    first = sg.events(checkpoint=tmp_path / "place")
    with pytest.raises(ConfigurationError, match="Another follower uses the checkpoint"):
        sg.events(checkpoint=tmp_path / "place")
    first.close()
    sg.events(checkpoint=tmp_path / "place").close()


@pytest.mark.parametrize("content", ["{", "[]", '{"mark": 3}', '{"sgextended_events": 1, "position": {"mark": -1}}'])
def test_what_is_no_checkpoint_is_refused(studio, tmp_path, content):
    """
    Another file is not overwritten.
    """
    sg, _project = studio
    (tmp_path / "place").write_text(content)
    with pytest.raises(ConfigurationError, match="is not a"):
        sg.events(checkpoint=tmp_path / "place")

    assert (tmp_path / "place").read_text() == content


def test_checkpoint_of_another_site_is_refused(studio, tmp_path):
    """
    The ids of one site mean nothing on another.
    """
    sg, _project = studio
    sg.events(checkpoint=tmp_path / "place").close()
    other = SGExtended(site=Site(url="http://127.0.0.1:1", script_name="s", api_key="k"))
    with pytest.raises(ConfigurationError, match=r"is the checkpoint of http://127\.0\.0\.1"):
        other.events(checkpoint=tmp_path / "place")


def test_position_is_a_place_for_the_next_run(studio):
    """
    A handler that stores the position with its result never gets an event again, also with events still missing.
    """
    sg, _project = studio
    stream = sg.events(in_order=False, **FAST)
    make_shots(studio, 2)
    ids = take(stream, 4)
    rest = take(sg.events(after=stream.position, in_order=False, **FAST), 2)
    stream.close()

    assert rest == [ids[-1] + 1, ids[-1] + 2]


def test_outage_is_waited_for(studio, event_site):
    """
    Requests that fail are repeated until the site responds, however many fail.
    """
    sg, _project = studio
    with sg.events(**FAST) as stream:
        faults = ["status=503:rpc=read,next=2", "reset-before:rpc=read,next=2", "html:rpc=read,next=1"]
        with (
            event_site.faults.during(faults[0]),
            event_site.faults.during(faults[1]),
            event_site.faults.during(faults[2]),
        ):
            make_shots(studio, 1)
            assert len(take(stream, 3)) == 3


def test_what_is_no_outage_raises(studio, event_site):
    """
    A filter that the site refuses, and credentials that it does not know, raise at once.
    """
    sg, _project = studio
    with pytest.raises(Fault, match="sg_nothing"):
        next(sg.events(filters=[["sg_nothing", "is", 1]], after=0, **FAST))
    wrong = SGExtended(site=Site(url=event_site.url, script_name=event_site.script_name, api_key="wrong"))
    with pytest.raises(AuthenticationFault):
        next(wrong.events(after=0, **FAST))


@pytest.mark.parametrize(
    "arguments",
    [
        {"after": "yesterday"}, {"after": -1}, {"after": True}, {"after": 1.5}, {"event_type": "Shotgun_*_New"},
        {"event_type": "*"}, {"event_type": []}, {"attribute": 3}, {"project": {"type": "Shot", "id": 1}},
        {"gap_age": -1}, {"poll_seconds": float("nan")}, {"timeout": 0},
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused(studio, arguments):
    """
    An argument that cannot be meant is an error of the call, before any request.
    """
    sg, _project = studio
    with sg.trace() as trace, pytest.raises((InvalidArgumentError, ConfigurationError)):
        sg.events(**arguments)

    assert trace.total.calls == 0


def test_time_limits_hold(studio):
    """
    ``timeout`` ends the whole loop, ``sg.deadline`` the block; both in the middle of a wait.
    """
    sg, _project = studio
    stream = sg.events(poll_seconds=3600, timeout=0.1)
    with pytest.raises(TransportTimeout, match=r"No event came within the 0\.1 s"):
        next(stream)
    with sg.deadline(0.1), pytest.raises(TransportTimeout):
        next(sg.events(poll_seconds=3600))


def test_close_ends_a_wait(studio, tmp_path):
    """
    Another thread ends a loop that waits. The loop ends as at the end of a list, and the checkpoint is free.
    """
    sg, _project = studio
    stream = sg.events(poll_seconds=3600, checkpoint=tmp_path / "place")
    threading.Timer(0.05, stream.close).start()

    assert [*stream] == []
    sg.events(checkpoint=tmp_path / "place").close()


@pytest.mark.parametrize("raises", [False, True])
def test_signal_ends_the_loop_in_a_wait(studio, tmp_path, raises):
    """
    A signal handler may close the stream, or raise: the wait ends, and the next run continues.
    """
    sg, _project = studio
    stream = sg.events(poll_seconds=3600, checkpoint=tmp_path / "place")
    make_shots(studio, 1)
    ids = []

    def end(*_):
        if raises:
            raise KeyboardInterrupt
        stream.close()

    before = signal.signal(signal.SIGTERM, end)
    main = threading.main_thread().ident
    try:
        for event in stream:
            ids.append(event.id)
            if len(ids) == 3:  # the next step waits for an hour
                threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGTERM)).start()
    except KeyboardInterrupt:
        stream.close()
    finally:
        signal.signal(signal.SIGTERM, before)
    make_shots(studio, 1)
    with sg.events(checkpoint=tmp_path / "place", **FAST) as again:
        assert take(again, 1) == [ids[-1] + 1]


def test_close_while_an_event_is_handled(studio, tmp_path):
    """
    The event in hand counts as handled when the loop asks for the next one, also after close.
    """
    sg, _project = studio
    stream = sg.events(checkpoint=tmp_path / "place", **FAST)
    make_shots(studio, 1)
    ids = []
    for event in stream:
        ids.append(event.id)
        stream.close()
    with sg.events(checkpoint=tmp_path / "place", **FAST) as again:
        assert take(again, 1) == [ids[0] + 1]


def test_another_thread_may_not_take_events(studio):
    """
    A stream belongs to one loop at a time.
    """
    sg, _project = studio
    stream = sg.events(poll_seconds=3600)
    thread = threading.Thread(target=lambda: [*stream])
    thread.start()
    while not stream._is_running:
        time.sleep(0.001)
    with pytest.raises(ValueError, match="Another thread waits"):
        next(stream)
    stream.close()
    thread.join()


def test_silent_scripts_are_named(studio, caplog):
    """
    A warning names the scripts whose writes leave no events.
    """
    sg, _project = studio
    sg.create("ApiUser", {"firstname": "silent", "generate_event_log_entries": False})
    [*sg.events(after=newest_id(sg), follow=False)]

    assert "The writes of these scripts leave no events, so they cannot be followed: silent" in caplog.text


def test_log_that_ends_before_the_checkpoint_is_reported(studio, caplog):
    """
    A site that was restored from a backup has lower ids; a loop would wait for years without a word.
    """
    sg, _project = studio
    [*sg.events(after=10**6, follow=False)]

    assert "before the start of this follower at id 1000000" in caplog.text


def test_official_client_can_be_followed(event_site, studio):
    """
    The function takes a Shotgun too, whose datetimes are converted or not.
    """
    from sgextended.events.event_stream import events

    make_shots(studio, 1)
    for converts in (True, False):
        sg = Shotgun(event_site.url, event_site.script_name, event_site.api_key, convert_datetimes_to_utc=converts)
        last = newest_id(sg)
        assert [event.id for event in events(sg, after=last - 3, follow=False)] == [last - 2, last - 1, last]
        sg.close()
