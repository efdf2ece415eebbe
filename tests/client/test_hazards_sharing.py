"""
One client in several hands: threads, forked children, copies. Where the official client mixes them up, ours does not.

The official client runs unchanged; events only decide which thread goes first.
"""

import contextlib
import copy
import http.client
import multiprocessing
import pickle
import threading

import pytest
import shotgun_api3
from fix_native import KEY, make_client, meet
from fix_servers import GUARD, page, results

from sgextended import NativeClient
from sgextended.http import connection

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

FORK = pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here")
FORK_WARNING = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def make_official(server, **settings):
    """
    Return the official client of a site.
    """
    return contextlib.closing(shotgun_api3.Shotgun(server.url, "robot", KEY, **settings))


def make_ours(server):
    """
    Return ours, to be closed in the same way.
    """
    return contextlib.closing(make_client(server))


# --- Threads


def code_of(request):
    """
    Return the code of the shot that a request creates.
    """
    (field,) = request.payload["params"][1]["fields"]
    return field["value"]


def reads_response(sg):
    """
    Return the function with which a client reads a response, as its owner and its name.
    """
    return (
        (connection, "read_response") if isinstance(sg, NativeClient) else (http.client.HTTPConnection, "getresponse")
    )


class Pause:
    """
    Holds the first call of a function until *go* is set; *reached* says that it is there.
    """

    def __init__(self, owner, name, patch):
        self.reached, self.go = threading.Event(), threading.Event()
        real = getattr(owner, name)

        def paused(*args, **kwargs):
            if not self.reached.is_set():
                self.reached.set()
                assert self.go.wait(GUARD)
            return real(*args, **kwargs)

        patch.setattr(owner, name, paused)


@pytest.fixture
def two_creates(make_site_server, monkeypatch):
    """
    Has two threads create a shot each with one client, the second while the first waits for its answer.

    Gives what each thread got, and the codes of the shots that the site created.
    """
    arrived = threading.Event()  # on the site, whose threads note requests as they come to run

    def answer(request):
        arrived.set()
        return results({"type": "Shot", "id": 1, "code": code_of(request)})

    server = make_site_server(create=answer)

    def create(sg):
        got, pause = {}, Pause(*reads_response(sg), monkeypatch)

        def first():
            got["first"] = sg.create("Shot", {"code": "first"})["code"]

        def second():
            assert pause.reached.wait(GUARD)
            assert arrived.wait(GUARD)
            try:
                got["second"] = sg.create("Shot", {"code": "second"})["code"]
            finally:
                pause.go.set()

        meet(first, second)
        return got, [code_of(request) for request in server.sent("create")]

    create.server = server
    return create


def test_official_client_mixes_up_two_threads(two_creates):
    """
    With the official client the second thread gets the first one's shot, its own is never created, and that is twice.
    """
    with make_official(two_creates.server) as sg:
        sg.find("Shot", [])
        got, created = two_creates(sg)

    assert got == {"first": "first", "second": "first"}
    assert created == ["first", "first"]


def test_two_threads_get_what_they_created(two_creates):
    """
    With ours each thread gets its own shot, and each is created once.
    """
    with make_ours(two_creates.server) as sg:
        sg.find("Shot", [])
        got, created = two_creates(sg)

    assert got == {"first": "first", "second": "second"}
    assert created == ["first", "second"]


def test_official_client_lends_a_password_to_other_threads(make_site_server, monkeypatch):
    """
    While the official client is about to check a person's password, another thread's calls go out in that name.
    """
    server = make_site_server()
    with make_official(server) as sg:
        pause = Pause(http.client.HTTPConnection, "request", monkeypatch)

        def other():
            assert pause.reached.wait(GUARD)
            sg.find("Shot", [])
            pause.go.set()

        meet(lambda: sg.authenticate_human_user("ada", "pw"), other)

    find, check = server.sent("read")
    assert [each.payload["params"][1]["type"] for each in (find, check)] == ["Shot", "HumanUser"]
    assert find.auth == {"user_login": "ada", "user_password": "pw"}


