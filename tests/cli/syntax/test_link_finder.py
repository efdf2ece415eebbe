"""
Entities by what people type for them.
"""

import pytest

from sgextended import NotFoundError, SGExtended
from sgextended.cli.syntax.link_finder import LinkFinder
from sgextended.errors import InvalidArgumentError
from sgextended.localsite import LocalSite


@pytest.fixture(scope="module")
def site():
    """
    Return a site with two projects. Each has a shot sh010 with a task Animation, and one has a shot 0020.
    """
    with LocalSite() as site:
        sg = SGExtended(site.url, site.script_name, site.api_key)
        for name in ("Alpha", "Beta"):
            project = sg.create("Project", {"name": name})
            shot = sg.create("Shot", {"code": "sh010", "project": project})
            sg.create("Task", {"content": "Animation", "entity": shot, "project": project})
        sg.create("Shot", {"code": "0020", "project": project})
        sg.create("HumanUser", {"name": "Ann Lee", "login": "ann"})
        yield site


@pytest.fixture(scope="module")
def sg(site):
    """
    Return a client of that site.
    """
    return SGExtended(site.url, site.script_name, site.api_key)


@pytest.fixture
def finder(sg):
    """
    Return a finder without projects.
    """
    return LinkFinder(sg, sg.site_schema())


@pytest.mark.parametrize(
    ("text", "types", "kind"),
    [
        ("0020", ["Shot"], "Shot"),
        ("shot:0020", ["Shot"], None),
        ("Shot:0020", None, "Shot"),
        ("Beta/sh010", ["Shot"], "Shot"),
        ("ann lee", ["HumanUser", "Group"], "HumanUser"),
        ("ann", ["HumanUser"], "HumanUser"),
        ("Alpha", ["Project"], "Project"),
        ("0020", None, "Shot"),
    ],
)
def test_an_entity_is_found_by_name(finder, text, types, kind):
    """
    A name, a type with a name, a parent with a name, and a login name an entity. Upper and lower case do not matter.
    """
    if kind is None:
        with pytest.raises(NotFoundError, match="There is no Shot with the name 'shot:0020'"):
            finder.find(text, types)
    else:
        assert finder.find(text, types)["type"] == kind


def test_an_address_and_an_id_name_an_entity(finder, site):
    """
    The address of a page, and a number where ids are typed, name an entity. Another type is refused.
    """
    address = f"{site.url}/detail/Shot/1"

    assert finder.find(address, ["Shot"]) == {"type": "Shot", "id": 1}
    assert finder.find("7", ["Shot"], numbers_are_ids=True) == {"type": "Shot", "id": 7}
    with pytest.raises(InvalidArgumentError, match="Asset"):
        finder.find(address, ["Asset"])


def test_an_ambiguous_name_lists_the_candidates(finder):
    """
    A name of several entities lists them with their projects, and what to write instead.
    """
    with pytest.raises(InvalidArgumentError, match="2 entities have the name 'sh010'") as caught:
        finder.find("sh010", ["Shot"])

    assert "\n  Shot:1  sh010 (Alpha)\n  Shot:2  sh010 (Beta)" in str(caught.value)


def test_a_project_makes_a_name_unique(sg):
    """
    Names are searched in the given project first, then everywhere.
    """
    beta = sg.find_one("Project", [["name", "is", "Beta"]])
    alpha = sg.find_one("Project", [["name", "is", "Alpha"]])

    assert LinkFinder(sg, sg.site_schema(), [beta]).find("sh010", ["Shot"])["id"] == 2
    assert LinkFinder(sg, sg.site_schema(), [alpha]).find("0020", ["Shot"])["id"] == 3


def test_a_misspelt_name_has_a_suggestion(finder):
    """
    A name that does not exist is answered with a similar one of the same type.
    """
    with pytest.raises(NotFoundError, match=r"the name 'Alfa'\. Did you mean 'Alpha'\?"):
        finder.find("Alfa", ["Project"])


def test_me_is_the_current_user(finder, sg):
    """
    ``me`` is the current user, where the type of the user is allowed.
    """
    assert finder.find("me", ["ApiUser", "HumanUser"]) == {"type": "ApiUser", "id": sg.me()["id"]}
    with pytest.raises(InvalidArgumentError, match="'me' is the ApiUser"):
        finder.find("me", ["HumanUser"])


def test_a_retired_entity_is_found_where_one_is_wanted(finder, sg):
    """
    Names of retired entities are found only when they are searched.
    """
    made = sg.create("Sequence", {"code": "old", "project": {"type": "Project", "id": 1}})
    sg.delete("Sequence", made["id"])

    assert finder.find("old", ["Sequence"], retired=True)["id"] == made["id"]
    with pytest.raises(NotFoundError):
        finder.find("old", ["Sequence"])
