"""
Where a response ends: what is cut off is refused, what is whole is accepted, and no byte is left for the next call.
"""

import gzip
import json
import threading
import zlib

import pytest
import shotgun_api3
from fix_http import find_by_id, own_record, wanted_id
from fix_native import make_client
from fix_servers import GUARD, Last, ScriptedSite, http_reply, page, results
from fix_transfers import MediaSite, Storage, client_of, text

from sgextended import OutcomeUnknown, RetryPolicy, TransportError, TransportTimeout

ONE_TRY = RetryPolicy(attempts=1)
OLD = b"the file that was there before"
FILE = bytes(range(256)) * 20
SHOT = {"type": "Shot", "id": 7}
FOUND = json.dumps({"results": page(SHOT)}).encode()
MADE = json.dumps({"results": SHOT}).encode()

has_export = pytest.mark.skipif(
    not hasattr(shotgun_api3.Shotgun, "export_page"), reason="this shotgun_api3 exports no pages"
)


def request_head(*lines, version="1.1"):
    """
    Return the head of a response with these header lines and no others.
    """
    return "\r\n".join([f"HTTP/{version} 200 OK", *lines, "", ""]).encode()


def chunked(body, size=400, *, extension="", trailers=()):
    """
    Return a body in chunks.
    """
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    parts = [f"{len(chunk):x}{extension}\r\n".encode() + chunk + b"\r\n" for chunk in chunks]
    return b"".join([*parts, f"0{extension}\r\n".encode(), *(f"{line}\r\n".encode() for line in trailers), b"\r\n"])


# --- Each kind of request


class Find:
    """
    A find on a scripted site.
    """

    content, body = "application/json", FOUND

    def __init__(self, make_server, make_file, tmp_path, reply):
        self.server = make_server(kind=ScriptedSite, **{self.rpc: lambda _request: reply()})
        self.client = make_client(self.server, retry=ONE_TRY)

    rpc = "read"

    def run(self):
        return self.client.find_one("Shot", [])

    def check_failed(self, error):
        assert error.sent

    expected = SHOT


class Create(Find):
    """
    A create on a scripted site.
    """

    body, rpc = MADE, "create"

    def run(self):
        return self.client.create("Shot", {"code": "a"})

    def check_failed(self, error):
        assert isinstance(error, OutcomeUnknown)


class Export(Find):
    """
    An export of a page, as comma-separated values.
    """

    content, body, rpc = "text/csv", b"Id,Name\n7,sh010\n8,sh020\n", "export_page"
    expected = body

    def run(self):
        return self.client.export_page(1, "csv")


class Upload:
    """
    An upload by form.
    """

    content, body, expected = "text/plain", b"1:77\n", 77

    def __init__(self, make_server, make_file, tmp_path, reply):
        self.server = make_server(kind=MediaSite, upload_file=lambda _request: reply())
        self.client, self.file = client_of(self.server, retry=ONE_TRY), make_file()

    def run(self):
        return self.client.upload("Version", 12, self.file)

    def check_failed(self, error):
        assert error.sent


class Download:
    """
    A download over a file that is there already.
    """

    content, body, expected = "application/octet-stream", FILE, FILE

    def __init__(self, make_server, make_file, tmp_path, reply):
        self.server = make_server(kind=MediaSite, **{"7": lambda _request: reply()})
        self.client, self.target = client_of(self.server, retry=ONE_TRY), tmp_path / "downloads" / "take.mov"
        self.target.parent.mkdir()
        self.target.write_bytes(OLD)

    def run(self):
        self.client.download_attachment(7, str(self.target))
        return self.target.read_bytes()

    def check_failed(self, error):
        assert [path.read_bytes() for path in self.target.parent.iterdir()] == [OLD]


USES = [Find, Create, pytest.param(Export, marks=has_export), Upload, Download]


@pytest.fixture(params=USES, ids=lambda use: use.__name__.lower())
def use(request):
    """
    One kind of request.
    """
    return request.param


@pytest.fixture
def make_use(use, make_server, make_file, tmp_path):
    """
    Makes a request to a server that gives each of *replies* once.
    """

    def make(*replies):
        left = list(replies)
        return use(make_server, make_file, tmp_path, lambda: left.pop(0))

    return make


def fails(asking):
    """
    Check that the request fails as one whose response was cut off.
    """
    with pytest.raises((TransportError, shotgun_api3.ShotgunFileDownloadError)) as caught:
        asking.run()
    asking.check_failed(caught.value)
    assert not isinstance(caught.value, TransportTimeout)


# --- What is cut off


def test_a_body_without_any_length_is_cut_off(use, make_use):
    """
    HTTP/1.1 without length, chunks and Connection: close does not tell where the body ends, so its end is a failure.
    """
    head = request_head(f"Content-Type: {use.content}")

    fails(make_use(Last(head + use.body)))


