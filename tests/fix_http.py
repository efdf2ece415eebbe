"""
What the tests of the HTTP layer share: records that name their request, threads that wait, programs with a time limit.
"""

import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

from fix_servers import GUARD, page, results
from processes import unmeasured

TESTS = Path(__file__).parent


def wanted_id(request):
    """
    Return the id that a request of `find_by_id` looks for.
    """
    return request.payload["params"][1]["filters"]["conditions"][0]["values"][0]


def own_record(request):
    """
    Return the response with the record that the request looks for, so that no other record can be taken for it.
    """
    return results(page({"type": "Shot", "id": wanted_id(request)}))


def find_by_id(sg, number):
    """
    Return the id of the record that the site returns for an id.
    """
    return sg.find_one("Shot", [["id", "is", number]])["id"]


class InThread:
    """
    A call that runs in a thread of its own.
    """

    def __init__(self, call):
        self.result = self.error = None
        self._call = call
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            self.result = self._call()
        except BaseException as error:  # noqa: BLE001 - compared by the test
            self.error = error

    def until_blocked(self):
        """
        Return once the thread has been at the same instruction for several looks in a row, or has ended.
        """
        places = [None]
        end = time.monotonic() + GUARD
        while len(places) < 5 and self._thread.is_alive():
            assert time.monotonic() < end, places
            self._thread.join(0.005)
            place = self._place()
            places = [*places, place] if place == places[-1] else [place]

    def _place(self):
        frame = sys._current_frames().get(self._thread.ident)
        return [(each.f_code, each.f_lasti) for each, _line in traceback.walk_stack(frame)] if frame else None

    def end(self):
        """
        Wait for the end of the thread, and return what the call returned or raised.
        """
        self._thread.join(GUARD)
        assert not self._thread.is_alive(), traceback.format_stack(sys._current_frames()[self._thread.ident])
        return self.error if self.error is not None else self.result


def run_program(*command, seconds=30, **variables):
    """
    Run Python with these arguments, and return what it printed; fail when it fails, takes longer or prints an error.
    """
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=TESTS.parent,
        env=unmeasured(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
    assert (done.returncode, done.stderr) == (0, ""), f"{done.stdout}\n{done.stderr}"
    return done.stdout
