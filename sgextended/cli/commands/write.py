"""
``sgextended create``, ``update`` and ``delete``: changing entities.
"""

import sys
from typing import Annotated, Any, Dict, List

import typer

from sgextended import SGExtended
from sgextended.cli import filter_syntax as filters
from sgextended.cli import output
from sgextended.cli.commands.find import show_entity
from sgextended.cli.entity_query import NAMES
from sgextended.cli.load_function import UsageError
from sgextended.cli.options import FormatOption, IdArgument, TypeArgument
from sgextended.cli.site_command import Connect, asks
from sgextended.errors import InvalidArgumentError, NotFoundError
from sgextended.schema.site_schema import SiteSchema

FieldsArgument = Annotated[
    List[str],
    typer.Argument(
        metavar="FIELD=VALUE ...",
        help="What to write: code=ab_010, sg_status_list=ip, project=Project:12, tasks=Task:1,Task:2, "
        "description='two words', sg_cut_in=None for no value.",
        show_default=False,
    ),
]


@asks
def create(
    connect: Connect,
    entity_type: TypeArgument,
    values: FieldsArgument,
    *,
    output_format: FormatOption = output.Format.TABLE,
) -> int:
    """
    Create an entity, and show it.
    """
    _check(values)
    sg = connect()
    show_entity(sg.create(entity_type, _fields(sg, entity_type, values)), output_format)
    return 0


@asks
def update(
    connect: Connect,
    entity_type: TypeArgument,
    entity_id: IdArgument,
    values: FieldsArgument,
    *,
    output_format: FormatOption = output.Format.TABLE,
) -> int:
    """
    Change fields of an entity, and show them.
    """
    _check(values)
    sg = connect()
    show_entity(sg.update(entity_type, entity_id, _fields(sg, entity_type, values)), output_format)
    return 0


@asks
def delete(
    connect: Connect,
    entity_type: TypeArgument,
    ids: Annotated[List[int], typer.Argument(metavar="ID ...", help="Their ids.", min=1, show_default=False)],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> int:
    """
    Retire entities, after asking; the site keeps them, and can revive them.
    """
    if not yes and not sys.stdin.isatty():
        raise UsageError("Nobody is there to be asked: give --yes to delete without asking.")
    sg = connect()
    known = SiteSchema(sg).fields(entity_type)
    found = sg.find_by_ids(entity_type, ids, fields=[name for name in NAMES if name in known], required=True)
    for entity in found:
        name = next((entity[field] for field in NAMES if entity.get(field)), "")
        if not yes and not typer.confirm(f"Delete {entity_type} {entity['id']} {name}?", err=True):
            continue
        done = sg.delete(entity_type, entity["id"])
        typer.echo(f"{entity_type} {entity['id']} {'is deleted' if done else 'was deleted before'}.")
    return 0


def _check(values: List[str]) -> None:
    for word in values:
        field, equals, _value = word.partition("=")
        if not equals or not field.strip():
            raise UsageError(f"{word!r} is no FIELD=VALUE, such as sg_status_list=ip.")


def _fields(sg: SGExtended, entity_type: str, values: List[str]) -> Dict[str, Any]:
    """
    Return what was typed as the native client takes it.
    """
    schema, found = SiteSchema(sg), {}
    for word in values:
        field = word.partition("=")[0]
        if "." in field:
            raise InvalidArgumentError(f"{field!r} is a field of what is linked: write to that entity itself.")
        if field in found:
            raise InvalidArgumentError(f"{field!r} is given twice.")
        try:
            data_type = schema.field_type(entity_type, field)
        except NotFoundError as error:
            raise InvalidArgumentError(str(error)) from error
        found[field] = filters.to_value(word, len(field) + 1, field, data_type)
    return found
