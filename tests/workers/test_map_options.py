"""
The options of a map: time limit, progress, and options that are refused.
"""

import concurrent.futures
import threading
import time

import pytest
from fix_workers import GUARD, Source, fails_at_odd, work

from sgextended import ConfigurationError, MapTimeout
from sgextended.http import deadline

# --- Time


def test_time_that_is_up_ends_the_map():
    """
    When the time is up, the map raises with the number of finished items, begins no more, and finishes running items.
    """
    stop, begun = threading.Event(), []

    def function(_sg, item):
        begun.append(item)
        if item:
            stop.wait(GUARD)
        return item

    results = work(function, range(50), 1, timeout=0.5)
    assert next(results) == 0
    threading.Timer(0.6, stop.set).start()
    with pytest.raises(MapTimeout, match=r"within 0\.5 s: 1 items are done, 0 failed") as caught:
        next(results)

    assert (caught.value.done, caught.value.failed) == (1, 0)
    assert begun == [0, 1]


def test_time_that_is_up_is_seen_where_nothing_is_waited_for():
    """
    An endless, slow generator ends with the time limit; the results of begun items are returned.
    """
    done, last = threading.Semaphore(0), time.monotonic() + GUARD

    def items():
        while time.monotonic() < last:
            yield 1
            done.acquire(timeout=GUARD)

    with pytest.raises(MapTimeout) as caught:
        list(work(lambda _sg, _item: done.release(), items(), timeout=0.2))
    assert caught.value.done > 0


def test_a_loop_that_takes_its_time_gets_what_was_done_in_time():
    """
    Where nothing is left to begin when the time is up, nothing has failed.
    """
    results = work(lambda _sg, item: item, range(3), timeout=0.2)
    assert next(results) == 0
    threading.Event().wait(0.3)

    assert list(results) == [1, 2]


def test_a_call_that_ends_with_the_time_of_the_map_is_no_failure_of_its_item():
    """
    Whether a worker or the map notices first that the time is up, `MapTimeout` is raised.
    """

    def function(_sg, item):
        if item:
            threading.Event().wait(deadline.current().left())
            msg = "not within the time"
            raise TimeoutError(msg)

    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        results = work(function, [0, 1], 1, executor=executor, timeout=0.5)
        next(results)
        executor.submit(int).result()  # the failure is there

        with pytest.raises(MapTimeout, match=r"within 0\.5 s: 1 items are done, 1 failed") as caught:
            next(results)
    assert type(caught.value.__cause__) is TimeoutError


def test_workers_have_the_deadline_of_the_map():
    """
    Calls of the function end with the time limit of the map, or with the deadline of the block around it.
    """
    seen = list(work(lambda _sg, _item: deadline.current().seconds, [1], timeout=60))
    with deadline.deadline(30):
        seen += work(lambda _sg, _item: deadline.current().seconds, [1], timeout=60)
        seen += work(lambda _sg, _item: deadline.current().seconds, [1])

    assert seen == [60, 30, 30]


# --- Progress


def test_a_function_is_told_how_far_it_is():
    """
    It is called in the thread that iterates, with the numbers of done, failed and all items.
    """
    told = []

    def progress(done, failed, total):
        told.append((done, failed, total, threading.current_thread()))

    list(work(fails_at_odd, [0, 1, 2], 1, on_error="collect", progress=progress))

    assert told[-1] == (2, 1, 3, threading.current_thread())
    assert [done + failed for done, failed, *_ in told] == sorted(done + failed for done, failed, *_ in told)


def test_the_total_of_a_generator_is_not_known():
    """
    The total of a generator is None.
    """
    told = []
    list(work(fails_at_odd, (n for n in (0, 2)), progress=lambda *call: told.append(call)))

    assert told[-1] == (2, 0, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"on_error": "ignore"},
        {"executor": 4},
        {"progress": "yes"},
        {"chunksize": 0},
        {"chunksize": -1},
        {"timeout": 0},
        {"timeout": "1"},
    ],
)
def test_options_that_cannot_work_are_refused_at_once(wrong):
    """
    They are refused by the call, before an item is taken; the message has the value.
    """
    source = Source()

    with pytest.raises(ConfigurationError, match=str(next(iter(wrong.values())))):
        work(lambda _sg, item: item, source, **wrong)
    assert source.taken == 0


async def asynchronous(_sg, item):
    return item


def generating(_sg, item):
    yield item


@pytest.mark.parametrize(
    ("function", "reason"),
    [(None, "not callable"), ([1, 2], "first, and then"), (asynchronous, "coroutine"), (generating, "a generator")],
)
def test_what_would_do_nothing_is_refused_at_once(function, reason):
    """
    A value that is not callable, and a function whose call does nothing, are refused before an item is taken.
    """
    source = Source()

    with pytest.raises(ConfigurationError, match=reason):
        work(function, source)
    assert source.taken == 0
