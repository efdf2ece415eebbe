"""
What `sg.map` gains by its workers, and what it costs for each item.

Run with ``make bench-workers`` (eight minutes), or ``python benchmarks/workers.py [--runs 3] [--only WAY]``. It prints
the tables, writes them into ``docs/workers.md``, the figures of every run into ``docs/benchmarks/workers.json``, and
draws the plot beside that. With --only nothing is written.

As in ``run.py``, each figure is taken in a process of its own, against a server in another one (``canned.py``); the
ways take turns, and the median of the runs counts.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import measure
import shotgun_api3
from attrs import field, frozen
from rows import Server
from run import BEGIN, END, running

from sgextended import SGExtended, Site
from sgextended.domain.assets import find_assets

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "workers.md"
RESULTS = DOCS / "benchmarks" / "workers.json"
PLOT = "workers.svg"

PROJECTS, LATENCY = 200, 0.1
NUMBERS = (1, 4, 8, 16)
DASK_PROCESSES = 2
ITEMS, THREADS, WANTED = 20_000, 8, 60.0  # the last: microseconds
PATIENCE = 60.0  # seconds for processes to start

Row = Dict[str, Any]
Result = Dict[str, Any]


def count(sg: Any, project: Row) -> int:
    """
    Count the assets of a project. It is the same function for all clients.
    """
    return len(find_assets(sg, project))


def nothing(_sg: Any, _item: int) -> None:
    """
    Do nothing, to be timed.
    """


# --- The ways to count, each as a script would have it


def by_official(projects: List[Row], workers: int) -> Tuple[List[int], float, float]:
    """
    Return what an official client for each thread counts, the seconds that took, and 0.
    """
    own = threading.local()

    def count_with_own(project: Row) -> int:
        if not hasattr(own, "sg"):
            of = os.environ
            own.sg = shotgun_api3.Shotgun(of["SHOTGUN_URL"], of["SHOTGUN_SCRIPT_NAME"], of["SHOTGUN_API_KEY"])
        return count(own.sg, project)

    started = time.perf_counter()
    with ThreadPoolExecutor(workers) as executor:
        counts = list(executor.map(count_with_own, projects))
    return counts, time.perf_counter() - started, 0.0


def threads(_workers: int) -> "contextlib.AbstractContextManager[Optional[Executor]]":
    """
    Give no executor: `sg.map` has threads of its own.
    """
    return contextlib.nullcontext()


def by_map(
    projects: List[Row], workers: int, *, start: Callable[[int], Any] = threads, connections: int = 10
) -> Tuple[List[int], float, float]:
    """
    Return what `sg.map` counts, the seconds that took, and those that its executor took to be ready.
    """
    sg = measure.asked(lambda: SGExtended(site=Site.from_env(connections=connections)))
    begun = time.perf_counter()
    with start(workers) as executor:
        started = time.perf_counter()
        counts = list(sg.map(count, projects, workers=workers, executor=executor))
        ended = time.perf_counter()
    return counts, ended - started, started - begun


_barriers: List[Any] = []  # of a process


def _keep(barrier: Any) -> None:
    _barriers.append(barrier)


def _meet(_number: int) -> None:
    _barriers[0].wait(PATIENCE)


@contextlib.contextmanager
def processes(workers: int) -> Iterator[Executor]:
    """
    Give an executor whose processes have started and have imported what they need.
    """
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(workers)
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_keep, initargs=(barrier,)) as executor:
        list(executor.map(_meet, range(workers)))
        yield executor


@contextlib.contextmanager
def cluster(workers: int) -> Iterator[Executor]:
    """
    Give the executor of a Dask cluster on this machine whose workers have imported what they need.
    """
    import distributed  # noqa: PLC0415 - the other ways must not pay for it

    number = min(workers, DASK_PROCESSES)
    with (
        distributed.LocalCluster(
            n_workers=number, threads_per_worker=workers // number, dashboard_address=":0"
        ) as started,
        distributed.Client(started) as client,
    ):
        client.run(__import__, "sgextended")
        yield client.get_executor()


@frozen
class Way:
    """
    One way to count: its name in the table, what does it, and for which numbers of workers.
    """

    label: str
    does: Callable[..., Tuple[List[int], float, float]]
    settings: Dict[str, Any] = field(factory=dict)
    numbers: Tuple[int, ...] = NUMBERS


WAYS = {
    "official": Way("`shotgun_api3`, one instance per thread", by_official),
    "threads": Way("`sg.map`, threads", by_map),
    "wide": Way("`sg.map`, threads, `connections=16`", by_map, {"connections": 16}, numbers=(16,)),
    "processes": Way("`sg.map`, processes", by_map, {"start": processes}),
    "dask": Way("`sg.map`, Dask", by_map, {"start": cluster}),
}


def counted(way: Way, workers: int) -> Dict[str, float]:
    """
    Return the figures of one way with so many workers.
    """
    projects = [{"type": "Project", "id": number} for number in range(1, PROJECTS + 1)]
    counts, seconds, start = way.does(projects, workers, **way.settings)
    from canned import assets_of  # noqa: PLC0415 - the workers do not need it

    assert counts == [assets_of(project["id"]) for project in projects], counts
    return {"seconds": seconds, "start": start}


# --- What an item costs


def costs() -> Dict[str, float]:
    """
    Return the microseconds that an item costs when nothing is done with it, in a bare executor and in `sg.map`.
    """
    sg = SGExtended(site=Site(url="http://127.0.0.1:9", script_name="nobody", api_key="asks"))

    def bare() -> None:
        with ThreadPoolExecutor(THREADS) as executor:
            for _ in executor.map(lambda item: nothing(sg, item), range(ITEMS)):
                pass

    def mapped(**options: Any) -> None:
        for _ in sg.map(nothing, range(ITEMS), workers=THREADS, **options):
            pass

    with tempfile.TemporaryDirectory() as folder:
        tasks: Dict[str, Callable[[], None]] = {
            "bare": bare,
            "map": mapped,
            "unordered": lambda: mapped(ordered=False),
            "chunks": lambda: mapped(chunksize=20),
            "journal": lambda: mapped(journal=Path(folder) / "run.jsonl"),
        }
        figures = {}
        for name, task in tasks.items():
            started = time.perf_counter()
            task()
            figures[name] = (time.perf_counter() - started) / ITEMS * 1e6
    return figures


COSTS = {
    "bare": "`ThreadPoolExecutor.map`, bare",
    "map": "`sg.map`",
    "unordered": "`sg.map`, `ordered=False`",
    "chunks": "`sg.map`, `chunksize=20`",
    "journal": "`sg.map`, `journal=`",
}


# --- Measuring


def measured(runs: int, only: str) -> Dict[str, Any]:
    """
    Return the figures of all runs.
    """
    taken: Dict[Tuple[str, int], List[Dict[str, float]]] = {}
    spent: List[Dict[str, float]] = []
    with running(Server(latency=LATENCY, total=500)) as words:
        environment = {
            **os.environ,
            "SHOTGUN_URL": words[1],
            "SHOTGUN_SCRIPT_NAME": "bench",
            "SHOTGUN_API_KEY": "bench",
        }
        for run in range(runs):
            for number in NUMBERS:
                for name, way in WAYS.items():
                    if number in way.numbers and only in ("", name):
                        _say(f"run {run + 1}: {name}, {number} workers")
                        figures = _in_its_own_process(["--way", name, "--workers", str(number)], environment)
                        taken.setdefault((name, number), []).append(figures)
            if only in ("", "costs"):
                _say(f"run {run + 1}: what an item costs")
                spent.append(_in_its_own_process(["--costs"], environment))
    _say("")
    return {
        "counting": {
            name: {
                str(number): {
                    "median": _median(figures, "seconds"),
                    "start": _median(figures, "start"),
                    "runs": [round(each["seconds"], 4) for each in figures],
                }
                for number in NUMBERS
                for figures in [taken.get((name, number), [])]
                if figures
            }
            for name in WAYS
        },
        "costs": {
            name: {
                "median": _median(spent, name),
                "above": round(statistics.median(each[name] - each["bare"] for each in spent), 1),
                "runs": [round(each[name], 1) for each in spent],
            }
            for name in (COSTS if spent else ())
        },
    }


def _median(figures: Sequence[Dict[str, float]], name: str) -> float:
    return round(statistics.median(each[name] for each in figures), 4)


def _in_its_own_process(words: List[str], environment: Dict[str, str]) -> Dict[str, float]:
    command = [sys.executable, __file__, *words]
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300, env=environment)
    except subprocess.SubprocessError as error:
        sys.exit(f"{' '.join(words)} failed:\n{getattr(error, 'stderr', None) or error}")
    figures: Dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


# --- Showing


def page(report: Dict[str, Any]) -> str:
    """
    Return the tables.
    """
    machine = report["machine"]
    runs = f"Medians of {machine['runs']} runs" if machine["runs"] > 1 else "One run"
    lines = [f"{machine['python']} on {machine['system']}, {machine['cores']} cores. {runs}."]
    if any(report["counting"].values()):
        lines += [
            "",
            f"| the assets of {PROJECTS} projects, {LATENCY * 1000:.0f} ms | "
            + " | ".join(f"{number} worker{'s' if number > 1 else ''}" for number in NUMBERS)
            + f" | start-up of {NUMBERS[-1]} |",
            "|---|" + "---:|" * (len(NUMBERS) + 1),
        ]
        for name, way in WAYS.items():
            columns = report["counting"][name]
            if columns:
                cells = [f"{columns[str(n)]['median']:.2f} s" if str(n) in columns else "" for n in NUMBERS]
                start = columns.get(str(NUMBERS[-1]), {}).get("start", 0.0)
                lines.append(
                    f"| {way.label} | " + " | ".join(cells) + f" | {f'{start:.1f} s' if start > 0.01 else ''} |"
                )
        floor = [f"{PROJECTS * LATENCY / number:.2f} s" for number in NUMBERS]
        lines.append("| the waits alone | " + " | ".join(floor) + " | |")
    if report["costs"]:
        lines += [
            "",
            f"| {ITEMS // 1000} 000 items, {THREADS} threads, nothing done | an item | above the bare one |",
            "|---|---:|---:|",
        ]
        for name, label in COSTS.items():
            cost = report["costs"][name]
            goal = f" (wanted: under {WANTED:g}{'' if cost['above'] < WANTED else ': missed'})" if name == "map" else ""
            above = "" if name == "bare" else f"{cost['above']:.0f} µs{goal}"
            lines.append(f"| {label} | {cost['median']:.0f} µs | {above} |")
    return "\n".join(lines) + "\n"


def write(report: Dict[str, Any]) -> None:
    """
    Write the figures, the page's tables and the plot.
    """
    RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{page(report)}{END}{after}", encoding="utf-8")
    draw(report)


def draw(report: Dict[str, Any]) -> None:
    """
    Draw the seconds by the number of workers; the same figures give the same file.
    """
    import matplotlib as mpl  # noqa: PLC0415 - the figures are safe by now, if it is missing
    from matplotlib.figure import Figure  # noqa: PLC0415
    from plots import COLOURS, STYLE  # noqa: PLC0415

    looks = {
        "official": (COLOURS["shotgun_api3"], "o", "-"),
        "threads": (COLOURS["SGExtended"], "o", "-"),
        "wide": (COLOURS["SGExtended"], "*", ""),
        "processes": ("#d55e00", "s", "-"),
        "dask": ("#009e73", "^", "-"),
    }
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.5, 4))
        axes = figure.subplots()
        axes.plot(NUMBERS, [PROJECTS * LATENCY / n for n in NUMBERS], ":", color="black", label="the waits alone")
        for name, way in WAYS.items():
            points = [(int(number), column["median"]) for number, column in report["counting"][name].items()]
            colour, marker, line = looks[name]
            size = 11 if marker == "*" else 5
            label = way.label.replace("`", "")
            axes.plot(*zip(*points), marker=marker, linestyle=line, color=colour, markersize=size, label=label)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log", base=2)
        axes.set_xticks(NUMBERS, [str(number) for number in NUMBERS])
        ticks = [1, 2, 4, 8, 16, 32]
        axes.set_yticks(ticks, [str(tick) for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel("workers")
        axes.set_ylabel("seconds")
        axes.set_title(f"the assets of {PROJECTS} projects, {LATENCY * 1000:.0f} ms", loc="left")
        axes.legend()
        figure.savefig(RESULTS.parent / PLOT, metadata={"Date": None, "Creator": None})


def main() -> None:
    """
    Measure, and show it.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=(*WAYS, "costs"), default="", help="measure one thing, write nothing")
    parser.add_argument("--draw", action="store_true", help="draw the plot again, from the figures that are there")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--costs", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(counted(WAYS[options.way], options.workers)))
        return
    if options.costs:
        print(json.dumps(costs()))
        return
    if options.draw:
        draw(json.loads(RESULTS.read_text(encoding="utf-8")))
        return
    machine = {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.system(),
        "cores": os.cpu_count(),
        "runs": options.runs,
    }
    report = {"machine": machine, **measured(options.runs, options.only)}
    print(page(report))
    if not options.only:
        write(report)


if __name__ == "__main__":
    main()
