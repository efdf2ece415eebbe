"""
`start`: starts a thread of this package, if that is possible.

A process may have reached its limit of threads, and at the end of the interpreter no thread can be started. The caller
then does the work of the thread itself.
"""

import contextvars
import sys
import threading
from typing import Callable, Optional


def start(target: Callable[[], object], name: str) -> Optional[threading.Thread]:
    """
    Start a daemon thread that runs *target* in a copy of the caller's context. Return it, or None if that fails.
    """
    if sys.is_finalizing():
        return None  # a new thread would never run, and ``start`` would wait for it
    thread = threading.Thread(target=contextvars.copy_context().run, args=(target,), name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        return None
    return thread
