"""
Upload and download many files, several at the same time.
"""

import re
import string
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from sgextended.client.transfers.downloads import check_is_local, is_file_address, is_placeholder
from sgextended.domain import thumbnails
from sgextended.domain.after_create import upload_file
from sgextended.domain.arguments import Entity, FilePath, Row, check_text, existing_file, rows_of, to_link
from sgextended.domain.entities import find_by_ids
from sgextended.domain.limits import WORKERS
from sgextended.errors import InvalidArgumentError
from sgextended.http.deadline import within
from sgextended.lazy_import import lazy_module
from sgextended.workers.progress import Progress

if TYPE_CHECKING:
    from os import PathLike

    from sgextended.domain import batches
    from sgextended.workers import journal as worker_journal
    from sgextended.workers import map as worker_map
else:
    batches = lazy_module("sgextended.domain.batches")
    worker_map = lazy_module("sgextended.workers.map")
    worker_journal = lazy_module("sgextended.workers.journal")

#: Characters that file names cannot contain on Windows, macOS or Linux.
_FORBIDDEN = r'[<>:"/\\|?*\x00-\x1f]'
#: Names that Windows reserves for devices.
_RESERVED = r"^(con|prn|aux|nul|com\d|lpt\d)(\.|$)"
_LONGEST_NAME = 200  # bytes
_MADE = "thumbnail.jpg"  # stands for the name of a thumbnail that the site is still making


class _Upload:
    """
    Upload one file to an entity.
    """

    def __init__(self, link: Row, path: str, field: Optional[str]) -> None:
        self.link, self.path, self.field = link, path, field

    def __repr__(self) -> str:
        return f"{Path(self.path).name} for {worker_journal.name_of(self.link)}"

    @property
    def item(self) -> Any:
        return self.link, self.path

    def key(self) -> str:
        status = Path(self.path).stat()
        return f"{self.link['type']}:{self.link['id']}:{self.field}:{self.path}:{status.st_size}:{status.st_mtime_ns}"

    def __call__(self, sg: Any) -> int:
        return upload_file(sg, self.link, self.path, self.field)


def upload_many(
    sg: Any,
    files: Iterable[Tuple[Entity, FilePath]],
    *,
    field: Optional[str] = None,
    workers: int = WORKERS,
    on_error: str = "raise",
    progress: Progress = None,
    journal: "Union[str, PathLike[str], None]" = None,
    timeout: Optional[float] = None,
) -> List[Any]:
    """
    Upload files to entities, several at the same time, and return the ids of the Attachments in the order of *files*.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun). Other clients than SGExtended upload one file after the other.

        files: Pairs of a link to an entity and the path of a file.

        field: The file field; ``"image"`` is the thumbnail. None: the files are attached to the entity itself.

        workers: Number of uploads in flight at the same time.

        on_error: ``"raise"`` stops at the first failure; ``"collect"`` returns a `Failure` in place of the id.

        progress: True shows a progress bar. A function is called with (done, failed, total), counted in files.

        journal: Path of a file that records finished uploads, so that the same call resumes after an interruption. A
            file that has changed since is uploaded again. So is a file whose upload was in flight when a run died,
            even if it had reached the site.

        timeout: Seconds for the whole call. None: no limit as long as data flows.

    Raises:
        WorkerError: An upload failed, and *on_error* is ``"raise"``.

        InvalidArgumentError: A link is not valid, or a file does not exist or is empty. Nothing was sent.
    """
    jobs = [_Upload(to_link(entity), str(existing_file(path)), field) for entity, path in files]
    return _run_jobs(sg, jobs, workers, on_error, progress, journal, timeout)


class _Names:
    """
    The paths of the files of one call. Two entities never get the same one.
    """

    def __init__(self, folder: FilePath, template: str) -> None:
        self.template, self._folder = template, Path(folder)
        self._owners: Dict[str, int] = {}

    def claim(self, row: Row, file: str) -> Path:
        """
        Return the path for a file of an entity.

        Args:
            row: The entity, with the fields of the template.

            file: The name of the file on the site.

        Raises:
            InvalidArgumentError: Another entity has this path.
        """
        path = self._folder / _relative_path(self.template, row, file)
        owner = self._owners.setdefault(str(path).lower(), row["id"])  # atomic: threads may call this
        if owner != row["id"]:
            msg = (
                f"The files of {row['type']} {owner} and {row['id']} would both get the name {str(path)!r}. "
                "Nothing was downloaded. Add {id} to the name."
            )
            raise InvalidArgumentError(msg)
        return path


