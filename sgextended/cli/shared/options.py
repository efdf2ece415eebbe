"""
Options and arguments that several commands share. Each command sets its own default.
"""

from pathlib import Path
from typing import Annotated, List, Optional

import typer

from sgextended.cli.printing.cells import LinkStyle
from sgextended.cli.shared.output import Format

WorkersOption = Annotated[
    int, typer.Option("--workers", min=1, max=64, help="Number of projects to process at the same time.")
]

FormatOption = Annotated[Format, typer.Option("--format", help="Output format.")]

LinksOption = Annotated[
    Optional[LinkStyle],
    typer.Option(
        "--links",
        help="How a table or CSV shows links: by name, as Shot:123, or as JSON. Default: by name.",
        show_default=False,
    ),
]

BomOption = Annotated[
    bool, typer.Option("--bom", help="Begin CSV with the mark by which Excel recognizes UTF-8 (byte order mark).")
]

XlsxOption = Annotated[
    Optional[Path],
    typer.Option("--xlsx", metavar="FILE", dir_okay=False, help="Write an Excel file instead (extra xlsx)."),
]

RetiredOption = Annotated[bool, typer.Option("--retired", help="Show deleted entities instead of the others.")]

FilterOption = Annotated[
    Optional[List[str]],
    typer.Option(
        "--filter",
        metavar="FIELD OPERATOR VALUE",
        help="Only entities that match: 'sg_status_list in ip,fin', 'code contains \"my shot\"', 'entity is ab_010', "
        "'due_date < today', 'created_at > -7d'. Can be given several times; an entity must match all filters.",
    ),
]

ProjectOption = Annotated[
    Optional[List[str]],
    typer.Option(
        "--project",
        metavar="NAME",
        help="Only entities of this project: its name, tank_name or id. Can be given several times.",
    ),
]

NameProjectOption = Annotated[
    Optional[List[str]],
    typer.Option("--project", metavar="NAME", help="Project in which entities are searched by name."),
]

TypeArgument = Annotated[str, typer.Argument(metavar="TYPE", help="Entity type, such as Shot.", show_default=False)]

#: The type of an entity whose id follows.
TypeOrAddressArgument = Annotated[
    str,
    typer.Argument(
        metavar="TYPE",
        help="Entity type, such as Shot. The address of the entity's web page, or Shot:123, stands for TYPE and ID.",
        show_default=False,
    ),
]

ID_HELP = "Id or name of the entity; SHOT/NAME for a task or version of a shot. A number is an id."

FieldsOption = Annotated[
    Optional[str],
    typer.Option("--fields", metavar="FIELD,...", help="Fields to show, such as code,entity.Shot.code."),
]
