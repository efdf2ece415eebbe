"""
``sgextended create`` and ``sgextended update``: write the fields of one entity, typed as ``FIELD=VALUE``.
"""

from typing import Annotated, Any, Dict, List, Optional, Sequence

import typer

from sgextended import SGExtended
from sgextended.cli.shared import output
from sgextended.cli.shared.entity_query import known_fields
from sgextended.cli.shared.filter_syntax import parse_field_value
from sgextended.cli.shared.options import (
    FormatOption,
    LinksOption,
    NameProjectOption,
    TypeArgument,
    TypeOrAddressArgument,
)
from sgextended.cli.shared.site_command import Connect, site_command
from sgextended.cli.shared.targets import find_targets, split_single_target
from sgextended.cli.syntax.link_finder import LinkFinder, link_in
from sgextended.cli.syntax.typed_values import LINK_TYPES
from sgextended.cli.usage_error import UsageError
from sgextended.errors import InvalidArgumentError, NotFoundError

_VALUES_HELP = (
    "Field values to write: code=ab_010, sg_status_list=ip, project='My Show', tasks=Task:1,Task:2, "
    "task_assignees='Ann Lee,Bob', due_date=+2w, description='two words', sg_cut_in=None for no value."
)


@site_command
def create(
    connect: Connect,
    entity_type: TypeArgument,
    values: Annotated[List[str], typer.Argument(metavar="FIELD=VALUE", help=_VALUES_HELP, show_default=False)],
    *,
    output_format: FormatOption = output.Format.TABLE,
    links: LinksOption = None,
) -> int:
    """
    Create an entity and show it.
    """
    _check_form(values)
    output.check_options(output_format, links=links)
    sg = connect()
    output.print_entity(sg.create(entity_type, _to_data(sg, entity_type, values)), output_format, links=links)
    return 0


@site_command
def update(
    connect: Connect,
    entity_type: TypeOrAddressArgument,
    words: Annotated[
        List[str],
        typer.Argument(metavar="ID FIELD=VALUE", help=f"Id or name of the entity. {_VALUES_HELP}", show_default=False),
    ],
    *,
    project: NameProjectOption = None,
    output_format: FormatOption = output.Format.TABLE,
    links: LinksOption = None,
) -> int:
    """
    Change fields of an entity and show the new values.
    """
    of_type, reference, values = split_single_target(entity_type, words, "FIELD=VALUE, such as sg_status_list=ip,")
    _check_form(values)
    output.check_options(output_format, links=links)
    sg = connect()
    [link] = find_targets(sg, of_type, [reference], projects=project)
    data = _to_data(sg, link["type"], values, updated=link)
    output.print_entity(sg.update(link["type"], link["id"], data), output_format, links=links)
    return 0


def _check_form(values: List[str]) -> None:
    for text in values:
        field, equals, _value = text.partition("=")
        if not equals or not field.strip():
            raise UsageError(f"{text!r} does not have the form FIELD=VALUE, such as sg_status_list=ip.")


def _to_data(
    sg: SGExtended, entity_type: str, values: Sequence[str], updated: Optional[Dict[str, Any]] = None
) -> Dict[str, Any]:
    """
    Return the typed field values as the native client takes them.

    Args:
        sg: The client.

        entity_type: The entity type.

        values: Texts of the form ``FIELD=VALUE``.

        updated: Link to the entity that is updated. Names of linked entities are searched in its project first.

    Raises:
        InvalidArgumentError: A field is not a field of the type, is given twice, or cannot hold its value.

        NotFoundError: No entity has the name of a link.
    """
    schema, typed = sg.site_schema(), {}
    known_fields(schema, entity_type)
    for text in values:
        field = text.partition("=")[0].strip()
        if "." in field:
            raise InvalidArgumentError(
                f"{field!r} is a field of a linked entity and cannot be written here. Update the linked entity itself."
            )
        if field in typed:
            raise InvalidArgumentError(f"The field {field!r} is given twice. Give each field once.")
        try:
            typed[field] = (text, schema.field_type(entity_type, field))
        except NotFoundError as error:
            raise InvalidArgumentError(str(error)) from error
    data: Dict[str, Any] = {}
    projects: List[Dict[str, Any]] = []
    has_names = any(
        data_type in LINK_TYPES and not link_in(text.partition("=")[2]) for text, data_type in typed.values()
    )
    if updated is not None and has_names and "project" in schema.fields(entity_type) and "project" not in typed:
        project = sg.get(entity_type, updated["id"], fields=["project"])["project"]
        projects = [{"type": "Project", "id": project["id"]}] if project else []
    # The project comes first, because the names of other links are searched there.
    for field in sorted(typed, key=lambda name: name != "project"):
        text, data_type = typed[field]
        data[field] = parse_field_value(
            text,
            text.index("=") + 1,
            field,
            data_type,
            schema=schema,
            entity_type=entity_type,
            links=LinkFinder(sg, schema, projects),
        )
        if field == "project" and isinstance(data[field], dict):
            projects = [data[field]]
    return {field: data[field] for field in typed}
