"""
Interruptions: an exception at each instruction of a piece of code, one after the other.
"""

import sys
from pathlib import Path

import sgextended

ROOT = str(Path(sgextended.__file__).parent)


def interrupted_everywhere(function, check):
    """
    Call a function again and again, interrupted at its first instruction, at its second, and so on to its end.

    Instructions of the package and of the function's own file count. What is raised is kept until the end, with its
    frames, as a program may keep it.

    Args:
        function: Is called without arguments.

        check: Is called after each interruption.

    Returns:
        How many interruptions there were.
    """
    kept, mine = [], function.__code__.co_filename
    while True:
        left = len(kept) + 1

        def trace(frame, event, _arg):
            nonlocal left
            if not frame.f_code.co_filename.startswith((ROOT, mine)) or frame.f_code is trace.__code__:
                return None
            frame.f_trace_opcodes = True
            if event == "opcode":
                left -= 1
                if left == 0:
                    raise KeyboardInterrupt
            return trace

        before = sys.gettrace()
        try:
            sys.settrace(trace)
            function()
        except KeyboardInterrupt as error:
            sys.settrace(before)
            kept.append(error)
        else:
            sys.settrace(before)
            if left > 0:
                return len(kept)
            kept.append(None)  # raised in a finalizer, where Python reports it and goes on
        check()
