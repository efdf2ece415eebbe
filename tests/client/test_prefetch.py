"""
`Prefetcher`: what is fetched before it is needed.
"""

import contextvars
import itertools
import threading
from collections import deque

import pytest
from fix_servers import GUARD

from sgextended.client.prefetch import Closed, Prefetcher

LONG = 3600


def make_ahead(fetch, *, max_in_flight=4, may_grow=lambda: True, patience=LONG):
    """
    Return what fetches numbers ahead with *fetch*.
    """
    return Prefetcher(fetch, max_in_flight=max_in_flight, may_grow=may_grow, patience=patience)


def take_in_order(ahead):
    """
    Yield what is fetched for the numbers from 1, each asked for as soon as there is room.
    """
    line = deque()
    for number in itertools.count(1):
        line.append(ahead.submit(number))
        if not ahead.has_room():
            yield ahead.result(line.popleft())


def threads_of_pages():
    """
    Return the threads that fetch pages now.
    """
    return [thread for thread in threading.enumerate() if thread.name.startswith("sgextended-page")]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    """
    Whatever a test does, its threads end.
    """
    yield
    for thread in threads_of_pages():
        thread.join(GUARD)
    assert threads_of_pages() == []


def test_pages_come_in_order_however_they_arrive():
    """
    A page that arrives early waits for those before it.
    """
    second = threading.Event()

    def fetch(number, _sleep):
        if number == 1:
            assert second.wait(GUARD)
        elif number == 2:
            second.set()
        return number

    ahead = make_ahead(fetch)
    pages = list(itertools.islice(take_in_order(ahead), 20))
    ahead.close()

    assert pages == list(range(1, 21))


def test_no_more_in_flight_than_the_bound():
    """
    However long it lasts, no more pages are in flight than allowed, and all that are allowed come to be used.
    """
    busy, most, lock = 0, 0, threading.Lock()
    four = threading.Barrier(4)

    def fetch(number, _sleep):
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        if 8 <= number < 12:  # by then four are allowed, so four can meet
            four.wait(GUARD)
        with lock:
            busy -= 1
        return number

    ahead = make_ahead(fetch, max_in_flight=4)
    list(itertools.islice(take_in_order(ahead), 40))
    ahead.close()

    assert most == 4


def test_there_is_room_for_twice_as_many_as_are_in_flight():
    """
    As long as nobody has to wait, two are in flight and two more wait to be taken.
    """
    ahead = make_ahead(lambda number, _sleep: number, max_in_flight=8)
    asked = []
    while ahead.has_room():
        asked.append(ahead.submit(len(asked)))
    ahead.close()

    assert len(asked) == 4


def test_the_longer_a_caller_waits_the_more_are_in_flight():
    """
    A caller whose patience ends has twice as many fetched, up to the bound, while it still waits for the first.
    """
    eight = threading.Barrier(8)

    def fetch(number, _sleep):
        eight.wait(GUARD)
        return number

    ahead = make_ahead(fetch, max_in_flight=8, patience=0.01)
    asked = [ahead.submit(number) for number in range(8)]

    assert ahead.result(asked[0]) == 0
    ahead.close()


def test_with_no_bound_the_caller_fetches():
    """
    With a bound of 0 everything is fetched when it is taken, by who takes it.
    """
    fetched = []
    ahead = make_ahead(lambda number, _sleep: fetched.append(threading.current_thread()) or number, max_in_flight=0)
    asked = ahead.submit(7)

    assert not ahead.has_room()
    assert fetched == []
    assert ahead.result(asked) == 7
    assert fetched == [threading.current_thread()]


def test_threads_have_the_context_of_the_caller():
    """
    What the caller has set for its block of code holds for what is fetched in threads, too.
    """
    variable = contextvars.ContextVar("variable", default="unset")
    token = variable.set("of the caller")
    ahead = make_ahead(lambda _number, _sleep: variable.get())
    values = list(itertools.islice(take_in_order(ahead), 3))
    ahead.close()
    variable.reset(token)

    assert values == ["of the caller"] * 3


def test_a_failure_is_raised_where_its_page_would_have_come():
    """
    The pages before a failed one come, and then its failure, as it was raised.
    """

    def fetch(number, _sleep):
        if number == 3:
            msg = "page 3"
            raise ValueError(msg)
        return number

    ahead = make_ahead(fetch)
    pages = take_in_order(ahead)
    before = [next(pages), next(pages)]

    with pytest.raises(ValueError, match="page 3"):
        next(pages)
    ahead.close()
    assert before == [1, 2]


def test_close_ends_the_wait_between_attempts():
    """
    A fetch that waits before it tries again ends at once when its page is not wanted any more.
    """
    waiting, ended = threading.Event(), threading.Event()

    def fetch(number, sleep):
        if number == 1:
            return number
        waiting.set()
        try:
            sleep(3600)
        except Closed:
            ended.set()
            raise
        return number

    ahead = make_ahead(fetch)
    next(take_in_order(ahead))
    assert waiting.wait(GUARD)
    ahead.close()

    assert ended.wait(GUARD)


def test_others_that_use_the_connections_keep_it_from_growing():
    """
    Where no connection is free, two pages in flight stay two.
    """
    names = set()

    def fetch(number, _sleep):
        names.add(threading.current_thread().name)
        return number

    ahead = make_ahead(fetch, max_in_flight=8, may_grow=lambda: False)
    list(itertools.islice(take_in_order(ahead), 50))
    ahead.close()

    assert len(names) <= 2
