"""
`ReadAhead`: the pages of one result, fetched before they are asked for.
"""

import itertools
import threading

import pytest
from fix_servers import GUARD

from sgextended.paging import Closed, ReadAhead


def make_ahead(fetch, *, last=10**9, first=1, bound=4, may_grow=lambda: True):
    """
    Return pages that *fetch* makes, the last of which has the number *last*.
    """
    return ReadAhead(fetch, is_last=lambda page: page == last, first=first, bound=bound, may_grow=may_grow)


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
    pages = list(itertools.islice(ahead, 20))
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

    ahead = make_ahead(fetch, bound=4)
    list(itertools.islice(ahead, 40))
    ahead.close()

    assert most == 4


def test_pages_wait_to_be_taken_in_bounded_number():
    """
    A caller that takes its time finds twice the bound fetched ahead, and no more.
    """
    fetched, reached = [], threading.Event()

    def fetch(number, _sleep):
        fetched.append(number)
        if number == 8:
            reached.set()
        return number

    ahead = make_ahead(fetch, bound=4)
    pages = iter(ahead)
    next(pages)
    assert reached.wait(GUARD)
    ahead.close()
    no_more = sorted(fetched)

    assert no_more[:8] == list(range(1, 9))
    assert len(no_more) <= 9  # pages 2 to 9 are ahead of the one that was taken


def test_nothing_is_fetched_after_the_last_page():
    """
    Once the last page was seen, its number is the highest but for those in flight meanwhile.
    """
    fetched = []

    def fetch(number, _sleep):
        fetched.append(number)
        return number

    ahead = make_ahead(fetch, last=5, bound=2)
    pages = list(itertools.islice(ahead, 5))
    for thread in threads_of_pages():
        thread.join(GUARD)

    assert pages == [1, 2, 3, 4, 5]
    assert max(fetched) <= 6


def test_a_failure_is_raised_where_its_page_would_have_come():
    """
    The pages before a failed one come, and then its failure, as it was raised.
    """

    def fetch(number, _sleep):
        if number == 3:
            msg = "page 3"
            raise ValueError(msg)
        return number

    pages = iter(make_ahead(fetch))
    before = [next(pages), next(pages)]

    with pytest.raises(ValueError, match="page 3"):
        next(pages)
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
    next(iter(ahead))
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

    ahead = make_ahead(fetch, bound=8, may_grow=lambda: False)
    list(itertools.islice(ahead, 50))
    ahead.close()

    assert len(names) <= 2
