"""
The official client, sg-python-api and SGExtended, measured in one run against the same server: one command for all.

Run with ``make bench``, or ``python benchmarks/run.py [--runs 5] [--only ROW]``. It prints the table, writes it into
``docs/benchmarks.md``, the figures of every run into ``docs/benchmarks/results.json``, and draws the plots beside that.
With --only nothing is written: what belongs together is measured together. ``--only small`` measures the small calls,
``--only import`` the import. ``--profile`` prints where ``find_one`` spends its time instead.

Each work is done in a process of its own (``measure.py``), against a server in another one (``canned.py``). The clients
take turns, and a figure is the median of the runs.
"""

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import sg_python_api
from attrs import frozen
from rows import BESIDE, CLIENTS, COSTS, NEAR, WANTED, CostRow, Row, Server

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
RESULTS = HERE.parent / "docs" / "benchmarks" / "results.json"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
LIMIT = 300  # seconds that one measurement may take

Result = Dict[str, Any]


@frozen
class Job:
    """
    What one process measures: a column's client doing some work.
    """

    server: Server
    client: str
    words: str


class Bench:
    """
    Measures what the rows need, each job as often as there are runs.
    """

    def __init__(self, rows: Sequence[Union[Row, CostRow]], runs: int) -> None:
        self.rows, self.runs = rows, runs
        self.versions: Dict[str, str] = {}
        self.notes: List[str] = []
        self._pythons: Dict[str, Optional[Path]] = dict.fromkeys(CLIENTS, Path(sys.executable))
        if any("sg-python-api" in row.works for row in rows):
            self._pythons["sg-python-api"], why = sg_python_api.environment()
            self.notes += [why] if why else []
        self._taken: Dict[Job, List[Dict[str, Optional[float]]]] = {}

    def measure(self) -> None:
        """
        Do it all; the clients take turns at each server.
        """
        jobs = list(dict.fromkeys(job for row in self.rows for job in _jobs(row)))
        for server in dict.fromkeys(job.server for job in jobs):
            with running(server) as address:
                for run in range(self.runs):
                    for job in jobs:
                        if job.server == server and self._pythons[job.client]:
                            _say(f"{server.latency * 1000:.0f} ms, run {run + 1}: {job.client} {job.words}")
                            self._do(job, address)
        _say("")

    def result(self, row: Row) -> Result:
        """
        Return a row's figures: of each column those of all runs and their median, and what they come to.
        """
        columns = self._columns(row, row.figure)
        result = {"row": row.key, "work": row.label, "unit": row.unit, "wanted": row.wanted, "columns": columns}
        if "SGExtended" in columns and "shotgun_api3" in columns:
            theirs, ours = (columns[name]["median"] for name in ("shotgun_api3", "SGExtended"))
            result["ratio"] = round(theirs / ours, 2)
        return result

    def cost(self, row: CostRow) -> Result:
        """
        Return a cost row's figures, as `result` does, once for each kind of time. A ratio is SGExtended's median
        divided by that of the official client.
        """
        result: Result = {"row": row.key, "work": row.label, "unit": row.unit, "at_most": row.at_most}
        for kind, figure in row.figures.items():
            columns = self._columns(row, figure)
            theirs, ours = (columns[name]["median"] for name in ("shotgun_api3", "SGExtended"))
            result[kind] = {"columns": columns, "ratio": round(ours / theirs, 3)}
        return result

    def _columns(self, row: Union[Row, CostRow], figure: str) -> Result:
        columns: Result = {}
        for job in _jobs(row):
            values = [figures[figure] for figures in self._taken.get(job, ()) if figures[figure] is not None]
            if values:
                columns[job.client] = {
                    "median": round(statistics.median(values), 4),
                    "runs": [round(value, 4) for value in values],
                }
        return columns

    def _do(self, job: Job, address: List[str]) -> None:
        words = [str(self._pythons[job.client]), str(HERE / "measure.py"), *job.words.split(), CLIENTS[job.client]]
        words += [*address, "--total", str(job.server.total)]
        try:
            done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=LIMIT)
        except subprocess.SubprocessError as error:
            said = error.stderr or str(error)
            if job.client != "sg-python-api":
                sys.exit(f"{job.client} failed at {job.words}:\n{said}")
            print(f"\nsg-python-api failed at {job.words}:\n{said}", file=sys.stderr)
            self._pythons[job.client] = None  # it is a guest here: it may fail, and the table says so
            self.notes.append(f"sg-python-api failed at `{job.words}`, and was not asked again.")
            return
        measured = json.loads(done.stdout.splitlines()[-1])
        self._taken.setdefault(job, []).append(measured["figures"])
        self.versions.update(measured["versions"])


def _jobs(row: Union[Row, CostRow]) -> List[Job]:
    return [Job(row.server, client, words) for client, words in row.works.items()]


def _say(text: str) -> None:
    """
    Show what is being done, on one line of a terminal.
    """
    if sys.stderr.isatty():
        print(f"\r\033[K{text[:110]}", end="", file=sys.stderr, flush=True)


