"""
Links of file fields to files on a studio's own disks, and to the web.
"""

import pytest
from shotgun_api3 import Fault


@pytest.fixture
def storages(sg, name):
    """
    Makes local storages with the roots of each platform below a folder of this test's own.
    """
    made = []

    def make(code, **roots):
        root = {key: value.replace("@", f"/{name}".replace(" ", "_")) for key, value in roots.items()}
        made.append({"type": "LocalStorage", "id": sg.create("LocalStorage", {"code": f"{code} {name}", **root})["id"]})
        return {**made[-1], "name": f"{code} {name}", "root": root}

    yield make
    for link in made:
        sg.delete("LocalStorage", link["id"])


@pytest.fixture
def publish(sg, make):
    """
    Sets the path of a new published file and returns it as it reads.
    """

    def write(value, field="path"):
        link = make("PublishedFile", **{field: value})
        return sg.find_one("PublishedFile", [["id", "is", link["id"]]], [field, "path_cache", "path_cache_storage"])

    return write


def test_path_finds_its_storage(sg, storages, publish, name):
    """
    A path below a root reads with its storage, the rest of the path, and the path of each platform.
    """
    storage = storages("primary", linux_path="/mnt@", mac_path="/Volumes@", windows_path="P:@")
    folder = f"/{name}".replace(" ", "_")
    row = publish({"local_path": f"/mnt{folder}/a/b.0001.exr"})
    value = row["path"]

    assert value.pop("id") > 0
    assert value.pop("url") == f"file:///mnt{folder}/a/b.0001.exr"
    assert value.pop("local_path") == f"/mnt{folder}/a/b.0001.exr"
    assert value.pop("content_type") in {None, "image/x-exr", "image/aces"}
    assert value == {
        "link_type": "local",
        "name": "b.0001.exr",
        "type": "Attachment",
        "local_storage": {key: storage[key] for key in ("type", "id", "name")},
        "relative_path": "a/b.0001.exr",
        "local_path_linux": f"/mnt{folder}/a/b.0001.exr",
        "local_path_mac": f"/Volumes{folder}/a/b.0001.exr",
        "local_path_windows": f"P:{folder}/a/b.0001.exr".replace("/", "\\"),
    }
    assert row["path_cache"] is None
    assert row["path_cache_storage"]["id"] == storage["id"]


def test_paths_of_all_platforms_are_understood(storages, publish, name):
    """
    A path may be written as any platform has it; Windows compares without case and takes forward slashes.
    """
    storages("primary", linux_path="/mnt@/", mac_path="/Volumes@", windows_path="P:\\Pro@")
    folder = f"/{name}".replace(" ", "_")
    written = [f"/mnt{folder}/x.ma", f"/Volumes{folder}/x.ma", f"p:/pro{folder}/x.ma"]

    assert [publish({"local_path": path})["path"]["relative_path"] for path in written] == ["x.ma"] * 3


def test_deepest_root_wins(storages, publish, name):
    """
    Of storages one inside the other the inner one is meant; of equal ones the newest; a name that goes on is none.
    """
    folder = f"/mnt/{name}".replace(" ", "_")
    outer = storages("outer", linux_path="/mnt@")
    inner = storages("inner", linux_path="/mnt@/inner")
    newest = storages("newest", linux_path="/mnt@")
    found = [publish({"local_path": f"{folder}/{path}"})["path"] for path in ("inner/x", "innermost/x", "x")]

    assert [value["local_storage"]["id"] for value in found] == [inner["id"], newest["id"], newest["id"]]
    assert [value["relative_path"] for value in found] == ["x", "innermost/x", "x"]
    assert outer["id"] < newest["id"]


def test_absent_root_gives_no_path(storages, publish, name):
    """
    A platform that the storage has no root for reads null.
    """
    storages("linux only", linux_path="/mnt@")
    value = publish({"local_path": f"/mnt/{name}/x".replace(" ", "_")})["path"]

    assert value["local_path_mac"] is value["local_path_windows"] is None


def test_storage_may_be_named(storages, publish):
    """
    A relative path comes with its storage, by id or by name.
    """
    storage = storages("primary", linux_path="/mnt@")
    links = [{"type": "LocalStorage", "id": storage["id"]}, {"type": "LocalStorage", "name": storage["name"]}]
    values = [publish({"relative_path": "a/x.ma", "local_storage": link, "name": "X"})["path"] for link in links]

    assert [value["local_path_linux"] for value in values] == [f"{storage['root']['linux_path']}/a/x.ma"] * 2
    assert {value["name"] for value in values} == {"X"}


def test_paths_follow_their_storage(sg, storages, publish):
    """
    A storage that moves, or is renamed, takes its files along.
    """
    storage = storages("primary", linux_path="/mnt@")
    link = {"type": "LocalStorage", "id": storage["id"]}
    row = publish({"relative_path": "x", "local_storage": link})
    sg.update("LocalStorage", storage["id"], {"linux_path": "/new/", "code": f"moved {storage['name']}"})
    value = sg.find_one("PublishedFile", [["id", "is", row["id"]]], ["path"])["path"]

    assert value["local_path_linux"] == "/new/x"
    assert value["local_storage"]["name"] == f"moved {storage['name']}"


