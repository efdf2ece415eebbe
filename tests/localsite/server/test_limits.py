"""
What a site does with requests that are none: bombs, nonsense, and HTTP that is not HTTP. It answers, and goes on.
"""

import contextlib
import http.client
import json
import logging
import os
import random
import re
import socket

import pytest
import shotgun_api3
from fix_fuzz import GOOD, KEYS, SHOT, WORDS, places, replaced
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sgextended.localsite import LocalSite
from sgextended.localsite.schema.entity_types import standard_schema
from sgextended.localsite.server.rpc_table import RPCS

EXAMPLES = int(os.environ.get("SGEXTENDED_FUZZ", "150"))  # more of them find more
GUARD = 10  # seconds after which a site that does not answer fails its test
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(WORDS),
)
_values = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=12,
)


@st.composite
def _requests(draw):
    """
    Good requests in which one or two parts are replaced by anything at all, some with one more key.
    """
    method, payload = draw(st.sampled_from(GOOD))
    types = sorted(standard_schema().types)
    for _change in range(draw(st.integers(1, 2))):
        at = draw(st.sampled_from(list(places(payload))))
        payload = replaced(payload, at, draw(_values | st.sampled_from(types)))
    if isinstance(payload, dict) and draw(st.booleans()):
        payload = {draw(st.sampled_from(KEYS)): draw(_values), **payload}
    return method, payload


def test_every_request_is_fuzzed():
    """
    No request of the protocol is forgotten here.
    """
    assert {method for method, _payload in GOOD} == set(RPCS) - {"info"}


@pytest.fixture(scope="module")
def fuzzed():
    """
    A site with a row of most types, which nonsense may change.
    """
    with LocalSite() as site:
        connection = http.client.HTTPConnection(site.url.partition("//")[2], timeout=GUARD)

        def ask(method, *payload, auth=...):
            known = {"script_name": site.script_name, "script_key": site.api_key}
            body = json.dumps({"method_name": method, "params": [known if auth is ... else auth, *payload]})
            connection.request("POST", "/api3/json", body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            return reply.status, reply.read()

        project = {"type": "Project", "id": 1}
        for entity_type, name in (("Project", "name"), ("Shot", "code"), ("Version", "code"), ("Task", "content")):
            fields = [{"field_name": name, "value": "x"}, {"field_name": "project", "value": project}]
            status, _body = ask("create", {"type": entity_type, "fields": fields[: 1 + (entity_type != "Project")]})
            assert status == 200
        yield site, ask
        connection.close()


def lives(site):
    """
    Tell whether the site still answers.
    """
    connection = http.client.HTTPConnection(site.url.partition("//")[2], timeout=GUARD)
    connection.request("POST", "/api3/json", b'{"method_name": "info"}')
    status = connection.getresponse().status
    connection.close()
    return status == 200


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(request=_requests())
def test_nearly_right_requests_are_answered(fuzzed, request):
    """
    Whatever stands in a request, the answer is a result or a fault, never a failure of the site.
    """
    _site, ask = fuzzed
    method, payload = request
    status, body = ask(method, payload)

    assert status == 200, (method, payload)
    assert isinstance(json.loads(body), dict)


@pytest.mark.parametrize("entity", [None, {}, 5, SHOT])
def test_key_that_a_request_does_not_have_is_ignored(fuzzed, entity):
    """
    A request that is executed is answered and recorded also if it names an entity, which only `follow` has.
    """
    site, ask = fuzzed
    fields = [{"field_name": "name", "value": f"with {entity}"}]
    status, body = ask("create", {"type": "Project", "fields": fields, "entity": entity})
    made = json.loads(body)["results"]["id"]

    assert (status, site.ledger.entries[-1].ids) == (200, (made,))
    status, body = ask("delete", {"type": "Project", "id": made, "entity": entity})
    assert (status, json.loads(body)["results"], site.ledger.entries[-1].ids) == (200, True, (made,))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(auth=_values | st.dictionaries(
    st.sampled_from(["user_login", "user_password", "script_name", "script_key", "session_token", "auth_token",
                     "sudo_as_login", "session_uuid", "reject_if_expired"]), _values))  # fmt: skip
def test_any_credentials_are_answered(fuzzed, auth):
    """
    Whatever stands for credentials, the answer is a refusal.
    """
    _site, ask = fuzzed
    status, body = ask("read", {"type": "Shot"}, auth=auth)

    assert (status, json.loads(body)["error_code"]) == (200, 102)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(session=_values)
def test_any_session_uuid_is_taken(fuzzed, session):
    """
    What a caller calls its session cannot make the site fail.
    """
    site, ask = fuzzed
    auth = {"script_name": site.script_name, "script_key": site.api_key, "session_uuid": session}
    fields = [{"field_name": "name", "value": None}]

    assert ask("update", {"type": "Project", "id": 1, "fields": fields}, auth=auth)[0] == 200
    assert ask("create", {"type": "Tag", "fields": [{"field_name": "name", "value": "t"}]}, auth=auth)[0] == 200


_FORMS = ["upload_file", "publish_thumbnail", "share_thumbnail", "api_get_upload_link_info"]
_FORMS += ["api_get_upload_link_for_part", "api_complete_multipart_upload", "api_link_file"]
_FIELDS = ["entity_type", "entity_id", "field_name", "display_name", "tag_list", "created_at", "filename", "upload_id"]
_FIELDS += ["upload_type", "part_number", "etags", "upload_link_info", "entities", "source_entity", "filmstrip"]


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    form=st.sampled_from(_FORMS),
    fields=st.dictionaries(
        st.sampled_from(_FIELDS),
        st.text(max_size=12) | st.sampled_from(["Shot", "1", "Shot_1", "Attachment", "image", "1\nx\ny\nAttachment"]),
    ),
    file=st.none() | st.tuples(st.text(max_size=12), st.binary(max_size=40)),
    broken=st.booleans(),
)
def test_any_form_is_answered(fuzzed, form, fields, file, broken):
    """
    Whatever stands in a form, the answer is 200 and a text that says whether it was done.
    """
    site, _ask = fuzzed
    fields = {"entity_type": "Shot", "entity_id": "1", **fields}
    fields.update(script_name=site.script_name, script_key=site.api_key)
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode("utf-8", "replace")
        for name, value in fields.items()
    ]
    if file is not None:
        head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{file[0]}"\r\n\r\n'
        parts.append(head.encode("utf-8", "replace") + file[1] + b"\r\n")
    body = b"".join(parts) + (b"" if broken else b"--b--\r\n")
    connection = http.client.HTTPConnection(site.url.partition("//")[2], timeout=GUARD)
    connection.request("POST", f"/upload/{form}", body, {"Content-Type": "multipart/form-data; boundary=b"})
    reply = connection.getresponse()
    status, answer = reply.status, reply.read()
    connection.close()

    assert status == 200
    assert answer[:1] in {b"0", b"1", b"2"}
    assert b"Its log has the reason" not in answer


