"""
A program: exceptions are raised at random moments of calls, and what must hold afterwards is checked.

Usage: ``python interrupted_calls.py signal|thread KeyboardInterrupt|TimeoutError SECONDS``. It writes one line of JSON:
the number of interrupts, and a list of what went wrong, which is to be empty. It ends by itself with the stacks of all
threads when something hangs.
"""

import builtins
import collections
import contextlib
import ctypes
import faulthandler
import gc
import itertools
import json
import os
import queue
import random
import signal
import sys
import threading
import time
import traceback
from pathlib import Path

from fix_http import find_by_id, own_record
from fix_servers import GUARD, ScriptedSite, results

from sgextended import PoolTimeout, RetryPolicy, SGExtended, Site
from sgextended.http import deadline

BOUND = 3  # connections
SHORT = 0.2
PATIENCE = 10.0  # seconds within which a call of another thread must be over; it takes a few milliseconds
MANY = 25  # interrupts after which the other threads are looked at


class Server(ScriptedSite):
    """
    A site that gives each request its own record, counts the creates, and can hold requests until all have come.
    """

    def __init__(self):
        self.created = collections.Counter()
        self.meeting = None
        super().__init__(read=self._read, create=self._create)

    def _read(self, request):
        meeting = self.meeting
        if meeting is not None:
            meeting.wait(GUARD)
            meeting.wait(GUARD)
        return own_record(request)

    def _create(self, request):
        fields = {field["field_name"]: field["value"] for field in request.payload["params"][1]["fields"]}
        self.created[fields["code"]] += 1
        self.requests.clear()
        return results({"type": "Shot", "id": 1, "code": fields["code"]})


server = Server()
sg = SGExtended(
    site=Site(
        url=server.url,
        script_name="robot",
        api_key="key",
        connections=BOUND,
        pool_timeout=2 * GUARD,
        read_timeout=2 * GUARD,
        retry=RetryPolicy(first_wait=0),
    )
)
numbers = itertools.count(1)
wrong = []
unraised = []  # what a finalizer or a callback of the collector has met, and Python has printed and dropped
dropped = []  # what is lost without a trace, as in finalizers of Python's own files; rare, see main


def find():
    number = next(numbers)
    found = find_by_id(sg, number)
    if found != number:
        wrong.append(f"the request for {number} got the record of {found}")


def create():
    code = f"shot {next(numbers)}"
    made = sg.create("Shot", {"code": code})
    if made["code"] != code:
        wrong.append(f"the create of {code} got {made['code']}")


def find_with_deadline():
    with sg.deadline(GUARD):
        find()


CALLS = [find, create, find_with_deadline]


def open_connections():
    """
    Return how many connections this process has open to the server, where the system tells.
    """
    try:
        lines = Path("/proc/self/net/tcp").read_text().splitlines()[1:]
    except OSError:
        return 0
    established, remote = "01", f":{server.port:04X}"
    return sum(1 for line in lines if line.split()[2].endswith(remote) and line.split()[3] == established)


def check_others(when):
    """
    Check that calls of other threads work at once, and that there are not too many connections.
    """
    done = []

    def work():
        find()
        create()
        done.append(True)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(BOUND + 1)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    if len(done) != len(threads):
        faulthandler.dump_traceback(all_threads=True)
        wrong.append(f"{len(threads) - len(done)} of {len(threads)} threads hang or failed {when}")
        return False
    gc.collect()
    if open_connections() > BOUND:
        wrong.append(f"{open_connections()} connections {when}")
    return True


def check_bound():
    """
    Check that as many calls as there are connections run at the same time, and no more.
    """
    server.meeting = threading.Barrier(BOUND + 1)
    threads = [threading.Thread(target=find, daemon=True) for _ in range(BOUND)]
    for thread in threads:
        thread.start()
    try:
        server.meeting.wait(GUARD)
    except threading.BrokenBarrierError:
        wrong.append(f"{BOUND} calls do not run at the same time any more: connections are lost")
        return
    try:
        with sg.deadline(SHORT):
            find()
        wrong.append("one call too many ran")
    except PoolTimeout:
        pass
    except Exception as error:  # noqa: BLE001 - told
        wrong.append(f"one call too many ended with {error!r}")
    server.meeting.wait(GUARD)
    server.meeting = None
    for thread in threads:
        thread.join(GUARD)


def places_of(error):
    """
    Return where an exception was raised and passed, where it tells.
    """
    frames = traceback.extract_tb(error.__traceback__)
    return "; ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)


def is_same(error, fired):
    """
    Tell whether an error is the exception that was raised; codecs of Python put their own of the same type around it.
    """
    return error is fired or (type(error) is type(fired) and error.__cause__ is fired)


