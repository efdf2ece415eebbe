"""
``sgextended count``: prints the number of entities of a query.
"""

import typer

from sgextended.cli.shared.entity_query import Query
from sgextended.cli.shared.options import FilterOption, ProjectOption, TypeArgument
from sgextended.cli.shared.site_command import Connect, site_command


@site_command
def command(
    connect: Connect, entity_type: TypeArgument, *, filters: FilterOption = None, project: ProjectOption = None
) -> int:
    """
    Count entities, on the site.
    """
    query = Query(entity_type=entity_type, filters=filters, projects=project)
    sg = connect()
    native = query.to_native(sg)
    count = sg.count(native.entity_type, native.filters)
    typer.echo(count)
    if not count:
        query.explain_empty(sg, native)
    return 0
