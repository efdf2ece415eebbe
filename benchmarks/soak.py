"""
Whether anything grows, leaks or goes wrong when 64 threads use one wrapper for ten minutes, and much fails meanwhile.

Run with ``make soak``, or ``python benchmarks/soak.py [--minutes 10] [--threads 64] [--fault SPEC ...]``. The site is
``sgextended site --tls --fault ...`` in a process of its own, over a file that is filled before anything goes wrong,
and looked at again when nothing does any more. Every half minute it prints a line, at the end a verdict; the exit
status is 1 unless memory is flat, nothing is leaked, and every result was right.

A thread knows its own shots, so it knows what the site must answer. What is kept of them does not grow: one byte for
each code, so that in the end each one can be asked for.
"""

import argparse
import contextlib
import gc
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Iterator, List, Optional, Sequence, Tuple

from attrs import define, field, frozen
from measure import memory
from soak_calls import DONE, NOT_DONE, PERHAPS, Actor, World

from sgextended import SGExtended, Site

#: What goes wrong unless told otherwise; seeds are added. No client can tell that a file is not the one that it asked
#: for, so answers that look whole and are not come to calls alone.
FAULTS = (
    "latency=0.02:rate=0.1",
    "reset-before:rate=0.005",
    "reset-after:rate=0.005",
    "reset-during:rate=0.005",
    "close-after:rate=0.005",
    "hang-up:rate=0.005",
    "status=429:rate=0.0002,retry-after=1",
    "status=500:rate=0.002",
    "status=502:rate=0.003,when=after",
    "status=503:rate=0.0005",
    "status=504:rate=0.003",
    "html:rate=0.002,when=after,path=/api3",
    "truncated:rate=0.003,path=/api3",
    "cut-off:rate=0.003",
    "garbled:rate=0.003,path=/api3",
    "trickle=0.1:rate=0.002",
    "refused=0.1:rate=0.0003",
    "slammed=0.1:rate=0.0003",
)
KEY = "soak"
LIBRARY = 1_200  # shots that are only read: three pages
PAUSE = 30.0  # seconds between two lines
PATIENCE = 90.0  # seconds for calls to end when no more are begun
SETTLING = 20.0  # seconds for what is idle to go
STEEPEST = 0.5  # MB a minute that count as flat
SHORTEST = 5.0  # minutes of a run that can tell: at first, memory grows with what 64 threads need at the same time

#: What glibc keeps for each of many threads grows for long and hides what leaks: so it keeps nothing here.
PLAIN = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0", "MALLOC_ARENA_MAX": "1"}


# --- The site


@contextlib.contextmanager
def site(db: Path, faults: Sequence[str] = (), **settings: Any) -> Iterator[Site]:
    """
    Serve a file in a process of its own; gives the way to it.
    """
    command = [sys.executable, "-m", "sgextended", "site", "--tls", "--db", str(db), "--api-key", KEY]
    for fault in faults:
        command += ["--fault", fault]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        if not said:
            sys.exit("The site did not start.")
        words = said.split()
        told = dict(word.split("=", 1) for word in words if "=" in word)
        url = words[words.index("at") + 1]
        yield Site(url=url, script_name=told["script_name"], api_key=KEY, ca_file=told["ca_file"], **settings)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        process.stdout.close()


def fill(way: Site) -> World:
    """
    Make what is there from the beginning.
    """
    with SGExtended(site=way) as sg:
        project, library = (sg.create("Project", {"name": name}) for name in ("Soak", "Library"))
        creates = [
            {"request_type": "create", "entity_type": "Shot", "data": {"code": f"l{at:04}", "project": library}}
            for at in range(LIBRARY)
        ]
        made = [row for start in range(0, LIBRARY, 200) for row in sg.batch(creates[start : start + 200])]
        return World(project, library, [(row["id"], row["code"]) for row in made])


# --- What is looked at


@frozen
class Sample:
    """
    What the process has at a moment. What the system does not tell is None.
    """

    at: float
    megabytes: Optional[float]
    threads: int
    files: Optional[int]
    connections: Optional[int]


