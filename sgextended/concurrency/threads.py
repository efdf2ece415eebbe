"""
Threads that this package starts, and what happens where none can be started.

A process may be allowed no more threads, and at the end of the interpreter none can be started: then the work that a
thread was to do is done by the caller.
"""

import contextvars
import sys
import threading
from typing import Callable, Optional


def start(target: Callable[[], object], name: str) -> Optional[threading.Thread]:
    """
    Return a new daemon thread that runs *target* in a copy of the caller's context; None where none can be started.
    """
    if sys.is_finalizing():
        return None  # a thread that is started now never runs, and ``start`` waits for it
    thread = threading.Thread(target=contextvars.copy_context().run, args=(target,), name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        return None
    return thread
