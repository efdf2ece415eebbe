"""
A follower that is killed again and again, on a site on which everything goes wrong, loses no event.
"""

import pytest
from fix_event_stress import stress


@pytest.mark.slow
@pytest.mark.parametrize("in_order", [True, False], ids=["in order", "at once"])
def test_no_event_is_lost(tmp_path, in_order):
    """
    Each event is handled at least once, and twice only if it was in hand when the follower was killed.

    In order, no event comes after one with a higher id; at once, those that do are marked as late.
    """
    kills = 2
    verdict = stress(
        tmp_path,
        events=200,
        kills=kills,
        site_kills=int(in_order),
        threads=2,
        in_order=in_order,
        gap_age=3.0,
        rate=200.0,
    )

    assert (verdict.lost, verdict.handled) == (0, verdict.events)
    assert verdict.events > 200
    assert verdict.twice <= kills
    assert (verdict.unordered if in_order else verdict.unmarked) == 0
    assert verdict.ended_cleanly
