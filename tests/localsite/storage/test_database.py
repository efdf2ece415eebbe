"""
Uploads to storage, step by step: what each step needs, refuses, and does when it comes twice.
"""

import errno
import hashlib
import os
import urllib.error
import urllib.request

import pytest

from sgextended.localsite import LocalSite
from sgextended.localsite.files.file_store import Media

# The official client leaves connections that broke open.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture(scope="module")
def storage():
    """
    A site that takes uploads to storage.
    """
    with LocalSite(direct_uploads=True) as site:
        yield site


@pytest.fixture
def form(storage, make_connection):
    """
    Sends forms as the official client sends them, and returns the answers.
    """
    sg = make_connection(storage)
    sg.BACKOFF = 0
    yield lambda name, **fields: sg._send_form(f"{storage.url}/upload/{name}", fields)
    sg.close()


def put(url, content):
    """
    Send bytes to storage and return their ETag.
    """
    request = urllib.request.Request(url, data=content, method="PUT")
    with urllib.request.urlopen(request, timeout=10) as reply:
        return reply.headers["ETag"]


@pytest.fixture
def start(form):
    """
    Begins an upload and returns the lines of the answer.
    """

    def begin(**fields):
        sent = {"upload_type": "Attachment", "filename": "x.txt", "multipart_upload": True, **fields}
        return form("api_get_upload_link_info", **sent)

    return begin


def part_url(form, key, number):
    """
    Return the address for a part.
    """
    answer = form("api_get_upload_link_for_part", upload_id=key, part_number=number, upload_type="Attachment")
    code, url, _end = answer.split("\n")
    assert code == "1"
    return url


@pytest.fixture
def shot(storage):
    """
    The number of a shot.
    """
    with storage.store.writing() as tx:
        from sgextended.localsite.storage.single_row_writes import insert_row

        return insert_row(tx, "Shot", {"code": "s"})


def test_answer_has_six_lines(storage, start):
    """
    The answer names the address, the moment, the type, the upload if it is in parts, and the storage.
    """
    whole, single = start(created_at="2024-05-06T07:08:09+02:00").split("\n"), start(multipart_upload=False).split("\n")

    assert whole[0] == single[0] == "1"
    assert whole[1].startswith(f"{storage.url}/storage/upload/{whole[4]}?")
    assert whole[2:4] == ["2024-05-06T05:08:09Z", "Attachment"]
    assert (single[4], single[5]) == ("", "s3")


def test_parts_make_the_file(storage, form, start, shot):
    """
    Parts may come in any order and more than once; the ETags say which make the file. Joining twice is no harm.
    """
    info = start()
    key = info.split("\n")[4]
    second = put(part_url(form, key, 2), b"world")
    put(part_url(form, key, 1), b"wrong")
    first = put(part_url(form, key, 1), b"hello ")
    done = [form("api_complete_multipart_upload", upload_id=key, etags=f"{first},{second}") for _time in range(2)]
    answers = [form("api_link_file", entity_type="Shot", entity_id=shot, upload_link_info=info) for _time in range(2)]
    numbers = [int(answer[2:]) for answer in answers]

    assert first == f'"{hashlib.md5(b"hello ").hexdigest()}"'
    assert done == ["1\n"] * 2
    # Linking twice makes two attachments, as on live sites.
    assert numbers[1] == numbers[0] + 1
    assert [storage.store.media.attachment(number).read_bytes() for number in numbers] == [b"hello world"] * 2


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("api_get_upload_link_info", {"upload_type": "Movie", "filename": "x"}, "upload_type must be one of"),
        ("api_get_upload_link_info", {"upload_type": "Thumbnail", "filename": ""}, "'' is not a valid file name"),
        ("api_get_upload_link_info", {"upload_type": "Thumbnail", "filename": "a/"}, "'' is not a valid file name"),
        ("api_get_upload_link_info", {"upload_type": "Thumbnail", "filename": "a\nb"}, "is not a valid file name"),
        (
            "api_get_upload_link_info",
            {"upload_type": "Thumbnail", "filename": "x", "created_at": "now"},
            'Invalid created_at: "now"',
        ),
        ("api_get_upload_link_for_part", {"upload_id": "../x", "part_number": 1}, "'../x' is not the key of an upload"),
        ("api_get_upload_link_for_part", {"upload_id": "0" * 32, "part_number": 0}, "part_number must be a number"),
        ("api_get_upload_link_for_part", {"upload_id": "0" * 32, "part_number": 10_001}, "from 1 to 10000"),
        ("api_complete_multipart_upload", {"upload_id": "x"}, "'x' is not the key of an upload"),
        ("api_complete_multipart_upload", {"upload_id": "0" * 32, "etags": "../x"}, "is not the ETag of a part"),
        ("api_complete_multipart_upload", {"upload_id": "0" * 32, "etags": "0" * 32}, "Part 1 of the upload"),
        ("api_link_file", {"upload_link_info": "1\nhttp://x/y?z\n\nAttachment"}, "upload_link_info is not"),
        ("api_link_file", {"upload_link_info": ""}, "upload_link_info is not from this site"),
        ("api_link_file", {}, "The form has no file"),
        ("upload_file", {"entity_type": "Shot", "entity_id": 1}, "The form has no file"),
        ("publish_thumbnail", {"entity_type": "Shot", "entity_id": 1}, "The form has no file"),
        ("share_thumbnail", {"entities": "Shot", "source_entity": "Shot_1"}, '"Shot" is not the type and id'),
    ],
)  # fmt: skip
def test_step_without_sense_is_refused(form, shot, name, fields, message):
    """
    Each step is refused with a sentence if what it needs is not there.
    """
    answer = form(name, **fields)

    assert answer.startswith("0:")
    assert message in answer or ("does not exist" in answer and name == "share_thumbnail")


