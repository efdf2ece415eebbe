"""
The garbage collector at any moment: what it finds and finalizes never makes a call or a thread hang.
"""

import json

import pytest
from fix_http import TESTS, run_program

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
