"""
``sgextended delete`` and ``sgextended revive``: retire entities, and bring them back.
"""

import sys
from typing import Annotated, List, Optional

import typer

from sgextended import NotFoundError
from sgextended.cli.shared.options import NameProjectOption, TypeOrAddressArgument
from sgextended.cli.shared.output import say
from sgextended.cli.shared.site_command import Connect, site_command
from sgextended.cli.shared.targets import find_targets, shown_name, split_target, with_names
from sgextended.cli.usage_error import UsageError

IdsArgument = Annotated[
    Optional[List[str]],
    typer.Argument(metavar="ID", help="Ids or names of the entities. A number is an id.", show_default=False),
]


@site_command
def delete(
    connect: Connect,
    entity_type: TypeOrAddressArgument,
    ids: IdsArgument = None,
    *,
    project: NameProjectOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking for confirmation.")] = False,
) -> int:
    """
    Retire entities, after a confirmation for each. The site keeps retired entities; 'sgextended revive' brings them
    back.
    """
    of_type, references = split_target(entity_type, ids or [])
    if not yes and not sys.stdin.isatty():
        raise UsageError(
            "Nothing was deleted: stdin is not a terminal, so nobody can confirm. "
            "Use --yes to delete without confirmation."
        )
    sg = connect()
    for entity in with_names(sg, find_targets(sg, of_type, references, projects=project)):
        if not yes and not typer.confirm(f"Delete {shown_name(sg, entity)}?", err=True):
            continue
        is_new = sg.delete(entity["type"], entity["id"])
        typer.echo(f"{entity['type']} {entity['id']} {'is deleted' if is_new else 'was already deleted'}.")
    return 0


@site_command
def revive(
    connect: Connect,
    entity_type: TypeOrAddressArgument,
    ids: IdsArgument = None,
    *,
    project: NameProjectOption = None,
) -> int:
    """
    Bring back entities that were deleted. To list them, use 'sgextended find TYPE --retired'.

    Exit status: 1 if one of the entities is not a deleted one.
    """
    of_type, references = split_target(entity_type, ids or [])
    sg = connect()
    links = find_targets(sg, of_type, references, projects=project, retired=True)
    retired = {(row["type"], row["id"]): row for row in with_names(sg, links, retired=True)}
    missing = [link for link in links if (link["type"], link["id"]) not in retired]
    if len(missing) == len(links):
        names = ", ".join(f"{link['type']} {link['id']}" for link in missing)
        raise NotFoundError(f"{names} cannot be revived: no deleted entity has this id.")
    for entity in retired.values():
        sg.revive(entity["type"], entity["id"])
        typer.echo(f"{shown_name(sg, entity)} is back.")
    for link in missing:
        say(f"{link['type']} {link['id']} was not revived: no deleted entity has this id.")
    return 1 if missing else 0
