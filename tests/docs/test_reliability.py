"""
docs/reliability.md: each promise names a test, and that test exists.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`((?:\w+/)*test_\w+\.py)(?:::(test_\w+))?`", TEXT)))


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_a_test_that_is_named_exists(file, test):
    """
    What is promised is tested where the page says.
    """
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}

    assert not test or test in functions


def test_every_promise_names_one():
    """
    Every row of the tables has a test.
    """
    rows = [line for line in TEXT.splitlines() if line.startswith("|") and not re.match(r"\|[-| ]+$", line)]
    heads = {"call", "promise", "limit"}
    promises = [row for row in rows if row.split("|")[1].strip() not in heads]

    assert len(promises) > 20
    assert [row for row in promises if not re.search(r"`(?:\w+/)*test_", row)] == []
