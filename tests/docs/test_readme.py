"""
The Python examples of the README run in order on the demo production.
"""

import functools
import re
from pathlib import Path

import pytest
import shotgun_api3

import sgextended
from sgextended.localsite import LocalSite

README = Path(__file__).parent.parent.parent / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def site():
    """
    A site of its own with the demo production, since a user is added.
    """
    with LocalSite(demo=True) as site:
        yield site


@pytest.fixture(scope="module")
def names(site, make_sg):
    """
    The names that the README uses without defining them.
    """
    person = site.add_user("reader", "a password")
    sg = make_sg(site)
    official = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)
    yield {
        **{name: getattr(sgextended, name) for name in sgextended.__all__},
        "functools": functools,
        "url": site.url,
        "script_name": site.script_name,
        "api_key": site.api_key,
        "login": "reader",
        "password": "a password",
        "person": person,
        "official": official,
        "projects": sg.find_projects(),
        "shot": sg.find_one("Shot", []),
    }
    official.close()


def test_readme_has_its_examples():
    """
    The pattern finds both examples, so that the next test does not pass without running them.
    """
    assert len(BLOCKS) == 2


def test_readme_examples_run(names, site, monkeypatch, capsys):
    """
    Every Python example of the README runs unchanged. The first one prints late tasks of shots and counts of assets.
    """
    for name, value in site.environment().items():
        monkeypatch.setenv(name, value)

    exec(compile(BLOCKS[0], str(README), "exec"), names)
    printed = capsys.readouterr().out
    exec(compile(BLOCKS[1], str(README), "exec"), names)

    assert sum(names["counts"]) == len(names["sg"].find("Asset", [], include_archived_projects=False))
    assert printed == f"Late tasks: {names['late']}\nAssets of each project: {names['counts']}\n"
    assert set(names["late"]) == {shot["code"] for shot in names["shots"]}
    assert any(names["late"].values())
    assert f"{names['counts']}" in capsys.readouterr().out
