"""
Reading all pages of one ``read`` request, several at the same time: by page number, or by id if there is no order.
"""

import itertools
import sys
import time
from collections import deque
from typing import Any, Callable, Deque, Dict, Generator, List, Optional

from sgextended.client.prefetch import PendingFetch, Prefetcher, Sleep
from sgextended.client.protocol.codec import has_next_page

Request = Dict[str, Any]
Page = Dict[str, Any]

FILL = 0.9  # the part of a page that a range of ids is expected to fill; an overfull range costs a second request
GROWTH = 8  # a range of ids is at most this many times as wide as the one before


class Source:
    """
    The functions with which a client reads pages.

    Args:
        read: Returns the page of a request. It calls a function with the body of the response before decoding it.

        fetch: Returns the body of the response to a request. It is called in threads, see `Prefetcher`.

        decode: Returns the page for a request and the body that was fetched for it.

        max_in_flight: The highest number of pages in flight.

        may_grow: See `Prefetcher`.
    """

    max_in_flight: int

    # A plain class, as those below: attrs would make the import slower.
    def __init__(
        self,
        *,
        read: Callable[[Request, Callable[[bytes], object]], Page],
        fetch: Callable[[Request, Sleep], bytes],
        decode: Callable[[Request, bytes], Page],
        max_in_flight: int,
        may_grow: Callable[[], bool],
    ) -> None:
        self.read: Callable[[Request, Callable[[bytes], object]], Page] = read
        self.fetch: Callable[[Request, Sleep], bytes] = fetch
        self.decode: Callable[[Request, bytes], Page] = decode
        self.max_in_flight = max_in_flight
        self.may_grow: Callable[[], bool] = may_grow

    def prefetcher(self, fetch: Callable[[Request, Sleep], bytes]) -> Prefetcher[Request]:
        """
        Return a new prefetcher for the pages after the first.
        """
        return Prefetcher(fetch, max_in_flight=self.max_in_flight, may_grow=self.may_grow)

    def read_first(
        self, request: Request, prefetcher: Prefetcher[Request], on_body: Callable[[bytes], object] = lambda _body: None
    ) -> Page:
        """
        Return the first page; call *on_body* with its body before it is decoded.

        Half of the time until the body arrives becomes the patience of the prefetcher.
        """
        started = time.monotonic()

        def see_body(body: bytes) -> None:
            prefetcher.patience = (time.monotonic() - started) / 2
            on_body(body)

        return self.read(request, see_body)


