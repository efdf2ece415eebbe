"""
`SingleFlight`: results that are made once, by the first caller that needs them, while the others wait for it.
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
    One result that is being made.
    """

    __slots__ = ("__weakref__", "error", "is_over", "thread", "waiting")

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.is_over = False
        self.error: Optional[Exception] = None  # for those that wait
        self.waiting: List[WakeUp] = []


class SingleFlight:
    """
    Results by key, each made once.

    No lock is held while a result is made, since that runs foreign code. A caller that cannot wait, because the thread
    that makes the result waits for it in turn, makes the result itself.
    """

    def __init__(self) -> None:
        self._results: Dict[Hashable, Any] = {}
        # The thread that makes a result holds it; so what an exception has thrown away is gone here.
        self._flights: Dict[Hashable, ref[_Flight]] = {}
        self._waits_for: Dict[int, ref[_Flight]] = {}  # by thread

    def known(self, key: Hashable) -> Any:
        """
        Return the result for a key; None where there is none.
        """
        return self._results.get(key)

    def once(self, key: Hashable, make: Callable[[], Result]) -> Result:
        """
        Return the result for a key; the first call makes it.

        Calls that wait for the first, each until its own deadline, share its failure. A later call tries again.

        Raises:
            TransportTimeout: The deadline passed while another thread was making it.

            RequestCancelled: The call was cancelled while another thread was making it.
        """
        results = self._results
        while key not in results:
            mine = _Flight()
            found = self._flights.setdefault(key, ref(mine))
            flight = found()
            if flight is None or flight.is_over:  # thrown away by an exception
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
        Return the result for a key that replaces *old*; it is made once for all calls that have the same old one.
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
            # Not where the deadline or the cancelling of this one call may be the reason.
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
                        "Another thread is still fetching from the site what this call needs as well, and the "
                        f"{limit.seconds} s that the caller allows are over."
                    )
                    raise TransportTimeout(msg, sent=False)
                del flight  # the thread that makes the result is to be the only one that holds it
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
        Return whether the thread that makes a result waits, perhaps through others, for the one that calls this.
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
