"""
``docs/testing.md`` tells the truth: a reader who does what it says, in an empty folder, sees it work.

A block that begins with the name of a file is that file. Of the shell's blocks each line is a command.
"""

import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import unmeasured

import pytest_sgextended
from sgextended.localsite import LocalSite

PAGE = Path(__file__).parent.parent.parent / "docs" / "testing.md"
BLOCKS = re.findall(r"```(python|sh|ini)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
PATIENCE = 120  # seconds for a command
QUICK = {"python -m pytest -n 2", "python -m pytest --sg-tls"}  # as examples/studio and test_pytest_plugin.py run them


@pytest.fixture(scope="module")
def demo():
    """
    The site that the reader's environment names.
    """
    with LocalSite(demo=True) as site:
        yield site


def run(command, folder, environment):
    """
    Return what a command prints; a site is served until it has printed its line.
    """
    words = [word.replace("$SHOTGUN_URL", environment["SHOTGUN_URL"]) for word in shlex.split(command)]
    start = {"python": [sys.executable], "sgextended": [sys.executable, "-m", "sgextended"]}[words[0]]
    if words[:2] == ["sgextended", "site"] and words[2] != "dump":
        words[words.index("--port") + 1] = "0"
        process = subprocess.Popen([*start, *words[1:]], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
        line = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
        assert (process.returncode, line[:13]) == (0, "Local site at"), command
        return line
    done = subprocess.run(
        [*start, *words[1:]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_tutorial_works_as_it_stands(demo, tmp_path):
    """
    Each file and each command of the page, in order, does what it is there for.
    """
    environment = unmeasured(**demo.environment(), COLUMNS="200")
    said = {}
    for language, source in BLOCKS:
        named = re.match(r"# (\w+\.\w+)\n", source)
        if named:
            (tmp_path / named.group(1)).write_text(source, encoding="utf-8")
        for command in source.splitlines() if language == "sh" else ():
            if not command.startswith("pip ") and command not in QUICK:
                said[command] = run(command, tmp_path, environment)

    assert "2 passed" in said["python -m pytest"]
    assert "3 passed" in said["python -m pytest test_trouble.py"]
    assert "1 passed" in said["python -m pytest -o sg_data=data test_data.py"]
    assert "2 passed" in said["python -m pytest test_pipeline.py --sg-live $SHOTGUN_URL"]
    assert (tmp_path / "again" / "about.json").is_file()
    assert not (tmp_path / "shots" / "records" / "Version.jsonl").exists()
    with demo.store.reading() as tx:
        assert (
            tx.connection.exec_driver_sql(
                "SELECT count(*) FROM directory WHERE type = 'Project' AND retired = 0"
            ).scalar()
            == 7
        )


def test_every_fixture_stands_on_the_page():
    """
    The table has the fixtures that the plugin offers, no more and no fewer.
    """
    table = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    source = Path(pytest_sgextended.__file__).read_text(encoding="utf-8")

    assert table == set(re.findall(r"^def (sg\w*)\(", source, re.MULTILINE))
