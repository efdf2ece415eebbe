"""
Thumbnails and filmstrips: made, shown, shared, cleared.
"""

import datetime as dt
import io
import ssl
import struct
import urllib.error
import urllib.request

import pytest
import shotgun_api3
from fix_fuzz_images import enormous_png
from page_login import script_login
from PIL import Image

from sgextended.localsite.files.thumbnails import TooManyPixelsError, make_thumbnail

# The official client leaves the files that it sends open.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


@pytest.fixture
def fetch(media_site):
    """
    Downloads an address without the client, as a browser would, and returns its content type and bytes.
    """

    def get(url, **headers):
        context = media_site.ca_file and ssl.create_default_context(cafile=media_site.ca_file)
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, context=context or None, timeout=10) as reply:
            return reply.headers["content-type"], reply.read()

    return get


@pytest.fixture
def version(media, show):
    """
    A version without a thumbnail.
    """
    return {"type": "Version", "id": media.create("Version", {"project": show, "code": "v"})["id"]}


def images(media, link):
    """
    Return the image fields of a row.
    """
    fields = ["image", "filmstrip_image", "image_source_entity"]
    row = media.find_one(link["type"], [["id", "is", link["id"]]], fields)
    return [row[field] for field in fields]


def test_thumbnail_is_really_made(media_site, media, version, picture, fetch):
    """
    An uploaded image reads as the address of a small JPEG of the same color, which anyone may fetch.
    """
    path = picture("large.png", (3000, 1500), "RGBA")
    number = media.upload_thumbnail("Version", version["id"], path)
    url, strip, source = images(media, version)
    kind, content = fetch(url)
    small = Image.open(io.BytesIO(content))

    assert url.startswith(f"{media_site.url}/storage/thumbnail/{number}.jpg?")
    assert (kind, small.format, small.size) == ("image/jpeg", "JPEG", (720, 360))
    assert strip is source is None
    with Image.open(path) as large:
        faded = [round(value * 128 / 255) for value in large.getpixel((5, 5))[:3]]
    assert all(abs(one - other) < 8 for one, other in zip(faded, small.getpixel((5, 5))))
    assert url == images(media, version)[0]


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [("jpg", "RGB"), ("gif", "L"), ("tif", "L"), ("bmp", "RGB"), ("tga", "RGBA"), ("png", "LA"), ("webp", "RGB")],
)
def test_formats_that_make_thumbnails(media, version, picture, fetch, suffix, mode):
    """
    Every format that the client's documentation names and Pillow reads becomes a JPEG.
    """
    media.upload_thumbnail("Version", version["id"], picture(f"p.{suffix}", (64, 32), mode))

    assert Image.open(io.BytesIO(fetch(images(media, version)[0])[1])).size == (64, 32)


def test_wide_gray_is_scaled(media, version, tmp_path, fetch):
    """
    A 16 bit image keeps its range instead of turning white.
    """
    image = Image.new("I;16", (2, 1))
    image.putpixel((0, 0), 1000)
    image.putpixel((1, 0), 60000)
    image.save(tmp_path / "depth.png")
    media.upload_thumbnail("Version", version["id"], str(tmp_path / "depth.png"))
    small = Image.open(io.BytesIO(fetch(images(media, version)[0])[1]))

    assert small.getpixel((0, 0)) < 30
    assert small.getpixel((1, 0)) > 225


@pytest.mark.parametrize("content", [b"no image", b"\x89PNG\r\n\x1a\nbroken", b"GIF89a" + b"\0" * 20])
def test_broken_image_leaves_no_thumbnail(media, version, tmp_path, content):
    """
    What no thumbnail can be made of is kept as a file, and the field reads as none.
    """
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    number = media.upload_thumbnail("Version", version["id"], str(path))

    assert images(media, version) == [None, None, None]
    assert media.download_attachment(number) == content


def test_enormous_image_leaves_no_thumbnail(media, version, tmp_path, monkeypatch, picture):
    """
    An image beyond Pillow's own limit is refused as one of too many pixels. A filmstrip that no JPEG can hold is left.
    """
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(shotgun_api3.ShotgunError, match="too many pixels"):
        media.upload_thumbnail("Version", version["id"], picture("bomb.png", (200, 200)))
    assert images(media, version)[0] is None
    monkeypatch.undo()
    media.upload_filmstrip_thumbnail("Version", version["id"], picture("long.png", (65_001, 1), "L"))

    assert images(media, version)[1] is None


def test_filmstrip_keeps_its_frames(media, version, picture, fetch):
    """
    A filmstrip is a field of its own and keeps its width, whose every 240 pixels are a frame.
    """
    media.upload_filmstrip_thumbnail("Version", version["id"], picture("strip.jpg", (2400, 135)))
    image, strip, _source = images(media, version)

    assert image is None
    assert Image.open(io.BytesIO(fetch(strip)[1])).size == (2400, 135)


