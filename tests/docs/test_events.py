"""
The examples of ``docs/events.md`` run unchanged, while other clients change the site.
"""

import sqlite3
import threading
import time

import pytest
from fix_docs import examples_of

from sgextended import SGExtended

EXAMPLES = [source for source, _shown in examples_of("events.md")]


def example(text):
    """
    Return the one example that contains a text.
    """
    (source,) = [source for source in EXAMPLES if text in source]
    return source


@pytest.fixture
def follower(reader, tmp_path, monkeypatch):
    """
    Runs an example of an endless loop in a folder of its own, until it has seen a number of changes.
    """
    monkeypatch.chdir(tmp_path)
    streams, original = [], SGExtended.events

    def events(sg, *args, **kwargs):
        stream = original(sg, *args, poll_seconds=0.01, **kwargs)
        streams.append(stream)
        return stream

    monkeypatch.setattr(SGExtended, "events", events)
    reader["sg"] = SGExtended()

    def follow(source, change, is_done):
        """
        Run an example. Once it follows, call *change*; end the example when *is_done* returns True.
        """

        def work():
            while not streams:
                time.sleep(0.001)
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


def test_first_screen_shows_the_change(follower, reader, capsys):
    """
    The first example prints each change of a status, and continues after its checkpoint.
    """
    sg, printed = reader["sg"], []

    def has_lines(count):
        def is_done():
            printed.extend(capsys.readouterr().out.splitlines())
            return len(printed) >= count

        return is_done

    source = example('checkpoint="status.checkpoint"')
    change_statuses(sg, ["hld"])
    follower(source, lambda: change_statuses(sg, ["wtg", "ip"]), has_lines(2))
    task = change_statuses(sg, ["fin"])  # nobody follows
    follower(source, lambda: change_statuses(sg, ["hld"]), has_lines(4))

    assert printed == [
        f"{task['content']} {change}" for change in ("hld -> wtg", "wtg -> ip", "ip -> fin", "fin -> hld")
    ]


def test_beginnings_are_valid(reader, capsys):
    """
    Each way to begin is accepted, and the loop without following ends with the newest event.
    """
    reader["sg"] = SGExtended()
    exec(example('after="now"'), reader)
    newest = reader["sg"].find_one("EventLogEntry", [], order=[{"field_name": "id", "direction": "desc"}])
    exec(example('"Shotgun_Version_*"'), reader)

    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{newest['id']} ")
    reader["sg"].close()


def test_daemon_ends_at_a_signal(follower, reader, capsys, monkeypatch):
    """
    The daemon prints the description of a change and ends when its handler of the signal is called.
    """
    handlers, printed = [], []
    monkeypatch.setattr("signal.signal", lambda _number, handler: handlers.append(handler))

    def change():
        sg = reader["sg"]
        project = sg.find_one("Project", [])
        sg.create("Version", {"project": project, "code": "followed"})

    def is_done():
        printed.extend(capsys.readouterr().out.splitlines())
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
        with sqlite3.connect(tmp_path / "statuses.sqlite") as db:
            has_table = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'changes'").fetchone()
            return db.execute("SELECT id FROM changes ORDER BY id").fetchall() if has_table else []

    source = example("sqlite3.connect")
    want = [event.id for event in sg.events(attribute="sg_status_list", entity_type="Task", after=0, follow=False)]
    follower(source, lambda: None, lambda: len(rows()) > len(want) // 2)
    follower(source, lambda: change_statuses(sg, ["wtg", "ip"]), lambda: len(rows()) >= len(want) + 2)

    assert [number for (number,) in rows()][: len(want)] == want
    reader["db"].close()
