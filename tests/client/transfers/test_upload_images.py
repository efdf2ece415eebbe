"""
Images of creates and updates: a failed upload does not lose the id of the entity.
"""

import datetime
import inspect
import pickle

import pytest
import shotgun_api3
from fix_native import KEY
from fix_servers import Last, http_reply, page, results
from fix_transfers import MediaSite, calls_of, client_of, data, dumped, fields_of
from shotgun_api3 import ShotgunError

from sgextended import (
    PartialSuccessError,
    TransportError,
)

SHOT = {"type": "Shot", "id": 12}
FRAME = {"type": "Shot", "id": 12, "image": "https://site.example/frame.jpg"}
MOMENT = datetime.datetime(2026, 11, 24, 12, 30, tzinfo=datetime.timezone.utc)
KNOWS_CREATED_AT = "created_at" in inspect.signature(shotgun_api3.Shotgun.upload).parameters


def images_site(make_server, **answers):
    read = {"entities": [FRAME], "paging_info": {"entity_count": 1}}
    created = {"type": "Shot", "id": 12, "code": "a"}
    return make_server(kind=MediaSite, **{"create": created, "update": created, "read": read, **answers})


def test_create_with_images_uploads_them(make_server, make_file):
    """
    The row comes with the addresses of its images, as native.
    """
    read = lambda request: results(page({**SHOT, request.payload["params"][1]["return_fields"][0]: "url"}))  # noqa: E731
    site = images_site(make_server, read=read)
    row = client_of(site).create("Shot", {"code": "a", "image": make_file(), "filmstrip_image": make_file("b.png")})

    assert row == {**SHOT, "code": "a", "image": "url", "filmstrip_image": "url"}
    assert calls_of(site) == "create publish_thumbnail read publish_thumbnail read"
    assert site.sent("create")[0].payload["params"][1]["fields"] == [{"field_name": "code", "value": "a"}]


@pytest.mark.parametrize("verb", ["create", "update"])
@pytest.mark.parametrize("field", ["image", "filmstrip_image"])
@pytest.mark.parametrize("name", ["publish_thumbnail", "read"])
def test_row_is_in_the_error_of_its_image(make_server, make_file, verb, field, name):
    """
    When an image cannot be uploaded, or what came of it not be read, the error has the row that is there now.
    """
    site = images_site(make_server, **{name: lambda _request: http_reply(b"oops", status=501)})
    sg = client_of(site)
    given = ("Shot",) if verb == "create" else ("Shot", 12)

    with pytest.raises(
        PartialSuccessError, match=rf"Shot 12 was {verb}d, but then the upload of its {field} failed: .*501"
    ) as caught:
        getattr(sg, verb)(*given, {"code": "a", field: make_file()})

    error = caught.value
    assert error.entity == {**SHOT, "code": "a"}
    assert isinstance(error, ShotgunError)
    assert isinstance(error.__cause__, TransportError)
    assert pickle.loads(pickle.dumps(error)).entity == error.entity
    assert len(site.sent(verb)) == 1
    assert KEY not in dumped(error)


def test_update_of_an_image_alone_has_nothing_to_keep(make_server, make_file):
    """
    Where the image is all that was to be done, its own error is raised.
    """
    site = images_site(make_server, publish_thumbnail="0:No.\n")

    with pytest.raises(ShotgunError, match="No") as caught:
        client_of(site).update("Shot", 12, {"image": make_file()})

    assert type(caught.value) is ShotgunError
    assert calls_of(site) == "publish_thumbnail"


def test_first_image_is_something_to_keep(make_server, make_file):
    """
    When the second image fails, the error says that the first is there.
    """
    bad = iter([data(b"1:7\n"), data(b"0:No.\n")])
    site = images_site(make_server, publish_thumbnail=lambda _request: next(bad))

    with pytest.raises(
        PartialSuccessError,
        match="image of Shot 12 was uploaded, but then the upload of its filmstrip_image failed",
    ) as caught:
        client_of(site).update("Shot", 12, {"image": make_file(), "filmstrip_image": make_file()})

    assert caught.value.entity == FRAME


@pytest.mark.parametrize("verb", ["create", "update"])
@pytest.mark.parametrize("content", [None, b""], ids=["no file", "empty"])
def test_image_that_is_no_file_is_found_out_first(make_server, make_file, tmp_path, verb, content):
    """
    A path that cannot be uploaded is refused before anything is created or changed.
    """
    site = images_site(make_server)
    path = str(tmp_path / "none.png") if content is None else make_file(content=content)
    given = ("Shot",) if verb == "create" else ("Shot", 12)

    with pytest.raises(ShotgunError, match=r"must be a valid file|cannot be an empty file"):
        getattr(client_of(site), verb)(*given, {"code": "a", "image": path})

    assert site.sent(verb) == []


def test_image_may_be_cleared(make_server):
    """
    An image of None is sent, or left out, as native.
    """
    site = images_site(make_server)
    sg = client_of(site)
    sg.update("Shot", 12, {"image": None})
    sg.create("Shot", {"code": "a", "image": None, "filmstrip_image": None})

    assert site.sent("update")[0].payload["params"][1]["fields"] == [{"field_name": "image", "value": None}]
    assert [each["field_name"] for each in site.sent("create")[0].payload["params"][1]["fields"]] == ["code"]


@pytest.mark.parametrize("loss", [Last(), data(b"0:No.\n"), data(b"2:Not ready.\n")], ids=["lost", "refused", "later"])
def test_attachment_is_in_the_error_of_sharing_it(form_site, make_file, loss):
    """
    When a thumbnail was uploaded and cannot be shared, the error has its Attachment, and how to go on.
    """
    form_site.answers["share_thumbnail"] = lambda _request: loss
    entities = [SHOT, {"type": "Shot", "id": 13}]

    with pytest.raises(
        PartialSuccessError, match=r"uploaded to Shot 12 as Attachment 78.*source_entity=Shot 12"
    ) as caught:
        client_of(form_site).share_thumbnail(entities, make_file())

    assert caught.value.entity == {"type": "Attachment", "id": 78}
    assert len(form_site.sent("publish_thumbnail")) == 1
    assert len(entities) == 2


def test_sharing_that_uploaded_nothing_raises_its_own_error(form_site, make_file):
    """
    Where nothing is on the site yet, the failure itself is raised.
    """
    sg = client_of(form_site)
    form_site.answers["publish_thumbnail"] = "0:No.\n"
    form_site.answers["share_thumbnail"] = "2:Not ready.\n"

    with pytest.raises(ShotgunError, match=r"No\."):
        sg.share_thumbnail([SHOT, SHOT], make_file())
    with pytest.raises(shotgun_api3.ShotgunThumbnailNotReady):
        sg.share_thumbnail([SHOT], source_entity=SHOT)
    with pytest.raises(ShotgunError, match="must be a list"):
        sg.share_thumbnail(None, source_entity=SHOT)


def test_sharing_is_repeated(form_site):
    """
    To share a thumbnail twice leaves what sharing it once leaves, so a lost answer is no problem.
    """
    lost = [Last(), http_reply(status=503)]
    form_site.answers["share_thumbnail"] = lambda _request: lost.pop() if lost else data(b"1:79\n")

    assert client_of(form_site).share_thumbnail([SHOT], source_entity={"type": "Shot", "id": 1}) == 79
    assert fields_of(form_site.sent("share_thumbnail")[-1])["entities"] == "Shot_12"
