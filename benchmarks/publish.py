"""
Two processes that publish the same thing 100 times at once: ``python benchmarks/publish.py`` ends with 200 numbers.

The site runs over HTTPS in this process, with faults on. What is printed: whether the numbers are all
different, which were left out, and the time.
"""

import argparse
import multiprocessing
import time
from typing import Any

from sgextended import RetryPolicy, SGExtended, Site
from sgextended.localsite import LocalSite

FAULTS = ("reset-before:rate=0.03", "reset-after:rate=0.03", "status=502:rate=0.02,when=after", "truncated:rate=0.02")


def sg_for(address: Any) -> SGExtended:
    url, script_name, api_key, ca_file = address
    retry = RetryPolicy(attempts=8, first_wait=0.01)
    return SGExtended(site=Site(url=url, script_name=script_name, api_key=api_key, ca_file=ca_file, retry=retry))


def publish(address: Any, shot: Any, times: int, begin: Any, results: Any) -> None:
    sg = sg_for(address)
    begin.wait(60)
    results.put([sg.publish(shot, "scene")["version_number"] for _ in range(times)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--times", type=int, default=100, help="what each of them publishes")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    begin, results = context.Barrier(options.processes), context.Queue()
    with LocalSite(tls=True) as local:
        address = (local.url, local.script_name, local.api_key, local.ca_file)
        sg = sg_for(address)
        shot = sg.create("Shot", {"code": "sh010", "project": sg.create("Project", {"name": "publish"})})
        for fault in FAULTS:
            local.faults.add(fault)
        work = (address, shot, options.times, begin, results)
        processes = [context.Process(target=publish, args=work) for _ in range(options.processes)]
        started = time.monotonic()
        for process in processes:
            process.start()
        numbers = sorted(number for _ in processes for number in results.get(timeout=600))
        seconds = time.monotonic() - started
        for process in processes:
            process.join(60)
    wanted = options.processes * options.times
    left_out = sorted(set(range(1, numbers[-1] + 1)) - set(numbers))
    print(f"{len(set(numbers))} different numbers of {wanted} publishes, left out: {left_out or 'none'}")
    print(f"time: {seconds:.1f} s")
    if len(set(numbers)) != wanted:
        raise SystemExit("A number was given twice.")


if __name__ == "__main__":
    main()
