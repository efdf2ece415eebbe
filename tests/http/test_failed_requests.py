"""
Each way in which a request can fail over real sockets: what it says, and whether the site may have acted.
"""

import gc
import os
import socket
import ssl
import threading
import time

import pytest
from fix_servers import GUARD, HANG, Last, ScriptedProxy, ScriptedServer, end, http_reply
from fix_transport import SHORT, USER, in_threads, make_transport, post

from sgextended import Proxy, Secret, TLSError, TransportError, TransportTimeout, Unreachable
from sgextended.http.connection import Limits
from sgextended.http.deadline import Deadline
from sgextended.http.socket_opener import Endpoint, tls_context
from sgextended.http.transport import Transport

# --- Failures


def test_refused_connection_was_not_sent(unused_port):
    """
    Where nothing listens nothing was sent; the message has the address and what to check.
    """
    transport = Transport(
        Endpoint(scheme="http", host="127.0.0.1", port=unused_port, proxy=None, ca_file="", connections=1)
    )

    with pytest.raises(
        Unreachable, match=f"http://127.0.0.1:{unused_port} does not accept connections: .*Check"
    ) as caught:
        post(transport)

    assert not caught.value.sent


def test_unknown_name_was_not_sent():
    """
    A name that nobody knows is named.
    """
    host = "studio.invalid"  # reserved never to exist
    transport = Transport(Endpoint(scheme="http", host=host, port=None, proxy=None, ca_file="", connections=1))

    with pytest.raises(Unreachable, match=f"The name '{host}' is unknown here. Check the site's address") as caught:
        post(transport)

    assert not caught.value.sent


def test_reset_after_the_headers_counts_as_sent(make_server):
    """
    A reset while the body is on its way cannot be told from one after it: it counts as sent.
    """
    server = make_server(lambda _request: Last(reset=True))

    with pytest.raises(TransportError, match="was lost: Connection reset by peer") as caught:
        post(make_transport(server))

    assert caught.value.sent


def test_reset_before_the_body_is_read(make_server):
    """
    A server that resets without reading leaves an error, never an answer, and one connection.
    """
    server = make_server(None)
    server.converse = lambda sock, _number: end(sock, Last(reset=True))

    with pytest.raises(TransportError):  # while connecting, sending or reading, as it happens
        post(make_transport(server), b"x" * 5_000_000)

    assert server.connections == 1


def test_close_after_the_body_counts_as_sent(make_server):
    """
    A connection that ends instead of an answer leaves open whether the site acted.
    """
    server = make_server(lambda _request: None)

    with pytest.raises(TransportError, match="was lost: it was closed without a response") as caught:
        post(make_transport(server))

    assert caught.value.sent
    assert len(server.requests) == 1


def test_cut_off_answer_counts_as_sent(make_server):
    """
    An answer shorter than it says is no answer.
    """
    whole = http_reply(b"x" * 1000)
    server = make_server(lambda _request: Last(whole[:-400]))

    with pytest.raises(TransportError, match=r"cut off, .* 600 of 1000 bytes") as caught:
        post(make_transport(server))

    assert caught.value.sent


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x00\x01\x02\x03"], ids=["ssh", "status", "bytes"]
)
def test_garbage_counts_as_sent(make_server, answer):
    """
    What is no HTTP is a lost connection.
    """
    server = make_server(lambda _request: Last(answer))

    with pytest.raises(TransportError) as caught:
        post(make_transport(server))

    assert caught.value.sent


def test_garbled_compression_counts_as_sent(make_server):
    """
    A body that cannot be unpacked is no answer, and the connection is not used again.
    """
    server = make_server(lambda _request: http_reply(b"no gzip", headers={"content-encoding": "gzip"}))
    transport = make_transport(server)

    for _ in range(2):
        with pytest.raises(TransportError, match=r"is garbled: .*incorrect header check") as caught:
            post(transport)

    assert caught.value.sent


def test_read_timeout_counts_as_sent(make_server):
    """
    A server that takes too long is named with the limit and how to raise it.
    """
    server = make_server(lambda _request: HANG)

    with pytest.raises(TransportTimeout, match=f"sent nothing for {SHORT} s. Raise the site's read_timeout") as caught:
        post(make_transport(server), limits=Limits(connect=GUARD, read=SHORT, pool=GUARD))

    assert caught.value.sent


