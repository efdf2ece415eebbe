"""
Files that go to the site and come from it: one after a create, and many at the same time.
"""

import functools
import os
import re
import string
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from sgextended.domain.bulk_writes import WORKERS
from sgextended.domain.conditions import Entity, Row, check_text, rows_of, to_link
from sgextended.domain.entities import find_by_ids
from sgextended.errors import CallError, InvalidArgumentError, PartialSuccessError
from sgextended.http.deadline import within
from sgextended.lazy_import import lazy_module
from sgextended.workers.progress import Progress

if TYPE_CHECKING:
    from os import PathLike

    from sgextended.domain import batches
    from sgextended.workers import journal as journals
    from sgextended.workers import map as crews
else:
    batches = lazy_module("sgextended.domain.batches")
    crews = lazy_module("sgextended.workers.map")
    journals = lazy_module("sgextended.workers.journal")

#: Characters that no file name has on one of the systems that studios use.
_FORBIDDEN = r'[<>:"/\\|?*\x00-\x1f]'
#: Names that Windows keeps for itself.
_RESERVED = r"^(con|prn|aux|nul|com\d|lpt\d)(\.|$)"
_LONGEST_NAME = 200  # bytes

File = Union[str, "PathLike[str]"]


def file_at(path: File) -> Path:
    """
    Return the path of a file that can be uploaded.

    Raises:
        InvalidArgumentError: It is no file, or an empty one.
    """
    found = Path(os.fsdecode(path)).expanduser().absolute()
    if not found.is_file():
        msg = f"{os.fsdecode(path)!r} is no file. Nothing was sent."
        raise InvalidArgumentError(msg)
    if not found.stat().st_size:
        msg = f"{os.fsdecode(path)!r} is empty, and no site takes empty files. Nothing was sent."
        raise InvalidArgumentError(msg)
    return found


def attach(sg: Any, made: Row, done: str, files: Sequence[Tuple[Path, str]], left: Sequence[str] = ()) -> None:
    """
    Upload files to an entity that was just created.

    Args:
        sg: Who is asked.

        made: The entity.

        done: What was done before, for the message.

        files: Paths, and the fields that they go to.

        left: What comes after them, for the message.

    Raises:
        PartialSuccessError: One failed; the message says which are left.
    """
    for number, (path, field) in enumerate(files):
        calls = [_call_for(made, *each) for each in files[number:]]
        run_followups(made, done, [*calls, *left], functools.partial(_Upload(made, str(path), field), sg))


def _call_for(made: Row, path: Path, field: str) -> str:
    if field == "image":
        return f"upload_thumbnail({made['type']!r}, {made['id']}, {str(path)!r})"
    return f"upload({made['type']!r}, {made['id']}, {str(path)!r}, {field!r})"


def run_followups(made: Row, done: str, left: Sequence[str], do: Callable[[], object]) -> None:
    """
    Do what comes after a create.

    Raises:
        PartialSuccessError: It failed; the message says what is there, and what is left to do.
    """
    try:
        do()
    except CallError as error:
        msg = (
            f"{done} (id {made['id']}), and then: {str(error).strip()} It is not to be created again. What is left, "
            f"after a look at what is there: {'; '.join(left)}."
        )
        raise PartialSuccessError(msg, entity=made) from error


class _Upload:
    """
    One file, and where it goes.
    """

    def __init__(self, link: Row, path: str, field: Optional[str]) -> None:
        self.link, self.path, self.field = link, path, field

    def __repr__(self) -> str:
        return f"{Path(self.path).name} for {journals.name_of(self.link)}"

    @property
    def item(self) -> Any:
        return self.link, self.path

    def key(self) -> str:
        status = Path(self.path).stat()
        return f"{self.link['type']}:{self.link['id']}:{self.field}:{self.path}:{status.st_size}:{status.st_mtime_ns}"

    def __call__(self, sg: Any) -> int:
        link, path = self.link, self.path
        number: int = (
            sg.upload_thumbnail(link["type"], link["id"], path)
            if self.field == "image"
            else sg.upload(link["type"], link["id"], path, self.field)
        )
        return number


