"""
`SGPool`: how a pool is closed.
"""

import threading

import pytest
from fix_pool import GUARD, Borrower, Instance, counts, wait_for

from sgextended import ConfigurationError, PoolClosed, PoolTimeout
from sgextended.concurrency.wake_up import WakeUp


def test_close_closes_what_is_free_and_then_what_comes_back(make_pool):
    """
    Closing the pool does not close a leased instance before its lease ends.
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

    with pytest.raises(PoolClosed, match=r"This pool of Instance is closed.*Create a new"):
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
    assert counts(pool) == (0, 0, 0, 0)


def test_close_waits_for_what_is_leased(make_pool):
    """
    With wait it returns after the leased instances were returned and closed.
    """
    closing, go, order = threading.Event(), threading.Event(), []

    class Slow(Instance):
        def close(self):
            closing.set()
            go.wait(GUARD)
            order.append("instance")

    pool = make_pool(Slow)
    holders = [Borrower(pool), Borrower(pool)]
    assert all(holder.leased.wait(GUARD) for holder in holders)

    def close():
        pool.close(wait=True)
        order.append("pool")

    closer = threading.Thread(target=close)
    closer.start()
    holders[0].release.set()
    assert closing.wait(GUARD)
    holders[1].release.set()
    go.set()
    closer.join(GUARD)
    for holder in holders:
        holder.end()

    assert order == ["instance", "instance", "pool"]
    assert counts(pool) == (0, 0, 0, 0)


def test_close_waits_while_instances_are_made(make_pool):
    """
    An instance that is being created when the pool is closed is leased, and close waits for it.
    """
    making, go = threading.Event(), threading.Event()

    def factory():
        making.set()
        go.wait(GUARD)
        return Instance()

    pool = make_pool(factory)
    borrower = Borrower(pool)
    assert making.wait(GUARD)
    with pytest.raises(PoolTimeout):
        pool.close(wait=True, timeout=0)
    go.set()
    borrower.release.set()
    pool.close(wait=True)

    assert borrower.instance.closed == 1
    borrower.end()


def test_close_waits_for_nothing_where_nothing_is_leased(make_pool):
    """
    With wait and all instances free it closes them and returns, whatever the limit.
    """
    pool = make_pool()
    with pool.lease() as instance:
        pass
    pool.close(wait=True, timeout=0)

    assert instance.closed == 1


def test_close_gives_up_at_its_limit(make_pool):
    """
    The error has the number of leased instances, which are closed when they are returned; closing again waits again.
    """
    pool = make_pool(max_size=4)
    with pool.lease() as first, pool.lease() as second:
        with pytest.raises(
            PoolTimeout, match=r"pool of Instance is closed, but 2 of at most 4 .* within 0\.01 s"
        ) as caught:
            pool.close(wait=True, timeout=0.01)
        with pytest.raises(PoolClosed):
            pool.lease().__enter__()
    pool.close(wait=True)

    assert (caught.value.pool, caught.value.waited) == ("Instance", 0.01)
    assert (first.closed, second.closed) == (1, 1)


def test_close_succeeds_at_the_last_moment(make_pool, monkeypatch):
    """
    If the last instance is returned just when the time is up, no error is raised.
    """
    pool = make_pool()
    lease = pool.lease()
    instance = lease.__enter__()

    def too_late(_signal, _seconds):
        lease.__exit__(None, None, None)
        return False

    monkeypatch.setattr(WakeUp, "wait", too_late)
    pool.close(wait=True)

    assert instance.closed == 1


def test_close_waits_as_long_as_the_pool_by_default(make_pool):
    """
    Without a timeout, close uses that of the pool.
    """
    pool = make_pool(timeout=0.01)

    with pool.lease(), pytest.raises(PoolTimeout, match=r"within 0\.01 s"):
        pool.close(wait=True)


def test_close_serves_several_who_wait(make_pool):
    """
    All threads that close and wait return when the last lease has ended.
    """
    pool = make_pool()
    holder = Borrower(pool)
    assert holder.leased.wait(GUARD)
    closed = []
    closers = [threading.Thread(target=lambda: closed.append(pool.close(wait=True))) for _ in range(3)]
    for closer in closers:
        closer.start()
    holder.end()
    for closer in closers:
        closer.join(GUARD)

    assert closed == [None] * 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"timeout": 5}, r"Write close\(wait=True, timeout=5\)"),
        ({"wait": True, "timeout": float("inf")}, "never waits for ever"),
        ({"wait": True, "timeout": float("nan")}, "timeout=nan"),
    ],
)
def test_close_refuses_what_means_nothing(make_pool, settings, message):
    """
    A limit without a wait, or one without an end, is refused, and the pool stays open.
    """
    pool = make_pool()

    with pytest.raises(ConfigurationError, match=message):
        pool.close(**settings)
    with pool.lease():
        pass


def test_failure_to_close_keeps_no_place_and_no_other_open(make_pool):
    """
    An interruption while one instance is closed leaves the places free, and the next close ends the others.
    """
    closed = []

    class Interrupted(Instance):
        def close(self):
            closed.append(self)
            if len(closed) == 1:
                raise KeyboardInterrupt

    pool = make_pool(Interrupted)
    with pool.lease(), pool.lease(), pool.lease():
        pass
    with pytest.raises(KeyboardInterrupt):
        pool.close()
    pool.close(wait=True, timeout=0)

    assert len(set(closed)) == len(closed) == 3
    assert counts(pool) == (0, 0, 0, 0)
