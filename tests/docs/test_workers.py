"""
``docs/workers.md`` tells the truth: its examples run, in order, as they stand.

A Python block that begins with the name of a file is that file; the other ones are one program. Of the shell's blocks
each line is a command.
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
FIRST = TEXT.partition("\n## ")[0]  # where the names are made that all examples use
DASK = re.search(r"^## A Dask cluster\n.*?(?=^## )", TEXT, re.DOTALL | re.MULTILINE).group()
PATIENCE = 120  # seconds for a command


def blocks_of(text):
    """
    Return the examples of a part of the page: language and source of each.
    """
    return re.findall(r"```(python|sh)\n(.*?)```", text, re.DOTALL)


def file_of(source):
    """
    Return the name of the file that an example is, or None.
    """
    found = re.match(r"# (\w+\.py)\n", source)
    return found and found.group(1)


class Reader:
    """
    Who does what the page says, in a folder of their own.
    """

    def __init__(self, folder):
        self.folder = folder
        self.names = {"__name__": "reader"}
        self.said = {}  # by the commands

    def follow(self, blocks):
        """
        Run examples, in order.
        """
        for language, source in blocks:
            if language == "sh":
                for command in source.splitlines():
                    self.said[command] = self.run(command)
            elif file_of(source):
                Path(self.folder, file_of(source)).write_text(source, encoding="utf-8")
            else:
                exec(compile(source, str(PAGE), "exec"), self.names)

    def run(self, command):
        """
        Return what a command prints.
        """
        program, *words = shlex.split(command)
        start = {"python": [sys.executable], "sgextended": [sys.executable, "-m", "sgextended"]}[program]
        done = subprocess.run(
            [*start, *words],
            cwd=self.folder,
            env=unmeasured(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def site():
    """
    A site with the demo production, of these tests' own: the examples write to it.
    """
    with LocalSite(demo=True) as site:
        yield site


@pytest.fixture
def reader(site, tmp_path, monkeypatch):
    """
    A reader whose environment leads to the site.
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
    Each of the seven ways has its heading, and Python below it.
    """
    ways = re.split(r"^### (\d)\. ", TEXT.partition("\n## sg.map")[0], flags=re.MULTILINE)[1:]

    assert ways[::2] == list("1234567")
    assert all(blocks_of(way) for way in ways[1::2])


def test_page_tells_every_option_of_map():
    """
    Each option of ``sg.map`` stands on the page, but for the one that is Dask's business.
    """
    options = set(inspect.signature(SGExtended.map).parameters) - {"self", "function", "items", "guard"}

    assert {option for option in options if not re.search(rf"\b{option}\b", TEXT)} == set()


def test_links_lead_somewhere():
    """
    Each link within the page leads to one of its headings.
    """
    headings = re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}

    assert set(re.findall(r"\]\(#([^)]*)\)", TEXT)) <= anchors


def test_examples_run(reader, site):
    """
    Everything but the part about Dask runs as it stands, and finds what is on the site.
    """
    reader.follow(blocks_of(TEXT.replace(DASK, "")))
    sg, names, said = SGExtended(), reader.names, reader.said
    on_site = [len(sg.find_assets(project)) for project in names["projects"]]

    assert len(names["lines"]) == 6
    assert names["counts"] == on_site
    assert sorted(names["by_name"].values()) == sorted(on_site)
    assert names["taken"] == 10
    assert len(sg.find("Shot", [["description", "in", ["Late.", "In time."]]])) == len(names["shots"])
    assert len(names["sizes"]) == len(names["shots"])
    assert len(said["python report.py"].splitlines()) == len(names["shots"])
    assert [len(output.splitlines()) for command, output in said.items() if "csv" in command] == [21]


@pytest.mark.filterwarnings("ignore:Port 8787 is already in use")  # somebody else has a cluster here
def test_dask_example_runs(reader):
    """
    So does the part about Dask, where it is installed.
    """
    pytest.importorskip("distributed")
    files = [block for block in blocks_of(TEXT) if file_of(block[1])]

    reader.follow([*blocks_of(FIRST), *files, *blocks_of(DASK)])

    assert len(reader.names["tasks"]) == len(reader.names["shots"])
