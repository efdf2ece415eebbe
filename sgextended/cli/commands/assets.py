"""
The main job: the assets of projects, counted by several workers.
"""

from typing import Annotated, Any, Dict, List, Optional, Sequence, Tuple

import typer
from attrs import frozen
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sgextended import SGExtended
from sgextended.cli import output
from sgextended.cli import run_items as work
from sgextended.cli.options import FormatOption, WorkersOption
from sgextended.cli.project_names import find_named
from sgextended.cli.site_command import Connect, asks


@asks
def command(
    connect: Connect,
    *,
    workers: WorkersOption = 4,
    project: Annotated[
        Optional[List[str]], typer.Option("--project", help="Name of a project; may be given several times.")
    ] = None,
    output_format: FormatOption = output.Format.TABLE,
) -> int:
    """
    Count the assets of projects, by status.

    The site and who asks come from the environment: SHOTGUN_URL, SHOTGUN_SCRIPT_NAME, SHOTGUN_API_KEY.
    """
    report = count_assets(connect(), names=project or None, workers=workers)
    show(report, output_format)
    return report.outcome.status


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
    outcome: work.Outcome

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


def count_assets(sg: SGExtended, *, names: Optional[Sequence[str]], workers: int) -> Report:
    """
    Return the assets of projects, counted by several workers, with a bar on a terminal meanwhile.

    Args:
        sg: Whose clones the workers use.

        names: Names of projects. None: all that are not archived.

        workers: RunOptions many projects are counted at the same time.

    Raises:
        NotFoundError: There is no project of one of the names.
    """
    started = work.Meter(sg)
    projects = sg.find_projects(fields=["name"]) if names is None else find_named(sg, names)
    outcome = work.run(sg, count_of_project, projects, work.RunOptions(workers=workers), meter=started)
    return Report(projects=tuple(counted for _project, counted in outcome.done), outcome=outcome)


def count_of_project(sg: SGExtended, project: Dict[str, Any]) -> ProjectAssets:
    """
    Return how many assets of each status a project has; it costs one request.
    """
    summary = sg.summarize(
        "Asset",
        [["project", "is", {"type": "Project", "id": project["id"]}]],
        [{"field": "id", "type": "record_count"}],
        grouping=[{"field": "sg_status_list", "type": "exact", "direction": "asc"}],
    )
    statuses = {group["group_value"] or "": group["summaries"]["id"] for group in summary["groups"]}
    return ProjectAssets(project=project, statuses=statuses)


def show(report: Report, form: output.Format) -> None:
    """
    Print a report on stdout, and on stderr what could not be counted.
    """
    if form is output.Format.TABLE:
        console = Console()
        console.print(to_table(report))
        console.print(report.outcome.cost, highlight=False)
    elif form is output.Format.JSON:
        output.print_json(_to_dict(report))
    else:
        statuses = list(report.statuses)
        columns = ["project_id", "project", "assets", *(status or "no status" for status in statuses)]
        output.print_csv(columns, [_to_row(counted, statuses) for counted in report.projects])
    if report.outcome.status:
        work.show_summary(report.outcome, count_of_project, may_keep=False)


def _to_row(counted: ProjectAssets, statuses: Sequence[str]) -> List[Any]:
    counts = [counted.statuses.get(status, 0) for status in statuses]
    return [counted.project["id"], counted.project["name"], counted.total, *counts]


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
        table.add_row(escape(counted.project["name"]), str(counted.total), *counts)
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
        "workers": report.outcome.how.workers,
        "seconds": round(report.outcome.seconds, 3),
        "requests": report.outcome.requests,
    }
