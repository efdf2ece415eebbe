"""
``sgextended find``: shows the entities of a query.
"""

import itertools
import sys
from typing import Annotated, Optional

import typer

from sgextended.cli.shared import output
from sgextended.cli.shared.entity_query import Query
from sgextended.cli.shared.options import FieldsOption, FilterOption, FormatOption, ProjectOption, TypeArgument
from sgextended.cli.shared.site_command import Connect, site_command

#: How many entities are shown without --limit.
DEFAULT_LIMIT = 100


@site_command
def command(
    connect: Connect,
    entity_type: TypeArgument,
    *,
    filters: FilterOption = None,
    project: ProjectOption = None,
    fields: FieldsOption = None,
    order: Annotated[
        Optional[str],
        typer.Option(metavar="FIELD,...", help="Sort by these fields; -FIELD sorts in descending order. Default: id."),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="Maximum number of entities to show; 0 shows all.")] = DEFAULT_LIMIT,
    output_format: FormatOption = output.Format.TABLE,
) -> int:
    """
    Find entities and show them.
    """
    query = Query(entity_type=entity_type, filters=filters, projects=project, fields=fields, order=order)
    sg = connect()
    native = query.to_native(sg)
    # One more than the limit, to know whether there are more.
    rows = sg.find_iter(
        native.entity_type, native.filters, native.fields, native.order or None, limit=limit + 1 if limit else 0
    )
    shown = itertools.islice(rows, limit or None)
    if output_format is output.Format.JSON:
        output.print_json(list(shown))
    else:
        output.print_rows(native.fields, ([row[field] for field in native.fields] for row in shown), output_format)
    if limit and next(rows, None) is not None:
        sys.stderr.write(
            f"Only the first {limit} are shown; there are more. To see more, use --limit; --limit 0 shows all.\n"
        )
    return 0
