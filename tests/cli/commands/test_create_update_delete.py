"""
``sgextended create``, ``update`` and ``delete``.
"""

import json

import pytest
import typer

from sgextended import SGExtended
from sgextended.localsite import LocalSite


@pytest.fixture(scope="module")
def small_site():
    """
    Return a site with a project, three assets and a shot.
    """
    with LocalSite() as site:
        sg = SGExtended(site.url, site.script_name, site.api_key)
        project = sg.create("Project", {"name": "Small"})
        assets = [sg.create("Asset", {"code": code, "project": project}) for code in "abc"]
        sg.create("Shot", {"code": "a", "project": project, "assets": assets})
        yield site


@pytest.fixture
def sg(small_site, monkeypatch):
    """
    Set the environment variables for that site, and return a client of it.
    """
    for name, value in small_site.environment().items():
        monkeypatch.setenv(name, value)
    return SGExtended()


def test_create_converts_values_to_the_fields_types(command, sg):
    """
    Text, numbers and links are written with the data types of their fields; the new entity is shown.
    """
    project = sg.find_projects()[0]
    values = ["code=0010", f"project=Project:{project['id']}", "sg_cut_in=1001", "assets=Asset:1,Asset:2"]
    status, out, err = command("create", "Shot", *values, "description=two = 2", "--format", "json")
    made = json.loads(out)
    found = sg.get("Shot", made["id"], fields=["code", "project", "sg_cut_in", "assets", "description"])

    assert (status, err) == (0, "")
    assert (found["code"], found["sg_cut_in"], found["description"]) == ("0010", 1001, "two = 2")
    assert found["project"]["id"] == project["id"]
    assert sorted(each["id"] for each in found["assets"]) == [1, 2]


def test_update_changes_the_given_fields(command, sg):
    """
    None empties a field, a quoted None is that word, and empty text is an empty list of links.
    """
    shot = sg.find_one("Shot", [["assets", "is_not", None]])
    words = ["description='None'", "sg_cut_in=None", "assets="]
    status, out, _err = command("update", "Shot", str(shot["id"]), *words, "--format", "json")

    assert status == 0
    assert json.loads(out)["description"] == "None"
    assert sg.get("Shot", shot["id"], fields=["description", "sg_cut_in", "assets"]) == {
        "type": "Shot",
        "id": shot["id"],
        "description": "None",
        "sg_cut_in": None,
        "assets": [],
    }


def test_lists_can_be_json(command, sg):
    """
    List fields take JSON.
    """
    shot = sg.find_one("Shot", [])
    command("update", "Shot", str(shot["id"]), 'tag_list=["a b", "c"]', 'assets=[{"type": "Asset", "id": 3}]')
    found = sg.get("Shot", shot["id"], fields=["tag_list", "assets"])

    assert found["tag_list"] == ["a b", "c"]
    assert [each["id"] for each in found["assets"]] == [3]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["code"], "'code' does not have the form FIELD=VALUE, such as sg_status_list=ip."),
        (["=x"], "'=x' does not have the form FIELD=VALUE"),
        (["codee=x"], "Shot has no field 'codee'. Did you mean 'code'?"),
        (["code=a", "code=b"], "The field 'code' is given twice."),
        (["sg_cut_in=ten"], "sg_cut_in takes a number, and 'ten' is not a number.\n  sg_cut_in=ten\n            ^^^"),
        (["project=12"], "project is a link. Write the type and the id"),
        (["assets=[1"], "A value that begins with [ must be valid JSON for this field"),
        (["entity.Shot.code=a"], "'entity.Shot.code' is a field of a linked entity"),
    ],
)
def test_a_mistake_is_refused_before_the_write(command, sg, values, expected):
    """
    A mistake ends in one message with its position and status 2, and nothing is created.
    """
    before = sg.count("Shot")
    status, out, err = command("create", "Shot", *values)

    assert (status, out) == (2, "")
    assert expected in err
    assert sg.count("Shot") == before


def test_delete_asks_for_confirmation(command, sg, monkeypatch):
    """
    On a terminal it asks for each entity; otherwise it demands --yes. An unknown id is reported and nothing is deleted.
    """
    project = sg.find_projects()[0]
    ids = [sg.create("Sequence", {"code": code, "project": project})["id"] for code in ("a", "b")]
    refused = command("delete", "Sequence", str(ids[0]))
    missing = command("delete", "Sequence", str(ids[0]), "99999999", "--yes")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda question, err: "b?" in question)
    asked = command("delete", "Sequence", *map(str, ids))
    left = [row["id"] for row in sg.find_by_ids("Sequence", ids)]
    monkeypatch.undo()

    assert refused[0] == 2
    assert "Use --yes" in refused[2]
    assert missing[0] == 1
    assert "99999999" in missing[2]
    assert asked[:2] == (0, f"Sequence {ids[1]} is deleted.\n")
    assert left == ids[:1]