def upload_many(
    sg: Any,
    files: Iterable[Tuple[Entity, File]],
    *,
    field: Optional[str] = None,
    workers: int = WORKERS,
    on_error: str = "raise",
    progress: Progress = None,
    journal: "Union[str, PathLike[str], None]" = None,
    timeout: Optional[float] = None,
) -> List[Any]:
    """
    Upload files to entities, several at a time, and return the ids of their Attachments, in the order given.

    Args:
        sg: Who is asked. A client that is not ours uploads one after the other.

        files: Pairs of a link to an entity and the path of a file.

        field: The file field that they go to; ``"image"`` is the thumbnail. None: they are linked to the entity.

        workers: How many are under way at the same time.

        on_error: ``"raise"`` ends at the first failure, ``"collect"`` gives a `Failure` in the place of the id.

        progress: True shows a bar, a function is called with (done, failed, total): numbers of files.

        journal: A file from which the same call goes on where it ended. A file that has changed since is new. One that
            was under way when a run died may be there already, and is uploaded again.

        timeout: Seconds for all of it. None: as long as bytes go.

    Raises:
        WorkerError: One failed.

        InvalidArgumentError: A link or a file is none; nothing was sent.
    """
    jobs = [_Upload(to_link(entity), str(file_at(path)), field) for entity, path in files]
    return _many(sg, jobs, workers, on_error, progress, journal, timeout)


class _Download:
    """
    One file of an entity, and where it is to be.
    """

    def __init__(self, link: Row, value: Any, path: Path) -> None:
        self.link, self.value, self.path = link, value, path

    def __repr__(self) -> str:
        return f"{self.path.name} of {journals.name_of(self.link)}"

    @property
    def item(self) -> Any:
        return self.link

    def key(self) -> str:
        return str(self.path)

    def __call__(self, sg: Any) -> str:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        value = {"url": self.value} if isinstance(self.value, str) else self.value  # images are addresses
        sg.download_attachment(value, str(self.path))
        return str(self.path)


def download_many(
    sg: Any,
    entities: Iterable[Entity],
    folder: File,
    *,
    field: str = "image",
    name: str = "{type}_{id}{ext}",
    overwrite: bool = False,
    workers: int = WORKERS,
    on_error: str = "raise",
    progress: Progress = None,
    timeout: Optional[float] = None,
) -> List[Any]:
    """
    Download a file of each entity into a folder, several at a time, and return their paths, in the order given.

    A file takes its place when all of it has come, so what is there is whole: the same call again fetches only what is
    missing.

    Args:
        sg: Who is asked. A client that is not ours downloads one after the other.

        entities: Links to entities of one type, such as versions or Attachments.

        folder: Where the files go; it is made if it is not there.

        field: The field: ``"image"`` for thumbnails, ``"sg_uploaded_movie"`` for movies, ``"this_file"`` for
            Attachments, or a file field.

        name: How a file is called: text with fields of the entity in braces, such as
            ``"{entity.Shot.code}/{code}_v{id:06d}{ext}"``. ``{ext}`` is the extension that the file has on the site,
            ``{file}`` its name there. What the fields hold cannot lead out of the folder: characters that file names
            cannot have become ``_``; only a slash in *name* itself makes a folder.

        overwrite: Whether files that are there are fetched again.

        workers: How many are under way at the same time.

        on_error: ``"raise"`` ends at the first failure, ``"collect"`` gives a `Failure` in the place of the path.

        progress: True shows a bar, a function is called with (done, failed, total): numbers of files.

        timeout: Seconds for all of it. None: as long as bytes come.

    Returns:
        For each entity the path, or None where the field is empty or the entity is not there.

    Raises:
        InvalidArgumentError: Two files would have the same name, or *name* is no such text; nothing was fetched.

        WorkerError: One failed.
    """
    check_text(name, "name")
    links = [to_link(entity) for entity in rows_of(list(entities))]
    if not links:
        return []
    if len({link["type"] for link in links}) > 1:
        msg = "download_many takes entities of one type: call it for each type. Nothing was fetched."
        raise InvalidArgumentError(msg)
    wanted = _fields_in(name)
    with within(sg, timeout):
        rows = {row["id"]: row for row in find_by_ids(sg, links[0]["type"], links, fields=[*wanted, field])}
        jobs: Dict[int, _Download] = {}
        owners: Dict[str, int] = {}
        for number, row in rows.items():
            if not row.get(field):
                continue
            path = Path(folder) / _relative(name, row, _name_there(row[field]))
            owner = owners.setdefault(str(path).lower(), number)
            if owner != number:
                msg = (
                    f"{links[0]['type']} {owner} and {number} would both be {str(path)!r}: add {{id}} to the name. "
                    "Nothing was fetched."
                )
                raise InvalidArgumentError(msg)
            jobs[number] = _Download({"type": row["type"], "id": number}, row[field], path)
        missing = [job for job in jobs.values() if overwrite or not job.path.exists()]
        outcomes = _many(sg, missing, workers, on_error, progress, None, None)
    came = {id(job): outcome for job, outcome in zip(missing, outcomes)}
    ordered = [jobs.get(link["id"]) for link in links]
    return [None if job is None else came.get(id(job), str(job.path)) for job in ordered]


