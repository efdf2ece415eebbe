"""
Results that are made once: an exception at any instruction makes no other call wait for ever.
"""

import sys

from fix_http import InThread

from sgextended.http.single_flight import SingleFlight


class Interrupted(BaseException):
    """
    What is raised at an instruction.
    """


def interrupted_at(number, call):
    """
    Run a call and raise an exception at one of its instructions; return it, or None when the call has fewer.
    """
    left = number

    def trace(frame, event, _arg):
        nonlocal left
        if frame.f_globals["__name__"] != "sgextended.http.single_flight":
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left < 0:
                sys.settrace(None)
                raise Interrupted
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except Interrupted as error:
        return error  # with its traceback, as a program may keep it
    finally:
        sys.settrace(before)
    return None


def test_an_exception_that_is_kept_makes_no_call_hang():
    """
    A program keeps the exception that has interrupted a call. The next call makes the result.
    """
    kept, number = [True], 0
    while kept[-1]:
        shared = SingleFlight()
        kept.append(interrupted_at(number, lambda shared=shared: shared.once("key", lambda: "first")))
        again = InThread(lambda shared=shared: shared.once("key", lambda: "second"))
        assert again.end() in ("first", "second"), number
        number += 1
    assert number > 50
