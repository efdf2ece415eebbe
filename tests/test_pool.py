"""
`SGPool`: growth, order, limits, failures, and what happens at its end.
"""

import logging
import threading
from typing import ClassVar

import pytest
from fix_pool import GUARD, Instance

from sgextended import ConfigurationError, PoolClosed, PoolError, PoolTimeout, SGExtended, SGPool, Site


class Borrower:
    """
    A thread that leases an instance and holds it until it is told to give it back.
    """

    served: ClassVar[list] = []  # in the order of their leases

    def __init__(self, pool, timeout=None):
        self.pool, self.timeout = pool, timeout
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
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            self.error = error
            self.leased.set()

    def end(self):
        self.release.set()
        self.thread.join(GUARD)
        assert not self.thread.is_alive()


def wait_for(pool, **counts):
    """
    Wait until the pool counts so many, which other threads bring about.
    """
    done = threading.Event()
    for _ in range(int(GUARD / 0.005)):
        if counts.items() <= pool.stats().items():
            return
        done.wait(0.005)
    raise AssertionError(pool.stats())


# --- Growth


def test_pool_makes_nothing_before_it_is_asked(make_pool):
    """
    An empty pool is free.
    """
    assert make_pool().stats() == {"max_size": 8, "size": 0, "leased": 0, "idle": 0, "waiting": 0}


def test_pool_reuses_what_came_back(make_pool):
    """
    One caller after the other gets the same instance.
    """
    pool = make_pool()
    numbers = []
    for _ in range(3):
        with pool.lease() as instance:
            numbers.append(instance.number)

    assert numbers == [1, 1, 1]
    assert pool.stats()["idle"] == 1


def test_pool_grows_on_demand(make_pool):
    """
    Leases at the same time have an instance each, up to the bound.
    """
    pool = make_pool(max_size=3)

    with pool.lease() as first, pool.lease() as second, pool.lease() as third:
        assert [first.number, second.number, third.number] == [1, 2, 3]
        assert pool.stats() == {"max_size": 3, "size": 3, "leased": 3, "idle": 0, "waiting": 0}


def test_pool_lends_the_one_used_last(make_pool):
    """
    The instance that came back last is lent first, so that the others can expire.
    """
    pool = make_pool()
    first, second = pool.lease(), pool.lease()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)

    with pool.lease() as instance:
        assert instance.number == 2


def test_pool_never_exceeds_its_bound(make_pool):
    """
    Many threads share few instances, never more at the same time, and never one between two.
    """
    pool = make_pool(max_size=3)
    held, seen, lock, problems = set(), set(), threading.Lock(), []

    def work():
        for _ in range(50):
            with pool.lease() as instance:
                with lock:
                    if instance.number in held or len(held) >= 3:
                        problems.append(instance.number)
                    held.add(instance.number)
                    seen.add(instance.number)
                with lock:
                    held.discard(instance.number)

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GUARD * 4)

    assert problems == []
    assert seen <= {1, 2, 3}
    assert (pool.stats()["leased"], pool.stats()["waiting"]) == (0, 0)


def test_pool_takes_back_after_an_error(make_pool):
    """
    An error in the block gives the instance back and is raised.
    """
    pool = make_pool(max_size=1)

    with pytest.raises(KeyError), pool.lease():
        raise KeyError("x")

    assert pool.stats()["idle"] == 1


# --- Waiting


def test_waiters_are_served_in_order(make_pool):
    """
    Who waits longest is served first.
    """
    pool = make_pool(max_size=1)
    holder = Borrower(pool)
    assert holder.leased.wait(GUARD)
    waiting = []
    for number in range(4):
        waiting.append(Borrower(pool))
        wait_for(pool, waiting=number + 1)

    for borrower in waiting:
        borrower.release.set()
    holder.end()
    for borrower in waiting:
        borrower.end()

    assert Borrower.served[-4:] == waiting
    assert {borrower.instance.number for borrower in waiting} == {1}


def test_waiter_times_out(make_pool):
    """
    A lease that is not served in time fails, with the name of the class, the limit and the numbers.
    """

    class Studio(Instance):
        pass

    pool = make_pool(Studio, max_size=1)

    with (
        pool.lease(),
        pytest.raises(PoolTimeout, match=r"No Studio within 0\.01 s: all 1 are leased and 0 other") as caught,
    ):
        pool.lease(timeout=0.01).__enter__()

    assert (caught.value.pool, caught.value.waited) == ("Studio", 0.01)
    assert pool.stats() == {"max_size": 1, "size": 1, "leased": 0, "idle": 1, "waiting": 0}


