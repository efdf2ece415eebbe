"""
Whether a follower of the event log loses anything when everything goes wrong, and how fast it is when nothing does.

Run with ``python benchmarks/events.py [--events 20000] [--kills 50] [--site-kills 2] [--rate 200] [--only PART]``. The
parts are:

- ``in-order`` and ``at-once``: 8 threads write on a local site with late entries, gaps that never fill, 503s and
  resets. The site is killed twice, and the follower at 50 random moments. Afterwards, what it has handled is compared
  with what is in the log. The exit status is 1 if an event was lost or out of order, or if more events came twice than
  the follower was killed.
- ``speed``: how many events a second a follower reads that is behind, on a local site without faults.
- ``lag``: how long after a change its event is handled, at 100 events a second.

The run and the judgement live in ``tests``, because the tests run the same with smaller numbers.
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from attrs import asdict

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from fix_event_stress import BATCH, StressSite, Verdict, client, fill, stress

LAG_SECONDS = 10.0


def main() -> int:
    """
    Run the parts, print their figures, and return the exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--site-kills", type=int, default=2)
    parser.add_argument("--rate", type=float, default=50.0, help="events a second of all writers together")
    parser.add_argument("--gap-age", type=float, default=15.0)
    parser.add_argument("--only", choices=["in-order", "at-once", "speed", "lag"], action="append")
    options = parser.parse_args()
    parts = options.only or ["in-order", "at-once", "speed", "lag"]
    is_right = True
    for part in parts:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if part == "speed":
                speed(folder, options.events)
            elif part == "lag":
                lag(folder)
            else:
                verdict = stress(
                    folder,
                    events=options.events,
                    kills=options.kills,
                    site_kills=options.site_kills,
                    in_order=part == "in-order",
                    gap_age=options.gap_age,
                    rate=options.rate,
                    alive=3.0,
                )
                is_right &= judge(part, verdict)
    return 0 if is_right else 1


def judge(part: str, verdict: Verdict) -> bool:
    """
    Print a verdict, and return whether everything was right.
    """
    print(f"{part}: " + ", ".join(f"{name} {value}" for name, value in asdict(verdict).items()), flush=True)
    is_ordered = verdict.unordered == 0 if part == "in-order" else verdict.unmarked == 0
    return verdict.lost == 0 and verdict.twice <= verdict.kills and is_ordered and verdict.ended_cleanly


def speed(folder: Path, events: int) -> None:
    """
    Print how many events a second a follower reads that is behind.
    """
    shots = fill(folder, BATCH)
    site = StressSite(folder, faults=()).start()
    try:
        with client(site.port) as sg:
            for turn in range(events // BATCH):
                requests = [
                    {
                        "request_type": "update",
                        "entity_type": "Shot",
                        "entity_id": shot,
                        "data": {"description": str(turn)},
                    }
                    for shot in shots
                ]
                sg.batch(requests)
            for name, options in (
                ("in order, no checkpoint", {}),
                ("at once, no checkpoint", {"in_order": False}),
                ("in order, checkpoint after each event", {"checkpoint": folder / "place"}),
                ("filtered, all match", {"attribute": "description"}),
                ("filtered, none matches", {"attribute": "code", "filters": [["id", "greater_than", 10_000_000]]}),
            ):
                began = time.perf_counter()
                count = sum(1 for _event in sg.events(after=0, follow=False, **options))
                seconds = time.perf_counter() - began
                print(f"{name}: {count} events in {seconds:.2f} s: {count / seconds:.0f} a second", flush=True)
    finally:
        site.end()


def lag(folder: Path) -> None:
    """
    Print how long after a change its event is handled, at 100 events a second.
    """
    shots = fill(folder, BATCH)
    site = StressSite(folder, faults=()).start()
    try:
        for poll_seconds in (1.0, 0.2):
            lags = []
            with client(site.port) as sg, client(site.port) as writer:
                stream = sg.events(attribute="description", poll_seconds=poll_seconds, checkpoint=folder / "place")
                thread = threading.Thread(target=write, args=(writer, shots))
                thread.start()
                for event in stream:
                    lags.append(time.time() - float(event.new_value))
                    if len(lags) >= LAG_SECONDS * 100:
                        break
                thread.join()
                stream.close()
            lags.sort()
            print(
                f"poll_seconds={poll_seconds}, 100 events a second: lag {statistics.median(lags):.2f} s in the median, "
                f"{lags[int(len(lags) * 0.95)]:.2f} s for 95 %, {lags[-1]:.2f} s at most",
                flush=True,
            )
    finally:
        site.end()


def write(sg: object, shots: "list[int]") -> None:
    """
    Write 100 changes a second; the value of each is the time.
    """
    began = time.time()
    for number in range(int(LAG_SECONDS * 100) // BATCH):
        time.sleep(max(0.0, began + number * BATCH / 100 - time.time()))
        now = time.time()
        requests = [
            {"request_type": "update", "entity_type": "Shot", "entity_id": shot, "data": {"description": f"{now:.6f}"}}
            for shot in shots
        ]
        sg.batch(requests)  # type: ignore[attr-defined]


if __name__ == "__main__":
    sys.exit(main())
