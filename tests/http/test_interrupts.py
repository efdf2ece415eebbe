"""
Exceptions at random moments of calls: from signal handlers in the main thread, and from other threads in a worker.
"""

import json
import signal

import pytest
from fix_http import TESTS, run_program

SECONDS = 2.5

needs_alarm = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers that signal")


def interrupt(where, kind, seconds=SECONDS):
    """
    Run the program that interrupts calls, and check that nothing went wrong.
    """
    told = json.loads(run_program(TESTS / "interrupted_calls.py", where, kind, seconds, seconds=60))
    assert told["wrong"] == []
    assert told["interrupts"] >= 20


@needs_alarm
@pytest.mark.parametrize("kind", ["KeyboardInterrupt", "TimeoutError"])
def test_what_a_signal_handler_raises_reaches_the_caller(kind):
    """
    An exception of a signal handler reaches the caller as the same object, also where it is an OSError. Nothing is sent
    again after it, no response of another call is returned, no deadline stays set, no connection is lost or left over,
    and calls of other threads work at once.
    """
    interrupt("signal", kind)


@pytest.mark.parametrize("kind", ["KeyboardInterrupt", "TimeoutError"])
def test_what_is_raised_in_a_worker_thread_reaches_its_caller(kind):
    """
    The same holds for an exception that another thread raises in a worker thread.
    """
    interrupt("thread", kind)


@needs_alarm
@pytest.mark.parametrize("kind", ["KeyboardInterrupt", "TimeoutError"])
def test_no_deadline_stays_set(kind):
    """
    A block with a deadline that is interrupted at any moment, with nothing sent, leaves no deadline behind.
    """
    interrupt("deadline", kind, 1)
