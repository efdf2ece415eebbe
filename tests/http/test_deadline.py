"""
Deadlines: a block or a call ends at its limit, whatever it waits for, and says the caller's number.
"""

import socket
import threading
import time

import pytest
import shotgun_api3
from fix_native import IDENTITY, make_client, meet
from fix_servers import GUARD, HANG, http_reply, results
from fix_transport import in_threads

from sgextended import (
    ConfigurationError,
    NativeClient,
    OutcomeUnknown,
    PoolTimeout,
    RetryPolicy,
    SGExtended,
    Site,
    TransportError,
    TransportTimeout,
)
from sgextended.domain.shots import find_shots
from sgextended.http import deadline

SHORT = 0.2  # seconds: the deadline of a call that cannot be done


def shot_page(has_next=False):
    return results({"entities": [{"type": "Shot", "id": 7}], "paging_info": {"has_next_page": has_next}})


@pytest.fixture
def hanging(make_site_server):
    """
    A site that says what it is, and answers nothing else.
    """
    server = make_site_server(read=lambda _request: HANG, create=lambda _request: HANG)
    make_client(server).server_caps  # noqa: B018 - asked here, so that no test waits for it
    return server


def wrapper(server, **settings):
    return SGExtended(make_client(server, **settings))


def test_a_call_ends_at_its_deadline_and_names_it(hanging):
    """
    An answer that does not come is waited for until the deadline; the error gives the caller's number.
    """
    sg = wrapper(hanging)

    with pytest.raises(TransportTimeout, match=r"within the 0\.2 s that the caller allows"), sg.deadline(SHORT):
        sg.find("Shot", [])


def test_a_write_under_way_at_its_deadline_is_uncertain(hanging):
    """
    A create that was sent before the deadline passed may have been done.
    """
    sg = wrapper(hanging)

    with pytest.raises(OutcomeUnknown, match=r"within the 0\.2 s that the caller allows"), sg.deadline(SHORT):
        sg.create("Shot", {"code": "sh010"})


@pytest.mark.parametrize("part", ["head", "body"])
@pytest.mark.parametrize("tls", [False, True])
def test_an_answer_that_trickles_ends_at_the_deadline(make_server, authority, part, tls):
    """
    Bytes that come one by one keep each wait short, and still the deadline holds: in the headers and in the body.
    """
    stop = threading.Event()
    reply = http_reply(b'{"results": []}' + b" " * 100_000)
    sent = 10 if part == "head" else len(reply) - 100_000

    class Trickling(type(make_server(lambda _request: None))):
        def converse(self, sock, number):
            sock.recv(65536)
            sock.sendall(reply[:sent])
            while not stop.wait(0.01) and not self.stopping.is_set():
                sock.sendall(b"x" if part == "head" else b" ")

    server = make_server(lambda _request: None, kind=Trickling, tls=authority.server_context if tls else None)
    client = make_client(server, ca_file=authority.ca_file, read_timeout=GUARD, retry=RetryPolicy(attempts=1))

    with pytest.raises(TransportTimeout, match=r"0.2 s"), deadline.deadline(SHORT):
        client.info()
    stop.set()


def test_without_a_deadline_the_sites_call_timeout_ends_a_trickle(hanging):
    """
    Nothing waits without a limit: a call has the site's, where the caller sets none.
    """
    client = make_client(hanging, call_timeout=SHORT)

    with pytest.raises(TransportTimeout, match=r"within the 0.2 s"):
        client.find("Shot", [])


def test_waits_between_attempts_end_before_the_deadline(make_site_server):
    """
    A wait that would last beyond the deadline is not begun; the error has the last attempt's reason.
    """
    server = make_site_server(read=lambda _request: http_reply(status=503, headers={"retry-after": "60"}))
    sg = wrapper(server)
    sg.server_caps  # noqa: B018

    with pytest.raises(TransportTimeout, match=r"within the 5 s .* HTTP status 503"), sg.deadline(5):
        sg.find("Shot", [])
    assert len(server.sent("read")) == 1


def test_waiting_for_a_connection_ends_at_the_deadline(hanging):
    """
    A call that finds all connections in use waits no longer than its deadline; nothing was sent.
    """
    sg = wrapper(hanging, connections=1)

    def hang():
        with pytest.raises(TransportTimeout):
            sg.find_tasks(timeout=0.5)

    busy = threading.Thread(target=hang)
    busy.start()
    while busy.is_alive() and not hanging.sent("read"):
        time.sleep(0)

    with pytest.raises(PoolTimeout, match=r"within the 0.2 s that the caller allows"), sg.deadline(SHORT):
        sg.find("Shot", [])
    busy.join(GUARD)
    assert len(hanging.sent("read")) == 1


def test_pages_are_bounded_together(make_site_server):
    """
    A find of many pages has one deadline for all of them, those that threads fetch included.
    """

    def read(request):
        number = request.payload["params"][1]["paging"]["current_page"]
        return shot_page(has_next=True) if number < 3 else HANG

    sg = wrapper(make_site_server(read=read))
    sg.server_caps  # noqa: B018

    with pytest.raises(TransportTimeout, match=r"0.2 s"), sg.deadline(SHORT):
        sg.find("Shot", [])


def test_the_sooner_deadline_holds(hanging):
    """
    A block within a block cannot take longer than the outer one, and the outer one goes on after it.
    """
    sg = wrapper(hanging)

    with sg.deadline(SHORT):
        with pytest.raises(TransportTimeout, match=r"0\.2 s"), sg.deadline(60):
            sg.find("Shot", [])
        assert deadline.current().seconds == SHORT
    assert deadline.current() is None


