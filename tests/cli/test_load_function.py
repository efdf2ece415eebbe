"""
Which files a cluster is sent: those that were not installed.
"""

import json
import sys
import textwrap
from pathlib import Path

import attr
import pytest

import pytest_sgextended
from sgextended.cli import load_function as loading


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """
    A function of a file, whose folder stands in that of Python: the project is its own virtual environment, say.
    """
    for prefix in ("prefix", "base_prefix"):
        monkeypatch.setattr(sys, prefix, str(tmp_path.parent))
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "a_tool_of_the_studio.py"
    path.write_text("def work(sg, entity):\n    return 1\n", encoding="utf-8")
    yield loading.load_function(f"{path}:work"), path
    del sys.modules["a_tool_of_the_studio"]


def test_a_file_of_the_studio_is_sent_wherever_it_stands(tool):
    """
    Below the folder of Python, too.
    """
    function, path = tool

    assert loading.file_to_upload(function) == path.resolve()


@pytest.mark.parametrize("function", [textwrap.dedent, json.dumps, attr.asdict, len])
def test_what_was_installed_is_not_sent(function):
    """
    Python's own modules, packages, and what is built in are there already.
    """
    assert loading.file_to_upload(function) is None


def test_a_module_that_was_installed_is_not_sent(monkeypatch):
    """
    One file among the packages is known by its folder.
    """
    there = Path(pytest_sgextended.__file__).parent
    monkeypatch.setattr(loading.site, "getsitepackages", lambda: [str(there)])

    assert loading.file_to_upload(pytest_sgextended.pytest_addoption) is None
