"""
`SGPool`: growth, order, limits, failures of the factory, options and looks.
"""

import threading

import pytest
from fix_pool import GUARD, Borrower, Instance, counts, wait_for

from sgextended import ConfigurationError, PoolClosed, PoolError, PoolTimeout, SGPool
from sgextended.concurrency.wake_up import WakeUp

# --- Growth


def test_pool_makes_nothing_before_it_is_asked(make_pool):
    """
    An empty pool is free.
    """
    names = ("size", "leased", "idle", "waiting", "made", "broken", "expired", "lease_timeouts", "longest_wait_ms")

    assert make_pool().stats() == {"max_size": 8, **dict.fromkeys(names, 0)}


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
        assert counts(pool) == (3, 3, 0, 0)


def test_pool_lends_the_one_used_last(make_pool):
    """
    The instance that was returned last is leased first, so that the others can expire.
    """
    pool = make_pool()
    first, second = pool.lease(), pool.lease()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)

    with pool.lease() as instance:
        assert instance.number == 2


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
        pytest.raises(PoolTimeout, match=r"No Studio .* within 0\.01 s\. All 1 are leased and 0 other") as caught,
    ):
        pool.lease(timeout=0.01).__enter__()

    assert (caught.value.pool, caught.value.waited) == ("Studio", 0.01)
    assert counts(pool) == (1, 0, 1, 0)


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
    Without its own timeout a lease waits as long as the pool's timeout.
    """
    pool = make_pool(max_size=1, timeout=0.01)

    with pool.lease(), pytest.raises(PoolTimeout, match=r"within 0\.01 s"):
        pool.lease().__enter__()


def test_interrupted_waiter_leaves_the_queue(make_pool, monkeypatch):
    """
    A caller whose wait ends with KeyboardInterrupt leaves the queue.
    """
    pool = make_pool(max_size=1)

    def interrupt(*_):
        raise KeyboardInterrupt

    with pool.lease():
        with monkeypatch.context() as patch:
            patch.setattr(WakeUp, "wait", interrupt)
            with pytest.raises(KeyboardInterrupt):
                pool.lease().__enter__()
        assert pool.stats()["waiting"] == 0

    with pool.lease(0) as instance:
        assert instance.number == 1


def test_interrupted_waiter_passes_on_what_it_was_given(make_pool, monkeypatch):
    """
    An instance given to a caller at the moment of its interruption is returned.
    """
    pool = make_pool(max_size=1)
    lease = pool.lease()
    lease.__enter__()

    def interrupt(*_):
        lease.__exit__(None, None, None)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(WakeUp, "wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            pool.lease().__enter__()

    assert counts(pool) == (1, 0, 1, 0)


def test_waiter_served_at_the_last_moment_is_served(make_pool, monkeypatch):
    """
    An instance that is returned just when the time is up is leased, not lost.
    """
    pool = make_pool(max_size=1)
    lease = pool.lease()
    lease.__enter__()

    def too_late(*_):
        lease.__exit__(None, None, None)
        return False

    monkeypatch.setattr(WakeUp, "wait", too_late)
    with pool.lease() as instance:
        assert instance.number == 1
        assert pool.stats()["leased"] == 1


# --- Failures of the factory


def test_failed_factory_frees_its_place(make_pool):
    """
    A factory that raises does not occupy a place, and the caller receives its error.
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
    When a factory fails, a waiting caller creates an instance in its place.
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
    assert counts(pool) == (1, 0, 1, 0)


# --- Options and looks


def test_pool_refuses_an_instance():
    """
    The constructor refuses an instance in the place of a class.
    """
    with pytest.raises(ConfigurationError, match=r"is not callable\. Pass a class"):
        SGPool(Instance())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_size": 0}, "max_size=0"),
        ({"max_size": 1.5}, r"max_size=1\.5"),
        ({"max_size": True}, "max_size=True"),
        ({"timeout": -1}, "timeout=-1"),
        ({"timeout": float("inf")}, "timeout=inf .*never waits for ever"),
        ({"timeout": float("nan")}, "timeout=nan"),
        ({"max_idle": -1}, "max_idle=-1"),
        ({"max_idle": float("nan")}, "max_idle=nan"),
    ],
)
def test_pool_refuses_bounds_that_cannot_work(settings, message):
    """
    A limit that would lease nothing or wait for ever is refused by name.
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
    One except clause catches all errors of a pool.
    """
    assert issubclass(PoolTimeout, PoolError)
    assert issubclass(PoolClosed, PoolError)


@pytest.mark.parametrize("timeout", [float("inf"), float("nan")])
def test_lease_refuses_to_wait_for_ever(make_pool, timeout):
    """
    A limit without an end is refused before anything is taken, although an instance is free.
    """
    pool = make_pool()

    with pytest.raises(ConfigurationError, match=f"timeout={timeout} .*never waits for ever"):
        pool.lease(timeout)
    assert counts(pool) == (0, 0, 0, 0)


def test_very_long_limits_are_limits(make_pool):
    """
    More seconds than the operating system counts to can be asked for.
    """
    pool = make_pool(max_size=1, timeout=1e300)
    holder, waiting = Borrower(pool), []
    assert holder.leased.wait(GUARD)
    waiting.append(Borrower(pool, timeout=1e300))
    wait_for(pool, waiting=1)
    holder.end()
    assert waiting[0].leased.wait(GUARD)
    waiting[0].end()

    assert waiting[0].error is None


def test_stats_tell_what_became_of_waits(make_pool, clock, monkeypatch):
    """
    Timed out leases are counted, and the longest wait is given in milliseconds, whether or not it timed out.
    """
    pool = make_pool(max_size=1)
    lease = pool.lease()
    lease.__enter__()

    def sleep(_signal, seconds):
        clock.now += seconds
        return False

    monkeypatch.setattr(WakeUp, "wait", sleep)
    for seconds in (2, 7.5, 3):
        with pytest.raises(PoolTimeout):
            pool.lease(seconds).__enter__()

    def serve(_signal, _seconds):
        clock.now += 9
        lease.__exit__(None, None, None)
        return True

    in_vain = pool.stats()
    monkeypatch.setattr(WakeUp, "wait", serve)
    with pool.lease():
        pass

    assert (in_vain["lease_timeouts"], in_vain["longest_wait_ms"]) == (3, 7500)
    assert (pool.stats()["lease_timeouts"], pool.stats()["longest_wait_ms"]) == (3, 9000)
