"""
What all commands share: version, completion, missing extras.
"""

import sys


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
