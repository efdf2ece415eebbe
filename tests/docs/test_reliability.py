"""
Each guarantee in ``docs/reliability.md`` names a test, and that test exists.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`((?:\w+/)*test_\w+\.py)(?:::(test_\w+))?`", TEXT)))


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_named_test_exists(file, test):
    """
    Each test that the page names exists.
    """
    functions = re.findall(r"^ *def (test_\w+)\(", (ROOT / "tests" / file).read_text(encoding="utf-8"), re.MULTILINE)

    assert not test or test in functions


def test_every_row_names_a_test():
    """
    Every row of the tables names a test.
    """
    rows = [line for line in TEXT.splitlines() if line.startswith("|") and not re.match(r"\|[-| ]+$", line)]
    heads = {"call", "promise", "limit"}
    promises = [row for row in rows if row.split("|")[1].strip() not in heads]

    assert len(promises) > 20
    assert [row for row in promises if not re.search(r"`(?:\w+/)*test_", row)] == []
