"""
``sgextended delete``: retires entities.
"""

import sys
from typing import Annotated, List

import typer

from sgextended.cli.shared.entity_query import NAME_FIELDS
from sgextended.cli.shared.options import TypeArgument
from sgextended.cli.shared.site_command import Connect, site_command
from sgextended.cli.shared.usage_error import UsageError
from sgextended.schema.site_schema import SiteSchema


@site_command
def command(
    connect: Connect,
    entity_type: TypeArgument,
    ids: Annotated[List[int], typer.Argument(metavar="ID ...", help="Entity ids.", min=1, show_default=False)],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking for confirmation.")] = False,
) -> int:
    """
    Retire entities, after a confirmation for each. The site keeps retired entities and can revive them.
    """
    if not yes and not sys.stdin.isatty():
        raise UsageError(
            "Nothing was deleted: stdin is not a terminal, so nobody can confirm. "
            "Use --yes to delete without confirmation."
        )
    sg = connect()
    fields_of_type = SiteSchema(sg).fields(entity_type)
    name_fields = [name for name in NAME_FIELDS if name in fields_of_type]
    for entity in sg.find_by_ids(entity_type, ids, fields=name_fields, required=True):
        name = next((entity[field] for field in NAME_FIELDS if entity.get(field)), "")
        if not yes and not typer.confirm(f"Delete {entity_type} {entity['id']} {name}?", err=True):
            continue
        is_new = sg.delete(entity_type, entity["id"])
        typer.echo(f"{entity_type} {entity['id']} {'is deleted' if is_new else 'was already deleted'}.")
    return 0
