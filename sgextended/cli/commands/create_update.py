"""
``sgextended create`` and ``sgextended update``: write the fields of one entity, typed as ``FIELD=VALUE``.
"""

from typing import Annotated, Any, Dict, List

import typer

from sgextended import SGExtended
from sgextended.cli.shared import output
from sgextended.cli.shared.filter_syntax import parse_field_value
from sgextended.cli.shared.options import FormatOption, IdArgument, TypeArgument
from sgextended.cli.shared.site_command import Connect, site_command
from sgextended.cli.shared.usage_error import UsageError
from sgextended.errors import InvalidArgumentError, NotFoundError
from sgextended.schema.site_schema import SiteSchema

ValuesArgument = Annotated[
    List[str],
    typer.Argument(
        metavar="FIELD=VALUE ...",
        help="Field values to write: code=ab_010, sg_status_list=ip, project=Project:12, tasks=Task:1,Task:2, "
        "description='two words', sg_cut_in=None for no value.",
        show_default=False,
    ),
]


@site_command
def create(
    connect: Connect,
    entity_type: TypeArgument,
    values: ValuesArgument,
    *,
    output_format: FormatOption = output.Format.TABLE,
) -> int:
    """
    Create an entity and show it.
    """
    _check_form(values)
    sg = connect()
    output.print_entity(sg.create(entity_type, _to_data(sg, entity_type, values)), output_format)
    return 0


@site_command
def update(
    connect: Connect,
    entity_type: TypeArgument,
    entity_id: IdArgument,
    values: ValuesArgument,
    *,
    output_format: FormatOption = output.Format.TABLE,
) -> int:
    """
    Change fields of an entity and show the new values.
    """
    _check_form(values)
    sg = connect()
    output.print_entity(sg.update(entity_type, entity_id, _to_data(sg, entity_type, values)), output_format)
    return 0


def _check_form(values: List[str]) -> None:
    for text in values:
        field, equals, _value = text.partition("=")
        if not equals or not field.strip():
            raise UsageError(f"{text!r} does not have the form FIELD=VALUE, such as sg_status_list=ip.")


def _to_data(sg: SGExtended, entity_type: str, values: List[str]) -> Dict[str, Any]:
    """
    Return the typed field values as the native client takes them.

    Raises:
        InvalidArgumentError: A field is not a field of the type, is given twice, or cannot hold its value.
    """
    schema, data = SiteSchema(sg), {}
    for text in values:
        field = text.partition("=")[0]
        if "." in field:
            raise InvalidArgumentError(
                f"{field!r} is a field of a linked entity and cannot be written here. Update the linked entity itself."
            )
        if field in data:
            raise InvalidArgumentError(f"The field {field!r} is given twice. Give each field once.")
        try:
            data_type = schema.field_type(entity_type, field)
        except NotFoundError as error:
            raise InvalidArgumentError(str(error)) from error
        data[field] = parse_field_value(text, len(field) + 1, field, data_type)
    return data
