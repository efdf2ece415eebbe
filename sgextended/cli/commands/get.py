"""
``sgextended get``: shows one entity.
"""

from typing import Annotated, Optional

import typer

from sgextended import NotFoundError
from sgextended.cli.shared import output
from sgextended.cli.shared.entity_query import Query
from sgextended.cli.shared.options import (
    ID_HELP,
    BomOption,
    FieldsOption,
    FormatOption,
    LinksOption,
    NameProjectOption,
    RetiredOption,
    TypeOrAddressArgument,
)
from sgextended.cli.shared.site_command import Connect, site_command
from sgextended.cli.shared.targets import find_targets, split_target


@site_command
def command(
    connect: Connect,
    entity_type: TypeOrAddressArgument,
    entity_id: Annotated[Optional[str], typer.Argument(metavar="ID", help=ID_HELP, show_default=False)] = None,
    *,
    project: NameProjectOption = None,
    fields: FieldsOption = None,
    retired: RetiredOption = False,
    output_format: FormatOption = output.Format.TABLE,
    links: LinksOption = None,
    bom: BomOption = False,
) -> int:
    """
    Show one entity, with all its fields or those of --fields. A table without --fields leaves out empty fields.
    """
    output.check_options(output_format, links=links, bom=bom)
    of_type, references = split_target(entity_type, [] if entity_id is None else [entity_id])
    sg = connect()
    [link, *_others] = find_targets(sg, of_type, references, projects=project, retired=retired)
    query = Query(entity_type=link["type"], filters=(), fields=fields)
    wanted = query.to_native(sg).fields if fields is not None else sg.site_schema().readable(link["type"])
    if retired:
        entity = sg.find_one(link["type"], [["id", "is", link["id"]]], wanted, retired_only=True)
        if entity is None:
            raise NotFoundError(f"There is no deleted {link['type']} with the id {link['id']}.")
    else:
        entity = sg.get(link["type"], link["id"], fields=wanted)
    output.print_entity(entity, output_format, with_empty=fields is not None, links=links, bom=bom)
    return 0
