"""
The tutorial in ``docs/testing.md`` works when its steps are followed in an empty folder.

A block that begins with the name of a file is the content of that file. Each line of a shell block is a command.
"""

import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import unmeasured_pytest

import pytest_sgextended
from sgextended.localsite import LocalSite

PAGE = Path(__file__).parent.parent.parent / "docs" / "testing.md"
BLOCKS = re.findall(r"```(python|sh|ini)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
COMMAND_TIMEOUT = 120  # seconds
SKIPPED = {
    "python -m pytest -n 2",
    "python -m pytest --sg-tls",
}  # other tests run them on examples/studio


@pytest.fixture(scope="module")
def demo():
    """
    The local site that the reader's environment names.
    """
    with LocalSite(demo=True) as site:
        yield site


def run(command, folder, environment):
    """
    Run a command and return its output. A command that serves a site is stopped after its first line.
    """
    words = [word.replace("$SHOTGUN_URL", environment["SHOTGUN_URL"]) for word in shlex.split(command)]
    start = {"python": [sys.executable], "sgextended": [sys.executable, "-m", "sgextended"]}[words[0]]
    if words[:2] == ["sgextended", "site"] and words[2] != "dump":
        words[words.index("--port") + 1] = "0"
        process = subprocess.Popen([*start, *words[1:]], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
        line = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=COMMAND_TIMEOUT)
        assert (process.returncode, line[:13]) == (0, "Local site at"), command
        return line
    done = subprocess.run(
        [*start, *words[1:]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends signals in another way")
def test_tutorial_works(demo, tmp_path):
    """
    The files and commands of the page, in order, give the expected results.
    """
    environment = unmeasured_pytest(**demo.environment(), COLUMNS="200")
    printed = {}
    for language, source in BLOCKS:
        named = re.match(r"# (\w+\.\w+)\n", source)
        if named:
            (tmp_path / named.group(1)).write_text(source, encoding="utf-8")
        for command in source.splitlines() if language == "sh" else ():
            if not command.startswith("pip ") and command not in SKIPPED:
                printed[command] = run(command, tmp_path, environment)

    assert "2 passed" in printed["python -m pytest"]
    assert "2 passed" in printed["python -m pytest test_rows.py"]
    assert "3 passed" in printed["python -m pytest test_trouble.py"]
    assert "1 passed" in printed["python -m pytest -o sg_data=data test_data.py"]
    assert "2 passed" in printed["python -m pytest test_pipeline.py --sg-live $SHOTGUN_URL"]
    assert (tmp_path / "again" / "about.json").is_file()
    assert not (tmp_path / "shots" / "records" / "Version.jsonl").exists()
    with demo.store.reading() as tx:
        assert (
            tx.connection.exec_driver_sql(
                "SELECT count(*) FROM directory WHERE type = 'Project' AND retired = 0"
            ).scalar()
            == 7
        )


def test_every_fixture_is_on_the_page():
    """
    The table has exactly the fixtures that the plugin offers.
    """
    table = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    source = Path(pytest_sgextended.__file__).read_text(encoding="utf-8")

    assert table == set(re.findall(r"^def (sg\w*)\(", source, re.MULTILINE))
