"""
Responses of servers that keep to HTTP loosely, and bytes that come after a response.
"""

import json
import socket

import pytest
from fix_http import find_by_id, own_record, wanted_id
from fix_native import make_client
from fix_servers import ScriptedServer, ScriptedSite, http_reply, results

from sgextended import HTTPStatusError, RetryPolicy, TransportError

ONE_TRY = RetryPolicy(attempts=1)

each_scheme = pytest.mark.parametrize("scheme", ["http", "https"])


@pytest.fixture
def make_of(make_server, authority):
    """
    Makes a server of one kind and scheme, and a client of it.
    """

    def make(scheme, kind=ScriptedSite, *args, **answers):
        server = make_server(*args, kind=kind, tls=authority.server_context if scheme == "https" else None, **answers)
        return server, make_client(server, ca_file=authority.ca_file, retry=ONE_TRY)

    return make


@each_scheme
def test_no_call_gets_what_came_after_another_response(make_of, scheme):
    """
    A server sends a second response with the end of the first one. The next call gets its own record.

    TLS may have received such bytes already while the socket shows nothing to read.
    """

    def read(request):
        head, end, body = own_record(request).partition(b"\r\n\r\n")
        other = http_reply(json.dumps({"results": {"entities": [{"type": "Shot", "id": 999}]}}).encode())
        return iter((head + end, body + other))

    server, client = make_of(scheme, read=read)

    assert [find_by_id(client, number) for number in (1, 2, 3)] == [1, 2, 3]
    assert server.connections == 3  # at the least: none is used again


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"HTTP/1.1 200 OK", b"HTTP/1.1  200  OK"),
        (b"content-type:", b"transfer-encoding: identity\r\ncontent-type:"),
    ],
    ids=["two blanks", "identity"],
)
def test_what_the_official_client_reads_is_read(make_site_server, old, new):
    """
    Two blanks in the first line, and the old name for no transfer encoding, do no harm.
    """
    server = make_site_server(read=lambda request: own_record(request).replace(old, new))
    client = make_client(server)

    assert [find_by_id(client, number) for number in (1, 2)] == [1, 2]
    assert server.connections == 1


def test_a_length_that_no_response_has_is_refused(make_site_server):
    """
    A length with thousands of digits, which Python refuses to read, is an error of the connection.
    """
    head = b"HTTP/1.1 200 OK\r\ncontent-length: " + b"9" * 5000 + b"\r\n\r\n"
    server = make_site_server(read=lambda request: head if wanted_id(request) == 1 else own_record(request))
    client = make_client(server, retry=ONE_TRY)

    with pytest.raises(TransportError, match="garbled"):
        find_by_id(client, 1)
    assert find_by_id(client, 2) == 2


def test_status_204_with_a_body_ends_the_connection(make_site_server):
    """
    Status 204 has no body. Where its head announces one, the connection is not used again.
    """
    head = b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n"
    server = make_site_server(read=lambda request: head if wanted_id(request) == 1 else own_record(request))
    client = make_client(server, retry=ONE_TRY)

    with pytest.raises(TransportError):
        find_by_id(client, 1)
    assert find_by_id(client, 2) == 2
    assert server.connections == 2


class TooLarge(ScriptedServer):
    """
    Refuses a request before it has read the body, and closes the connection.
    """

    def converse(self, sock, _number):
        sock.recv(100)
        sock.sendall(http_reply(b"too much", status=413, headers={"connection": "close"}))
        sock.shutdown(socket.SHUT_WR)


@each_scheme
def test_why_a_server_reads_no_more_is_told(make_of, scheme):
    """
    A server answers with status 413 while the request is sent, and closes the connection. The error has the status.
    """
    _server, client = make_of(scheme, TooLarge, None)

    with pytest.raises(HTTPStatusError, match="413"):
        client._call_rpc("create", {"text": "x" * 20_000_000}, first=True)


def test_a_reason_is_not_what_the_caller_was_handling(make_server, unused_port, make_site_server):
    """
    A call in an ``except`` block fails. Its error names its own reason, and not that of the error before.
    """
    proxy = make_server(lambda _request: results(None))
    proxy.converse = lambda sock, _number: (sock.recv(1000), sock.sendall(http_reply(status=502)))
    client = make_client(make_site_server(), url="https://127.0.0.1:1", proxy=f"127.0.0.1:{proxy.port}", retry=ONE_TRY)

    try:
        [].pop()
    except IndexError:
        with pytest.raises(TransportError, match="502"):
            client.info()
