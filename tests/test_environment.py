"""
Environment variables: where they are read, and that an empty one counts as not set.
"""

import ast
from pathlib import Path

import pytest
from syntax_trees import syntax_tree

import sgextended
from sgextended import ConfigurationError, Secret, Site, registered_class
from sgextended.cli.shared import profiles
from sgextended.environment import environment_variable

ROOT = Path(sgextended.__file__).parent
#: The modules that read the environment themselves. The codec compares the values of TZ, of which an empty one is UTC.
READERS = {"environment.py", "client/protocol/codec.py"}
NAMES = {"environ", "environb", "getenv", "getenvb"}


def test_one_function_reads_the_environment():
    """
    All other modules use the function that takes an empty variable for an unset one.
    """
    found = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        for node in ast.walk(syntax_tree(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in NAMES
    }

    assert found == READERS


@pytest.mark.parametrize(("value", "expected"), [(None, None), ("", None), (" ", " "), ("x", "x")])
def test_an_empty_variable_is_not_set(monkeypatch, value, expected):
    """
    Only a variable with a value has one.
    """
    monkeypatch.delenv("SGX_TEST", raising=False)
    if value is not None:
        monkeypatch.setenv("SGX_TEST", value)

    assert environment_variable("SGX_TEST") == expected


def test_empty_variables_are_ignored_everywhere(monkeypatch):
    """
    The class of the studio, the file of profiles, secrets and the site itself are as without the variable.
    """
    names = ["SGEXTENDED_CLASS", "SGEXTENDED_CONFIG", "SHOTGUN_URL", "SHOTGUN_API_KEY"]
    for name in names:
        monkeypatch.delenv(name, raising=False)
    unset = registered_class(), profiles.path()
    for name in names:
        monkeypatch.setenv(name, "")

    assert (registered_class(), profiles.path()) == unset
    with pytest.raises(ConfigurationError, match="SHOTGUN_API_KEY is not set"):
        Secret.from_env("SHOTGUN_API_KEY")
    with pytest.raises(ConfigurationError, match="SHOTGUN_URL is not set"):
        Site.from_env()
