"""
Publishing gives the right next number with concurrent publishes and with lost responses.
"""

import multiprocessing
import threading
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from shotgun_api3 import Fault

from sgextended import InvalidArgumentError, PartialSuccessError, RetryPolicy, SGExtended, Site
from sgextended.localsite import LocalSite

LOST = (
    "reset-before:rate=0.03",
    "reset-after:rate=0.03",
    "status=502:rate=0.02,when=after",
    "truncated:rate=0.02",
)
PROCESSES, EACH = 2, 20  # benchmarks/publish.py has them do 100


@pytest.fixture(scope="module")
def tls_site():
    """
    A local site over HTTPS for these tests.
    """
    with LocalSite(tls=True) as site:
        yield site


@pytest.fixture
def faults(tls_site):
    """
    The faults of that site; none after a test.
    """
    yield tls_site.faults
    tls_site.faults.clear()


@pytest.fixture
def sg(tls_site, make_sg):
    """
    A client on that site.
    """
    return make_sg(tls_site, retry=RetryPolicy(attempts=8, first_wait=0.001))


@pytest.fixture
def shot(sg, request):
    """
    A shot in a project for one test.
    """
    project = sg.create("Project", {"name": request.node.name})
    return sg.create("Shot", {"code": "sh010", "project": project})


def publish_many(address, shot, begin, results):
    """
    Publish the same file repeatedly, in a separate process.
    """
    url, script_name, api_key, ca_file = address
    retry = RetryPolicy(attempts=8, first_wait=0.001)
    sg = SGExtended(site=Site(url=url, script_name=script_name, api_key=api_key, ca_file=ca_file, retry=retry))
    begin.wait(60)
    results.put([sg.publish(shot, "scene")["version_number"] for _ in range(EACH)])


