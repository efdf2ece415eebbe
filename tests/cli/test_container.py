"""
The container file of the local site: it is well-formed, and the site runs without privileges. Nothing here builds it.
"""

import subprocess
import sys
from pathlib import Path

import pytest

DOCKERFILE = Path(__file__).parent.parent.parent / "packaging" / "Dockerfile"

pytestmark = pytest.mark.skipif(not DOCKERFILE.exists(), reason="the wheel is tested without the container file")


def instructions():
    """
    Return the instructions of the last stage, as pairs of name and arguments.
    """
    text = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.split(None, 1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    last = max(number for number, (name, _arguments) in enumerate(lines) if name == "FROM")
    return [(name, arguments) for name, arguments in lines[last:]]


def test_site_runs_without_privileges_and_keeps_its_file_in_the_volume():
    """
    The user is set by number before the entry point and never set back, and the file of the site is in the volume.
    """
    found = instructions()
    users = [arguments for name, arguments in found if name == "USER"]
    names = [name for name, _arguments in found]

    assert users == ["10001:10001"]
    assert names.index("RUN") < names.index("USER") < names.index("ENTRYPOINT")
    assert dict(found)["VOLUME"] == "/data"
    assert '"--db", "/data/' in dict(found)["ENTRYPOINT"]


def test_options_of_the_entry_point_are_those_of_the_command(command):
    """
    The entry point uses options that ``sgextended site`` has.
    """
    words = [word.strip(' "[]') for word in dict(instructions())["ENTRYPOINT"].split(",")]
    _status, out, _err = command("site", "--help")

    assert words[:2] == ["sgextended", "site"]
    assert [word for word in words[2:] if word.startswith("--") and word not in out] == []


@pytest.mark.skipif(sys.platform != "linux", reason="hadolint is installed with the extra dev on Linux")
def test_container_file_has_no_findings():
    """
    The linter for container files finds nothing.
    """
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([hadolint, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False)

    assert (found.stdout + found.stderr, found.returncode) == ("", 0)
