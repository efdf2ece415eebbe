"""
`SingleFlight`: results that are made once, by the first caller that needs them, while the others wait for it.

`sgextended.concurrency.turns.Turns` does less: it lets threads work one after the other. Here the waiting callers share
the failure of the first one, obey their own deadline and cancel token, and two results that wait for each other do not
block. So neither class is built on the other.
"""

import threading
from typing import Any, Callable, Dict, Hashable, List, Optional, TypeVar
from weakref import ref

from sgextended.concurrency.wake_up import LOOK_AGAIN, WakeUp
from sgextended.errors import TransportTimeout
from sgextended.http import cancellation, deadline

Result = TypeVar("Result")


class _Flight:
    """
    One result that a thread is making.
    """

    __slots__ = ("__weakref__", "error", "is_over", "thread", "waiting")

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.is_over = False
        self.error: Optional[Exception] = None  # raised in the waiting threads
        self.waiting: List[WakeUp] = []


class SingleFlight:
    """
    Results by key, each made once.

    No lock is held while a result is made, since that runs code of callers. If the thread that makes a result waits for
    the calling thread, the calling thread makes the result itself instead of waiting.
    """

    def __init__(self) -> None:
        self._results: Dict[Hashable, Any] = {}
        # Only the thread that makes a result refers to its flight. So the entry of an interrupted thread is dead.
        self._flights: Dict[Hashable, ref[_Flight]] = {}
        self._waits_for: Dict[int, ref[_Flight]] = {}  # by thread

    def known(self, key: Hashable) -> Any:
        """
        Return the result for a key; None if there is none.
        """
        return self._results.get(key)

    def once(self, key: Hashable, make: Callable[[], Result]) -> Result:
        """
        Return the result for a key. The first call makes it with *make*.

        Other calls wait for the first one until their own deadline. If it fails, they raise the same exception. A later
        call tries again.

        Raises:
            TransportTimeout: The deadline passed while another thread was making the result.

            RequestCancelled: The call was cancelled while another thread was making the result.
        """
        results = self._results
        while key not in results:
            mine = _Flight()
            found = self._flights.setdefault(key, ref(mine))
            flight = found()
            if flight is None or flight.is_over:  # its thread was interrupted by an exception
                if self._flights.get(key) is found:
                    self._flights.pop(key, None)
            elif flight is mine:
                return self._made(key, make, mine)
            elif self._waits_for_me(flight):
                return results.setdefault(key, make())  # type: ignore[no-any-return]
            else:
                del flight
                self._wait(found)
        return results[key]  # type: ignore[no-any-return]

    def renew(self, key: Hashable, old: object, make: Callable[[], Result]) -> Result:
        """
        Return the result that replaces *old* for a key. It is made once for all calls with the same *old*.
        """
        known = self._results.get(key)
        if known is not None and known != old:
            return known  # type: ignore[no-any-return]
        again = ("renewed", key, old)
        new = self._results[key] = self.once(again, make)
        self._results.pop(again, None)
        return new

    def _made(self, key: Hashable, make: Callable[[], Result], flight: _Flight) -> Result:
        try:
            return self._results.setdefault(key, make())  # type: ignore[no-any-return]
        except Exception as error:
            # Other calls do not share a failure that the deadline or the cancelling of this call may have caused.
            if deadline.current() is None and not isinstance(error, cancellation.RequestCancelled):
                flight.error = error
            raise
        finally:
            flight.is_over = True
            found = self._flights.get(key)
            if found is not None and found() is flight:
                self._flights.pop(key, None)
            for wake in list(flight.waiting):
                wake.set()

    def _wait(self, found: "ref[_Flight]") -> None:
        limit, token, wake = deadline.current(), cancellation.current(), WakeUp()
        flight = found()
        if flight is None:
            return
        flight.waiting.append(wake)
        self._waits_for[threading.get_ident()] = found
        try:
            while not flight.is_over:
                if token is not None:
                    token.raise_if_cancelled()
                if limit is not None and not limit.left():
                    msg = (
                        "Another thread is still requesting information from the site that this call needs as well, "
                        f"and the {limit.seconds} s that the caller allows are over. Set a longer deadline."
                    )
                    raise TransportTimeout(msg, sent=False)
                del flight  # only the thread that makes the result may refer to its flight
                wake.wait(LOOK_AGAIN if limit is None else min(LOOK_AGAIN, limit.left()))
                flight = found()
                if flight is None:
                    return
        finally:
            self._waits_for.pop(threading.get_ident(), None)
        if flight.error is not None:
            raise flight.error

    def _waits_for_me(self, flight: _Flight) -> bool:
        """
        Return whether the thread that makes a result waits for the calling thread, directly or through other threads.
        """
        me, seen = threading.get_ident(), set()
        while flight.thread != me:
            seen.add(flight.thread)
            found = self._waits_for.get(flight.thread)
            following = found() if found is not None else None
            if following is None or following.thread in seen:
                return False
            flight = following
        return True