@contextmanager
def running(server: Server) -> Iterator[List[str]]:
    """
    Run the canned server in a process of its own; gives what ``measure.py`` is told of it.
    """
    words = [sys.executable, str(HERE / "canned.py"), "--latency", str(server.latency), "--total", str(server.total)]
    process = subprocess.Popen(
        [*words, *(["--tls"] if server.tls else [])], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url, _, ca_file = process.stdout.readline().strip().partition(" ")
        yield ["--url", url, *(["--ca-file", ca_file] if ca_file else [])]
    finally:
        process.stdin.close()  # at its end the server stops
        process.wait()
        process.stdout.close()


def shown(value: Optional[float], unit: str) -> str:
    """
    Return a figure with as many digits as it deserves.
    """
    if value is None:
        return "-"
    if unit != "s":
        return f"{value:.0f} {unit}"
    return f"{value:.1f} s" if value >= 10 else f"{value:.2f} s" if value >= 1 else f"{value:.3f} s"


def cells(result: Result) -> Tuple[str, ...]:
    """
    Return a row of the table.
    """
    unit, ratio, wanted = result["unit"], result.get("ratio"), result["wanted"]
    medians = {name: column["median"] for name, column in result["columns"].items()}
    goal = ""
    if wanted is not None and unit == "MB":
        goal = f"under {wanted:g} MB" + ("" if medians["SGExtended"] < wanted else ": missed")
    elif wanted is not None:
        goal = f"{wanted:g}x" + ("" if ratio >= wanted else ": missed")
    return (
        result["row"],
        result["work"],
        shown(medians.get("shotgun_api3"), unit),
        shown(medians.get("SGExtended"), unit),
        f"{math.floor(ratio * 10) / 10}x" if ratio and unit == "s" else "",  # not rounded up to what was wanted
        goal,
        shown(medians.get("sg-python-api"), unit),
        shown(medians.get("floor"), unit),
    )


def cost_cells(result: Result) -> Tuple[str, ...]:
    """
    Return a row of the table of costs.
    """
    line = [result["row"], result["work"]]
    for kind in ("cpu", "wall"):
        if kind in result:
            medians = [result[kind]["columns"][name]["median"] for name in ("shotgun_api3", "SGExtended")]
            line += [shown(median, result["unit"]) for median in medians]
            line.append(f"{math.ceil(result[kind]['ratio'] * 100) / 100:.2f}x")  # not rounded down to the wanted ratio
        else:
            line += ["-", "-", ""]
    ratio = result["cpu" if "cpu" in result else "wall"]["ratio"]
    return (*line, f"at most {result['at_most']:g}x" + ("" if ratio <= result["at_most"] else ": missed"))


HEAD = ("row", "work", "shotgun_api3", "SGExtended", "ratio", "wanted", "sg-python-api", "floor")
COST_HEAD = (
    "row",
    "work",
    "shotgun_api3, CPU",
    "SGExtended, CPU",
    "ratio, CPU",
    "shotgun_api3, wall",
    "SGExtended, wall",
    "ratio, wall",
    "wanted",
)


def printed(*lines: Tuple[str, ...]) -> str:
    """
    Return a table for a terminal. The first of the lines is its head.
    """
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    left = [f"{{:<{width}}}" if column < 2 else f"{{:>{width}}}" for column, width in enumerate(widths)]
    return "\n".join("  ".join(left).format(*line).rstrip() for line in lines)


def page(report: Dict[str, Any]) -> str:
    """
    Return what stands between the marks of the page.
    """
    machine = report["machine"]
    took_part = ", ".join(f"{name} {version}" for name, version in sorted(machine["versions"].items()))
    where = f"{machine['python']} on {machine['system']}, {machine['cores']} cores"
    lines = [f"{where}; {took_part}. Medians of {machine['runs']} runs.", ""]
    for title, head, rows in (
        ("", HEAD, map(cells, report["wanted"])),
        ("Beside them", HEAD, map(cells, report["beside"])),
        ("Small calls and import", COST_HEAD, map(cost_cells, report["costs"])),
    ):
        lines += [f"### {title}", ""] if title else []
        lines += ["| " + " | ".join(head) + " |", "|---|---|" + "---:|" * (len(head) - 2)]
        lines += ["| " + " | ".join(row) + " |" for row in rows] + [""]
    return "\n".join([*lines, *(f"{note}\n" for note in report["notes"])])


def write(report: Dict[str, Any]) -> None:
    """
    Write the figures, the page's table and the plots.
    """
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{page(report)}{END}{after}", encoding="utf-8")
    import plots  # noqa: PLC0415 - the figures are safe by now, if matplotlib is missing

    plots.draw(report, RESULTS.parent)


def profile() -> None:
    """
    Print where SGExtended spends the time of a small call, without latency.
    """
    with running(NEAR) as address:
        words = [sys.executable, str(HERE / "measure.py"), "profile", CLIENTS["SGExtended"], *address]
        subprocess.run(words, check=True, timeout=LIMIT)


def main() -> None:
    """
    Measure, and show it.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", metavar="ROW", default="", help="a row of the table, or what several begin with")
    parser.add_argument("--profile", action="store_true", help="print a profile of 2000 find_one calls, nothing else")
    options = parser.parse_args()
    if options.profile:
        profile()
        return
    wanted, beside = ([row for row in rows if row.key.startswith(options.only)] for rows in (WANTED, BESIDE))
    costs = [row for row in COSTS if row.key.startswith(options.only)]
    rows = [*wanted, *beside, *costs]
    if not rows:
        parser.error(f"no row {options.only!r}: {', '.join(row.key for row in [*WANTED, *BESIDE, *COSTS])}")
    bench = Bench(rows, options.runs)
    bench.measure()
    report = {
        "machine": {
            "python": f"{platform.python_implementation()} {platform.python_version()}",
            "system": platform.system(),
            "cores": os.cpu_count(),
            "runs": options.runs,
            "versions": dict(sorted(bench.versions.items())),
        },
        "notes": bench.notes,
        "wanted": [bench.result(row) for row in wanted],
        "beside": [bench.result(row) for row in beside],
        "costs": [bench.cost(row) for row in costs],
    }
    if wanted or beside:
        print(printed(HEAD, *map(cells, [*report["wanted"], *report["beside"]])))
    if costs:
        print(printed(COST_HEAD, *map(cost_cells, report["costs"])))
    for note in report["notes"]:
        print(note)
    if not options.only:
        write(report)


if __name__ == "__main__":
    main()