class _Download:
    """
    Download one file of an entity to a path.
    """

    def __init__(self, row: Row, field: str, path: Path) -> None:
        self.link = {"type": row["type"], "id": row["id"]}
        self.value, self.path = row[field], path

    def __repr__(self) -> str:
        return f"{self.path.name} of {worker_journal.name_of(self.link)}"

    @property
    def item(self) -> Any:
        return self.link

    def key(self) -> str:
        return str(self.path)

    def __call__(self, sg: Any) -> str:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        value = {"url": self.value} if isinstance(self.value, str) else self.value  # an image field holds a URL as text
        if is_file_address(value.get("url")):  # other clients than SGExtended open every file
            check_is_local(value, value["url"])
        sg.download_attachment(value, str(self.path))
        return str(self.path)


class _LateDownload(_Download):
    """
    Download one thumbnail that the site is still making. Its name on the site is not known before it is ready.
    """

    def __init__(self, row: Row, field: str, names: _Names, wait: thumbnails.ThumbnailWait) -> None:
        file = _MADE if "{file}" not in names.template else f"{row['type']}_{row['id']}_{_MADE}"
        super().__init__(row, field, names.claim(row, file))
        self._row, self._field, self._names, self._wait = row, field, names, wait

    def __call__(self, sg: Any) -> Optional[str]:  # type: ignore[override] # the field may be empty by now
        self.value = self._wait.ready_value(sg, self.link["type"], self.link["id"], self._field, self.value)
        if not self.value:
            return None
        self.path = self._names.claim(self._row, _name_on_site(self.value))
        return super().__call__(sg)


