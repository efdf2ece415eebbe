"""
Finalizers, hooks and interruptions: code that runs in the middle of the package's own finds no lock held.
"""

import os
import subprocess
import sys
import threading

import pytest
from fix_interrupts import interrupted_everywhere
from fix_pool import GUARD, Instance, counts

from sgextended.concurrency.keyed_turns import Turns
from sgextended.http.cancellation import CancelToken
from sgextended.http.single_flight import SingleFlight
from sgextended.schema.site_schema import SchemaCache

ENDED_THREADS = """
import faulthandler, gc, os, random, sys, threading
faulthandler.dump_traceback_later(60, exit=True)
from sgextended import SGExtended, SGPool, Site
gc.set_threshold(int(sys.argv[1]))
random.seed(700)

class Broken(SGExtended):
    def __init__(self):
        raise RuntimeError("the studio's own set-up failed")

class Tool:
    def run(self):
        SGExtended.current()
        try:
            Broken.current()
        except RuntimeError as error:
            self.error = error  # a cycle: only the collector ends what this thread has made

def lend(pool):
    with pool.lease() as sg:
        yield sg

pool = SGPool(SGExtended, max_size=400, timeout=30)
for number in range(300):
    tool = Tool()
    thread = threading.Thread(target=tool.run)
    thread.start()
    thread.join()
    del tool, thread
    junk = [[] for _ in range(random.randrange(700))]
    cycle = [lend(pool)]
    cycle.append(cycle)
    next(cycle[0])
    del cycle
    if number % 50 == 49:
        gc.collect()
    with SGExtended(site=Site(url=f"http://127.0.0.1:{10000 + number}", script_name="s", api_key="k")) as sg:
        sg.requests_sent
print("no hang")
"""


@pytest.mark.parametrize("threshold", [700, 40, 15])
def test_collector_may_end_wrappers_and_leases_anywhere(threshold):
    """
    Wrappers of ended threads, and leases, that only the garbage collector finds hang nothing, whatever its threshold.
    """
    done = subprocess.run(
        [sys.executable, "-c", ENDED_THREADS, str(threshold)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={
            **os.environ,
            "SHOTGUN_URL": "http://127.0.0.1:9",
            "SHOTGUN_SCRIPT_NAME": "s",
            "SHOTGUN_API_KEY": "k",
        },
    )

    assert (done.returncode, done.stdout) == (0, "no hang\n"), done.stderr


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # an interrupted weakref callback
@pytest.mark.filterwarnings("ignore:A lease of .* was never ended:ResourceWarning")
@pytest.mark.parametrize("max_idle", [None, 0])
def test_no_interruption_loses_a_place_of_a_pool(make_pool, max_idle):
    """
    Interrupted at whatever instruction of a lease, its place is free again, also where the exception is kept.
    """
    pool = make_pool(max_size=1, max_idle=max_idle)
    leased = []

    def once():
        with pool.lease(0):
            pass

    def check():
        leased.append(pool.stats()["leased"])
        with pool.lease(0) as instance:
            assert instance.closed == 0

    assert interrupted_everywhere(once, check) > 100
    assert set(leased) == {0}
    assert counts(pool)[1] == 0


@pytest.mark.filterwarnings("ignore:A lease of:ResourceWarning")  # whichever thread looks first gives it
def test_interruption_of_a_lease_keeps_nobody_waiting(make_pool):
    """
    A caller that waits for an instance is served although the end of the lease never ran.
    """
    pool = make_pool(max_size=1)
    lease = pool.lease()
    lease.__enter__()
    served = []

    def work():
        with pool.lease() as instance:
            served.append(instance)

    thread = threading.Thread(target=work)
    thread.start()
    del lease
    thread.join(GUARD)

    assert [type(instance).__mro__[1] for instance in served] == [Instance]


# --- The same question within its answer


def test_schema_may_be_asked_while_it_is_read():
    """
    A hook that asks the schema, in the thread that reads this very part of it, reads it itself.
    """
    kept = SchemaCache()

    assert kept.get("Shot", lambda: kept.get("Shot", lambda: {"code": 1}, max_age=60), max_age=60) == {"code": 1}


def test_download_session_may_be_asked_for_while_it_is_made():
    """
    A hook that downloads, in the thread that asks for a session, asks for one itself.
    """
    shared = SingleFlight()

    def make():
        return shared.once("session", lambda: "inner")

    assert shared.once("session", make) == "inner"


# --- Turns


def test_turns_are_taken_one_by_one():
    """
    One thread at a time has the turn of a key; another key is another matter.
    """
    turns, inside, most = Turns(), [], []

    def work(number):
        for _ in range(50):
            with turns.take("key"):
                inside.append(number)
                most.append(len(inside))
                inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GUARD)

    assert most == [1] * 200


def test_turn_that_does_not_come_in_time_is_none():
    """
    With a limit, a thread is told that another one still has the turn.
    """
    turns, answers = Turns(), []

    def work():
        for key in ("key", "other"):
            with turns.take(key, 0.01) as in_turn:
                answers.append(in_turn)

    with turns.take("key"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(GUARD)

    assert answers == [False, True]


def test_no_interruption_keeps_a_turn():
    """
    Interrupted at whatever instruction, a thread does not keep the turn, also where the exception is kept.
    """
    turns, left = Turns(), []

    def once():
        with turns.take("key"):
            pass

    def check():
        left.append([place() for _key, place, _thread in turns._queue.values() if place() is not None])

    assert interrupted_everywhere(once, check) > 50
    assert not any(left)


def test_cancelled_token_ends_its_waits():
    """
    A wait for a token ends when it is set, in whatever order, and sleeps until its time otherwise.
    """
    token, found = CancelToken(), []
    thread = threading.Thread(target=lambda: found.append(token.wait(GUARD)))
    thread.start()
    early = token.wait(0)
    token.cancel()
    thread.join(GUARD)

    assert (early, found, token.wait(GUARD)) == (False, [True], True)
