"""
`LockedClient`: a client that is not ours, lent to one call at a time.
"""

import copy
import multiprocessing
import pickle
import threading
from unittest import mock

import pytest
import shotgun_api3
from fix_native import KEY, meet
from fix_servers import GUARD
from shotgun_api3.lib.mockgun import Shotgun as Mockgun

from sgextended import (
    ConfigurationError,
)
from sgextended.client.locked_client import LockedClient


class Counting:
    """
    A client that notices two calls at the same time.
    """

    def __init__(self):
        self.inside = 0
        self.most = 0
        self.calls = 0
        self.entered = threading.Event()

    def find(self, entity_type):
        """Find nothing."""
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.entered.set()
        self.calls += 1
        for _ in range(2000):
            pass
        self.inside -= 1
        return entity_type

    def find_again(self):
        return self.find("again")


def test_one_at_a_time_runs_one_call():
    """
    Eight threads through two wrappers of one client never meet inside it.
    """
    client = Counting()
    wrappers = [LockedClient(client), LockedClient(client)]
    barrier = threading.Barrier(8)

    def work(wrapper):
        barrier.wait(GUARD)
        for _ in range(50):
            wrapper.find("Shot")

    meet(*(lambda wrapper=wrappers[number % 2]: work(wrapper) for number in range(8)))

    assert (client.calls, client.most) == (400, 1)


def test_one_at_a_time_waits_for_another_wrapper():
    """
    A call through one wrapper waits while a call through another is inside.
    """
    entered, leave, done = threading.Event(), threading.Event(), threading.Event()

    class Slow:
        def find(self):
            entered.set()
            leave.wait(GUARD)

        def close(self):
            done.set()

    client = Slow()
    first, second = LockedClient(client), LockedClient(client)
    threads = [threading.Thread(target=first.find), threading.Thread(target=second.close)]
    threads[0].start()
    assert entered.wait(GUARD)
    threads[1].start()
    early = done.wait(0.05)
    leave.set()
    for thread in threads:
        thread.join(GUARD)

    assert not early
    assert done.is_set()


def test_one_at_a_time_may_call_within():
    """
    A method that calls another of the same client does not wait for itself.
    """
    client = LockedClient(Counting())

    assert client.find_again() == "again"


def test_one_at_a_time_frees_the_client_after_an_error():
    """
    A call that raises leaves the client to the next.
    """

    class Failing(Counting):
        def fail(self):
            raise KeyError("x")

    client = LockedClient(Failing())
    with pytest.raises(KeyError):
        client.fail()
    found = []
    meet(lambda: found.append(client.find("Shot")))

    assert found == ["Shot"]


def test_one_at_a_time_reads_and_sets_the_client():
    """
    Attributes are those of the client.
    """
    client = Counting()
    wrapper = LockedClient(client)

    wrapper.colour = "red"

    assert client.colour == wrapper.colour == "red"
    assert wrapper.calls == 0
    assert "colour" in dir(wrapper)
    with pytest.raises(AttributeError, match="no_such"):
        wrapper.no_such  # noqa: B018 - reading is the point


def test_one_at_a_time_keeps_names_and_documentation():
    """
    A method that is lent still says what it is.
    """
    method = LockedClient(Counting()).find

    assert (method.__name__, method.__doc__) == ("find", "Find nothing.")


def test_one_at_a_time_says_what_it_wraps():
    """
    The repr names the client's class and the rule, not its address or key.
    """
    native = shotgun_api3.Shotgun("https://x.example", "robot", KEY, connect=False)

    assert repr(LockedClient(native)) == "<Shotgun, one call at a time>"


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"])
def test_one_at_a_time_refuses_to_be_copied(duplicate):
    """
    A client with its socket and key cannot be copied or sent; the message says what can.
    """
    wrapper = LockedClient(shotgun_api3.Shotgun("https://x.example", "robot", KEY, connect=False))

    with pytest.raises(ConfigurationError, match=r"SGExtended\.from_shotgun\(sg\)") as caught:
        duplicate(wrapper)

    assert KEY not in str(caught.value)


def test_one_at_a_time_is_its_own_clone():
    """
    There is one client, so all clones of a wrapper share it and its lock.
    """
    wrapper = LockedClient(Counting())

    assert wrapper.clone() is wrapper


def test_one_at_a_time_takes_a_mockgun():
    """
    A Mockgun can be lent as well.
    """
    assert hasattr(Mockgun, "find")
    assert LockedClient(Mockgun.__new__(Mockgun)).find.__name__ == "find"


def test_one_at_a_time_asks_a_client_nothing_of_its_own():
    """
    A mock notes only the calls of who uses it, so that a studio's tests can compare them.
    """
    client = mock.MagicMock()

    LockedClient(client).find("Shot", [])
    LockedClient(client).close()

    assert client.mock_calls == [mock.call.find("Shot", []), mock.call.close()]


def test_one_at_a_time_takes_clients_without_hash():
    """
    A client that is compared by value has no hash, and needs none.
    """

    class Unhashable(Counting):
        __hash__ = None

        def __eq__(self, other):
            return True

    assert LockedClient(Unhashable()).find("Shot") == "Shot"


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_one_at_a_time_is_not_blocked_after_a_fork():
    """
    A child forked while a thread of the parent is inside a client can call it.
    """
    entered, leave = threading.Event(), threading.Event()

    class Slow(Counting):
        def hold(self):
            entered.set()
            leave.wait(GUARD)

    client = LockedClient(Slow())
    holder = threading.Thread(target=client.hold)
    holder.start()
    assert entered.wait(GUARD)
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=lambda: theirs.send(client.find("Shot")))
    process.start()
    answered = ours.poll(GUARD)
    leave.set()
    holder.join(GUARD)
    process.join(GUARD)

    assert answered
    assert ours.recv() == "Shot"
