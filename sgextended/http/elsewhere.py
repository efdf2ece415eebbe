"""
Telling an error of a connection from an exception that other code raised meanwhile, such as a signal handler.
"""

from typing import Optional

#: Modules in which an error of a connection is raised.
_OURS = (
    "sgextended.http",
    "urllib3",
    "http",
    "socket",
    "ssl",
    "select",
    "selectors",
    "encodings",
    "gevent",
    "eventlet",
)


def comes_from_elsewhere(error: BaseException) -> bool:
    """
    Return whether an exception that passed through a connection was raised by something else.

    A signal handler runs between any two instructions of the main thread, and the usual recipe for a time limit has it
    raise a ``TimeoutError``. That is an ``OSError``, as the errors of sockets are, and must not be taken for one.
    """
    root: Optional[BaseException] = error
    while root is not None:  # urllib3 raises its own errors from it
        error, root = root, root.__cause__
    if not error.args:
        return True  # thrown into the thread as a bare class; a socket's error says what happened
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return False
    module = str(traceback.tb_frame.f_globals.get("__name__"))
    return not module.startswith("sgextended.http.") and module.partition(".")[0] not in _OURS
