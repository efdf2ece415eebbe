"""
Connections over real sockets: one request a send, the bound, and who shares what.
"""

import gzip
import multiprocessing
import threading
import zlib

import pytest
from fix_servers import GUARD, Last, http_reply
from fix_transport import LIMITS, SHORT, USER, User, in_threads, make_endpoint, make_transport, post

from sgextended import PoolTimeout, Proxy, TransportError
from sgextended.http import transport as transport_module
from sgextended.http.connection import Limits
from sgextended.http.socket_opener import Endpoint
from sgextended.http.transport import Transport, retry_after, transport_to

FORK = "fork" in multiprocessing.get_all_start_methods()


# --- One request a send


def test_send_returns_the_answer(make_server):
    """
    Status, reason, headers in lower case and body come back; method, path, headers and body arrived.
    """
    server = make_server(lambda _request: http_reply(b"hello", status=201, headers={"X-Made-By": "A Test"}))

    answer = make_transport(server).send(
        "POST", "/a/b", body=b"abc", headers={"locale": "auto"}, limits=LIMITS, user=USER
    )

    (request,) = server.requests
    assert (answer.status, answer.reason, answer.body) == (201, "Created", b"hello")
    assert answer.headers["x-made-by"] == "A Test"
    assert (request.method, request.path, request.body, request.headers["locale"]) == ("POST", "/a/b", b"abc", "auto")


def test_send_without_a_body_sends_none(echo):
    """
    A request without a body has no length either.
    """
    make_transport(echo).send("GET", "/thumbnail", body=None, headers={}, limits=LIMITS, user=USER)

    (request,) = echo.requests
    assert (request.method, request.body) == ("GET", b"")
    assert "transfer-encoding" not in request.headers


@pytest.mark.parametrize("size", [0, 1, 16_384, 3_000_000])
def test_send_carries_bodies_of_any_size(echo, size):
    """
    A body arrives whole and with its length.
    """
    assert post(make_transport(echo), b"x" * size).body == b"x" * size
    assert echo.requests[0].headers["content-length"] == str(size)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_send_follows_no_redirects(echo, make_server, status):
    """
    A redirect would carry the key to another server: it is handed back as it is.
    """
    server = make_server(lambda _request: http_reply(status=status, headers={"location": echo.url}))

    assert post(make_transport(server)).status == status
    assert echo.requests == []


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_send_repeats_nothing(make_server, status):
    """
    A busy server sees one request.
    """
    server = make_server(lambda _request: http_reply(status=status, headers={"retry-after": "0"}))

    assert post(make_transport(server)).status == status
    assert len(server.requests) == 1


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_send_unpacks_compressed_answers(make_server, coding):
    """
    Compression is asked for, and undone.
    """
    packed = {"gzip": gzip.compress, "deflate": zlib.compress}[coding](b"hello" * 1000)
    server = make_server(lambda _request: http_reply(packed, headers={"content-encoding": coding}))

    assert post(make_transport(server)).body == b"hello" * 1000
    assert coding in server.requests[0].headers["accept-encoding"]


def test_send_reuses_its_connection(echo):
    """
    Requests one after the other share one connection.
    """
    transport = make_transport(echo)
    for _ in range(5):
        post(transport)

    assert [request.connection for request in echo.requests] == [1] * 5


def test_send_replaces_a_connection_that_died_idle(make_server):
    """
    A kept connection that the server closed meanwhile is replaced before anything is sent on it.
    """
    closed = threading.Event()
    server = make_server(lambda _request: Last(http_reply(b"bye")))
    converse = server.converse

    def notify(sock, number):
        converse(sock, number)
        closed.set()

    server.converse = notify
    transport = make_transport(server)
    post(transport)
    assert closed.wait(GUARD)

    assert post(transport).body == b"bye"
    assert [request.connection for request in server.requests] == [1, 2]


def test_a_connection_that_was_idle_for_long_is_not_used(echo, monkeypatch):
    """
    What nobody used for a minute may be forgotten by a firewall, silently: a new connection is made.
    """
    transport = make_transport(echo)
    post(transport)
    post(transport)
    used = echo.connections
    monkeypatch.setattr("sgextended.http.connection.LONGEST_IDLE", 0.0)
    post(transport)

    assert (used, echo.connections) == (1, 2)


def test_threads_get_their_own_answers(echo):
    """
    Eight threads on four connections each read what they asked for.
    """
    transport = make_transport(echo, connections=4)

    def ask(number):
        return [post(transport, f"{number}-{turn}".encode()).body for turn in range(25)]

    assert in_threads(8, ask) == [[f"{n}-{turn}".encode() for turn in range(25)] for n in range(8)]
    assert echo.connections <= 4


