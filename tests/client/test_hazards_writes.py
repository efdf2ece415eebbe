"""
Writes that the official client has done twice, or gives up although nothing was done, and ours never.

The hazards are those of a study of shotgun_api3 3.10.3. The official client runs unchanged; only its waits are zero.
"""

import contextlib
import os
import threading

import pytest
import shotgun_api3
from fix_native import KEY, failing, make_client
from fix_servers import GUARD, Last, ScriptedSite, end, http_reply, read_request

from sgextended import OutcomeUnknown

# The official client leaves connections that broke to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

SHOT = {"type": "Shot", "id": 7}


def make_official(server, **settings):
    """
    Return the official client of a site, which does not wait between attempts.
    """
    client = shotgun_api3.Shotgun(server.url, "robot", KEY, **settings)
    client.BACKOFF = client.config.rpc_attempt_interval = 0
    return contextlib.closing(client)


class Breaking(ScriptedSite):
    """
    A site whose answers to the first creates are no TLS any more.
    """

    breaks = 2

    def converse(self, sock, number):
        with sock.makefile("rb") as stream:
            for request in iter(lambda: read_request(stream, number), None):
                self.requests.append(request)
                if request.rpc == "create" and len(self.sent("create")) <= self.breaks:
                    os.write(sock.fileno(), b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
                    return
                sock.sendall(self.handler(request))


# How the answer to a create is lost, and how often the official client then has it done.
LOST = {
    "closed": (lambda: failing(None, then=SHOT), 2),
    "502": (lambda: failing(http_reply(status=502), http_reply(status=502), then=SHOT), 3),
    "504": (lambda: failing(http_reply(status=504), http_reply(status=504), then=SHOT), 3),
}


@pytest.fixture(params=["http", "https"])
def make_losing(request, make_site_server, authority):
    """
    Makes a site, over http and over https, that does each create and answers so.
    """
    tls = authority.server_context if request.param == "https" else None
    return lambda answer: make_site_server(create=answer, tls=tls)


@pytest.fixture
def breaking(make_server, authority):
    """
    A site over TLS that breaks the connection after each of the first two creates.
    """
    return make_server(kind=Breaking, create=SHOT, tls=authority.server_context)


@pytest.mark.parametrize("advised", [False, True], ids=["", "one attempt"])
@pytest.mark.parametrize(("make_answer", "times"), LOST.values(), ids=LOST)
def test_official_client_has_a_create_done_again(make_losing, authority, make_answer, times, advised):
    """
    The official client sends a create again whose answer was lost, ``max_rpc_attempts = 1`` or not, and tells nobody.
    """
    server = make_losing(make_answer())
    with make_official(server, ca_certs=authority.ca_file) as sg:
        if advised:
            sg.config.max_rpc_attempts = 1
        created = sg.create("Shot", {"code": "sh010"})

    assert len(server.sent("create")) == times
    assert created == SHOT


def test_official_client_takes_a_reset_for_an_end(make_site_server, authority):
    """
    Over TLS many Pythons tell no reset from an end, so the official client sends a create again after that as well.
    """
    server = make_site_server(create=failing(Last(reset=True), then=SHOT), tls=authority.server_context)
    with make_official(server, ca_certs=authority.ca_file) as sg:
        try:
            sg.create("Shot", {"code": "sh010"})
        except ConnectionResetError:
            pytest.skip("this Python tells them apart")

    assert len(server.sent("create")) == 2


LOST_TOO = {
    "closed": None,
    "reset": Last(reset=True),
    "cut off": Last(http_reply(b"x" * 1000)[:-400]),
    "502": http_reply(status=502),
    "504": http_reply(status=504),
}


@pytest.mark.parametrize("failure", LOST_TOO.values(), ids=LOST_TOO)
def test_a_create_over_tls_is_done_once(make_site_server, authority, failure):
    """
    Ours sends a create once over TLS too, whichever way its answer is lost, and says that nobody knows.
    """
    server = make_site_server(create=failing(failure, then=SHOT), tls=authority.server_context)
    with pytest.raises(OutcomeUnknown):
        make_client(server, ca_file=authority.ca_file).create("Shot", {"code": "sh010"})

    assert len(server.sent("create")) == 1


def test_official_client_has_a_create_done_again_after_an_error_of_tls(breaking, authority):
    """
    The official client sends any call three times when TLS breaks, also after the site has done it.
    """
    with make_official(breaking, ca_certs=authority.ca_file) as sg:
        created = sg.create("Shot", {"code": "sh010"})

    assert len(breaking.sent("create")) == 3
    assert created == SHOT


def test_a_create_is_done_once_when_tls_breaks(breaking, authority):
    """
    Ours sends a create once, also when TLS breaks instead of an answer.
    """
    with pytest.raises(OutcomeUnknown, match="TLS"):
        make_client(breaking, ca_file=authority.ca_file).create("Shot", {"code": "sh010"})

    assert len(breaking.sent("create")) == 1


# --- A kept connection that died


class Resetting(ScriptedSite):
    """
    A site that resets the first connection after it answered a read on it, when it is told to.
    """

    def __init__(self, **options):
        self._go, self._gone = threading.Event(), threading.Event()
        super().__init__(**options)

    def converse(self, sock, number):
        with sock.makefile("rb") as stream:
            for request in iter(lambda: read_request(stream, number), None):
                self.requests.append(request)
                sock.sendall(self.handler(request))
                if (request.rpc, number) == ("read", 1):
                    self._go.wait(GUARD)
                    end(sock, Last(reset=True))
                    self._gone.set()
                    return

    def reset_idle_connection(self):
        self._go.set()
        assert self._gone.wait(GUARD)


def test_official_client_raises_where_nothing_was_sent(make_server):
    """
    The official client's create fails on a connection that died while idle, although the site never saw it.
    """
    server = make_server(kind=Resetting, create=SHOT)
    with make_official(server) as sg:
        sg.find("Shot", [])
        server.reset_idle_connection()
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            sg.create("Shot", {"code": "sh010"})

    assert server.sent("create") == []


@pytest.mark.parametrize("tls", [False, True])
def test_a_create_goes_around_a_dead_connection(make_server, authority, tls):
    """
    Ours finds that the idle connection died before it sends anything, and the create is done, once.
    """
    server = make_server(kind=Resetting, create=SHOT, tls=authority.server_context if tls else None)
    client = make_client(server, ca_file=authority.ca_file)
    client.find("Shot", [])
    server.reset_idle_connection()

    assert client.create("Shot", {"code": "sh010"}) == SHOT
    assert [request.connection for request in server.sent("create")] == [2]


def test_a_read_is_repeated_when_tls_breaks_under_it(make_server, authority):
    """
    What is no TLS in the middle of a connection is a lost answer, not an address that does not speak TLS.
    """

    class BreakingReads(Breaking):
        def converse(self, sock, number):
            with sock.makefile("rb") as stream:
                for request in iter(lambda: read_request(stream, number), None):
                    self.requests.append(request)
                    if request.rpc == "read" and len(self.sent("read")) == 1:
                        os.write(sock.fileno(), b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
                        return
                    sock.sendall(self.handler(request))

    server = make_server(kind=BreakingReads, tls=authority.server_context)

    assert make_client(server, ca_file=authority.ca_file).find("Shot", []) == []
    assert len(server.sent("read")) == 2
