"""
The fields that a site fills when it has transcoded an uploaded movie.
"""

import datetime as dt

import pytest
from PIL import Image

from sgextended.localsite import LocalSite

FIELDS = ["sg_uploaded_movie_transcoding_status", "sg_uploaded_movie_mp4", "image"]

pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # the native client leaves it open


@pytest.fixture
def upload(sg, tmp_path):
    """
    Uploads a file of a name as the movie of a version, and returns the fields that a transcode fills.
    """

    def send(version, name, client=sg):
        path = tmp_path / name
        if name.endswith(".png"):
            Image.new("RGB", (8, 8)).save(path)
        else:
            path.write_bytes(name.encode())
        client.upload("Version", version["id"], str(path), field_name="sg_uploaded_movie")
        return shown(client, version)

    return send


def shown(sg, version):
    row = sg.find_one("Version", [["id", "is", version["id"]]], FIELDS)
    return [row[field] for field in FIELDS]


def test_mp4_is_its_own_transcode(sg, make, upload):
    """
    An MP4 file becomes a second attachment with the same bytes. No image is made from it.
    """
    status, mp4, image = upload(make("Version"), "take.mp4")

    assert (status, image) == (1, None)
    assert (mp4["name"], mp4["content_type"]) == ("take.mp4", "video/mp4")
    assert sg.download_attachment(mp4) == b"take.mp4"


def test_image_needs_no_transcode(make, upload):
    """
    An image that is uploaded as a movie is done at once, and is the thumbnail.
    """
    status, mp4, image = upload(make("Version"), "still.png")

    assert (status, mp4) == (1, None)
    assert "/storage/thumbnail/" in image


@pytest.mark.parametrize("name", ["take.mov", "notes.txt", "bare"])
def test_nothing_is_made_from_other_files(make, upload, name):
    """
    Of a file that is neither an MP4 nor an image nothing is made, and what an earlier movie left is cleared.
    """
    version = make("Version")
    upload(version, "take.mp4")

    assert upload(version, name) == [None, None, None]


def test_version_that_has_another_movie_by_then_keeps_it(make_connection, upload, monkeypatch):
    """
    The transcode of a movie that was replaced meanwhile changes nothing; that of the new movie does.
    """
    with LocalSite(thumbnail_delay=30) as site:
        sg = make_connection(site)
        now = site.store.clock()
        version = sg.create("Version", {"project": sg.create("Project", {"name": "p"}), "code": "v"})
        monkeypatch.setattr(site.store, "clock", lambda: now)
        before = upload(version, "one.mp4", sg)
        monkeypatch.setattr(site.store, "clock", lambda: now + dt.timedelta(seconds=20))
        upload(version, "two.mp4", sg)
        monkeypatch.setattr(site.store, "clock", lambda: now + dt.timedelta(seconds=30))
        between = shown(sg, version)
        monkeypatch.setattr(site.store, "clock", lambda: now + dt.timedelta(seconds=50))
        status, mp4, _image = shown(sg, version)
        sg.close()

    assert before == between == [None, None, None]
    assert (status, mp4["name"]) == (1, "two.mp4")


def test_result_of_a_scan_is_not_overwritten(make_connection, tmp_path, monkeypatch):
    """
    A file whose scan has found something keeps that state when its thumbnail is made.
    """
    path = tmp_path / "a.txt"
    path.write_text("x", encoding="utf-8")
    with LocalSite(thumbnail_delay=30) as site:
        sg = make_connection(site)
        now = site.store.clock()
        monkeypatch.setattr(site.store, "clock", lambda: now)
        project = sg.create("Project", {"name": "p"})
        files = [sg.upload("Project", project["id"], str(path)) for _number in range(2)]
        site.set_scan(files[0], "infected")
        monkeypatch.setattr(site.store, "clock", lambda: now + dt.timedelta(seconds=30))
        rows = sg.find("Attachment", [["id", "in", files]], ["processing_status"])
        sg.close()

    assert [row["processing_status"] for row in rows] == ["infected", None]
