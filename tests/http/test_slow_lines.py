"""
Sending on slow lines: each piece has read_timeout, all of them together have only the deadline.
"""

import re
import socket
import time

import pytest
from fix_native import AT_ONCE, make_client
from fix_servers import GUARD, ScriptedSite, page, read_request, results
from fix_transfers import MediaSite, Storage, client_of

from sgextended import OutcomeUnknown, RetryPolicy, SGExtended, TransportError, TransportTimeout

ONE_TRY = RetryPolicy(attempts=1)
SHORT = 0.3
ROWS = 30
SMALL = 32_768  # bytes: the size of the buffers
LARGE = "x" * 40_000  # of each row: 1.2 million bytes, more than the buffers of both ends take


@pytest.fixture(autouse=True)
def small_buffers(monkeypatch):
    """
    The system's buffers are small on the client's side too, so that what is sent is soon what the server has taken.
    """
    connect = socket.socket.connect

    def connect_small(sock, address):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
        return connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", connect_small)


class SlowReader:
    """
    A server whose connections take *rate* bytes a second once they are large requests; 0: nothing but the head.
    """

    def slow_down(self, rate):
        self.rate = rate
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        return self

    def converse(self, sock, number):
        server = self

        class Stream:
            def __init__(self):
                self.file = sock.makefile("rb", buffering=4096)
                self.readline = self.file.readline

            def read(self, size):
                if size < 500_000:
                    return self.file.read(size)
                if not server.rate:
                    server.hang()
                    raise OSError
                body = bytearray()
                while len(body) < size:
                    body += self.file.read(min(32_768, size - len(body)))
                    if server.stopping.wait(32_768 / server.rate):
                        raise OSError
                return bytes(body)

        stream = Stream()
        while True:
            request = read_request(stream, number)
            if request is None:
                return
            self.requests.append(request)
            sock.sendall(self.handler(request))


class SlowSite(SlowReader, ScriptedSite):
    pass


class SlowMediaSite(SlowReader, MediaSite):
    pass


class SlowStorage(SlowReader, Storage):
    pass


@pytest.fixture(params=[False, True], ids=["http", "https"])
def make_slow(request, make_server, authority):
    """
    Makes a site that reads so slowly, and a client of it.
    """

    def make(rate, **settings):
        tls = authority.server_context if request.param else None
        made = iter([[{"type": "Shot", "id": number} for number in range(ROWS)]] * 9)
        site = make_server(kind=SlowSite, tls=tls, batch=lambda _request: results(next(made)), read=page())
        settings = {"retry": ONE_TRY, "ca_file": authority.ca_file if tls else None, **settings}
        client = make_client(site.slow_down(rate), **settings)
        client.server_caps  # noqa: B018 - requested here, so that the connection is open
        return site, client

    return make


def send_much(client):
    data = {"description": LARGE}
    return client.batch([{"request_type": "create", "entity_type": "Shot", "data": data} for _ in range(ROWS)])


def test_a_large_batch_takes_its_time(make_slow):
    """
    A large request on a slow line succeeds, although it takes longer than the limits for connecting and for a wait.
    """
    site, client = make_slow(1_300_000, connect_timeout=SHORT, read_timeout=SHORT * 2, call_timeout=4 * GUARD)
    begin = time.monotonic()

    assert len(send_much(client)) == ROWS
    assert time.monotonic() - begin > SHORT * 2  # else the test does not show anything
    assert len(site.sent("batch")) == 1
    assert client.find("Shot", []) == []


def test_a_reader_that_stops_is_named(make_slow):
    """
    A server that takes no more bytes for read_timeout ends the request. The message says that it was sending.
    """
    site, client = make_slow(0, read_timeout=SHORT, connect_timeout=60)
    begin = time.monotonic()

    with pytest.raises(TransportTimeout, match=re.compile("sending", re.IGNORECASE)) as caught:
        send_much(client)

    assert not caught.value.sent
    assert not isinstance(caught.value, OutcomeUnknown)
    assert time.monotonic() - begin < GUARD
    assert site.sent("batch") == []


@pytest.mark.parametrize("rate", [0, 1_000_000], ids=["stopped", "slow"])
def test_the_deadline_ends_sending(make_slow, rate):
    """
    A deadline ends a request that is being sent, to a reader that stopped and to a slow one; no outcome is unknown.
    """
    site, client = make_slow(rate, read_timeout=60, connect_timeout=60, retry=AT_ONCE)
    begin = time.monotonic()

    with pytest.raises(TransportTimeout, match=f"{SHORT} s") as caught, SGExtended(client).deadline(SHORT):
        send_much(client)

    assert time.monotonic() - begin < GUARD
    assert not caught.value.sent
    assert not isinstance(caught.value, OutcomeUnknown)
    assert site.sent("batch") == []


@pytest.mark.parametrize("to_storage", [False, True], ids=["form", "storage"])
def test_an_upload_takes_its_time(make_server, make_file, to_storage):
    """
    A file is uploaded on a slow line, although it takes longer than the limit for connecting.
    """
    storage = make_server(kind=SlowStorage).slow_down(1_500_000) if to_storage else None
    site = make_server(kind=SlowMediaSite, storage=storage).slow_down(1_500_000)
    sg = client_of(site, connect_timeout=SHORT, read_timeout=SHORT * 2, retry=ONE_TRY)

    assert sg.upload("Version", 12, make_file(content=b"x" * 1_500_000)) == (80 if to_storage else 77)


@pytest.mark.parametrize("to_storage", [False, True], ids=["form", "storage"])
def test_an_upload_to_a_reader_that_stops_is_named(make_server, make_file, to_storage):
    """
    A server that takes no more bytes of a file for read_timeout ends the upload. The message says that it was sending.
    """
    storage = make_server(kind=SlowStorage).slow_down(0) if to_storage else None
    site = make_server(kind=SlowMediaSite, storage=storage).slow_down(0)
    sg = client_of(site, connect_timeout=60, read_timeout=SHORT, retry=ONE_TRY)

    with pytest.raises(TransportError, match=re.compile("sending", re.IGNORECASE)) as caught:
        sg.upload("Version", 12, make_file(content=b"x" * 1_500_000))

    assert not caught.value.sent
