"""
A follower that is killed again and again, on a site on which everything goes wrong, loses no event.
"""

import pytest
from fix_event_stress import stress

KILLS = 2


@pytest.mark.slow
def test_no_event_is_lost(tmp_path):
    """
    Each event is handled at least once, and twice only if it was in hand when the follower was killed. None comes after
    one with a higher id. `benchmarks/events.py` does the same with 20 000 events, and also without the order.
    """
    verdict = stress(tmp_path, events=200, kills=KILLS, site_kills=1, threads=2, gap_age=2.5, rate=400.0)

    assert (verdict.lost, verdict.handled) == (0, verdict.events)
    assert verdict.events > 200
    assert verdict.twice <= KILLS
    assert verdict.unordered == 0
    assert verdict.ended_cleanly
