"""
What query fields cost for a page of 500 records: as sgextended asks, and with one call for each record.

Run with ``python benchmarks/query_fields.py [--runs 3] [--latency 0.05] [--records 500]``. A local site with the demo
production runs in a process of its own. Both ways use the same client, one connection after another; the values are
compared. The median of the runs counts.
"""

import argparse
import multiprocessing
import statistics
import time
from typing import Any, Callable, Dict, List, Tuple

from sgextended import SGExtended, Site
from sgextended.domain.query_fields.query_field_values import add_query_fields
from sgextended.localsite import LocalSite

Row = Dict[str, Any]

OPEN = ["sg_status_list", "not_in", ["fin", "omt"]]
LATEST = [{"field_name": "created_at", "direction": "desc"}]


def _summary(field: str, kind: str, *filters: Any) -> Callable[[SGExtended, Row], Any]:
    def ask(sg: SGExtended, link: Row) -> Any:
        summaries = [{"field": field, "type": kind}]
        return sg.summarize("Task", [["entity", "is", link], *filters], summaries)["summaries"][field]

    return ask


def _latest(sg: SGExtended, link: Row) -> Any:
    found = sg.find_one("Version", [["entity", "is", link]], ["code"], LATEST)
    return found and found["code"]


def _characters(sg: SGExtended, link: Row) -> Any:
    filters = [["shots", "is", link], ["sg_asset_type", "is", "Character"]]
    order = [{"field_name": "code", "direction": "asc"}]
    return [row["code"] for row in sg.find("Asset", filters, ["code"], order, limit=10)]


def _final(sg: SGExtended, link: Row) -> Any:
    # Live sites ignore the status in summarize, so one that wants to be right counts twice.
    every = _summary("id", "record_count")(sg, link)
    final = _summary("id", "record_count", ["sg_status_list", "is", "fin"])(sg, link)
    return int(100 * final / every + 0.5) if every else 0


#: Query fields of the demo's shots, and each of them with one call for a record.
FIELDS: Dict[str, Callable[[SGExtended, Row], Any]] = {
    "sg_open_tasks": _summary("id", "record_count", OPEN),
    "sg_bid_total": _summary("est_in_mins", "sum"),
    "sg_average_task_duration": _summary("duration", "average"),
    "sg_last_due": _summary("due_date", "maximum"),
    "sg_tasks_final": _final,
    "sg_latest_version": _latest,
    "sg_characters": _characters,
}


def _serve(latency: float, channel: Any) -> None:
    with LocalSite(demo=True, latency=latency) as site:
        channel.send((site.url, site.script_name, site.api_key))
        channel.recv()


def _timed(sg: SGExtended, work: Callable[[], List[Any]]) -> Tuple[float, int, List[Any]]:
    sent, started = sg.requests_sent, time.perf_counter()
    values = work()
    return time.perf_counter() - started, sg.requests_sent - sent, values


def _ours(sg: SGExtended, rows: List[Row], names: List[str]) -> List[Any]:
    found = add_query_fields(sg, [dict(row) for row in rows], names)
    return [[row[name] for row in found] for name in names]


def _each(sg: SGExtended, rows: List[Row], names: List[str]) -> List[Any]:
    return [[FIELDS[name](sg, {"type": "Shot", "id": row["id"]}) for row in rows] for name in names]


def _measure(sg: SGExtended, options: argparse.Namespace) -> None:
    rows = sg.find("Shot", [], limit=options.records)
    print(f"{len(rows)} records, {options.latency * 1000:.0f} ms of latency, median of {options.runs}")
    print("| field | sgextended | calls | one call per record | calls | times faster |")
    print("|---|---:|---:|---:|---:|---:|")
    for names in [*([name] for name in FIELDS), list(FIELDS)]:
        ours = [_timed(sg, lambda names=names: _ours(sg, rows, names)) for _run in range(options.runs)]  # type: ignore[misc]
        each = _timed(sg, lambda names=names: _each(sg, rows, names))  # type: ignore[misc]
        assert ours[0][2] == each[2], names
        seconds = statistics.median(run[0] for run in ours)
        label = f"`{names[0]}`" if len(names) == 1 else "all together"
        print(
            f"| {label} | {seconds:.2f} s | {ours[0][1]} | {each[0]:.1f} s | {each[1]} | {each[0] / seconds:.0f} |",
            flush=True,
        )


def main() -> None:
    """
    Run the benchmark and print its table. The calls of sgextended include reading the schema.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--records", type=int, default=500)
    options = parser.parse_args()
    channel, far_end = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(options.latency, far_end))
    server.start()
    try:
        url, script_name, api_key = channel.recv()
        with SGExtended(site=Site(url=url, script_name=script_name, api_key=api_key)) as sg:
            _measure(sg, options)
    finally:
        channel.send(None)
        server.join()


if __name__ == "__main__":
    main()
