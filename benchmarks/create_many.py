"""
20 000 records with faults on: ``python benchmarks/create_many.py`` ends with 20 000 records, and a report that is true.

The site runs over HTTPS in this process. Answers are lost after the batch was done, and before; gateways give up;
bodies are cut off. What is printed: the report, what the site holds, how often each fault has happened, and the time.
"""

import argparse
import collections
import time

from sgextended import RetryPolicy, SGExtended, Site
from sgextended.localsite import LocalSite

FAULTS = (
    "reset-before:rate=0.05",
    "reset-after:rate=0.05",
    "close-after:rate=0.03",
    "status=502:rate=0.03,when=after",
    "status=503:rate=0.02,retry-after=0",
    "truncated:rate=0.03",
    "garbled:rate=0.02",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=100, help="records in one batch")
    parser.add_argument("--workers", type=int, default=4, help="batches under way at the same time")
    options = parser.parse_args()
    with LocalSite(tls=True) as local:
        site = Site(
            url=local.url,
            script_name=local.script_name,
            api_key=local.api_key,
            ca_file=local.ca_file,
            retry=RetryPolicy(attempts=8, first_wait=0.01),
        )
        sg = SGExtended(site=site)
        show = sg.create("Project", {"name": "many"})
        rows = [{"project": show, "code": f"sh{number:06d}"} for number in range(options.records)]
        mishaps = [local.faults.add(fault) for fault in FAULTS]
        started = time.monotonic()
        report = sg.create_many(
            "Shot",
            rows,
            unique_by=["project", "code"],
            batch_size=options.batch,
            workers=options.workers,
            on_error="collect",
        )
        seconds = time.monotonic() - started
        happened = {mishap.kind: mishap.happened for mishap in mishaps}
        local.faults.clear()
        there = collections.Counter(row["code"] for row in sg.find("Shot", [["project", "is", show]], ["code"]))
    print(f"report: {report}")
    print(f"site: {sum(there.values())} records, {sum(count > 1 for count in there.values())} of them twice")
    print(f"faults: {happened}")
    print(f"time: {seconds:.1f} s, {options.records / seconds:.0f} records a second")
    if len(report.results) != sum(there.values()) or len(there) != sum(there.values()):
        raise SystemExit("The report is not true.")


if __name__ == "__main__":
    main()
