"""
`SGPool`, whatever its callers do: the properties that hold for every sequence of calls, and for threads that race.
"""

import random
import sys
import threading

import pytest
from fix_pool import GUARD, Clock, Instance, counts
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sgextended import PoolTimeout, SGPool, TransportError

OUTCOMES = [None, ValueError("the user's own"), TransportError("lost")]


class Made:
    """
    Instances of one pool; the class knows all of them, and which are open.
    """

    def __init__(self):
        self.all, self.fails = [], False

    def __call__(self):
        if self.fails:
            raise ConnectionError("down")
        made = Closable()
        self.all.append(made)
        return made

    @property
    def open(self):
        return [each for each in self.all if not each.is_closed]


class Closable(Instance):
    @property
    def is_closed(self):
        return self.closed > 0


class Calls(RuleBasedStateMachine):
    """
    One thread that leases, ends leases in any order and way, closes instances without the pool, and lets time pass.
    """

    @initialize(max_size=st.integers(1, 4), max_idle=st.sampled_from([None, 0, 10]))
    def make_pool(self, max_size, max_idle):
        self.clock, self.made, self.leases, self.max_size = Clock(), Made(), [], max_size
        self.unusable, self.closed = set(), 0
        self.pool = SGPool(self.made, max_size=max_size, timeout=0, max_idle=max_idle, clock=self.clock)

    @rule()
    def lease(self):
        lease = self.pool.lease()
        if len(self.leases) == self.max_size:
            with pytest.raises(PoolTimeout):
                lease.__enter__()
            return
        instance = lease.__enter__()
        assert not instance.is_closed
        assert instance not in self.unusable
        assert instance not in [held for _lease, held in self.leases]
        self.leases.append((lease, instance))

    @precondition(lambda self: len(self.leases) < self.max_size)
    @rule()
    def lease_while_nothing_can_be_made(self):
        self.made.fails = True
        try:
            with self.pool.lease() as instance:
                assert not instance.is_closed
        except ConnectionError:
            assert not [each for each in self.made.open if each not in [held for _lease, held in self.leases]]
        self.made.fails = False

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), error=st.sampled_from(OUTCOMES))
    def end(self, data, error):
        lease, instance = self.leases.pop(data.draw(st.integers(0, len(self.leases) - 1)))
        lease.__exit__(type(error), error, None)
        if isinstance(error, TransportError):
            self.unusable.add(instance)
            assert instance.is_closed

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def close_what_is_leased(self, data):
        data.draw(st.sampled_from(self.leases))[1].close()

    @precondition(lambda self: self.made.open)
    @rule(data=st.data())
    def close_anything(self, data):
        data.draw(st.sampled_from(self.made.open)).close()

    @rule(seconds=st.sampled_from([1, 9, 10, 100]))
    def pass_time(self, seconds):
        self.clock.now += seconds

    @invariant()
    def counts_are_right(self):
        stats = self.pool.stats()
        assert stats["leased"] == len(self.leases)
        assert stats["size"] == stats["leased"] + stats["idle"] <= self.max_size
        assert stats["waiting"] == 0
        assert stats["made"] == len(self.made.all)
        kept = {id(instance) for _since, instance in self.pool._idle} | {id(held) for _lease, held in self.leases}
        assert {id(instance) for instance in self.made.open} <= kept
        assert len(kept) == stats["size"]

    def teardown(self):
        for lease, _instance in self.leases:
            lease.__exit__(None, None, None)
        self.pool.close(wait=True, timeout=0)
        assert self.made.open == []
        assert self.pool.stats()["size"] == 0


Calls.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestCalls = Calls.TestCase


@pytest.fixture
def eager_switches():
    """
    Threads that take turns as often as they can.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class Crowd:
    """
    Threads that lease at the same time and end their leases in every way; violations are noted.
    """

    def __init__(self, max_size, plans, max_idle):
        self.lock, self.open, self.held, self.problems = threading.Lock(), 0, set(), []
        self.max_size, self.plans = max_size, plans
        self.pool = SGPool(self.make, max_size=max_size, timeout=GUARD * 4, max_idle=max_idle)
        self.gate = threading.Barrier(len(plans))
        self.random = random.Random(3)

    def make(self):
        with self.lock:
            if self.random.random() < 0.1:
                raise ConnectionError("down")
            self.open += 1
            if self.open > self.max_size:
                self.problems.append(f"{self.open} are open")
        crowd = self

        class Counted(Closable):
            def close(self):
                with crowd.lock:
                    crowd.open -= not self.closed
                    self.closed += 1

        return Counted()

    def hold(self, instance):
        with self.lock:
            if instance in self.held or instance.is_closed or len(self.held) >= self.max_size:
                self.problems.append(f"{instance} among {self.held}")
            self.held.add(instance)

    def let_go(self, instance):
        with self.lock:
            self.held.discard(instance)

    def work(self, plan):
        try:
            self.gate.wait(GUARD)
            for step in plan:
                self.take(step)
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            self.problems.append(repr(error))

    def take(self, step):
        try:
            with self.pool.lease(0 if step == "hurry" else None) as instance:
                self.hold(instance)
                try:
                    self.end(step, instance)
                finally:
                    self.let_go(instance)
        except (ConnectionError, ValueError, PoolTimeout):
            pass

    def end(self, step, instance):
        if step == "close":
            instance.close()
        elif step == "break":
            raise TransportError("lost")
        elif step == "err":
            raise ValueError("the user's own")

    def run(self):
        threads = [threading.Thread(target=self.work, args=(plan,), daemon=True) for plan in self.plans]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(GUARD * 6)
        assert not any(thread.is_alive() for thread in threads)


steps = st.lists(st.sampled_from(["keep", "keep", "hurry", "close", "break", "err"]), min_size=5, max_size=40)


@pytest.mark.usefixtures("eager_switches")
@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.lists(steps, min_size=2, max_size=8), st.sampled_from([None, 0, 60]))
def test_leases_never_exceed_the_bound_and_all_come_back(max_size, plans, max_idle):
    """
    Whatever racing callers do, no two share an instance, never more than max_size are leased or open, none waits for
    ever, and at the end every place is free and every open instance is idle.
    """
    crowd = Crowd(max_size, plans, max_idle)
    crowd.run()
    size, leased, idle, waiting = counts(crowd.pool)
    crowd.pool.close(wait=True, timeout=GUARD)

    assert crowd.problems == []
    assert (leased, waiting, size) == (0, 0, idle)
    assert crowd.open == 0


@pytest.mark.usefixtures("eager_switches")
@pytest.mark.parametrize("attempt", range(5))
def test_close_races_with_leases(make_pool, attempt):
    """
    A pool that is closed while many threads lease leaves no instance open, and nobody waiting.
    """
    made = Made()
    pool = make_pool(made, max_size=2)
    gate, outcomes = threading.Barrier(9), []

    def work():
        gate.wait(GUARD)
        try:
            while True:
                with pool.lease():
                    pass
        except BaseException as error:  # noqa: BLE001 - looked at below
            outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    gate.wait(GUARD)
    pool.close(wait=True)
    for thread in threads:
        thread.join(GUARD)

    assert outcomes == ["PoolClosed"] * 8
    assert made.open == []
    assert counts(pool) == (0, 0, 0, 0)
