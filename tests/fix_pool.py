"""
Pools of instances that count themselves, with a clock that tests set.
"""

import multiprocessing
import threading
from typing import ClassVar
from weakref import WeakSet

import pytest

from sgextended import SGPool

GUARD = 20

FORK = pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here")
FORK_WARNING = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


class Instance:
    """
    The instances that the pools of these tests lease.
    """

    made = 0

    def __init__(self):
        type(self).made += 1
        self.number = type(self).made
        self.closed = 0

    def close(self):
        self.closed += 1


class Clock:
    """
    A clock that the test advances.
    """

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Borrower:
    """
    A thread that leases an instance and holds it until the test lets it return the instance, or fail.
    """

    served: ClassVar[list] = []  # in the order of their leases

    def __init__(self, pool, timeout=None, fail_with=None):
        self.pool, self.timeout, self.fail_with = pool, timeout, fail_with
        self.leased, self.release = threading.Event(), threading.Event()
        self.instance = self.error = None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            with self.pool.lease(self.timeout) as self.instance:
                self.served.append(self)
                self.leased.set()
                self.release.wait(GUARD)
                fail(self.fail_with)
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            self.error = error
            self.leased.set()

    def end(self):
        self.release.set()
        self.thread.join(GUARD)
        assert not self.thread.is_alive()


def fail(error):
    if error is not None:
        raise error


def wait_for(pool, **counts):
    """
    Wait until the counts of the pool have these values.
    """
    done = threading.Event()
    for _ in range(int(GUARD / 0.005)):
        if counts.items() <= pool.stats().items():
            return
        done.wait(0.005)
    raise AssertionError(pool.stats())


def counts(pool):
    """
    Return the present counts of the pool: size, leased, idle, waiting.
    """
    stats = pool.stats()
    return tuple(stats[name] for name in ("size", "leased", "idle", "waiting"))


def in_child(function):
    """
    Return what a function returns in a forked child; None when it does not within the guard.
    """
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=lambda: theirs.send(function()))
    process.start()
    answer = ours.recv() if ours.poll(GUARD) else None
    if answer is None:
        process.kill()
    process.join(GUARD)
    return answer


@pytest.fixture
def clock():
    """
    The time of the pools.
    """
    return Clock()


@pytest.fixture
def make_pool(clock):
    """
    Makes a pool of instances that are numbered from 1; closed after the test.
    """
    pools = WeakSet()

    def make(factory=None, **settings):
        factory = factory or type("Instance", (Instance,), {"made": 0})
        pool = SGPool(factory, **{"timeout": GUARD, "clock": clock, **settings})
        pools.add(pool)
        return pool

    yield make
    for pool in list(pools):
        pool.close()
    for thread in threading.enumerate():
        if thread.name.startswith("sgextended-pool"):
            thread.join(GUARD)
            assert not thread.is_alive()