def test_two_processes_get_different_numbers(sg, shot, tls_site, faults):
    """
    Two processes that publish the same file at once, with faults, get a different number for each publish.
    """
    for mishap in LOST:
        faults.add(mishap)
    context = multiprocessing.get_context("spawn")
    begin, results = context.Barrier(PROCESSES), context.Queue()
    address = (tls_site.url, tls_site.script_name, tls_site.api_key, tls_site.ca_file)
    processes = [context.Process(target=publish_many, args=(address, shot, begin, results)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    numbers = [number for _ in processes for number in results.get(timeout=120)]
    for process in processes:
        process.join(30)
    faults.clear()
    there = sg.find_published_files(shot)

    assert len(set(numbers)) == PROCESSES * EACH
    assert sorted(row["version_number"] for row in there) == sorted(numbers)
    assert max(numbers) == PROCESSES * EACH  # on this site, new records are visible at once, so no number is skipped


def test_a_publish_is_whole(sg, shot):
    """
    A publish has its type, task, sources and names with the number. Numbers of other files do not count.
    """
    scene = sg.create("PublishedFileType", {"code": "Maya Scene"})
    task = sg.create("Task", {"content": "anim", "entity": shot, "project": shot["project"]})
    model = sg.publish(shot, "model")
    options = {"file_type": "Maya Scene", "task": task, "upstream": model, "code": "{name}.v{version:03d}.ma"}
    path = {"url": "file:///scene.v{version:03d}.ma", "name": "{name}"}
    first = sg.publish(shot, "scene", **options, path=path, description="first")
    second = sg.publish(shot, "scene", **options)
    other = sg.publish(shot, "Scene", **options)

    row = sg.get(
        "PublishedFile", first, fields=["code", "version_number", "published_file_type", "task", "path", "description"]
    )
    assert (row["code"], row["version_number"], row["description"]) == ("scene.v001.ma", 1, "first")
    assert (row["published_file_type"]["id"], row["task"]["id"]) == (scene["id"], task["id"])
    assert row["path"]["url"] == "file:///scene.v001.ma"
    assert sg.find_upstream_files(first)[0]["id"] == model["id"]
    assert (second["code"], second["version_number"], other["version_number"]) == ("scene.v002.ma", 2, 1)


def test_retired_numbers_are_not_given_again(sg, shot):
    """
    The number of a retired publish is not used again.
    """
    sg.publish(shot, "scene")
    sg.delete("PublishedFile", sg.publish(shot, "scene")["id"])

    assert sg.publish(shot, "scene")["version_number"] == 3


def test_files_without_numbers_do_not_count(sg, shot):
    """
    Files of the same name without a number do not count.
    """
    data = {"project": shot["project"], "entity": shot, "name": "scene", "code": "scene"}
    sg.create("PublishedFile", data)
    sg.create("PublishedFile", {**data, "version_number": 7})

    assert sg.publish(shot, "scene")["version_number"] == 8


class Meanwhile(SGExtended):
    """
    A client that runs a function before its reads or writes of published files, once each.
    """

    before = None  # called with the number of the call

    def find(self, entity_type, *args, **kwargs):
        if entity_type == "PublishedFile":
            self._happens("find")
        return super().find(entity_type, *args, **kwargs)

    def update(self, entity_type, *args, **kwargs):
        self._happens("update")
        return super().update(entity_type, *args, **kwargs)

    def _happens(self, what):
        todo = self.__dict__.setdefault("todo", [])
        if todo and todo[0][0] == what:
            todo.pop(0)[1]()


def test_a_number_that_is_taken_is_left(sg, shot):
    """
    If another program has taken the number, the record is retired and a new one gets the next number.
    """
    sg.publish(shot, "scene")
    data = {"project": shot["project"], "entity": shot, "name": "scene", "code": "theirs", "version_number": 2}
    mine = Meanwhile(sg)
    mine.todo = [("find", lambda: sg.create("PublishedFile", data))]

    assert mine.publish(shot, "scene")["version_number"] == 3
    assert [row["version_number"] for row in sg.find_published_files(shot)] == [1, 2, 3]


def test_a_record_that_comes_late_is_noticed(sg, shot):
    """
    If a lower id becomes visible only after the number was set, the publish starts again. No number is used twice.
    """
    data = {"project": shot["project"], "entity": shot, "name": "scene", "code": "(publishing x)"}
    late = sg.create("PublishedFile", data)
    sg.update("PublishedFile", late["id"], {"name": "not yet to be seen"})
    mine = Meanwhile(sg)
    mine.todo = [("update", lambda: sg.update("PublishedFile", late["id"], {"name": "scene"}))]

    assert mine.publish(shot, "scene")["version_number"] == 2  # 1 is reserved for the late record
    assert [row["version_number"] for row in sg.find_published_files(shot)] == [2]
    assert [row["id"] for row in sg.find_unfinished_publishes(shot, hours=0)] == [late["id"]]


def test_threads_get_numbers_without_gaps(sg, shot):
    """
    Many threads at once get the numbers from 1, each once.
    """
    numbers, begin = [], threading.Barrier(6)

    def work():
        begin.wait(5)
        numbers.extend(sg.publish(shot, "scene")["version_number"] for _ in range(4))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(numbers) == list(range(1, 25))


def test_interrupted_publish_raises_with_the_record(sg, shot, faults):
    """
    The error has the record and says how to continue. The next publish gets a new number.
    """
    faults.add("status=403:rpc=update")
    with pytest.raises(PartialSuccessError, match=r"retire it with delete\('PublishedFile', \d+\), and publish again"):
        sg.publish(shot, "scene")
    faults.clear()

    assert sg.publish(shot, "scene")["version_number"] == 2


class Killed(BaseException):
    """
    Stands for the end of a process between two requests.
    """


def die():
    raise Killed


def leave_unfinished(sg, shot, name="scene"):
    """
    Begin a publish that never ends.
    """
    mine = Meanwhile(sg)
    mine.todo = [("update", die)]
    with pytest.raises(Killed):
        mine.publish(shot, name)


def test_unfinished_publish_is_hidden_until_it_is_retired(sg, shot):
    """
    The record of a killed process is in no list of published files and is never the latest. It can be found and
    retired; then its number is free again.
    """
    sg.publish(shot, "scene")
    leave_unfinished(sg, shot)
    sg.create("PublishedFile", {"project": shot["project"], "entity": shot, "name": "scene"})  # without a code

    for order_by in ("number", "date"):
        latest = sg.latest_published_files(shot, group_by="name", order_by=order_by, filters=[["code", "is_not", None]])
        assert all(not row["code"].startswith("(publishing") for row in latest)
    assert len(sg.find_published_files(shot)) == 2
    unfinished = sg.find_unfinished_publishes(shot, hours=0)
    assert [row["version_number"] for row in unfinished] == [None]
    assert sg.find_unfinished_publishes(shot) == []  # it may be running still

    sg.delete_many(unfinished)
    assert sg.publish(shot, "scene")["version_number"] == 2


@pytest.mark.parametrize("hours", [-1, True, 0.5, "1"])
def test_least_age_is_a_whole_number(sg, hours):
    """
    Other values of *hours* are refused before a request is sent.
    """
    with pytest.raises(InvalidArgumentError, match="hours="):
        sg.find_unfinished_publishes(hours=hours)


@pytest.fixture
def storage(sg, request):
    """
    A local storage with roots for three systems.
    """
    root = f"/mnt/{request.node.name}"
    row = sg.create("LocalStorage", {"code": root, "linux_path": root, "windows_path": f"P:\\{request.node.name}"})
    yield root
    sg.delete("LocalStorage", row["id"])


def test_path_of_windows_is_published(sg, shot, storage):
    """
    Backslashes, as `os.path.join` writes them on Windows, are sent as slashes. The returned path is that of the site.
    """
    published = sg.publish(shot, "scene", path=f"P:\\{storage[5:]}\\emb\\scene.v{{version:03d}}.ma")

    assert published["path"]["local_path_linux"] == f"{storage}/emb/scene.v001.ma"
    assert published["path"] == sg.get("PublishedFile", published, fields=["path"])["path"]


def test_refused_publish_leaves_nothing(sg, shot, storage):
    """
    When the site refuses the path, the record is retired, the site's fault is raised, and the number is free.
    """
    with pytest.raises(Fault, match="doesn't match any defined Local Storage"):
        sg.publish(shot, "scene", path="/nowhere/scene.ma")

    assert sg.find("PublishedFile", [["entity", "is", shot]]) == []
    assert sg.publish(shot, "scene", path=f"{storage}/scene.ma")["version_number"] == 1


def test_refused_publish_that_cannot_be_retired_names_the_record(sg, shot, faults):
    """
    If the record of a refused publish cannot be retired either, the error has the record.
    """
    faults.add("status=403:rpc=delete")
    with pytest.raises(PartialSuccessError) as caught:
        sg.publish(shot, "scene", path="/nowhere/scene.ma")
    faults.clear()

    assert sg.find_unfinished_publishes(shot, hours=0)[0]["id"] == caught.value.entity["id"]


def test_refused_thumbnail_keeps_the_publish(sg, shot, tmp_path, faults):
    """
    The thumbnail is uploaded last. If that fails, the error has the published file, which is complete otherwise.
    """
    picture = tmp_path / "a.png"
    picture.write_bytes(b"no picture")
    faults.add("status=403:path=/upload")
    with pytest.raises(PartialSuccessError) as caught:
        sg.publish(shot, "scene", thumbnail=picture)
    faults.clear()

    row = sg.get("PublishedFile", caught.value.entity, fields=["version_number", "code"])
    assert (row["version_number"], row["code"]) == (1, "scene.v001")


@pytest.mark.parametrize("kind", [PurePosixPath, PureWindowsPath, str])
@pytest.mark.parametrize("given", ["path", "dict", "data"])
def test_path_may_be_a_path_object(sg, shot, kind, given):
    """
    Paths are sent as texts with slashes.
    """
    if not sg.find_one("LocalStorage", [["code", "is", "objects"]]):
        sg.create("LocalStorage", {"code": "objects", "linux_path": "/srv/objects", "windows_path": "O:/objects"})
    root = "O:\\objects" if kind is PureWindowsPath else "/srv/objects"
    path = kind(f"{root}/a.ma")
    options = {
        "path": {"path": path},
        "dict": {"path": {"local_path": path}},
        "data": {"data": {"path": {"local_path": path}}},
    }
    made = sg.publish(shot, "scene", **options[given])

    assert sg.get("PublishedFile", made, fields=["path"])["path"]["local_path_linux"] == "/srv/objects/a.ma"


@pytest.mark.parametrize("path", [["a.ma"], 7])
def test_path_of_another_kind_sends_nothing(sg, shot, path):
    """
    A value that is no path is refused before a request is sent.
    """
    sent = sg.requests_sent
    with pytest.raises(InvalidArgumentError, match="path must be"):
        sg.publish(shot, "scene", path=path)

    assert sg.requests_sent == sent


def test_hook_that_refuses_the_second_step_leaves_nothing(sg, shot):
    """
    If a hook refuses the path, the record is retired and its number is free again.
    """

    class Strict(SGExtended):
        def before_write(self, write):
            if "path" in write.data:
                raise ValueError("no such place")
            return write

    strict = Strict(sg)
    with pytest.raises(ValueError, match="no such place"):
        strict.publish(shot, "scene", path={"url": "file:///srv/a.ma", "name": "a"})

    assert sg.find_unfinished_publishes(shot, hours=0) == []
    assert sg.publish(shot, "scene")["version_number"] == 1
