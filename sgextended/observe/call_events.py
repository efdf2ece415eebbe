"""
Call events: a `Call` describes one finished request, `RequestStats` counts one request in flight.
"""

import time
from typing import Any, Optional, Type

from attrs import frozen


@frozen(kw_only=True)
class Call:
    """
    One request to the site or to its file storage, with all of its attempts.

    Attributes:
        rpc: The name of the request in the protocol, such as ``"read"`` or ``"update"``. Transfers are named
            ``"upload_file"``, ``"put"`` and ``"download"``. For a wrapped client: the name of the method.

        entity_type: The entity type of the request, such as ``"Shot"``. None if it has none, or several.

        seconds: The time from the start of the first attempt to the end of the last, including the waits between
            attempts. It includes decoding the response, except for pages that were prefetched.

        attempts: The number of attempts. 0: the deadline passed before the first attempt, or the site had asked for a
            wait beyond the deadline.

        bytes_sent: The bytes of the request's body, summed over all attempts. None for a wrapped client.

        bytes_received: The bytes of the response bodies after decompression. None for a wrapped client.

        rows: The number of entities in a page, or of results of a batch. None for other requests, and for prefetched
            pages, which are not decoded yet.

        error: The class of the exception that was raised, such as ``Fault``. None if there was none.
    """

    __module__ = "sgextended"

    rpc: str
    entity_type: Optional[str] = None
    seconds: float = 0.0
    attempts: int = 1
    bytes_sent: Optional[int] = None
    bytes_received: Optional[int] = None
    rows: Optional[int] = None
    error: Optional[Type[BaseException]] = None


class RequestStats:
    """
    The counters of one request in flight.
    """

    __slots__ = ("attempts", "received", "rows", "sent", "started")
    attempts: int
    received: int
    sent: int
    started: float

    def __init__(self) -> None:
        self.attempts = self.sent = self.received = 0
        self.rows: Optional[int] = None
        self.started = time.monotonic()

    def call(self, rpc: str, entity_type: Optional[str], error: Optional[Type[BaseException]]) -> Call:
        """
        Return the event of the request, which has finished.
        """
        return Call(
            rpc=rpc,
            entity_type=entity_type,
            seconds=time.monotonic() - self.started,
            attempts=self.attempts,
            bytes_sent=self.sent,
            bytes_received=self.received,
            rows=self.rows,
            error=error,
        )


def rows_in(rpc: str, results: Any) -> Optional[int]:
    """
    Return the number of entities in the results of a "read" or "batch" request; None for other requests.
    """
    if rpc == "read" and isinstance(results, dict):
        results = results.get("entities")
    return len(results) if rpc in ("read", "batch") and isinstance(results, list) else None
