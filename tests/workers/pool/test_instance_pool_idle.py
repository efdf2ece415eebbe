"""
`SGPool`: idle instances are closed.
"""

import gc
import logging
import queue
import threading

import pytest
from fix_pool import GUARD, Instance, counts

from sgextended import SGPool


class Nap:
    """
    The sleep of the closing thread: it reports the duration, and the test lets the time pass.
    """

    def __init__(self, clock):
        self.clock, self.asked, self.over, self.woken = clock, queue.Queue(), threading.Semaphore(0), False

    def wait(self, seconds):
        self.asked.put(seconds)
        assert self.over.acquire(timeout=GUARD)
        self.clock.now += 0 if self.woken else seconds
        return self.woken

    def set(self):
        self.woken = True
        self.over.release()

    def seconds(self):
        return self.asked.get(timeout=GUARD)


@pytest.fixture
def nap(clock):
    """
    The sleep of the watching thread.
    """
    return Nap(clock)


@pytest.fixture
def watched(make_pool, nap):
    """
    A pool whose idle instances expire after a minute, on the test's time.
    """
    pool = make_pool(max_idle=60, max_size=2)
    pool._wake = nap
    yield pool
    pool.close()


def watchers():
    return [thread for thread in threading.enumerate() if thread.name == "sgextended-pool-Instance"]


def test_idle_instances_expire(make_pool, clock):
    """
    An instance that nobody used for max_idle seconds is closed when the pool is used next, and replaced.
    """
    pool = make_pool(max_idle=60)
    with pool.lease() as first:
        pass
    clock.now += 60

    with pool.lease() as second:
        assert second is not first

    assert (first.closed, second.closed) == (1, 0)


def test_idle_instances_stay_until_then(make_pool, clock):
    """
    Up to max_idle an instance is reused.
    """
    pool = make_pool(max_idle=60)
    with pool.lease() as first:
        pass
    clock.now += 59

    with pool.lease() as second:
        assert second is first


def test_only_the_longest_idle_expire(make_pool, clock):
    """
    Instances that were used in between stay.
    """
    pool = make_pool(max_idle=60)
    with pool.lease() as first, pool.lease() as second:
        pass
    clock.now += 40
    with pool.lease() as used:
        pass
    clock.now += 40
    with pool.lease():
        pass

    (unused,) = {first, second} - {used}
    assert (used.closed, unused.closed) == (0, 1)
    assert pool.stats()["size"] == 1


def test_without_max_idle_nothing_expires(make_pool, clock):
    """
    None keeps all, and needs no thread.
    """
    pool = make_pool(max_idle=None)
    with pool.lease() as first:
        pass
    clock.now += 1e9

    with pool.lease() as second:
        assert second is first
    assert watchers() == []


def test_failure_to_close_is_logged_and_costs_no_place(make_pool, clock, caplog):
    """
    An expired instance whose close raises does not fail the next caller, and frees its place.
    """

    class Stubborn(Instance):
        made = 0

        def close(self):
            raise ConnectionError("no")

    pool = make_pool(Stubborn, max_size=1, max_idle=60)
    with pool.lease():
        pass
    clock.now += 61

    with caplog.at_level(logging.WARNING, "sgextended"), pool.lease(0) as second:
        assert second.number == 2

    assert "could not be closed" in caplog.text
    assert pool.stats()["size"] == 1


def test_instances_without_close_expire_too(make_pool, clock):
    """
    An instance without ``close`` is dropped.
    """
    pool = make_pool(object, max_idle=60)
    with pool.lease():
        pass
    clock.now += 61
    with pool.lease():
        pass

    assert pool.stats()["size"] == 1


