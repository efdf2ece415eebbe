"""
Iterators that were started before a fork, in the child.
"""

import gc
import json
import os

import pytest
from fix_pool import FORK, FORK_WARNING, in_child
from fix_workers import work

from sgextended import ForkedProcessError

pytestmark = [FORK, FORK_WARNING]


def raised(call):
    """
    Return the text of the ForkedProcessError that a call raises.
    """
    try:
        call()
    except ForkedProcessError as error:
        return str(error)
    return "nothing was raised"


@pytest.fixture
def shots(sg):
    """
    A started find_iter of more pages than one.
    """
    project = sg.create("Project", {"name": "forked iterators"})
    sg.batch(
        [
            {"request_type": "create", "entity_type": "Shot", "data": {"code": f"s{n}", "project": project}}
            for n in range(60)
        ]
    )
    shots = sg.find_iter("Shot", [["project", "is", project]], ["code"], page_size=10)
    next(shots)
    return shots


def test_find_iter_says_so_in_the_child(shots):
    """
    In the child the iterator raises at once, and in the parent it continues.
    """
    message = in_child(lambda: raised(lambda: next(shots)))

    assert "This find_iter was started in process" in message
    assert str(os.getpid()) in message
    assert len(list(shots)) == 59


def test_map_says_so_in_the_child():
    """
    In the child the map raises at once instead of waiting for threads that the child does not have.
    """
    results = work(lambda _sg, item: item, range(60), workers=3)
    next(results)

    assert "This map was started in process" in in_child(lambda: raised(lambda: next(results)))
    assert list(results) == list(range(1, 60))


@pytest.mark.parametrize("end", ["close", "collect"])
def test_ending_a_map_in_the_child_leaves_the_parents_alone(tmp_path, end):
    """
    The child neither unlocks the journal nor ends the parent's workers.
    """
    journal = tmp_path / "run.jsonl"
    holder = [work(lambda _sg, item: item, range(60), workers=3, journal=journal)]
    next(holder[0])

    def child():
        if end == "close":
            holder[0].close()
        holder.clear()
        gc.collect()
        return len(holder)

    assert in_child(child) == 0
    with pytest.raises(ValueError, match="Another run is writing"):
        list(work(lambda _sg, item: item, range(60), journal=journal))
    assert list(holder[0]) == list(range(1, 60))
    assert len([json.loads(line) for line in journal.read_text().splitlines()]) == 61


def test_a_map_that_was_not_begun_runs_in_the_child():
    """
    A map starts its threads when the first result is taken, so the child may take it.
    """
    results = work(lambda _sg, item: item, range(5))

    assert in_child(lambda: list(results)) == [0, 1, 2, 3, 4]
    assert list(results) == [0, 1, 2, 3, 4]
