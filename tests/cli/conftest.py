"""
Fixtures for the tests of the command line.
"""

import os
import subprocess
import sys

import pytest

from sgextended.cli.entry_point import main

GUARD = 60  # seconds

#: A user's module with functions for ``sgextended map``.
TOOLS = """
import os
import time

from sgextended import SGWorker

NOT_A_FUNCTION = 5
calls = []


def tasks(sg, shot):
    calls.append(shot["id"])
    return len(sg.find("Task", [["entity", "is", shot]]))


def given(sg, entity):
    return sorted(entity)


def describe(sg, shot):
    return {"name": shot["code"].lower(), "type": "Cut", "frames": [1, 2]}


def nothing(sg, shot):
    calls.append(shot["id"])


def odd(sg, shot):
    calls.append(shot["id"])
    if shot["id"] % 5 == 0:
        raise KeyError("sg_cut_in")
    if shot["id"] % 3 == 0:
        raise ValueError(f"Shot {shot['id']} called {shot['code']} has no plate")
    return shot["id"]


def process(sg, shot):
    if shot["id"] == 2:
        raise LookupError("not this one")
    return [os.getpid(), len(sg.find("Task", [["entity", "is", shot]]))]


def wait(sg, shot):
    open("begun", "a").close()
    while not os.path.exists("go"):
        time.sleep(0.01)


def alone(sg):
    pass


async def asynchronous(sg, shot):
    pass


class Studio:
    @staticmethod
    def code(sg, shot):
        return shot["code"]


class Upper(SGWorker):
    def __call__(self, shot):
        assert self.find_projects()
        return shot["code"].upper()
"""


@pytest.fixture
def command(monkeypatch, capsys):
    """
    Return a function that runs the command line and returns its exit status, stdout and stderr.
    """

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["sgextended", *words])
        try:
            main()
            status = 0
        except SystemExit as stop:
            status = stop.code or 0
            if isinstance(status, str):  # as the interpreter does
                sys.stderr.write(f"{status}\n")
                status = 1
        return (status, *capsys.readouterr())

    return run


@pytest.fixture
def environment(demo_site, monkeypatch):
    """
    Set the environment variables for the demo site.
    """
    for name, value in demo_site.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def nobody(monkeypatch):
    """
    Remove all environment variables that name a site or credentials.
    """
    for name in ("URL", "SCRIPT_NAME", "API_KEY", "LOGIN", "PASSWORD", "AUTH_TOKEN", "SESSION_TOKEN"):
        monkeypatch.delenv(f"SHOTGUN_{name}", raising=False)


@pytest.fixture
def tools():
    """
    Return the source of the module ``tools``.
    """
    return TOOLS


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """
    Create a working directory with the module ``tools``. At the end, remove its modules from ``sys.modules``.
    """
    (tmp_path / "tools.py").write_text(TOOLS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def process(folder, demo_site):
    """
    Return a function that starts the command as a process in the working directory.
    """
    started = []

    def start(*words, stderr=subprocess.PIPE):
        environment = {**os.environ, **demo_site.environment(), "COLUMNS": "200"}
        command = [sys.executable, "-m", "sgextended", *words]
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.communicate(timeout=GUARD)


@pytest.fixture
def sg(demo_site, make_sg):
    """
    Return a client of the demo site.
    """
    return make_sg(demo_site)