def by_number(source: Source, request: Request, limit: int) -> Generator[List[Any], None, None]:
    """
    Yield the records of each page, in the order of the request. Yield at least *limit* records; 0: all.
    """
    last = -(-limit // request["paging"]["entities_per_page"]) if limit else sys.maxsize
    ended = False

    def fetch(wanted: Request, sleep: Sleep) -> bytes:
        nonlocal ended
        if ended:
            return b""  # the page is beyond the last one
        body = source.fetch(wanted, sleep)
        ended = ended or has_next_page(body) is False
        return body

    numbers = itertools.count(2)
    queue: Deque[PendingFetch[Request]] = deque()
    prefetcher = source.prefetcher(fetch)

    def submit_pages() -> None:
        while not queue or (prefetcher.has_room() and queue[-1].job["paging"]["current_page"] < last):
            queue.append(prefetcher.submit(_with_page_number(request, next(numbers))))

    def on_first_body(body: bytes) -> None:
        if last > 1 and has_next_page(body):
            submit_pages()  # fetched while the first page is decoded

    try:
        page = source.read_first(request, prefetcher, on_first_body)
        yield page["entities"]
        while page["paging_info"]["has_next_page"]:
            submit_pages()
            pending = queue.popleft()
            page = source.decode(pending.job, prefetcher.result(pending))
            yield page["entities"]
    finally:
        prefetcher.close()


def _with_page_number(request: Request, number: int) -> Request:
    return {**request, "paging": {**request["paging"], "current_page": number}}


class _IdRange:
    """
    A range of ids: greater than *low*, up to and including *high*.
    """

    __slots__ = ("high", "low", "pending")

    def __init__(self, low: int, high: int, pending: Optional[PendingFetch[Request]] = None) -> None:
        self.low, self.high, self.pending = low, high, pending


def by_id(source: Source, request: Request, limit: int) -> Generator[List[Any], None, None]:
    """
    Yield the records of each page, lowest id first. Yield at least *limit* records; 0: all.

    Each request reads a range of ids. So entities that are created or retired during the read do not move others to
    another page. Each record that exists during the whole read is yielded exactly once.
    """
    request = {**request, "sorts": [{"field_name": "id", "direction": "asc"}]}
    prefetcher = source.prefetcher(source.fetch)
    page = source.read_first(request, prefetcher)
    records = page["entities"]
    yield records
    if not page["paging_info"]["has_next_page"]:
        return
    size, last, seen = request["paging"]["entities_per_page"], records[-1]["id"], len(records)
    width = _width(size, last - records[0]["id"] + 1, len(records))
    queue = deque([_IdRange(last, sys.maxsize)])
    try:
        top = prefetcher.submit(_highest_id_request(request))
        _submit_ranges(queue, prefetcher, request, width, limit and (limit - seen) // size + 1)
        highest = source.decode(top.job, prefetcher.result(top))["entities"]
        queue[-1].high = highest[0]["id"] if highest else last
        while True:
            _submit_ranges(queue, prefetcher, request, width, limit and (limit - seen) // size + 1)
            if not queue:
                return
            ids = queue.popleft()
            assert ids.pending is not None
            page = source.decode(ids.pending.job, prefetcher.result(ids.pending))
            records = page["entities"]
            if page["paging_info"]["has_next_page"]:  # the rest of this range is read before the other ranges
                queue.appendleft(_IdRange(records[-1]["id"], ids.high))
                ids.high = records[-1]["id"]
            covered = ids.high - ids.low
            width = min(_width(size, covered, len(records)), GROWTH * max(covered, size))
            seen += len(records)
            yield records
    finally:
        prefetcher.close()


def _submit_ranges(
    queue: Deque[_IdRange], prefetcher: Prefetcher[Request], request: Request, width: int, wanted: int
) -> None:
    """
    Submit the first of the ranges that are not submitted yet, *width* ids at a time.

    Args:
        queue: The ranges in order. Afterwards the first one, if there is one, is submitted.

        prefetcher: The prefetcher of the pages.

        request: The request for all records.

        width: The number of ids that are expected to fill a page.

        wanted: The highest number of ranges to submit. 0: as many as there is room for.
    """
    at = 0
    while at < len(queue):
        ids = queue[at]
        if ids.pending is not None:
            at += 1
        elif ids.low >= ids.high:
            del queue[at]
        elif at and (not prefetcher.has_room() or 0 < wanted <= at):
            return
        else:
            middle = min(ids.low + width, ids.high)
            queue.insert(at, _IdRange(ids.low, middle, prefetcher.submit(_in_id_range(request, ids.low, middle))))
            ids.low = middle


def _width(size: int, covered: int, found: int) -> int:
    """
    Return how many ids to request at a time, if *covered* ids had *found* records and a page has at most *size*.
    """
    return max(size, int(FILL * size * covered / found)) if found else GROWTH * max(covered, size)


def _in_id_range(request: Request, low: int, high: int) -> Request:
    """
    Return the request for the records with an id greater than *low*, up to and including *high*.
    """
    filters = request["filters"]
    conditions = filters["conditions"] if filters.get("logical_operator") == "and" else [filters]
    bounds = [
        {"path": "id", "relation": "greater_than", "values": [low]},
        {"path": "id", "relation": "less_than", "values": [high + 1]},
    ]
    return {**request, "filters": {"logical_operator": "and", "conditions": [*conditions, *bounds]}}


def _highest_id_request(request: Request) -> Request:
    return {
        **request,
        "return_fields": ["id"],
        "sorts": [{"field_name": "id", "direction": "desc"}],
        "paging": {"entities_per_page": 1, "current_page": 1},
    }
