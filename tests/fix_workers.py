"""
What the tests of workers in other processes send there: functions and classes that can be imported by name.
"""

import os
import threading

from attrs import define, field

from sgextended import SGExtended, SGWorker


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
    Return the item, how many shots there are, and who has looked: process, thread, wrapper.
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
