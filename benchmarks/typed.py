"""
What ``find_as`` costs beside ``find`` of the same fields: 20 000 records of 15 fields, two of them lists of links.

Run with ``python benchmarks/typed.py [--runs 5] [--latency 0]``. The canned server of the other benchmarks runs in a
process of its own, and each figure is taken in a fresh process, on a wrapper that has asked before. The median counts.
"""

import argparse
import datetime as dt
import gc
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, ClassVar, Dict, List, Literal, Optional

import attrs
from records import FIELDS
from rows import Server
from run import running

from sgextended import Link, SGExtended, Site

HERE = Path(__file__).parent
LIMIT = 300  # seconds of one figure


@attrs.define
class _Task:
    """
    What is no link of the records, as a studio would have it: statuses as literals, dates as dates.
    """

    ENTITY_TYPE: ClassVar[str] = "Task"

    id: int
    content: str
    sg_status_list: Literal["wtg", "ip", "fin"]
    sg_description: Optional[str]
    start_date: Optional[dt.date]
    due_date: Optional[dt.date]
    duration: Optional[int]
    est_in_mins: Optional[int]
    milestone: bool
    created_at: dt.datetime
    updated_at: dt.datetime


@attrs.define
class Task(_Task):
    """
    With links as links.
    """

    entity: Optional[Link]
    project: Optional[Link]
    task_assignees: List[Link]
    assets: List[Link]


@attrs.define
class TaskWithDicts(_Task):
    """
    With links as the dicts that come.
    """

    entity: Any
    project: Any
    task_assignees: Any
    assets: Any


WORKS: Dict[str, Callable[[SGExtended], List[Any]]] = {
    "find": lambda sg: sg.find("Task", [], FIELDS),
    "find_as, links as Link": lambda sg: sg.find_as(Task, []),
    "find_as, links as dicts": lambda sg: sg.find_as(TaskWithDicts, []),
}


def measure(work: str, url: str) -> List[float]:
    """
    Return the seconds of one work, done once in this process, and those that a processor was busy with it.
    """
    sg = SGExtended(site=Site(url=url, script_name="bench", api_key="key"))
    sg.find("Task", [], FIELDS, limit=1)
    for owner in (Task, TaskWithDicts):
        sg.find_as(owner, [], limit=1)
    gc.collect()
    started, burnt = time.perf_counter(), time.process_time()
    found = WORKS[work](sg)
    seconds, burnt = time.perf_counter() - started, time.process_time() - burnt
    assert len(found) == Server().total, len(found)
    return [seconds, burnt]


def main() -> None:
    """
    Measure, and show it.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        print(json.dumps(measure(options.work, options.url)))
        return
    taken: Dict[str, List[List[float]]] = {work: [] for work in WORKS}
    with running(Server(latency=options.latency)) as address:
        for _run in range(options.runs):
            for work, figures in taken.items():
                command = [sys.executable, __file__, "--work", work, "--url", address[1]]
                done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT)
                figures.append(json.loads(done.stdout))
    medians = {work: [statistics.median(column) for column in zip(*figures)] for work, figures in taken.items()}
    for work, (seconds, burnt) in medians.items():
        times = [f"{value / base:.2f}" for value, base in zip((seconds, burnt), medians["find"])]
        print(f"{work:<24} {seconds:.3f} s ({times[0]} times find)  processor {burnt:.3f} s ({times[1]} times)")


if __name__ == "__main__":
    main()