def test_read_timeout_without_a_body_counts_as_sent(make_server):
    """
    A request without a body leaves no trace of how far it came, so it counts as sent.
    """
    server = make_server(lambda _request: HANG)

    with pytest.raises(TransportTimeout) as caught:
        make_transport(server).send(
            "GET", "/", body=None, headers={}, limits=Limits(connect=GUARD, read=SHORT, pool=GUARD), user=USER
        )

    assert caught.value.sent


def test_timeout_in_the_middle_of_an_answer_counts_as_sent(make_server):
    """
    An answer that stops half-way is a timeout too.
    """
    whole = http_reply(b"x" * 1000)

    server = make_server(None)
    server.converse = lambda sock, _number: (sock.recv(65536), sock.sendall(whole[:-400]), server.hang())

    with pytest.raises(TransportTimeout, match="sent nothing for") as caught:
        post(make_transport(server), limits=Limits(connect=GUARD, read=SHORT, pool=GUARD))

    assert caught.value.sent


def test_connection_that_broke_is_not_used_again(make_server):
    """
    After a cut-off answer the next request gets a connection of its own, and its own answer.
    """
    replies = [Last(http_reply(b"x" * 1000)[:-400]), http_reply(b"whole")]
    server = make_server(lambda _request: replies.pop(0))
    transport = make_transport(server)
    with pytest.raises(TransportError):
        post(transport)

    assert post(transport).body == b"whole"
    assert [request.connection for request in server.requests] == [1, 2]


# --- TLS


def test_tls_with_its_authority_answers(tls_echo, authority):
    """
    With the authority's file the site answers, on one connection.
    """
    transport = make_transport(tls_echo, ca_file=authority.ca_file)

    assert [post(transport, body).body for body in (b"1", b"2")] == [b"1", b"2"]
    assert tls_echo.connections == 1


def certifi():
    from shotgun_api3 import shotgun

    return os.path.join(os.path.dirname(shotgun.__file__), "lib", "certifi", "cacert.pem")  # noqa: PTH118, PTH120


def test_untrusted_certificate_lasts(tls_echo):
    """
    A certificate that is not trusted will not be at the next attempt; the message says which setting to change.
    """
    with pytest.raises(
        TLSError, match=r"certificate verify failed.*Set ca_file, or the variable SHOTGUN_API_CACERTS"
    ) as caught:
        post(make_transport(tls_echo, ca_file=certifi()))

    assert (caught.value.sent, caught.value.lasting) == (False, True)
    assert tls_echo.requests == []


def test_wrong_host_name_lasts(tls_echo, authority, monkeypatch):
    """
    A certificate for another name is not trusted.
    """
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, *rest, **more: real("127.0.0.1", *rest, **more))
    transport = make_transport(tls_echo, host="studio.example", ca_file=authority.ca_file)

    with pytest.raises(TLSError, match="mismatch") as caught:
        post(transport)

    assert (caught.value.sent, caught.value.lasting) == (False, True)


def test_plain_port_spoken_to_with_tls_lasts(echo, authority):
    """
    https to a port that speaks http ends in Python's "wrong version number", which is explained.
    """
    transport = make_transport(echo, scheme="https", ca_file=authority.ca_file)
    echo.converse = lambda sock, _number: (sock.recv(100), sock.sendall(http_reply(status=400)))

    with pytest.raises(TLSError, match="does not use TLS") as caught:
        post(transport)

    assert (caught.value.sent, caught.value.lasting) == (False, True)


def test_broken_handshake_was_not_sent(make_server, authority):
    """
    A server that hangs up during the handshake got nothing.
    """
    server = make_server(None)
    server.converse = lambda sock, _number: sock.recv(100)

    with pytest.raises(TransportError) as caught:
        post(make_transport(server, scheme="https", ca_file=authority.ca_file))

    assert (caught.value.sent, caught.value.lasting) == (False, False)


def test_slow_handshake_was_not_sent(make_server, authority):
    """
    A handshake that takes too long is a connection that was not made: the limit is that of connecting.
    """
    server = make_server(None)
    server.converse = lambda _sock, _number: server.hang()
    limits = Limits(connect=SHORT, read=GUARD, pool=GUARD)

    with pytest.raises(TransportTimeout, match=f"accepted no connection within {SHORT} s") as caught:
        post(make_transport(server, scheme="https", ca_file=authority.ca_file), limits=limits)

    assert not caught.value.sent


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_unreadable_ca_file_is_named(tmp_path, echo, content):
    """
    A certificate file that is missing or no PEM is named.
    """
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)

    with pytest.raises(TLSError, match=r"ca.pem' cannot be read") as caught:
        make_transport(echo, scheme="https", ca_file=str(path))

    assert (caught.value.sent, caught.value.lasting) == (False, True)


