"""
``sgextended upload`` and ``sgextended download``: files of entities.
"""

from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional, Sequence

import typer

from sgextended import Failure, NotFoundError, SGExtended
from sgextended.cli.printing.terminal import one_line
from sgextended.cli.shared import output
from sgextended.cli.shared.entity_query import known_fields
from sgextended.cli.shared.options import NameProjectOption, TypeOrAddressArgument
from sgextended.cli.shared.site_command import Connect, site_command
from sgextended.cli.shared.targets import find_targets, shown_name, split_single_target, split_target, with_names
from sgextended.cli.usage_error import UsageError
from sgextended.domain.files import safe_name
from sgextended.schema.site_schema import did_you_mean
from sgextended.workers.progress import reporter

_FILE_TYPES = ("url", "image")
#: The field with the main file of an entity type.
_MAIN_FIELDS = {"Version": "sg_uploaded_movie", "PublishedFile": "path", "Attachment": "this_file"}


@site_command
def upload(
    connect: Connect,
    entity_type: TypeOrAddressArgument,
    words: Annotated[
        List[str],
        typer.Argument(metavar="ID FILE", help="Id or name of the entity, then the files.", show_default=False),
    ],
    *,
    field: Annotated[
        Optional[str],
        typer.Option(
            metavar="FIELD", help="File field, such as sg_uploaded_movie. Default: attach the files to the entity."
        ),
    ] = None,
    thumbnail: Annotated[bool, typer.Option("--thumbnail", help="Upload the file as the thumbnail.")] = False,
    project: NameProjectOption = None,
) -> int:
    """
    Upload files to an entity.
    """
    of_type, reference, names = split_single_target(entity_type, words, "A file")
    if thumbnail and field not in (None, "image"):
        raise UsageError("--thumbnail and --field contradict each other. Give one of them.")
    field = "image" if thumbnail else field
    paths = [Path(name) for name in names]
    for path in paths:
        if not path.is_file():
            raise UsageError(f"There is no file {path}. Nothing was uploaded.")
    if field is not None and len(paths) > 1:
        raise UsageError(f"The field {field} holds one file, and {len(paths)} are given. Nothing was uploaded.")
    sg = connect()
    [entity] = with_names(sg, find_targets(sg, of_type, [reference], projects=project))
    if field is not None:
        _check_file_field(sg, entity["type"], field)
    with reporter(True, len(paths), "Files") as report:
        outcomes = sg.upload_many(
            [(entity, path) for path in paths],
            field=field,
            on_error="collect",
            progress=lambda done, failed, _total: report(done, failed),
        )
    for path, outcome in zip(paths, outcomes):
        if isinstance(outcome, Failure):
            output.say(f"{path} was not uploaded: {outcome.error}")
        else:
            into = f", as {field}" if field else ""
            typer.echo(f"{one_line(path.name)} is uploaded to {shown_name(sg, entity)}{into}.")
    return 1 if any(isinstance(outcome, Failure) for outcome in outcomes) else 0


@site_command
def download(
    connect: Connect,
    entity_type: TypeOrAddressArgument,
    ids: Annotated[
        Optional[List[str]],
        typer.Argument(metavar="ID", help="Ids or names of the entities. A number is an id.", show_default=False),
    ] = None,
    *,
    folder: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", file_okay=False, help="Folder for the files.")
    ] = Path(),
    field: Annotated[
        Optional[str],
        typer.Option(
            metavar="FIELD",
            help="File field, such as sg_uploaded_movie, or image for the thumbnail. Default: the main file of the "
            "entity and all files that are attached to it.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Download files again that already exist.")] = False,
    project: NameProjectOption = None,
) -> int:
    """
    Download the files of entities to a folder. Files that already exist there are not downloaded again.

    Exit status: 1 if there is no file, or a download failed.
    """
    of_type, references = split_target(entity_type, ids or [])
    sg = connect()
    entities = with_names(sg, find_targets(sg, of_type, references, projects=project))
    outcomes: List[Any] = []
    for kind in dict.fromkeys(entity["type"] for entity in entities):
        if field is not None:
            _check_file_field(sg, kind, field)
        several = [entity for entity in entities if entity["type"] == kind]
        outcomes += _download(sg, several, field or _MAIN_FIELDS.get(kind), folder, overwrite=overwrite)
    if field is None:
        outcomes += _download(sg, _attached(sg, entities), "this_file", folder, overwrite=overwrite)
    found = [outcome for outcome in outcomes if outcome is not None]
    for outcome in found:
        if isinstance(outcome, Failure):
            output.say(f"A download failed: {outcome.error}")
        else:
            typer.echo(one_line(outcome))
    if not found:
        names = ", ".join(shown_name(sg, entity) for entity in entities)
        where = f"in the field {field}" if field else "attached. Name a field with --field to look there"
        raise NotFoundError(f"{names} has no file {where}.")
    return 1 if any(isinstance(outcome, Failure) for outcome in found) else 0


def _check_file_field(sg: SGExtended, entity_type: str, field: str) -> None:
    """
    Raise UsageError if a field cannot hold a file.
    """
    fields = known_fields(sg.site_schema(), entity_type)
    files = sorted(name for name, each in fields.items() if each["data_type"]["value"] in _FILE_TYPES)
    if field not in files:
        hint = did_you_mean(field, files) or f" Its file fields: {', '.join(files)}."
        raise UsageError(f"{entity_type} has no file field {field!r}.{hint}")


def _attached(sg: SGExtended, entities: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """
    Return the Attachments that are attached to entities.
    """
    links = [{"type": entity["type"], "id": entity["id"]} for entity in entities if entity["type"] != "Attachment"]
    if not links:
        return []
    return sg.find("Attachment", [["attachment_links", "in", links]])


def _is_elsewhere(value: Any) -> bool:
    """
    Return whether a file field has the path of a local file or the address of a web page, instead of an upload.
    """
    return isinstance(value, dict) and value.get("link_type") in ("local", "web")


def _download(
    sg: SGExtended, entities: Sequence[Dict[str, Any]], field: Optional[str], folder: Path, *, overwrite: bool
) -> List[Any]:
    """
    Download the file of each entity, and return the paths. A `Failure` stands for a download that failed, and None for
    an empty field.
    """
    if not entities or field is None:
        return []
    kind = entities[0]["type"]
    rows = sg.find_by_ids(kind, [row["id"] for row in entities], fields=[field])
    elsewhere = {row["id"]: row[field] for row in rows if _is_elsewhere(row[field])}
    for number, value in elsewhere.items():
        where = value.get("local_path") or value.get("url")
        output.say(f"{kind} {number}: {field} is a link, not a file on the site: {where}")
    entities = [row for row in entities if row["id"] not in elsewhere]
    names = [row[field] for row in rows if row["id"] not in elsewhere]
    own = [each["name"] for each in names if isinstance(each, dict) and each.get("name")]
    # The file's own name, unless two files share it. A thumbnail has no name of its own.
    is_unique = len(own) == len(names) and len({safe_name(name).lower() for name in own}) == len(own)
    template = "{file}" if is_unique else "{type}_{id}{ext}" if not own else "{type}_{id}_{file}"
    with reporter(True, len(entities), "Files") as report:
        return sg.download_many(
            entities,
            folder,
            field=field,
            name=template,
            overwrite=overwrite,
            on_error="collect",
            progress=lambda done, failed, _total: report(done, failed),
        )
