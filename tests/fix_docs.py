"""
Helpers for pages of the documentation whose examples show their output.
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
    Return the examples of a page as pairs: the source, and the output that is shown below it or None.
    """
    text = (DOCS / name).read_text(encoding="utf-8")
    return [
        (source, shown or None)
        for source, shown in re.findall(rf"```{language}\n(.*?)```\n(?:```text\n(.*?)```)?", text, re.DOTALL)
    ]


def example_with(name, text):
    """
    Return the one Python example of a page that contains a text.
    """
    (source,) = [source for source, _shown in examples_of(name) if text in source]
    return source


def printed_by(source, names):
    """
    Run the source of an example with the given global names, and return what it prints.
    """
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(source, names)
    return out.getvalue()


@pytest.fixture(scope="session")
def docs_site():
    """
    A local site with the demo production that the examples may write to. A create takes 0.2 seconds.
    """
    with LocalSite(demo=True, faults=["latency=0.2:rpc=create"]) as site:
        yield site


@pytest.fixture
def reader(docs_site, monkeypatch):
    """
    The global names for the examples of a page. The environment variables name the site of the examples.
    """
    for name, value in docs_site.environment().items():
        monkeypatch.setenv(name, value)
    return {"__name__": "reader"}
