"""
The files that are uploaded to a cluster: those that are not installed.
"""

import json
import sys
import textwrap
from pathlib import Path

import attr
import pytest

import pytest_sgextended
from sgextended.cli.shared import load_function as loading


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """
    Return a function and its file, in a folder below Python's own, as in a project that is a virtual environment.
    """
    for prefix in ("prefix", "base_prefix"):
        monkeypatch.setattr(sys, prefix, str(tmp_path.parent))
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "a_tool_of_the_studio.py"
    path.write_text("def work(sg, entity):\n    return 1\n", encoding="utf-8")
    yield loading.load_function(f"{path}:work"), path
    del sys.modules["a_tool_of_the_studio"]


def test_a_studio_file_below_pythons_folder_is_uploaded(tool):
    """
    A file is not installed just because it is below Python's folder.
    """
    function, path = tool

    assert loading.file_to_upload(function) == path.resolve()


@pytest.mark.parametrize("function", [textwrap.dedent, json.dumps, attr.asdict, len])
def test_installed_modules_are_not_uploaded(function):
    """
    The workers have the standard library, packages and built-in functions already.
    """
    assert loading.file_to_upload(function) is None


def test_an_installed_single_file_is_not_uploaded(monkeypatch):
    """
    A module of one file in the folder of packages counts as installed.
    """
    there = Path(pytest_sgextended.__file__).parent
    monkeypatch.setattr(loading.site, "getsitepackages", lambda: [str(there)])

    assert loading.file_to_upload(pytest_sgextended.pytest_addoption) is None
