"""
Uploads by form: what goes over the wire, what is sent once, and that no id is lost.
"""

import datetime
import inspect
import io
import pickle
import traceback
import uuid

import pytest
import shotgun_api3
from fix_native import KEY
from fix_servers import HANG, Last, http_reply
from fix_transfers import MediaSite, client_of, data, dumped, parts_of
from shotgun_api3 import ShotgunError

from sgextended import (
    ConfigurationError,
    HTTPStatusError,
    OutcomeUnknown,
    PartialSuccessError,
    SGExtended,
    TransportError,
    TransportTimeout,
    Unreachable,
)

SHOT = {"type": "Shot", "id": 12}
FRAME = {"type": "Shot", "id": 12, "image": "https://site.example/frame.jpg"}
MOMENT = datetime.datetime(2026, 11, 24, 12, 30, tzinfo=datetime.timezone.utc)
KNOWS_CREATED_AT = "created_at" in inspect.signature(shotgun_api3.Shotgun.upload).parameters


# --- What goes over the wire


def uploads_of(sg, path):
    """
    Send each kind of form, in all its variants.
    """
    dated = {"created_at": MOMENT} if KNOWS_CREATED_AT else {}
    sg.upload("Shot", 12, path)
    sg.upload("Shot", 12, path, "sg_file", "The größe", "a,b", **dated)
    sg.upload_thumbnail("Shot", 12, path)
    sg.upload_filmstrip_thumbnail("Shot", 12, path)
    sg.share_thumbnail([SHOT, {"type": "Shot", "id": 13}], source_entity={"type": "Version", "id": 3})
    sg.share_thumbnail([SHOT, {"type": "Shot", "id": 13}], path, filmstrip_thumbnail=True)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # the official client leaves its files open
def test_forms_are_those_of_the_official_client(form_site, official_of, make_file, monkeypatch):
    """
    Byte for byte: the same fields in the same order, the same boundaries and content types.
    """
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=7))
    path = make_file("frame größe.png", bytes(range(256)) * 1000)

    uploads_of(official_of(form_site), path)
    theirs = [each for each in form_site.requests if not each.path.endswith("json")]
    form_site.requests.clear()
    uploads_of(client_of(form_site), path)
    ours = [each for each in form_site.requests if not each.path.endswith("json")]

    assert len(ours) == 7
    assert [(each.method, each.path, each.body) for each in ours] == [
        (each.method, each.path, each.body) for each in theirs
    ]
    for one, other in zip(ours, theirs):
        for name in ("content-type", "content-length"):
            assert one.headers[name] == other.headers[name]


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_direct_forms_are_those_of_the_official_client(media_site, storage, official_of, make_file, small_parts):
    """
    The forms of an upload to storage are the official ones too, and so is what storage gets.
    """
    shotgun = official_of(media_site)
    shotgun._MULTIPART_UPLOAD_CHUNK_SIZE = 100_000
    path = make_file("take.mov", bytes(range(256)) * 1000)
    dated = {"created_at": MOMENT} if KNOWS_CREATED_AT else {}

    def forms_of(sg):
        media_site.links = 0
        sg.upload("Version", 12, path, "sg_uploaded_movie", **dated)
        sg.upload_thumbnail("Version", 12, make_file("f.png"))
        forms = [(each.path, each.body) for each in media_site.requests if not each.path.endswith("json")]
        puts = {(each.path.partition("?")[0], each.headers["content-type"], each.body) for each in storage.requests}
        media_site.requests.clear()
        storage.requests.clear()
        return forms, puts

    (theirs, their_puts), (ours, our_puts) = forms_of(shotgun), forms_of(client_of(media_site))

    def sorted_parts(forms):
        # the official client asks for one part after the other
        return sorted(body for path, body in forms if path.endswith("_part"))

    assert sorted_parts(ours) == sorted_parts(theirs)
    assert [each for each in ours if not each[0].endswith("_part")] == [
        each for each in theirs if not each[0].endswith("_part")
    ]
    assert our_puts == their_puts


def test_form_carries_who_asks(form_site, make_file):
    """
    Fields stand in the native order, the file last; the web server's password goes along where there is one.
    """
    client_of(form_site, basic_auth="web:b4s1c", sudo_as_login="ana").upload("Shot", 12, make_file())

    request = form_site.sent("upload_file")[0]
    names = [head.split(b'"')[1].decode() for head, _content in parts_of(request)]
    assert names == ["entity_type", "entity_id", "script_name", "script_key", "sudo_as_login", "display_name", "file"]
    assert parts_of(request)[-1][1] == b"some bytes"
    assert request.headers["authorization"].startswith("Basic ")


