"""
Options that several commands have, written once; a command gives the default.
"""

from typing import Annotated, List, Optional

import typer

from sgextended.cli.output import Format

WorkersOption = Annotated[
    int, typer.Option("--workers", min=1, max=64, help="How many projects are worked on at once.")
]

FormatOption = Annotated[Format, typer.Option("--format", help="How to print the result.")]

FilterOption = Annotated[
    Optional[List[str]],
    typer.Option(
        "--filter",
        metavar="FIELD OPERATOR VALUE",
        help="Which of them: 'sg_status_list in ip,fin', 'code contains \"my shot\"', 'entity is Shot:123', "
        "'created_at in_last 7 DAY'; all that are given hold.",
    ),
]

ProjectOption = Annotated[
    Optional[List[str]],
    typer.Option("--project", metavar="NAME", help="Those of one project; may be given several times."),
]

TypeArgument = Annotated[str, typer.Argument(metavar="TYPE", help="Their type, such as Shot.", show_default=False)]

IdArgument = Annotated[int, typer.Argument(metavar="ID", help="Its id.", min=1, show_default=False)]

FieldsOption = Annotated[
    Optional[str],
    typer.Option("--fields", metavar="FIELD,...", help="Fields to show, such as code,entity.Shot.code."),
]
