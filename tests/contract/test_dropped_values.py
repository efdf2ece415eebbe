"""
Values that the official client drops on the way: ours sends them. The rows are in ``docs/differences.md``.
"""

import itertools

import pytest
import shotgun_api3
from PIL import Image

from sgextended import SGExtended
from sgextended.localsite import LocalSite

_numbers = itertools.count(1)
CLIENTS = {"official": shotgun_api3.Shotgun, "ours": SGExtended}


@pytest.fixture(scope="module")
def site():
    """
    A site for both clients.
    """
    with LocalSite() as site:
        yield site


@pytest.fixture(params=CLIENTS)
def client(request, site):
    """
    The name of a client, and the client.
    """
    with_close = CLIENTS[request.param](site.url, site.script_name, site.api_key)
    yield request.param, with_close
    with_close.close()


@pytest.fixture
def project(site):
    """
    A new project.
    """
    official = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)
    yield official.create("Project", {"name": f"dropped {next(_numbers)}"})
    official.close()


@pytest.mark.parametrize("way", ["update", "batch", "create"])
def test_properties_of_a_dependency_arrive(client, project, way):
    """
    ``dependency_type`` in a link is written by an update, too. The official client drops it there.
    """
    name, sg = client
    up = sg.create("Task", {"content": "up", "project": project})
    data = {"upstream_tasks": [{"type": "Task", "id": up["id"], "dependency_type": "start-to-start"}]}
    if way == "create":
        down = sg.create("Task", {"content": "down", "project": project, **data})
    else:
        down = sg.create("Task", {"content": "down", "project": project})
    if way == "update":
        sg.update("Task", down["id"], data)
    elif way == "batch":
        sg.batch([{"request_type": "update", "entity_type": "Task", "entity_id": down["id"], "data": data}])
    edge = sg.find_one("TaskDependency", [["task", "is", down]], ["dependency_type"])

    is_lost = name == "official" and way == "update"
    assert edge["dependency_type"] == ("finish-to-start-next-day" if is_lost else "start-to-start")


def test_local_storage_of_a_file_arrives(client, project):
    """
    A file value with a type, an id and a ``local_storage`` keeps all of its keys in an update.
    """
    name, sg = client
    root = f"/mnt/storage{next(_numbers)}"
    storage = sg.create("LocalStorage", {"code": root, "linux_path": root})
    published = sg.create("PublishedFile", {"code": "scene", "project": project})
    value = {"type": "Attachment", "id": 1, "relative_path": "a.ma", "local_storage": storage}
    try:
        sg.update("PublishedFile", published["id"], {"path": value})
    except shotgun_api3.Fault:
        stored = None
    else:
        stored = sg.find_one("PublishedFile", [["id", "is", published["id"]]], ["path"])["path"]["local_path_linux"]
    sg.delete("LocalStorage", storage["id"])

    assert stored == (None if name == "official" else f"{root}/a.ma")


def test_filmstrip_can_be_cleared(client, site, project, tmp_path):
    """
    None for ``filmstrip_image`` clears the filmstrip. The official client returns success and sends nothing.
    """
    name, sg = client
    version = sg.create("Version", {"code": "v", "project": project})
    strip = tmp_path / "strip.png"
    Image.new("RGB", (2400, 100), "red").save(strip)
    uploader = SGExtended(site.url, site.script_name, site.api_key)  # the official client leaves the file open
    uploader.upload_thumbnail("Version", version["id"], str(strip))
    uploader.upload_filmstrip_thumbnail("Version", version["id"], str(strip))
    sg.update("Version", version["id"], {"filmstrip_image": None, "code": "w"})
    row = sg.find_one("Version", [["id", "is", version["id"]]], ["filmstrip_image", "code"])

    assert row["code"] == "w"
    assert (row["filmstrip_image"] is None) == (name == "ours")
