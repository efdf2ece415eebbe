"""
`ConnectionPool`: a bounded number of connections to one endpoint, each lent to one request at a time.

A signal handler can raise an exception at any instruction. So a call takes no lock and changes no counters, and the
next caller finds what an exception has left behind:

- A connection is lent by removing it from a deque, and is given back by appending it.
- If an exception has discarded a connection, its weak reference is dead, and the pool creates another one.
- A waiting caller checks again after a short time, even if no other thread has woken it.
"""

import time
from collections import deque
from contextlib import suppress
from typing import Callable, Deque, List, Optional
from weakref import ref

from sgextended.concurrency.wake_up import LOOK_AGAIN, WakeUp
from sgextended.errors import ClientClosed
from sgextended.http.connection import Connection, InFlightRequest
from sgextended.http.socket_opener import Opener

_GONE = 8 * LOOK_AGAIN  # seconds without a check after which a waiting caller counts as interrupted


class _Waiter:
    """
    One caller in the queue.
    """

    __slots__ = ("looked", "user", "wake", "was_closed")

    def __init__(self, user: object) -> None:
        self.user = user
        self.was_closed = False
        self.wake = WakeUp()
        self.looked = time.monotonic()

    def raise_if_closed(self) -> None:
        if self.was_closed:
            msg = "The client was closed while this call waited for a connection. Nothing was sent. Use an open client."
            raise ClientClosed(msg)


class ConnectionPool:
    """
    A bounded number of connections. Callers wait in order of arrival. The connection used last is lent first.

    Args:
        opener: Opens the sockets.

        bound: The highest number of connections.
    """

    def __init__(self, opener: Opener, bound: int) -> None:
        self._opener, self._bound = opener, bound
        self._idle: Deque[Connection] = deque()
        #: Gives a connection back. It is written in C, so that no exception can come at its beginning.
        self.give_back: Callable[[Connection], None] = self._idle.append
        self._made: List[ref[Connection]] = []  # of all connections; some references are dead
        self._waiters: Deque[_Waiter] = deque()
        self._counts: List[List[int]] = []  # the number of requests of each connection so far

    @property
    def requests(self) -> int:
        """
        The number of requests on all connections, including failed ones.
        """
        return sum(count[0] for count in list(self._counts))

    @property
    def lent(self) -> int:
        """
        The number of connections in use: those that exist and are not idle.
        """
        return len(self._living()) - len(self._idle)

    def has_free(self) -> bool:
        """
        Return whether a connection is free for one more request.
        """
        return bool(self._idle) or len(self._living()) < self._bound

    def lend(self) -> Optional[Connection]:
        """
        Return a connection, or None if the caller has to `wait` for one.
        """
        return None if self._waiters else self._free()

    def wake_next(self) -> None:
        """
        Wake the caller that has waited longest.
        """
        if self._waiters:
            self._wake_first()

    def wait(self, request: InFlightRequest, user: object) -> Optional[Connection]:
        """
        Wait for a free connection and return it. Return None if none became free in time.

        Raises:
            ClientClosed: *user* was closed during the wait.

            ConnectionAbortedError: The request was aborted during the wait.
        """
        waiter, connection = _Waiter(user), None
        ends_at = time.monotonic() + request.limits.pool
        if request.limits.deadline is not None:
            ends_at = min(ends_at, request.limits.deadline.at)
        request.wake = waiter.wake
        try:
            self._waiters.append(waiter)
            while connection is None:
                if self._is_first(waiter):
                    connection = self._free()
                    if connection is not None:
                        break
                request.raise_if_aborted()
                waiter.raise_if_closed()
                left = ends_at - time.monotonic()
                if left <= 0:
                    break
                waiter.wake.wait(min(left, LOOK_AGAIN))
                waiter.looked = time.monotonic()
        except BaseException:
            if connection is not None:
                self._idle.append(connection)
            raise
        finally:
            request.wake = None
            with suppress(ValueError):
                self._waiters.remove(waiter)
            if self._waiters:
                self._wake_first()
        return connection

    def leave(self, user: object) -> None:
        """
        Make all waiting calls of *user* raise `ClientClosed`.
        """
        for waiter in list(self._waiters):
            if waiter.user is user:
                waiter.was_closed = True
                waiter.wake.set()

    def close_idle(self) -> None:
        """
        Close the connections that are not in use.
        """
        while self._idle:
            with suppress(IndexError):  # another thread took the last one
                self._idle.pop().close()

    # --- Private methods

    def _free(self) -> Optional[Connection]:
        # The connection has no local variable here, so that an exception cannot keep it.
        try:
            return self._idle.pop()
        except IndexError:
            return self._new()

    def _living(self) -> "List[ref[Connection]]":
        return [each for each in list(self._made) if each() is not None]

    def _new(self) -> Optional[Connection]:
        if len(self._living()) >= self._bound:
            return None
        count = [0]
        made = Connection(self._opener, count)
        mine = ref(made)
        self._made.append(mine)
        # Other threads may create a connection at the same time. Those above the bound discard theirs.
        living = self._living()
        if not any(each is mine for each in living[: self._bound]):
            return None
        self._counts.append(count)
        for each in list(self._made):
            if each() is None:
                with suppress(ValueError):
                    self._made.remove(each)
        return made

    def _is_first(self, waiter: _Waiter) -> bool:
        while True:
            try:
                first = self._waiters[0]
            except IndexError:  # another thread has removed this waiter as interrupted
                self._waiters.appendleft(waiter)
                continue
            if first is waiter:
                return True
            if time.monotonic() - first.looked < _GONE:
                if waiter not in self._waiters:  # it was taken for gone: the whole process may have stood still
                    self._waiters.appendleft(waiter)
                    continue
                return False
            with suppress(ValueError):
                self._waiters.remove(first)

    def _wake_first(self) -> None:
        with suppress(IndexError):
            self._waiters[0].wake.set()