# --- Sent once


@pytest.mark.parametrize("loss", [Last(), Last(reset=True), http_reply(status=500), http_reply(status=502)])
def test_upload_is_sent_once(form_site, make_file, loss):
    """
    An upload whose answer is lost is not sent again; the error says what it was about, and is a ShotgunError as well.
    """
    form_site.answers["upload_file"] = lambda _request: loss

    with pytest.raises(OutcomeUnknown, match="'upload_file' was sent") as caught:
        client_of(form_site).upload("Shot", 12, make_file(), display_name="Take 1")

    error = caught.value
    assert isinstance(error, ShotgunError)
    assert (error.rpc, error.attempts, error.entity_type) == ("upload_file", 1, "Shot")
    assert error.data == {"entity_type": "Shot", "entity_id": 12, "display_name": "Take 1"}
    assert len(form_site.sent("upload_file")) == 1


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_official_client_sends_an_upload_three_times(form_site, official_of, make_file):
    """
    The official client sends the same upload three times, although the site may have taken each.
    """
    form_site.answers["upload_file"] = lambda _request: http_reply(status=500)

    with pytest.raises(ShotgunError, match="limit reached"):
        official_of(form_site).upload("Shot", 12, make_file())

    assert len(form_site.sent("upload_file")) == 3


def test_busy_site_is_asked_again(form_site, make_file):
    """
    An upload that the site refuses because it is busy was not taken, and goes again from its first byte.
    """
    busy = [http_reply(status=429), http_reply(status=429)]
    form_site.answers["upload_file"] = lambda _request: busy.pop() if busy else data(b"1:7\n")
    content = bytes(range(256)) * 1000

    assert client_of(form_site).upload("Shot", 12, make_file(content=content)) == 7
    assert [parts_of(each)[-1][1] for each in form_site.sent("upload_file")] == [content] * 3


def test_upload_that_was_not_sent_is_sent_again(form_site, make_file):
    """
    A connection that ends before all of the file has gone has done nothing, and the file goes again.
    """
    content = bytes(range(256)) * 40_000
    told = []

    def progress(done, _total):
        told.append(done)
        if len(told) == 5:
            for sock in form_site._open:
                sock.shutdown(2)

    sg = client_of(form_site)
    sg.info()

    assert sg.upload("Shot", 12, make_file(content=content), progress=progress) == 77
    assert told == sorted(set(told))
    assert parts_of(form_site.sent("upload_file")[-1])[-1][1] == content


def test_site_that_is_not_there_is_a_shotgun_error(unused_port, make_server, make_file):
    """
    No connection: `Unreachable`, as for calls, and a ShotgunError, as native; nothing was sent.
    """
    site = make_server(kind=MediaSite)
    sg = client_of(site)
    _ = sg.server_caps
    site.close()

    with pytest.raises(Unreachable) as caught:
        sg.upload("Shot", 12, make_file())

    assert isinstance(caught.value, ShotgunError)
    assert caught.value.sent is False
    assert caught.value.attempts == 4


def test_refusal_by_status_is_a_shotgun_error(form_site, make_file):
    """
    A status that says no is a `HTTPStatusError`, and a ShotgunError, as native; the key is not in it.
    """
    form_site.answers["upload_file"] = lambda _request: http_reply(b"Too large", status=413)

    with pytest.raises(ShotgunError, match="HTTP status 413") as caught:
        client_of(form_site).upload("Shot", 12, make_file())

    assert isinstance(caught.value, HTTPStatusError)
    assert isinstance(caught.value, shotgun_api3.ProtocolError)
    assert caught.value.errcode == 413
    assert KEY not in dumped(caught.value)


@pytest.mark.parametrize(
    "kind",
    [HTTPStatusError, OutcomeUnknown, TransportTimeout, Unreachable, TransportError],
    ids=lambda kind: kind.__name__,
)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_error_of_a_transfer_survives_pickling(kind, protocol):
    """
    What transfers raise arrives in another process as what it was: class, message, attributes, both ways to catch it.
    """
    from sgextended.client.transfers.transfer import as_native_error

    with pytest.raises(kind) as caught, as_native_error(ShotgunError):
        raise kind("The site did not answer.", rpc="upload_file", attempts=3)
    error = pickle.loads(pickle.dumps(caught.value, protocol))

    assert type(error) is type(caught.value)
    assert isinstance(error, kind)
    assert isinstance(error, ShotgunError)
    assert type(error).__name__ == kind.__name__
    assert (str(error), vars(error)) == (str(caught.value), vars(caught.value))


