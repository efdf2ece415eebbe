"""
The time that a local site with the demo production takes to start, as processor time and by the clock.

Run with ``python benchmarks/demo_production.py [--runs 5]``. Each run starts a site in a new process. The imports are
measured apart. Each figure is the median of the runs.
"""

import argparse
import json
import statistics
import subprocess
import sys
from typing import Dict, List

SOURCE = """
import json, time

def now():
    return time.process_time(), time.perf_counter()

moments = [now()]
from sgextended.localsite import LocalSite
moments.append(now())
site = LocalSite(demo={demo})
site.start()
moments.append(now())
site.stop()
names = ("imports, processor", "imports, clock", "start, processor", "start, clock")
spans = [end - begin for before, after in zip(moments, moments[1:]) for begin, end in zip(before, after)]
print(json.dumps(dict(zip(names, spans))))
"""


def measured(*, demo: bool) -> Dict[str, float]:
    """
    Return the seconds of one start.
    """
    done = subprocess.run([sys.executable, "-c", SOURCE.format(demo=demo)], check=True, stdout=subprocess.PIPE)
    found: Dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """
    Print the table.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, medians of {options.runs} runs\n")
    for title, demo in (("demo production", True), ("empty site", False)):
        runs: List[Dict[str, float]] = [measured(demo=demo) for _ in range(options.runs)]
        for name in runs[0]:
            print(f"{title:<17}{name:<20}{statistics.median(run[name] for run in runs):>7.2f} s")


if __name__ == "__main__":
    main()
