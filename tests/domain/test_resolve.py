"""
Resolving URLs, types with ids, links and names to entities.
"""

import pytest
import shotgun_api3

from sgextended import AmbiguousError, InvalidArgumentError, NotFoundError, SGExtended
from sgextended.domain.resolve import entity_url, resolve
from sgextended.localsite import LocalSite


@pytest.fixture(scope="module")
def site():
    """
    A site for these tests.
    """
    with LocalSite() as site:
        yield site


@pytest.fixture(scope="module")
def sg(site, make_sg):
    """
    A client on that site.
    """
    return make_sg(site)


@pytest.fixture(scope="module")
def film(sg):
    """
    Equal names in two projects and in two types.
    """
    made = {}
    for key, name in (("bird", "Bird"), ("tree", "Tree")):
        made[key] = sg.create("Project", {"name": name})
    for key, kind, code, project in (
        ("sh010", "Shot", "sh010", "bird"),
        ("twin", "Shot", "SH010", "tree"),
        ("größe", "Shot", "größe ☃", "bird"),
        ("both", "Shot", "hero", "bird"),
        ("hero", "Asset", "hero", "bird"),
        ("bird asset", "Asset", "Bird", "tree"),
        ("retired", "Shot", "gone", "bird"),
    ):
        made[key] = sg.create(kind, {"code": code, "project": made[project]})
    sg.delete("Shot", made["retired"]["id"])
    return made


@pytest.mark.parametrize(
    "form",
    [
        "{url}/detail/Shot/{id}",
        "{url}/detail/Shot/{id}/sh010?x=1#tab_activity",
        " {url}/detail/Shot/{id}\n",
        "{url}/page/1234#Shot_{id}_sh010",
        "{url}/page/1234#Shot_{id}",
        "{url}/page/media_center?type=Shot&id={id}",
        "{url}/x?entity_type=Shot&entity_id={id}",
        "Shot:{id}",
        " Shot : {id} ",
    ],
)
def test_resolve_urls(site, sg, film, form):
    """
    URLs from the web pages, and type and id.
    """
    found = sg.resolve(form.format(url=site.url, id=film["sh010"]["id"]))

    assert found == {"type": "Shot", "id": film["sh010"]["id"], "cached_display_name": "sh010"}


def test_resolve_links_and_ids(sg, film):
    """
    A link is read for its fields, and an id with one type.
    """
    shot = {"type": "Shot", "id": film["größe"]["id"]}

    assert sg.resolve(film["größe"], fields=["code"]) == {**shot, "code": "größe ☃"}
    assert sg.resolve(shot["id"], entity_type="Shot", fields=[]) == shot
    assert sg.resolve({"type": "Project", "id": film["tree"]["id"]})["cached_display_name"] == "Tree"


def test_resolve_the_project_of_a_url(site, sg, film):
    """
    The URL of an overview page refers to its project.
    """
    found = sg.resolve(f"{site.url}/page/project_overview?project_id={film['bird']['id']}")

    assert (found["type"], found["id"]) == ("Project", film["bird"]["id"])


def test_resolve_names(sg, film):
    """
    A name is searched among the default or given types, in all projects or in one.
    """
    assert sg.resolve("größe ☃")["id"] == film["größe"]["id"]
    assert sg.resolve("sh010", project=film["tree"])["id"] == film["twin"]["id"]
    assert sg.resolve("hero", entity_type=["Asset", "Sequence"])["type"] == "Asset"
    assert sg.resolve("Tree") == {"type": "Project", "id": film["tree"]["id"], "cached_display_name": "Tree"}
    assert sg.resolve("Bird", project=film["tree"])["type"] == "Asset"


def test_resolve_a_name_of_several(sg, film):
    """
    A name of several entities raises an error with these entities and their projects.
    """
    with pytest.raises(AmbiguousError, match=r"2 entities have the name 'sh010': Shot:1 in Bird, Shot:2 in Tree\."):
        sg.resolve("sh010")
    with pytest.raises(AmbiguousError) as caught:
        sg.resolve("hero", project=film["bird"])

    assert {row["type"] for row in caught.value.found} == {"Shot", "Asset"}


@pytest.mark.parametrize("what", ["gone", "nothing", "sh01", "Shot:9999", {"type": "Shot", "id": 9999}])
def test_resolve_what_is_not_there(sg, film, what):
    """
    Retired and unknown entities are not found. A part of a name does not match.
    """
    with pytest.raises(NotFoundError):
        sg.resolve(what)


@pytest.mark.parametrize(
    ("what", "options", "message"),
    [
        ("", {}, "does not refer to an entity"),
        (None, {}, "does not refer to an entity"),
        (12, {}, "an id with one entity_type"),
        (12, {"entity_type": ["Shot", "Asset"]}, "an id with one entity_type"),
        (True, {"entity_type": "Shot"}, "does not refer to an entity"),
        ({"type": "Shot"}, {}, "reference must be a dict"),
        ("https://other.example/detail/Shot/1", {}, "is a URL of another site"),
        ("http://[bad", {}, "is not a valid URL"),
        ("{url}/user/login", {}, "is not the URL of an entity"),
        ("Shot:1", {"entity_type": "Asset"}, "is of the type Shot, not Asset"),
    ],
)
def test_resolve_refuses_invalid_references(site, sg, what, options, message):
    """
    A reference that cannot be an entity of this site raises before a request is sent.
    """
    before = sg.requests_sent
    with pytest.raises(InvalidArgumentError, match=message):
        sg.resolve(what.format(url=site.url) if isinstance(what, str) else what, **options)

    assert sg.requests_sent == before


def test_entity_url_leads_back(site, sg, film):
    """
    resolve accepts the URL of an entity, for every kind of client.
    """
    official = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)
    url = sg.entity_url(film["sh010"])

    assert url == f"{site.url}/detail/Shot/{film['sh010']['id']}"
    assert entity_url(official, film["sh010"]) == entity_url(SGExtended(official), film["sh010"]) == url
    assert resolve(official, url) == resolve(sg, url)
    assert sg.entity_url({"type": "Page", "id": 7}) == f"{site.url}/page/7"
    official.close()


def test_entity_url_holds_no_password(site, film):
    """
    Credentials in the client's URL do not appear in the URLs of entities.
    """

    class Client:
        base_url = "https://user:secret@studio.example/"

    assert entity_url(Client(), {"type": "Shot", "id": 1}) == "https://studio.example/detail/Shot/1"
