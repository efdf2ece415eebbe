"""
Pools of instances that count themselves, with a clock that tests set.
"""

import pytest

from sgextended import SGPool

GUARD = 5


class Instance:
    """
    What the pools of these tests lend.
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
    Time that passes when told.
    """

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    """
    The time of the pools.
    """
    return Clock()


@pytest.fixture
def make_pool(clock):
    """
    Makes a pool of instances that are numbered from 1.
    """

    def make(factory=None, **settings):
        factory = factory or type("Instance", (Instance,), {"made": 0})
        return SGPool(factory, **{"timeout": GUARD, "clock": clock, **settings})

    return make
