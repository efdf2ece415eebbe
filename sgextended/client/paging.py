"""
The pages of one `read`: by their numbers, or by id where nobody asked for an order; several are fetched ahead.
"""

import itertools
import sys
import time
from collections import deque
from typing import Any, Callable, Deque, Dict, Generator, List, Optional

from sgextended.client.codec import has_next_page
from sgextended.client.prefetch import Asked, Prefetcher, Sleep

Request = Dict[str, Any]
Page = Dict[str, Any]

FILL = 0.9  # of a page is what a range of ids is made to hold: one that holds more costs a second request
GROWTH = 8  # times as wide as the one before is a range of ids at most


class Source:
    """
    How one client reads pages.

    Args:
        read: Returns the page that a request asks for, and shows its bytes to a function before it decodes them.

        fetch: Returns its bytes; called in threads, see `Prefetcher`.

        decode: Makes the page of the request and these bytes.

        bound: How many pages are in flight at most.

        may_grow: See `Prefetcher`.
    """

    # A plain class, as those below: what attrs generates for a class costs time at import.
    def __init__(
        self,
        *,
        read: Callable[[Request, Callable[[bytes], object]], Page],
        fetch: Callable[[Request, Sleep], bytes],
        decode: Callable[[Request, bytes], Page],
        bound: int,
        may_grow: Callable[[], bool],
    ) -> None:
        self.read, self.fetch, self.decode = read, fetch, decode
        self.bound, self.may_grow = bound, may_grow

    def ahead(self, fetch: Callable[[Request, Sleep], bytes]) -> Prefetcher[Request]:
        """
        Return what fetches the pages after the first.
        """
        return Prefetcher(fetch, bound=self.bound, may_grow=self.may_grow)

    def first(
        self, request: Request, ahead: Prefetcher[Request], look: Callable[[bytes], object] = lambda _body: None
    ) -> Page:
        """
        Return the first page; *look* sees its bytes before they are decoded. How long they take to come says for how
        long the next ones are worth waiting before more of them are fetched.
        """
        started = time.monotonic()

        def see(body: bytes) -> None:
            ahead.patience = (time.monotonic() - started) / 2
            look(body)

        return self.read(request, see)


def by_number(source: Source, request: Request, limit: int) -> Generator[List[Any], None, None]:
    """
    Yield the records of each page, in the order of the request; at least *limit* of them, where it is not 0.
    """
    last = -(-limit // request["paging"]["entities_per_page"]) if limit else sys.maxsize
    ended = False

    def fetch(wanted: Request, sleep: Sleep) -> bytes:
        nonlocal ended
        if ended:
            return b""  # it is beyond the last page
        body = source.fetch(wanted, sleep)
        ended = ended or has_next_page(body) is False
        return body

    numbers = itertools.count(2)
    line: Deque[Asked[Request]] = deque()
    ahead = source.ahead(fetch)

    def ask_ahead() -> None:
        while not line or (ahead.has_room() and line[-1].job["paging"]["current_page"] < last):
            line.append(ahead.ask(_turned(request, next(numbers))))

    def look(body: bytes) -> None:
        if last > 1 and has_next_page(body):
            ask_ahead()  # they are on their way while this one is decoded

    try:
        page = source.first(request, ahead, look)
        yield page["entities"]
        while page["paging_info"]["has_next_page"]:
            ask_ahead()
            asked = line.popleft()
            page = source.decode(asked.job, ahead.take(asked))
            yield page["entities"]
    finally:
        ahead.close()


def _turned(request: Request, number: int) -> Request:
    return {**request, "paging": {**request["paging"], "current_page": number}}


class _Ids:
    """
    A range of ids: those above *low*, up to *high*.
    """

    __slots__ = ("asked", "high", "low")

    def __init__(self, low: int, high: int, asked: Optional[Asked[Request]] = None) -> None:
        self.low, self.high, self.asked = low, high, asked


def by_id(source: Source, request: Request, limit: int) -> Generator[List[Any], None, None]:
    """
    Yield the records of each page, lowest id first; at least *limit* of them, where it is not 0.

    Ranges of ids are asked for, so that what is created and retired meanwhile moves no record from one page to another:
    each record that exists throughout comes exactly once.
    """
    request = {**request, "sorts": [{"field_name": "id", "direction": "asc"}]}
    ahead = source.ahead(source.fetch)
    page = source.first(request, ahead)
    records = page["entities"]
    yield records
    if not page["paging_info"]["has_next_page"]:
        return
    size, last, seen = request["paging"]["entities_per_page"], records[-1]["id"], len(records)
    width = _width(size, last - records[0]["id"] + 1, len(records))
    line = deque([_Ids(last, sys.maxsize)])
    try:
        top = ahead.ask(_of_highest_id(request))
        _ask_ahead(line, ahead, request, width, limit and (limit - seen) // size + 1)
        highest = source.decode(top.job, ahead.take(top))["entities"]
        line[-1].high = highest[0]["id"] if highest else last
        while True:
            _ask_ahead(line, ahead, request, width, limit and (limit - seen) // size + 1)
            if not line:
                return
            ids = line.popleft()
            assert ids.asked is not None
            page = source.decode(ids.asked.job, ahead.take(ids.asked))
            records = page["entities"]
            if page["paging_info"]["has_next_page"]:  # the rest of these ids comes before all others
                line.appendleft(_Ids(records[-1]["id"], ids.high))
                ids.high = records[-1]["id"]
            covered = ids.high - ids.low
            width = min(_width(size, covered, len(records)), GROWTH * max(covered, size))
            seen += len(records)
            yield records
    finally:
        ahead.close()


def _ask_ahead(line: Deque[_Ids], ahead: Prefetcher[Request], request: Request, width: int, wanted: int) -> None:
    """
    Ask for the first of the ranges that were not asked for, *width* ids at a time.

    Args:
        line: The ranges in order; afterwards the first of them, if there is one, is asked for.

        ahead: What fetches them.

        request: Asks for all records.

        width: How many ids are expected to fill a page.

        wanted: How many of the ranges need be asked for at most; 0: as many as there is room for.
    """
    at = 0
    while at < len(line):
        ids = line[at]
        if ids.asked is not None:
            at += 1
        elif ids.low >= ids.high:
            del line[at]
        elif at and (not ahead.has_room() or 0 < wanted <= at):
            return
        else:
            middle = min(ids.low + width, ids.high)
            line.insert(at, _Ids(ids.low, middle, ahead.ask(_within(request, ids.low, middle))))
            ids.low = middle


def _width(size: int, covered: int, found: int) -> int:
    """
    Return how many ids to ask for at a time, where *covered* ids held *found* records and a page holds *size*.
    """
    return max(size, int(FILL * size * covered / found)) if found else GROWTH * max(covered, size)


def _within(request: Request, low: int, high: int) -> Request:
    """
    Return the request for the records with an id above *low*, up to *high*.
    """
    theirs = request["filters"]
    conditions = theirs["conditions"] if theirs.get("logical_operator") == "and" else [theirs]
    bounds = [
        {"path": "id", "relation": "greater_than", "values": [low]},
        {"path": "id", "relation": "less_than", "values": [high + 1]},
    ]
    return {**request, "filters": {"logical_operator": "and", "conditions": [*conditions, *bounds]}}


def _of_highest_id(request: Request) -> Request:
    return {
        **request,
        "return_fields": ["id"],
        "sorts": [{"field_name": "id", "direction": "desc"}],
        "paging": {"entities_per_page": 1, "current_page": 1},
    }
