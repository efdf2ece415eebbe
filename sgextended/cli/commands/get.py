"""
``sgextended get``: shows one entity.
"""

from sgextended.cli.shared import output
from sgextended.cli.shared.entity_query import Query
from sgextended.cli.shared.options import FieldsOption, FormatOption, IdArgument, TypeArgument
from sgextended.cli.shared.site_command import Connect, site_command
from sgextended.schema.site_schema import SiteSchema


@site_command
def command(
    connect: Connect,
    entity_type: TypeArgument,
    entity_id: IdArgument,
    *,
    fields: FieldsOption = None,
    output_format: FormatOption = output.Format.TABLE,
) -> int:
    """
    Show one entity, with all its fields or those of --fields. A table without --fields leaves out empty fields.
    """
    query = Query(entity_type=entity_type, filters=(), fields=fields)
    sg = connect()
    wanted = query.to_native(sg).fields if fields is not None else SiteSchema(sg).readable(entity_type)
    output.print_entity(sg.get(entity_type, entity_id, fields=wanted), output_format, with_empty=fields is not None)
    return 0