# --- Forked children


@pytest.fixture
def after_a_child_died(make_site_server):
    """
    Forks a child that dies while it waits for a shot's name, and gives the name that the parent then gets.
    """
    arrived, dead = threading.Event(), threading.Event()

    def read(request):
        code = request.payload["params"][1]["filters"]["conditions"][0]["values"][0]
        if code == "child's":
            arrived.set()
            dead.wait(GUARD)
        return results(page({"type": "Shot", "id": 1, "code": code}))

    def ask(sg):
        ask_for = lambda code: sg.find_one("Shot", [["code", "is", code]], ["code"])["code"]  # noqa: E731 - used twice
        ask_for("before")
        child = multiprocessing.get_context("fork").Process(target=ask_for, args=("child's",))
        child.start()
        assert arrived.wait(GUARD)
        child.kill()
        child.join(GUARD)
        dead.set()
        return ask_for("parent's")

    ask.server = make_site_server(read=read)
    return ask


@FORK
@FORK_WARNING
def test_official_client_reads_what_a_dead_child_asked_for(after_a_child_died):
    """
    A forked child shares the official client's socket, so the answer that it did not live to read is its parent's.
    """
    with make_official(after_a_child_died.server) as sg:
        assert after_a_child_died(sg) == "child's"


@FORK
@FORK_WARNING
def test_a_dead_child_leaves_the_parent_alone(after_a_child_died):
    """
    A forked child of ours has connections of its own, so the parent gets what it asked for.
    """
    with make_ours(after_a_child_died.server) as sg:
        assert after_a_child_died(sg) == "parent's"


# --- Copies and configurations


def test_official_client_connects_again_after_close(make_site_server):
    """
    The official client's ``close`` ends nothing: the next call connects again and tells nobody.
    """
    server = make_site_server()
    with contextlib.closing(shotgun_api3.Shotgun(server.url, "robot", KEY)) as sg:
        sg.close()
        sg.find("Shot", [])

    assert server.connections == 2


def test_official_copy_changes_the_first(make_site_server):
    """
    A copy of an official client shares its configuration: whom the copy works for, the first one works for as well.
    """
    server = make_site_server()
    with make_official(server) as sg:
        copy.copy(sg).config.sudo_as_login = "ada"
        sg.find("Shot", [])

    assert server.sent("read")[0].auth["sudo_as_login"] == "ada"


def test_official_configuration_asks_its_owner(make_site_server):
    """
    A configuration that two official clients share sends for the one over the connection of the other.
    """
    server = make_site_server()
    with make_official(server, connect=False) as owner, make_official(server, connect=False) as other:
        other.config = owner.config
        other.find("Shot", [])

        assert owner._connection is not None
    assert server.connections == 2


@pytest.mark.leaks
def test_official_pickle_holds_the_key(make_site_server):
    """
    The pickle of an official client has the key in clear.
    """
    with make_official(make_site_server()) as sg:
        sg.close()

        assert KEY.encode() in pickle.dumps(sg)


def test_official_client_with_a_proxy_cannot_be_pickled(make_site_server):
    """
    An official client that knows a proxy cannot be sent to a worker process.
    """
    sg = shotgun_api3.Shotgun("https://studio.example", "robot", KEY, http_proxy="proxy:3128", connect=False)

    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(sg)


def test_a_client_with_a_proxy_can_be_pickled(monkeypatch):
    """
    Ours with a proxy arrives in the other process with it.
    """
    from sgextended import NativeClient, Site

    for name, value in (("URL", "https://studio.example"), ("SCRIPT_NAME", "robot"), ("API_KEY", KEY)):
        monkeypatch.setenv(f"X_{name}", value)

    arrived = pickle.loads(pickle.dumps(NativeClient(Site.from_env("X_", proxy="proxy:3128"))))

    assert arrived.site.proxy.native == "proxy:3128"