def test_file_that_never_came_is_not_linked(form, start, shot):
    """
    An upload that was begun and not finished cannot be linked.
    """
    answer = form("api_link_file", entity_type="Shot", entity_id=shot, upload_link_info=start())

    assert answer == "0:The upload to storage is missing or incomplete.\n"


def test_address_is_for_its_own_use_only(storage, form, start):
    """
    An address that was given for one upload is good for no other, nor for reading.
    """
    url = start().split("\n")[1]
    other = url.replace(url.partition("/upload/")[2][:32], "0" * 32)
    read = url.replace("/storage/upload/", "/storage/attachment/1/")

    for dead, method in ((other, "PUT"), (read, "GET")):
        request = urllib.request.Request(dead, method=method, data=b"x" if method == "PUT" else None)
        with pytest.raises(urllib.error.HTTPError, match="403") as caught:
            urllib.request.urlopen(request, timeout=10)
        caught.value.close()


def test_failure_inside_is_told_and_logged(form, monkeypatch, caplog, shot):
    """
    A failure inside the site is a refusal without its inside, so that the client shows it; the log has the rest.
    """

    def fail(*_arguments):
        raise ZeroDivisionError("inside")

    monkeypatch.setattr("sgextended.localsite.server.upload_routes.is_true", fail)
    answer = form("api_get_upload_link_info", upload_type="Attachment", filename="x")

    assert answer == "0:The local site failed. Its log has the reason.\n"
    assert "The form 'api_get_upload_link_info' failed inside the local site." in caplog.text


def test_lone_surrogates_do_not_fail(storage, form):
    """
    Text that cannot be UTF-8 is refused where it comes from a client that sends it so.
    """
    body = b"upload_type=Attachment&filename=%ed%a0%80&script_name=" + storage.script_name.encode()
    request = urllib.request.Request(f"{storage.url}/upload/api_get_upload_link_info", data=body)
    with urllib.request.urlopen(request, timeout=10) as reply:
        assert reply.read().startswith(b"0:The form cannot be read")


def test_files_may_lie_on_systems_without_links(storage, form, start, shot, monkeypatch):
    """
    Where a file cannot have two names it is copied.
    """

    def refuse(*_arguments):
        raise OSError(errno.EPERM, "no links here")

    info = start(multipart_upload=False)
    put(info.split("\n")[1], b"copied")
    monkeypatch.setattr(os, "link", refuse)
    number = int(form("api_link_file", entity_type="Shot", entity_id=shot, upload_link_info=info)[2:])

    assert storage.store.media.attachment(number).read_bytes() == b"copied"


def test_old_uploads_are_cleared_away(tmp_path):
    """
    Uploads that nobody linked are gone a day later, when the site starts again; fresh ones stay.
    """
    database = tmp_path / "site.db"
    media = Media(database)
    old, fresh = media.scratch(), media.scratch()
    for path in (old, fresh):
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    Media(database)

    assert not old.exists()
    assert fresh.exists()


def test_memory_is_bounded_while_files_come(storage, form, start, shot, tmp_path):
    """
    A file that is much larger than what is read at once never lies in memory, whichever way it comes.
    """
    import tracemalloc

    size = 24 * 1024 * 1024
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(size)
    info = start(multipart_upload=False)
    url = info.split("\n")[1]
    head = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    fields = {b"entity_type": b"Shot", b"entity_id": str(shot).encode(), b"script_name": storage.script_name.encode()}
    fields[b"script_key"] = storage.api_key.encode()
    before = b"".join(head % item for item in fields.items())
    before += b'--b\r\nContent-Disposition: form-data; name="file"; filename="large.bin"\r\n\r\n'

    def pieces():
        yield before
        with path.open("rb") as file:
            while piece := file.read(65536):
                yield piece
        yield b"\r\n--b--\r\n"

    tracemalloc.start()
    try:
        with path.open("rb") as file:
            request = urllib.request.Request(url, data=file, method="PUT", headers={"Content-Length": str(size)})
            urllib.request.urlopen(request, timeout=30).close()
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        request = urllib.request.Request(f"{storage.url}/upload/upload_file", data=pieces(), headers=headers)
        with urllib.request.urlopen(request, timeout=30) as reply:
            number = int(reply.read()[2:])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert storage.store.media.attachment(number).stat().st_size == size
    assert peak < 8 * 1024 * 1024
