"""
Options and arguments that several commands share. Each command sets its own default.
"""

from typing import Annotated, List, Optional

import typer

from sgextended.cli.shared.output import Format

WorkersOption = Annotated[
    int, typer.Option("--workers", min=1, max=64, help="Number of projects to process at the same time.")
]

FormatOption = Annotated[Format, typer.Option("--format", help="Output format.")]

FilterOption = Annotated[
    Optional[List[str]],
    typer.Option(
        "--filter",
        metavar="FIELD OPERATOR VALUE",
        help="Only entities that match: 'sg_status_list in ip,fin', 'code contains \"my shot\"', 'entity is Shot:123', "
        "'created_at in_last 7 DAY'. Can be given several times; an entity must match all filters.",
    ),
]

ProjectOption = Annotated[
    Optional[List[str]],
    typer.Option("--project", metavar="NAME", help="Only entities of this project. Can be given several times."),
]

TypeArgument = Annotated[str, typer.Argument(metavar="TYPE", help="Entity type, such as Shot.", show_default=False)]

IdArgument = Annotated[int, typer.Argument(metavar="ID", help="Entity id.", min=1, show_default=False)]

FieldsOption = Annotated[
    Optional[str],
    typer.Option("--fields", metavar="FIELD,...", help="Fields to show, such as code,entity.Shot.code."),
]
