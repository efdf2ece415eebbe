"""
Uploads to storage: parts at the same time, from their first byte each time, over links that are renewed.
"""

import logging
import os
import threading
import time

import pytest
from fix_servers import GUARD, HANG, Last, http_reply
from fix_transfers import Storage, calls_of, client_of, denied, dumped, fields_of
from shotgun_api3 import ShotgunError

from sgextended import ClientClosed, HTTPStatusError, OutcomeUnknown, TransportError, TransportTimeout

CONTENT = os.urandom(350_000)  # four parts of 100 000 bytes, the last a short one


def refusing(*replies, path=""):
    """
    Return what makes storage answer with each of *replies* once, to requests whose path begins so.
    """
    left = list(replies)
    return lambda request: left.pop(0) if left and request.path.startswith(path) else None


def joined(storage, count=4):
    return b"".join(storage.stored[f"/part{number}"] for number in range(1, count + 1))


# --- Parts


def test_parts_are_put_and_linked(media_site, storage, small_parts, make_file):
    """
    A large file goes in parts, which the site joins by their ETags in order and links to the entity.
    """
    sg = client_of(media_site)

    assert sg.upload("Version", 12, make_file(content=CONTENT), "sg_uploaded_movie", "Take 1", "a,b") == 80
    complete, link = fields_of(media_site.requests[-2]), fields_of(media_site.requests[-1])
    assert joined(storage) == CONTENT
    assert complete["etags"] == ",".join(f'"etag of /part{number}"' for number in range(1, 5))
    assert (complete["upload_id"], complete["filename"]) == ("up1", "take.mov")
    assert (link["entity_type"], link["entity_id"], link["field_name"]) == ("Version", "12", "sg_uploaded_movie")
    assert (link["display_name"], link["tag_list"]) == ("Take 1", "a,b")
    assert link["upload_link_info"].startswith(f"1\n{storage.url}/whole?")
    assert {request.headers["content-type"] for request in storage.requests} == {"video/quicktime"}


def test_parts_are_sent_at_the_same_time(media_site, make_server, small_parts, make_file):
    """
    Four parts are under way together: none is answered before all have come.
    """
    together = threading.Barrier(4)
    media_site.storage = make_server(kind=Storage, refuse=lambda _request: together.wait(GUARD) * 0 or None)

    assert client_of(media_site).upload("Version", 12, make_file(content=CONTENT)) == 80
    assert joined(media_site.storage) == CONTENT


def test_parts_keep_to_the_bound_of_connections(media_site, storage, small_parts, make_file):
    """
    With two connections two parts are under way, and the storage sees two connections.
    """
    lock, under_way, most = threading.Lock(), [], []

    def watch(request):
        with lock:
            under_way.append(request)
            most.append(len(under_way))
        time.sleep(0.01)
        with lock:
            under_way.remove(request)

    storage.refuse = watch
    client_of(media_site, connections=2).upload("Version", 12, make_file(content=CONTENT * 2))

    assert joined(storage, 7) == CONTENT * 2
    assert max(most) <= 2
    assert storage.connections <= 2


@pytest.mark.parametrize(
    "refusal",
    [
        *(http_reply(b"busy", status=status) for status in (429, 500, 502, 503, 504)),
        denied("Your socket connection to the server timed out", 400).replace(b"AccessDenied", b"RequestTimeout"),
        None,
        Last(reset=True),
        Last(b"HTTP/1.1 200 OK\r\ncontent-le"),
    ],
    ids=["429", "500", "502", "503", "504", "400 too slow", "closed", "reset", "cut"],
)
def test_part_is_repeated_from_its_first_byte(media_site, make_server, small_parts, make_file, refusal):
    """
    A part that storage or the network fails is sent again, all of it; the others are not.
    """
    lost = [True]

    def refuse(request):
        if request.path.startswith("/part2") and lost:
            lost.clear()
            return refusal if refusal is not None else Last()
        return None

    media_site.storage = storage = make_server(kind=Storage, refuse=refuse)

    assert client_of(media_site).upload("Version", 12, make_file(content=CONTENT)) == 80
    assert joined(storage) == CONTENT
    assert sorted(request.path[:6] for request in storage.requests) == [
        "/part1",
        "/part2",
        "/part2",
        "/part3",
        "/part4",
    ]
    assert [request.body for request in storage.requests if request.path.startswith("/part2")] == [
        CONTENT[100_000:200_000]
    ] * 2


