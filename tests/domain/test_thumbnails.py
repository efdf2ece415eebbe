"""
Thumbnails that the site is still making: they are waited for, and the placeholder is never stored.
"""

import datetime as dt

import pytest
import shotgun_api3
from PIL import Image

from sgextended import Failure, ThumbnailNotReady, WorkerError
from sgextended.domain import thumbnails
from sgextended.domain.files import download_many
from sgextended.localsite import LocalSite

DELAY = 60.0  # seconds until a thumbnail is made


class SlowSite:
    """
    A site with the thumbnail of a version that is not made yet. Its clock stands still, except in the waits of a call.
    """

    def __init__(self, site, sg, monkeypatch, folder):
        self.site, self.sg, self.waits = site, sg, []
        self.now = dt.datetime.now(dt.timezone.utc)
        monkeypatch.setattr(site.store, "clock", lambda: self.now)
        monkeypatch.setattr(thumbnails, "_pause", self.pause)
        self.project = sg.create("Project", {"name": f"show {folder.name}"})
        self.picture = str(folder / "in.png")
        Image.new("RGB", (80, 60), "blue").save(self.picture)
        self.version = self.add_version()

    def add_version(self):
        version = self.sg.create("Version", {"project": self.project, "code": "v"})
        self.sg.upload_thumbnail("Version", version["id"], self.picture)
        return {"type": "Version", "id": version["id"]}

    def pause(self, seconds):
        self.waits.append(seconds)
        self.pass_time(seconds)

    def pass_time(self, seconds):
        self.now += dt.timedelta(seconds=seconds)


def size_of(path):
    with Image.open(path) as image:
        return image.size


@pytest.fixture(scope="module")
def local_site():
    """
    A local site whose thumbnails take a minute.
    """
    with LocalSite(thumbnail_delay=DELAY) as site:
        yield site


@pytest.fixture
def slow(local_site, make_sg, monkeypatch, tmp_path):
    """
    That site, with a thumbnail that is being made.
    """
    return SlowSite(local_site, make_sg(local_site), monkeypatch, tmp_path)


@pytest.fixture(params=["SGExtended", "Shotgun"])
def client(request, slow):
    """
    The wrapper, and an official client.
    """
    if request.param == "SGExtended":
        return slow.sg
    return shotgun_api3.Shotgun(slow.site.url, slow.site.script_name, slow.site.api_key)


def test_thumbnail_is_waited_for(slow, client, tmp_path):
    """
    `download_many` waits with growing pauses, and stores the thumbnail under the extension that it then has.
    """
    (path,) = download_many(client, [slow.version], tmp_path / "out")

    assert path == str(tmp_path / "out" / f"Version_{slow.version['id']}.jpg")
    assert size_of(path) == (80, 60)
    assert slow.waits[:4] == [0.25, 0.5, 1.0, 2.0]
    assert max(slow.waits) == 10.0
    assert [file.name for file in (tmp_path / "out").iterdir()] == [f"Version_{slow.version['id']}.jpg"]


def test_thumbnail_that_is_not_ready_is_named(slow, client, monkeypatch, tmp_path):
    """
    At the end of the time limit, the item is a failure with `ThumbnailNotReady`. The others are downloaded, and nothing
    is stored for this one.
    """
    slow.pass_time(DELAY + 1)
    late = slow.add_version()
    monkeypatch.setattr(thumbnails, "WAIT_LIMIT", 0.0)
    results = download_many(client, [late, slow.version], tmp_path / "out", on_error="collect")

    assert isinstance(results[0], Failure)
    assert isinstance(results[0].error, ThumbnailNotReady)
    assert f"image of Version {late['id']}" in str(results[0].error)
    assert [str(path) for path in (tmp_path / "out").iterdir()] == results[1:]
    with pytest.raises(WorkerError, match="still making the thumbnail"):
        download_many(client, [late], tmp_path / "out")


def test_deadline_limits_the_wait(slow, tmp_path):
    """
    The wait ends shortly before the deadline, so that the error names the thumbnail and not the deadline.
    """
    slow.pause = lambda seconds: pytest.fail(f"waited {seconds} s")
    with pytest.raises(WorkerError, match="still making the thumbnail"):
        slow.sg.download_many([slow.version], tmp_path / "out", timeout=thumbnails._RESERVE)


def test_thumbnail_that_goes_meanwhile_is_none(slow, tmp_path, monkeypatch):
    """
    If the thumbnail is cleared during the wait, the result is None.
    """
    monkeypatch.setattr(
        thumbnails, "_pause", lambda _seconds: slow.sg.update("Version", slow.version["id"], {"image": None})
    )

    assert slow.sg.download_many([slow.version], tmp_path / "out") == [None]
    assert not list(tmp_path.glob("out/*"))


def test_names_stay_different(slow, tmp_path):
    """
    Two thumbnails that are being made never get the same name, also if the name on the site decides.
    """
    other = slow.add_version()
    paths = slow.sg.download_many([slow.version, other], tmp_path / "out", name="{file}")

    assert len(set(paths)) == 2
    assert set(map(size_of, paths)) == {(80, 60)}


def test_an_existing_file_is_not_waited_for(slow, tmp_path):
    """
    A file that exists is kept, as for any other download.
    """
    path = tmp_path / f"Version_{slow.version['id']}.jpg"
    path.write_bytes(b"old")

    assert slow.sg.download_many([slow.version], tmp_path) == [str(path)]
    assert slow.waits == []


@pytest.mark.parametrize("to_file", [True, False])
def test_placeholder_is_not_downloaded(slow, tmp_path, to_file):
    """
    `download_attachment` refuses the URL of the placeholder, and leaves an existing file as it was.
    """
    target = tmp_path / "thumbnail.jpg"
    target.write_bytes(b"old")
    url = slow.sg.find_one("Version", [["id", "is", slow.version["id"]]], ["image"])["image"]
    with pytest.raises(ThumbnailNotReady, match="is the placeholder") as caught:
        slow.sg.download_attachment({"url": url}, str(target) if to_file else None)

    assert isinstance(caught.value, shotgun_api3.shotgun.ShotgunThumbnailNotReady)
    assert target.read_bytes() == b"old"