def download_many(
    sg: Any,
    entities: Iterable[Entity],
    folder: FilePath,
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
    Download a file of each entity into a folder, several at the same time, and return the paths.

    Each download goes to a temporary file, which gets its real name when it is complete. So existing files are whole,
    and calling again with the same arguments downloads only the missing files.

    While the site makes a thumbnail, the field has a placeholder picture. It is never stored: the call waits for the
    thumbnail until the deadline, or for 30 seconds for all thumbnails together if there is no deadline.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun). Other clients than SGExtended download one file after the
            other.

        entities: Links to entities of one type, such as versions or Attachments.

        folder: Target folder; it is created if it does not exist.

        field: The field: ``"image"`` for thumbnails, ``"sg_uploaded_movie"`` for movies, ``"this_file"`` for
            Attachments, or a file field.

        name: Template for the file names, with fields of the entity in braces, such as
            ``"{entity.Shot.code}/{code}_v{id:06d}{ext}"``. ``{ext}`` is the extension of the file on the site, and
            ``{file}`` its name there. Field values cannot escape the folder: characters that are not allowed in file
            names become ``_``. Only a slash in *name* itself makes a subfolder.

        overwrite: Whether to download files again that already exist.

        workers: Number of downloads in flight at the same time.

        on_error: ``"raise"`` stops at the first failure; ``"collect"`` returns a `Failure` in place of the path.

        progress: True shows a progress bar. A function is called with (done, failed, total), counted in files.

        timeout: Seconds for the whole call. None: no limit as long as data flows, except for thumbnails that the site
            is still making.

    Returns:
        For each entity, in the order given, the path, or None if the field is empty or the entity does not exist.

    Raises:
        InvalidArgumentError: Two files would get the same name, or *name* is not a valid template. Nothing was
            downloaded.

        WorkerError: A download failed, and *on_error* is ``"raise"``. If the site was still making a thumbnail at the
            end of the time limit, the ``__cause__`` is `ThumbnailNotReady`.
    """
    check_text(name, "name")
    links = [to_link(entity) for entity in rows_of(list(entities))]
    if not links:
        return []
    if len({link["type"] for link in links}) > 1:
        msg = (
            "The entities are not of one type, which download_many requires. Nothing was downloaded. Call it once for "
            "each type."
        )
        raise InvalidArgumentError(msg)
    template_fields = _fields_in(name)
    with within(sg, timeout):
        rows = {row["id"]: row for row in find_by_ids(sg, links[0]["type"], links, fields=[*template_fields, field])}
        jobs: Dict[int, _Download] = {}
        names, wait = _Names(folder, name), thumbnails.ThumbnailWait()
        for number, row in rows.items():
            if is_placeholder(row.get(field)):
                jobs[number] = _LateDownload(row, field, names, wait)
            elif row.get(field):
                jobs[number] = _Download(row, field, names.claim(row, _name_on_site(row[field])))
        missing = [job for job in jobs.values() if overwrite or not job.path.exists()]
        missing.sort(key=lambda job: isinstance(job, _LateDownload))  # the site needs time for those
        outcomes = _run_jobs(sg, missing, workers, on_error, progress, None, None)
    outcome_of = {id(job): outcome for job, outcome in zip(missing, outcomes)}
    ordered = [jobs.get(link["id"]) for link in links]
    return [None if job is None else outcome_of.get(id(job), str(job.path)) for job in ordered]


def _run_jobs(
    sg: Any,
    jobs: Sequence[Any],
    workers: int,
    on_error: str,
    progress: Progress,
    journal: "Union[str, PathLike[str], None]",
    timeout: Optional[float],
) -> List[Any]:
    options = worker_map.Options(
        workers=workers, on_error=on_error, progress=progress, journal=journal, key=lambda job: job.key()
    )
    with within(sg, timeout):
        outcomes = batches.run_concurrently(sg, _run_job, jobs, options)
    failure = worker_map.Failure
    return [failure(job.item, each.error) if isinstance(each, failure) else each for job, each in zip(jobs, outcomes)]


def _run_job(sg: Any, job: Any) -> Any:
    return job(sg)


# --- File names


class _NameFormatter(string.Formatter):
    """
    Fill in a template whose fields may be dotted, such as ``entity.Shot.code``.
    """

    def get_field(self, field_name: str, _args: Any, kwargs: Mapping[str, Any]) -> Any:
        return kwargs[field_name], field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        return safe_name(super().format_field(value, format_spec), empty="")


def _fields_in(template: str) -> List[str]:
    try:
        found = [field for _text, field, _spec, _conversion in string.Formatter().parse(template) if field is not None]
    except ValueError as error:
        msg = f"name={template!r} is not a valid template: {error}. Nothing was downloaded."
        raise InvalidArgumentError(msg) from error
    if any(not field or "[" in field for field in found) or template.startswith(("/", "\\")) or ".." in template:
        msg = (
            f"name={template!r} is not a valid template: it has a field without a name or with an index, or it would "
            "lead out of the folder. Nothing was downloaded. Use field names in braces, such as '{code}_{id}{ext}'."
        )
        raise InvalidArgumentError(msg)
    return [field for field in dict.fromkeys(found) if field not in ("type", "id", "ext", "file")]


def _relative_path(template: str, row: Row, file: str) -> Path:
    values = {name: _name_part(value) for name, value in row.items()}
    values.update(ext=Path(file).suffix, file=file)
    try:
        text = _NameFormatter().vformat(template, (), values)
    except (ValueError, KeyError) as error:
        msg = f"name={template!r} cannot be filled in for {row['type']} {row['id']}: {error}. Nothing was downloaded."
        raise InvalidArgumentError(msg) from error
    return Path(*(safe_name(part) for part in text.split("/") if part))


def _name_part(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value.get("name") or f"{value.get('type')}_{value.get('id')}"
    return "" if value is None else value


def _name_on_site(value: Any) -> str:
    """
    Return the name of a file on the site.
    """
    name = str(value.get("name") or value.get("url") or "") if isinstance(value, Mapping) else str(value)
    return name.partition("?")[0].rpartition("/")[2] or "file"


def safe_name(text: str, *, empty: str = "_") -> str:
    """
    Return a text as a file name that is valid on all systems and cannot lead to another folder.

    Args:
        text: The text.

        empty: The name to return for an empty text.
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