def test_file_is_repeated_from_its_first_byte(media_site, storage, make_file):
    """
    A file that goes as a whole is sent again as a whole.
    """
    storage.refuse = refusing(http_reply(status=503), Last(reset=True))

    assert client_of(media_site).upload("Version", 12, make_file(content=CONTENT)) == 80
    assert [request.body for request in storage.requests] == [CONTENT] * 3
    assert calls_of(media_site) == "api_get_upload_link_info api_link_file"


def test_part_that_fails_ends_the_upload(media_site, storage, small_parts, make_file):
    """
    When a part cannot be stored, the others stop, nothing is completed, and no thread stays.
    """
    before = threading.active_count()
    first_part, is_over = refusing(denied(), denied(), path="/part1?"), threading.Event()
    refusals = []

    def refuse(request):
        reply = first_part(request)
        if reply is not None:
            refusals.append(reply)
            if len(refusals) == 2:
                is_over.set()
        else:  # no machine is so slow that all others are stored before
            is_over.wait(GUARD)
        return reply

    storage.refuse = refuse
    sg = client_of(media_site)

    with pytest.raises(HTTPStatusError, match="403"):
        sg.upload("Version", 12, make_file(content=CONTENT * 4))

    assert media_site.sent("api_complete_multipart_upload") == media_site.sent("api_link_file") == []
    assert len(storage.requests) < 14
    assert [thread for thread in threading.enumerate() if thread.name.startswith("sgextended-part")] == []
    media_site.close()
    storage.close()
    assert threading.active_count() <= before


def test_wait_of_one_part_ends_when_another_fails(media_site, storage, small_parts, make_file):
    """
    A part that waits for its next attempt does not keep the caller waiting for an error that another part has met.
    """
    is_waiting = threading.Event()

    def refuse(request):
        if request.path.startswith("/part1"):
            is_waiting.set()
            return http_reply(status=500, headers={"retry-after": "200"})
        is_waiting.wait(GUARD)
        return http_reply(status=404)

    storage.refuse = refuse
    started = time.monotonic()

    with pytest.raises(HTTPStatusError, match="404"):
        client_of(media_site).upload("Version", 12, make_file(content=CONTENT))

    assert time.monotonic() - started < GUARD


def test_storage_without_etags_takes_no_parts(media_site, make_server, small_parts, make_file):
    """
    A part that is taken without an ETag is an error that says so, and not a list with holes.
    """
    media_site.storage = make_server(lambda _request: http_reply())

    with pytest.raises(TransportError, match="has no ETag") as caught:
        client_of(media_site).upload("Version", 12, make_file(content=CONTENT))

    assert isinstance(caught.value, ShotgunError)
    assert media_site.sent("api_complete_multipart_upload") == []


# --- Links


@pytest.mark.parametrize("status", [400, 401, 403])
def test_expired_link_is_renewed(media_site, storage, make_file, status):
    """
    A link that has expired is asked for again, and what is linked at the end is the upload of the new one.
    """
    storage.refuse = refusing(denied(status=status))

    assert client_of(media_site).upload("Version", 12, make_file(content=CONTENT)) == 80
    link = fields_of(media_site.sent("api_link_file")[0])["upload_link_info"]
    assert calls_of(media_site) == "api_get_upload_link_info api_get_upload_link_info api_link_file"
    assert [request.path.rpartition("-")[2] for request in storage.requests] == ["1", "2"]
    assert link.split("\n")[1].endswith("-2")


def test_expired_link_of_a_part_is_renewed(media_site, storage, small_parts, make_file):
    """
    The link of one part is asked for again, and nothing else is.
    """
    storage.refuse = refusing(denied(), path="/part3")

    assert client_of(media_site).upload("Version", 12, make_file(content=CONTENT)) == 80
    parts = [fields_of(each)["part_number"] for each in media_site.sent("api_get_upload_link_for_part")]
    assert joined(storage) == CONTENT
    assert sorted(parts) == ["1", "2", "3", "3", "4"]
    assert len(media_site.sent("api_get_upload_link_info")) == 1


