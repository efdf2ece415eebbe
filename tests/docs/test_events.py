"""
The examples of ``docs/events.md`` run unchanged, while other clients change the site.
"""

import contextlib
import functools
import shlex
import signal
import sqlite3
import sys
import threading
import time

import pytest
from fix_docs import example_with, examples_of

from sgextended import EventRunner, SGExtended
from sgextended.cli.app import run

example = functools.partial(example_with, "events.md")
COMMANDS = [
    line.partition("#")[0].strip()
    for source, _shown in examples_of("events.md", "sh")
    for line in source.splitlines()
    if line.startswith("sgextended events")
]


@pytest.fixture
def printed(monkeypatch):
    """
    The lines that examples print. Reading what pytest captures is not safe while another thread prints.
    """
    lines = []
    monkeypatch.setattr("builtins.print", lambda *words, **_options: lines.append(" ".join(map(str, words))))
    return lines


@pytest.fixture
def follower(reader, tmp_path, monkeypatch):
    """
    Runs an example of an endless loop in a folder of its own, until it has seen a number of changes.
    """
    monkeypatch.chdir(tmp_path)
    streams, original, begun = [], SGExtended.events, threading.Event()

    def events(sg, *args, **kwargs):
        stream = original(sg, *args, poll_seconds=0.01, **kwargs)
        streams.append(stream)
        begun.set()
        return stream

    monkeypatch.setattr(SGExtended, "events", events)
    reader["sg"] = SGExtended()

    def follow(source, change, is_done):
        """
        Run an example. Once it follows, call *change*; end the example when *is_done* returns True.
        """

        def work():
            assert begun.wait(30)
            try:
                change()
                ends_at = time.monotonic() + 30
                while not is_done() and time.monotonic() < ends_at:
                    time.sleep(0.005)
            finally:
                streams[-1].close()

        thread = threading.Thread(target=work)
        thread.start()
        exec(source, reader)
        thread.join()
        streams.clear()
        begun.clear()

    yield follow
    reader["sg"].close()


def change_statuses(sg, statuses):
    """
    Set the status of one task several times.
    """
    task = sg.find_one("Task", [], ["content"])
    for status in statuses:
        sg.update("Task", task["id"], {"sg_status_list": status})
    return task


def test_first_screen_shows_the_change(follower, reader, printed):
    """
    The first example prints each change of a status, and continues after its checkpoint.
    """
    sg = reader["sg"]

    def has_lines(count):
        return lambda: len(printed) >= count

    source = example('checkpoint="status.checkpoint"')
    change_statuses(sg, ["hld"])
    follower(source, lambda: change_statuses(sg, ["wtg", "ip"]), has_lines(2))
    task = change_statuses(sg, ["fin"])  # nobody follows
    follower(source, lambda: change_statuses(sg, ["hld"]), has_lines(4))

    assert printed == [
        f"{task['content']} {change}" for change in ("hld -> wtg", "wtg -> ip", "ip -> fin", "fin -> hld")
    ]


def test_beginnings_are_valid(reader, printed):
    """
    Each way to begin is accepted, and the loop without following ends with the newest event.
    """
    reader["sg"] = SGExtended()
    exec(example('after="now"'), reader)
    newest = reader["sg"].find_one("EventLogEntry", [], order=[{"field_name": "id", "direction": "desc"}])
    exec(example('"Shotgun_Version_*"'), reader)

    assert printed[-1].startswith(f"{newest['id']} ")
    reader["sg"].close()


def test_daemon_ends_at_a_signal(follower, reader, printed, monkeypatch):
    """
    The daemon prints the description of a change and ends when its handler of the signal is called.
    """
    handlers = []
    monkeypatch.setattr("signal.signal", lambda _number, handler: handlers.append(handler))

    def change():
        sg = reader["sg"]
        project = sg.find_one("Project", [])
        sg.create("Version", {"project": project, "code": "followed"})

    def is_done():
        if printed and handlers:
            handlers[0]()
        return bool(printed)

    follower(example("signal.SIGTERM"), change, is_done)

    assert "followed" in printed[0]


