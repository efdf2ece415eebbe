"""
`WakeUp`: one thread waits, any other thread wakes it.
"""

import threading
from contextlib import suppress

#: Seconds after which a waiting thread checks again without being woken: the thread that should wake it may have been
#: interrupted.
LOOK_AGAIN = 0.25


class WakeUp:
    """
    A signal for the one thread that waits for it. It stays set until a `wait` has returned.

    It uses a bare lock instead of `threading.Event`. If a signal handler raises an exception inside a method of an
    Event, the lock of the Event stays locked, and every thread hangs.
    """

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        """
        Wake the waiting thread, or the next one that waits. It acquires no lock, so any code may call it.
        """
        with suppress(RuntimeError):  # the signal is set already
            self._lock.release()

    def wait(self, seconds: float) -> bool:
        """
        Wait until the signal is set, for at most *seconds*. Return whether it was set.
        """
        return self._lock.acquire(timeout=min(max(seconds, 0.0), threading.TIMEOUT_MAX))
