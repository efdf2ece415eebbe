"""
``docs/cli.md``: its commands, run in order, print the output that the page shows.
"""

import re
import shlex
import sys

import pytest
from fix_docs import DOCS, examples_of

from sgextended.cli.app import app, run
from sgextended.localsite import LocalSite


@pytest.fixture
def printed(monkeypatch, tmp_path, capfd):
    """
    Return a function that runs a command and returns its stdout and stderr. SITE replaces the address of the site,
    and N each number in the output of ``doctor``.
    """
    with LocalSite(demo=True, script_name="demo") as site:
        for name, value in site.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("COLUMNS", "100")
        monkeypatch.chdir(tmp_path)
        ((table, _shown),) = examples_of("cli.md", "csv")
        (tmp_path / "plan.csv").write_text(table, encoding="utf-8")

        def type_in(line):
            monkeypatch.setattr(sys, "argv", shlex.split(line))
            with pytest.raises(SystemExit):
                run()
            out, err = capfd.readouterr()
            text = (out + err).replace(site.url, "SITE")
            return re.sub(r"\b\d+", "N", text) if "doctor" in line else text

        yield type_in


def test_the_commands_print_what_is_shown(printed):
    """
    Each command on the page prints the output below it.
    """
    examples = examples_of("cli.md", "sh")

    assert len(examples) >= 10
    for source, shown in examples:
        assert printed(source.strip()).splitlines() == shown.splitlines(), source


def test_every_command_is_named():
    """
    The page names every command.
    """
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    names = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}

    assert {name for name in names if not re.search(rf"\b{name}\b", text)} == set()
