"""
What all commands share: version, completion, missing extras.
"""

import subprocess
import sys

from processes import unmeasured


def test_version_is_printed(command):
    """
    --version prints name and version.
    """
    import sgextended

    assert command("--version")[:2] == (0, f"sgextended {sgextended.__version__}\n")


def test_a_missing_extra_is_named(command, monkeypatch):
    """
    If the extra that a command needs is not installed, the message says what to install.
    """
    monkeypatch.setitem(sys.modules, "typer", None)
    monkeypatch.delitem(sys.modules, "sgextended.cli.app", raising=False)
    status, _out, err = command("assets")

    assert status == 1
    assert "pip install 'sgextended[cli]'" in err


def test_completion_is_offered(command):
    """
    The help offers to install shell completion.
    """
    assert "--install-completion" in command("--help")[1]


def test_a_command_ends_without_a_search_for_garbage():
    """
    At the end of a command no object is left for the garbage collector, so the process ends sooner.
    """
    script = (
        "import atexit, gc\n"
        "atexit.register(lambda: print('frozen', gc.get_freeze_count() > 10_000))\n"
        "from sgextended.cli.entry_point import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "--version"],
        env=unmeasured(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.splitlines()[-1] == "frozen True"