def test_create_and_update_take_paths(media, show, picture):
    """
    A path as the value of image or filmstrip_image is uploaded, and reads back as an address.
    """
    both = {"image": picture("i.png"), "filmstrip_image": picture("f.png")}
    made = media.create("Shot", {"project": show, **both})
    changed = media.update("Shot", made["id"], {"code": "c", "image": picture("j.png")})

    assert changed["code"] == "c"
    assert made["image"] != changed["image"]
    assert all("/storage/thumbnail/" in url for url in (made["image"], made["filmstrip_image"], changed["image"]))


def test_clearing_the_image_clears_the_filmstrip(media, version, picture):
    """
    An image that is set to None takes the filmstrip along, but not the other way round.
    """
    media.upload_thumbnail("Version", version["id"], picture())
    media.upload_filmstrip_thumbnail("Version", version["id"], picture("f.png"))
    media.batch([{"request_type": "update", "entity_type": "Version", "entity_id": version["id"],
                  "data": {"filmstrip_image": None}}])  # fmt: skip
    without_strip = images(media, version)
    media.upload_filmstrip_thumbnail("Version", version["id"], picture("f.png"))
    media.update("Version", version["id"], {"image": None})

    assert without_strip[0] is not None
    assert without_strip[1] is None
    assert images(media, version) == [None, None, None]


def test_image_is_filtered_by_presence(media, show, version, picture):
    """
    Rows with and without a thumbnail can be told apart in a filter.
    """
    bare = media.create("Version", {"project": show})
    media.upload_thumbnail("Version", version["id"], picture())
    found = [
        [row["id"] for row in media.find("Version", [["project", "is", show], ["image", relation, None]])]
        for relation in ("is", "is_not")
    ]

    assert found == [[bare["id"]], [version["id"]]]


@pytest.mark.parametrize("filmstrip", [False, True])
def test_thumbnail_is_shared(media, show, version, picture, filmstrip):
    """
    Shared thumbnails are the same image; the rows that got one name the row that it came from.
    """
    others = [{"type": "Shot", "id": media.create("Shot", {"project": show})["id"]} for _ in range(2)]
    number = media.share_thumbnail([version, *others], thumbnail_path=picture(), filmstrip_thumbnail=filmstrip)
    at = int(filmstrip)
    found = [images(media, link) for link in (version, *others)]

    assert f"/{number}.jpg" in found[0][at]
    assert found[0][at] == found[1][at] == found[2][at]
    assert [row[2] and row[2]["id"] for row in found] == ([None] * 3 if filmstrip else [None, *[version["id"]] * 2])
    # An image of its own ends the sharing.
    media.upload_thumbnail("Shot", others[0]["id"], picture())
    assert images(media, others[0])[2] is None


def test_sharing_from_a_row_without_a_thumbnail_clears(media, show, version, picture):
    """
    Sharing from a row without a thumbnail leaves the others without one, and names no attachment.
    """
    other = {"type": "Shot", "id": media.create("Shot", {"project": show, "image": picture()})["id"]}

    assert media.share_thumbnail([other], source_entity=version) is None
    assert images(media, other) == [None, None, None]


def test_sharing_with_what_is_not_there_is_refused(media, version):
    """
    A row that does not exist, or has no thumbnails at all, gets none.
    """
    for link, message in (({"type": "Shot", "id": 98765}, "does not exist"), ({"type": "Tag", "id": 0}, "not exist")):
        with pytest.raises(shotgun_api3.ShotgunError, match=message):
            media.share_thumbnail([link], source_entity=version)


def test_type_without_thumbnails_is_refused(media, show, picture):
    """
    A thumbnail for a type that has none is refused.
    """
    ticket = media.create("Ticket", {"project": show, "title": "t"})

    with pytest.raises(shotgun_api3.ShotgunError, match=r"Ticket.image doesn't exist"):
        media.upload_thumbnail("Ticket", ticket["id"], picture())


def test_new_thumbnail_is_pending_for_a_while(media_site, media, show, version, picture, fetch, monkeypatch):
    """
    While a thumbnail counts as being made, the field reads as the placeholder, which can be fetched, not shared.
    """
    now = dt.datetime.now(dt.timezone.utc)
    monkeypatch.setattr(media_site.store, "clock", lambda: now)
    monkeypatch.setattr(media_site.store.media, "thumbnail_delay", 30)
    media.upload_thumbnail("Version", version["id"], picture())
    pending = images(media, version)[0]

    assert pending == f"{media_site.url}/images/status/transient/thumbnail_pending.png"
    assert fetch(pending)[0] == "image/png"
    other = media.create("Shot", {"project": show})
    with pytest.raises(shotgun_api3.ShotgunThumbnailNotReady, match="still being made"):
        media.share_thumbnail([other], source_entity=version)
    monkeypatch.setattr(media_site.store, "clock", lambda: now + dt.timedelta(seconds=30))
    assert "/storage/thumbnail/" in images(media, version)[0]


def test_uploaded_image_has_a_thumbnail_itself(media, version, picture):
    """
    A file that is an image gives its attachment a thumbnail; sent as a version's movie, the version too.
    """
    number = media.upload("Version", version["id"], picture("still.png"), field_name="sg_uploaded_movie")

    assert f"/{number}.jpg" in images(media, version)[0]
    assert f"/{number}.jpg" in images(media, {"type": "Attachment", "id": number})[0]


