"""
A program: maps with a journal are interrupted at random moments, and finished items must be in the journal.

Usage: ``python interrupted_maps.py SIGTERM|SIGINT|SIGALRM|SIGUSR1|thread TRIALS``. It writes one line of JSON: the
number of maps that were interrupted, and for each map that has lost items their list.
"""

import contextlib
import ctypes
import faulthandler
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from sgextended.workers.map import Options, run

ITEMS = 40
STARTED = 6  # items after which all threads of a map run


class Interrupted(Exception):
    pass


def raise_interrupted(*_):
    raise Interrupted


HANDLERS = {"SIGTERM": lambda *_: sys.exit(143), "SIGALRM": raise_interrupted, "SIGUSR1": raise_interrupted}

faulthandler.dump_traceback_later(60, exit=True)
how, trials = sys.argv[1], int(sys.argv[2])
if how in HANDLERS:
    signal.signal(getattr(signal, how), HANDLERS[how])
main = threading.main_thread().ident
interrupted, lost = 0, []


def interrupt_later(seconds, over, done):
    if how == "thread":
        # Python may throw the exception into a thread that is just being started, whose start then never ends.
        while len(done) < STARTED and not over.wait(0.0005):
            pass
    if over.wait(seconds):
        return
    if how == "thread":
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(main), ctypes.py_object(Interrupted))
    else:
        os.kill(os.getpid(), getattr(signal, how))


with tempfile.TemporaryDirectory() as folder:
    for trial in range(trials):
        journal = Path(folder, f"{trial}.jsonl")
        done = []

        def work(_sg, item, done=done):
            time.sleep(0.0005)
            done.append(str(item))

        over = threading.Event()
        shooter = threading.Thread(target=interrupt_later, args=(random.uniform(0, 0.01), over, done))
        try:
            try:
                shooter.start()
                for _ in run(work, range(ITEMS), make=object, options=Options(workers=3, journal=journal)):
                    pass
            finally:
                over.set()
                shooter.join()
        except (SystemExit, KeyboardInterrupt, Interrupted):
            interrupted += 1
            lines = journal.read_bytes().splitlines()[1:] if journal.exists() else []
            missing = set(done) - {json.loads(line)["key"] for line in lines}
            if missing:
                lost.append(sorted(missing))
    # An exception that was thrown into this thread may arrive as late as here.
    with contextlib.suppress(SystemExit, KeyboardInterrupt, Interrupted):
        time.sleep(0)
sys.stdout.write(json.dumps({"interrupted": interrupted, "lost": lost}))
sys.stdout.flush()
os._exit(0)
