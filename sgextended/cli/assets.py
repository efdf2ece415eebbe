"""
The main job: workers take projects from a queue, each with its own wrapper, and count their assets.
"""

import contextlib
import csv
import difflib
import enum
import json
import sys
import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from attrs import frozen
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from sgextended import NotFoundError, SGExtended


class Format(str, enum.Enum):
    """
    How a result is printed.
    """

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@frozen(kw_only=True)
class ProjectAssets:
    """
    One project's assets: how many have each status. The key of those without a status is ``""``.
    """

    project: Dict[str, Any]
    statuses: Dict[str, int]

    @property
    def total(self) -> int:
        """
        All assets of the project.
        """
        return sum(self.statuses.values())


@frozen(kw_only=True)
class Report:
    """
    The counts of all projects, and what they cost.
    """

    projects: Tuple[ProjectAssets, ...]
    workers: int
    seconds: float
    requests: int

    @property
    def statuses(self) -> Dict[str, int]:
        """
        All assets by status, the most frequent first.
        """
        totals: Dict[str, int] = {}
        for counted in self.projects:
            for status, count in counted.statuses.items():
                totals[status] = totals.get(status, 0) + count
        return dict(sorted(totals.items(), key=lambda item: (-item[1], item[0])))

    @property
    def cost(self) -> str:
        """
        The price of the report, in words.
        """
        with_workers = f"{self.seconds:.2f} s with {_plural(self.workers, 'worker')}"
        return f"{with_workers}, {_plural(self.requests, 'request')} to the site"


def count_assets(sg: SGExtended, *, names: Optional[Sequence[str]], workers: int) -> Report:
    """
    Return the assets of projects, counted by several workers, with a bar on a terminal meanwhile.

    Args:
        sg: Whose clones the workers use.

        names: Names of projects. None: all that are not archived.

        workers: How many projects are counted at the same time.

    Raises:
        NotFoundError: There is no project of one of the names.
    """
    started, sent = time.perf_counter(), sg.requests_sent
    projects = _projects(sg, names)
    counted = []
    with _progress("Counting assets", len(projects)) as advance:
        for result in sg.map(_count, projects, workers=workers):
            counted.append(result)
            advance()
    return Report(
        projects=tuple(counted),
        workers=workers,
        seconds=time.perf_counter() - started,
        requests=sg.requests_sent - sent,
    )


def _count(sg: SGExtended, project: Dict[str, Any]) -> ProjectAssets:
    summary = sg.summarize(
        "Asset",
        [["project", "is", {"type": "Project", "id": project["id"]}]],
        [{"field": "id", "type": "record_count"}],
        grouping=[{"field": "sg_status_list", "type": "exact", "direction": "asc"}],
    )
    statuses = {group["group_value"] or "": group["summaries"]["id"] for group in summary["groups"]}
    return ProjectAssets(project=project, statuses=statuses)


def _projects(sg: SGExtended, names: Optional[Sequence[str]]) -> List[Dict[str, Any]]:
    if names is None:
        return sg.find_projects(fields=["name"])
    # A name is a name here, not a glob, and an archived project may be asked for by its name.
    known = sg.find_projects(archived=None, fields=["name"])
    by_name = {project["name"].lower(): project for project in known}
    missing = [name for name in names if name.lower() not in by_name]
    if missing:
        close = difflib.get_close_matches(missing[0].lower(), by_name, n=1)
        hint = (
            f" Did you mean {by_name[close[0]]['name']!r}?" if close else f" It has {_plural(len(known), 'project')}."
        )
        msg = f"There is no project {' or '.join(map(repr, missing))} on {sg.site.url}.{hint}"
        raise NotFoundError(msg)
    return [by_name[name] for name in dict.fromkeys(name.lower() for name in names)]


@contextlib.contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """
    Show a bar on a terminal, and nothing at all in a pipe; gives the function that moves it on.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task(what, total=total)
        yield lambda: progress.advance(bar)


def show(report: Report, output: Format) -> None:
    """
    Print a report on stdout: as a table for people, as JSON or as CSV for programs.
    """
    if output is Format.TABLE:
        console = Console()
        console.print(to_table(report))
        console.print(report.cost, highlight=False)
    elif output is Format.JSON:
        print(json.dumps(_to_dict(report), indent=2, ensure_ascii=False))  # noqa: T201 - the result
    else:
        statuses = list(report.statuses)
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(["project_id", "project", "assets", *(status or "no status" for status in statuses)])
        for counted in report.projects:
            counts = [counted.statuses.get(status, 0) for status in statuses]
            writer.writerow([counted.project["id"], counted.project["name"], counted.total, *counts])


def to_table(report: Report) -> Table:
    """
    Return a table with a row for each project, a column for each status, and the totals below.
    """
    several = len(report.projects) > 1
    table = Table(title="Assets by project and status", show_footer=several, title_justify="left")
    table.add_column("Project", footer="All", no_wrap=True)
    table.add_column("Assets", footer=str(sum(report.statuses.values())), justify="right", style="bold")
    for status, count in report.statuses.items():
        table.add_column(status or "none", footer=str(count), justify="right")
    for counted in report.projects:
        counts = [str(counted.statuses.get(status) or "·") for status in report.statuses]
        table.add_row(counted.project["name"], str(counted.total), *counts)
    return table


def _to_dict(report: Report) -> Dict[str, Any]:
    return {
        "projects": [
            {
                "id": counted.project["id"],
                "name": counted.project["name"],
                "assets": counted.total,
                "statuses": counted.statuses,
            }
            for counted in report.projects
        ],
        "assets": sum(report.statuses.values()),
        "statuses": report.statuses,
        "workers": report.workers,
        "seconds": round(report.seconds, 3),
        "requests": report.requests,
    }


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" + ("" if count == 1 else "s")
