"""
Telling an error of a connection from an exception that other code raised meanwhile, such as a signal handler.
"""

import functools
import signal
import socket
from opcode import opmap
from types import CodeType
from typing import Any, Set

_RAISE = opmap["RAISE_VARARGS"]

#: Packages, other than this one, in which an error of a connection is raised.
_LIBRARIES = frozenset({
    "encodings", "eventlet", "gevent", "http", "select", "selectors", "socket", "ssl", "urllib3",
})  # fmt: skip

#: Packages that have classes of such errors.
_MAKERS = _LIBRARIES | {"builtins", "sgextended", "zlib"}


def raise_what_comes_from_elsewhere(error: BaseException) -> None:
    """
    Raise an exception again if something else than a connection has raised it; otherwise do nothing.

    A signal handler runs between any two instructions of the main thread, and the usual recipe for a time limit has it
    raise a ``TimeoutError``. That is an ``OSError``, as the errors of sockets are, and must not be taken for one. Where
    urllib3 has raised an error of its own because of it, the first one is raised.
    """
    # The outermost one that is not of a connection: what it was raised from is its own.
    wrapper, found = None, error
    while _is_raised_here(found):
        if found.__cause__ is None:
            return
        wrapper, found = found, found.__cause__
    if wrapper is not None:
        wrapper.__cause__ = wrapper.__context__ = None  # the two would keep each other alive
    try:
        raise found
    finally:
        del error, wrapper, found  # and so would the traceback and this frame


def raise_what_comes_from_a_signal_handler(error: BaseException) -> None:
    """
    Raise an exception again if a signal handler has raised it; otherwise do nothing.

    A handler may make calls of its own. Their errors say, for instance, that nothing was sent. That holds for those
    calls, and not for the call that the signal has interrupted.
    """
    if _came_through_a_signal_handler(error):
        try:
            raise error
        finally:
            del error  # the traceback and this frame would keep each other alive


def _came_through_a_signal_handler(error: BaseException) -> bool:
    handlers = _codes_of_signal_handlers()
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code in handlers:
            return True
        traceback = traceback.tb_next
    return False


def _is_raised_here(error: BaseException) -> bool:
    if not error.args:  # thrown into the thread as a bare class
        return False
    if type(error).__module__.partition(".")[0] not in _MAKERS:
        return False
    if isinstance(error, socket.timeout) and error.errno is None and not str(error).endswith("timed out"):
        return False  # the words of sockets; gevent throws its own errors, and its users' errors, in the same way
    if _came_through_a_signal_handler(error):
        return False
    traceback = error.__traceback__
    if traceback is None:
        return True
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    frame = traceback.tb_frame
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
