"""
Qt: calls run off the GUI thread, and what counts of them arrives in it. On no screen, with PySide6.
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
    Lets the GUI work until something is so, and fails instead of hanging.
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
    Notes what an asker tells, with the thread in which it arrives.
    """

    def listen(asker):
        told = []
        for name in ("done", "failed", "found", "progress", "busy"):
            getattr(asker, name).connect(
                lambda *values, name=name: told.append((name, *values, threading.current_thread()))
            )
        return told

    return listen


def names_of(told):
    return [each[0] for each in told]


def settle():
    """
    Let what was posted arrive.
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
    The call runs in another thread; done and busy are told in this one.
    """
    asker, where = BackgroundCall(), []
    told = heard(asker)
    asker.run(lambda: (where.append(threading.current_thread()), sg.count("Shot"))[1])
    begun = asker.is_busy
    until(lambda: not asker.is_busy)

    assert begun
    assert where != [threading.current_thread()]
    assert [(each[0], each[1]) for each in told] == [("busy", True), ("done", sg.count("Shot")), ("busy", False)]
    assert {each[-1] for each in told} == {threading.current_thread()}


def test_an_error_arrives_as_it_is(sg, until, heard):
    """
    What the call raises is told by failed.
    """
    from shotgun_api3 import Fault

    asker = BackgroundCall()
    told = heard(asker)
    asker.run(sg.find, "NoSuchType", [])
    until(lambda: "failed" in names_of(told))

    assert isinstance(told[1][1], Fault)
    assert names_of(told) == ["busy", "failed", "busy"]


def test_items_arrive_while_more_are_asked_for(until, heard):
    """
    Of an iterator, found has items as they come, and done all of them.
    """
    may_go, asker = threading.Event(), BackgroundCall()

    def slowly():
        yield 1
        assert may_go.wait(GUARD)
        yield from (2, 3)

    told = heard(asker)
    asker.run(slowly)
    until(lambda: "found" in names_of(told))
    first = list(told)
    may_go.set()
    until(lambda: "done" in names_of(told))

    assert [each[1] for each in first if each[0] == "found"] == [[1]]
    assert [item for each in told if each[0] == "found" for item in each[1]] == [1, 2, 3]
    assert next(each[1] for each in told if each[0] == "done") == [1, 2, 3]


def test_a_map_tells_its_progress_and_results(sg, until, heard):
    """
    map gives the results in order, and how far it is; progress that nobody has seen yet is replaced by newer.
    """
    asker = BackgroundCall()
    told = heard(asker)
    asker.map(sg, lambda _sg, item: item * 2, range(50), workers=3)
    until(lambda: "done" in names_of(told))

    assert next(each[1] for each in told if each[0] == "done") == [item * 2 for item in range(50)]
    assert [each[1:4] for each in told if each[0] == "progress"][-1] == (50, 0, 50)


@pytest.fixture
def hanging(make_site_server):
    """
    A wrapper on a site that finds shots, and hangs where a Version is asked for.
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


def test_asking_again_drops_what_was_asked_before(hanging, until, heard):
    """
    The answer to the last question counts; the one before ends where it stands and is never told.
    """
    asker = BackgroundCall()
    told = heard(asker)
    asker.run(hanging.find, "Version", [])
    assert hanging.came.wait(GUARD)
    asker.run(hanging.find, "Shot", [])
    until(lambda: "done" in names_of(told))
    until(lambda: not threads())
    settle()

    assert [(each[0], each[1]) for each in told] == [("busy", True), ("done", [SHOT]), ("busy", False)]


def test_a_result_that_waits_for_the_gui_is_dropped_too(until, heard):
    """
    What has come, and was not told when another question was asked, is stale.
    """
    asker = BackgroundCall()
    told = heard(asker)
    asker.run(lambda: "old")
    for thread in threads():
        thread.join(GUARD)
    asker.run(lambda: "new")
    until(lambda: not asker.is_busy)

    assert [each[1] for each in told if each[0] == "done"] == ["new"]


def test_cancel_ends_it(hanging, until, heard):
    """
    After cancel nothing arrives, and the thread is gone; cancelling nothing is no harm.
    """
    asker = BackgroundCall()
    told = heard(asker)
    asker.run(hanging.find, "Version", [])
    assert hanging.came.wait(GUARD)
    asker.cancel()
    asker.cancel()
    until(lambda: not threads())
    settle()

    assert [(each[0], each[1]) for each in told] == [("busy", True), ("busy", False)]


def test_an_owner_that_is_gone_is_told_nothing(hanging, until, heard):
    """
    When the parent is deleted, what is under way ends, and its result goes nowhere.
    """
    owner = QObject()
    asker = BackgroundCall(owner)
    told = heard(asker)
    asker.run(hanging.find, "Version", [])
    assert hanging.came.wait(GUARD)
    owner.deleteLater()
    QCoreApplication.sendPostedEvents(owner, QEvent.Type.DeferredDelete)
    until(lambda: not threads())
    settle()

    assert names_of(told) == ["busy"]


def test_a_background_call_without_references_does_no_harm(until):
    """
    One that was collected while its call runs is told nothing.
    """
    may_go = threading.Event()
    asker = BackgroundCall()
    asker.run(may_go.wait, GUARD)
    del asker
    gc.collect()
    may_go.set()
    until(lambda: not threads())
    settle()


def test_the_end_of_the_application_ends_what_reads(hanging, application, until):
    """
    A window that is closed does not wait for an answer.
    """
    asker = BackgroundCall()
    asker.run(hanging.find, "Version", [])
    assert hanging.came.wait(GUARD)
    application.aboutToQuit.emit()

    until(lambda: not threads())
    assert not asker.is_busy


def test_a_slot_may_ask_again(until, heard):
    """
    Who is told may start the next call at once.
    """
    asker, left = BackgroundCall(), ["b", "c"]
    told = heard(asker)
    asker.done.connect(lambda _result: left and asker.run(left.pop, 0))
    asker.run(lambda: "a")
    until(lambda: not asker.is_busy)

    assert [each[1] for each in told if each[0] == "done"] == ["a", "b", "c"]


def test_the_gui_goes_on_meanwhile(hanging, until):
    """
    While a call waits for its answer, timers of the GUI fire.
    """
    asker, ticks = BackgroundCall(), []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(1))
    timer.start(0)
    asker.run(hanging.find, "Version", [])
    until(lambda: len(ticks) > 5)
    timer.stop()

    assert asker.is_busy
    asker.cancel()


def test_it_is_made_in_the_gui_thread(application):
    """
    In another thread it is refused, since its signals would arrive there.
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
    until(lambda: not window.ask_shots.is_busy)
    shots = sg.find("Shot", [["project", "is", project], ["code", "contains", "FOR_01"]])
    window.count.click()
    until(lambda: window.status.text().endswith(" tasks"))
    expected = sum(sg.count("Task", [["entity", "is", shot]]) for shot in shots)

    assert everything == sg.count("Shot", [["project", "is", project]])
    assert window.table.topLevelItemCount() == len(shots) > 0
    assert window.status.text() == f"{expected} tasks"


def test_the_page_tells_the_truth(application, until, reader, capsys):
    """
    The examples of ``docs/qt.md`` print what stands below them.
    """
    for source, shown in examples_of("qt.md"):
        exec(source, reader)
        printed = []

        def is_printed(shown=shown, printed=printed):
            printed.append(capsys.readouterr().out)
            return len("".join(printed)) >= len(shown)

        until(is_printed)
        assert "".join(printed) == shown