@pytest.mark.parametrize("timeout", [0, -1])
def test_lease_without_time_does_not_wait(make_pool, timeout):
    """
    No time to wait fails at once when all are leased, and serves when one is free.
    """
    pool = make_pool(max_size=1, timeout=0)

    with pool.lease(timeout), pytest.raises(PoolTimeout):
        pool.lease(timeout).__enter__()
    with pool.lease(timeout) as instance:
        assert instance.number == 1


def test_pool_timeout_is_that_of_the_pool_by_default(make_pool):
    """
    Without a limit of its own a lease waits as long as the pool says.
    """
    pool = make_pool(max_size=1, timeout=0.01)

    with pool.lease(), pytest.raises(PoolTimeout, match=r"within 0\.01 s"):
        pool.lease().__enter__()


def test_interrupted_waiter_leaves_the_queue(make_pool, monkeypatch):
    """
    A wait that ends in KeyboardInterrupt leaves nobody in the queue to be served.
    """
    pool = make_pool(max_size=1)

    def interrupt(*_):
        raise KeyboardInterrupt

    with pool.lease():
        with monkeypatch.context() as patch:
            patch.setattr(threading.Event, "wait", interrupt)
            with pytest.raises(KeyboardInterrupt):
                pool.lease().__enter__()
        assert pool.stats()["waiting"] == 0

    with pool.lease(0) as instance:
        assert instance.number == 1


def test_interrupted_waiter_passes_on_what_it_was_given(make_pool, monkeypatch):
    """
    An instance that was given to a waiter at the moment of its interruption goes back.
    """
    pool = make_pool(max_size=1)
    lease = pool.lease()
    lease.__enter__()

    def interrupt(*_):
        lease.__exit__(None, None, None)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Event, "wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            pool.lease().__enter__()

    assert pool.stats() == {"max_size": 1, "size": 1, "leased": 0, "idle": 1, "waiting": 0}


def test_waiter_served_at_the_last_moment_is_served(make_pool, monkeypatch):
    """
    An instance that comes back just when the time is up is lent, not lost.
    """
    pool = make_pool(max_size=1)
    lease = pool.lease()
    lease.__enter__()

    def too_late(*_):
        lease.__exit__(None, None, None)
        return False

    monkeypatch.setattr(threading.Event, "wait", too_late)
    with pool.lease() as instance:
        assert instance.number == 1
        assert pool.stats()["leased"] == 1


# --- Failures of the factory


def test_failed_factory_frees_its_place(make_pool):
    """
    A factory that raises takes no place for ever, and its error is the caller's.
    """
    outcomes = [ConnectionError("down"), ConnectionError("down"), None]

    def factory():
        outcome = outcomes.pop(0)
        if outcome:
            raise outcome
        return Instance()

    pool = make_pool(factory, max_size=1)
    for _ in range(2):
        with pytest.raises(ConnectionError, match="down"):
            pool.lease().__enter__()

    with pool.lease(0):
        assert pool.stats()["leased"] == 1


def test_failed_factory_hands_its_place_to_a_waiter(make_pool):
    """
    Who waits while a factory fails makes an instance in its place.
    """
    making, fail = threading.Event(), threading.Event()
    calls = []

    def factory():
        calls.append(None)
        if len(calls) == 1:
            making.set()
            fail.wait(GUARD)
            raise ConnectionError("down")
        return Instance()

    pool = make_pool(factory, max_size=1)
    first = Borrower(pool)
    assert making.wait(GUARD)
    second = Borrower(pool)
    wait_for(pool, waiting=1)
    fail.set()
    assert second.leased.wait(GUARD)
    first.end()
    second.end()

    assert isinstance(first.error, ConnectionError)
    assert isinstance(second.instance, Instance)
    assert pool.stats() == {"max_size": 1, "size": 1, "leased": 0, "idle": 1, "waiting": 0}


# --- Idle instances


def test_idle_instances_expire(make_pool, clock):
    """
    An instance that nobody used for longer than max_idle is closed when the pool is used next, and replaced.
    """
    pool = make_pool(max_idle=60)
    with pool.lease() as first:
        pass
    clock.now += 61

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
    clock.now += 60

    with pool.lease() as second:
        assert second is first


