"""
Qt: calls run outside the GUI thread, and their results arrive in it. The tests use PySide6 without a screen.
"""

import gc
import os
import runpy
import threading
import time
from pathlib import Path

import pytest
from fix_docs import examples_of
from fix_native import make_client
from fix_servers import GUARD, HANG, results

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 is not installed: pip install qtpy PySide6-Essentials")
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["QT_API"] = "pyside6"

from qtpy.QtCore import QCoreApplication, QEvent, QObject, QTimer
from qtpy.QtWidgets import QApplication

from sgextended import ConfigurationError, SGExtended
from sgextended.qt import BackgroundCall

EXAMPLE = Path(__file__).parent.parent / "examples" / "shot_browser.py"
SHOT = {"type": "Shot", "id": 7}
PAGE = results({"entities": [SHOT], "paging_info": {"has_next_page": False}})


@pytest.fixture(scope="session")
def application():
    """
    The one application of the process.
    """
    return QApplication.instance() or QApplication([])


@pytest.fixture
def until(application):
    """
    Runs the event loop of the GUI until a condition is true, and fails instead of hanging.
    """

    def wait(condition):
        end = time.monotonic() + GUARD
        while not condition():
            assert time.monotonic() < end
            QCoreApplication.processEvents()

    return wait


@pytest.fixture
def heard(application):
    """
    Notes the signals of a call, with the thread in which they arrive.
    """

    def listen(call):
        told = []
        for name in ("done", "failed", "found", "progress", "busy"):
            getattr(call, name).connect(
                lambda *values, name=name: told.append((name, *values, threading.current_thread()))
            )
        return told

    return listen


def names_of(told):
    return [each[0] for each in told]


def settle():
    """
    Process the posted events.
    """
    for _ in range(3):
        QCoreApplication.processEvents()


@pytest.fixture
def sg(demo_site, make_sg):
    """
    A wrapper on the demo site.
    """
    return make_sg(demo_site)


def test_a_result_arrives_in_the_gui_thread(sg, until, heard):
    """
    The call runs in another thread; done and busy are emitted in this one.
    """
    call, where = BackgroundCall(), []
    told = heard(call)
    call.run(lambda: (where.append(threading.current_thread()), sg.count("Shot"))[1])
    begun = call.is_busy
    until(lambda: not call.is_busy)

    assert begun
    assert where != [threading.current_thread()]
    assert [(each[0], each[1]) for each in told] == [("busy", True), ("done", sg.count("Shot")), ("busy", False)]
    assert {each[-1] for each in told} == {threading.current_thread()}


def test_an_error_arrives_as_it_is(sg, until, heard):
    """
    The exception of the call is emitted by failed.
    """
    from shotgun_api3 import Fault

    call = BackgroundCall()
    told = heard(call)
    call.run(sg.find, "NoSuchType", [])
    until(lambda: "failed" in names_of(told))

    assert isinstance(told[1][1], Fault)
    assert names_of(told) == ["busy", "failed", "busy"]


def test_items_arrive_while_more_are_asked_for(until, heard):
    """
    For an iterator, found emits items as they arrive, and done all of them.
    """
    may_go, call = threading.Event(), BackgroundCall()

    def slowly():
        yield 1
        assert may_go.wait(GUARD)
        yield from (2, 3)

    told = heard(call)
    call.run(slowly)
    until(lambda: "found" in names_of(told))
    first = list(told)
    may_go.set()
    until(lambda: "done" in names_of(told))

    assert [each[1] for each in first if each[0] == "found"] == [[1]]
    assert [item for each in told if each[0] == "found" for item in each[1]] == [1, 2, 3]
    assert next(each[1] for each in told if each[0] == "done") == [1, 2, 3]


def test_a_map_tells_its_progress_and_results(sg, until, heard):
    """
    map emits the results in order, and its progress; progress that was not emitted yet is replaced by newer.
    """
    call = BackgroundCall()
    told = heard(call)
    call.map(sg, lambda _sg, item: item * 2, range(50), workers=3)
    until(lambda: "done" in names_of(told))

    assert next(each[1] for each in told if each[0] == "done") == [item * 2 for item in range(50)]
    assert [each[1:4] for each in told if each[0] == "progress"][-1] == (50, 0, 50)


@pytest.fixture
def hanging(make_site_server):
    """
    A wrapper on a site that returns shots, and hangs when Versions are read.
    """
    came = threading.Event()

    def read(request):
        if request.payload["params"][1]["type"] == "Version":
            came.set()
            return HANG
        return PAGE

    client = make_client(make_site_server(read=read))
    client.server_caps  # noqa: B018 - asked here, so that no test waits for it
    sg = SGExtended(client)
    sg.__dict__["came"] = came
    return sg


def threads():
    return [each for each in threading.enumerate() if each.name == "sgextended-qt"]