def test_no_log_shows_a_signed_link(media_site, storage, small_parts, make_file, caplog):
    """
    A signed link is a key for as long as it lasts, and no logger is given it.
    """
    with caplog.at_level(logging.DEBUG):
        client_of(media_site).upload("Version", 12, make_file(content=CONTENT))

    assert any("s3cr3t" in request.path for request in storage.requests)
    assert "sgextended" in {record.name for record in caplog.records}
    assert "s3cr3t" not in caplog.text


def test_link_is_renewed_once(media_site, storage, make_file):
    """
    Storage that refuses a fresh link as well is believed; the error says what storage says, and no signature.
    """
    storage.refuse = lambda _request: denied("Access Denied")

    with pytest.raises(ShotgunError, match=r"403: Forbidden \(Access Denied\)") as caught:
        client_of(media_site).upload("Version", 12, make_file())

    assert isinstance(caught.value, HTTPStatusError)
    assert caught.value.errcode == 403
    assert (caught.value.rpc, caught.value.attempts) == ("put", 1)
    assert "s3cr3t" not in dumped(caught.value)
    assert len(storage.requests) == 2


def test_storage_gets_no_credentials(media_site, storage, small_parts, make_file):
    """
    What the site is told of who asks, storage is not: no key, no cookie, no authorization.
    """
    sg = client_of(media_site, basic_auth="web:b4s1c")
    sg.upload("Version", 12, make_file(content=CONTENT))

    assert all("authorization" in request.headers for request in media_site.requests)
    for request in storage.requests:
        told = {"accept-encoding", "content-length", "content-type", "host", "user-agent"}
        assert set(request.headers) == told
        assert "transfer-encoding" not in request.headers


def test_form_is_answered_by_no_link(media_site, make_file):
    """
    What the site says instead of a link is in the error, as native.
    """
    media_site.answers["api_get_upload_link_info"] = "0:No storage today.\n"

    with pytest.raises(ShotgunError, match="No storage today"):
        client_of(media_site).upload("Version", 12, make_file())


def test_link_to_no_web_server_is_refused(media_site, make_file):
    """
    An address that is none of HTTP gets no bytes.
    """
    media_site.answers["api_get_upload_link_info"] = "1\nfile:///etc/passwd?sig=s3cr3t\n2026\nAttachment\n\ns3\n"

    with pytest.raises(TransportError, match="is not a valid http or https address") as caught:
        client_of(media_site).upload("Version", 12, make_file())

    assert caught.value.sent is False
    assert "s3cr3t" not in dumped(caught.value)


# --- Once


@pytest.mark.parametrize("name", ["api_link_file", "api_complete_multipart_upload"])
@pytest.mark.parametrize("loss", [Last(), http_reply(b"oops", status=500), HANG], ids=["closed", "500", "hangs"])
def test_last_steps_are_sent_once(media_site, small_parts, make_file, name, loss):
    """
    The steps that must not be done twice are not: their outcome is unknown, and the error says of what.
    """
    media_site.answers[name] = lambda _request: loss
    sg = client_of(media_site, read_timeout=1.0)

    with pytest.raises(OutcomeUnknown, match="was sent, and then") as caught:
        sg.upload("Version", 12, make_file(content=CONTENT), "sg_uploaded_movie")

    error = caught.value
    assert isinstance(error, ShotgunError)
    assert len(media_site.sent(name)) == 1
    assert error.rpc == name
    if name == "api_link_file":
        assert (error.entity_type, error.data["entity_id"]) == ("Version", 12)
        assert error.data["field_name"] == "sg_uploaded_movie"
    assert error.sent_at > 0
    assert error.elapsed >= 0
    assert f"'{name}'" in str(error)
    assert "s3cr3t" not in dumped(error)
    assert "k3y-that-must-not-show" not in dumped(error)


