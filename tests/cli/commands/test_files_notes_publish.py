"""
``sgextended upload``, ``download``, ``note`` and ``publish``; ``--retired`` and ``revive``.
"""

import json

import pytest

from sgextended import SGExtended
from sgextended.localsite import LocalSite


@pytest.fixture(scope="module")
def small_site():
    """
    Return a site with a project, two shots with a task each, and a person.
    """
    with LocalSite() as site:
        sg = SGExtended(site.url, site.script_name, site.api_key)
        project = sg.create("Project", {"name": "Small"})
        for code in ("a", "b"):
            shot = sg.create("Shot", {"code": code, "project": project})
            sg.create("Task", {"content": "Animation", "entity": shot, "project": project})
        sg.create("HumanUser", {"name": "Ann Lee", "login": "ann"})
        sg.create("PublishedFileType", {"code": "Maya Scene"})
        yield site


@pytest.fixture
def sg(small_site, monkeypatch, folder):
    """
    Set the environment variables for that site, in an empty folder, and return a client of it.
    """
    for name, value in small_site.environment().items():
        monkeypatch.setenv(name, value)
    return SGExtended()


def test_files_go_up_and_come_down(command, sg, tmp_path):
    """
    Files that are attached to an entity are downloaded with their names and contents. A second download keeps them.
    """
    (tmp_path / "one.txt").write_text("1")
    (tmp_path / "two.txt").write_text("2")
    up = command("upload", "Shot", "a", "one.txt", "two.txt")
    down = command("download", "Shot", "a", "-o", "out")
    again = command("download", f"{sg.site.url}/detail/Shot/1", "-o", "out")

    assert up == (0, "one.txt is uploaded to Shot 1 a.\ntwo.txt is uploaded to Shot 1 a.\n", "")
    assert down[0] == again[0] == 0
    assert sorted(down[1].split()) == sorted(again[1].split()) == ["out/one.txt", "out/two.txt"]
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {"one.txt": "1", "two.txt": "2"}


def test_a_field_holds_one_file(command, sg, tmp_path):
    """
    A file goes to a field, and is downloaded from it. Wrong fields, missing files and several files are refused.
    """
    (tmp_path / "a.mov").write_bytes(b"movie")
    version = sg.create("Version", {"code": "v1", "project": {"type": "Project", "id": 1}})
    number = str(version["id"])
    up = command("upload", "Version", "v1", "a.mov", "--field", "sg_uploaded_movie")
    down = command("download", "Version", number, "-o", "out")

    assert up[:2] == (0, f"a.mov is uploaded to Version {number} v1, as sg_uploaded_movie.\n")
    assert (down[0], (tmp_path / "out" / "a.mov").read_bytes()) == (0, b"movie")
    for words, status, text in (
        (["upload", "Version", number, "none.mov"], 2, "There is no file none.mov"),
        (["upload", "Version", number, "a.mov", "a.mov", "--thumbnail"], 2, "The field image holds one file"),
        (["upload", "Version", number, "a.mov", "--field", "sg_uploaded_movi"], 2, "Did you mean 'sg_uploaded_movie'?"),
        (["download", "Shot", "b"], 1, "Shot 2 b has no file attached"),
        (["download", "Shot", "b", "--field", "code"], 2, "Shot has no file field 'code'"),
    ):
        ended, out, err = command(*words)
        assert (ended, out) == (status, "")
        assert text in err


def test_a_local_path_is_not_downloaded(command, sg):
    """
    A file that is only linked is named with its address.
    """
    data = {"code": "p", "project": {"type": "Project", "id": 1}, "path": {"url": "http://x/y.ma", "name": "y.ma"}}
    made = sg.create("PublishedFile", data)
    status, out, err = command("download", "PublishedFile", str(made["id"]))

    assert (status, out) == (1, "")
    assert "path is a link, not a file on the site: http://x/y.ma" in err


def test_a_note_and_a_reply(command, sg, tmp_path):
    """
    A note has its entity, recipients and files; a reply belongs to its note.
    """
    (tmp_path / "one.txt").write_text("1")
    words = ["Shot", "a", "Too dark", "--to", "Ann Lee", "--subject", "Light", "--attach", "one.txt"]
    status, out, _err = command("note", *words, "--format", "json")
    note = sg.get("Note", json.loads(out)["id"], fields=["subject", "note_links", "addressings_to", "attachments"])
    answered = command("note", "--reply", "Light", "Fixed", "--format", "json")
    [thread] = sg.find_note_threads([note])

    assert status == answered[0] == 0
    assert (note["subject"], note["note_links"][0]["name"]) == ("Light", "a")
    assert [each["name"] for each in note["addressings_to"]] == ["Ann Lee"]
    assert len(note["attachments"]) == 1
    assert [each["content"] for each in thread if each["type"] == "Reply"] == ["Fixed"]
    assert command("note", "Shot", "a", "too", "dark")[0] == 2
    assert command("note", "--reply", "Light", "x", "--to", "Ann Lee")[0] == 2
    assert "Did you mean 'Ann Lee'?" in command("note", "Shot", "a", "x", "--to", "Ann Lea")[2]


def test_publish_counts_up(command, sg):
    """
    Each publish has the next number. The task is the one of the entity; a wrong type is refused with a suggestion.
    """
    words = ["publish", "Shot", "b", "scene", "--task", "Animation", "--type", "Maya Scene", "--format", "json"]
    made = [json.loads(command(*words)[1]) for _ in range(2)]
    status, out, err = command("publish", "Shot", "b", "scene", "--type", "Maya Scen")

    assert [each["code"] for each in made] == ["scene.v001", "scene.v002"]
    assert made[0]["task"]["id"] == sg.find_one("Task", [["entity.Shot.code", "is", "b"]])["id"]
    assert (status, out) == (1, "")
    assert "Did you mean 'Maya Scene'?" in err


def test_deleted_entities_are_found_and_revived(command, sg):
    """
    --retired shows deleted entities only. revive takes names and ids, and says which are not deleted.
    """
    made = sg.create("Shot", {"code": "gone", "project": {"type": "Project", "id": 1}})
    number = str(made["id"])
    assert command("delete", "Shot", "gone", "--yes")[0] == 0
    found = json.loads(command("find", "Shot", "--retired", "--format", "json")[1])
    got = command("get", "Shot", number, "--retired", "--fields", "code", "--format", "json")
    plain = command("get", "Shot", number)
    revived = command("revive", "Shot", "gone", "Shot:1")
    again = command("revive", f"{sg.site.url}/detail/Shot/{number}")

    assert [row["code"] for row in found] == ["gone"]
    assert json.loads(got[1])["code"] == "gone"
    assert plain[0] == 1
    assert revived == (1, f"Shot {number} gone is back.\n", "Shot 1 was not revived: no deleted entity has this id.\n")
    assert again[0] == 1
    assert sg.get("Shot", made["id"], fields=["code"])["code"] == "gone"
