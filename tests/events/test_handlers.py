"""
`on` and `EventRunner`: each handler has its own place in the log, and one that fails blocks nobody.
"""

import contextlib
import logging
import threading
import types

import pytest
from fix_event_handlers import GUARD, wait_for
from shotgun_api3 import Fault

from sgextended import (
    ConfigurationError,
    Event,
    EventRunner,
    HTTPStatusError,
    InvalidArgumentError,
    SGExtended,
    Unreachable,
    current,
    on,
)
from sgextended.events.handling import parked_events
from sgextended.events.handling.event_runner import retry_parked, states_in
from sgextended.events.handling.handlers import handlers_of
from sgextended.events.log import checkpoint


@pytest.fixture
def run(studio, tmp_path, monkeypatch):
    """
    Runs handlers in a thread for a block of code. At the end of the block they are closed.
    """
    monkeypatch.setattr(parked_events, "WAITS", parked_events.RetryPolicy(first_wait=0.01, longest_wait=0.01))
    sg, _project = studio

    @contextlib.contextmanager
    def running(*sources, **options):
        runner = EventRunner(sg, sources, tmp_path / "places", poll_seconds=0.01, **options)
        errors = []

        def work():
            try:
                runner.run()
            except Exception as error:  # noqa: BLE001 - the test looks at it
                errors.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        runner.errors = errors
        try:
            wait_for(lambda: errors or all(loop._follower.position for loop in runner._loops))
            yield runner
        finally:
            runner.close()
            thread.join()

    return running


def make_shots(studio, count):
    sg, project = studio
    return [sg.create("Shot", {"project": project, "code": f"s{number}"})["id"] for number in range(count)]


def test_functions_and_methods_handle_their_events(studio, run):
    """
    A function gets the wrapper and the event, a method of a studio's class is called on an instance; both once each.
    """
    seen = []

    class Studio(SGExtended):
        @on("Shotgun_Shot_Change", attribute="code")
        def note_code(self, event):
            seen.append((type(self), event.new_value, current() is self))

    @on("Shotgun_Shot_New")
    def note_shot(sg, event):
        seen.append((type(sg), sg.find_one("Shot", [["id", "is", event.entity["id"]]], ["code"])["code"], True))

    with run(Studio, note_shot) as runner:
        make_shots(studio, 2)
        wait_for(lambda: len(seen) == 4)
        wait_for(lambda: runner.handled == {"Studio.note_code": 2, "note_shot": 2})

    assert sorted(seen, key=str) == sorted(
        [(owner, name, True) for owner in (Studio, SGExtended) for name in ("s0", "s1")], key=str
    )


def test_each_handler_continues_at_its_own_place(studio, run):
    """
    A handler that is new begins now; one that ran before gets what has happened since, also while nothing ran.
    """
    seen = {"old": [], "new": []}

    @on("Shotgun_Shot_New", name="old")
    def old(_sg, event):
        seen["old"].append(event.entity["id"])

    @on("Shotgun_Shot_New", name="new")
    def new(_sg, event):
        seen["new"].append(event.entity["id"])

    with run(old):
        first = make_shots(studio, 1)
        wait_for(lambda: seen["old"] == first)
    missed = make_shots(studio, 2)
    with run(old, new):
        last = make_shots(studio, 1)
        wait_for(lambda: seen["new"] == last)
        wait_for(lambda: seen["old"] == [*first, *missed, *last])


def test_failing_handler_is_parked_and_blocks_nobody(studio, run, tmp_path, caplog):
    """
    A failed event is parked in the handler's file and tried again; later events and other handlers do not wait for it.
    """
    caplog.set_level(logging.WARNING, "sgextended")
    seen, broken = [], {"s0"}

    @on("Shotgun_Shot_Change", attribute="code", name="fails")
    def fails(_sg, event):
        if event.new_value in broken:
            raise RuntimeError("the other server is gone")
        seen.append(event.new_value)

    with run(fails) as runner:
        make_shots(studio, 3)
        wait_for(lambda: len(seen) == 2)
        wait_for(runner._loops[0].parked.to_json)
        (state,) = states_in(tmp_path / "places")
    assert seen == ["s1", "s2"]
    assert [(each.event_type, each.error) for each in state.parked] == [
        ("Shotgun_Shot_Change", "RuntimeError: the other server is gone")
    ]
    assert "The event is parked and tried again in" in caplog.text
    broken.clear()
    with run(fails):  # the event is read again from the site
        wait_for(lambda: seen == ["s1", "s2", "s0"])
    assert states_in(tmp_path / "places")[0].parked == []


