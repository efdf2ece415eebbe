"""
`SingleFlight`: results that are made once, by the first caller that needs them, while the others wait for it.

`sgextended.concurrency.keyed_turns.Turns` does less: it lets threads work one after the other. Here the waiting callers
share the failure of the first one, obey their own deadline and cancel token, and two results that wait for each other
do not block. So neither class is built on the other.
"""

import threading
from typing import Any, Callable, Dict, Hashable, List, Optional, TypeVar
from weakref import ref

from sgextended.concurrency.wake_up import LOOK_AGAIN, WakeUp
from sgextended.errors import TransportTimeout
from sgextended.http import cancellation, deadline

Result = TypeVar("Result")


class _Waiter:
    """
    One call that waits for a result.
    """

    __slots__ = ("error", "wake")

    def __init__(self) -> None:
        self.wake = WakeUp()
        self.error: Optional[Exception] = None


class _Flight:
    """
    One result that is being made. It lives as long as the loop of `SingleFlight.once` that makes the result.

    No variable holds it: an exception that somebody keeps also keeps the variables of its frames, and the others would
    wait for this result for ever.
    """

    __slots__ = ("__weakref__", "is_over", "thread", "waiting")

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.is_over = False
        self.waiting: List[_Waiter] = []


class SingleFlight:
    """
    Results by key, each made once.

    No lock is held while a result is made, because making it calls the caller's function. A caller that cannot wait,
    because the thread that makes the result waits for it in turn, makes the result itself.
    """

    def __init__(self) -> None:
        self._results: Dict[Hashable, Any] = {}
        # The thread that makes a result holds it; what an exception has thrown away is gone here.
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
            for mine in map(ref, [_Flight()]):  # the loop alone holds it
                found = self._flights.setdefault(key, mine)
                if found is mine:
                    return self._made(key, make, mine)
            if _is_over(found):  # thrown away by an exception
                if self._flights.get(key) is found:
                    self._flights.pop(key, None)
            elif self._waits_for_me(found):
                return results.setdefault(key, make())  # type: ignore[no-any-return]
            else:
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

    def _made(self, key: Hashable, make: Callable[[], Result], mine: "ref[_Flight]") -> Result:
        failure: Optional[Exception] = None  # for those that wait
        try:
            return self._results.setdefault(key, make())  # type: ignore[no-any-return]
        except Exception as error:
            # Other calls do not share a failure that the deadline or the cancelling of this call may have caused.
            if deadline.current() is None and not isinstance(error, cancellation.RequestCancelled):
                failure = error
            raise
        finally:
            for waiter in getattr(mine(), "waiting", []):
                waiter.error = failure
            setattr(mine(), "is_over", True)  # noqa: B010 - no variable holds it
            if self._flights.get(key) is mine:
                self._flights.pop(key, None)
            for waiter in getattr(mine(), "waiting", []):
                waiter.wake.set()
            failure = None  # the error holds this frame

    def _wait(self, found: "ref[_Flight]") -> None:
        limit, token, waiter = deadline.current(), cancellation.current(), _Waiter()
        getattr(found(), "waiting", []).append(waiter)
        self._waits_for[threading.get_ident()] = found
        try:
            while not _is_over(found):
                if token is not None:
                    token.raise_if_cancelled()
                if limit is not None and not limit.left():
                    msg = (
                        "Another thread is still requesting information from the site that this call needs as well, "
                        f"and the {limit.seconds} s that the caller allows are over. Set a longer deadline."
                    )
                    raise TransportTimeout(msg, sent=False)
                waiter.wake.wait(LOOK_AGAIN if limit is None else min(LOOK_AGAIN, limit.left()))
        finally:
            self._waits_for.pop(threading.get_ident(), None)
        if waiter.error is not None:
            raise waiter.error

    def _waits_for_me(self, found: "ref[_Flight]") -> bool:
        """
        Return whether the thread that makes a result waits, perhaps through others, for the one that calls this.
        """
        me, seen = threading.get_ident(), set()
        following: Optional[ref[_Flight]] = found
        while following is not None:
            thread: Optional[int] = getattr(following(), "thread", None)  # None: it is gone
            if thread == me:
                return True
            if thread is None or thread in seen:
                break
            seen.add(thread)
            following = self._waits_for.get(thread)
        return False


def _is_over(found: "ref[_Flight]") -> bool:
    return getattr(found(), "is_over", True)
