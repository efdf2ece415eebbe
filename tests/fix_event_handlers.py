"""
Handlers of events that other processes can import, and how tests wait for what handlers do.
"""

import os
import time

from sgextended import SGExtended, current, on

GUARD = 60.0  # seconds after which a test that waits fails


def wait_for(is_true):
    """
    Wait until a condition is true.
    """
    ends_at = time.monotonic() + GUARD
    while not is_true():
        assert time.monotonic() < ends_at, "it has not become true"
        time.sleep(0.002)


@on("Shotgun_Shot_New")
def write_process(sg, event):
    """
    Write which process handles the event.
    """
    assert current() is sg
    sg.update("Shot", event.entity["id"], {"description": f"process {os.getpid()}"})


class Studio(SGExtended):
    """
    A studio's class with a handler.
    """

    @on("Shotgun_Shot_New")
    def write_event(self, event):
        """
        Write the id of the event.
        """
        self.update("Shot", event.entity["id"], {"sg_cut_in": event.id})


@on("Shotgun_Shot_New", name="picky")
def refuse_first(_sg, event):
    """
    Fail for the shot with the name "bad".
    """
    if event.entity["name"] == "bad":
        raise ValueError("not this one")


@on("Shotgun_Shot_New", name="deadly")
def end_process(sg, event):
    """
    End the process that handles the first event, and handle the others.
    """
    if sg.find_one("Shot", [["id", "is", event.entity["id"]]], ["description"])["description"] != "safe":
        os._exit(3)
    sg.update("Shot", event.entity["id"], {"sg_cut_out": event.id})


@on("Shotgun_Sequence_New")
def rename(sg, event):
    """
    Rename the sequence.
    """
    sg.update("Sequence", event.entity["id"], {"code": "after"})
