"""
`WakeUp`: one thread waits, any other thread wakes it.
"""

import threading
from contextlib import suppress

#: Seconds after which a thread that waits looks again by itself: an interrupted thread may have woken nobody.
LOOK_AGAIN = 0.25


class WakeUp:
    """
    A signal for the one thread that waits for it. It stays set until a wait has seen it.

    It is a bare lock and no `threading.Event`: an exception that a signal handler raises within the methods of an Event
    leaves the lock inside it taken, and then every thread hangs.
    """

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        """
        Wake the thread that waits, or the next one that does. It takes no lock, so any code may call it.
        """
        with suppress(RuntimeError):  # it is set already
            self._lock.release()

    def wait(self, seconds: float) -> bool:
        """
        Wait for at most so many seconds, and return whether it was set.
        """
        return self._lock.acquire(timeout=min(max(seconds, 0.0), threading.TIMEOUT_MAX))