def test_event_is_not_tried_without_an_end(studio, run, tmp_path, monkeypatch):
    """
    After the last attempt the event stays parked, until somebody asks for another attempt.
    """
    monkeypatch.setattr(parked_events, "MOST_ATTEMPTS", 3)
    calls, works = [], []

    @on("Shotgun_Shot_New")
    def fails(_sg, event):
        calls.append(event.id)
        if not works:
            raise ValueError("no")

    with run(fails):
        make_shots(studio, 1)
        wait_for(lambda: len(calls) == 3)
    (state,) = states_in(tmp_path / "places")
    assert [(each.attempts, each.next_try) for each in state.parked] == [(3, None)]
    works.append(True)
    assert retry_parked(tmp_path / "places") == 1
    with run(fails) as runner:
        wait_for(lambda: runner.handled["fails"] == 1)
    assert len(calls) == 4


def test_parked_events_are_bounded(studio, run, monkeypatch, caplog):
    """
    A handler that fails for everything takes no further events at the limit, and loses none.
    """
    monkeypatch.setattr(parked_events, "MOST_PARKED", 2)
    monkeypatch.setattr(parked_events, "MOST_ATTEMPTS", 10**6)
    works, seen = [], []

    @on("Shotgun_Shot_New")
    def fails(_sg, event):
        if not works:
            raise ValueError("no")
        seen.append(event.entity["id"])

    with run(fails) as runner:
        shots = make_shots(studio, 5)
        wait_for(lambda: "takes no further ones" in caplog.text)
        assert len(runner._loops[0].parked) == 2
        works.append(True)
        wait_for(lambda: sorted(seen) == shots)


def test_workers_handle_several_events_at_once(studio, run):
    """
    With several workers, that many events are handled at the same time, each with a wrapper of its own.
    """
    meeting, wrappers = threading.Barrier(3), set()

    @on("Shotgun_Shot_New", workers=3)
    def meet(sg, _event):
        wrappers.add(id(sg))
        meeting.wait(GUARD)

    with run(meet) as runner:
        make_shots(studio, 3)
        wait_for(lambda: runner.handled == {"meet": 3})

    assert len(wrappers) == 3


def test_close_finishes_what_runs(studio, run, tmp_path):
    """
    Close waits for the event in hand and stores the place behind it; an event that was not begun comes next time.
    """
    seen, begun, may_end = [], threading.Event(), threading.Event()

    @on("Shotgun_Shot_New")
    def slow(_sg, event):
        begun.set()
        may_end.wait(GUARD)
        seen.append(event.entity["id"])

    with run(slow) as runner:
        shots = make_shots(studio, 2)
        begun.wait(GUARD)
        runner.close()
        may_end.set()
    assert seen == shots[:1]
    with run(slow):
        wait_for(lambda: seen == shots)


def test_refused_filter_ends_one_handler_only(studio, run):
    """
    The handler with a filter that the site refuses ends; the others go on, and the error is raised at the end.
    """
    seen = []

    @on(filters=[["sg_nothing", "is", 1]])
    def wrong(_sg, _event):
        pass

    @on("Shotgun_Shot_New")
    def right(_sg, event):
        seen.append(event)

    with run(right):
        pass  # so that its place is known
    with run(right, wrong, after=0) as runner:
        wait_for(lambda: runner._loops[1].error)
        make_shots(studio, 1)
        wait_for(lambda: len(seen) == 1)
    assert [type(error) for error in runner.errors] == [Fault]


def test_second_runner_on_a_folder_is_refused(studio, run, tmp_path):
    """
    Two runners with one folder would handle everything twice.
    """
    sg, _project = studio

    @on("Shotgun_Shot_New")
    def handler(_sg, _event):
        pass

    with run(handler), pytest.raises(ConfigurationError, match="Another follower uses the checkpoint"):
        EventRunner(sg, [handler], tmp_path / "places")
    EventRunner(sg, [handler], tmp_path / "places").close()


def test_failures_of_the_site_do_not_count(studio, run, event_site):
    """
    While the site is down, the attempts of an event do not count, and the handler takes no further events.
    """
    seen, attempts = [], []

    @on("Shotgun_Shot_New")
    def find(sg, event):
        seen.append(sg.find_one("Shot", [["id", "is", event.entity["id"]]])["id"])

    with run(find) as runner:
        loop = runner._loops[0]
        shots = make_shots(studio, 1)
        wait_for(lambda: seen == shots)
        loop._outage._policy = parked_events.WAITS
        park = loop.parked.park

        def note(event, error, **options):
            parked = park(event, error, **options)
            attempts.append(parked.attempts)
            return parked

        loop.parked.park = note
        event = Event(id=10**6, event_type="Shotgun_Shot_New", entity={"type": "Shot", "id": shots[0]})
        with event_site.faults.during("status=503:rpc=read"):
            loop._done.append((event, HTTPStatusError("busy", errcode=503)))
            loop._wake.set()
            wait_for(lambda: attempts)
        assert attempts == [0]
        wait_for(lambda: seen == shots * 2)