def test_link_questions_are_repeated(media_site, make_file):
    """
    Asking for a link harms nobody, and is repeated.
    """
    lost = [Last(), http_reply(status=503)]
    ask = media_site.answers["api_get_upload_link_info"]
    media_site.answers["api_get_upload_link_info"] = lambda request: lost.pop() if lost else ask(request)

    assert client_of(media_site).upload("Version", 12, make_file()) == 80


def test_closed_client_uploads_nothing(media_site, storage, make_file):
    """
    A client that was closed says so; its connections to storage are closed too.
    """
    sg = client_of(media_site)
    sg.upload("Version", 12, make_file())
    sg.close()
    asked = len(media_site.requests)

    with pytest.raises(ClientClosed):
        sg.upload("Version", 12, make_file())

    assert len(media_site.requests) == asked
    assert len(storage.requests) == 1
    for thread in storage._threads[1:]:
        thread.join(GUARD)  # it ends with the connection
        assert not thread.is_alive()


# --- How far it is, and how long it may take


def test_progress_of_parts_is_told_in_the_callers_thread(media_site, storage, small_parts, make_file):
    """
    From nothing to all, never less than before, although a part is repeated; in the thread that called.
    """
    storage.refuse = refusing(http_reply(status=503), http_reply(status=503), path="/part2")
    told, threads = [], set()

    def progress(*numbers):
        told.append(numbers)
        threads.add(threading.current_thread())

    client_of(media_site).upload("Version", 12, make_file(content=CONTENT), progress=progress)

    done = [each for each, _total in told]
    assert (told[0], told[-1]) == ((0, len(CONTENT)), (len(CONTENT), len(CONTENT)))
    assert done == sorted(set(done))
    assert {total for _done, total in told} == {len(CONTENT)}
    assert threads == {threading.current_thread()}


def test_progress_of_a_whole_is_told(media_site, storage, make_file):
    """
    A file that goes as a whole is told of piece by piece, and again only when it gets further than before.
    """
    storage.refuse = refusing(http_reply(status=503))
    told = []

    client_of(media_site).upload("Version", 12, make_file(content=CONTENT), progress=lambda *each: told.append(each))

    done = [0, *range(65536, len(CONTENT), 65536), len(CONTENT)]
    assert told == [(each, len(CONTENT)) for each in done]


@pytest.mark.parametrize("error", [KeyError("enough"), OSError("enough"), TransportError("enough")])
@pytest.mark.parametrize("in_parts", [True, False])
def test_progress_may_end_the_upload(media_site, storage, monkeypatch, make_file, error, in_parts):
    """
    What the caller's function raises comes out as it is, whatever it is, and nothing is linked.
    """
    if in_parts:
        monkeypatch.setattr("sgextended.NativeClient._MULTIPART_UPLOAD_CHUNK_SIZE", 100_000)

    def progress(done, _total):
        if done:
            raise error

    with pytest.raises(type(error), match="enough") as caught:
        client_of(media_site).upload("Version", 12, make_file(content=CONTENT), progress=progress)

    assert caught.value is error
    assert media_site.sent("api_link_file") == []


@pytest.mark.parametrize("content", [CONTENT, b"small"], ids=["parts", "whole"])
def test_time_for_all_of_it_is_bounded(media_site, storage, small_parts, make_file, content):
    """
    Storage that hangs ends the upload at the caller's time, and the error names it.
    """
    storage.refuse = lambda _request: HANG
    started = time.monotonic()

    with pytest.raises(TransportTimeout, match=r"within the 0\.3 s that the caller allows") as caught:
        client_of(media_site).upload("Version", 12, make_file(content=content), timeout=0.3)

    assert isinstance(caught.value, ShotgunError)
    assert time.monotonic() - started < GUARD


def test_waits_between_attempts_are_bounded_too(media_site, storage, make_file):
    """
    Storage that asks to wait for longer than the caller has ends the upload at once.
    """
    storage.refuse = lambda _request: http_reply(status=503, headers={"retry-after": "100"})

    with pytest.raises(TransportTimeout, match=r"within the 20 s"):
        client_of(media_site).upload("Version", 12, make_file(), timeout=20)

    assert len(storage.requests) == 1