def check_after(outcome, fired):
    """
    Check one call that was interrupted with the exception *fired*, and ended with *outcome*.
    """
    if fired is not None and not is_same(outcome, fired):
        if any(error is fired for error in unraised):
            unraised.clear()
        elif outcome is None and fired.__traceback__ is None:
            dropped.append(fired)
        else:
            wrong.append(f"{fired!r} was raised in a call, which ended with {outcome!r}. Its way: {places_of(fired)}")
    elif fired is None and outcome is not None:
        wrong.append(f"a call that was not interrupted ended with {outcome!r}")
    if deadline.current() is not None:
        wrong.append("a deadline stayed set")
        with contextlib.suppress(Exception):
            deadline._current.set(None)


class Alarm:
    """
    Raises one exception in the main thread, at most once for each time that it is set.
    """

    def __init__(self, kind):
        self.kind, self.is_set, self.fired = kind, False, None
        signal.signal(signal.SIGALRM, self._ring)

    def set(self, seconds):
        self.fired, self.is_set = None, True
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def clear(self):
        self.is_set = False
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, _number, _frame):
        if self.is_set:
            self.is_set = False
            self.fired = self.kind("raised by the signal handler")
            raise self.fired


def in_main_thread(kind, seconds):
    """
    Interrupt calls of the main thread by a signal whose handler raises, and return how often.
    """
    alarm, interrupts, end = Alarm(kind), 0, time.monotonic() + seconds
    longest = 0.003
    while time.monotonic() < end and len(wrong) < 5:
        outcome = None
        call = random.choice(CALLS)
        try:
            try:
                alarm.set(random.uniform(1e-5, longest))
                call()
            finally:
                alarm.clear()
        except BaseException as error:  # noqa: BLE001 - compared
            outcome = error
        fired = alarm.fired
        check_after(outcome, fired)
        interrupts += fired is not None
        outcome = alarm.fired = None  # the traceback holds what the call had
        longest = min(0.01, max(0.0005, longest * (0.99 if fired is None else 1.02)))  # about half of the calls are met
        was_met, fired = fired is not None, None
        if was_met and interrupts % MANY == 0 and not check_others(f"after {interrupts} interrupts"):
            break
    return interrupts


def in_worker_thread(kind, seconds):
    """
    Interrupt calls of a worker thread by `PyThreadState_SetAsyncExc`, and return how often.
    """
    begun, over = queue.SimpleQueue(), queue.SimpleQueue()  # neither is left locked by an exception
    made = []
    raised = type(kind.__name__, (kind,), {"__init__": lambda error, *_args: made.append(error)})

    def call():
        random.choice(CALLS)()
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:  # the exception comes here at the latest
            pass

    def work():
        while True:
            outcome = None
            try:
                begun.put(True)
                call()
            except BaseException as error:  # noqa: BLE001 - compared
                outcome = error
            fired = made.pop() if made else None
            if outcome is fired is None:
                dropped.append(None)
            check_after(outcome, fired)
            outcome = fired = None
            over.put(True)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    interrupts, end = 0, time.monotonic() + seconds
    pause = threading.Event()
    while time.monotonic() < end and len(wrong) < 5:
        begun.get(timeout=2 * PATIENCE)
        pause.wait(random.uniform(0, 0.003))  # the random moment
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(worker.ident), ctypes.py_object(raised))
        over.get(timeout=3 * PATIENCE)
        interrupts += 1
        if interrupts % MANY == 0 and not check_others(f"after {interrupts} interrupts"):
            break
    return interrupts


def only_deadlines(kind, seconds):
    """
    Interrupt blocks with a deadline in which nothing is sent, and return how often.
    """
    alarm, interrupts, end = Alarm(kind), 0, time.monotonic() + seconds
    while time.monotonic() < end and len(wrong) < 5:
        outcome = None
        try:
            try:
                alarm.set(random.uniform(1e-6, 2e-4))
                for _ in range(40):
                    with sg.deadline(GUARD):
                        pass
            finally:
                alarm.clear()
        except BaseException as error:  # noqa: BLE001 - compared
            outcome = error
        fired = alarm.fired
        interrupts += fired is not None
        check_after(outcome, fired)
    return interrupts


def main():
    where, kind, seconds = sys.argv[1], getattr(builtins, sys.argv[2]), sys.argv[3]
    faulthandler.dump_traceback_later(float(seconds) + 12, exit=True)
    random.seed(17)
    sys.setswitchinterval(0.0005)
    sys.unraisablehook = lambda unraisable: unraised.append(unraisable.exc_value)
    for call in CALLS:
        call()
    interrupt = {"signal": in_main_thread, "thread": in_worker_thread, "deadline": only_deadlines}[where]
    interrupts = interrupt(kind, float(seconds))
    if not wrong:
        check_others("at the end")
        check_bound()
    if len(dropped) > interrupts // 50:
        wrong.append(f"{len(dropped)} of {interrupts} exceptions were lost without a trace")
    wrong.extend(f"{code} was created {count} times" for code, count in server.created.items() if count > 1)
    sys.stdout.write(json.dumps({"interrupts": interrupts, "wrong": wrong}))
    sys.stdout.flush()
    os._exit(0)  # whatever hangs


if __name__ == "__main__":
    main()
