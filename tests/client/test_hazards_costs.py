"""
What the official client waits for and pays for again and again, and ours does not: time limits, handshakes, log texts.
"""

import contextlib
import logging
import socket
import ssl

import pytest
import shotgun_api3
from fix_native import IDENTITY, KEY, make_client

from sgextended import NativeClient, Site

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


def make_official(server, **settings):
    """
    Return the official client of a site.
    """
    return contextlib.closing(shotgun_api3.Shotgun(server.url, "robot", KEY, **settings))


# --- Time limits


@pytest.fixture
def waits(monkeypatch):
    """
    The time limits, in seconds, under which sockets to a port connected and received; None is for ever.
    """
    seen = []

    def note(method):
        real = getattr(socket.socket, method)

        def noted(sock, *args):
            done = real(sock, *args)
            seen.append((method, sock.getpeername()[1], sock.gettimeout()))
            return done

        monkeypatch.setattr(socket.socket, method, noted)

    note("connect")
    note("recv_into")
    note("recv")
    return lambda port: {(method, limit) for method, to, limit in seen if to == port}


def test_official_client_waits_for_ever(server, waits):
    """
    Without a setting, the official client waits for a connection and for each byte without a limit.
    """
    with make_official(server) as sg:
        sg.find("Shot", [])

    assert waits(server.port) == {("connect", None), ("recv_into", None)}


def test_official_client_takes_no_limit_once_it_has_connected(server, waits):
    """
    A limit that is set on the official client after its first call is none.
    """
    with make_official(server) as sg:
        sg.config.timeout_secs = 30
        sg.find("Shot", [])

    assert waits(server.port) == {("connect", None), ("recv_into", None)}


def test_every_wait_has_a_limit(server, waits):
    """
    Without a setting, ours waits at most 10 seconds for a connection and 120 for bytes.
    """
    NativeClient(Site(url=server.url, **IDENTITY)).find("Shot", [])
    longest = dict(sorted(waits(server.port)))

    assert longest.keys() == {"connect", "recv"}
    assert 0 < longest["connect"] <= 10
    assert 0 < longest["recv"] <= 120


def test_official_client_fails_without_attempts(server):
    """
    ``max_rpc_attempts = 0``, which is meant to say "no repetition", breaks the official client inside.
    """
    with make_official(server) as sg:
        sg.config.max_rpc_attempts = 0
        with pytest.raises(TypeError, match="unpack"):
            sg.find("Shot", [])


def test_no_attempts_are_taken_for_one(server):
    """
    Ours takes ``max_rpc_attempts = 0`` for 1: the call is sent, and not repeated.
    """
    client = make_client(server)
    client.config.max_rpc_attempts = 0

    assert client.find("Shot", []) == []


# --- What each instance costs


@pytest.fixture
def contexts(monkeypatch):
    """
    The TLS contexts that read a file of certificates, which takes 20 ms.
    """
    made = []
    load = ssl.SSLContext.load_verify_locations
    monkeypatch.setattr(
        ssl.SSLContext, "load_verify_locations", lambda self, *a, **k: (made.append(self), load(self, *a, **k))[1]
    )
    return made


@pytest.fixture
def secure(make_site_server, authority):
    """
    A site over TLS.
    """
    return make_site_server(tls=authority.server_context)


def test_official_instances_pay_each(secure, authority, contexts):
    """
    Each official client has a TLS context and a connection made for it, and asks the site for its version.
    """
    for _ in range(3):
        with make_official(secure, ca_certs=authority.ca_file) as sg:
            sg.find("Shot", [])

    assert (len(contexts), secure.connections, len(secure.sent("info"))) == (3, 3, 3)


def test_instances_pay_together(secure, authority, contexts):
    """
    All of ours together have one TLS context, one connection when they ask in turn, and ask for the version once.
    """
    clients = [make_client(secure, ca_file=authority.ca_file) for _ in range(16)]
    for client in clients:
        client.find("Shot", [])

    assert (len(contexts), secure.connections, len(secure.sent("info"))) == (1, 1, 1)


# --- Texts for a log that nobody writes


class Counted(str):
    """
    A text that counts how often it is made into one for people.
    """

    __slots__ = ()
    shown = 0

    def __repr__(self):
        Counted.shown += 1
        return super().__repr__()


@pytest.fixture
def shown(monkeypatch, caplog):
    """
    How often the filter of a find was made into text, with debug logging off.
    """
    monkeypatch.setattr(Counted, "shown", 0)
    for name in ("shotgun_api3", "sgextended"):
        caplog.set_level(logging.WARNING, logger=name)

    def find(sg):
        sg.find("Shot", [["code", "is", Counted("sh010")]])
        return Counted.shown

    return find


def test_official_client_writes_texts_that_nobody_logs(server, shown):
    """
    The official client makes texts of what it sends, although debug logging is off.
    """
    with make_official(server) as sg:
        assert shown(sg) > 0


def test_no_text_is_made_that_nobody_logs(server, shown):
    """
    Ours makes no text of what it sends while debug logging is off.
    """
    assert shown(make_client(server)) == 0
