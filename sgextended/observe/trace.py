"""
Traces: records the requests of a block of code, with their seconds, their bytes and the line that calls the wrapper.

A trace is a context variable: it applies to the block, to the threads and tasks that the block's calls start, and to
every wrapper that is called there. Without a trace, a call only reads that variable.
"""

import functools
import itertools
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Callable, Optional, Tuple

from sgextended.concurrency.scoped_value import Block, ScopedValue
from sgextended.lazy_import import lazy_module

if TYPE_CHECKING:
    from types import FrameType

    from sgextended.observe import trace_report
    from sgextended.observe.trace_report import Line, MethodCall, Trace
else:
    trace_report = lazy_module("sgextended.observe.trace_report")

_traces: "ScopedValue[Tuple[Trace, ...]]" = ScopedValue("sgextended_traces", ())
#: The current call of a wrapper's method. It is not reset after the call; the next call replaces it. Only traces read
#: it.
_method_call: "ContextVar[Optional[MethodCall]]" = ContextVar("sgextended_method_call", default=None)
_numbers = itertools.count(1)

#: Return the active traces.
current: "Callable[[], Tuple[Trace, ...]]" = _traces.get
#: Return the current call of a wrapper's method, if a trace is active.
current_method_call: "Callable[[], Optional[MethodCall]]" = _method_call.get


def trace() -> "Block[Trace]":
    """
    Return a context manager that traces its block and yields the `Trace`. Inside another trace, both record the calls.
    """
    return Block(_traces, _begin)


def _begin(_held: object) -> "Tuple[Tuple[Trace, ...], Trace]":
    made = trace_report.Trace()
    return (*_traces.get(), made), made


def record_method_call() -> None:
    """
    Record that a method of a wrapper is called, and the line that calls it.

    If the stack has no line of the program, as in a thread of a wrapper, the previous record stays.
    """
    line = _line_above(sys._getframe(1))  # noqa: SLF001 - the only way to get the frame
    if line is not None:
        _method_call.set(trace_report.MethodCall(line, next(_numbers)))


def _line_above(frame: "Optional[FrameType]") -> "Optional[Line]":
    """
    Return the innermost line of the program, or None. Lines of sgextended and of libraries in between are skipped;
    those of the command line interface count as the program's.
    """
    while frame is not None and not _is_of_program(frame):
        frame = frame.f_back
    if frame is None:
        return None
    file, number = frame.f_code.co_filename, frame.f_lineno
    while frame.f_code.co_name in _COMPREHENSIONS and frame.f_back is not None:
        frame = frame.f_back  # until Python 3.12 a comprehension has its own frame
    return trace_report.Line(file, number, getattr(frame.f_code, "co_qualname", frame.f_code.co_name))


_COMPREHENSIONS = frozenset({"<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>"})
#: Packages whose lines are skipped. They are recognized by name, since a frozen application may have no files.
_SKIPPED_PACKAGES = frozenset(
    {
        *getattr(
            sys,
            "stdlib_module_names",
            # Before Python 3.10 there is no such list. These modules call functions of a program.
            ("asyncio", "concurrent", "contextlib", "functools", "importlib", "multiprocessing", "runpy", "threading"),
        ),
        "sgextended",
        "shotgun_api3",
    }
) - {"__main__"}


def _is_of_program(frame: "FrameType") -> bool:
    """
    Return whether a frame is of the program, not of a library between the program and a wrapper.
    """
    return _is_module_of_program(str(frame.f_globals.get("__name__")))  # code that exec runs may have no module name


@functools.lru_cache(maxsize=256)
def _is_module_of_program(module: str) -> bool:
    return f"{module}.".startswith("sgextended.cli.") or module.partition(".")[0] not in _SKIPPED_PACKAGES
