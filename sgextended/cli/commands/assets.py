"""
``sgextended assets``: counts the assets of projects by status, several projects at the same time.
"""

from typing import Annotated, Any, Dict, List, Optional, Sequence, Tuple

import typer
from attrs import frozen

from sgextended import SGExtended
from sgextended.cli.printing.tables import print_table
from sgextended.cli.printing.terminal import one_line
from sgextended.cli.shared import output, run_items
from sgextended.cli.shared.entity_query import find_projects_by_name
from sgextended.cli.shared.options import FormatOption, WorkersOption
from sgextended.cli.shared.site_command import Connect, site_command


@site_command
def command(
    connect: Connect,
    *,
    workers: WorkersOption = 4,
    project: Annotated[
        Optional[List[str]],
        typer.Option(
            "--project",
            help="Name of a project. Can be given several times. Default: all projects that are not archived.",
        ),
    ] = None,
    output_format: FormatOption = output.Format.TABLE,
) -> int:
    """
    Count the assets of projects, by status.
    """
    report = count_assets(connect(), names=project or None, workers=workers)
    show(report, output_format)
    return report.outcome.exit_status


@frozen(kw_only=True)
class ProjectAssets:
    """
    The number of assets of one project with each status. The key ``""`` is for assets without a status.
    """

    project: Dict[str, Any]
    statuses: Dict[str, int]

    @property
    def total(self) -> int:
        """
        The number of all assets of the project.
        """
        return sum(self.statuses.values())


@frozen(kw_only=True)
class AssetReport:
    """
    The asset counts of all projects, and the outcome of the run.
    """

    projects: Tuple[ProjectAssets, ...]
    outcome: run_items.Outcome

    @property
    def statuses(self) -> Dict[str, int]:
        """
        The number of assets of all projects with each status, highest number first.
        """
        totals: Dict[str, int] = {}
        for counted in self.projects:
            for status, count in counted.statuses.items():
                totals[status] = totals.get(status, 0) + count
        return dict(sorted(totals.items(), key=lambda item: (-item[1], item[0])))


def count_assets(sg: SGExtended, *, names: Optional[Sequence[str]], workers: int) -> AssetReport:
    """
    Count the assets of projects with several workers and return the report. Show a progress bar on a terminal.

    Args:
        sg: The client. Each worker gets a copy of it.

        names: The names of the projects. None: all projects that are not archived.

        workers: How many projects are counted at the same time.

    Raises:
        NotFoundError: The site has no project with one of the names.
    """
    meter = run_items.CostMeter(sg)
    projects = sg.find_projects(fields=["name"]) if names is None else find_projects_by_name(sg, names)
    options = run_items.RunOptions(workers=workers, label="Projects")
    outcome = run_items.run(sg, count_project_assets, projects, options, meter=meter)
    return AssetReport(projects=tuple(counted for _project, counted in outcome.done), outcome=outcome)


def count_project_assets(sg: SGExtended, project: Dict[str, Any]) -> ProjectAssets:
    """
    Return the number of assets of a project with each status. This sends one request.
    """
    summary = sg.summarize(
        "Asset",
        [["project", "is", {"type": "Project", "id": project["id"]}]],
        [{"field": "id", "type": "record_count"}],
        grouping=[{"field": "sg_status_list", "type": "exact", "direction": "asc"}],
    )
    statuses = {group["group_value"] or "": group["summaries"]["id"] for group in summary["groups"]}
    return ProjectAssets(project=project, statuses=statuses)


def show(report: AssetReport, output_format: output.Format) -> None:
    """
    Print a report on stdout, and the projects that could not be counted on stderr.
    """
    if output_format is output.Format.TABLE:
        columns, rows = _to_texts(report)
        totals = ["All", *map(str, (sum(report.statuses.values()), *report.statuses.values()))]
        print_table(
            columns,
            rows,
            [False, *[True] * (len(columns) - 1)],
            title="Assets by project and status",
            totals=totals if len(rows) > 1 else None,
            keep_first=True,
        )
        print(report.outcome.cost)  # noqa: T201 - the result
    elif output_format is output.Format.JSON:
        output.print_json(_to_dict(report))
    else:
        statuses = list(report.statuses)
        columns = ["project_id", "project", "assets", *(status or "no status" for status in statuses)]
        output.print_csv(columns, [_to_row(counted, statuses) for counted in report.projects])
    if report.outcome.exit_status:
        run_items.show_summary(report.outcome, count_project_assets, has_journal_option=False)


def _to_row(counted: ProjectAssets, statuses: Sequence[str]) -> List[Any]:
    counts = [counted.statuses.get(status, 0) for status in statuses]
    return [counted.project["id"], counted.project["name"], counted.total, *counts]


def _to_texts(report: AssetReport) -> Tuple[List[str], List[List[str]]]:
    """
    Return the columns and rows of a table with a row for each project and a column for each status.
    """
    columns = ["Project", "Assets", *(one_line(status or "none") for status in report.statuses)]
    rows = []
    for counted in report.projects:
        counts = [str(counted.statuses.get(status) or "·") for status in report.statuses]
        rows.append([one_line(counted.project["name"]), str(counted.total), *counts])
    return columns, rows


def _to_dict(report: AssetReport) -> Dict[str, Any]:
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
        "workers": report.outcome.options.workers,
        "seconds": round(report.outcome.seconds, 3),
        "requests": report.outcome.requests,
    }