def test_value_that_was_read_can_be_written(storages, publish):
    """
    What a file field reads as may be written to another row.
    """
    storages("primary", linux_path="/mnt@", mac_path="/Volumes@", windows_path="P:@")
    storage = storages("other", linux_path="/srv@")
    value = publish({"local_path": storage["root"]["linux_path"] + "/a.ma"})["path"]
    again = publish(value)["path"]

    assert again.pop("id") != value.pop("id")
    assert again == value


def test_local_file_has_an_attachment(sg, storages, publish):
    """
    The attachment of a local file says where it lies.
    """
    storage = storages("primary", linux_path="/mnt@")
    value = publish({"local_path": storage["root"]["linux_path"] + "/a/Scene.MA"})["path"]
    fields = ["this_file", "local_storage", "filename", "display_name", "file_extension", "file_size"]
    row = sg.find_one("Attachment", [["id", "is", value["id"]]], fields)

    assert row["this_file"]["relative_path"] == "a/Scene.MA"
    assert row["local_storage"]["id"] == storage["id"]
    assert (row["filename"], row["display_name"], row["file_extension"]) == ("Scene.MA", "Scene.MA", "ma")
    assert row["file_size"] is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"local_path": "/nowhere/x"},
            "Create failed for [Attachment]: Path /nowhere/x doesn't match any defined Local Storage.",
        ),
        ({"local_path": "@"}, "doesn't match any defined Local Storage"),
        ({"local_path": "@/"}, "is the root of its local storage"),
        ({"local_path": "@\\x"}, "must use forward slashes"),
        ({"local_path": "@/a\0b"}, "must use forward slashes"),
        ({"local_path": "@/a/../../etc/passwd"}, "leaves its local storage"),
        ({"local_path": 5}, "invalid url hash string 'local_path'"),
        ({"local_path": "@/x", "name": 5}, "invalid url hash string 'name'"),
        ({"relative_path": "../x", "local_storage": {"type": "LocalStorage", "id": 1}}, "leaves"),
        ({"relative_path": "x"}, "invalid/missing url hash string 'url'"),
        ({"url": "file:///mnt/a b.ma"}, "bad URI"),
        ({"url": "https://x.example/a\nb"}, "bad URI"),
        (
            {"relative_path": "x", "local_storage": {"type": "LocalStorage", "id": 98765}},
            "invalid/missing local storage",
        ),
        (
            {"relative_path": "x", "local_storage": {"type": "LocalStorage", "id": True}},
            "invalid/missing local storage",
        ),
        ({"relative_path": "x", "local_storage": {"type": "LocalStorage", "name": "nope"}}, "invalid/missing local"),
        ({"relative_path": "x", "local_storage": {"type": "Shot", "id": 1}}, "invalid/missing local storage"),
        ({"relative_path": "x", "local_storage": {}}, "invalid/missing local storage"),
        ({"name": "x"}, "invalid/missing url hash string 'url'"),
        ({"type": "Attachment", "id": 5}, "invalid/missing url hash string 'url'"),
        ({"url": "http://x", "content_type": []}, "invalid url hash string 'content_type'"),
        ("http://x", "got String"),
    ],
    ids=str,
)
def test_refused_path_says_why(storages, publish, value, message):
    """
    A path without a storage, or one that is no good path, is refused with the reason.
    """
    storage = storages("primary", linux_path="/mnt@")
    if isinstance(value, dict) and isinstance(value.get("local_path"), str):
        value = {**value, "local_path": value["local_path"].replace("@", storage["root"]["linux_path"])}

    with pytest.raises(Fault) as caught:
        publish(value)
    assert message in str(caught.value)


def test_attachment_may_be_created_with_its_file(sg, project, storages, name):
    """
    An attachment that is created with a link or a path is one attachment, which names itself in its file.
    """
    storage = storages("primary", linux_path="/mnt@")
    path = storage["root"]["linux_path"] + "/a.ma"
    fields = ["this_file", "display_name", "local_storage"]
    before = sg.summarize("Attachment", [], [{"field": "id", "type": "record_count"}])["summaries"]["id"]
    web = sg.create("Attachment", {"project": project, "this_file": {"url": "https://x.test/a", "name": name}}, fields)
    local = sg.create("Attachment", {"project": project, "this_file": {"local_path": path}}, fields)
    named = sg.create(
        "Attachment", {"project": project, "display_name": "mine", "this_file": {"local_path": path}}, fields
    )

    assert [row["this_file"]["id"] for row in (web, local, named)] == [web["id"], local["id"], named["id"]]
    assert [row["display_name"] for row in (web, local, named)] == [name, "a.ma", "mine"]
    assert local["local_storage"]["id"] == storage["id"]
    after = sg.summarize("Attachment", [], [{"field": "id", "type": "record_count"}])["summaries"]["id"]
    assert after == before + 3


def test_attachment_may_be_created_empty(sg, project):
    """
    An attachment without a file is one without a file.
    """
    row = sg.create("Attachment", {"project": project, "description": "none"}, ["this_file"])

    assert row["this_file"] is None


def test_web_link_of_a_file_path_stays_one(sg, make):
    """
    An address of any scheme is a web link and reads as it was written.
    """
    version = make("Version", sg_uploaded_movie={"url": "file:///mnt/x.mov"})
    value = sg.find_one("Version", [["id", "is", version["id"]]], ["sg_uploaded_movie"])["sg_uploaded_movie"]

    assert (value["link_type"], value["url"], value["name"]) == ("web", "file:///mnt/x.mov", "file:///mnt/x.mov")
