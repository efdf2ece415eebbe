"""
``sgextended schema``: the entity types of a site, and their fields.
"""

from typing import Annotated, Any, List, Mapping, Optional

import typer

from sgextended.cli import output
from sgextended.cli.options import FormatOption
from sgextended.cli.site_command import Connect, asks
from sgextended.schema.site_schema import SiteSchema


@asks
def command(
    connect: Connect,
    entity_type: Annotated[
        Optional[str], typer.Argument(metavar="TYPE", help="Whose fields; none: the types.", show_default=False)
    ] = None,
    *,
    output_format: FormatOption = output.Format.TABLE,
) -> int:
    """
    Show the entity types of the site, or the fields of one: type of the data, and what they may hold.
    """
    sg = connect()
    if entity_type is None:
        columns = ["type", "label"]
        described = sg.schema_entity_read().items()
        rows = [[name, each["name"]["value"]] for name, each in described if each["visible"]["value"]]
    else:
        columns = ["field", "label", "data_type", "editable", "values"]
        fields = SiteSchema(sg).fields(entity_type)
        rows = [
            [name, each["name"]["value"], each["data_type"]["value"], each["editable"]["value"], _values_of(each)]
            for name, each in sorted(fields.items())
        ]
    if output_format is output.Format.JSON:
        output.print_json([dict(zip(columns, row)) for row in rows])
    else:
        (output.print_csv if output_format is output.Format.CSV else output.print_table)(columns, rows)
    return 0


def _values_of(field: Mapping[str, Any]) -> List[str]:
    """
    Return what a field may hold: its statuses or texts, or the types of its links.
    """
    properties = field["properties"]
    for name in ("valid_values", "valid_types"):
        if properties.get(name, {}).get("value"):
            return list(properties[name]["value"])
    return []