def test_page_instead_of_an_answer_is_named(form_site, make_file):
    """
    A page of a sign-in portal is no success; for an upload nobody knows, for a question it is asked again.
    """
    portal = http_reply(b"<html><title>Sign in</title></html>", headers={"content-type": "text/html"})
    form_site.answers["upload_file"] = lambda _request: portal

    with pytest.raises(OutcomeUnknown, match=r"responded with a web page.*Sign in.*instead of JSON"):
        client_of(form_site).upload("Shot", 12, make_file())


def test_answer_that_calls_itself_html_is_an_answer(form_site, make_file):
    """
    Sites answer forms with any content type; what counts is the text.
    """
    form_site.answers["upload_file"] = lambda _request: http_reply(b"1:7\n", headers={"content-type": "text/html"})

    assert client_of(form_site).upload("Shot", 12, make_file()) == 7


def test_keys_do_not_show_in_tracebacks(form_site, make_file):
    """
    A report that shows the local variables of a failed upload shows no key.
    """
    form_site.answers["upload_file"] = "0:No.\n"
    form_site.answers["share_thumbnail"] = lambda _request: http_reply(status=404)
    sg = client_of(form_site)
    told = []
    for call in (
        lambda: sg.upload("Shot", 12, make_file()),
        lambda: sg.share_thumbnail([SHOT], source_entity={"type": "Shot", "id": 1}),
    ):
        with pytest.raises(ShotgunError) as caught:
            call()
        told += traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()

    assert len(told) > 10
    assert KEY not in "".join(told)


def test_forms_without_a_file_have_the_limit_of_calls(form_site):
    """
    A form that carries no file ends at the site's limit for calls; one with a file has the caller's alone.
    """
    form_site.answers["share_thumbnail"] = lambda _request: HANG
    sg = client_of(form_site, call_timeout=0.3)

    with pytest.raises(OutcomeUnknown, match=r"within the 0\.3 s"):
        sg.share_thumbnail([SHOT], source_entity={"type": "Shot", "id": 1})


def test_files_that_forms_carry_are_closed(form_site, make_file):
    """
    A file that is given to a form is closed when the form was sent, or could not be.
    """
    sg = client_of(form_site)
    form_site.answers["publish_thumbnail"] = lambda _request: http_reply(status=404)
    files = [io.FileIO(make_file("a.png")), io.FileIO(make_file("b.png"))]

    sg._send_form(f"{form_site.url}/upload/upload_file", {"file": files[0]})
    with pytest.raises(HTTPStatusError):
        sg._send_form(f"{form_site.url}/upload/publish_thumbnail", {"thumb_image": files[1]})

    assert [file.closed for file in files] == [True, True]


# --- Options of the wrapper


def test_thumbnails_take_progress_and_time(form_site, make_file):
    """
    All uploads tell how far they are, and take a time limit.
    """
    told = []
    sg = SGExtended(site=client_of(form_site).site)
    options = {"progress": lambda *each: told.append(each), "timeout": 30}

    sg.upload("Shot", 12, make_file(), **options)
    sg.upload_thumbnail("Shot", 12, make_file(), **options)
    sg.upload_filmstrip_thumbnail("Shot", 12, make_file(), **options)
    sg.share_thumbnail([SHOT, SHOT], make_file(), **options)

    assert told == [(0, 10), (10, 10)] * 4


def test_time_holds_for_all_of_it(form_site, make_file):
    """
    A site that hangs at any step ends the call at the caller's time.
    """
    form_site.answers["share_thumbnail"] = lambda _request: HANG
    sg = SGExtended(site=client_of(form_site).site)

    with pytest.raises(PartialSuccessError, match=r"within the 1 s that the caller allows"):
        sg.share_thumbnail([SHOT, SHOT], make_file(), timeout=1)
    form_site.answers["upload_file"] = lambda _request: HANG
    with pytest.raises(OutcomeUnknown, match=r"within the 1 s"), sg.deadline(1):
        sg.upload("Shot", 12, make_file())


@pytest.mark.parametrize("option", ["progress", "timeout"])
def test_official_client_knows_no_options(form_site, official_of, make_file, option):
    """
    Around an official client, what it cannot do is refused before it is asked.
    """
    sg = SGExtended(official_of(form_site))
    asked = len(form_site.requests)
    given = {option: print if option == "progress" else 5}

    for call in (
        lambda: sg.upload("Shot", 12, make_file(), **given),
        lambda: sg.upload_thumbnail("Shot", 12, make_file(), **given),
        lambda: sg.download_attachment(7, **given),
    ):
        with pytest.raises(ConfigurationError, match="from_shotgun"):
            call()

    assert len(form_site.requests) == asked