def sample() -> Sample:
    """
    Look at this process.
    """
    return Sample(time.monotonic(), memory("VmRSS"), threading.active_count(), *open_files())


def open_files() -> Tuple[Optional[int], Optional[int]]:
    """
    Return how many files are open, sockets among them, and how many of those are connections.
    """
    folder = Path("/proc/self/fd")
    if not folder.exists():
        return None, None
    names = []
    for entry in list(folder.iterdir()):
        with contextlib.suppress(OSError):  # closed meanwhile, as the folder itself
            names.append(str(entry.readlink()))
    lines = [line.split() for line in Path("/proc/self/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    connected = {f"socket:[{words[9]}]" for words in lines if words[3] == "01"}
    return len(names), len(connected.intersection(names))


def slope(samples: Sequence[Sample]) -> Optional[float]:
    """
    Return by how many MB a minute memory grows, on the straight line that fits best.
    """
    points = [(each.at / 60, each.megabytes) for each in samples if each.megabytes is not None]
    if len(points) < 3:
        return None
    middle, mean = (statistics.fmean(values) for values in zip(*points))
    spread = sum((at - middle) ** 2 for at, _ in points)
    return sum((at - middle) * (megabytes - mean) for at, megabytes in points) / spread


@define
class Verdict:
    """
    What is wrong, in words; nothing is good.
    """

    problems: List[str] = field(factory=list)

    def expect(self, right: bool, what: str, problem: str) -> None:
        """
        Print what was found, and keep the problem if it is not right.
        """
        print(f"  {what}" + ("" if right else f"  <-- {problem}"), flush=True)
        self.problems += [] if right else [problem]


def told(value: Optional[float], digits: int = 0) -> str:
    """
    Return a number as the lines have it.
    """
    return "-" if value is None else f"{value:.{digits}f}"


def soak(way: Site, world: World, options: argparse.Namespace, verdict: Verdict) -> List[Actor]:
    """
    Let the threads work, print how it goes, and see what they leave.
    """
    gc.collect()
    before = sample()
    sg = SGExtended(site=way)
    actors = [Actor(sg, world, f"t{number:02}", options.seed) for number in range(options.threads)]
    started = time.monotonic()
    until = started + 60 * options.minutes
    threads = [threading.Thread(target=actor.run, args=(until,), name=actor.name, daemon=True) for actor in actors]
    for thread in threads:
        thread.start()
    samples = watch(actors, started, until, sg)
    for thread in threads:
        thread.join(max(0.0, until + PATIENCE - time.monotonic()))
    hung = [thread.name for thread in threads if thread.is_alive()]
    sg.close()
    after = settled(before)

    print("\nAt the end:")
    calls, seconds = sum(actor.calls for actor in actors), time.monotonic() - started
    wrong = [line for actor in actors for line in actor.wrong]
    errors = sum(sum(actor.errors.values()) for actor in actors)
    verdict.expect(not hung, f"{calls} operations in {seconds:.0f} s, {errors} failed as they may", f"hang: {hung}")
    verdict.expect(not wrong, f"{len(wrong)} wrong results", "\n      ".join([f"{len(wrong)} wrong", *wrong[:10]]))
    grown = slope([each for each in samples if each.at > (started + until) / 2])
    can_tell = options.minutes >= SHORTEST
    verdict.expect(
        grown is None or grown < STEEPEST or not can_tell,
        f"memory grows by {told(grown, 2)} MB a minute in the second half"
        + ("" if can_tell else f", of which {SHORTEST:g} minutes and more can tell"),
        f"more than {STEEPEST} MB a minute is not flat",
    )
    most = max((each.connections or 0 for each in samples), default=0) - (before.connections or 0)
    verdict.expect(most <= way.connections, f"{most} connections at most", f"the bound is {way.connections}")
    names = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    verdict.expect(not names, f"{len(names)} threads are left", f"threads leaked: {names}")
    for what in ("files", "connections"):
        had, has = getattr(before, what), getattr(after, what)
        verdict.expect(had is None or has <= had, f"{told(has)} {what} open, {told(had)} before", f"{what} leaked")
    return actors


def watch(actors: List[Actor], started: float, until: float, sg: SGExtended) -> List[Sample]:
    """
    Print a line now and then until the time is up, and return what was seen each second.
    """
    print("seconds  operations  a second  requests     MB  threads  files  connections  errors")
    samples, next_line, last = [], started + PAUSE, 0
    while time.monotonic() < until:
        time.sleep(max(0.0, min(1.0, until - time.monotonic())))
        now = sample()
        samples.append(now)
        if now.at >= min(next_line, until):
            calls = sum(actor.calls for actor in actors)
            errors: Counter[str] = sum((Counter(actor.errors) for actor in actors), Counter())
            shown = ", ".join(f"{count} {name}" for name, count in errors.most_common())
            print(
                f"{now.at - started:7.0f}  {calls:10}  {(calls - last) / PAUSE:8.0f}  {sg.requests_sent:8}  "
                f"{told(now.megabytes, 1):>5}  {now.threads:7}  {told(now.files):>5}  {told(now.connections):>11}  "
                f"{shown}",
                flush=True,
            )
            last, next_line = calls, next_line + PAUSE
    return samples


def settled(before: Sample) -> Sample:
    """
    Return what the process has once it has no more than before, or after a while.
    """
    until = time.monotonic() + SETTLING
    while True:
        gc.collect()
        now = sample()
        if (now.threads == 1 and (now.files or 0) <= (before.files or 0)) or time.monotonic() > until:
            return now
        time.sleep(0.2)


def look(way: Site, world: World, actors: List[Actor], verdict: Verdict) -> None:
    """
    See that each shot that was created is there once, and none beside.
    """
    there: Counter[str] = Counter()
    filters = [["project", "is", world.project]]
    with SGExtended(site=way) as sg:
        for retired in (False, True):
            there.update(row["code"] for row in sg.find_iter("Shot", filters, ["code"], retired_only=retired))
    possible = {NOT_DONE: {0}, DONE: {1}, PERHAPS: {0, 1}}
    twice, lost, denied = [], [], []
    for actor in actors:
        for number, state in enumerate(actor.states):
            code = f"{actor.name}-{number:06}"
            count = there.pop(code, 0)
            if count not in possible[state]:
                (twice if count > 1 else denied if count else lost).append(code)
    total = sum(len(actor.states) for actor in actors)
    verdict.expect(not twice, f"{total} shots to be created, {len(twice)} are there twice", f"twice: {twice[:5]}")
    verdict.expect(not lost, f"{len(lost)} are lost", f"lost: {lost[:5]}")
    verdict.expect(not denied, f"{len(denied)} are there although the call failed for sure", f"denied: {denied[:5]}")
    verdict.expect(not there, f"{sum(there.values())} are there that nobody created", f"strange: {list(there)[:5]}")


def main() -> None:
    """
    Do it all.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=64)
    parser.add_argument("--connections", type=int, default=10, help="the wrapper's bound (default: 10)")
    parser.add_argument("--seed", type=int, default=1, help="of calls and faults (default: 1)")
    parser.add_argument("--fault", action="append", help="instead of the usual ones, as for sgextended site")
    options = parser.parse_args()
    faults = options.fault or [f"{fault},seed={options.seed + at}" for at, fault in enumerate(FAULTS)]
    verdict = Verdict()
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "soak.sqlite"
        with site(db) as way:
            world = fill(way)
        with site(db, faults, connections=options.connections) as way:
            actors = soak(way, world, options, verdict)
        with site(db) as way:
            look(way, world, actors, verdict)
    print("\n" + ("All is well." if not verdict.problems else "Not well: " + "; ".join(verdict.problems)))
    sys.exit(1 if verdict.problems else 0)


if __name__ == "__main__":
    if sys.platform == "linux" and not PLAIN.items() <= os.environ.items():  # it is read when a process begins
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **PLAIN})
    main()