def test_requests_are_counted(echo):
    """
    The transport knows how many requests it sent.
    """
    transport = make_transport(echo)
    in_threads(4, lambda _number: [post(transport) for _ in range(5)])

    assert transport.requests == 20


# --- The bound


def test_pool_timeout_sends_nothing(make_server):
    """
    When all connections are busy until the time is up, nothing was sent, and the message has the numbers.
    """
    arrived, leave = threading.Event(), threading.Event()

    def hold(_request):
        arrived.set()
        leave.wait(GUARD)
        return http_reply()

    server = make_server(hold)
    transport = make_transport(server, connections=1)
    busy = threading.Thread(target=post, args=(transport,))
    busy.start()
    assert arrived.wait(GUARD)

    with pytest.raises(
        PoolTimeout, match=rf"within {SHORT} s: all 1 are in use. Raise the site's connections"
    ) as caught:
        post(transport, limits=Limits(connect=GUARD, read=GUARD, pool=SHORT))
    leave.set()
    busy.join(GUARD)

    assert (caught.value.pool, caught.value.waited) == (server.url, SHORT)
    assert len(server.requests) == 1


def test_connections_come_back_after_failures(make_server):
    """
    Failures do not use up the bounded connections.
    """
    replies = [None, Last(reset=True), Last(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx")] * 2
    server = make_server(lambda _request: replies.pop(0) if replies else http_reply(b"ok"))
    transport = make_transport(server, connections=1)
    for _ in range(6):
        with pytest.raises(TransportError):
            post(transport)

    assert post(transport, limits=Limits(connect=GUARD, read=GUARD, pool=SHORT)).body == b"ok"


def test_leave_lets_requests_finish(make_server):
    """
    Closing while a request is under way takes nothing from it, and the next one connects anew.
    """
    arrived, leave = threading.Event(), threading.Event()

    def hold(request):
        if request.body == b"slow":
            arrived.set()
            leave.wait(GUARD)
        return http_reply(request.body)

    server = make_server(hold)
    transport = make_transport(server)
    answers = []
    busy = threading.Thread(target=lambda: answers.append(post(transport, b"slow").body))
    busy.start()
    assert arrived.wait(GUARD)
    transport.leave(USER)
    leave.set()
    busy.join(GUARD)
    post(transport, b"next")

    assert answers == [b"slow"]
    assert [request.connection for request in server.requests] == [1, 2]


@pytest.mark.parametrize("is_busy", [False, True], ids=["idle", "under way"])
def test_leave_closes_the_sockets(make_server, is_busy):
    """
    The server sees the end of the connection, so nothing stays open unused, also where a request was in flight.
    """
    ended, arrived, go_on = threading.Event(), threading.Event(), threading.Event()

    def answer(request):
        if request.body == b"slow":
            arrived.set()
            go_on.wait(GUARD)
        return http_reply(request.body)

    server = make_server(answer)
    converse = server.converse

    def notify(sock, number):
        converse(sock, number)
        ended.set()

    server.converse = notify
    transport = make_transport(server)
    post(transport)
    busy = threading.Thread(target=post, args=(transport, b"slow"))
    if is_busy:
        busy.start()
        assert arrived.wait(GUARD)
    transport.leave(USER)
    if is_busy:
        go_on.set()
        busy.join(GUARD)

    assert ended.wait(GUARD)


def test_leave_closes_nothing_that_another_uses(make_server):
    """
    Whoever leaves costs the others no handshake; the last one closes.
    """
    server = make_server(lambda request: http_reply(request.body))
    transport = make_transport(server)
    post(transport)
    other = User()
    transport.send("POST", "/", body=b"other", headers={}, limits=LIMITS, user=other)
    transport.leave(USER)
    transport.send("POST", "/", body=b"other again", headers={}, limits=LIMITS, user=other)
    transport.leave(other)
    post(transport)

    assert [request.connection for request in server.requests] == [1, 1, 1, 2]


# --- What is shared


def test_once_runs_once_for_all_threads():
    """
    Threads that ask at the same time wait for one of them, and share what it got.
    """
    transport = Transport(Endpoint(scheme="http", host="x", port=1, proxy=None, ca_file="", connections=1))
    barrier = threading.Barrier(8)
    made = []

    def make():
        made.append(threading.current_thread())
        return object()

    def ask(_number):
        barrier.wait(GUARD)
        return transport.shared.once("key", make)

    assert len(set(map(id, in_threads(8, ask)))) == 1
    assert len(made) == 1


def test_once_keeps_no_failure():
    """
    After a failure the next one tries again.
    """
    transport = Transport(Endpoint(scheme="http", host="x", port=1, proxy=None, ca_file="", connections=1))

    with pytest.raises(ZeroDivisionError):
        transport.shared.once("key", lambda: 1 / 0)

    assert transport.shared.once("key", lambda: "made") == "made"


def test_once_may_ask_within():
    """
    What is made once may need something else that is made once.
    """
    transport = Transport(Endpoint(scheme="http", host="x", port=1, proxy=None, ca_file="", connections=1))

    assert transport.shared.once("a", lambda: transport.shared.once("b", lambda: 1) + 1) == 2


def test_transport_is_shared_by_equal_endpoints(echo):
    """
    Equal endpoints lead to one transport, any difference to another.
    """
    first = make_endpoint(echo)

    assert transport_to(first) is transport_to(make_endpoint(echo))
    assert transport_to(first) is not transport_to(make_endpoint(echo, connections=5))
    assert transport_to(first) is not transport_to(make_endpoint(echo, proxy=Proxy(host="p")))


def test_transport_to_makes_one_for_many_threads(echo):
    """
    Threads that ask for the first time at the same time get one transport.
    """
    barrier = threading.Barrier(8)

    def ask(_number):
        barrier.wait(GUARD)
        return transport_to(make_endpoint(echo, connections=7))

    assert len(set(map(id, in_threads(8, ask)))) == 1


def test_transport_in_use_is_kept(echo):
    """
    When there are too many transports, those without a living client are forgotten, and no others.
    """
    used, unused = make_endpoint(echo, connections=101), make_endpoint(echo, connections=102)
    kept = transport_to(used)
    post(kept)
    dropped = transport_to(unused)  # now, since a transport without a client may be forgotten at each call
    for number in range(transport_module.KEPT_TRANSPORTS):
        transport_to(make_endpoint(echo, connections=1000 + number))

    assert transport_to(used) is kept
    assert transport_to(unused) is not dropped


@pytest.mark.skipif(not FORK, reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_fork_uses_connections_of_its_own(echo):
    """
    A forked child connects anew, and the parent's connection still answers the parent.
    """
    transport = transport_to(make_endpoint(echo))
    post(transport, b"parent")
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()

    def child():
        theirs.send([post(transport_to(make_endpoint(echo)), b"child").body for _ in range(3)])

    process = context.Process(target=child)
    process.start()
    assert ours.poll(GUARD)
    answers = ours.recv()
    process.join(GUARD)

    assert answers == [b"child"] * 3
    assert post(transport_to(make_endpoint(echo)), b"parent").body == b"parent"
    assert [(request.body, request.connection) for request in echo.requests] == [
        (b"parent", 1),
        *[(b"child", 2)] * 3,
        (b"parent", 1),
    ]


@pytest.mark.skipif(not FORK, reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_fork_is_not_blocked_by_a_busy_parent(make_server):
    """
    A child that is forked while another thread makes what all need can make its own.
    """
    holding, leave = threading.Event(), threading.Event()
    server = make_server(lambda request: http_reply(request.body))
    endpoint = make_endpoint(server)

    def hold():
        transport.shared.once("slow", lambda: holding.set() or leave.wait(GUARD))

    transport = transport_to(endpoint)
    holder = threading.Thread(target=hold)
    holder.start()
    assert holding.wait(GUARD)
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()

    def child():
        theirs.send(transport_to(endpoint).shared.once("slow", lambda: post(transport_to(endpoint), b"child").body))

    process = context.Process(target=child)
    process.start()
    answered = ours.poll(GUARD)
    leave.set()
    holder.join(GUARD)
    process.join(GUARD)

    assert answered
    assert ours.recv() == b"child"


# --- Headers and pages


NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 120 ", 120.0),
        ("0", 0.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0.0),  # past
        ("", None),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("1.5", None),
        ("Mon, 01 Jan 99999999999999 00:00:00 GMT", None),
    ],
)
def test_retry_after_reads_seconds_and_dates(value, seconds):
    """
    Both forms of Retry-After are read, and anything else is none.
    """
    assert retry_after({"retry-after": value}, NOW) == seconds


def test_a_retry_after_date_counts_from_the_response():
    """
    If the response has a date, a wrong clock of this machine does not change the wait.
    """
    headers = {"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT", "date": "Tue, 14 Nov 2023 22:13:40 GMT"}

    assert retry_after(headers, NOW - 3600) == retry_after(headers, NOW + 3600) == 10.0
    assert retry_after({**headers, "date": "now"}, NOW) == 30.0


def test_retry_after_may_be_missing():
    """
    Without the header nothing is asked.
    """
    assert retry_after({}, NOW) is None
