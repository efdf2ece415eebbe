"""
One work done once by one client, in a process that does nothing else; what it took is printed as JSON.

Started by ``run.py``, for each figure anew, with the Python in whose environment the client is installed. So nothing
that one client leaves behind helps or hinders another, and a client that takes another one's name can be measured too.
Only the standard library and the client are needed.
"""

import argparse
import functools
import gc
import importlib
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

from records import FIELDS, PAGE_SIZE, data
from small_calls import import_client, profile, small, with_hook

WORKERS = 16
BATCHES, BATCH_SIZE, THREADS = 50, 100, 8

Connect = Callable[[], Any]
Figures = Dict[str, Optional[float]]


def find(connect: Connect, options: argparse.Namespace) -> Figures:
    """
    Return what one find of all records takes, on a client that has asked before.
    """
    sg = asked(connect)
    if options.page_prefetch:
        sg.config.page_prefetch = options.page_prefetch
    meter = Meter()
    found = sg.find("Task", [], FIELDS)
    figures = meter.read()
    check(found, options.total)
    return figures


def find_iter(connect: Connect, options: argparse.Namespace) -> Figures:
    """
    Return what it takes to go through all records without keeping them, on a client that has asked before.
    """
    sg = asked(connect)
    meter = Meter()
    ids = sum(record["id"] for record in sg.find_iter("Task", [], FIELDS))
    figures = meter.read()
    assert ids == sum(range(options.total + 1)), ids
    return figures


def first_calls(connect: Connect, options: argparse.Namespace) -> Figures:
    """
    Return the seconds until each of 16 threads has made an instance and has had its first answer.
    """
    main_thread = asked(connect) if options.asked_before else None
    barrier = threading.Barrier(WORKERS)

    def worker(_number: int) -> Tuple[float, float]:
        barrier.wait()
        started = time.perf_counter()
        sg = connect()
        found = sg.find("Task", [], FIELDS, limit=options.limit)
        ended = time.perf_counter()
        check(found, options.limit)
        return started, ended

    with ThreadPoolExecutor(WORKERS) as executor:
        times = list(executor.map(worker, range(WORKERS)))
    del main_thread
    return {"seconds": max(end for _, end in times) - min(start for start, _ in times)}


def create(connect: Connect, options: argparse.Namespace) -> Figures:
    """
    Return what 5 000 creates in batches of 100 take, by one thread or by eight that share the client.
    """
    sg = asked(connect)
    numbers = range(1, BATCHES * BATCH_SIZE + 1)
    requests = [{"request_type": "create", "entity_type": "Task", "data": data(number)} for number in numbers]
    batches = [requests[start : start + BATCH_SIZE] for start in range(0, len(requests), BATCH_SIZE)]
    meter = Meter()
    with ThreadPoolExecutor(options.threads) as executor:
        made = list(executor.map(sg.batch, batches))
    figures = meter.read()
    assert [len(each) for each in made] == [BATCH_SIZE] * BATCHES
    return figures


