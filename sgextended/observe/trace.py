"""
What a block of code asks of a site, and which of its lines do: calls, seconds and bytes.

A trace is a context variable: it holds for the block, for the threads and tasks that the block's calls start, and for
every wrapper that is asked there. Without one, a call costs the look at that variable.
"""

import itertools
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Optional, Tuple

from sgextended.concurrency.scoped_value import Block, ScopedValue
from sgextended.lazy_import import lazy_module

if TYPE_CHECKING:
    from types import FrameType

    from sgextended.observe import trace_report
    from sgextended.observe.trace_report import Line, Question, Trace
else:
    trace_report = lazy_module("sgextended.observe.trace_report")

_traces: "ScopedValue[Tuple[Trace, ...]]" = ScopedValue("sgextended_traces", ())
#: A note without a block: each call of a wrapper replaces it, and a trace alone reads it.
_question: "ContextVar[Optional[Question]]" = ContextVar("sgextended_question", default=None)
_numbers = itertools.count(1)

#: The traces of the block that runs.
current = _traces.get
#: The question of the method of a wrapper that is being called, if a trace is on.
current_question = _question.get


def trace() -> "Block[Trace]":
    """
    Trace a ``with`` block; it is given the `Trace`. Inside another one, both record the same calls.
    """
    return Block(_traces, _begin)


def _begin(_held: object) -> "Tuple[Tuple[Trace, ...], Trace]":
    made = trace_report.Trace()
    return (*_traces.get(), made), made


def note_question() -> None:
    """
    Note that a method of a wrapper is called, and by which line. Where no line is seen, as in a thread that works for
    one, the one before stays.
    """
    line = _line_above(sys._getframe(1))  # noqa: SLF001 - the way to see it
    if line is not None:
        _question.set(trace_report.Question(line, next(_numbers)))


def _line_above(frame: "Optional[FrameType]") -> "Optional[Line]":
    """
    Return the innermost line that is neither ours nor of a library between: the command line's are a user's.
    """
    while frame is not None and not _is_theirs(frame):
        frame = frame.f_back
    if frame is None:
        return None
    file, number = frame.f_code.co_filename, frame.f_lineno
    while frame.f_code.co_name in _COMPREHENSIONS and frame.f_back is not None:
        frame = frame.f_back  # until Python 3.12 it has a frame of its own
    return trace_report.Line(file, number, getattr(frame.f_code, "co_qualname", frame.f_code.co_name))


_COMPREHENSIONS = frozenset({"<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>"})
#: Packages whose lines do not ask by themselves. They are told by their names: a frozen application may have no files.
_BETWEEN = frozenset(
    {
        *getattr(
            sys,
            "stdlib_module_names",
            # Until Python 3.10 there is no list. These are the modules that call a program's functions.
            ("asyncio", "concurrent", "contextlib", "functools", "importlib", "multiprocessing", "runpy", "threading"),
        ),
        "sgextended",
        "shotgun_api3",
    }
) - {"__main__"}


def _is_theirs(frame: "FrameType") -> bool:
    """
    Tell whether a frame runs a line of the program, not of a library between the program and a wrapper.
    """
    module = str(frame.f_globals.get("__name__"))  # code that was run by exec may have none
    return f"{module}.".startswith("sgextended.cli.") or module.partition(".")[0] not in _BETWEEN
