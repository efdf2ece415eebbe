"""
`SGPool`: broken instances, and leases that are not ended properly.
"""

import gc
import http.client
import socket
import ssl
import threading
import warnings
import xmlrpc.client

import pytest
import shotgun_api3
from fix_pool import GUARD, Borrower, Instance, counts, wait_for
from shotgun_api3.lib import httplib2

import sgextended
from sgextended import HTTPStatusError, PoolError, PoolTimeout, TransportError
from sgextended.concurrency.wake_up import WakeUp


class Closable(Instance):
    """
    An instance that says whether it is closed.
    """

    made = 0

    @property
    def is_closed(self):
        return self.closed > 0


def caused(error, cause):
    error.__cause__ = cause
    return error


def in_a_circle():
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    return first


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(104, "reset"),
        socket.timeout("timed out"),
        ssl.SSLError("wrong version number"),
        http.client.IncompleteRead(b""),
        http.client.CannotSendRequest(),
        xmlrpc.client.ProtocolError("url", 502, "bad gateway", {}),
        httplib2.ServerNotFoundError("no such host"),
        TransportError("lost"),
        HTTPStatusError("503", errcode=503),
        caused(ValueError("studio's own"), TransportError("lost")),
        caused(RuntimeError("outer"), caused(ValueError("inner"), TimeoutError())),
        KeyboardInterrupt(),
        SystemExit(1),
    ],
    ids=repr,
)
def test_broken_instance_is_closed_and_replaced(make_pool, error):
    """
    After a connection failure of any type, or an interruption, the instance is closed.
    """
    pool = make_pool(max_size=1)
    with pytest.raises(type(error)), pool.lease() as first:
        raise error
    with pool.lease(0) as second:
        pass

    assert (first.closed, second.number, second.closed) == (1, 2, 0)
    assert (pool.stats()["broken"], pool.stats()["made"]) == (1, 2)


@pytest.mark.parametrize(
    "error",
    [
        shotgun_api3.Fault("no such field"),
        shotgun_api3.AuthenticationFault("who?"),
        ValueError("the user's own"),
        caused(ValueError("the user's own"), KeyError("x")),
        FileNotFoundError(2, "No such file", "plate.exr"),
        PoolTimeout("another pool has none free"),
        sgextended.NotFoundError("no such shot"),
        GeneratorExit(),
        in_a_circle(),
    ],
    ids=repr,
)
def test_other_errors_break_nothing(make_pool, error):
    """
    Faults of the site, the user's own errors, missing files and timeouts of another pool do not break the instance.
    """
    pool = make_pool(max_size=1)
    with pytest.raises(type(error)), pool.lease() as first:
        raise error
    with pool.lease(0) as second:
        assert second is first

    assert (first.closed, pool.stats()["broken"]) == (0, 0)


def test_broken_instance_makes_room_for_who_waits(make_pool):
    """
    After a broken instance is closed, the caller that waits longest creates a new one.
    """
    alive, most = [], []

    class Counted(Instance):
        def __init__(self):
            alive.append(self)
            most.append(len(alive))
            self.closed = 0

        def close(self):
            super().close()
            alive.remove(self)

    pool = make_pool(Counted, max_size=1)
    first = Borrower(pool, fail_with=TransportError("lost"))
    assert first.leased.wait(GUARD)
    second = Borrower(pool)
    wait_for(pool, waiting=1)
    first.end()
    assert second.leased.wait(GUARD)
    second.end()

    assert (first.instance.closed, second.instance.closed) == (1, 0)
    assert max(most) == 1
    assert counts(pool) == (1, 0, 1, 0)


def test_broken_instance_that_cannot_be_closed_frees_its_place(make_pool, caplog):
    """
    The error of the block is the caller's, not that of closing.
    """

    class Stubborn(Instance):
        made = 0

        def close(self):
            raise OSError("no")

    pool = make_pool(Stubborn, max_size=1)
    with pytest.raises(TransportError), pool.lease():
        raise TransportError("lost")
    with pool.lease(0) as second:
        assert second.number == 2

    assert "A Stubborn could not be closed" in caplog.text


def test_closed_instance_is_not_lent_again(make_pool):
    """
    An instance that was closed during its lease is replaced, without an error.
    """
    pool = make_pool(Closable, max_size=1)
    with pool.lease() as first:
        first.close()
    with pool.lease(0) as second:
        assert second is not first

    assert pool.stats()["broken"] == 1


def test_instance_closed_while_idle_is_not_lent(make_pool):
    """
    An instance that was closed after its lease is not leased again.
    """
    pool = make_pool(Closable, max_size=1)
    with pool.lease() as first:
        pass
    first.close()
    with pool.lease(0) as second:
        assert not second.is_closed

    assert (pool.stats()["broken"], pool.stats()["made"], pool.stats()["size"]) == (1, 2, 1)


