"""
Threads of several processes that ensure the same shots: ``python benchmarks/ensure.py`` ends without duplicates.

The site runs in this process and loses 8 % of its responses. What is printed: the duplicates that are left, the keys
for which callers were given different shots, and the time.
"""

import argparse
import multiprocessing
import threading
import time
from typing import Any

from sgextended import RetryPolicy, SGExtended, Site
from sgextended.localsite import LocalSite

FAULTS = ("reset-after:rate=0.04", "reset-before:rate=0.04,seed=1")


def sg_for(address: Any) -> SGExtended:
    url, script_name, api_key = address
    retry = RetryPolicy(attempts=8, first_wait=0.01)
    return SGExtended(site=Site(url=url, script_name=script_name, api_key=api_key, retry=retry))


def ensure(address: Any, project: Any, keys: int, threads: int, begin: Any, results: Any) -> None:
    sg = sg_for(address)
    together = threading.Barrier(threads)
    begin.wait(60)

    def work() -> None:
        together.wait(60)
        results.put([sg.ensure("Shot", {"project": project, "code": f"sh{n:04d}"})["id"] for n in range(keys)])

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--threads", type=int, default=12, help="threads of each process")
    parser.add_argument("--keys", type=int, default=200, help="what each thread ensures")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    begin, results = context.Barrier(options.processes), context.Queue()
    with LocalSite() as local:
        address = (local.url, local.script_name, local.api_key)
        project = sg_for(address).create("Project", {"name": "ensure"})
        for fault in FAULTS:
            local.faults.add(fault)
        work = (address, project, options.keys, options.threads, begin, results)
        processes = [context.Process(target=ensure, args=work) for _ in range(options.processes)]
        started = time.monotonic()
        for process in processes:
            process.start()
        given = [results.get(timeout=1800) for _ in range(options.processes * options.threads)]
        seconds = time.monotonic() - started
        for process in processes:
            process.join(60)
        local.faults.clear()
        left = [row["id"] for row in sg_for(address).find("Shot", [["project", "is", project]], ["id"])]
    different = sum(len(set(ids)) > 1 for ids in zip(*given))
    print(f"{len(left) - options.keys} duplicates of {options.keys} keys, {different} keys with different shots given")
    print(f"time: {seconds:.1f} s")
    if sorted(left) != sorted(given[0]) or different:
        raise SystemExit("Duplicates are left, or callers were given different shots.")


if __name__ == "__main__":
    main()
