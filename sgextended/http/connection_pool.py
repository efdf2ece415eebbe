"""
The connections of a process to one endpoint: a bounded number, each lent to one request at a time.

An exception can come at any instruction, from a signal handler for instance. So no lock is taken on the way of a call,
nothing is counted, and what an exception leaves behind is found by the next caller:

- A connection is lent by taking it out of a deque, and comes back by being put there.
- A connection that an exception has thrown away is gone, which its weak reference shows, and another one takes its
  place.
- A caller that waits looks again after a short time, even if nobody has woken it.
"""

import time
from collections import deque
from contextlib import suppress
from typing import Deque, List, Optional
from weakref import ref

from sgextended.errors import ClientClosed
from sgextended.http.connection import Connection, InFlightRequest
from sgextended.http.opening import Opener
from sgextended.wakeup import LOOK_AGAIN, WakeUp

_GONE = 8 * LOOK_AGAIN  # seconds after which a waiting caller that has not looked is taken for gone


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
            msg = "The client was closed while this call waited for a connection. Nothing was sent."
            raise ClientClosed(msg)


class ConnectionPool:
    """
    A bounded number of connections. Callers wait in order of arrival; the connection that came back last is lent first.

    Args:
        opener: Opens their sockets.

        bound: How many there are at most.
    """

    def __init__(self, opener: Opener, bound: int) -> None:
        self._opener, self._bound = opener, bound
        self._idle: Deque[Connection] = deque()
        #: Takes a connection back. It is written in C, so that no exception can come at its beginning.
        self.give_back = self._idle.append
        self._made: List[ref[Connection]] = []  # all that live, and some that do not
        self._waiters: Deque[_Waiter] = deque()
        self._counts: List[List[int]] = []  # of the requests of each connection that was made

    @property
    def requests(self) -> int:
        """
        How many requests all connections have carried, or were to carry.
        """
        return sum(count[0] for count in list(self._counts))

    @property
    def lent(self) -> int:
        """
        How many connections carry a request now: those that live and are not idle.
        """
        return len(self._living()) - len(self._idle)

    def has_free(self) -> bool:
        """
        Return whether one more request would find a connection free now.
        """
        return bool(self._idle) or len(self._living()) < self._bound

    def lend(self) -> Optional[Connection]:
        """
        Return a connection, or None where the caller has to wait for one.
        """
        return None if self._waiters else self._free()

    def wake_next(self) -> None:
        """
        Wake the caller that has waited for longest.
        """
        if self._waiters:
            self._wake_first()

    def wait(self, request: InFlightRequest, user: object) -> Optional[Connection]:
        """
        Return a connection when one is free for this caller; None when none came free in time.

        Raises:
            ClientClosed: *user* was closed meanwhile.

            ConnectionAbortedError: The request was aborted meanwhile.
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
        End the waiting of all calls of *user*.
        """
        for waiter in list(self._waiters):
            if waiter.user is user:
                waiter.was_closed = True
                waiter.wake.set()

    def close_idle(self) -> None:
        """
        Close the connections that carry no request.
        """
        while self._idle:
            with suppress(IndexError):  # another thread took the last one
                self._idle.pop().close()

    # --- Within

    def _free(self) -> Optional[Connection]:
        # No variable holds the connection, so that an exception in between cannot keep it.
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
        # Other threads may have done the same at the same time: those that come too late throw theirs away.
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
            except IndexError:  # it was taken for gone
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
