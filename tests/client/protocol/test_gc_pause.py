"""
The garbage collector stays out of large answers, and yet finds the garbage of the program.
"""

import gc
import json
import weakref

import pytest

from sgextended.client.protocol import codec
from sgextended.client.protocol.gc_pause import GCPause

LARGE = 10**6  # bytes


class Knot:
    """
    Garbage that only the collector finds.
    """

    def __init__(self):
        self.itself = self


class Clock:
    """
    A clock that goes on by as much as one asks for, each time that it is read.
    """

    def __init__(self, *steps):
        self.now, self.steps = 0.0, list(steps)

    def __call__(self):
        self.now += self.steps.pop(0)
        return self.now


def test_what_a_program_has_frozen_stays_frozen():
    """
    A server that froze its objects before it forked finds them so after an answer was read.
    """
    frozen = Knot()
    gc.freeze()
    try:
        with GCPause().paused(LARGE):
            pass

        assert not any(each is frozen for each in gc.get_objects())
        assert gc.isenabled()
    finally:
        gc.unfreeze()


def test_what_was_read_is_not_walked_at_once():
    """
    The objects of a large answer count among those that live long, so that the next small collection leaves them out.
    """
    gc.collect()
    reply = codec.decode(json.dumps([{"id": n} for n in range(8000)]).encode(), local=None)

    assert len(gc.get_objects(generation=0)) < 8000
    assert len(reply) == 8000


def test_a_small_answer_leaves_the_collector_alone():
    """
    A loop of small calls would keep it from ever running.
    """
    with GCPause(Clock()).paused(100):
        assert gc.isenabled()


def test_a_collector_that_is_off_stays_off():
    """
    Whoever has switched it off does not find it on again.
    """
    gc.disable()
    try:
        with GCPause(Clock()).paused(LARGE):
            assert not gc.isenabled()

        assert not gc.isenabled()
    finally:
        gc.enable()


def test_garbage_of_a_program_that_only_reads_is_found():
    """
    What is garbage while large answers are read is found after a second of that.
    """
    collector = GCPause(Clock(0, 0.6, 0, 0.6, 0, 0))
    lost = weakref.ref(Knot())
    with collector.paused(LARGE):
        pass

    assert lost() is not None

    with collector.paused(LARGE):
        pass

    assert lost() is None


@pytest.mark.parametrize(("work", "is_found"), [(4.0, False), (6.0, True)])
def test_full_collections_take_a_small_part_of_the_time(work, is_found):
    """
    After one that took half a second the next comes after five seconds of work.
    """
    collector = GCPause(Clock(0, 2.0, 0, 0.5, 0, work, 0, 0))
    with collector.paused(LARGE):
        pass
    lost = weakref.ref(Knot())
    with collector.paused(LARGE):
        pass

    assert (lost() is None) == is_found
    gc.collect()
