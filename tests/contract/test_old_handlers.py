"""
Handlers that were written for the official client catch what ours raises, or docs/differences.md says what to write.

Both clients have the same failure. Each class of the official exception is a base of ours, or the failure is in the
table of the page, whose last column catches ours.
"""

import http.client
import json
import pickle
import re
import socket
import ssl
import struct
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import pytest
import shotgun_api3
from fix_native import AT_ONCE
from fix_servers import HANG, Last, ScriptedServer, ScriptedSite, http_reply, page, results

import sgextended
from sgextended import SGExtended, Site

DOCS = Path(__file__).parents[2] / "docs" / "differences.md"
HEADING = "## Exceptions with another class"
JSON = {"content-type": "application/json"}
WHOLE = results(page({"type": "Shot", "id": 1}))
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")

REPLIES: Dict[str, Any] = {
    "closed": None,
    "cut off in its body": Last(WHOLE[:-20]),
    "cut off in its first line": Last(b"HTTP/1.1 2"),
    "cut off in its head": Last(b"HTTP/1.1 200 OK\r\ncontent-ty"),
    "cut off in a chunk": Last(HEAD + b"transfer-encoding: chunked\r\n\r\n50\r\nabc"),
    "bad chunk": Last(HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\nabc"),
    "bad first line": Last(b"garbage\r\n\r\n"),
    "long header": Last(b"HTTP/1.1 200 OK\r\nx: " + b"a" * 70000 + b"\r\n\r\n"),
    "many headers": Last(b"HTTP/1.1 200 OK\r\n" + b"x: a\r\n" * 200 + b"\r\n"),
    "bad length": Last(HEAD + b"content-length: x\r\n\r\n{}"),
    "bad compression": http_reply(b"no gzip", headers={**JSON, "content-encoding": "gzip"}),
    "truncated JSON": http_reply(b'{"results": {"entities": [', headers=JSON),
    "not UTF-8": http_reply(b'{"results": "\xff\xfe"}', headers=JSON),
    "empty": http_reply(headers=JSON),
    "web page": http_reply(b"<html>", headers={"content-type": "text/html"}),
    "plain text": http_reply(b"hello", headers={"content-type": "text/plain"}),
    "no results": http_reply(b"{}", headers=JSON),
    "results are null": http_reply(b'{"results": null}', headers=JSON),
    "a list": http_reply(b"[]", headers=JSON),
    "303 without location": http_reply(status=303),
    **{
        f"status {status}": http_reply(b"x", status=status, headers={"location": "/x"} if status < 400 else {})
        for status in (300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 408, 413, 429, 500, 501, 502, 503, 504)
    },
}
CALLS: Dict[str, Callable[[Any], Any]] = {
    "find": lambda sg: sg.find("Shot", []),
    "create": lambda sg: sg.create("Shot", {"code": "a"}),
    "update": lambda sg: sg.update("Shot", 1, {"code": "a"}),
}


def error_of(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - compared by class
        return error


def missed_by(official: Any, ours: Any) -> List[str]:
    """
    Return the classes of the official exception that ours has not.
    """
    if not isinstance(official, Exception):
        return []
    assert isinstance(ours, Exception), f"{official!r} became the result {ours!r}"
    general = {object, BaseException, Exception}
    return [each.__name__ for each in type(official).__mro__ if each not in general and not isinstance(ours, each)]


def rows_of_docs() -> List[Tuple[str, str, str]]:
    """
    Return the cells of the table in the docs: official classes, our classes, the line to write.
    """
    text = DOCS.read_text(encoding="utf-8").partition(HEADING)[2].partition("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [(official, ours, line) for _failure, official, ours, line in cells[1:]]


def check(official: Any, ours: Any) -> None:
    """
    Check that an old handler catches our exception, or that the docs have a line that does.
    """
    if isinstance(ours, sgextended.SGExtendedError):
        copy = pickle.loads(pickle.dumps(ours))
        kept = {name: value for name, value in vars(ours).items() if name != "sent_tick"}  # of this process's clock
        assert (type(copy), str(copy), vars(copy)) == (type(ours), str(ours), kept)
        assert repr(ours) == f"{type(ours).__name__}({str(ours)!r})"
    missed = missed_by(official, ours)
    if not missed:
        return
    names = {"shotgun_api3": shotgun_api3, "sgextended": sgextended, "ssl": ssl, **vars(sgextended)}
    matching = [
        row
        for row in rows_of_docs()
        if f"`{type(official).__name__}`" in row[0] and f"`{type(ours).__name__}`" in row[1]
    ]
    assert matching, f"{type(official).__name__} is not caught as {type(ours).__name__}, by {missed}"
    for row in matching:
        assert isinstance(ours, eval(re.fullmatch(r"`except (.+):`", row[2]).group(1), names))


def both(url: str, call: Callable[[Any], Any], **options: Any) -> Tuple[Any, Any]:
    """
    Return what a call through each client raises or returns.
    """

    def official() -> Any:
        sg = shotgun_api3.Shotgun(url, "robot", "key", connect=False, **options)
        sg.config.rpc_attempt_interval = sg.BACKOFF = 0
        try:
            return call(sg)
        finally:
            sg.close()

    def ours() -> Any:
        site = Site(
            url=url,
            script_name="robot",
            api_key="key",
            retry=AT_ONCE,
            proxy=options.get("http_proxy"),
            ca_file=options.get("ca_certs"),
        )
        return call(SGExtended(site=site))

    return error_of(official), error_of(ours)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("reply", REPLIES)
def test_broken_response(make_server, reply, call):
    """
    A server that breaks off, garbles its response or refuses it.
    """
    answers = dict.fromkeys(("read", "create", "update"), lambda _request: REPLIES[reply])
    server = make_server(kind=ScriptedSite, **answers)

    check(*both(server.url, CALLS[call]))


@pytest.mark.parametrize("call", CALLS)
def test_reset(make_server, call):
    """
    A connection that is reset when the request has arrived.
    """

    def reset(_request):
        for sock in server._open:
            if sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    server = make_server(kind=ScriptedSite, read=reset, create=reset, update=reset)

    check(*both(server.url, CALLS[call]))


def test_read_timeout(make_server):
    """
    A server that does not respond in time.
    """
    server = make_server(lambda _request: HANG)

    def call(sg):
        sg.config.timeout_secs, sg.config.max_rpc_attempts = 0.05, 1
        return sg.info()

    official, ours = both(server.url, call)

    assert isinstance(official, socket.timeout)
    check(official, ours)


@pytest.fixture
def no_names(monkeypatch):
    """
    A machine that knows no names.
    """
    resolve = socket.getaddrinfo

    def fail(host, *args, **kwargs):
        if "example" in str(host):
            return resolve(host, None, flags=socket.AI_NUMERICHOST)  # which fails without a request to a name server
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", fail)


@pytest.mark.filterwarnings("ignore:.*plain http")
@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("http://unknown.example", {}),
        ("https://unknown.example", {}),
        ("http://127.0.0.1:1", {"http_proxy": "unknown.example:80"}),
        ("http://127.0.0.1:1", {}),
        ("http://127.0.0.1:1", {"http_proxy": "127.0.0.1:1"}),
        ("https://127.0.0.1:1", {"http_proxy": "127.0.0.1:1"}),
        ("http://a..b", {}),
    ],
)
def test_no_connection(no_names, url, options):
    """
    Names that are unknown or not valid, and ports where nothing listens, with and without a proxy.
    """
    check(*both(url, CALLS["find"], **options))


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("status", [403, 407, 502])
def test_proxy_refuses(make_server, scheme, status):
    """
    A proxy that does not connect.
    """
    proxy = make_server(lambda _request: http_reply(b"no", status=status))

    check(*both(f"{scheme}://127.0.0.1:1", CALLS["find"], http_proxy=f"127.0.0.1:{proxy.port}"))


def test_certificate_is_not_trusted(make_server, authority):
    """
    The reason of OpenSSL is in the exception, as in the official one.
    """
    server = make_server(kind=ScriptedSite, tls=authority.server_context)

    official, ours = both(server.url, CALLS["find"])

    check(official, ours)
    assert (ours.verify_code, ours.verify_message) == (official.verify_code, official.verify_message)


def test_tls_fails(make_server, authority, tmp_path):
    """
    Certificate files that are missing or not valid, and a server without TLS.
    """
    server = make_server(kind=ScriptedSite, tls=authority.server_context)
    plain = make_server(kind=ScriptedSite)
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")

    check(*both(server.url, CALLS["find"], ca_certs=str(tmp_path / "missing.pem")))
    check(*both(server.url, CALLS["find"], ca_certs=str(broken)))
    check(*both(server.url, CALLS["find"], ca_certs=str(tmp_path)))
    check(*both(plain.url.replace("http:", "https:"), CALLS["find"]))


def test_server_speaks_tls(make_server, authority):
    """
    A plain request to a TLS server.
    """
    server = make_server(kind=ScriptedSite, tls=authority.server_context)

    check(*both(server.url.replace("https:", "http:"), CALLS["find"]))


def test_server_ends_the_handshake(make_server):
    """
    A server that closes the connection during the TLS handshake.
    """

    class Ending(ScriptedServer):
        def converse(self, sock, number):
            sock.recv(1 << 16)

    check(*both(make_server(None, kind=Ending).url.replace("http:", "https:"), CALLS["find"]))


def test_a_maintenance_page_is_a_protocol_error(make_server):
    """
    A handler that waits for the end of maintenance reads ``errcode`` of a create, too.
    """
    down = http_reply(b"down", status=503, headers={"retry-after": "900"})
    server = make_server(kind=ScriptedSite, create=lambda _request: down)

    _official, ours = both(server.url, CALLS["create"])

    assert isinstance(ours, (shotgun_api3.ProtocolError, sgextended.OutcomeUnknown))
    assert isinstance(ours, sgextended.OutcomeUnknown)
    assert (ours.errcode, ours.retry_after, ours.rpc, ours.data) == (503, 900.0, "create", {"code": "a"})
    assert pickle.loads(pickle.dumps(ours)).errcode == 503


@pytest.mark.parametrize(
    ("error_class", "official"),
    [
        (sgextended.ConnectionLost, ConnectionResetError),
        (sgextended.ConnectionLost, BrokenPipeError),
        (sgextended.BrokenResponse, http.client.HTTPException),
        (sgextended.InvalidJSON, json.JSONDecodeError),
        (sgextended.CertificateError, ssl.CertificateError),
        (sgextended.TransportTimeout, socket.timeout),
    ],
)
def test_attributes_of_the_official_class_can_be_read(error_class, official):
    """
    A handler may read the attributes that the official exception has.
    """
    error = error_class("why")
    names = {"msg", "doc", "pos", "lineno", "colno"} if official is json.JSONDecodeError else set()
    names |= {"partial", "expected", "line"} if official is http.client.HTTPException else set()
    names |= {"verify_code", "verify_message"} if official is ssl.CertificateError else set()

    assert isinstance(error, official)
    assert {name for name in names if hasattr(error, name)} == names
