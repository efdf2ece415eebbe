"""
What one small call costs, and what the import costs: the parts of ``measure.py`` for the rows ``small`` and ``import``.

Only the standard library and the client are needed.
"""

import argparse
import contextlib
import cProfile
import gc
import os
import pstats
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, ContextManager, Dict, Optional

from records import SHOT

CALLS, WARM_UP_CALLS, PROFILED_CALLS, PROFILE_LINES = 400, 50, 2000, 25
DEADLINE = 30.0  # seconds
IMPORTS = 5  # pairs of processes; every run measures this many
MICROSECONDS, MILLISECONDS = 1e6, 1e3

Connect = Callable[[], Any]
Figures = Dict[str, Optional[float]]


def small(connect: Connect, options: argparse.Namespace) -> Figures:
    """
    Return the microseconds of one small call of each kind: ``find_one_cpu``, ``find_one_wall`` and so on.

    CPU is the time of all threads of this process; the server is another process. The client is warmed up first: the
    official client, for example, requests the server's version before its first call.
    """
    sg = connect()
    figures: Figures = {}
    with _block(sg, options.block):
        for name, call in _calls(sg).items():
            for _ in range(WARM_UP_CALLS):
                call()
            gc.collect()
            cpu, wall = time.process_time(), time.perf_counter()
            for _ in range(CALLS):
                result = call()
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            (record,) = result if isinstance(result, list) else [result]
            assert (record["type"], record["id"], record["code"]) == ("Shot", SHOT["id"], SHOT["code"]), record
            figures[f"{name}_cpu"] = cpu / CALLS * MICROSECONDS
            figures[f"{name}_wall"] = wall / CALLS * MICROSECONDS
    return figures


def profile(connect: Connect, options: argparse.Namespace) -> Figures:
    """
    Print the functions in which 2000 ``find_one`` calls spend the most time, and return no figures.
    """
    sg = connect()
    with _block(sg, options.block):
        find_one = _calls(sg)["find_one"]
        find_one()
        profiler = cProfile.Profile()
        profiler.enable()
        for _ in range(PROFILED_CALLS):
            find_one()
        profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(PROFILE_LINES)
    return {}


def import_client(_connect: Connect, options: argparse.Namespace) -> Figures:
    """
    Return the milliseconds that ``import`` of the client adds to a bare Python process.

    Bare processes and importing processes alternate. The figure is the median of the differences.
    """
    importing = f"import {options.client}"
    _seconds_of_python(importing)  # writes the .pyc files
    seconds = [_seconds_of_python(importing) - _seconds_of_python("pass") for _ in range(IMPORTS)]
    return {"import": statistics.median(seconds) * MILLISECONDS}


def with_hook(client: Any) -> Any:
    """
    Return a subclass of SGExtended that overrides one hook.
    """

    class Studio(client):  # type: ignore[misc]
        def on_call(self, call: Any) -> None:
            pass

    return Studio


def _calls(sg: Any) -> Dict[str, Callable[[], Any]]:
    fields = [name for name in SHOT if name not in {"type", "id"}]
    return {
        "find_one": lambda: sg.find_one("Shot", [["id", "is", SHOT["id"]]], fields),
        "find": lambda: sg.find("Shot", [["id", "is", SHOT["id"]]], fields),
        "create": lambda: sg.create("Shot", {"code": SHOT["code"], "project": SHOT["project"]}),
        "update": lambda: sg.update("Shot", SHOT["id"], {"code": SHOT["code"], "sg_status_list": "ip"}),
    }


def _block(sg: Any, name: Optional[str]) -> ContextManager[Any]:
    if name == "trace":
        return sg.trace()  # type: ignore[no-any-return]
    if name == "deadline":
        return sg.deadline(DEADLINE)  # type: ignore[no-any-return]
    return contextlib.nullcontext()


def _seconds_of_python(program: str) -> float:
    """
    Return the wall time of a process that runs a program.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, cwd=Path(__file__).parent)
    return time.perf_counter() - started
