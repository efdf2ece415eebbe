"""
`NativeClient`: what it makes of answers and of their absence, and what is sent twice.
"""

import json

import pytest
import shotgun_api3
from fix_native import AT_ONCE, IDENTITY, KEY, failing, make_client
from fix_servers import HANG, Last, http_reply, page, results

from sgextended import (
    NativeClient,
    OutcomeUnknown,
    Site,
    TransportError,
    Unreachable,
)
from sgextended.client.protocol.responses import http_status_error


def test_fault_keeps_its_code(make_site_server):
    """
    A fault is the native one, with the server's error code beside the message.
    """
    reply = http_reply(json.dumps({"exception": True, "message": "no such field", "error_code": 103}).encode())
    client = make_client(make_site_server(read=lambda _request: reply))

    with pytest.raises(shotgun_api3.Fault, match="no such field") as caught:
        client.find("Shot", [])

    assert caught.value.error_code == 103


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (102, shotgun_api3.AuthenticationFault),
        (106, shotgun_api3.MissingTwoFactorAuthenticationFault),
        (108, shotgun_api3.UserCredentialsNotAllowedForSSOAuthenticationFault),
    ],
)
def test_faults_are_native(make_site_server, code, fault):
    """
    Faults about who asks have the native classes, and are not asked again.
    """
    server = make_site_server(
        read=lambda _request: http_reply(json.dumps({"exception": True, "message": "m", "error_code": code}).encode())
    )

    with pytest.raises(fault) as caught:
        make_client(server).find("Shot", [])

    assert caught.value.error_code == code
    assert len(server.sent("read")) == 1


def test_page_instead_of_an_answer_is_explained(make_site_server):
    """
    A web page with status 200 is no answer: its title says whose it is.
    """
    page_of_portal = http_reply(
        b"<html><title>Hotel WiFi</title></html>", headers={"content-type": "text/html; charset=utf-8"}
    )
    client = make_client(make_site_server(read=lambda _request: page_of_portal))

    with pytest.raises(TransportError, match=r"127.0.0.1:\d+ responded with a web page \(Hotel WiFi\) instead"):
        client.find("Shot", [])


@pytest.mark.parametrize("body", [b'{"results": {"entit', b"", b"\xff\xff"])
def test_garbled_answer_is_repeated_for_a_read(make_site_server, body):
    """
    An answer that is no JSON is asked for again.
    """
    server = make_site_server(read=failing(http_reply(body), then=page({"type": "Shot", "id": 1})))

    assert make_client(server).find("Shot", []) == [{"type": "Shot", "id": 1}]
    assert len(server.sent("read")) == 2


@pytest.mark.parametrize("body", [b'{"results": {"entit', b""])
def test_garbled_answer_that_stays_is_explained(make_site_server, body):
    """
    An answer that is always cut off is an error with its size, not one of the types that Python makes of it.
    """
    client = make_client(make_site_server(read=lambda _request: http_reply(body)))

    with pytest.raises(TransportError, match=rf"cut off or garbled \({len(body)} bytes\)") as caught:
        client.find("Shot", [])

    assert caught.value.attempts == 4


def test_blocked_address_says_why(make_site_server):
    """
    The page of a 403, on which the site says why it refuses, is in the message.
    """
    server = make_site_server(read=lambda _request: http_reply(b"IP 10.0.0.7 is blocked", status=403))

    with pytest.raises(shotgun_api3.ProtocolError, match=r"403: Forbidden: IP 10.0.0.7 is blocked") as caught:
        make_client(server).find("Shot", [])

    assert caught.value.errcode == 403
    assert len(server.sent("read")) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_busy_server_is_asked_again(make_site_server, status):
    """
    A read is repeated until the server has time.
    """
    server = make_site_server(read=failing(http_reply(status=status), http_reply(status=status), then=page()))

    assert make_client(server).find("Shot", []) == []
    assert len(server.sent("read")) == 3


