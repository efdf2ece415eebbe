"""
The examples of ``docs/workers.md`` run in order and unchanged.

A Python block that begins with the name of a file is the content of that file. The other Python blocks are one program.
Each line of a shell block is a command.
"""

import inspect
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from processes import unmeasured

from sgextended import SGExtended
from sgextended.localsite import LocalSite

PAGE = Path(__file__).parent.parent.parent / "docs" / "workers.md"
TEXT = PAGE.read_text(encoding="utf-8")
FIRST = TEXT.partition("\n## ")[0]  # defines the names that all examples use
DASK = re.search(r"^## A Dask cluster\n.*?(?=^## )", TEXT, re.DOTALL | re.MULTILINE).group()
COMMAND_TIMEOUT = 120  # seconds


def blocks_of(text):
    """
    Return the examples in a part of the page as pairs of language and source.
    """
    return re.findall(r"```(python|sh)\n(.*?)```", text, re.DOTALL)


def file_of(source):
    """
    Return the name of the file that an example contains, or None.
    """
    found = re.match(r"# (\w+\.py)\n", source)
    return found and found.group(1)


class Reader:
    """
    A reader who follows the page in an empty folder.
    """

    def __init__(self, folder):
        self.folder = folder
        self.names = {"__name__": "reader"}
        self.printed = {}  # output by command

    def follow(self, blocks):
        """
        Run examples, in order.
        """
        for language, source in blocks:
            if language == "sh":
                for command in source.splitlines():
                    self.printed[command] = self.run(command)
            elif file_of(source):
                Path(self.folder, file_of(source)).write_text(source, encoding="utf-8")
            else:
                exec(compile(source, str(PAGE), "exec"), self.names)

    def run(self, command):
        """
        Run a command and return its output.
        """
        program, *words = shlex.split(command)
        start = {"python": [sys.executable], "sgextended": [sys.executable, "-m", "sgextended"]}[program]
        done = subprocess.run(
            [*start, *words],
            cwd=self.folder,
            env=unmeasured(),
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def site():
    """
    A local site with the demo production for this module only, because the examples write to it.
    """
    with LocalSite(demo=True) as site:
        yield site


@pytest.fixture
def reader(site, tmp_path, monkeypatch):
    """
    A reader whose environment names the site.
    """
    for name, value in site.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")])))
    monkeypatch.delitem(sys.modules, "jobs", raising=False)
    yield Reader(tmp_path)
    sys.modules.pop("jobs", None)


def test_page_has_an_example_of_each_way():
    """
    Each of the seven ways has a heading and a Python example below it.
    """
    ways = re.split(r"^### (\d)\. ", TEXT.partition("\n## sg.map")[0], flags=re.MULTILINE)[1:]

    assert ways[::2] == list("1234567")
    assert all(blocks_of(way) for way in ways[1::2])


def test_page_names_every_option_of_map():
    """
    The page names each option of ``sg.map``, except the internal one that the Dask module uses.
    """
    options = set(inspect.signature(SGExtended.map).parameters) - {"self", "function", "items", "guard"}

    assert {option for option in options if not re.search(rf"\b{option}\b", TEXT)} == set()


def test_examples_run(reader, site):
    """
    All examples except those for Dask run unchanged, and return the data of the site.
    """
    reader.follow(blocks_of(TEXT.replace(DASK, "")))
    sg, names, printed = SGExtended(), reader.names, reader.printed
    on_site = [len(sg.find_assets(project)) for project in names["projects"]]

    assert len(names["lines"]) == 6
    assert names["counts"] == on_site
    assert sorted(names["by_name"].values()) == sorted(on_site)
    assert names["taken"] == 10
    assert len(sg.find("Shot", [["description", "in", ["Late.", "In time."]]])) == len(names["shots"])
    assert len(names["sizes"]) == len(names["shots"])
    assert len(printed["python report.py"].splitlines()) == len(names["shots"])
    assert [len(output.splitlines()) for command, output in printed.items() if "csv" in command] == [21]


@pytest.mark.filterwarnings("ignore:Port 8787 is already in use")  # another cluster runs on this machine
def test_dask_example_runs(reader):
    """
    The examples for Dask run, if Dask is installed.
    """
    pytest.importorskip("distributed")
    files = [block for block in blocks_of(TEXT) if file_of(block[1])]

    reader.follow([*blocks_of(FIRST), *files, *blocks_of(DASK)])

    assert len(reader.names["tasks"]) == len(reader.names["shots"])
