"""
``docs/domain.md`` has an example for every domain method, and every line of its Python returns a result.
"""

import inspect
import os
import re
from pathlib import Path

import pytest

from sgextended import SGExtended
from sgextended.domain.batches import Report
from sgextended.localsite import LocalSite

TEXT = (Path(__file__).parent.parent.parent / "docs" / "domain.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
#: Native methods that the domain adds an option to.
NATIVE = {"find", "find_iter"}
#: The module whose functions are described on another page.
ELSEWHERE = "sgextended.domain.typed.read_write"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """
    The results of the lines of the examples, as pairs of the line and its result, and the names that the lines define.

    The site is the demo production as the command on the page starts it, and ``sg`` is made by the line on the page.
    Nothing else is made ready: the folder is empty.
    """
    (options,) = re.findall(r"sgextended site --demo --port \d+ --script-name (\w+) --api-key (\w+)\n", TEXT)
    (connect,) = re.findall(r">>> (sg = .*)\n", TEXT)
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("empty"))
    with LocalSite(demo=True, script_name=options[0], api_key=options[1]) as site:
        names = {"SGExtended": SGExtended}
        exec(re.sub(r"http://[\w.:]+", site.url, connect), names)
        found = []
        for line in [line for block in BLOCKS for line in block.splitlines() if line]:
            name = line.partition(" = ")[0]
            exec(compile(line, f"domain.md: {line}", "exec"), names)
            found.append((line, names[name]))
        yield found, names
        names["sg"].close()
    os.chdir(before)


def shows_something(value):
    """
    Return whether a result is neither empty nor, in a list of results, lacks one: a file that was not there.
    """
    if isinstance(value, Report):
        return shows_something(value.results)
    if isinstance(value, list):
        return value != [] and None not in value
    return bool(value)


def test_every_line_returns_a_result(results):
    """
    The lines run in order, and no result is empty, because an example with an empty result shows nothing.
    """
    found, _names = results

    assert len(found) > 80
    assert [line for line, value in found if not shows_something(value)] == []


def test_comments_of_the_examples_are_true(results):
    """
    The results are as the comments in the examples say.
    """
    names, sg = results[1], results[1]["sg"]

    assert {row["type"] for row in names["made_of"]} == {"PublishedFile"}
    assert names["mine"] == names["hers"]
    assert {log["duration"] > 0 for log in names["logs"]} == {True}
    assert names["away"][0]["user"]["id"] == names["zoe"]["id"]
    assert names["there"] == "P:\\projects\\emb\\BRG_0010.ma"
    assert [bool(change["added"]) for change in names["history"][-2:]] == [True, False]
    assert names["me"]["type"] == "ApiUser"
    assert len(names["new"]) == 250
    assert sg.count("Shot", [["code", "starts_with", "NEW_"]]) == 0
    assert (names["published"]["version_number"], names["again"]) == (1, 2)
    assert [Path(path).read_bytes()[4:12] for path in names["movies"]] == [b"ftypqt  "] * 5
    assert [Path(path).read_bytes()[:3] for path in names["thumbnails"]] == [b"\xff\xd8\xff"] * 5
    assert Path(names["paths"][0]).read_bytes() == Path(names["movies"][0]).read_bytes()
    assert [row["id"] for row in names["rows"]] == names["ids"][:20]
    assert names["url"].endswith(f"/detail/Shot/{names['shot']['id']}")
    assert sum(names["by_status"].values()) == len(names["shots"])
    assert sg.find_unfinished_publishes(hours=0) == []


def test_every_function_has_an_example():
    """
    The page has an example for each domain function that is a method.
    """
    methods = {
        name
        for name, function in vars(SGExtended).items()
        if inspect.isfunction(function)
        and function.__module__.startswith("sgextended.domain.")
        and function.__module__ != ELSEWHERE
    }
    shown = {name for block in BLOCKS for name in re.findall(r"\bsg\.(\w+)\(", block)}

    assert shown == methods | NATIVE