def test_a_head_that_ends_early_is_cut_off(use, make_use):
    """
    A connection that ends within the head of a response is a failure, at each of its bytes.
    """
    head = request_head(f"Content-Type: {use.content}", f"Content-Length: {len(use.body)}")
    asking = make_use(*(Last(head[:size]) for size in range(len(head))))

    for _ in head:
        fails(asking)


def test_a_head_that_ends_early_is_cut_off_although_the_connection_is_to_close(use, make_use):
    """
    The same holds where an early Connection: close would make a body without length whole.
    """
    head = request_head("Connection: close", f"Content-Type: {use.content}")
    asking = make_use(*(Last(head[:size]) for size in range(len(head))))

    for _ in head:
        fails(asking)


def test_a_body_that_is_shorter_than_its_length_is_cut_off(use, make_use):
    """
    A body that lacks its last byte is a failure.
    """
    head = request_head(f"Content-Type: {use.content}", f"Content-Length: {len(use.body)}")

    fails(make_use(Last(head + use.body[:-1])))


def test_chunks_that_end_early_are_cut_off(use, make_use):
    """
    A body in chunks is a failure at each byte before its last chunk, also where all content has come.
    """
    head = request_head(f"Content-Type: {use.content}", "Transfer-Encoding: chunked")
    size = max(20, len(use.body) // 2)
    body = chunked(use.body, size)
    sizes = range(len(body) - 2) if len(body) < 200 else [0, 1, size, *range(len(body) - 12, len(body) - 2)]
    asking = make_use(*(Last(head + body[:size]) for size in sizes))

    for _ in sizes:
        fails(asking)


def test_chunks_without_a_size_are_refused(use, make_use):
    """
    A chunk whose size is no number is a failure.
    """
    head = request_head(f"Content-Type: {use.content}", "Transfer-Encoding: chunked")
    asking = make_use(*(Last(head + size + b"\r\n" + use.body + b"\r\n0\r\n\r\n") for size in (b"xyz", b"", b"-5")))

    for _ in range(3):
        fails(asking)


@pytest.mark.parametrize("missing", [1, 8, 30])
def test_compressed_content_that_is_cut_off_is_refused(make_site_server, missing):
    """
    A gzip stream without its end is a failure, although the length is right; its connection is closed.
    """

    def read(request):
        whole = own_record(request).partition(b"\r\n\r\n")[2]
        packed = gzip.compress(whole)
        if wanted_id(request) == 1:
            packed = packed[:-missing]
        return http_reply(packed, headers={"content-encoding": "gzip"})

    client = make_client(make_site_server(read=read), retry=ONE_TRY)

    with pytest.raises(TransportError) as caught:
        find_by_id(client, 1)

    assert caught.value.sent
    assert find_by_id(client, 2) == 2


# --- What is whole


@pytest.mark.parametrize(
    ("version", "lines"),
    [("1.1", ["Connection: close"]), ("1.1", ["connection: Close"]), ("1.0", [])],
    ids=["close", "lower case", "HTTP/1.0"],
)
def test_a_body_that_ends_with_its_connection_is_whole(use, make_use, version, lines):
    """
    With Connection: close, and over HTTP/1.0, the end of the connection is the end of the body.
    """
    head = request_head(*lines, f"Content-Type: {use.content}", version=version)
    asking = make_use(*[Last(head + use.body)] * 2)

    assert [asking.run(), asking.run()] == [use.expected] * 2


@pytest.mark.parametrize("extension", ["", ";name=value", ' ; quoted="a b"'])
@pytest.mark.parametrize("trailers", [(), ("X-Checksum: 1", "X-More: 2")], ids=["", "trailers"])
def test_chunks_with_extensions_and_trailers_are_whole(use, make_use, extension, trailers):
    """
    Extensions of chunks and trailers after them are read past, and the connection is used again.
    """
    head = request_head(f"Content-Type: {use.content}", "Transfer-Encoding: chunked")
    reply = head + chunked(use.body, extension=extension, trailers=trailers)
    asking = make_use(reply, reply)

    assert [asking.run(), asking.run()] == [use.expected] * 2
    assert asking.server.connections == 1


def test_a_head_with_bare_line_feeds_is_accepted(use, make_use):
    """
    Lines of a head may end with LF alone; the connection is used again.
    """
    head = request_head(f"Content-Type: {use.content}", f"Content-Length: {len(use.body)}").replace(b"\r\n", b"\n")
    asking = make_use(head + use.body, head + use.body)

    assert [asking.run(), asking.run()] == [use.expected] * 2
    assert asking.server.connections == 1


def test_a_folded_header_is_accepted(use, make_use):
    """
    A header that continues in the next line is one header, and the headers after it count.
    """
    head = request_head("X-Trace: a,", " b,", "\tc", f"Content-Type: {use.content}", f"Content-Length: {len(use.body)}")
    asking = make_use(head + use.body, head + use.body)

    assert [asking.run(), asking.run()] == [use.expected] * 2
    assert asking.server.connections == 1


def test_the_same_length_twice_is_accepted(use, make_use):
    """
    Two equal Content-Length headers are one.
    """
    length = f"Content-Length: {len(use.body)}"
    head = request_head(length, f"Content-Type: {use.content}", length)
    asking = make_use(head + use.body, head + use.body)

    assert [asking.run(), asking.run()] == [use.expected] * 2
    assert asking.server.connections == 1


@pytest.mark.parametrize("right_first", [True, False])
def test_two_different_lengths_are_refused(use, make_use, right_first):
    """
    Two different Content-Length headers do not tell where the body ends: the request fails, its connection is closed.
    """
    lengths = [f"Content-Length: {len(use.body) - less}" for less in ((0, 1) if right_first else (1, 0))]
    head = request_head(f"Content-Type: {use.content}", *lengths)
    whole = request_head(f"Content-Type: {use.content}", f"Content-Length: {len(use.body)}") + use.body
    asking = make_use(head + use.body, whole)

    fails(asking)
    assert asking.run() == use.expected
    assert asking.server.connections == 2


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body)[2:-4]),
        ("identity", bytes),
    ],
    ids=["gzip", "deflate", "deflate without its header", "identity"],
)
@pytest.mark.parametrize("in_chunks", [False, True], ids=["length", "chunks"])
def test_compressed_calls_are_unpacked(make_site_server, coding, pack, in_chunks):
    """
    A call unpacks gzip and deflate, with a length and in chunks, and its connection is used again.
    """

    def read(request):
        packed = pack(own_record(request).partition(b"\r\n\r\n")[2])
        lines = ["Content-Type: application/json", f"Content-Encoding: {coding}"]
        if in_chunks:
            return request_head(*lines, "Transfer-Encoding: chunked") + chunked(packed, 10)
        return request_head(*lines, f"Content-Length: {len(packed)}") + packed

    server = make_site_server(read=read)
    client = make_client(server, retry=ONE_TRY)

    assert [find_by_id(client, number) for number in (1, 2, 3)] == [1, 2, 3]
    assert server.connections == 1


