"""
`SGPool` in a forked child.
"""

import gc
import threading

from fix_pool import FORK, FORK_WARNING, Borrower, Instance, counts, in_child, wait_for

from sgextended import PoolClosed


@FORK
@FORK_WARNING
def test_child_starts_empty(make_pool):
    """
    A child leases instances of its own, although all instances of the parent are leased.
    """
    pool = make_pool(max_size=1)

    def child():
        before = counts(pool)
        with pool.lease(0) as instance:
            return before, instance.number, pool.stats()["leased"]

    with pool.lease() as instance:
        before, number, leased = in_child(child)

    assert before == (0, 0, 0, 0)
    assert (instance.number, number, leased) == (1, 2, 1)
    assert counts(pool) == (1, 0, 1, 0)


@FORK
@FORK_WARNING
def test_child_does_not_close_what_is_the_parents(make_pool):
    """
    Closing in the child leaves the parent's instances alone: they share its sockets.
    """
    pool = make_pool()
    with pool.lease() as instance:
        pass

    def child():
        pool.close()
        return instance.closed

    assert in_child(child) == 0


@FORK
@FORK_WARNING
def test_child_of_a_closed_pool_finds_it_closed(make_pool):
    """
    A closed pool stays closed.
    """
    pool = make_pool()
    pool.close()

    def child():
        try:
            pool.lease().__enter__()
        except PoolClosed:
            return "closed"

    assert in_child(child) == "closed"


@FORK
@FORK_WARNING
def test_child_is_not_blocked_by_a_thread_of_the_parent(make_pool):
    """
    A thread of the parent that waits for an instance at the fork is not in the child, and is served in the parent.
    """
    pool = make_pool(max_size=1)
    with pool.lease():
        waiting = Borrower(pool)
        wait_for(pool, waiting=1)
        found = in_child(lambda: counts(pool))
    waiting.end()

    assert found == (0, 0, 0, 0)
    assert waiting.error is None


@FORK
@FORK_WARNING
def test_lease_of_the_parent_is_not_given_back_in_the_child(make_pool):
    """
    A lease taken before the fork and left in the child is still the parent's.
    """
    pool = make_pool(max_size=1)
    lease = pool.lease()
    lease.__enter__()

    def child():
        lease.__exit__(None, None, None)
        return counts(pool)

    assert in_child(child) == (0, 0, 0, 0)
    lease.__exit__(None, None, None)
    assert pool.stats()["idle"] == 1


@FORK
@FORK_WARNING
def test_child_collects_nothing_of_the_parents(make_pool, tmp_path):
    """
    An idle instance of the parent is not even collected in the child, where its end could end the parent's connection.
    """
    gone = tmp_path / "gone"

    class Goodbye(Instance):
        def __del__(self):
            gone.touch()

    pool = make_pool(Goodbye)
    with pool.lease():
        pass

    def child():
        gc.collect()
        return pool.stats()["size"], gone.exists()

    assert in_child(child) == (0, False)


@FORK
@FORK_WARNING
def test_child_has_idle_instances_watched(make_pool):
    """
    The thread that closes idle instances is not in the child, which starts one of its own.
    """
    pool = make_pool(max_idle=60)

    def child():
        with pool.lease():
            return [thread.name for thread in threading.enumerate() if thread.name.startswith("sgextended-pool")]

    with pool.lease():
        assert in_child(child) == ["sgextended-pool-Instance"]
