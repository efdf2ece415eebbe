"""
Following the event log while everything goes wrong: late entries, gaps that never fill, requests that fail, a site that
is killed, and a follower that is killed again and again.

`tests/events/test_event_stress.py` and `benchmarks/events.py` share it. As a program it is the follower::

    python fix_event_stress.py FOLDER in-order|at-once GAP_AGE
"""

import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from attrs import define, field

from sgextended import RetryPolicy, SGExtended, SGExtendedError, Site
from sgextended.localsite import LocalSite

KEY = "stress"
#: What goes wrong on the site. The longest delay of a late entry is 1 second.
FAULTS = (
    "late-events=1:rate=0.1,seed=1,never=0.05",
    "status=503:rate=0.02,seed=2",
    "reset-before:rate=0.01,seed=3",
    "reset-after:rate=0.01,seed=4",
    "cut-off:rate=0.01,seed=5",
)
#: Events of one request of the writers.
BATCH = 10
GUARD = 300.0  # seconds for the follower to handle the rest
LONGEST_LIFE = 900.0  # seconds of a follower, so that none is left behind if the run is killed


@define
class Verdict:
    """
    What the follower has handled, compared with what is in the log.
    """

    events: int = 0  # entries that became visible
    gaps: int = 0  # ids that never became visible
    handled: int = 0  # different events that were handled
    lost: int = 0  # events that were not handled
    twice: int = 0  # times that an event was handled again
    unordered: int = 0  # events that came after one with a higher id
    unmarked: int = 0  # those of them that were not marked as late
    late: int = 0  # events that were marked as late
    kills: int = 0  # of the follower
    site_kills: int = 0
    seconds: float = 0.0
    ended_cleanly: bool = False


def free_port():
    """
    Return a port that nobody listens on.
    """
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@define(eq=False)
class StressSite:
    """
    A local site in a process of its own, which can be killed and started again.
    """

    folder: Path
    faults: tuple = FAULTS
    port: int = field(factory=free_port)
    process: subprocess.Popen = None

    def start(self):
        """
        Start the site, and wait until it serves.
        """
        command = [sys.executable, "-m", "sgextended", "site", "--db", str(self.folder / "site.sqlite")]
        command += ["--port", str(self.port), "--api-key", KEY]
        for fault in self.faults:
            command += ["--fault", fault]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout.readline(), "the site has not started"
        return self

    def end(self, number=signal.SIGTERM):
        """
        End the site by a signal.
        """
        self.process.send_signal(number)
        self.process.wait()
        self.process.stdout.close()


def client(port):
    """
    Return a client that waits only briefly between attempts.
    """
    retry = RetryPolicy(first_wait=0.05, longest_wait=0.5)
    return SGExtended(site=Site(url=f"http://127.0.0.1:{port}", script_name="sgextended", api_key=KEY, retry=retry))


# --- The follower