def test_a_deadline_holds_for_its_thread_alone(make_site_server):
    """
    Another thread's calls know nothing of it.
    """
    sg = wrapper(make_site_server(read=lambda _request: shot_page()))
    seen = []
    with sg.deadline(60):
        meet(lambda: seen.append(deadline.current()))

    assert seen == [None]


def test_a_deadline_that_has_passed_sends_nothing(make_site_server):
    """
    What begins after its deadline fails at once.
    """
    server = make_site_server(read=lambda _request: shot_page())
    client = make_client(server)
    client.server_caps  # noqa: B018
    with deadline.deadline(0.001):
        while deadline.current().left():
            time.sleep(0)
        with pytest.raises(TransportTimeout):
            client.find("Shot", [])

    assert server.sent("read") == []


@pytest.mark.parametrize("seconds", [0, -1, "5", True, float("inf"), float("nan")])
def test_what_is_no_duration_is_refused(server, seconds):
    """
    A deadline is a number of seconds above 0.
    """
    with pytest.raises(ConfigurationError, match="deadline"), wrapper(server).deadline(seconds):
        pass


def test_none_sets_no_bound(server):
    """
    With None the block runs as if there were none.
    """
    with wrapper(server).deadline(None):
        assert deadline.current() is None


def test_an_official_client_knows_no_deadlines(server):
    """
    A limit that could not be kept is refused, for the wrapper and for a plain function.
    """
    official = shotgun_api3.Shotgun(server.url, "robot", "key", connect=False)

    with pytest.raises(ConfigurationError, match="from_shotgun"):
        SGExtended(official).deadline(5)
    with pytest.raises(ConfigurationError, match="from_shotgun"):
        find_shots(official, timeout=5)
    assert server.requests == []


def test_a_mockgun_never_waits(make_mockgun):
    """
    Code under test may set deadlines: a Mockgun keeps them all.
    """
    with SGExtended(make_mockgun()).deadline(5):
        pass


def test_domain_functions_take_a_timeout(hanging):
    """
    Every function of the domain ends when its time is up.
    """
    sg = wrapper(hanging)
    for function in (sg.find_projects, sg.find_assets, sg.find_shots, sg.find_sequences, sg.find_versions):
        with pytest.raises(TransportTimeout, match=r"within the 0\.05 s"):
            function(timeout=0.05)


def test_connections_that_were_ended_are_not_used_again(make_site_server):
    """
    After a call that ended at its deadline, the next one gets its own answer.
    """
    replies = [HANG, shot_page()]
    server = make_site_server(read=lambda _request: replies.pop(0))
    sg = wrapper(server, connections=1)
    sg.server_caps  # noqa: B018
    with pytest.raises(TransportTimeout), sg.deadline(SHORT):
        sg.find("Shot", [])

    assert [row["id"] for row in sg.find("Shot", [])] == [7]


def test_waiting_for_what_another_thread_asks_ends_at_the_deadline(make_site_server):
    """
    While one thread asks the site what all need to know, and gets no answer, another one keeps its own deadline.
    """
    asked = threading.Event()
    server = make_site_server(info=lambda _request: asked.set() or HANG)
    first, second = wrapper(server, retry=RetryPolicy(attempts=1)), wrapper(server)

    def ask():
        with pytest.raises(TransportError):
            first.find("Shot", [])

    thread = threading.Thread(target=ask)
    thread.start()
    assert asked.wait(GUARD)
    with pytest.raises(TransportTimeout, match=r"Another thread is still requesting .* 0\.2 s"), second.deadline(SHORT):
        second.find("Shot", [])
    server.close()
    thread.join(GUARD)


def test_all_addresses_of_a_name_share_the_time(monkeypatch):
    """
    A site has several addresses: when none of them takes a connection, the deadline holds for all of them together.
    """
    with socket.socket() as silent, socket.socket() as first, socket.socket() as second:
        silent.bind(("0.0.0.0", 0))
        silent.listen(0)
        port = silent.getsockname()[1]
        for filler in (first, second):  # whoever comes next gets no answer
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        tried = []
        connect = socket.socket.connect

        def note(self, address):
            tried.append(address[0])
            return connect(self, address)

        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{n}", port)) for n in (1, 2, 3, 4)]
        look_up = socket.getaddrinfo
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda host, *rest: found if host == "many.example" else look_up(host, *rest)
        )
        monkeypatch.setattr(socket.socket, "connect", note)
        client = NativeClient(Site(url=f"https://many.example:{port}", retry=RetryPolicy(attempts=1), **IDENTITY))
        client._transport  # noqa: B018 - its certificates take a while to read
        with pytest.raises(TransportTimeout, match=r"within the 1\.5 s"), deadline.deadline(1.5):
            client.info()

    assert 1 <= len(tried) < len(found)  # each would take all of the time


def test_many_deadlines_are_kept_at_once(hanging):
    """
    Sixteen threads whose calls hang all end at their own deadlines.
    """
    sg = wrapper(hanging, connections=16)

    def ask(number):
        seconds = round(0.2 + number / 1000, 3)
        with pytest.raises(TransportTimeout, match=f"within the {seconds} s"), sg.deadline(seconds):
            sg.find("Shot", [])
        return True

    assert in_threads(16, ask) == [True] * 16
