"""
``sgextended find``, ``count`` and ``get``: looking at entities.
"""

import itertools
import sys
from typing import Annotated, Any, Dict, Optional

import typer

from sgextended.cli import output
from sgextended.cli.entity_query import Query
from sgextended.cli.options import FieldsOption, FilterOption, FormatOption, IdArgument, ProjectOption, TypeArgument
from sgextended.cli.site_command import Connect, asks
from sgextended.schema.site_schema import SiteSchema

#: Entities that are shown where nothing else is asked for.
SHOWN = 100


@asks
def find(
    connect: Connect,
    entity_type: TypeArgument,
    *,
    filters: FilterOption = None,
    project: ProjectOption = None,
    fields: FieldsOption = None,
    order: Annotated[
        Optional[str], typer.Option(metavar="FIELD,...", help="Sort by these; -FIELD begins with the last. Else by id.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="RunOptions many to show at most; 0 shows all.")] = SHOWN,
    output_format: FormatOption = output.Format.TABLE,
) -> int:
    """
    Find entities, and show them.
    """
    query = Query(entity_type=entity_type, filters=filters, projects=project, fields=fields, order=order)
    sg = connect()
    asked = query.to_native(sg)
    rows = sg.find_iter(
        asked.entity_type, asked.filters, asked.fields, asked.order or None, limit=limit + 1 if limit else 0
    )
    shown = itertools.islice(rows, limit or None)
    if output_format is output.Format.JSON:
        output.print_json(list(shown))
    else:
        print_rows = output.print_csv if output_format is output.Format.CSV else output.print_table
        print_rows(asked.fields, ([row[field] for field in asked.fields] for row in shown))
    if limit and next(rows, None) is not None:
        sys.stderr.write(f"These are the first {limit}: there are more. Give --limit, or --limit 0 for all.\n")
    return 0


@asks
def count(
    connect: Connect, entity_type: TypeArgument, *, filters: FilterOption = None, project: ProjectOption = None
) -> int:
    """
    Count entities; the site does it.
    """
    query = Query(entity_type=entity_type, filters=filters, projects=project)
    sg = connect()
    asked = query.to_native(sg)
    typer.echo(sg.count(asked.entity_type, asked.filters))
    return 0


@asks
def get(
    connect: Connect,
    entity_type: TypeArgument,
    entity_id: IdArgument,
    *,
    fields: FieldsOption = None,
    output_format: FormatOption = output.Format.TABLE,
) -> int:
    """
    Show one entity, with the fields that hold something.
    """
    query = Query(entity_type=entity_type, filters=(), fields=fields)
    sg = connect()
    wanted = query.to_native(sg).fields if fields is not None else SiteSchema(sg).readable(entity_type)
    show_entity(sg.get(entity_type, entity_id, fields=wanted), output_format, everything=fields is not None)
    return 0


def show_entity(entity: Dict[str, Any], form: output.Format, *, everything: bool = True) -> None:
    """
    Print an entity.

    Args:
        entity: What the site gave.

        form: RunOptions it is printed.

        everything: Whether a table has the fields that hold nothing, too.
    """
    if form is output.Format.JSON:
        output.print_json(entity)
    elif form is output.Format.CSV:
        output.print_csv(list(entity), [list(entity.values())])
    else:
        held = {name: value for name, value in entity.items() if everything or value not in (None, "", [])}
        rows = [[name, held[name]] for name in sorted(held, key=_type_and_id_first)]
        output.print_table(["field", "value"], rows)


def _type_and_id_first(name: str) -> Any:
    return (["type", "id"].index(name) if name in ("type", "id") else 2, name)