def test_web_addresses_lead_to_the_thumbnail(media_site, media, version, picture, fetch):
    """
    The address that the web application uses leads to the image, and to nothing for a row without one.
    """
    media.upload_thumbnail("Version", version["id"], picture("p.png", (32, 32)))
    login = script_login(media_site)
    kind, content = fetch(f"{media_site.url}/thumbnail/full/Version/{version['id']}", **login)

    assert (kind, Image.open(io.BytesIO(content)).size) == ("image/jpeg", (32, 32))
    for path in ("Version/987654", "Version/x", "Bogus/1", "Ticket/1"):
        with pytest.raises(urllib.error.HTTPError, match="404") as caught:
            fetch(f"{media_site.url}/thumbnail/full/{path}", **login)
        caught.value.close()


def test_old_clients_ask_for_each_thumbnail(media_site, media, version, picture, fetch):
    """
    What clients of very old sites ask for each row is answered, with the path of the image or a reason.
    """
    question = f"{media_site.url}/upload/get_thumbnail_url?entity_type=Version&entity_id={version['id']}"
    login = script_login(media_site)
    before = fetch(question, **login)[1]
    media.upload_thumbnail("Version", version["id"], picture())
    code, path = fetch(question, **login)[1].decode().splitlines()

    assert before == b"0\nThere is no such thumbnail.\n"
    assert code == "1"
    assert fetch(media_site.url + path)[0] == "image/jpeg"


def test_addresses_expire(media_site, media, version, picture, fetch, monkeypatch):
    """
    The address of an image holds for its lifetime, then is refused as storage services refuse it; so are made-up ones.
    """
    now = dt.datetime.now(dt.timezone.utc)
    media.upload_thumbnail("Version", version["id"], picture())
    url = images(media, version)[0]
    monkeypatch.setattr(media_site.store, "clock", lambda: now + dt.timedelta(seconds=3590))
    assert fetch(url)[0] == "image/jpeg"
    monkeypatch.setattr(media_site.store, "clock", lambda: now + dt.timedelta(seconds=7201))
    bare = url.partition("?")[0]

    for dead in (url, bare, url.replace("expires=", "expires=9"), f"{bare}?signature=x&expires=y"):
        with pytest.raises(urllib.error.HTTPError, match="403") as caught:
            fetch(dead)
        assert b"<Message>Request has expired</Message>" in caught.value.read()
        caught.value.close()
    assert fetch(images(media, version)[0])[0] == "image/jpeg"


def test_image_with_too_many_pixels_is_not_decoded(media, version, tmp_path):
    """
    A small file that claims to be an enormous image is refused as a thumbnail, before its pixels need memory.
    """
    bomb = tmp_path / "bomb.png"
    for width, height, filmstrip in ((13_370, 13_370, False), (2**31 - 1, 2, False), (60_000, 400, True)):
        bomb.write_bytes(enormous_png(width, height))
        upload = media.upload_filmstrip_thumbnail if filmstrip else media.upload_thumbnail
        with pytest.raises(shotgun_api3.ShotgunError, match=r"pixels\. Send a smaller image"):
            upload("Version", version["id"], str(bomb))
    assert images(media, version) == [None, None, None]


def test_large_image_is_stored_as_a_file_without_a_thumbnail(media, version, tmp_path):
    """
    An image that is too large for a thumbnail can be uploaded as a file.
    """
    path = tmp_path / "texture.png"
    path.write_bytes(enormous_png(16_000, 16_000))
    number = media.upload("Version", version["id"], str(path), "sg_uploaded_movie")

    assert media.download_attachment({"type": "Attachment", "id": number}) == path.read_bytes()
    assert images(media, version)[0] is None


def test_decoding_needs_no_memory_for_the_pixels_that_are_left_out(tmp_path):
    """
    A JPEG of more pixels than the limit makes a thumbnail if it is decoded to a smaller size.
    """
    path, target = tmp_path / "large.jpg", tmp_path / "thumbnail.jpg"
    Image.new("L", (9000, 9000), 100).save(path, "JPEG")

    assert make_thumbnail(path, target)
    Image.new("L", (9000, 9000), 100).save(path, "JPEG", progressive=True)
    with pytest.raises(TooManyPixelsError, match="9000 x 9000 pixels"):
        make_thumbnail(path, target)


def test_exception_of_any_kind_from_a_broken_image_leaves_no_thumbnail(tmp_path, monkeypatch):
    """
    Pillow raises exceptions of many kinds for broken files, such as TypeError and struct.error. None gets through.
    """
    path, target = tmp_path / "broken.tif", tmp_path / "thumbnail.jpg"
    Image.new("L", (9, 9)).save(path)
    for error in (TypeError("'<' not supported"), struct.error("unpack requires 4 bytes"), MemoryError(), OSError()):

        def fail(*_args, error=error):
            raise error

        monkeypatch.setattr("PIL.ImageOps.exif_transpose", fail)
        assert make_thumbnail(path, target) is False
        assert not target.exists()
