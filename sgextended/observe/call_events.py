"""
Call events: a `Call` describes one finished request, and is passed to the ``on_call`` method of a watcher.

The module does not import `SGExtended`: any object with an ``on_call`` method can watch a client.
"""

import logging
import time
from typing import Any, Optional, Protocol, Type

from attrs import frozen

from sgextended.concurrency.scoped_value import Block, ScopedValue
from sgextended.observe import trace

LOG = logging.getLogger("sgextended")


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


class Watcher(Protocol):
    """
    An object that is notified of each request, such as a wrapper.
    """

    def on_call(self, call: Call) -> None:
        """
        Receive a finished request.
        """


#: Whether a hook is running. Requests that a hook sends call no hooks; this prevents endless recursion.
_in_hook: "ScopedValue[bool]" = ScopedValue("sgextended_in_hook", default=False)

#: Return whether a hook is running.
is_in_hook = _in_hook.get


def in_hook() -> Block[None]:
    """
    Return a context manager in whose block no hooks are called.
    """
    return _in_hook.bind(True)


def notify(watcher: Watcher, call: Call) -> None:
    """
    Add a finished request to the active traces and pass it to the watcher.

    An exception of ``on_call`` is logged, not raised: it does not change the result of the request.
    """
    for each in trace.current():
        each.add(call)
    if is_in_hook():
        return
    with in_hook():
        try:
            watcher.on_call(call)
        except Exception:
            LOG.exception(
                "%s.on_call raised an exception. The request that it received (%s) is not affected.",
                type(watcher).__name__,
                call,
            )


class RequestStats:
    """
    The counters of one request in flight.
    """

    __slots__ = ("attempts", "received", "rows", "sent", "started")

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