def follow(folder, *, in_order, gap_age, port):
    """
    Handle events until SIGTERM: each becomes a line of the file ``handled``.
    """
    with client(port) as sg:
        stream = sg.events(
            after=0,
            timeout=LONGEST_LIFE,
            checkpoint=folder / "place",
            in_order=in_order,
            gap_age=gap_age,
            poll_seconds=0.05,
        )
        signal.signal(signal.SIGTERM, lambda *_: stream.close())
        file = os.open(folder / "handled", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        for event in stream:
            os.write(file, f"{os.getpid()} {event.id} {event.late:d}\n".encode())


def start_follower(folder, port, *, in_order, gap_age):
    """
    Start the follower as a process.
    """
    command = [sys.executable, __file__, str(folder), "in-order" if in_order else "at-once", str(gap_age), str(port)]
    with (folder / "errors").open("ab") as errors:
        return subprocess.Popen(command, stderr=errors)


def lines_of(folder):
    """
    Return what was handled: the process, the id, and whether it was marked as late.
    """
    path = folder / "handled"
    text = path.read_text() if path.exists() else ""
    whole, _newline, _rest = text.rpartition("\n")  # the follower may be writing a line
    return [tuple(map(int, line.split())) for line in whole.splitlines() if line]


# --- The writers


def fill(folder, count):
    """
    Make the file of a site, with shots. Return their ids.
    """
    with LocalSite(db=folder / "site.sqlite", api_key=KEY) as site, client(urlsplit(site.url).port) as sg:
        project = sg.create("Project", {"name": "p"})
        return [sg.create("Shot", {"project": project, "code": f"s{number}"})["id"] for number in range(count)]


class Writers:
    """
    Threads that change shots, each change an event, at a number of events a second.
    """

    def __init__(self, port, shots, events, threads, rate):
        self.shots = shots
        self.sg, self.events, self.rate = client(port), events, rate
        self.written, self.lock, self.began = 0, threading.Lock(), time.monotonic()
        self.may_end = False
        self.threads = [threading.Thread(target=self.work, args=(number,), daemon=True) for number in range(threads)]
        for thread in self.threads:
            thread.start()

    def work(self, number):
        """
        Change the shots of one thread until all threads together have written enough, and the caller lets them end.
        """
        shots, turn = self.shots[number * BATCH : (number + 1) * BATCH], 0
        while True:
            with self.lock:
                if self.written >= self.events and self.may_end:
                    return
                self.written += BATCH
                due = self.began + self.written / self.rate
            time.sleep(max(0.0, due - time.monotonic()))
            turn += 1
            requests = [
                {"request_type": "update", "entity_type": "Shot", "entity_id": shot, "data": {"description": str(turn)}}
                for shot in shots
            ]
            while True:
                try:
                    self.sg.batch(requests)
                    break
                except SGExtendedError:  # written or not: a second update changes nothing
                    time.sleep(0.05)

    def join(self):
        """
        Wait for the threads.
        """
        for thread in self.threads:
            thread.join()
        self.sg.close()

    @property
    def are_done(self):
        """
        Whether all threads have ended.
        """
        return not any(thread.is_alive() for thread in self.threads)


# --- The run


def stress(folder, *, events, kills, site_kills, threads=8, in_order=True, gap_age=8.0, rate=200.0, alive=0.7, seed=1):
    """
    Follow the log of a site on which threads write, while the site and the follower are killed. Return the `Verdict`.

    A follower is killed up to *alive* seconds after its first event.
    """
    draw = random.Random(seed)
    verdict, began = Verdict(), time.monotonic()
    shots = fill(folder, threads * BATCH)
    site = StressSite(folder).start()
    follower = None
    try:
        writers = Writers(site.port, shots, events, threads, rate)
        site_kills_at = [events * (number + 1) // (site_kills + 1) for number in range(site_kills)]
        follower = start_follower(folder, site.port, in_order=in_order, gap_age=gap_age)
        while verdict.kills < kills or site_kills_at or not writers.are_done:
            if site_kills_at and writers.written >= site_kills_at[0]:
                site_kills_at.pop(0)
                site.end(signal.SIGKILL)
                verdict.site_kills += 1
                site.start()
            # Events are written as long as followers are killed, so that each of them sees new ones.
            writers.may_end = verdict.kills >= kills
            # A follower that has handled nothing yet is left alone, so that the run makes progress.
            # Every second one is left until it has caught up, so that it meets late entries.
            last = lines_of(folder)[-1:]
            handles = any(process == follower.pid for process, _id, _late in last)
            if handles and verdict.kills % 2:
                handles = last[0][1] >= max(visible_ids(folder)) - 5 * BATCH
            if verdict.kills < kills and handles:
                time.sleep(draw.uniform(0, alive))
                follower.kill()
                follower.wait()
                verdict.kills += 1
                follower = start_follower(folder, site.port, in_order=in_order, gap_age=gap_age)
            time.sleep(0.01)
        writers.join()
        time.sleep(1.5)  # the longest delay of an entry
        ends_at = time.monotonic() + GUARD
        while not visible_ids(folder) <= {number for _process, number, _late in lines_of(folder)}:
            if time.monotonic() > ends_at or follower.poll() is not None:
                break
            time.sleep(0.1)
        follower.terminate()
        verdict.ended_cleanly = follower.wait(30) == 0
    finally:
        if follower is not None:
            follower.kill()
            follower.wait()
        site.end()
    verdict.seconds = time.monotonic() - began
    return judged(verdict, folder, in_order=in_order)


def visible_ids(folder):
    """
    Return the ids of the entries in the file of the site.
    """
    with sqlite3.connect(f"file:{folder / 'site.sqlite'}?mode=ro", uri=True, timeout=30) as db:
        ids = {number for (number,) in db.execute('SELECT id FROM "EventLogEntry"')}
    db.close()
    return ids


def judged(verdict, folder, *, in_order):
    """
    Fill a verdict.
    """
    visible, lines = visible_ids(folder), lines_of(folder)
    handled = [number for _process, number, _late in lines]
    verdict.events, verdict.gaps = len(visible), max(visible) - len(visible)
    verdict.handled, verdict.lost = len(set(handled)), len(visible - set(handled))
    verdict.twice = len(handled) - len(set(handled))
    verdict.late = sum(late for _process, _number, late in lines)
    highest, known = 0, set()
    for _process, number, late in lines:
        if number < highest and number not in known:
            verdict.unordered += 1
            verdict.unmarked += not late
        highest = max(highest, number)
        known.add(number)
    if in_order:  # what came again after a kill is the event that was in hand
        last = {}
        for process, number, _late in lines:
            verdict.unordered += number <= last.get(process, 0)
            last[process] = number
    return verdict


if __name__ == "__main__":
    follow(Path(sys.argv[1]), in_order=sys.argv[2] == "in-order", gap_age=float(sys.argv[3]), port=int(sys.argv[4]))