def test_only_the_longest_idle_expire(make_pool, clock):
    """
    What was used meanwhile stays.
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
    None keeps all.
    """
    pool = make_pool()
    with pool.lease() as first:
        pass
    clock.now += 1e9

    with pool.lease() as second:
        assert second is first


def test_failure_to_close_is_logged_and_costs_no_place(make_pool, clock, caplog):
    """
    An expired instance that cannot be closed is no reason to fail the next caller, and leaves its place.
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
    What has no ``close`` is let go.
    """
    pool = make_pool(object, max_idle=60)
    with pool.lease():
        pass
    clock.now += 61
    with pool.lease():
        pass

    assert pool.stats()["size"] == 1


# --- Closing


def test_close_closes_what_is_free_and_then_what_comes_back(make_pool):
    """
    Closing does not take an instance from who has it.
    """
    pool = make_pool()
    with pool.lease() as free:
        pass
    lease = pool.lease()
    with pool.lease() as free, lease as leased:
        pass
    lease = pool.lease()
    leased = lease.__enter__()
    pool.close()
    before = (free.closed, leased.closed)
    lease.__exit__(None, None, None)

    assert before == (int(free is not leased), 0)
    assert leased.closed == 1
    assert pool.stats()["size"] == 0


def test_closed_pool_lends_nothing(make_pool):
    """
    After close, or the with block, a lease is refused with the name of the class.
    """
    with make_pool() as pool:
        pass
    pool.close()

    with pytest.raises(PoolClosed, match=r"This pool of Instance is closed.*make a new one"):
        pool.lease().__enter__()


def test_close_wakes_who_waits(make_pool):
    """
    Callers in the queue get PoolClosed at once.
    """
    pool = make_pool(max_size=1)
    holder = Borrower(pool)
    assert holder.leased.wait(GUARD)
    waiters = [Borrower(pool) for _ in range(2)]
    wait_for(pool, waiting=2)
    pool.close()
    for waiter in waiters:
        waiter.end()
    holder.end()

    assert [type(waiter.error) for waiter in waiters] == [PoolClosed, PoolClosed]
    assert holder.instance.closed == 1
    assert pool.stats() == {"max_size": 1, "size": 0, "leased": 0, "idle": 0, "waiting": 0}


# --- Options and looks


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_size": 0}, "max_size=0"),
        ({"max_size": 1.5}, r"max_size=1\.5"),
        ({"max_size": True}, "max_size=True"),
        ({"timeout": -1}, "timeout=-1"),
        ({"timeout": float("inf")}, "timeout=inf: .*Nothing waits for ever"),
        ({"timeout": float("nan")}, "timeout=nan"),
        ({"max_idle": -1}, "max_idle=-1"),
        ({"max_idle": float("nan")}, "max_idle=nan"),
    ],
)
def test_pool_refuses_bounds_that_cannot_work(settings, message):
    """
    A bound that would lend nothing or wait for ever is refused by name.
    """
    with pytest.raises(ConfigurationError, match=message):
        SGPool(Instance, **settings)


def test_pool_says_what_it_holds(make_pool):
    """
    The repr has the class and the counts.
    """
    pool = make_pool(max_size=4)

    with pool.lease(), pool.lease():
        assert repr(pool) == "<SGPool of Instance: 2 of 4, 2 leased, 0 waiting>"


def test_pool_names_a_factory_without_a_name():
    """
    A callable object is named by its class.
    """

    class Maker:
        def __call__(self):
            return Instance()

    assert repr(SGPool(Maker())) == "<SGPool of Maker: 0 of 8, 0 leased, 0 waiting>"


def test_pool_errors_are_pool_errors():
    """
    One except clause catches what a pool raises.
    """
    assert issubclass(PoolTimeout, PoolError)
    assert issubclass(PoolClosed, PoolError)


def test_pool_of_a_studio_class_lends_its_methods():
    """
    A lease is an instance of the studio's class, with its methods.
    """

    class Studio(SGExtended):
        def hello(self):
            return f"hello from {self.base_url}"

    pool = SGPool(lambda: Studio(site=Site(url="https://studio.example")))

    with pool, pool.lease() as sg:
        assert sg.hello() == "hello from https://studio.example"
