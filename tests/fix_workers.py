"""
Helpers of the workers' tests: functions and classes that other processes can import by name.
"""

import itertools
import os
import threading

from attrs import define, field

from sgextended import SGExtended, SGWorker
from sgextended.workers.map import Options, run

GUARD = 20


class Wrapper:
    """
    The *sg* of a worker; it remembers the thread that created it.
    """

    def __init__(self):
        self.thread = threading.current_thread()


class Source:
    """
    An endless generator that counts the items taken from it.
    """

    def __init__(self):
        self.taken = 0

    def __iter__(self):
        for number in itertools.count():
            self.taken += 1
            yield number


def work(function, items, workers=2, make=Wrapper, **options):
    return run(function, items, make=make, options=Options(workers=workers, **options))


def fails_at_odd(_sg, item):
    if item % 2:
        msg = f"odd {item}"
        raise KeyError(msg)
    return item


class Studio(SGExtended):
    """
    A studio's class with a method of its own.
    """

    def count_shots(self):
        return len(self.find("Shot", []))


@define(slots=False, eq=False)
class Counting(SGWorker):
    """
    A worker that writes into a file when it begins and ends.
    """

    notes: str = field(kw_only=True)

    def setup(self):
        self.note("setup")

    def __call__(self, item):
        if item == "bad":
            raise KeyError(item)
        return len(self.find("Shot", []))

    def teardown(self):
        self.note("teardown")

    def note(self, what):
        with open(self.notes, "a", encoding="utf-8") as notes:  # noqa: PTH123 - as short as it gets
            notes.write(f"{what} {os.getpid()} {threading.get_ident()}\n")


def shots_and_worker(sg, item):
    """
    Return the item, the number of shots, and the process, thread and wrapper that counted them.
    """
    return item, len(sg.find("Shot", [])), type(sg).__name__, (os.getpid(), threading.get_ident(), id(sg))


def fail(_sg, item):
    """
    Fail with an error that cannot be pickled.
    """

    class Local(Exception):
        pass

    msg = f"local {item}"
    raise Local(msg)


def die(_sg, item):
    """
    End the process in the middle of its work.
    """
    if item == 3:
        os._exit(1)
    return item


class Picky:
    """
    A value that only the process that created it can unpickle.
    """

    def __reduce__(self):
        return _only_in, (os.getpid(),)


def _only_in(pid):
    if os.getpid() != pid:
        msg = "not here"
        raise ValueError(msg)
    return pid


def returns_what_cannot_travel(_sg, item):
    """
    Return a value that cannot be pickled for item 1, one that cannot be unpickled for item 2, and other items.
    """
    return {1: lambda: None, 2: Picky()}.get(item, item)