@pytest.mark.parametrize("error", [ConnectionRefusedError("gone"), TimeoutError("slow"), Unreachable("another site")])
def test_failures_of_other_services_count(studio, run, tmp_path, error):
    """
    The site responds, so an error of a connection is the handler's own: the attempt counts, and nobody waits.
    """
    seen = []

    @on("Shotgun_Shot_New")
    def send(_sg, event):
        if not seen:
            seen.append(event.entity["id"])
            raise error
        seen.append(event.entity["id"])

    with run(send) as runner:
        loop = runner._loops[0]
        loop.parked.due = lambda _excluded: None  # nothing is tried again
        shots = make_shots(studio, 3)
        wait_for(lambda: seen == shots)
        wait_for(lambda: runner.handled["send"] == 2)
        assert loop._resumes_at == 0.0
    (state,) = states_in(tmp_path / "places")
    assert [each.attempts for each in state.parked] == [1]


def test_full_disk_ends_no_handler(studio, run, tmp_path, monkeypatch, caplog):
    """
    While its place cannot be stored, a handler begins no events. It goes on when the disk has space again.
    """
    seen, is_full = [], threading.Event()

    @on("Shotgun_Shot_New")
    def note(_sg, event):
        seen.append(event.entity["id"])

    real = checkpoint.os.fsync

    def fsync(file):
        if is_full.is_set():
            raise OSError(28, "No space left on device")
        real(file)

    monkeypatch.setattr(checkpoint.os, "fsync", fsync)
    monkeypatch.setattr(checkpoint, "STORE_SECONDS", 0.0)
    with run(note) as runner:
        runner._loops[0]._disk._policy = parked_events.WAITS
        is_full.set()
        shots = make_shots(studio, 3)
        wait_for(lambda: "Storing the place of the handler note" in caplog.text)
        assert seen in ([], shots[:1])
        is_full.clear()
        wait_for(lambda: seen == shots)
    with run(note):
        shots += make_shots(studio, 1)
        wait_for(lambda: seen == shots)
    assert runner.errors == []


def test_now_is_fixed_before_the_run(studio, tmp_path):
    """
    After `find_starts` no change is missed, although the handlers do not run yet.
    """
    sg, _project = studio
    seen = []

    @on("Shotgun_Shot_New")
    def note(_sg, event):
        seen.append(event.entity["id"])
        runner.close()

    runner = EventRunner(sg, [note], tmp_path / "places", poll_seconds=0.01)
    runner.find_starts()
    shots = make_shots(studio, 1)
    assert [state.mark for state in states_in(tmp_path / "places")] != [None]
    runner.run()

    assert seen == shots
    EventRunner(sg, [note], tmp_path / "places").close()  # the files are free


def test_handlers_of_a_module_are_found():
    """
    A module gives its functions and the most derived of its classes; names are unique, and there must be one.
    """
    module = types.ModuleType("studio_events")
    source = """
from sgextended import SGExtended, on

class Base(SGExtended):
    @on("A_B_C")
    def one(self, event): ...

class Studio(Base):
    pass

@on("A_B_D", workers=4, name="two")
@on("A_B_E", in_order=False, name="three")
def several(sg, event): ...
"""
    exec(source, vars(module))
    found = {handler.name: handler for handler in handlers_of(module, module.Studio)}

    assert set(found) == {"Studio.one", "two", "three"}
    assert (found["Studio.one"].owner, found["two"].workers, found["three"].in_order) == (module.Studio, 4, False)
    with pytest.raises(ConfigurationError, match="There are no handlers in types"):
        handlers_of(types)
    vars(module)["twin"] = on("A_B_F", name="two")(lambda sg, event: None)
    with pytest.raises(ConfigurationError, match="Several handlers have the name 'two'"):
        handlers_of(module)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"workers": 0}, ConfigurationError),
        ({"workers": True}, ConfigurationError),
        ({"name": "../other"}, ConfigurationError),
        ({"event_type": 3}, InvalidArgumentError),
    ],
)
def test_wrong_options_are_refused(arguments, error):
    """
    An option that is not valid is an error where the handler is defined.
    """
    with pytest.raises(error, match=r"not valid|must be text"):
        on(**arguments)


def test_what_is_no_function_is_refused():
    """
    A coroutine function would not run when it is called.
    """

    async def handler(sg, event):
        pass

    for wrong in (handler, print, SGExtended):
        with pytest.raises(ConfigurationError, match="cannot handle events"):
            on("A_B_C")(wrong)
