"""
Whether requests that nobody should send make a local site fail or grow: calls, filters, forms, images, addresses.

Run with ``python benchmarks/fuzz.py [--minutes 60] [--threads 4] [--seed 1]``. The site is a process of its own on a
file. At the end it prints how many requests were sent and how many failed inside the site, and the site's memory at the
beginning and the end. The exit status is 1 if a request failed, or if the log of the site has a traceback. A failing
request is written to ``--failures``, and the log of the site beside it.

Memory at the beginning is measured after the first minute, when each part of the site has been used once.
"""

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Set, Tuple

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from fix_fuzz import Fuzz
from fix_fuzz_sending import Sent, is_failure, send

KEY = "fuzz"
AUTH = {"script_name": "sgextended", "script_key": KEY}
WARM_UP = 60.0  # seconds until memory is measured for the first time
PAUSE = 30.0  # seconds between two lines
SLOW = 20.0  # seconds that no request may take


class Site:
    """
    A site in a process of its own, whose log is a file.
    """

    def __init__(self, folder: Path) -> None:
        self.log = folder / "site.log"
        command = [sys.executable, "-m", "sgextended", "site", "--db", str(folder / "site.db"), "--api-key", KEY]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([*command, "--demo"], stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"The site did not start. {self.log.read_text(encoding='utf-8')}")
        self.port = int(line.split()[3].rpartition(":")[2])

    def memory(self, name: str = "VmRSS") -> Optional[float]:
        """
        Return the memory of the site in MB: ``VmRSS`` is now, ``VmHWM`` the most so far. None: not Linux, or it ended.
        """
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8").splitlines():
                if line.startswith(f"{name}:"):
                    return int(line.split()[1]) / 1000
        return None

    def stop(self) -> None:
        """
        Stop the site.
        """
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Run:
    """
    What the threads count together.
    """

    def __init__(self, site: Site, minutes: float, failures: Path) -> None:
        self.site = site
        self.end = time.monotonic() + minutes * 60
        self.counts: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.problems: Counter[str] = Counter()
        self.slowest: Tuple[float, str] = (0.0, "")
        self.refused = 0
        self._failures = failures
        self._written: Set[str] = set()
        self._lock = threading.Lock()

    def fuzz(self, seed: int) -> None:
        """
        Send requests until the time is over.
        """
        fuzz = Fuzz(seed, AUTH)
        while time.monotonic() < self.end and self.site.process.poll() is None:
            sent = fuzz.request()
            started = time.monotonic()
            try:
                status, body = send(sent, self.site.port)
                problem = f"status {status}" if is_failure(status, body) else ""
            except OSError as error:
                status, body, problem = 0, b"", type(error).__name__
            self._count(sent, status, body, problem, time.monotonic() - started)

    def _count(self, sent: Sent, status: int, body: bytes, problem: str, seconds: float) -> None:
        with self._lock:
            self.counts[sent.kind] += 1
            self.statuses[status] += 1
            # The credentials must stay valid, or else nothing behind them is tried.
            self.refused += b"Can't authenticate script 'sgextended'" in body
            self.slowest = max(self.slowest, (seconds, repr(sent)[:300]))
            if seconds > SLOW:
                problem = problem or "slow"
            if problem:
                self.problems[problem] += 1
                known = f"{problem} {sent.kind} {sent.body[:40]!r}"
                if known not in self._written and len(self._written) < 500:
                    self._written.add(known)
                    with self._failures.open("a", encoding="utf-8") as file:
                        parts = [sent.kind, sent.method, sent.path, sent.headers, sent.body.decode("latin-1")]
                        file.write(json.dumps([problem, seconds, *parts]) + "\n")


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Site]:
    """
    Serve a new site, and stop it at the end.
    """
    site = Site(folder)
    try:
        yield site
    finally:
        site.stop()


def tracebacks(log: Path) -> Dict[str, int]:
    """
    Return the last lines of the tracebacks in a log, and how often each is there.
    """
    found: Counter[str] = Counter()
    inside = False
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("Traceback"):
            inside = True
        elif inside and line and not line.startswith(" "):
            found[line[:200]] += 1
            inside = False
    return dict(found)


def main() -> int:
    """
    Run the fuzzer and print the report.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures.jsonl"))
    options = parser.parse_args()
    sys.setrecursionlimit(10_000)  # requests may nest deeper than a program does
    with tempfile.TemporaryDirectory() as name, served(Path(name)) as site:
        run = Run(site, options.minutes, options.failures)
        started, begin = time.monotonic(), site.memory()
        seeds = range(options.seed * 1000, options.seed * 1000 + options.threads)
        threads: List[threading.Thread] = [threading.Thread(target=run.fuzz, args=(seed,)) for seed in seeds]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            for thread in threads:
                thread.join(min(PAUSE, max(10.0, run.end - time.monotonic())) / len(threads))
            if time.monotonic() - started < WARM_UP:
                begin = site.memory()
            print(
                f"{time.monotonic() - started:6.0f} s  {sum(run.counts.values()):8} requests  "
                f"{sum(run.problems.values())} problems  {site.memory() or 0:.0f} MB",
                flush=True,
            )
        end, most, ended = site.memory(), site.memory("VmHWM"), site.process.poll()
        seen = tracebacks(site.log)
        if seen:
            shutil.copy(site.log, options.failures.with_suffix(".log"))
    print(f"requests: {sum(run.counts.values())} {dict(run.counts)}")
    print(f"statuses: {dict(sorted(run.statuses.items()))}")
    print(f"500s and other problems: {dict(run.problems) or 0}")
    print(f"requests whose valid credentials were refused: {run.refused}")
    print(f"tracebacks in the log: {seen or 0}")
    print(f"slowest: {run.slowest[0]:.1f} s {run.slowest[1]}")
    print(f"memory at begin {begin or 0:.0f} MB, at end {end or 0:.0f} MB, most {most or 0:.0f} MB")
    if ended is not None:
        print(f"The site ended with status {ended}.")
    return int(bool(run.problems or seen or ended is not None))


if __name__ == "__main__":
    sys.exit(main())
