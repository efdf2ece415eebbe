"""
Telling an error of a connection from an exception that other code raised meanwhile, such as a signal handler.
"""

import functools
import signal
from opcode import opmap
from types import CodeType
from typing import Any, Set

_RAISE = opmap["RAISE_VARARGS"]

#: Packages, other than this one, in which an error of a connection is raised.
_LIBRARIES = frozenset({
    "encodings", "eventlet", "gevent", "http", "select", "selectors", "socket", "ssl", "urllib3",
})  # fmt: skip


def reraise_foreign_error(error: BaseException) -> None:
    """
    Raise an exception again if something else than a connection has raised it; otherwise do nothing.

    A signal handler runs between any two instructions of the main thread, and the usual recipe for a time limit has it
    raise a ``TimeoutError``. That is an ``OSError``, as the errors of sockets are, and must not be taken for one. Where
    urllib3 has raised an error of its own because of it, the first one is raised.
    """
    wrapper, root = None, error
    while root.__cause__ is not None:
        wrapper, root = root, root.__cause__
    if root.args and _is_connection_error(root):  # without arguments: thrown into the thread as a bare class
        return
    if wrapper is not None:
        wrapper.__cause__ = wrapper.__context__ = None  # the two would keep each other alive
    try:
        raise root
    finally:
        del error, wrapper, root  # and so would the traceback and this frame


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
    # Libraries that observe a program wrap the methods of sockets: then the error comes out of a call in their code. An
    # error of a connection does not come from a ``raise`` statement there.
    return frame.f_code.co_code[traceback.tb_lasti] != _RAISE


def _codes_of_signal_handlers() -> Set[CodeType]:
    codes: Set[CodeType] = set()
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        while isinstance(handler, functools.partial):
            handler = handler.func
        function = getattr(handler, "__func__", handler)
        for owner in (function, vars(type(function)).get("__call__")):  # an object may be the handler
            code = getattr(owner, "__code__", None)
            if code is not None:
                codes.add(code)
    return codes
