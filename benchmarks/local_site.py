"""
Calls per second that a local site answers, from its SQLite file, to the official client; beside shotgun_api3's Mockgun.

Run with ``python benchmarks/local_site.py [--runs 5] [--quick]``. The server has a process of its own. Several clients
are threads, each with an instance of its own. Each figure is the median of the runs. Mockgun answers within the
caller's process and has no summaries; its ``find`` ignores the limit, so its page of 500 holds all rows found.
"""

import argparse
import datetime
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

import shotgun_api3
from shotgun_api3.lib import mockgun

from sgextended.localsite import LocalSite
from sgextended.localsite.services.site_store import Store
from sgextended.localsite.storage.single_row_writes import insert_rows

KEY = "benchmark"
FIELDS = ["content", "sg_status_list", "due_date", "duration", "entity", "step", "project", "task_assignees"]
PROJECTS, SHOTS, PEOPLE = 10, 2_000, 50
STATUSES = ("wtg", "rdy", "ip", "hld", "fin")
PROJECT = {"type": "Project", "id": 3}
FILTERS: List[Any] = [["project", "is", PROJECT], ["sg_status_list", "in", ["ip", "rdy", "wtg"]]]
ORDER = [{"field_name": "due_date", "direction": "desc"}]
Call = Callable[[Any], object]


def read_one(sg: Any) -> object:
    """
    Read one task by its id.
    """
    return sg.find_one("Task", [["id", "is", 321]], FIELDS)


def read_page(sg: Any) -> object:
    """
    Read 500 tasks, filtered and sorted.
    """
    found = sg.find("Task", FILTERS, FIELDS, ORDER, limit=500)
    assert found
    return found


def create(sg: Any) -> object:
    """
    Create a task.
    """
    data = {
        "project": PROJECT,
        "content": "New",
        "entity": {"type": "Shot", "id": 5},
        "step": {"type": "Step", "id": 6},
    }
    return sg.create("Task", data)


def batch(sg: Any) -> object:
    """
    Create 100 tasks at once.
    """
    data = {"project": PROJECT, "content": "New", "start_date": "2026-03-02", "duration": 960}
    return sg.batch([{"request_type": "create", "entity_type": "Task", "data": data}] * 100)


def summarize(sg: Any) -> object:
    """
    Count all tasks and sum their time, by step and status.
    """
    grouping = [{"field": name, "type": "exact", "direction": "asc"} for name in ("step", "sg_status_list")]
    asked = [{"field": "id", "type": "count"}, {"field": "duration", "type": "sum"}]
    return sg.summarize("Task", [], asked, grouping=grouping)


CASES: Dict[str, Call] = {
    "read of 1": read_one,
    "read of 500, filtered and sorted": read_page,
    "summarize, two groupings": summarize,
    "create": create,
    "batch of 100 creates": batch,
}


def tasks(number: int) -> Iterator[Dict[str, Any]]:
    """
    Yield tasks by column, the same for every site.
    """
    dice = random.Random(1)
    for task_id in range(1, number + 1):
        day = datetime.date(2026, 1, 1) + datetime.timedelta(days=dice.randrange(300))
        yield {
            "id": task_id,
            "content": f"Task {task_id}",
            "project__type": "Project",
            "project__id": task_id % PROJECTS + 1,
            "entity__type": "Shot",
            "entity__id": task_id % SHOTS + 1,
            "step__type": "Step",
            "step__id": 5 + task_id % 5,
            "sg_status_list": dice.choice(STATUSES),
            "due_date": day.isoformat(),
            "duration": 480 * dice.randrange(1, 10),
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
        }


def fill(path: Path, number: int) -> None:
    """
    Make the file of a site with that many tasks.
    """
    store = Store(path)
    with store.writing() as tx:
        insert_rows(tx, "Project", [{"id": at, "name": f"Project {at}"} for at in range(1, PROJECTS + 1)])
        people = [{"id": at, "login": f"p{at}", "name": f"Person {at}"} for at in range(1, PEOPLE + 1)]
        insert_rows(tx, "HumanUser", people)
        shots = ({"id": at, "code": f"shot {at}", "project": at % PROJECTS + 1} for at in range(1, SHOTS + 1))
        linked = [{"project__type": "Project", "project__id": shot.pop("project"), **shot} for shot in shots]
        insert_rows(tx, "Shot", linked)
        insert_rows(tx, "Task", list(tasks(number)))
        names = ("relation", "left_type", "left_id", "right_type", "right_id")
        links = [("Task.task_assignees", "Task", at, "HumanUser", at % PEOPLE + 1) for at in range(1, number + 1)]
        tx.connection.execute(tx.tables.links.insert(), [dict(zip(names, link)) for link in links])
    store.close()


