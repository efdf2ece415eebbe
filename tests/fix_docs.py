"""
Pages of the documentation that show output: what an example prints is what stands below it.
"""

import contextlib
import io
import re
from pathlib import Path

import pytest

from sgextended.localsite import LocalSite

DOCS = Path(__file__).parent.parent / "docs"


def examples_of(name, language="python"):
    """
    Return the examples of a page: the source of each, and the output that is shown below it, or None.
    """
    text = (DOCS / name).read_text(encoding="utf-8")
    return [
        (source, shown or None)
        for source, shown in re.findall(rf"```{language}\n(.*?)```\n(?:```text\n(.*?)```)?", text, re.DOTALL)
    ]


def printed_by(source, names):
    """
    Run the source of an example among some names; return what it prints.
    """
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(source, names)
    return out.getvalue()


@pytest.fixture(scope="session")
def docs_site():
    """
    A demo site that the examples of the pages may write to; a create takes a moment.
    """
    with LocalSite(demo=True, faults=["latency=0.2:rpc=create"]) as site:
        yield site


@pytest.fixture
def reader(docs_site, monkeypatch):
    """
    The names of who reads a page and types its examples, with the site of the pages in the environment.
    """
    for name, value in docs_site.environment().items():
        monkeypatch.setenv(name, value)
    return {"__name__": "reader"}