@pytest.mark.parametrize(
    ("headers", "body", "message"),
    [
        ({"Content-Type": "multipart/form-data"}, b"", "its content type has no boundary"),
        ({"Content-Type": f"multipart/form-data; boundary={'b' * 400}"}, b"", "ends before|cannot be read"),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b"nonsense", "cannot be read"),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b"--b\r\n" + b"x" * 2_000_000, "larger|cannot be read"),
        (
            {"Content-Type": "multipart/form-data; boundary=b"},
            b"--b\r\nX: " + b"x" * 2_000_000,
            "larger than 1048576 bytes|cannot be read",
        ),
        (
            {"Content-Type": "multipart/form-data; boundary=b"},
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"x" * 2_000_000,
            "larger than 1048576 bytes",
        ),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b"--b\r\n\r\n\r\n" * 50_000, "larger than 1048576|can"),
        (
            {"Content-Type": "multipart/form-data; boundary=b"},
            b'--b\r\nContent-Disposition: form-data; name="a"; filename="x"\r\n\r\n1\r\n' * 2 + b"--b--\r\n",
            "more than one file|no credentials|Can't authenticate",
        ),
        ({}, b"a=" + b"x" * 2_000_000, "larger than 1048576 bytes"),
        ({}, b"&a=1" * 500, "cannot be read"),
        ({}, b"a=%ff", "cannot be read"),
        ({}, b"\xff=1", "cannot be read"),
        ({}, b"", "Can't authenticate"),
    ],
    ids=str,
)
def test_form_that_is_none_is_refused(site, headers, body, message):
    """
    A form that cannot be read, or is too large, is refused with a sentence that the client can show.
    """
    import re

    connection = http.client.HTTPConnection(site.url.partition("//")[2], timeout=GUARD)
    connection.request("POST", "/upload/upload_file", body, headers)
    reply = connection.getresponse()
    answer = reply.read().decode()
    connection.close()

    assert reply.status == 200
    assert answer.startswith("0:")
    assert re.search(message, answer)


