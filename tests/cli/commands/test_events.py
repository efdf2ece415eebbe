"""
``sgextended events``: prints events, and runs a studio's handlers.
"""

import json
import os
import signal
import subprocess
import sys

import pytest

from sgextended import SGExtended
from sgextended.localsite import LocalSite

GUARD = 60  # seconds
HANDLERS = """
import sys

from sgextended import SGExtended, on


def say(text):
    sys.stdout.write(text + "\\n")  # one write, as handlers run in several threads
    sys.stdout.flush()


class Studio(SGExtended):
    @on("Shotgun_Shot_New")
    def shout(self, event):
        say(f"shot {event.entity['id']}")


@on("Shotgun_Shot_Change", attribute="code")
def announce(sg, event):
    say(f"code {event.new_value}")
    if event.new_value == "bad":
        raise ValueError("it is bad")
"""


@pytest.fixture(scope="module")
def own_site():
    """
    A local site with a project, to which these tests write, and a client.
    """
    with LocalSite() as site, SGExtended(site.url, site.script_name, site.api_key) as sg:
        yield site, sg, sg.create("Project", {"name": "p"})


@pytest.fixture
def studio(own_site, folder, monkeypatch):
    """
    A client of the site and its project; the environment names the site, and the folder has a module of handlers.
    """
    site, sg, project = own_site
    for name, value in site.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")
    (folder / "studio_events.py").write_text(HANDLERS)
    return sg, project


@pytest.fixture
def started(studio):
    """
    Starts the command as a process.
    """
    processes = []

    def start(*words):
        command = [sys.executable, "-m", "sgextended", "events", *words]
        pipe = subprocess.PIPE
        processes.append(subprocess.Popen(command, env=os.environ, stdout=pipe, stderr=pipe, text=True))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate(timeout=GUARD)


def first_id(sg):
    """
    Return the id that the next event gets.
    """
    return sg.find_one("EventLogEntry", [], order=[{"field_name": "id", "direction": "desc"}])["id"] + 1


def test_prints_the_events_from_an_id(studio, command):
    """
    Without --follow the events that are there are printed: a line each, or JSON, filtered by the options.
    """
    sg, project = studio
    start = str(first_id(sg))
    shot = sg.create("Shot", {"project": project, "code": "sh\x1b[31m010"})
    status, out, _err = command("events", "--from", start)
    lines = out.splitlines()

    assert status == 0
    assert [line.split()[2] for line in lines] == ["Shotgun_Shot_New", "Shotgun_Shot_Change", "Shotgun_Shot_Change"]
    assert "\x1b" not in out
    assert f"Shot:{shot['id']} (sh [31m010)  sg_status_list  None -> wtg  by" in out
    _status, out, _err = command("events", "--from", start, "--attribute", "code", "--format", "json", "--project", "p")
    assert [json.loads(line)["new_value"] for line in out.splitlines()] == ["sh\x1b[31m010"]
    _status, out, _err = command("events", "--from", start, "--type", "Shotgun_Shot_N*", "--format", "csv")
    assert [line.partition(",")[0] for line in out.splitlines()] == ["id", start]


def test_follow_prints_until_it_is_ended(studio, started, folder):
    """
    --follow prints events as they come, and ends at Ctrl-C with the usual status; a checkpoint continues.
    """
    sg, project = studio
    start = str(first_id(sg))
    process = started("--follow", "--from", start, "--attribute", "code", "--checkpoint", "place")
    for code in ("a", "b"):
        sg.create("Shot", {"project": project, "code": code})
    lines = [process.stdout.readline() for _ in "ab"]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=GUARD)

    assert [line.split("  ")[5] for line in lines] == ["None -> a", "None -> b"]
    assert (out, err, process.returncode) == ("", "", 130)
    assert json.loads((folder / "place").read_text())["position"]["mark"] == first_id(sg) - 1


@pytest.mark.parametrize("where", [[], ["--processes"]])
def test_run_calls_the_handlers(studio, started, command, where):
    """
    ``events run`` calls functions and methods, parks what fails, and ends at SIGTERM with a summary.
    """
    sg, project = studio
    start = str(first_id(sg))
    shots = [sg.create("Shot", {"project": project, "code": code})["id"] for code in ("good", "bad")]
    process = started("run", "studio_events", "--from", start, *where)
    lines = {process.stdout.readline() for _ in range(4)}
    process.send_signal(signal.SIGTERM)
    _out, err = process.communicate(timeout=GUARD)
    status, out, _err = command("events", "parked", "--format", "json")

    assert lines == {"code good\n", "code bad\n", *(f"shot {shot}\n" for shot in shots)}
    assert process.returncode == 0
    assert "Running 2 handlers: announce, Studio.shout." in err
    assert "Handled: announce 1, Studio.shout 2." in err
    assert "1 event parked" in err
    (parked,) = json.loads(out)
    assert (status, parked["handler"], parked["error"]) == (0, "announce", "ValueError: it is bad")
    status, _out, err = command("events", "parked", "--retry")
    assert (status, err) == (0, "1 event will be tried again by the next run.\n")


def test_replay_handles_older_events_again(studio, command):
    """
    ``events replay`` calls the handlers for older events, up to an id; a failure is reported and is the exit status.
    """
    sg, project = studio
    start = first_id(sg)
    for code in ("good", "bad", "last"):
        sg.create("Shot", {"project": project, "code": code})
    words = ("events", "replay", "studio_events", "--handler", "announce", "--from", str(start))
    status, out, err = command(*words, "--to", str(start + 5))

    assert (status, out) == (1, "code good\ncode bad\n")
    assert f"announce failed for event {start + 5}: ValueError: it is bad" in err
    assert "announce: 1 handled, 1 failed." in err
    status, out, err = command("events", "replay", "--from", str(start), "--to", str(start + 1))
    assert (status, len(out.splitlines())) == (0, 2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "Which events?"),
        (("replay",), "Which events?"),
        (("--from", "yesterday"), "is neither an id, nor a time"),
        (("run", "nothing_here"), "There is no module 'nothing_here'"),
        (("run", "json"), "There are no handlers in json."),
        (
            ("replay", "studio_events", "--from", "1", "--handler", "x"),
            "has no handler 'x'. It has: announce, Studio.shout",
        ),
        (("parked", "--places", "nowhere"), "The folder nowhere does not exist."),
        (("--from", "1", "--type", "*"), "may only be the last character"),
    ],
)
def test_mistakes_are_explained(studio, command, words, message):
    """
    A command that cannot be meant ends with one message.
    """
    status, out, err = command("events", *words)

    assert status in (1, 2)
    assert out == ""
    assert message in err
    assert "Traceback" not in err