def test_expired_instance_frees_its_place_for_a_lease_without_time(make_pool, clock):
    """
    A full pool replaces an expired instance at once, and never has two.
    """
    alive, most = [], []

    class Counted(Instance):
        def __init__(self):
            alive.append(self)
            most.append(len(alive))

        def close(self):
            alive.remove(self)

    pool = make_pool(Counted, max_size=1, max_idle=60)
    for _ in range(3):
        with pool.lease(0):
            pass
        clock.now += 60

    assert most == [1, 1, 1]
    assert (pool.stats()["expired"], pool.stats()["made"]) == (2, 3)


def test_without_idle_time_nothing_is_lent_twice(make_pool):
    """
    With max_idle=0 an instance is closed when it is returned.
    """
    pool = make_pool(max_idle=0)
    with pool.lease() as first:
        pass
    with pool.lease() as second:
        pass

    assert (first.number, second.number) == (1, 2)
    assert (first.closed, second.closed) == (1, 1)
    assert counts(pool) == (0, 0, 0, 0)


def test_idle_instances_expire_after_a_minute_by_default(clock):
    """
    With the default, no instance is kept for longer than firewalls keep its connection.
    """
    pool = SGPool(Instance, clock=clock)
    with pool.lease() as first:
        pass
    clock.now += 60
    with pool.lease() as second:
        pass

    assert second is not first
    pool.close()


# --- Without traffic


def test_idle_instances_expire_without_traffic(watched, nap):
    """
    A thread closes expired instances although the pool is not used, and ends when there are no instances.
    """
    with watched.lease() as instance:
        pass
    (thread,) = watchers()
    assert (nap.seconds(), instance.closed) == (60, 0)
    nap.over.release()
    thread.join(GUARD)

    assert instance.closed == 1
    assert (watched.stats()["size"], watched.stats()["expired"]) == (0, 1)
    assert watchers() == []


def test_thread_looks_again_when_something_may_expire(watched, nap, clock):
    """
    One thread closes each instance when its own time is up.
    """
    with watched.lease() as first, watched.lease() as second:
        pass
    assert nap.seconds() == 60
    clock.now += 20
    with watched.lease() as used:
        pass
    clock.now -= 20  # the nap moves it by the whole minute
    nap.over.release()
    assert nap.seconds() == 20
    (unused,) = {first, second} - {used}
    assert (unused.closed, used.closed, len(watchers())) == (1, 0, 1)
    nap.over.release()
    for thread in watchers():
        thread.join(GUARD)

    assert used.closed == 1


def test_thread_waits_for_what_is_leased(watched, nap):
    """
    A lease longer than max_idle is not interrupted, and its instance expires after it.
    """
    with watched.lease() as instance:
        assert nap.seconds() == 60
        nap.over.release()
        assert nap.seconds() == 60
        assert instance.closed == 0
    nap.over.release()
    for thread in watchers():
        thread.join(GUARD)

    assert instance.closed == 1


def test_thread_starts_again_with_the_next_instance(watched, nap):
    """
    After the pool was empty, a new instance starts the thread again.
    """
    for number in (1, 2):
        with watched.lease() as instance:
            assert instance.number == number
        assert nap.seconds() == 60
        nap.over.release()
        for thread in watchers():
            thread.join(GUARD)
        assert instance.closed == 1


@pytest.mark.parametrize("end", ["close", "forget"])
def test_thread_ends_with_its_pool(make_pool, end):
    """
    A pool that is closed or garbage-collected leaves no thread behind.
    """
    pool = make_pool(max_idle=60)
    with pool.lease():
        pass
    (thread,) = watchers()
    if end == "close":
        pool.close()
    del pool
    gc.collect()
    thread.join(GUARD)

    assert not thread.is_alive()


def test_pool_works_where_no_thread_can_be_started(make_pool, clock, monkeypatch):
    """
    Without a thread, expired instances are closed when the pool is used next.
    """

    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    pool = make_pool(max_idle=60)
    with pool.lease() as first:
        pass
    clock.now += 60
    with pool.lease() as second:
        pass

    assert (first.closed, second.number) == (1, 2)