def test_second_file_of_a_form_is_refused(site, project):
    """
    A form brings one file; with two it is refused.
    """
    fields = {"entity_type": "Project", "entity_id": project["id"], "script_name": site.script_name}
    fields["script_key"] = site.api_key
    body = b"".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    )
    body += b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n1\r\n' * 2 + b"--b--\r\n"
    connection = http.client.HTTPConnection(site.url.partition("//")[2], timeout=GUARD)
    connection.request("POST", "/upload/upload_file", body, {"Content-Type": "multipart/form-data; boundary=b"})
    answer = connection.getresponse().read()
    connection.close()

    assert answer == b"0:The form has more than one file.\n"


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=b", "application/octet-stream"])
def test_file_that_is_too_large_is_refused(site, sg, project, monkeypatch, content_type, tmp_path):
    """
    A file over the bound is refused by form and in storage, and leaves nothing on the disk.
    """
    media = site.store.media
    monkeypatch.setattr(media, "max_file_bytes", 1000)
    connection = http.client.HTTPConnection(site.url.partition("//")[2], timeout=GUARD)
    folder = media.scratch().parent
    if "form" in content_type:
        fields = {"entity_type": "Project", "entity_id": project["id"], "script_name": site.script_name}
        fields["script_key"] = site.api_key
        parts = [f'--b\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
        parts.append('--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n' + "x" * 2000)
        connection.request("POST", "/upload/upload_file", "".join(parts), {"Content-Type": content_type})
    else:
        path = media.signed("PUT", f"/storage/upload/{'0' * 32}", site.store.clock(), filename="x")
        connection.request("PUT", path, b"x" * 2000)
    reply = connection.getresponse()
    answer = reply.read()
    connection.close()

    assert reply.status == (200 if "form" in content_type else 413)
    assert b"The file is larger than 1000 bytes." in answer
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("path", ["/upload/upload_file", "/storage/upload/" + "0" * 32, "/api3/json"])
@pytest.mark.parametrize("signed", [True, False])
def test_body_that_breaks_off_leaves_nothing(site, path, signed):
    """
    A form or file whose rest never comes leaves no row and no file.
    """
    media = site.store.media
    folder = media.scratch().parent
    if signed and path.startswith("/storage"):
        path = media.signed("PUT", path, site.store.clock(), filename="x")
    method = "PUT" if path.startswith("/storage") else "POST"
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
    head += "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    host, port = site.url.split("//")[1].split(":")
    with socket.create_connection((host, int(port)), timeout=GUARD) as connection:
        connection.sendall(head.encode() + b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n1')
        connection.shutdown(socket.SHUT_WR)
        with _parting():
            while connection.recv(65536):
                pass

    assert lives(site)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("depth", [200, 1000, 20_000])
@pytest.mark.parametrize("shape", ["filters", "value", "payload"])
def test_deep_json_is_refused_or_answered(fuzzed, depth, shape):
    """
    JSON that is nested beyond sense is answered, and the thread that met it serves on.
    """
    site, ask = fuzzed
    del ask
    opened, closed = '{"logical_operator":"and","conditions":[', "]}"
    deep = opened * depth + closed * depth if shape == "filters" else "[" * depth + "]" * depth
    auth = json.dumps({"script_name": site.script_name, "script_key": site.api_key})
    payload = {
        "filters": f'{{"type":"Shot","filters":{deep}}}',
        "value": f'{{"type":"Project","id":1,"fields":[{{"field_name":"tracking_settings","value":{deep}}}]}}',
        "payload": deep,
    }[shape]
    method = "update" if shape == "value" else "read"
    connection = http.client.HTTPConnection(site.url.partition("//")[2], timeout=GUARD)
    connection.request("POST", "/api3/json", f'{{"method_name":"{method}","params":[{auth},{payload}]}}')
    status = connection.getresponse().status
    connection.close()

    assert status in {200, 400}
    assert lives(site)


@pytest.mark.parametrize("number", ["1" * 5000, "1e400", "-1e400", "1" * 100 + ".5", "1e-400", "123456789012345678901"])
@pytest.mark.parametrize("field", ["sg_cut_in", "sg_turnover_frames_float", "id"])
def test_enormous_numbers_are_answered(fuzzed, number, field):
    """
    Numbers that no column can hold are refused.
    """
    site, _ask = fuzzed
    auth = json.dumps({"script_name": site.script_name, "script_key": site.api_key})
    condition = f'{{"path":"{field}","relation":"in","values":[{number}]}}'
    payload = f'{{"type":"Shot","filters":{{"logical_operator":"and","conditions":[{condition}]}}}}'
    connection = http.client.HTTPConnection(site.url.partition("//")[2], timeout=GUARD)
    connection.request("POST", "/api3/json", f'{{"method_name":"read","params":[{auth},{payload}]}}')
    status = connection.getresponse().status
    connection.close()

    assert status in {200, 400}


@contextlib.contextmanager
def _parting():
    """
    Bear that the other side has gone already.
    """
    try:
        yield
    except TimeoutError:
        raise
    except OSError:
        pass


_RAW = [
    b"",
    b"\0" * 1000,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 200,
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /api3/json HTTP/1.1\r\n\r\n",
    b"POST /api3/json HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
    b"POST /api3/json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"POST /api3/json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345",
    b"POST /api3/json HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"POST /api3/json HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
    b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /%ff%00%zz?%ff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /file_serve/attachment/1 HTTP/1.1\r\nHost: localhost\r\nCookie: _session_id=\xff\xfe;;=\r\nRange: 9-\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"CONNECT x:1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
]


@pytest.mark.parametrize("sent", _RAW, ids=range(len(_RAW)))
def test_malformed_http_is_refused(site, sent):
    """
    What is not HTTP is refused or hung up on, never with a failure inside, and the site serves on.
    """
    host, port = site.url.split("//")[1].split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=GUARD) as connection, _parting():
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        while piece := connection.recv(65536):
            answer += piece

    assert b" 500 " not in answer.partition(b"\r\n")[0]
    assert lives(site)


def test_noise_is_survived(site):
    """
    Bits of requests with noise in them, many of them, leave the site as it was.
    """
    noise = random.Random(7)  # the same noise every time
    host, port = site.url.split("//")[1].split(":")
    good = b'POST /api3/json HTTP/1.1\r\nHost: x\r\nContent-Length: 23\r\n\r\n{"method_name": "info"}'
    for _number in range(150):
        bad = bytearray(good)
        for _change in range(noise.randrange(1, 12)):
            bad[noise.randrange(len(bad))] = noise.randrange(256)
        answer = b""
        with socket.create_connection((host, int(port)), timeout=GUARD) as connection, _parting():
            connection.sendall(bytes(bad[: noise.randrange(1, len(bad) + 1)]))
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(65536)

        assert b" 500 " not in answer.partition(b"\r\n")[0]

    assert lives(site)


def test_open_connections_that_say_nothing_do_not_block(site):
    """
    Many clients that connect and say nothing, or half a request, do not keep others from being served.
    """
    host, port = site.url.split("//")[1].split(":")
    with contextlib.ExitStack() as stack:
        for number in range(100):
            connection = stack.enter_context(socket.create_connection((host, int(port)), timeout=GUARD))
            if number % 2:
                connection.sendall(b"POST /api3/json HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")

        assert lives(site)


@pytest.mark.parametrize(("host", "warns"), [("127.0.0.1", False), ("localhost", False), ("0.0.0.0", True)])
def test_site_warns_when_others_reach_it(caplog, host, warns):
    """
    A site listens on this machine only, unless it is told otherwise; then it says so.
    """
    with caplog.at_level(logging.WARNING), LocalSite(host=host) as site:
        assert lives(site)

    assert any("every machine that reaches that address" in record.message for record in caplog.records) == warns


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_site_on_ipv6(host):
    """
    A site on an IPv6 address names itself with brackets, and the official client reaches it by that address.
    """
    site = LocalSite(host=host)
    try:
        site.start()
    except OSError:
        pytest.skip("this machine has no IPv6")
    try:
        assert re.fullmatch(r"http://\[::1\]:\d+", site.url)
        assert shotgun_api3.Shotgun(site.url, site.script_name, site.api_key).find("Project", []) == []
    finally:
        site.stop()


def test_a_site_in_the_foreground_checks_for_signals(monkeypatch):
    """
    A site in the foreground waits in short intervals, because on Windows a signal does not interrupt a wait.
    """
    from queue import SimpleQueue

    from sgextended.localsite.server import local_site as server

    monkeypatch.setattr(server, "_SIGNAL_CHECK_SECONDS", 0.001)
    signals = SimpleQueue()

    assert server._was_signalled(signals) is False
    signals.put(2)
    assert server._was_signalled(signals) is True