@contextmanager
def server(number: int) -> Iterator[str]:
    """
    Run a site with that many tasks in a process of its own; gives its address.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "site.db")
        fill(path, number)
        words = [sys.executable, str(Path(__file__).resolve()), "--serve", str(path)]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().decode().strip()
        finally:
            process.stdin.close()
            process.wait()
            process.stdout.close()


def serve(path: str) -> None:
    """
    Serve a site until the standard input ends.
    """
    with LocalSite(db=path, script_name=KEY, api_key=KEY) as site:
        print(site.url, flush=True)
        sys.stdin.read()


def mock(url: str, number: int) -> Any:
    """
    Return a Mockgun with the same rows.
    """
    sg = shotgun_api3.Shotgun(url, KEY, KEY)
    with tempfile.TemporaryDirectory() as directory:
        paths = [str(Path(directory, name)) for name in ("schema", "entities")]
        mockgun.generate_schema(sg, *paths)
        mockgun.Shotgun.set_schema_paths(*paths)
        fake = mockgun.Shotgun("https://mock.example", KEY, KEY)
    sg.close()
    rows = fake._db["Task"]  # noqa: SLF001 - creating them one by one would take minutes
    for at in range(1, PROJECTS + 1):
        fake._db["Project"][at] = {"type": "Project", "id": at, "name": f"Project {at}"}  # noqa: SLF001
    for row in tasks(number):
        shown: Dict[str, Any] = dict.fromkeys(fake._schema["Task"])  # noqa: SLF001
        for name, value in row.items():
            if not name.endswith(("__type", "__id")):
                shown[name] = value
            elif name.endswith("__id"):
                field = name[:-4]
                shown[field] = {"type": row[f"{field}__type"], "id": value}
        shown.update(type="Task", __retired=False)
        shown["task_assignees"] = [{"type": "HumanUser", "id": row["id"] % PEOPLE + 1}]
        rows[row["id"]] = shown
    fake._db["Shot"][5] = {"type": "Shot", "id": 5}  # noqa: SLF001
    fake._db["Step"][6] = {"type": "Step", "id": 6}  # noqa: SLF001
    return fake


def rate(call: Call, clients: List[Any], seconds: float, runs: int) -> float:
    """
    Return the calls per second that the clients get through together, each in a thread; the median of the runs.
    """
    for sg in clients:
        call(sg)
    return statistics.median(run(call, clients, seconds) for _ in range(runs))


def run(call: Call, clients: List[Any], seconds: float) -> float:
    """
    Return the calls per second of one run.
    """
    counts = [0] * len(clients)
    barrier = threading.Barrier(len(clients) + 1)
    ends: List[float] = []

    def work(at: int) -> None:
        barrier.wait()
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            call(clients[at])
            counts[at] += 1
        ends.append(time.perf_counter())

    threads = [threading.Thread(target=work, args=(at,)) for at in range(len(clients))]
    for thread in threads:
        thread.start()
    barrier.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    return sum(counts) / (max(ends) - started)


def mock_rate(call: Call, fake: Any, seconds: float, limit: float) -> Optional[float]:
    """
    Return the calls per second of Mockgun, or None if it cannot answer, or not within *limit* seconds.
    """
    started = time.perf_counter()
    try:
        call(fake)
    except AttributeError:
        return None
    once = time.perf_counter() - started
    return None if once > limit else rate(call, [fake], seconds, 1)


def figure(calls: Optional[float]) -> str:
    """
    Return a rate and the milliseconds per call.
    """
    return f"{'-':>20}" if calls is None else f"{calls:>9.1f}/s {1000 / calls:>7.1f}ms"


def main() -> None:
    """
    Print the table.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="1 000 tasks only, and short runs")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    seconds, runs = (0.2, 1) if options.quick else (1.5, options.runs)
    print(f"shotgun_api3 {shotgun_api3.__version__}, Python {sys.version.split()[0]}, medians of {runs} runs\n")
    print(f"{'':<46}{'1 client':>20}{'8 clients':>20}{'Mockgun':>20}")
    for number in (1_000,) if options.quick else (1_000, 200_000):
        with server(number) as url:
            clients = [shotgun_api3.Shotgun(url, KEY, KEY) for _ in range(8)]
            fake = mock(url, number)
            for name, call in CASES.items():
                one, eight = rate(call, clients[:1], seconds, runs), rate(call, clients, seconds, runs)
                print(
                    f"{number:>7} tasks, {name:<32}{figure(one)}{figure(eight)}"
                    f"{figure(mock_rate(call, fake, seconds, 10))}",
                    flush=True,
                )
            for sg in clients:
                sg.close()


if __name__ == "__main__":
    main()