def _many(
    sg: Any,
    jobs: Sequence[Any],
    workers: int,
    on_error: str,
    progress: Progress,
    journal: "Union[str, PathLike[str], None]",
    timeout: Optional[float],
) -> List[Any]:
    options = crews.Options(
        workers=workers, on_error=on_error, progress=progress, journal=journal, key=lambda job: job.key()
    )
    with within(sg, timeout):
        outcomes = batches.run_concurrently(sg, _do, jobs, options)
    failure = crews.Failure
    return [failure(job.item, each.error) if isinstance(each, failure) else each for job, each in zip(jobs, outcomes)]


def _do(sg: Any, job: Any) -> Any:
    return job(sg)


# --- Names


class _Names(string.Formatter):
    """
    Fills in a template whose fields may be paths such as ``entity.Shot.code``.
    """

    def get_field(self, field_name: str, _args: Any, kwargs: Mapping[str, Any]) -> Any:
        return kwargs[field_name], field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        return safe_name(super().format_field(value, format_spec), empty="")


def _fields_in(template: str) -> List[str]:
    try:
        found = [field for _text, field, _spec, _conversion in string.Formatter().parse(template) if field is not None]
    except ValueError as error:
        msg = f"name={template!r}: {error}."
        raise InvalidArgumentError(msg) from error
    if any(not field or "[" in field for field in found) or template.startswith(("/", "\\")) or ".." in template:
        msg = f"name={template!r}: give fields in braces, such as '{{code}}_{{id}}{{ext}}', and stay in the folder."
        raise InvalidArgumentError(msg)
    return [field for field in dict.fromkeys(found) if field not in ("type", "id", "ext", "file")]


def _relative(template: str, row: Row, file: str) -> Path:
    values = {name: _shown(value) for name, value in row.items()}
    values.update(ext=Path(file).suffix, file=file)
    try:
        text = _Names().vformat(template, (), values)
    except (ValueError, KeyError) as error:
        msg = f"name={template!r} does not fit {row['type']} {row['id']}: {error}."
        raise InvalidArgumentError(msg) from error
    return Path(*(safe_name(part) for part in text.split("/") if part))


def _shown(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value.get("name") or f"{value.get('type')}_{value.get('id')}"
    return "" if value is None else value


def _name_there(value: Any) -> str:
    """
    Return what a file is called on the site.
    """
    name = str(value.get("name") or value.get("url") or "") if isinstance(value, Mapping) else str(value)
    return name.partition("?")[0].rpartition("/")[2] or "file"


def safe_name(text: str, *, empty: str = "_") -> str:
    """
    Return text as a name that a file may have on any system, and that leads nowhere else.
    """
    name = re.sub(_FORBIDDEN, "_", text)
    if name.strip(". ") == "" and name:
        return "_" * len(name)
    name = name.rstrip(" ")
    if re.match(_RESERVED, name, re.IGNORECASE):
        name = f"_{name}"
    stem, dot, suffix = name.rpartition(".")
    while len(name.encode("utf-8", "surrogatepass")) > _LONGEST_NAME:
        if dot and stem:
            stem = stem[:-1]
            name = f"{stem}.{suffix}"
        else:
            name = name[:-1]
    return name or empty