def test_tls_refuses_old_protocols():
    """
    The context checks names and certificates.
    """
    context = tls_context(certifi())

    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


# --- Proxies


def make_proxied(server, proxy, **settings):
    return make_transport(server, proxy=Proxy(host="127.0.0.1", port=proxy.port, **settings.pop("who", {})), **settings)


def test_proxy_gets_plain_requests_whole(echo, make_server):
    """
    Over http the proxy gets the address of the site and the user's name and password.
    """
    proxy = make_server(lambda request: http_reply(request.body), kind=ScriptedProxy, needs="ada:p@ss:w")

    answer = post(make_proxied(echo, proxy, who={"user": "ada", "password": Secret("p@ss:w")}), b"hello")

    assert answer.body == b"hello"
    assert proxy.requests[0].path == f"{echo.url}/api3/json"
    assert echo.requests == []


def test_proxy_tunnels_tls(tls_echo, make_server, authority):
    """
    Over https the proxy gets a CONNECT with the password, and the site gets no sign of it.
    """
    proxy = make_server(None, kind=ScriptedProxy, needs="ada:secret")
    transport = make_proxied(
        tls_echo, proxy, ca_file=authority.ca_file, who={"user": "ada", "password": Secret("secret")}
    )

    assert [post(transport, body).body for body in (b"1", b"2")] == [b"1", b"2"]
    assert proxy.tunnels == [f"127.0.0.1:{tls_echo.port}"]
    assert not any("proxy-authorization" in request.headers for request in tls_echo.requests)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_proxy_that_refuses_is_named(tls_echo, make_server, authority):
    """
    A proxy that wants another password is named, without the password; nothing was sent.
    """
    proxy = make_server(None, kind=ScriptedProxy, needs="ada:right")
    transport = make_proxied(
        tls_echo, proxy, ca_file=authority.ca_file, who={"user": "ada", "password": Secret("wr0ng-one")}
    )

    with pytest.raises(Unreachable, match=f"The proxy 127.0.0.1:{proxy.port} did not connect to .*407") as caught:
        post(transport)

    assert not caught.value.sent
    assert "wr0ng-one" not in str(caught.value)
    del caught
    gc.collect()  # old versions of http.client leave the refused tunnel to the garbage collector


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxy_that_is_not_there_is_named(echo, unused_port, authority, scheme):
    """
    A proxy that takes no connection is named, for both kinds of site.
    """
    transport = make_transport(
        echo, scheme=scheme, proxy=Proxy(host="127.0.0.1", port=unused_port), ca_file=authority.ca_file
    )

    with pytest.raises(Unreachable, match=f"The proxy 127.0.0.1:{unused_port} did not connect to .*refused") as caught:
        post(transport)

    assert not caught.value.sent


def test_a_body_that_is_not_taken_says_so(make_server):
    """
    A deadline that passes while the body goes out is no trouble with connecting.
    """

    class Deaf(ScriptedServer):
        def converse(self, sock, number):
            self.hang()

    transport = make_transport(make_server(lambda _request: None, kind=Deaf))
    limits = Limits(connect=GUARD, read=GUARD, pool=GUARD, deadline=Deadline.after(0.2))

    with pytest.raises(TransportTimeout, match=r"did not read the whole request within the 0\.2 s") as caught:
        post(transport, bytes(30_000_000), limits=limits)
    assert not caught.value.sent


def test_threads_that_wait_for_the_same_fail_together(echo):
    """
    What one thread could not find out, those who waited for it do not try one after the other; later ones do.
    """
    transport, tries, go_on = make_transport(echo), [], threading.Event()

    def make():
        tries.append(1)
        assert go_on.wait(GUARD)
        raise Unreachable("nobody there")

    def ask(_number):
        with pytest.raises(Unreachable, match="nobody there"):
            transport.shared.once("what all need", make)
        return True

    def waiting(key):
        flight = transport.shared._flights.get(key, lambda: None)()
        return flight.waiting if flight else []

    def see_them_wait():
        until = time.monotonic() + GUARD
        while len(waiting("what all need")) != 3 and time.monotonic() < until:
            threading.Event().wait(0.001)
        go_on.set()

    watcher = threading.Thread(target=see_them_wait)
    watcher.start()
    assert in_threads(4, ask) == [True] * 4
    watcher.join(GUARD)

    assert len(tries) == 1
    assert transport.shared.once("what all need", lambda: "known") == "known"
