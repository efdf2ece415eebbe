"""
What is left of thousands of calls when everything goes wrong now and then: SGExtended beside the official client.

Run with ``python benchmarks/chaos.py [--operations 50000] [--threads 16] [--seed 1] [--seconds 600]``. Each column has
a site of its own with the same mishaps (`fix_chaos_site.PLAN`), over HTTPS where nothing else is said, and is a process
of its own, which is killed when it does not end. The calls and the judgement are those of ``tests/test_chaos.py``; they
live in ``tests`` because the tests run without this folder, against the built wheel, and cannot import from it.

The official client gets what makes it quick: ``BACKOFF`` and ``config.rpc_attempt_interval`` are 0 instead of 0.75 s
and 3 s, and ``config.timeout_secs`` is SGExtended's read timeout, where by default it would wait without a limit. One
official client for all threads is what its documentation warns of, and over HTTPS it mostly takes the process down.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping

import shotgun_api3
from attrs import asdict, field, frozen

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from fix_chaos import resources, work
from fix_chaos_notes import Notes, Verdict, judge
from fix_chaos_site import READ_TIMEOUT, ChaosSite

from sgextended import RetryPolicy, SGExtended, Site

GRACE = 30.0  # seconds that calls may take when no more are begun
SHARED_LIMIT = 20.0  # seconds: longer, and there is nothing more to see
POLICY = RetryPolicy(attempts=6, first_wait=0.01, longest_wait=0.1)

UNCERTAIN = "OutcomeUnknown"

Client = Any


def official() -> Client:
    """
    Return an official client, in a hurry.
    """
    of = os.environ
    sg = shotgun_api3.Shotgun(
        of["SHOTGUN_URL"],
        of["SHOTGUN_SCRIPT_NAME"],
        of["SHOTGUN_API_KEY"],
        ca_certs=of.get("SHOTGUN_API_CACERTS"),
        connect=False,
    )
    sg.BACKOFF = sg.config.rpc_attempt_interval = 0
    sg.config.timeout_secs = READ_TIMEOUT
    return sg


def ours() -> Client:
    """
    Return a wrapper that waits for as long between attempts as the tests' does.
    """
    return SGExtended(site=Site.from_env(retry=POLICY, read_timeout=READ_TIMEOUT))


@frozen
class Column:
    """
    One client: its name, how it is made, and whether all threads share one, over HTTPS or not.
    """

    name: str
    make: Callable[[], Client]
    is_shared: bool
    tls: bool = True

    def limit(self, seconds: float) -> float:
        """
        Return the seconds after which no more calls are begun.
        """
        return min(seconds, SHARED_LIMIT) if self.is_shared and self.make is official else seconds


COLUMNS = (
    Column("SGExtended, shared", ours, True),
    Column("shotgun_api3, one each", official, False),
    Column("shotgun_api3, shared", official, True),
    Column("the same over HTTP", official, True, tls=False),
)


@frozen
class Result:
    """
    What came of a column; where its process did not end by itself, only how it ended.
    """

    column: Column
    ending: str = ""
    notes: Notes = field(factory=Notes)
    verdict: Verdict = field(factory=Verdict)
    left: Mapping[str, int] = field(factory=dict)


def play(column: Column, world: Dict[str, Any], options: argparse.Namespace) -> None:
    """
    Make a column's calls in this process, and print what was noted and what stays open.
    """
    before = resources()
    clients = [column.make() for _ in range(1 if column.is_shared else options.threads)]
    notes = work(
        lambda at: clients[at % len(clients)],
        world,
        seed=options.seed,
        calls=options.operations,
        threads=options.threads,
        limit=column.limit(options.seconds),
        grace=GRACE,
    )
    for client in clients:
        with contextlib.suppress(Exception):  # what is broken may not close
            client.close()
    left = {what: count - before[what] for what, count in resources().items()}
    print(json.dumps([notes.to_json(), left]), flush=True)
    os._exit(0)  # threads that hang are not waited for


def measure(column: Column, options: argparse.Namespace) -> Result:
    """
    Return what comes of a column, on a site of its own.
    """
    with ChaosSite(tls=column.tls) as site:
        site.misbehave(options.seed)
        command = [sys.executable, __file__, "--play", column.name, "--world", json.dumps(site.world)]
        for name in ("operations", "threads", "seed", "seconds"):
            command += [f"--{name}", str(getattr(options, name))]
        environment = {**os.environ, **site.environment}
        patience = column.limit(options.seconds) + 2 * GRACE
        try:
            played = subprocess.run(command, env=environment, timeout=patience, stdout=subprocess.PIPE, check=False)
        except subprocess.TimeoutExpired:
            return Result(column, "had to be killed")
        if played.returncode < 0:
            return Result(column, signal.Signals(-played.returncode).name)
        told, left = json.loads(played.stdout.splitlines()[-1])
        notes = Notes.from_json(told)
        return Result(column, "", notes, judge(notes, site.harvest()), left)


ROWS: Dict[str, Callable[[Result], object]] = {
    "calls": lambda result: result.notes.calls,
    "seconds": lambda result: f"{result.notes.seconds:.1f}",
    "seconds of the longest call": lambda result: f"{result.notes.longest:.1f}",
    "records and files that are there twice": lambda result: len(result.verdict.duplicates),
    "acknowledged writes that are lost": lambda result: len(result.verdict.lost),
    "writes that failed, yet were done": lambda result: len(result.verdict.denied),
    "records done otherwise than noted": lambda result: len(result.verdict.unexplained),
    "wrong answers": lambda result: len(result.notes.wrong),
    "calls that hang": lambda result: len(result.notes.hung),
    "writes said to be uncertain": lambda result: result.notes.errors[UNCERTAIN],
    "other calls that failed": lambda result: sum(result.notes.errors.values()) - result.notes.errors[UNCERTAIN],
    "files open after close()": lambda result: result.left["files"],
}


def show(results: List[Result], *, examples: int) -> None:
    """
    Print the table, then the errors of each column by class, then examples of what is wrong.
    """
    width = max(map(len, ROWS)) + 2
    print(" " * width + "".join(f"{result.column.name:>24}" for result in results))
    for row, figure in ROWS.items():
        cells = [result.ending or figure(result) for result in results]
        print(f"{row:<{width}}" + "".join(f"{cell!s:>24}" for cell in cells))
    for result in results:
        errors = ", ".join(f"{count} {error}" for error, count in result.notes.errors.most_common())
        print(f"\n{result.column.name} raised: {result.ending or errors or 'nothing'}")
        found = {**asdict(result.verdict), "wrong": result.notes.wrong, "hung": result.notes.hung}
        for what, items in found.items():
            for item in items[:examples]:
                print(f"  {what}: {item[:600]}")


def main() -> None:
    """
    Do what the command line asks for.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operations", type=int, default=50_000, help="calls of each column (default: 50000)")
    parser.add_argument("--threads", type=int, default=16, help="that make them (default: 16)")
    parser.add_argument("--seed", type=int, default=1, help="of mishaps and calls (default: 1)")
    parser.add_argument("--seconds", type=float, default=600.0, help="for each column at most (default: 600)")
    parser.add_argument("--examples", type=int, default=0, help="of each thing that is wrong, to be shown")
    parser.add_argument("--play", help=argparse.SUPPRESS)
    parser.add_argument("--world", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.play:
        (column,) = (column for column in COLUMNS if column.name == options.play)
        play(column, options.world, options)
        return
    print(
        f"shotgun_api3 {shotgun_api3.__version__}, Python {sys.version.split()[0]}, seed {options.seed}: up to "
        f"{options.operations} calls by {options.threads} threads; a shared shotgun_api3 gets {SHARED_LIMIT:.0f} s\n"
    )
    results = []
    for column in COLUMNS:
        print(f"{column.name} ...", file=sys.stderr, flush=True)
        results.append(measure(column, options))
    show(results, examples=options.examples)


if __name__ == "__main__":
    main()