def test_failing_is_closed_costs_no_place(make_pool):
    """
    An instance whose is_closed raises is closed, and the error is raised.
    """

    class Odd(Instance):
        made = 0

        @property
        def is_closed(self):
            raise ZeroDivisionError

    pool = make_pool(Odd, max_size=1)
    with pytest.raises(ZeroDivisionError), pool.lease() as first:
        pass
    assert first.closed == 1
    assert counts(pool) == (0, 0, 0, 0)


# --- Leases that end elsewhere, or not at all


def test_lease_may_end_in_another_thread(make_pool):
    """
    An instance comes back from whatever thread its lease ends in.
    """
    pool = make_pool(max_size=1)
    lease = pool.lease()
    lease.__enter__()
    thread = threading.Thread(target=lease.__exit__, args=(None, None, None))
    thread.start()
    thread.join(GUARD)

    with pool.lease(0) as instance:
        assert instance.number == 1


def test_lease_is_for_one_block(make_pool):
    """
    A lease that is entered again, during its block or after it, is refused and takes nothing.
    """
    pool = make_pool()
    lease = pool.lease()
    with lease, pytest.raises(PoolError, match="one block"):
        lease.__enter__()
    with pytest.raises(PoolError, match="one block"):
        lease.__enter__()
    lease.__exit__(None, None, None)  # nor does ending it again give anything back

    assert counts(pool) == (1, 0, 1, 0)


def test_abandoned_lease_frees_its_place_and_lends_nothing_twice(make_pool):
    """
    If a lease was dropped while its instance is in use, the instance is not leased again; the next lease warns of it.
    """
    pool = make_pool(max_size=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a finalizer that warned would raise here
        kept = pool.lease().__enter__()
    with (
        pytest.warns(ResourceWarning, match=r"A lease of <SGPool of Instance: .* was never ended"),
        pool.lease(0) as other,
    ):
        assert other is not kept

    assert kept.closed == 0
    assert counts(pool) == (1, 0, 1, 0)


@pytest.fixture
def small_heap():
    """
    Keeps the objects of other tests from the garbage collector, which takes a second to walk them all.
    """
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def leased_garbage(pool):
    """
    Leave a generator in the middle of its lease to the garbage collector.
    """

    def read():
        with pool.lease() as instance:
            yield instance

    cycle = [read()]
    cycle.append(cycle)
    return next(cycle[0])


@pytest.mark.parametrize("when", ["before", "after"])
def test_lease_may_be_collected_within_the_pool(small_heap, make_pool, monkeypatch, when):
    """
    A lease that the garbage collector ends while this very thread asks for one gives its instance back.
    """
    served, pool = [], make_pool(max_size=2)
    is_admitted = pool._is_admitted

    def collect_and_tell(number):
        if when == "before":
            gc.collect()
        found = is_admitted(number)
        gc.collect()
        return found

    def work():
        garbage = leased_garbage(pool)
        monkeypatch.setattr(pool, "_is_admitted", collect_and_tell)
        with pool.lease(0) as instance:
            served.append((garbage.number, instance.number, *counts(pool)))

    gc.disable()
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(GUARD)
    gc.enable()

    assert served == [(1, 1, 1, 1, 0, 0)]


def test_lease_may_be_collected_while_the_pool_decides(small_heap, make_pool, clock, monkeypatch):
    """
    An instance that the garbage collector gives back while another one is examined is lent.
    """
    pool = make_pool(max_size=2, max_idle=60)
    has_expired = pool._has_expired

    def collect_and_tell(since, now):
        gc.collect()
        return has_expired(since, now)

    gc.disable()
    try:
        with pool.lease() as first:
            garbage = leased_garbage(pool)
        clock.now += 60
        monkeypatch.setattr(pool, "_has_expired", collect_and_tell)
        with pool.lease(0) as instance:
            assert instance is garbage
    finally:
        gc.enable()

    assert (first.closed, garbage.closed) == (1, 0)


def test_lease_may_be_collected_while_its_instance_is_waited_for(small_heap, make_pool, monkeypatch):
    """
    A waiter whose own thread collects the garbage that holds the last instance is served with it.
    """
    pool = make_pool(max_size=1)
    wait = WakeUp.wait

    def collect_and_wait(signal, seconds):
        gc.collect()
        return wait(signal, seconds)

    gc.disable()
    try:
        garbage = leased_garbage(pool)
        monkeypatch.setattr(WakeUp, "wait", collect_and_wait)
        with pool.lease() as instance:
            assert instance is garbage
    finally:
        gc.enable()


def test_ended_leases_warn_of_nothing(make_pool):
    """
    A lease that has ended, that failed, or that never began is collected in silence.
    """
    pool = make_pool(max_size=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pool.lease()
        with pool.lease(), pytest.raises(PoolTimeout):
            pool.lease(0).__enter__()
        gc.collect()

    assert [str(each.message) for each in caught if "lease" in str(each.message)] == []