def test_a_status_without_body_needs_no_length(make_server, make_file, small_parts):
    """
    Status 204 has no body, so storage may answer with it and no length, and the connection is used again.
    """
    etag = b'HTTP/1.1 204 No Content\r\nETag: "1"\r\n\r\n'
    storage = make_server(kind=Storage, refuse=lambda _request: etag)
    site = make_server(kind=MediaSite, storage=storage)

    assert client_of(site, connections=1, retry=ONE_TRY).upload("Version", 12, make_file(content=b"x" * 250_000)) == 80
    assert storage.connections == 1


# --- What is too long


def test_bytes_after_a_body_close_the_connection(make_site_server):
    """
    A server that sends more than the length says cannot be trusted: the connection is not used again.
    """
    extra = results(page({"type": "Shot", "id": 666}))
    server = make_site_server(read=lambda request: own_record(request) + extra)
    client = make_client(server, retry=ONE_TRY)

    assert [find_by_id(client, number) for number in (1, 2, 3)] == [1, 2, 3]
    assert [request.connection for request in server.sent("read")][1:] == [2, 3]


def test_bytes_that_follow_later_close_the_connection(make_site_server):
    """
    The same holds for bytes that come between two calls.
    """
    extra, may_follow, followed = results(page({"type": "Shot", "id": 666})), threading.Event(), threading.Event()

    def read(request):
        yield own_record(request)
        if wanted_id(request) == 1:
            assert may_follow.wait(GUARD)
            yield extra
            followed.set()

    server = make_site_server(read=read)
    client = make_client(server, retry=ONE_TRY)
    first = find_by_id(client, 1)
    may_follow.set()
    assert followed.wait(GUARD)

    assert [first, find_by_id(client, 2), find_by_id(client, 3)] == [1, 2, 3]
    assert len({request.connection for request in server.sent("read")}) == 2


def test_bytes_after_the_body_of_a_form_close_the_connection(make_server, make_file):
    """
    The same holds for forms.
    """
    site = make_server(kind=MediaSite, upload_file=lambda _request: text("1:77\n") + text("1:666\n"))
    sg = client_of(site, retry=ONE_TRY)

    assert [sg.upload("Version", 12, make_file()) for _ in range(2)] == [77, 77]
    first, second = (request.connection for request in site.sent("upload_file"))
    assert first != second