def test_another_call_cancels_the_one_before(hanging, until, heard):
    """
    Starting another call aborts the one before, whose result is never emitted.
    """
    call = BackgroundCall()
    told = heard(call)
    call.run(hanging.find, "Version", [])
    assert hanging.came.wait(GUARD)
    call.run(hanging.find, "Shot", [])
    until(lambda: "done" in names_of(told))
    until(lambda: not threads())
    settle()

    assert [(each[0], each[1]) for each in told] == [("busy", True), ("done", [SHOT]), ("busy", False)]


def test_a_result_that_waits_for_the_gui_is_dropped_too(until, heard):
    """
    A result that waits for the GUI thread is dropped when another call starts.
    """
    call = BackgroundCall()
    told = heard(call)
    call.run(lambda: "old")
    for thread in threads():
        thread.join(GUARD)
    call.run(lambda: "new")
    until(lambda: not call.is_busy)

    assert [each[1] for each in told if each[0] == "done"] == ["new"]


def test_cancel_ends_it(hanging, until, heard):
    """
    After cancel nothing arrives, and the thread is gone; cancelling nothing is no harm.
    """
    call = BackgroundCall()
    told = heard(call)
    call.run(hanging.find, "Version", [])
    assert hanging.came.wait(GUARD)
    call.cancel()
    call.cancel()
    until(lambda: not threads())
    settle()

    assert [(each[0], each[1]) for each in told] == [("busy", True), ("busy", False)]


def test_a_deleted_parent_cancels_the_call(hanging, until, heard):
    """
    When the parent is deleted, the running call is aborted, and its result is not emitted.
    """
    owner = QObject()
    call = BackgroundCall(owner)
    told = heard(call)
    call.run(hanging.find, "Version", [])
    assert hanging.came.wait(GUARD)
    owner.deleteLater()
    QCoreApplication.sendPostedEvents(owner, QEvent.Type.DeferredDelete)
    until(lambda: not threads())
    settle()

    assert names_of(told) == ["busy"]


def test_a_background_call_without_references_does_no_harm(until):
    """
    A BackgroundCall may be garbage-collected while its call runs.
    """
    may_go = threading.Event()
    call = BackgroundCall()
    call.run(may_go.wait, GUARD)
    del call
    gc.collect()
    may_go.set()
    until(lambda: not threads())
    settle()


def test_the_end_of_the_application_ends_what_reads(hanging, application, until):
    """
    Closing the last window does not wait for a response.
    """
    call = BackgroundCall()
    call.run(hanging.find, "Version", [])
    assert hanging.came.wait(GUARD)
    application.aboutToQuit.emit()

    until(lambda: not threads())
    assert not call.is_busy


def test_a_slot_may_start_another_call(until, heard):
    """
    A slot may start the next call at once.
    """
    call, left = BackgroundCall(), ["b", "c"]
    told = heard(call)
    call.done.connect(lambda _result: left and call.run(left.pop, 0))
    call.run(lambda: "a")
    until(lambda: not call.is_busy)

    assert [each[1] for each in told if each[0] == "done"] == ["a", "b", "c"]


def test_the_gui_is_not_blocked(hanging, until):
    """
    While a call waits for its response, timers of the GUI fire.
    """
    call, ticks = BackgroundCall(), []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(1))
    timer.start(0)
    call.run(hanging.find, "Version", [])
    until(lambda: len(ticks) > 5)
    timer.stop()

    assert call.is_busy
    call.cancel()


def test_it_is_made_in_the_gui_thread(application):
    """
    Creating a BackgroundCall in another thread is refused, because its signals would arrive there.
    """
    caught = []

    def make():
        try:
            BackgroundCall()
        except ConfigurationError as error:
            caught.append(str(error))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join(GUARD)

    assert caught == ["Create a BackgroundCall in the GUI thread, after the QApplication."]


def test_the_example_shows_shots_and_counts_tasks(sg, until):
    """
    The window of the example fills itself, narrows as one types, and counts.
    """
    names = runpy.run_path(str(EXAMPLE), run_name="example")
    window = names["ShotBrowser"](sg)
    until(lambda: window.status.text().endswith(" shots"))
    project = window.projects.currentData()
    everything = window.table.topLevelItemCount()
    window.words.setText("FOR_0")
    window.words.setText("FOR_01")
    until(lambda: not window.shots_call.is_busy)
    shots = sg.find("Shot", [["project", "is", project], ["code", "contains", "FOR_01"]])
    window.count.click()
    until(lambda: window.status.text().endswith(" tasks"))
    expected = sum(sg.count("Task", [["entity", "is", shot]]) for shot in shots)

    assert everything == sg.count("Shot", [["project", "is", project]])
    assert window.table.topLevelItemCount() == len(shots) > 0
    assert window.status.text() == f"{expected} tasks"


def test_the_examples_print_what_is_shown(application, until, reader, capsys):
    """
    The examples of ``docs/qt.md`` print the output that is shown below them.
    """
    for source, shown in examples_of("qt.md"):
        exec(source, reader)
        printed = []

        def is_printed(shown=shown, printed=printed):
            printed.append(capsys.readouterr().out)
            return len("".join(printed)) >= len(shown)

        until(is_printed)
        assert "".join(printed) == shown
