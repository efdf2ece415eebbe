"""
Transports to scripted servers, and what their tests share.
"""

import threading

import pytest
from fix_servers import GUARD, http_reply

from sgextended.http.connection import Limits
from sgextended.http.socket_opener import Endpoint
from sgextended.http.transport import Transport

LIMITS = Limits(connect=GUARD, read=GUARD, pool=GUARD)


SHORT = 0.05  # seconds: the shortest time limit that leaves a busy machine time to connect


class User:
    """
    Somebody who uses a transport.
    """


USER = User()


def make_endpoint(server, **settings):
    scheme, _, rest = server.url.partition("://")
    host, _, port = rest.partition(":")
    values = {"scheme": scheme, "host": host, "port": int(port), "proxy": None, "ca_file": "", "connections": 4}
    return Endpoint(**{**values, **settings})


def make_transport(server, **settings):
    return Transport(make_endpoint(server, **settings))


def post(transport, body=b"{}", *, limits=LIMITS, headers=None):
    return transport.send("POST", "/api3/json", body=body, headers=headers or {}, limits=limits, user=USER)


def in_threads(count, target):
    """
    Run *target* with the numbers below *count*, each in a thread, and return what they returned.
    """
    found = [None] * count

    def work(number):
        found[number] = target(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GUARD)
    assert not any(thread.is_alive() for thread in threads)
    return found


@pytest.fixture
def echo(make_server):
    """
    A server that answers each request with its body.
    """
    return make_server(lambda request: http_reply(request.body))


@pytest.fixture
def tls_echo(make_server, authority):
    """
    An echo over TLS.
    """
    return make_server(lambda request: http_reply(request.body), tls=authority.server_context)
