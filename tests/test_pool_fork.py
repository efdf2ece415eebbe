"""
`SGPool` in a forked child.
"""

import multiprocessing

import pytest
from fix_pool import GUARD

from sgextended import PoolClosed

FORK = pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here")
FORK_WARNING = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


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


@FORK
@FORK_WARNING
def test_child_starts_empty(make_pool):
    """
    A child lends instances of its own, although all of the parent's are leased.
    """
    pool = make_pool(max_size=1)

    def child():
        before = pool.stats()
        with pool.lease(0) as instance:
            return before, instance.number, pool.stats()["leased"]

    with pool.lease() as instance:
        before, number, leased = in_child(child)

    assert before == {"max_size": 1, "size": 0, "leased": 0, "idle": 0, "waiting": 0}
    assert (instance.number, number, leased) == (1, 2, 1)
    assert pool.stats() == {"max_size": 1, "size": 1, "leased": 0, "idle": 1, "waiting": 0}


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
    A lock that a thread of the parent holds at the fork is none in the child.
    """
    pool = make_pool()
    with pool._lock:
        found = in_child(lambda: pool.stats()["size"])

    assert found == 0


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
        return pool.stats()

    assert in_child(child)["size"] == 0
    lease.__exit__(None, None, None)
    assert pool.stats()["idle"] == 1
