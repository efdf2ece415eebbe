"""
``sgextended publish``: publishes the next version of a file.
"""

from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional

import typer

from sgextended import SGExtended
from sgextended.cli.shared import output
from sgextended.cli.shared.entity_query import find_projects_by_name
from sgextended.cli.shared.options import FormatOption, LinksOption, NameProjectOption, TypeOrAddressArgument
from sgextended.cli.shared.site_command import Connect, site_command
from sgextended.cli.shared.targets import find_targets, split_single_target
from sgextended.cli.syntax.link_finder import LinkFinder
from sgextended.cli.usage_error import UsageError


@site_command
def command(
    connect: Connect,
    entity_type: TypeOrAddressArgument,
    words: Annotated[
        List[str],
        typer.Argument(
            metavar="ID NAME",
            help="Id or name of the entity, then the name that all versions of the file share.",
            show_default=False,
        ),
    ],
    *,
    path: Annotated[
        Optional[str],
        typer.Option(help="Path of the file on a storage of the site, such as /shows/a/scene.v{version:03d}.ma."),
    ] = None,
    file_type: Annotated[
        Optional[str], typer.Option("--type", metavar="NAME", help="Published file type, such as 'Maya Scene'.")
    ] = None,
    task: Annotated[Optional[str], typer.Option(metavar="TASK", help="Task: its id, or its name.")] = None,
    version: Annotated[
        Optional[str], typer.Option(metavar="VERSION", help="Version that shows the file: its id or name.")
    ] = None,
    description: Annotated[Optional[str], typer.Option(help="What has changed.")] = None,
    thumbnail: Annotated[
        Optional[Path], typer.Option(metavar="FILE", dir_okay=False, help="Image to upload as the thumbnail.")
    ] = None,
    code: Annotated[
        str, typer.Option(metavar="TEMPLATE", help="Template for the name of this version.")
    ] = "{name}.v{version:03d}",
    project: NameProjectOption = None,
    output_format: FormatOption = output.Format.TABLE,
    links: LinksOption = None,
) -> int:
    """
    Publish the next version of a file, and show the published file.

    The number is one more than the highest number of the same name, entity, task and type. Two commands that run at
    the same time never get the same number.
    """
    output.check_options(output_format, links=links)
    of_type, reference, names = split_single_target(entity_type, words, "The name of the file")
    if len(names) != 1:
        raise UsageError("Write the name of the file as one word: put it in quotes.")
    if thumbnail is not None and not thumbnail.is_file():
        raise UsageError(f"There is no file {thumbnail}. Nothing was published.")
    sg = connect()
    [entity] = find_targets(sg, of_type, [reference], projects=project)
    finder = LinkFinder(sg, sg.site_schema())
    published = sg.publish(
        entity,
        names[0],
        file_type=None if file_type is None else finder.find(file_type, ["PublishedFileType"]),
        task=_linked(sg, "Task", task, entity, project),
        version=_linked(sg, "Version", version, entity, project),
        code=code,
        path=path,
        description=description,
        thumbnail=thumbnail,
    )
    output.print_entity(published, output_format, links=links)
    return 0


def _linked(
    sg: SGExtended, entity_type: str, text: Optional[str], entity: Dict[str, Any], projects: Optional[List[str]]
) -> Optional[Dict[str, Any]]:
    """
    Return the task or version that was typed. A name is searched on the entity first.
    """
    if text is None:
        return None
    schema = sg.site_schema()
    if not text.isdecimal():
        for name_field in LinkFinder(sg, schema).name_fields(entity_type):
            found = sg.find(entity_type, [["entity", "is", entity], [name_field, "is", text]], ["id"], limit=2)
            if len(found) == 1:
                return {"type": entity_type, "id": found[0]["id"]}
    of_projects = [
        {"type": "Project", "id": each["id"]} for each in (find_projects_by_name(sg, projects) if projects else ())
    ]
    return LinkFinder(sg, schema, of_projects).find(text, [entity_type], numbers_are_ids=True)
