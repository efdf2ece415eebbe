"""
`find` and the first call of many workers: the official client against SGExtended, in one run, on the same server.

Run with ``make bench``, or ``python benchmarks/find.py [--runs 5] [--workers 16]``. The server has a process of its
own and sends pages made beforehand. Each figure is the median of the runs, in which the two clients take turns; the
ratio says how many times as fast SGExtended is.
"""

import argparse
import functools
import statistics
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, List, Tuple

import shotgun_api3

from sgextended import SGExtended, transport

FIELDS = [
    "content",
    "sg_status_list",
    "sg_description",
    "start_date",
    "due_date",
    "duration",
    "est_in_mins",
    "milestone",
    "entity",
    "project",
    "task_assignees",
    "assets",
    "created_at",
    "updated_at",
    "id",
]
RECORDS = 20_000
Connect = Callable[[], object]


@contextmanager
def server(*, latency: float, tls: bool = False) -> Iterator[Tuple[str, str]]:
    """
    Run the canned server in a process of its own; gives its address and the path of its certificate authority.
    """
    words = [sys.executable, str(Path(__file__).with_name("canned.py")), "--latency", str(latency)]
    process = subprocess.Popen([*words, "--total", str(RECORDS), *(["--tls"] if tls else [])], stdout=subprocess.PIPE)
    try:
        url, _, ca_file = process.stdout.readline().decode().strip().partition(" ")
        yield url, ca_file
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def clients(url: str, ca_file: str) -> Tuple[Connect, Connect]:
    """
    Return how a script makes the official client and ours, for the same site.
    """
    words = {"base_url": url, "script_name": "bench", "api_key": "bench", "ca_certs": ca_file or None}
    return lambda: shotgun_api3.Shotgun(**words), lambda: SGExtended.connect(**words)


def find_all(connect: Connect) -> float:
    """
    Return the seconds that one find of all records takes, on a client that has asked before.
    """
    sg = connect()
    sg.find("Task", [], FIELDS, limit=1)
    started = time.perf_counter()
    found = sg.find("Task", [], FIELDS)
    seconds = time.perf_counter() - started
    assert len(found) == RECORDS
    sg.close()
    return seconds


def first_calls(connect: Connect, workers: int) -> float:
    """
    Return the seconds until each of several threads has made an instance and has had its first answer.
    """
    transport._transports.clear()  # noqa: SLF001 - a new process is what is meant: nothing is connected yet
    barrier = threading.Barrier(workers + 1)

    def worker() -> None:
        barrier.wait()
        connect().find("Task", [], FIELDS, limit=1)

    threads = [threading.Thread(target=worker) for _ in range(workers)]
    for thread in threads:
        thread.start()
    barrier.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


def compare(name: str, measure: Callable[[Connect], float], both: Tuple[Connect, Connect], runs: int) -> None:
    """
    Print one row: the medians of both clients, which take turns, and their ratio.
    """
    official: List[float] = []
    ours: List[float] = []
    for _ in range(runs):
        official.append(measure(both[0]))
        ours.append(measure(both[1]))
    theirs, our = statistics.median(official), statistics.median(ours)
    print(f"{name:<58}{theirs:>12.3f} s{our:>12.3f} s{theirs / our:>9.1f}x", flush=True)


def main() -> None:
    """
    Print the table.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--workers", type=int, default=16)
    options = parser.parse_args()
    print(f"shotgun_api3 {shotgun_api3.__version__}, Python {sys.version.split()[0]}, medians of {options.runs} runs\n")
    print(f"{'':<58}{'shotgun_api3':>14}{'SGExtended':>14}{'ratio':>10}")
    for latency in (0.0, 0.1):
        with server(latency=latency) as where:
            name = f"find of {RECORDS} records of 15 fields, {latency * 1000:.0f} ms"
            compare(name, find_all, clients(*where), options.runs)
    for tls, latency in ((False, 0.0), (True, 0.0), (True, 0.05)):
        with server(latency=latency, tls=tls) as where:
            scheme = "https" if tls else "http"
            name = f"{options.workers} workers: new instance and one call, {scheme}, {latency * 1000:.0f} ms"
            measure = functools.partial(first_calls, workers=options.workers)
            compare(name, measure, clients(*where), options.runs)


if __name__ == "__main__":
    main()
