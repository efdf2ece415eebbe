"""
Tell errors of a connection from exceptions that other code, such as a signal handler, has raised during a request.
"""

import functools
import signal
from opcode import opmap
from types import CodeType
from typing import Any, Set

_RAISE = opmap["RAISE_VARARGS"]

#: The packages, other than this one, that raise errors of connections.
_LIBRARIES = frozenset({
    "encodings", "eventlet", "gevent", "http", "select", "selectors", "socket", "ssl", "urllib3",
})  # fmt: skip


def reraise_foreign_error(error: BaseException) -> None:
    """
    Raise an exception again if it is not an error of a connection; otherwise do nothing.

    A signal handler runs between any two instructions of the main thread. To limit the time of a call, such handlers
    often raise a ``TimeoutError``. That class is an ``OSError``, as the errors of sockets are, but it must not be
    retried as one. If urllib3 has wrapped the exception in an error of its own, the wrapped exception is raised.
    """
    wrapper, root = None, error
    while root.__cause__ is not None:
        wrapper, root = root, root.__cause__
    if root.args and _is_connection_error(root):  # an exception without arguments was thrown into the thread as a class
        return
    if wrapper is not None:
        wrapper.__cause__ = wrapper.__context__ = None  # else the two exceptions would keep each other alive
    try:
        raise root
    finally:
        del error, wrapper, root  # else the traceback and this frame would keep each other alive


def _is_connection_error(error: BaseException) -> bool:
    traceback = error.__traceback__
    if traceback is None:
        return True
    handlers = _codes_of_signal_handlers()
    while True:
        frame = traceback.tb_frame
        if frame.f_code in handlers:
            return False
        if traceback.tb_next is None:
            break
        traceback = traceback.tb_next
    module = str(frame.f_globals.get("__name__"))
    if module.startswith("sgextended.http.") or module.partition(".")[0] in _LIBRARIES:
        return True
    # Monitoring libraries wrap the methods of sockets, so that the innermost frame is in their code. A connection error
    # passes through a call there. An exception from a ``raise`` statement in such code is not a connection error.
    return frame.f_code.co_code[traceback.tb_lasti] != _RAISE


def _codes_of_signal_handlers() -> Set[CodeType]:
    codes: Set[CodeType] = set()
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        while isinstance(handler, functools.partial):
            handler = handler.func
        function = getattr(handler, "__func__", handler)
        for owner in (function, vars(type(function)).get("__call__")):  # the handler may be a callable object
            code = getattr(owner, "__code__", None)
            if code is not None:
                codes.add(code)
    return codes
