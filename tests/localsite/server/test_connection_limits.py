"""
Connections that wait with half a request, or are too many, are closed, and the site serves others.
"""

import contextlib
import http.client
import socket

import pytest

from sgextended.localsite import LocalSite
from sgextended.localsite.server import connection_limits, listener
from sgextended.localsite.server.connection_limits import LimitedProtocol

GUARD = 20  # seconds after which a connection that stays open fails its test
BODY = b"POST /api3/json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{"
WHOLE = b'POST /api3/json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 23\r\n\r\n{"method_name": "info"}'


@pytest.fixture(scope="module")
def hasty():
    """
    A site that waits a fraction of a second for requests.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(connection_limits, "HEADER_SECONDS", 0.3)
        patched.setattr(connection_limits, "BODY_SECONDS", 0.3)
        patched.setattr(listener, "_CHECK_EVERY", 1)
        with LocalSite() as site:
            yield site


def opened(site):
    """
    Return a new connection to a site.
    """
    host, port = site.url.split("//")[1].split(":")
    return contextlib.closing(socket.create_connection((host, int(port)), timeout=GUARD))


def received(connection):
    """
    Return everything that the site sends until it closes the connection.
    """
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /api3/json HTTP/1.1\r\nX: ",
        BODY,
        BODY.replace(b"Content-Length: 50", b"Transfer-Encoding: chunked")[:-1] + b"1\r\n{\r\n",
        BODY.replace(b"POST /api3/json", b"POST /upload/upload_file"),
        WHOLE + b"GET / HT",
    ],
)
def test_half_a_request_is_refused(hasty, sent):
    """
    A connection on which the rest of a request does not come gets status 408 and is closed.
    """
    with opened(hasty) as connection:
        connection.sendall(sent)
        answer = received(connection)

    assert b"HTTP/1.1 408 Request Timeout\r\n" in answer
    assert answer.endswith(b"The request did not arrive in time. Send it again.\n")


def test_idle_connection_is_kept(hasty):
    """
    A connection between two requests is not closed by these limits.
    """
    connection = http.client.HTTPConnection(hasty.url.partition("//")[2], timeout=GUARD)
    with contextlib.closing(connection), opened(hasty) as other:
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        received(other)  # the time of a connection without any request is over
        kept = connection.sock
        connection.request("GET", "/healthz")

        assert connection.getresponse().status == 200
        assert connection.sock is kept


def test_slow_body_that_comes_is_taken(hasty, monkeypatch):
    """
    A body that takes longer than the time over which its speed is measured is taken if it is not too slow.
    """
    monkeypatch.setattr(connection_limits, "LEAST_BODY_BYTES", 1)
    with opened(hasty) as connection, opened(hasty) as other:
        connection.sendall(WHOLE[:-5])
        assert received(other).startswith(b"HTTP/1.1 408")
        connection.sendall(WHOLE[-5:])

        assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def test_oldest_idle_connection_makes_room(monkeypatch):
    """
    One connection too many closes the one that has been idle for the longest time; new ones are served.
    """
    with LocalSite() as site, contextlib.ExitStack() as stack:
        monkeypatch.setattr(LimitedProtocol, "most", 3)
        first, *others = [stack.enter_context(opened(site)) for _each in range(4)]

        assert received(first).startswith(b"HTTP/1.1 503 Service Unavailable")
        for connection in others:
            connection.sendall(WHOLE)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