def bare_find(_connect: Connect, options: argparse.Namespace) -> Figures:
    """
    Return what the pages take a program that knows their number, and only fetches and parses: the floor under find.
    """
    fetch, loads = fetcher(options), parser_of_json()
    fetch(1)
    gc.disable()  # it finds nothing in what JSON makes
    meter = Meter()
    kept = [loads(fetch(1))]
    with ThreadPoolExecutor(options.connections) as executor:
        kept.extend(map(loads, executor.map(fetch, range(2, options.total // PAGE_SIZE + 1))))
    figures = meter.read()
    check([record for page in kept for record in page["results"]["entities"]], options.total)
    return figures


def parts(_connect: Connect, options: argparse.Namespace) -> Figures:
    """
    Return the seconds of each part of that floor by itself: all pages through the socket, one after the other; their
    JSON by orjson; by the standard library.
    """
    fetch = fetcher(options)
    fetch(1)
    gc.disable()
    started = time.perf_counter()
    bodies = [fetch(number) for number in range(1, options.total // PAGE_SIZE + 1)]
    figures: Figures = {"socket": time.perf_counter() - started}
    for name in ("orjson", "json"):
        loads = importlib.import_module(name).loads
        started = time.perf_counter()
        kept = [loads(body) for body in bodies]
        figures[name] = time.perf_counter() - started
        del kept
    return figures


WORKS = {
    work.__name__: work
    for work in (find, find_iter, first_calls, create, bare_find, parts, small, import_client, profile)
}


class Meter:
    """
    Seconds since it was made, and how far the process's memory has grown above what it was then, at most.
    """

    def __init__(self) -> None:
        gc.collect()
        self._idle = memory("VmRSS")
        self._started = time.perf_counter()

    def read(self) -> Figures:
        """
        Return both by name: ``seconds``, and ``megabytes``, which is None where the system does not say.
        """
        seconds, peak = time.perf_counter() - self._started, memory("VmHWM")
        known = peak is not None and self._idle is not None
        return {"seconds": seconds, "megabytes": peak - self._idle if known else None}


def memory(name: str) -> Optional[float]:
    """
    Return the memory of this process in MB (1 000 000 bytes): ``VmRSS`` is now, ``VmHWM`` the most so far.

    Linux alone knows the first; elsewhere both are the most so far. On Linux ``ru_maxrss`` would not do: a new process
    begins with that of its parent.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [line for line in status.read_text().splitlines() if line.startswith(f"{name}:")]
        return int(line.split()[1]) * 1024 / 1e6
    try:
        resource = importlib.import_module("resource")
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most * (1 if sys.platform == "darwin" else 1024) / 1e6


def asked(connect: Connect) -> Any:
    """
    Return a client that has asked once: it is connected and knows what the site says of itself.
    """
    sg = connect()
    (found,) = sg.find("Task", [], FIELDS, limit=1)
    assert len(found) == len(FIELDS) + 1, found
    return sg


def check(found: List[Any], number: int) -> None:
    """
    Refuse a figure whose work was not done: these must be the first so many records.
    """
    assert [record["id"] for record in found] == list(range(1, number + 1)), len(found)


def fetcher(options: argparse.Namespace) -> Callable[[int], bytes]:
    """
    Return a function that brings the bytes of a page by its number.
    """
    urllib3 = importlib.import_module("urllib3")
    pool = urllib3.PoolManager(maxsize=options.connections, block=True)

    def fetch(number: int) -> bytes:
        paging = {"current_page": number, "entities_per_page": PAGE_SIZE}
        request = {"method_name": "read", "params": [{}, {"filters": {}, "paging": paging}]}
        return pool.request("POST", f"{options.url}/api3/json", body=json.dumps(request)).data

    return fetch


def parser_of_json() -> Callable[[bytes], Any]:
    """
    Return the fastest JSON reader that is installed.
    """
    try:
        return importlib.import_module("orjson").loads
    except ImportError:
        return json.loads


def connector(options: argparse.Namespace) -> Connect:
    """
    Return how a script makes the client, as its own documentation says.
    """
    if options.client == "sgextended":
        sgextended = importlib.import_module("sgextended")
        words = {"connections": options.connections} if options.connections else {}
        site = sgextended.Site(
            url=options.url, script_name="bench", api_key="bench", ca_file=options.ca_file or None, **words
        )
        client = with_hook(sgextended.SGExtended) if options.hook else sgextended.SGExtended
        return functools.partial(client, site=site)
    if options.client == "nothing":
        return lambda: None
    shotgun_api3 = importlib.import_module("shotgun_api3")
    return functools.partial(shotgun_api3.Shotgun, options.url, "bench", "bench", ca_certs=options.ca_file or None)


def version(name: str) -> Optional[str]:
    """
    Return the version of a package, or None if it is not installed.
    """
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def main() -> None:
    """
    Do the work, print its figures.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", choices=WORKS)
    parser.add_argument("client", choices=("shotgun_api3", "sgextended", "nothing"), help="the module's name")
    parser.add_argument("--url", required=True)
    parser.add_argument("--ca-file")
    parser.add_argument("--total", type=int, default=20_000, help="records of the site")
    parser.add_argument("--connections", type=int, help="the bound; each client's own default if not given")
    parser.add_argument("--threads", type=int, default=1, help="that share the client in create")
    parser.add_argument("--limit", type=int, default=1, help="records that each worker asks for")
    parser.add_argument("--asked-before", action="store_true", help="a client was used before the workers start")
    parser.add_argument("--hook", action="store_true", help="use a subclass of SGExtended with an on_call hook")
    parser.add_argument("--block", choices=("trace", "deadline"), help="make the small calls in such a with block")
    parser.add_argument("--without-orjson", action="store_true", help="as if it were not installed")
    parser.add_argument("--page-prefetch", type=int, help="pages that sg-python-api is told to prefetch")
    options = parser.parse_args()
    if options.without_orjson:
        sys.modules["orjson"] = None  # type: ignore[assignment]  # importing it fails now
    figures = WORKS[options.work](connector(options), options)
    took_part = {name: version(name) for name in ("shotgun_api3", "sgextended", "sg-python-api", "urllib3", "orjson")}
    print(json.dumps({"figures": figures, "versions": {name: it for name, it in took_part.items() if it}}))


if __name__ == "__main__":
    main()
