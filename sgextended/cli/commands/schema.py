"""
``sgextended schema``: shows the entity types of a site, or the fields of one type.
"""

from typing import Annotated, Any, List, Mapping, Optional

import typer

from sgextended.cli.shared import output
from sgextended.cli.shared.entity_query import known_fields
from sgextended.cli.shared.options import FormatOption
from sgextended.cli.shared.site_command import Connect, site_command


@site_command
def command(
    connect: Connect,
    entity_type: Annotated[
        Optional[str],
        typer.Argument(
            metavar="TYPE", help="Show the fields of this entity type. Default: list the types.", show_default=False
        ),
    ] = None,
    *,
    output_format: FormatOption = output.Format.TABLE,
) -> int:
    """
    Show the entity types of the site; or the fields of one type, with their data types and valid values.
    """
    sg = connect()
    if entity_type is None:
        columns = ["type", "label"]
        types = sg.schema_entity_read().items()
        rows = [[name, each["name"]["value"]] for name, each in types if each["visible"]["value"]]
    else:
        columns = ["field", "label", "data_type", "editable", "values"]
        fields = known_fields(sg.site_schema(), entity_type)
        rows = [
            [name, each["name"]["value"], each["data_type"]["value"], each["editable"]["value"], _valid_values(each)]
            for name, each in sorted(fields.items())
        ]
    output.print_rows(columns, rows, output_format)
    return 0


def _valid_values(field: Mapping[str, Any]) -> List[str]:
    """
    Return the values that the schema allows for a field: statuses or list values, or the entity types that it links to.
    """
    properties = field["properties"]
    for name in ("valid_values", "valid_types"):
        if properties.get(name, {}).get("value"):
            return list(properties[name]["value"])
    return []
