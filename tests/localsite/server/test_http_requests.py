"""
HTTP at its edges: bodies that are no request, large ones, half ones, any prefix, packed replies.
"""

import contextlib
import gzip
import json

import pytest


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not json", 400),
        (b"\xff\xfe", 400),
        (b"[]", 400),
        (b'{"method_name": 5}', 400),
        (b'{"method_name": "info", "params": {}}', 400),
        (b'{"method_name": "info", "params": [NaN]}', 400),
        (b"[" * 200_000, 400),
        (b'{"method_name": "info", "params": []}', 200),
        (b'{"method_name": "info"}', 200),
    ],
    ids=lambda value: str(value)[:40],
)
def test_body_that_is_no_request_is_refused(post, body, status):
    """
    The response to a body that is not a request of the protocol has status 400 and an explanation.
    """
    answered, headers, reply = post(body)

    assert answered == status
    assert reply.strip()
    assert ("json" in headers["content-type"]) == (status == 200)


def test_body_that_is_too_large_is_refused(post, monkeypatch):
    """
    A body over the limit is refused, with or without a Content-Length header.
    """
    monkeypatch.setattr("sgextended.localsite.server.request_body.MAX_BODY_BYTES", 1000)
    told = post(b" " * 2000)
    chunked = post(iter([b" " * 600, b" " * 600]))

    assert [told[0], chunked[0]] == [413, 413]
    assert b"larger than 1000 bytes" in told[2]


def test_request_that_breaks_off_is_not_executed(site, raw_socket, make_connection):
    """
    A request without its body changes nothing, and the site continues to serve.
    """
    before = site.ledger.count()
    raw_socket.sendall(b"POST /api3/json HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    raw_socket.close()

    with contextlib.closing(make_connection(site)) as sg:
        assert sg.find("Project", [["id", "is", 0]]) == []
    assert site.ledger.count() == before + 2


def test_text_that_is_no_unicode_faults(call):
    """
    Text with half a surrogate pair is refused.
    """
    assert "not valid Unicode" in call("read", {"type": "Shot", "filters": _condition("code", "\ud800")})["message"]


def _condition(path, value):
    return {"logical_operator": "and", "conditions": [{"path": path, "relation": "is", "values": [value]}]}


def test_bug_in_the_site_is_status_500(post, monkeypatch, caplog):
    """
    A failure inside the site is logged, and the response does not reveal its cause.
    """

    def fail(*_arguments):
        raise ZeroDivisionError("inside")

    monkeypatch.setattr("sgextended.localsite.server.http_routes.execute", fail)
    status, _headers, body = post(b'{"method_name": "info", "params": []}')

    assert status == 500
    assert b"inside" not in body
    assert "The request 'info' failed inside the local site." in caplog.text


def test_any_prefix_leads_to_the_site(post):
    """
    A site serves requests below any path.
    """
    assert post(b'{"method_name": "info"}', "/studio/api3/json")[0] == 200
    assert post(b"", "/nowhere")[0] == 404


def test_info_is_bare(post):
    """
    The result of ``info`` is the only one that is not wrapped in "results".
    """
    reply = json.loads(post(b'{"method_name": "info"}')[2])

    assert reply["version"] >= [8]
    assert reply["s3_direct_uploads_enabled"] is False


def test_large_replies_are_packed_for_those_who_can(site, post, monkeypatch):
    """
    A large reply is gzipped if the client takes that, a small one never.
    """
    auth = {"script_name": site.script_name, "script_key": site.api_key}
    large = json.dumps({"method_name": "schema_field_read", "params": [auth, {"type": "Shot"}]}).encode()
    small = b'{"method_name": "info"}'
    packed = post(large, **{"Accept-Encoding": "gzip, deflate"})
    plain = post(large)

    assert packed[1]["content-encoding"] == "gzip"
    assert gzip.decompress(packed[2]) == plain[2]
    assert "content-encoding" not in post(small, **{"Accept-Encoding": "gzip"})[1]


def test_replies_need_no_orjson(post, monkeypatch):
    """
    Without orjson, replies are the same.
    """
    from sgextended.localsite.server import http_routes as app

    with_it = post(b'{"method_name": "info"}')[2]
    monkeypatch.setattr(app, "_encode", app._encode_with_json)

    assert post(b'{"method_name": "info"}')[2] == with_it