@pytest.mark.parametrize(
    "failure",
    [None, Last(reset=True), Last(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"), http_reply(status=502),
     http_reply(b'{"resu'), http_reply(b"<html>", headers={"content-type": "text/html"})],
    ids=["closed", "reset", "cut", "502", "garbled", "page"],
)  # fmt: skip
def test_uncertain_create_is_sent_once(make_site_server, failure):
    """
    A create whose answer is lost in any way is executed once, and the error says that nobody knows.
    """
    server = make_site_server(create=lambda _request: failure)

    with pytest.raises(OutcomeUnknown, match="'create' was sent") as caught:
        make_client(server).create("Shot", {"code": "sh010"})

    assert len(server.sent("create")) == 1
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("body", [b'{"results": []}', b'{"results": null}', b'{"results": {}}', b"{}"])
def test_an_answer_without_the_entity_leaves_a_create_uncertain(make_site_server, body):
    """
    JSON that says neither what was created nor why not is no answer; the official client ends in an IndexError.
    """
    server = make_site_server(create=lambda _request: http_reply(body))

    with pytest.raises(OutcomeUnknown, match="it has no results"):
        make_client(server).create("Shot", {"code": "sh010"})
    assert len(server.sent("create")) == 1


@pytest.mark.parametrize(
    ("call", "rpc"),
    [
        (lambda client: client.update("Shot", 1, {"code": "a"}), "update"),
        (lambda client: client.text_search("a", {"Shot": []}), "query_display_name_cache"),
        (lambda client: client.find("Shot", []), "read"),
        (lambda client: client.find_one("Shot", []), "read"),
    ],
)
def test_an_answer_without_results_is_asked_for_again(make_site_server, call, rpc):
    """
    What may be repeated is, and in the end the error says what the answer lacked.
    """
    server = make_site_server(**{rpc: None})

    with pytest.raises(TransportError, match="it has no"):
        call(make_client(server))
    assert len(server.sent(rpc)) == 4


@pytest.mark.parametrize("odd", [{"entities": None}, {"entities": []}, {"paging_info": {"has_next_page": False}}])
def test_a_page_that_does_not_say_what_follows_is_no_page(make_site_server, odd):
    """
    A page without its records, or without the word about the next one, is asked for again; also one read ahead.
    """
    rows = [{"type": "Shot", "id": 1}]
    first = results({"entities": rows, "paging_info": {"has_next_page": True}})
    last = results({"entities": rows, "paging_info": {"has_next_page": False}})
    left = {1: [results(odd), first], 2: [results(odd), last]}

    def read(request):
        number = request.payload["params"][1]["paging"]["current_page"]
        return left[number].pop(0) if left.get(number) else last

    assert make_client(make_site_server(read=read)).find("Shot", []) == rows * 2


def test_slow_create_is_sent_once(make_site_server):
    """
    A create that takes longer than the limit may still be done: it is not sent again.
    """
    server = make_site_server(create=lambda _request: HANG)

    with pytest.raises(OutcomeUnknown):
        make_client(server, read_timeout=0.5).create("Shot", {"code": "sh010"})

    assert len(server.sent("create")) == 1


@pytest.mark.parametrize("failure", [None, http_reply(status=502)], ids=["closed", "502"])
def test_uncertain_update_is_repeated(make_site_server, failure):
    """
    An update to fixed values is repeated: twice is as once.
    """
    server = make_site_server(update=failing(failure, then={"type": "Shot", "id": 1}))

    assert make_client(server).update("Shot", 1, {"code": "x"}) == {"type": "Shot", "id": 1}
    assert len(server.sent("update")) == 2


def test_batch_with_a_create_is_sent_once(make_site_server):
    """
    One create in a batch makes all of it unsafe to repeat.
    """
    server = make_site_server(batch=lambda _request: None)
    requests = [
        {"request_type": "update", "entity_type": "Shot", "entity_id": 1, "data": {"code": "a"}},
        {"request_type": "create", "entity_type": "Shot", "data": {"code": "b"}},
    ]

    with pytest.raises(OutcomeUnknown):
        make_client(server).batch(requests)

    assert len(server.sent("batch")) == 1


def test_unreachable_site_is_tried_and_named(unused_port):
    """
    A create to a site that is not there is tried again, since nothing was sent, and ends in what it was.
    """
    client = NativeClient(Site(url=f"http://127.0.0.1:{unused_port}", retry=AT_ONCE, **IDENTITY))

    with pytest.raises(Unreachable) as caught:
        client._call_rpc("create", {})

    assert (caught.value.attempts, caught.value.rpc, caught.value.sent) == (4, "create", False)


def test_status_error_has_the_native_fields(make_site_server):
    """
    Code that handles the native ProtocolError finds its fields, and Retry-After beside them.
    """
    server = make_site_server(read=lambda _request: http_reply(status=503, headers={"retry-after": "3600"}))

    with pytest.raises(shotgun_api3.ProtocolError) as caught:
        make_client(server).find("Shot", [])

    assert caught.value.errcode == 503
    assert caught.value.headers["retry-after"] == "3600"
    assert caught.value.retry_after == 3600.0


@pytest.mark.skipif(not hasattr(shotgun_api3.Shotgun, "export_page"), reason="this shotgun_api3 exports no pages")
def test_other_content_comes_as_it_is(make_site_server):
    """
    What is neither JSON nor a page is handed over in bytes, as native.
    """
    server = make_site_server(export_page=lambda _request: http_reply(b"a,b", headers={"content-type": "text/csv"}))

    assert make_client(server).export_page(1, "csv") == b"a,b"


TEXT = http_reply(b"OK", headers={"content-type": "text/plain"})
CREATED = [{"request_type": "create", "entity_type": "Shot", "data": {"code": "b"}}]


@pytest.mark.parametrize(
    "answer", [TEXT, http_reply(b"[]"), http_reply(b"null"), results("ok"), http_reply(b'{"a": 1}')]
)
@pytest.mark.parametrize(
    ("rpc", "call"),
    [
        ("create", lambda client: client.create("Shot", {"code": "b"})),
        ("update", lambda client: client.update("Shot", 1, {"code": "b"})),
        ("delete", lambda client: client.delete("Shot", 1)),
        ("batch", lambda client: client.batch(CREATED)),
    ],
)
def test_a_write_counts_as_done_only_when_the_answer_says_so(make_site_server, rpc, call, answer):
    """
    An answer with status 200 that has not what the call is answered with, as of something on the way, tells nothing.
    """
    server = make_site_server(**{rpc: lambda _request: answer})

    with pytest.raises(OutcomeUnknown):
        call(make_client(server))


@pytest.mark.parametrize("answer", [TEXT, http_reply(b"[]"), http_reply(b"null")])
def test_a_read_is_repeated_until_an_answer_is_one(make_site_server, answer):
    """
    For a read such an answer is as good as none.
    """
    server = make_site_server(read=failing(answer, then=page()), summarize=failing(answer, then={"summaries": {}}))
    client = make_client(server)

    assert client.find("Shot", []) == []
    assert client.summarize("Shot", [], [{"field": "id", "type": "count"}]) == {"summaries": {}}


def test_an_address_without_a_site_says_how_to_write_it():
    """
    The address of a page, pasted from a browser, has no site behind it. The error says which address to use.
    """
    error = http_status_error("studio.example", (404, "Not Found"), {}, b"")

    assert "There is no site at this address" in str(error)
    assert "without the path of a page" in str(error)
