"""
The command as a process, with the stdout of other systems: names of any kind, on a terminal and redirected.
"""

import json
import os
import re
import subprocess
import sys

import pytest

from sgextended import SGExtended
from sgextended.localsite import LocalSite

GUARD = 60  # seconds
NAMES = (
    "Zoë 山田 👩‍🚀",
    "\x1b]0;owned\x07\x1b[31mred\x1b[2J",
    "a\nb\u202ec\x9b",
    '=HYPERLINK("http://x","y")',
    "[red]a[/red]",
)


@pytest.fixture(scope="module")
def odd_site():
    """
    Return a site with projects whose names are not plain.
    """
    with LocalSite() as site:
        sg = SGExtended(site.url, site.script_name, site.api_key)
        for name in NAMES:
            sg.create("Project", {"name": name})
        yield site


@pytest.fixture
def run(odd_site, tmp_path):
    """
    Return a function that runs the command as a process, and returns its exit status, stdout as bytes and stderr.
    """

    def start(*words, encoding, terminal=False):
        environment = {
            **os.environ,
            **odd_site.environment(),
            "PYTHONIOENCODING": encoding,
            "PYTHONUTF8": "0",
            "COLUMNS": "100",
            "TERM": "xterm",
            "NO_COLOR": "1",
        }
        command = [sys.executable, "-m", "sgextended", *words]
        if not terminal:
            done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=GUARD)
            return done.returncode, done.stdout, done.stderr.decode()
        import pty

        reader, writer = pty.openpty()
        with subprocess.Popen(command, env=environment, stdout=writer, stderr=subprocess.PIPE) as process:
            os.close(writer)
            out = b""
            while True:
                try:
                    part = os.read(reader, 65536)
                except OSError:  # Linux reports the end of the terminal as an error
                    break
                if not part:
                    break
                out += part
            os.close(reader)
            return process.wait(GUARD), out, process.stderr.read().decode()

    return start


def test_redirected_output_is_utf_8(run):
    """
    On a system whose files are not UTF-8, JSON is UTF-8 and whole.
    """
    status, out, err = run("find", "Project", "--fields", "name", "--format", "json", encoding="ascii")

    assert (status, err) == (0, "")
    assert [row["name"] for row in json.loads(out.decode("utf-8"))] == list(NAMES)


def test_csv_has_no_control_characters_and_no_formulas(run):
    """
    CSV has no control characters, and no cell that a spreadsheet would run.
    """
    status, out, err = run("find", "Project", "--fields", "name", "--format", "csv", encoding="cp1252")
    text = out.decode("utf-8")

    assert (status, err) == (0, "")
    assert NAMES[0] in text
    assert "\x1b" not in text
    assert "\"'=HYPERLINK" in text


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("ascii", ["find", "Project", "--fields", "id,name"]),
        ("cp1252", ["assets"]),
        ("utf-8", ["find", "Project", "--fields", "name", "--format", "csv"]),
        ("utf-8", ["find", "Project", "--fields", "name", "--format", "json"]),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_terminal_gets_no_control_characters_of_names(run, encoding, words):
    """
    A terminal of any encoding shows every name, and no name changes the terminal.
    """
    status, out, err = run(*words, encoding=encoding, terminal=True)
    text = out.decode(encoding)

    assert status == 0, err
    assert "Traceback" not in text + err
    assert "red" in text
    # Without the styles of titles: bold, italic and the end of both. NO_COLOR is set, so that there is no other one.
    assert not set(re.sub("\x1b\\[[013]m", "", text)) & {"\x1b", "\x07", "\u202e", "\x9b"}