def test_exactly_once_with_a_database(follower, reader, tmp_path):
    """
    The database has each change once, although the loop was ended and begun again at a position of the database.
    """
    sg = reader["sg"]

    def rows():
        if not (tmp_path / "statuses.sqlite").exists():
            return []
        with contextlib.closing(sqlite3.connect(tmp_path / "statuses.sqlite")) as db:
            has_table = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'changes'").fetchone()
            return db.execute("SELECT id FROM changes ORDER BY id").fetchall() if has_table else []

    source = example("sqlite3.connect")
    want = [event.id for event in sg.events(attribute="sg_status_list", entity_type="Task", after=0, follow=False)]
    follower(source, lambda: None, lambda: len(rows()) > len(want) // 2)
    reader["db"].close()
    follower(source, lambda: change_statuses(sg, ["wtg", "ip"]), lambda: len(rows()) >= len(want) + 2)

    assert [number for (number,) in rows()][: len(want)] == want
    reader["db"].close()


def change(sg, number):
    """
    Change a status and create a version; return the lines that the handlers print.
    """
    task = change_statuses(sg, ["wtg", "ip"])
    version = sg.create("Version", {"project": sg.find_one("Project", []), "code": f"v{number}"})
    lines = [f"{task['content']} is wtg", f"{task['content']} is ip", f"thumbnail of version {version['id']}"]
    return set(lines)


def test_handlers_are_run_by_the_command(reader, tmp_path, monkeypatch, printed):
    """
    The command of the page runs the handlers of the page until SIGTERM, and ends with status 0.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "studio_events.py").write_text(example("# studio_events.py"))
    with SGExtended() as sg:
        change_statuses(sg, ["hld"])
        newest = sg.find_one("EventLogEntry", [], order=[{"field_name": "id", "direction": "desc"}])
        wanted = change(sg, 1)

    def end():
        ends_at = time.monotonic() + 30
        while not wanted <= set(printed) and time.monotonic() < ends_at:
            time.sleep(0.005)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)

    monkeypatch.setattr(sys, "argv", [*shlex.split(COMMANDS[0]), "--from", str(newest["id"] + 1)])
    thread = threading.Thread(target=end)
    thread.start()
    with pytest.raises(SystemExit) as ended:
        run()
    thread.join()
    sys.modules.pop("studio_events", None)

    assert (ended.value.code, set(printed)) == (0, wanted)


@pytest.mark.parametrize("line", [line for line in COMMANDS if "--follow" not in line][1:])
def test_commands_are_valid(reader, tmp_path, monkeypatch, capsys, line):
    """
    The other commands of the page end without an error.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "studio_events.py").write_text(example("# studio_events.py"))
    (tmp_path / "sgextended-events").mkdir()
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    with pytest.raises(SystemExit) as ended:
        run()
    sys.modules.pop("studio_events", None)

    assert (ended.value.code or 0) == 0, capsys.readouterr().err


def test_program_runs_handlers(reader, tmp_path, monkeypatch, printed):
    """
    The runner calls the handlers of the module until it is closed.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "studio_events.py").write_text(example("# studio_events.py"))
    runners, begun = [], threading.Event()

    def work():
        ends_at = time.monotonic() + 30
        try:
            assert begun.wait(30)
            while any(loop._follower.position is None for loop in runners[0]._loops) and time.monotonic() < ends_at:
                time.sleep(0.002)
            wanted = change(reader["sg"], 2)
            while not wanted <= set(printed) and time.monotonic() < ends_at:
                time.sleep(0.01)
        finally:
            runners[0].close()

    original = EventRunner.run
    monkeypatch.setattr(EventRunner, "run", lambda runner: (runners.append(runner), begun.set(), original(runner)))
    with SGExtended() as sg:
        change_statuses(sg, ["hld"])
        reader["sg"] = sg
        thread = threading.Thread(target=work)
        thread.start()
        exec(example("runner.run()"), reader)
        thread.join()
    sys.modules.pop("studio_events", None)

    assert {line.rpartition(" ")[0] for line in printed} >= {"thumbnail of version"}
    assert len(printed) == len(set(printed)) == 3
