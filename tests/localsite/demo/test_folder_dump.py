"""
A site's records in a folder: what ``dump`` writes and ``load`` reads.
"""

import json

import pytest

from sgextended.localsite import LocalSite, Store
from sgextended.localsite.demo.folder_dump import dump


def contents(folder):
    """
    Return what the files of a folder say: lines of JSON as values, other files as bytes.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".jsonl":
            found[str(path.relative_to(folder))] = [json.loads(line) for line in path.read_text().splitlines()]
        elif path.is_file() and path.suffix != ".json":
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def write(store, folder):
    with store.reading() as tx:
        return dump(tx, folder)


# The official client leaves files that it has uploaded open.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore:Exception ignored in. <_io")


@pytest.fixture(scope="module")
def lived(make_connection, tmp_path_factory):
    """
    A folder of a site in which something of each kind has happened, and the ids of a shot that lives and one that went.
    """
    from PIL import Image

    tmp_path = tmp_path_factory.mktemp("lived")
    picture = str(tmp_path / "picture.png")
    Image.new("RGB", (64, 48), (200, 10, 10)).save(picture)
    with LocalSite(script_name="tool", api_key="k3y-of-the-tool") as site:
        site.add_user("zoe", "pa55word")
        sg = make_connection(site)
        project = sg.create("Project", {"name": "Bird", "tag_list": ["a"]})
        sg.schema_field_create("Shot", "multi_entity", "Friends", {"valid_types": ["Asset"]})
        sg.schema_field_create("Shot", "checkbox", "Odd", {"default_value": True})
        sg.schema_field_update("Shot", "sg_odd", {"visible": False}, project)
        sg.schema_field_delete("Shot", sg.schema_field_create("Shot", "text", "Gone"))
        assets = [sg.create("Asset", {"project": project, "code": code}) for code in "ab"]
        shot = sg.create(
            "Shot", {"project": project, "code": "A", "sg_friends": assets, "sg_odd": False, "assets": assets}
        )
        task = sg.create("Task", {"project": project, "content": "t", "entity": shot, "est_in_mins": 60})
        sg.create("TimeLog", {"project": project, "entity": task, "duration": 30, "date": "2026-03-10"})
        went = sg.create("Shot", {"project": project, "code": "B"})
        version = sg.create("Version", {"project": project, "entity": went, "code": "v"})
        sg.upload("Version", version["id"], picture, "sg_uploaded_movie")
        sg.delete("Shot", went["id"])
        sg.upload_thumbnail("Shot", shot["id"], picture)
        sg.upload("Shot", shot["id"], picture, display_name="plate")
        person = sg.find_one("HumanUser", [["login", "is", "zoe"]])
        sg.follow(person, shot)
        sg.create("Note", {"project": project, "subject": "s", "content": "ünï", "note_links": [shot], "tasks": [task]})
        zoe = make_connection(site, login="zoe", password="pa55word", script_name=None, api_key=None)
        page = zoe.create("Page", {"project": project, "name": "p"})
        zoe.close()
        setting = sg.find_one("PageSetting", [["page", "is", page]])
        sg.update("PageSetting", setting["id"], {"settings_json": json.dumps({"columns": ["code"]})})
        counts = write(site.store, tmp_path / "first")
        sg.close()
    assert counts["Shot"] == 2
    return tmp_path / "first", shot["id"], went["id"]


def test_site_comes_back_as_it_was(lived, tmp_path):
    """
    A dump of a loaded dump equals the first one, with rows, schema, links, follows and files.
    """
    folder, _shot, _went = lived
    store = Store(data=folder)
    write(store, tmp_path / "second")
    store.close()

    first = contents(folder)
    assert contents(tmp_path / "second") == first
    assert {"media/thumbnails", "records", "site"} <= {name.rpartition("/")[0] for name in first}


def test_loaded_site_goes_on(lived, make_connection):
    """
    The records of a loaded site can be changed, revived and counted as before.
    """
    folder, shot_id, went_id = lived
    with LocalSite(data=folder, script_name="tool") as site:
        sg = make_connection(site)
        shot = sg.find_one("Shot", [["code", "is", "A"]], ["sg_friends", "sg_odd", "assets", "notes"])
        assert [asset["name"] for asset in shot["sg_friends"]] == ["a", "b"]
        assert (shot["sg_odd"], len(shot["assets"]), shot["notes"][0]["name"]) == (False, 2, "s - ünï")
        task = sg.find_one("Task", [], ["time_logs_sum", "entity"])
        assert task["time_logs_sum"] == 30
        sg.create("TimeLog", {"project": {"type": "Project", "id": 1}, "entity": task, "duration": 15})
        assert sg.find_one("Task", [], ["time_logs_sum"])["time_logs_sum"] == 45
        assert sg.revive("Shot", went_id)
        version = sg.find_one("Version", [["entity", "is", {"type": "Shot", "id": went_id}]], ["sg_uploaded_movie"])
        assert sg.download_attachment(version["sg_uploaded_movie"])[:4] == b"\x89PNG"
        assert sg.create("Shot", {"project": {"type": "Project", "id": 1}, "code": "C"})["id"] > shot_id
        sg.close()


def test_no_secret_is_dumped(lived):
    """
    Keys, passwords and their hashes are in no file.
    """
    folder, _shot, _went = lived
    everything = b"".join(path.read_bytes() for path in folder.rglob("*.json*"))

    assert b"k3y-of-the-tool" not in everything
    assert b"pa55word" not in everything
    assert not list(folder.rglob("*credentials*"))
    assert not list(folder.rglob("*sessions*"))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("about.json", None, "no valid about.json"),
        ("about.json", '{"format": 99}', "has format 99"),
        ("records/Shot.jsonl", '{"type": "Shot", "id": 1}\n{"type"', "line 2: this is not valid JSON"),
        ("records/Shot.jsonl", '{"type": "Shot", "id": 1}\n{"type": "Shot", "id": 1}\n', "UNIQUE constraint"),
        ("records/Shot.jsonl", '{"type": "Shot"}\n', "not a record of a Shot: KeyError: 'id'"),
        ("records/Shot.jsonl", "[]\n", "not a record of a Shot"),
    ],
)
def test_folder_that_cannot_be_read_is_told(tmp_path, name, text, said):
    """
    An incomplete or invalid folder is refused, and no incomplete database file remains.
    """
    folder = tmp_path / "data"
    (folder / "records").mkdir(parents=True)
    (folder / "about.json").write_text('{"format": 1}')
    if text is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(text)

    with pytest.raises(ValueError, match=said):
        Store(tmp_path / "site.db", data=folder)
    assert not (tmp_path / "site.db").exists()


def test_file_that_exists_is_not_filled_again(tmp_path):
    """
    An existing database keeps its rows; the folder fills only new ones.
    """
    store = Store(tmp_path / "site.db")
    store.close()
    store = Store(tmp_path / "site.db", data=tmp_path / "nothing")
    store.close()

    assert store.loaded is None


def test_folder_with_something_in_it_is_not_written_to(tmp_path):
    """
    ``dump`` refuses a folder that contains other files.
    """
    (tmp_path / "mine.txt").write_text("mine")
    store = Store()

    with pytest.raises(ValueError, match="is not empty"):
        write(store, tmp_path)
    store.close()


def test_types_of_another_site_are_made(tmp_path, make_connection):
    """
    A type that only the folder's schema describes can be read and written after the load.
    """

    def described(data_type, **properties):
        given = {name: {"value": value} for name, value in properties.items()}
        return {"data_type": {"value": data_type}, "name": {"value": "A name"}, "properties": given}

    folder = tmp_path / "data"
    (folder / "records").mkdir(parents=True)
    (folder / "about.json").write_text('{"format": 1}')
    fields = {"code": described("text"), "sum": described("calculated")}
    fields["sg_shots"] = described("multi_entity", valid_types=["Shot"])
    (folder / "schema.json").write_text(json.dumps({"CustomEntity77": fields, "Shot": {"sg_beat": described("text")}}))
    link = {"type": "Shot", "id": 5}
    for record in (
        {"type": "CustomEntity77", "id": 3, "code": "A", "sg_shots": [link]},
        {**link, "code": "B", "sg_beat": "two"},
    ):
        (folder / "records" / f"{record['type']}.jsonl").write_text(json.dumps(record))
    with LocalSite(db=tmp_path / "site.db", data=folder) as site:
        assert site.store.loaded.left_out == []
    with LocalSite(db=tmp_path / "site.db") as site:  # from its file
        sg = make_connection(site)
        (found,) = sg.find("CustomEntity77", [["sg_shots", "is", link]], ["code", "sg_shots"])
        assert (found["id"], found["code"], found["sg_shots"][0]["name"]) == (3, "A", "B")
        assert sg.find_one("Shot", [], ["sg_beat"])["sg_beat"] == "two"
        assert sg.create("CustomEntity77", {"code": "C"})["id"] == 4
        with site.store.reading() as tx:
            dump(tx, tmp_path / "again")
        sg.close()
    store = Store(data=tmp_path / "again")
    assert store.loaded.counts["CustomEntity77"] == 2
    store.close()


def test_types_of_which_nothing_is_known_are_left_out(tmp_path):
    """
    Records of a type that neither a local site nor the folder describes are counted, and the others are loaded.
    """
    (tmp_path / "records").mkdir()
    (tmp_path / "about.json").write_text('{"format": 1}')
    (tmp_path / "records" / "CustomEntity77.jsonl").write_text('{"type": "CustomEntity77", "id": 1}\n')
    (tmp_path / "records" / "Project.jsonl").write_text('{"type": "Project", "id": 7, "name": "Bird"}\n')
    store = Store(data=tmp_path)
    store.close()

    assert store.loaded.counts == {"Project": 1}
    assert store.loaded.left_out == ["1 records of CustomEntity77"]


def test_snapshot_brings_everything_back(make_connection, picture):
    """
    Rows, fields and files that came after a snapshot are gone when it is restored, and those that went or were
    replaced are there.
    """
    with LocalSite() as site:
        sg = make_connection(site)
        project = sg.create("Project", {"name": "Bird"})
        file_id = sg.upload("Project", project["id"], picture())
        replaced = sg.upload("Project", project["id"], picture())
        before = site.store.media.attachment(replaced).read_bytes()
        taken = site.store.snapshot()
        sg.schema_field_create("Shot", "text", "Mood")
        shot = sg.create("Shot", {"project": project, "code": "A", "sg_mood": "grim"})
        sg.upload_thumbnail("Shot", shot["id"], picture())
        sg.upload("Attachment", replaced, __file__, field_name="this_file")
        assert site.store.media.attachment(replaced).read_bytes() != before
        sg.delete("Project", project["id"])
        site.store.restore(taken)

        assert sg.find("Shot", []) == []
        assert "sg_mood" not in sg.schema_field_read("Shot")
        assert sg.find_one("Project", [], ["name"])["name"] == "Bird"
        assert {path.name for path in site.store.media.files("attachments")} == {str(file_id), str(replaced)}
        assert site.store.media.attachment(replaced).read_bytes() == before
        assert sg.create("Shot", {"project": project, "code": "B"})["id"] == shot["id"]
        sg.close()


def test_site_on_a_file_has_no_snapshots(tmp_path):
    """
    A site on a file refuses a snapshot, and the message says how to copy the site.
    """
    store = Store(tmp_path / "site.db")

    with pytest.raises(ValueError, match="Copy the site with 'sgextended site backup'"):
        store.snapshot()
    store.close()
