"""
`LogTracker`: each id once, the mark never back, whatever the order in which entries appear.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgextended.errors import ConfigurationError
from sgextended.events.log.log_tracker import LogTracker, Position


def rows(*ids):
    """
    Return entries with ids, without a creation time.
    """
    return [(number, None) for number in ids]


def test_missing_ids_are_gaps_until_they_appear():
    """
    The ids between visible ones are gaps. A gap whose id appears shrinks, or falls into two.
    """
    tracker = LogTracker(Position(10))

    assert tracker.add(rows(11, 15), 0.0) == [11, 15]
    assert [(gap.low, gap.high) for gap in tracker.gaps] == [(12, 14)]
    assert tracker.add(rows(13), 0.0) == [13]
    assert [(gap.low, gap.high) for gap in tracker.gaps] == [(12, 12), (14, 14)]
    assert tracker.add(rows(12, 13, 15), 0.0) == [12]


def test_position_has_what_is_settled():
    """
    The mark stops below the first id that is not settled; settled ids above it are in the ranges.
    """
    tracker = LogTracker(Position(10))
    tracker.add(rows(11, 12, 14, 15, 16), 0.0)
    for number in (11, 14, 16):
        tracker.settle(number)

    assert tracker.position(in_order=False) == Position(11, ((14, 14), (16, 16)))
    assert tracker.position(in_order=True) == Position(11)
    tracker.settle(12)
    tracker.give_up(tracker.gaps[0])
    assert tracker.position(in_order=False) == Position(14, ((16, 16),))


def test_event_counts_as_settled_in_a_block():
    """
    A position behind an event can be had before the event is settled, and changes nothing.
    """
    tracker = LogTracker(Position(0))
    tracker.add(rows(1, 2), 0.0)
    with tracker.settled(1):
        inside = tracker.position(in_order=True)

    assert inside == Position(1)
    assert tracker.position(in_order=True) == Position(0)


@settings(max_examples=40)
@given(st.data(), st.sets(st.integers(1, 25), min_size=1, max_size=12), st.booleans())
def test_each_id_is_new_once(data, existing, restarts):
    """
    However entries become visible, and wherever a run begins anew, each id is new once and the mark does not decrease.
    """
    tracker, visible, settled, pending, marks = LogTracker(Position(0)), set(), [], [], []
    while set(settled) != existing:
        appears = data.draw(st.sets(st.sampled_from(sorted(existing))))
        visible |= appears or existing
        open_ids = {number for gap in tracker.gaps for number in range(gap.low, gap.high + 1)}
        seen = sorted(number for number in visible if number > tracker.head or number in open_ids)
        pending += tracker.add(rows(*seen), 0.0)
        for number in data.draw(st.permutations(pending)) if pending else []:
            tracker.settle(number)
            settled.append(number)
            pending.remove(number)
            if data.draw(st.booleans()):
                break
        marks.append(tracker.mark)
        if restarts:
            tracker, pending = LogTracker(Position.from_json(tracker.position(in_order=False).to_text())), []
    assert sorted(settled) == sorted(existing)
    assert marks == sorted(marks)


def test_complete_part_has_no_gaps():
    """
    Where no further entry will appear, all ids without an event of interest are settled.
    """
    tracker = LogTracker(Position(5, ((8, 9),)))

    assert tracker.add_complete([7, 8, 12], 20) == [7, 12]
    assert (tracker.gaps, tracker.head) == ([], 20)
    assert tracker.position(in_order=False) == Position(6, ((8, 11), (13, 20)))


@pytest.mark.parametrize(
    "value",
    ["{", "[]", '{"mark": "1"}', '{"mark": true}', '{"mark": 5, "seen": [[3, 4]]}', {"mark": 1, "seen": [1]}, None],
)
def test_what_is_no_position_is_refused(value):
    """
    Values that are not a position raise an error that shows them.
    """
    with pytest.raises(ConfigurationError, match="is not a position in the event log"):
        Position.from_json(value)
