"""
The garbage collector at any moment: what it finds and finalizes never makes a call or a thread hang.
"""

import gc
import json
import weakref

import pytest
from fix_http import TESTS, run_program
from fix_native import make_client

SECONDS = 2


@pytest.mark.parametrize("threshold", [700, 40, 15])
def test_what_the_collector_finds_makes_nothing_hang(threshold):
    """
    Wrappers, current() wrappers of ended threads, pools, leases, iterators and maps are dropped in cycles by several
    threads, while other threads make such. No thread hangs, no finalizer fails, and each call gets its own record.
    """
    told = json.loads(run_program(TESTS / "collected_wrappers.py", threshold, SECONDS, seconds=60))

    assert told["wrong"] == []
    assert told["rounds"] > 0


def test_a_collection_adds_users_while_the_dead_ones_are_forgotten(make_site_server):
    """
    The garbage collector runs a finalizer at any allocation, and lets other threads run: the clients of a site change
    while one thread looks through them.
    """
    client = make_client(make_site_server())
    transport = client._transport
    kept = [type("User", (), {})() for _ in range(9000)]
    for user in kept[:8000]:
        transport._add(user)
    others = iter(kept[8000:])

    def add(_phase, _info):
        user = next(others, client)
        transport._users.setdefault(id(user), weakref.ref(user))

    before = gc.get_threshold()
    gc.callbacks.append(add)
    gc.set_threshold(15)
    try:
        for _ in range(5):
            transport._forget_dead_users()
            transport.has_users()
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(add)
