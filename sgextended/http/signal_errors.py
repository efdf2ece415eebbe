"""
Tell errors of a connection from exceptions that other code, such as a signal handler, has raised during a request.
"""

import functools
import signal
import socket
from opcode import opmap
from types import CodeType
from typing import Any, Set

_RAISE = opmap["RAISE_VARARGS"]

#: The packages, other than this one, that raise errors of connections.
_LIBRARIES = frozenset({
    "encodings", "eventlet", "gevent", "http", "select", "selectors", "socket", "ssl", "urllib3",
})  # fmt: skip

#: Packages that have classes of such errors.
_MAKERS = _LIBRARIES | {"builtins", "sgextended", "zlib"}


def reraise_foreign_error(error: BaseException) -> None:
    """
    Raise an exception again if it is not an error of a connection; otherwise do nothing.

    A signal handler runs between any two instructions of the main thread. To limit the time of a call, such handlers
    often raise a ``TimeoutError``. That class is an ``OSError``, as the errors of sockets are, but it must not be
    retried as one. If urllib3 has wrapped the exception in an error of its own, the wrapped exception is raised.
    """
    # The outermost exception that is not an error of a connection: the one that it was raised from is its own.
    wrapper, found = None, error
    while _is_connection_error(found):
        if found.__cause__ is None:
            return
        wrapper, found = found, found.__cause__
    if wrapper is not None:
        wrapper.__cause__ = wrapper.__context__ = None  # else the two exceptions would keep each other alive
    try:
        raise found
    finally:
        del error, wrapper, found  # else the traceback and this frame would keep each other alive


def reraise_error_of_signal_handler(error: BaseException) -> None:
    """
    Raise an exception again if a signal handler has raised it; otherwise do nothing.

    A handler may make calls of its own. Their errors say, for instance, that nothing was sent. That holds for those
    calls, and not for the call that the signal has interrupted.
    """
    if _passed_a_signal_handler(error):
        try:
            raise error
        finally:
            del error  # else the traceback and this frame would keep each other alive


def _passed_a_signal_handler(error: BaseException) -> bool:
    handlers = _codes_of_signal_handlers()
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code in handlers:
            return True
        traceback = traceback.tb_next
    return False


def _is_connection_error(error: BaseException) -> bool:
    if not error.args:  # thrown into the thread as a class
        return False
    if type(error).__module__.partition(".")[0] not in _MAKERS:
        return False
    if isinstance(error, socket.timeout) and error.errno is None and not str(error).endswith("timed out"):
        return False  # not the words of a socket; gevent throws its own and its users' errors in the same way
    if _passed_a_signal_handler(error):
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
