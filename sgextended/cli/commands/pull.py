"""
``sgextended pull``: copies the records of projects from a site to a folder that a local site can serve.

The folder gets a file ``records/TYPE.jsonl`` for each entity type, ``schema.json``, and files below ``media/``. During
the pull, ``pull.json`` records its options, and ``records/TYPE.part`` holds a type that is not complete.
``about.json`` is written last: a folder without it is not complete.
"""

import contextlib
import json
import shutil
import threading
from pathlib import Path
from typing import Annotated, Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

import typer
from attrs import define, evolve, field

from sgextended import Failure, SGExtended
from sgextended.cli.commands.pull_plan import (
    PROJECT_OPTIONAL_TYPES,
    PullPlan,
    RecordSerializer,
    Selection,
    parse_time,
    thumbnail_number,
    uploads_of,
)
from sgextended.cli.commands.pull_site_rows import ids_in, write_follows, write_shown_fields
from sgextended.cli.shared.entity_query import find_projects_by_name
from sgextended.cli.shared.output import plural, say
from sgextended.cli.shared.site_command import Connect, site_command
from sgextended.cli.usage_error import UsageError
from sgextended.domain.thumbnails import ThumbnailWait
from sgextended.errors import ShotgunError
from sgextended.workers.progress import reporter

_FORMAT_VERSION = 1  # of the folder; sgextended.localsite.demo.folder_dump uses the same format
_TYPES_AT_ONCE = 4  # pages of each type are prefetched too
_FILES_AT_ONCE = 8
_IDS_PER_REQUEST = 500
_MAX_FAILURES_SHOWN = 5

ReportProgress = Callable[[int, int], object]


@site_command
def command(
    connect: Connect,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", file_okay=False, help="Folder for the records.")
    ],
    project: Annotated[
        Optional[List[str]],
        typer.Option("--project", help="Name of a project to pull. Can be given several times."),
    ] = None,
    whole_site: Annotated[
        bool, typer.Option("--whole-site", help="Pull all projects, and the records that belong to no project.")
    ] = False,
    entity: Annotated[
        Optional[List[str]],
        typer.Option(
            "--entity",
            metavar="TYPE",
            help="Entity type to pull from the projects. Can be given several times. Default: all except logs.",
        ),
    ] = None,
    since: Annotated[
        Optional[str],
        typer.Option(
            metavar="DAY", help="Skip records that were not changed since this day, such as 2026-03-10 or -7d."
        ),
    ] = None,
    media: Annotated[bool, typer.Option("--media", help="Pull files and thumbnails too.")] = False,
    retired: Annotated[bool, typer.Option("--retired", help="Pull deleted records too.")] = False,
    followers: Annotated[bool, typer.Option("--followers", help="Pull who follows which records.")] = False,
    events: Annotated[bool, typer.Option("--events", help="Pull the event log too.")] = False,
    anonymous: Annotated[bool, typer.Option("--anonymous", help="Replace the names of people by numbers.")] = False,
) -> int:
    """
    Copy the records of projects, or of the whole site, to a folder, which 'sgextended site --load' can serve.

    The pull includes the records that these link to, such as people, steps and statuses.

    It never copies passwords and keys.

    To resume an interrupted pull, run the same command again.
    """
    if bool(project) == whole_site:
        raise UsageError("Name the projects to pull with --project, or give --whole-site, not both.")
    return pull(
        connect(),
        output,
        projects=project or None,
        entity_types=entity or None,
        since=since,
        media=media,
        retired=retired,
        followers=followers,
        events=events,
        anonymous=anonymous,
    )


def pull(
    sg: SGExtended,
    folder: Path,
    *,
    projects: Optional[Sequence[str]],
    entity_types: Optional[Sequence[str]] = None,
    since: Optional[str] = None,
    media: bool = False,
    retired: bool = False,
    followers: bool = False,
    events: bool = False,
    anonymous: bool = False,
) -> int:
    """
    Pull projects or the whole site into *folder*, or resume an interrupted pull.

    Print a summary and return the exit status.

    Args:
        sg: The client.

        folder: The folder to write. It is new or empty, or has an interrupted pull with the same options.

        projects: Names of the projects. None: the whole site.

        entity_types: The entity types to pull from the projects. None: all except logs.

        since: A day or time. Records that were not changed since then are skipped.

        media: Whether to pull files and thumbnails too.

        retired: Whether to pull retired records too.

        followers: Whether to pull who follows the records.

        events: Whether to pull the event log too.

        anonymous: Whether to replace the names of people.

    Raises:
        UsageError: The folder has other contents, or *entity_types* or *since* is not valid.

        NotFoundError: The site has no project with one of the names.
    """
    found = None if projects is None else find_projects_by_name(sg, projects)
    plan = PullPlan(
        schema=sg.schema_read(),
        projects=None if found is None else [{"type": "Project", "id": project["id"]} for project in found],
        entity_types=None if entity_types is None else frozenset(entity_types),
        with_events=events,
        since=None if since is None else parse_time(since),
        is_anonymous=anonymous,
    )
    selections = list(plan.selections())
    options = {
        "source": sg.site.url,
        "projects": found and [{"id": project["id"], "name": project["name"]} for project in found],
        "entity_types": None if entity_types is None else sorted(entity_types),
        "since": since,
        "media": media,
        "retired": retired,
        "followers": followers,
        "events": events,
        "anonymous": anonymous,
    }
    _prepare_folder(folder, options)
    _write_json(folder / "schema.json", plan.schema)
    puller = _Puller(sg=sg, folder=folder, plan=plan, with_retired=retired, with_followers=followers)
    counts = puller.pull_records(selections)
    failures = puller.pull_media() if media else []
    for message in puller.skipped:
        say(message)
    for failure in failures[:_MAX_FAILURES_SHOWN]:
        say(f"The file {failure.item} could not be pulled: {failure.error}")
    if failures:
        say(f"{plural(len(failures), 'file')} could not be pulled. Run the same command again to retry.")
        return 1
    # Written last: a folder without it is not complete.
    _write_json(folder / "about.json", {"format": _FORMAT_VERSION, "by": "pull", **options})
    (folder / "pull.json").unlink()
    names = "the whole site" if found is None else ", ".join(project["name"] for project in found)
    records, types = plural(sum(counts.values()), "record"), plural(len(counts), "entity type")
    say(f"Wrote {records} of {types} of {names} to {folder}.")
    say(f"To serve them: sgextended site --load {folder}")
    return 0


def _prepare_folder(folder: Path, options: Mapping[str, Any]) -> None:
    """
    Create the folder for a pull, or check that its interrupted pull has the same options.
    """
    options_file = folder / "pull.json"
    if options_file.is_file():
        if json.loads(options_file.read_text(encoding="utf-8")) != options:
            raise UsageError(
                f"{folder} has a part of another pull. Use the same options as that pull, or another folder."
            )
    elif folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty. Name a folder that does not exist yet.")
    for name in ("records", "media/attachments", "media/thumbnails"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    _write_json(options_file, options)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _read_records(path: Path) -> Iterator[Dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _count(sg: SGExtended, selection: Selection) -> int:
    return sg.count(selection.entity_type, selection.filters)


def _to_line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"


@define(kw_only=True, eq=False)
class _Puller:
    """
    Pulls records and files into a folder, several entity types at the same time.

    Attributes:
        sg: The client.

        folder: The folder to write.

        plan: What to pull.

        with_retired: Whether to pull retired records too.

        with_followers: Whether to pull who follows the records.

        skipped: A message for each part that the site refused to return.
    """

    sg: SGExtended
    folder: Path
    plan: PullPlan
    with_retired: bool = False
    with_followers: bool = False
    skipped: List[str] = field(factory=list, init=False)
    _links: Dict[str, Set[int]] = field(factory=dict, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)
    _thumbnails: ThumbnailWait = field(factory=ThumbnailWait, init=False)
    _done: int = field(default=0, init=False)

    def pull_records(self, selections: Sequence[Selection]) -> Dict[str, int]:
        """
        Pull the records of *selections*, then the records that these link to. Return the number of records by type.
        """
        sized = self._sized(selections)
        wanted = [selection for selection, size in sized if size or self.with_retired]
        with reporter(progress=True, total=sum(size for _selection, size in sized), label="Records") as report:
            counts = self._map(self._pull_selection, wanted, report)
        self.skipped += write_shown_fields(self.sg, self.folder, self.plan.schema, self._project_ids())
        if self.with_followers:
            people, skipped = write_follows(self.sg, self.folder)
            self._links.setdefault("HumanUser", set()).update(people)
            self.skipped += skipped
        # The types of the selections are complete now, except for records that need no project. Other records are
        # pulled if a record links to them; these can link to further records, so this repeats until no link is new.
        open_types = PROJECT_OPTIONAL_TYPES & {selection.entity_type for selection, _size in sized}
        complete_types = {selection.entity_type for selection in selections} - open_types
        seen = {name: set(ids_in(self.folder / "records" / f"{name}.jsonl")) for name in open_types}
        while True:
            begun = set(seen)
            new_links = self._new_links(seen, complete_types)
            if not new_links:
                return counts
            with reporter(
                progress=True, total=sum(len(ids) for _type, ids in new_links), label="Linked records"
            ) as report:
                jobs = [(entity_type, ids, entity_type in begun) for entity_type, ids in new_links]
                for entity_type, count in self._map(self._pull_linked, jobs, report).items():
                    if count:
                        counts[entity_type] = counts.get(entity_type, 0) + count

    def _project_ids(self) -> List[int]:
        path = self.folder / "records" / "Project.jsonl"
        records = _read_records(path) if path.exists() else iter(())
        return [record["id"] for record in records if "retired_at" not in record]

    def _sized(self, selections: Sequence[Selection]) -> List[Tuple[Selection, int]]:
        """
        Return each selection that the site accepts, and the number of its records.

        Raises:
            ShotgunError: The site refuses a type that the user named.
        """
        found: List[Tuple[Selection, int]] = []
        refused: List[Selection] = []
        for selection, size in self._counted(selections):
            if not isinstance(size, Failure):
                found.append((selection, size))
            elif isinstance(size.error, ShotgunError) and selection.narrow_filters is not None:
                refused.append(evolve(selection, filters=selection.narrow_filters, narrow_filters=None))
            # A schema includes types that the site returns to no user, or not to this one.
            elif not isinstance(size.error, ShotgunError) or selection.entity_type in (self.plan.entity_types or ()):
                raise size.error
            else:
                self.skipped.append(f"{selection.entity_type} was skipped. The site refused it: {size.error}")
        return found + (self._sized(refused) if refused else [])

    def _counted(self, selections: Sequence[Selection]) -> Iterator[Tuple[Selection, Any]]:
        return zip(selections, list(self.sg.map(_count, selections, workers=_FILES_AT_ONCE, on_error="collect")))

    def _map(
        self, function: Callable[..., Tuple[str, int]], items: Sequence[Any], report: ReportProgress
    ) -> Dict[str, int]:
        self._done = 0
        return dict(self.sg.map(lambda sg, item: function(sg, item, report), items, workers=_TYPES_AT_ONCE))

    def _new_links(self, seen: Dict[str, Set[int]], complete_types: Set[str]) -> List[Tuple[str, List[int]]]:
        """
        Return the ids that records link to and that are not in *seen*, by entity type. Add them to *seen*.
        """
        found = []
        for entity_type in sorted(set(self._links) - complete_types):
            new = self._links[entity_type] - seen.get(entity_type, set())
            if new and self.plan.linked(entity_type, []) is not None:
                seen.setdefault(entity_type, set()).update(new)
                found.append((entity_type, sorted(new)))
        return found

    def _pull_selection(self, sg: SGExtended, selection: Selection, report: ReportProgress) -> Tuple[str, int]:
        """
        Pull the records of one selection into the file of its type. Keep the records that an interrupted run wrote.
        """
        complete = self.folder / "records" / f"{selection.entity_type}.jsonl"
        partial = complete.with_suffix(".part")
        serializer = RecordSerializer(selection, is_anonymous=self.plan.is_anonymous)
        if complete.exists():
            count = self._count_existing(_read_records(complete), serializer, report)
        else:
            last, count = self._resume(partial, serializer, report)
            filters = [*selection.filters, ["id", "greater_than", last]] if last else selection.filters
            with partial.open("a", encoding="utf-8", newline="\n") as file:
                for entity in sg.find_iter(selection.entity_type, filters, list(selection.fields)):
                    file.write(_to_line(serializer.serialize(entity)))
                    count += 1
                    self._report_one(report)
                for entity in self._retired(sg, selection):
                    file.write(_to_line(serializer.serialize(entity, is_retired=True)))
                    count += 1
            partial.replace(complete)
        self._add_links(serializer)
        return selection.entity_type, count

    def _retired(self, sg: SGExtended, selection: Selection) -> Iterator[Dict[str, Any]]:
        if not self.with_retired:
            return iter(())
        return sg.find_iter(selection.entity_type, selection.filters, list(selection.fields), retired_only=True)

    def _pull_linked(self, sg: SGExtended, job: Tuple[str, List[int], bool], report: ReportProgress) -> Tuple[str, int]:
        """
        Pull records of one type by their ids. These are few, so each run pulls them again.
        """
        entity_type, ids, appends = job
        count = 0
        path = self.folder / "records" / f"{entity_type}.jsonl"
        partial = path.with_suffix(".more")
        if appends and path.exists():
            shutil.copyfile(path, partial)
        else:
            partial.unlink(missing_ok=True)
        with partial.open("a", encoding="utf-8", newline="\n") as file:
            for at in range(0, len(ids), _IDS_PER_REQUEST):
                selection = self.plan.linked(entity_type, ids[at : at + _IDS_PER_REQUEST])
                assert selection is not None
                serializer = RecordSerializer(selection, is_anonymous=self.plan.is_anonymous)
                for entity in sg.find_iter(entity_type, selection.filters, list(selection.fields)):
                    file.write(_to_line(serializer.serialize(entity)))
                    count += 1
                    self._report_one(report)
                self._add_links(serializer)
        if count:
            partial.replace(path)
        else:
            partial.unlink()
        return entity_type, count

    def _add_links(self, serializer: RecordSerializer) -> None:
        with self._lock:
            for entity_type, ids in serializer.links.items():
                self._links.setdefault(entity_type, set()).update(ids)

    def _resume(self, partial: Path, serializer: RecordSerializer, report: ReportProgress) -> Tuple[int, int]:
        """
        Return the last id that an interrupted run wrote completely, and the number of its records. Remove an incomplete
        last line from the file, and the retired records, which follow all others. Return (0, 0) if there is no such
        file.
        """
        if not partial.exists():
            return 0, 0
        text = partial.read_bytes()
        partial.write_bytes(text[: text.rfind(b"\n") + 1])
        records = list(_read_records(partial))
        live = [record for record in records if "retired_at" not in record]
        if len(live) < len(records):
            partial.write_text("".join(map(_to_line, live)), encoding="utf-8")
            records = live
        return (records[-1]["id"] if records else 0), self._count_existing(iter(records), serializer, report)

    def _count_existing(
        self, records: Iterator[Dict[str, Any]], serializer: RecordSerializer, report: ReportProgress
    ) -> int:
        """
        Return the number of records that an interrupted run wrote, and collect their links.
        """
        count = 0
        for count, record in enumerate(records, start=1):  # noqa: B007 - used after the loop
            serializer.collect_links(record)
            self._report_one(report)
        return count

    def _report_one(self, report: ReportProgress) -> None:
        with self._lock:
            self._done += 1
            report(self._done, 0)

    # --- Files

    def pull_media(self) -> List[Failure]:
        """
        Download the files of the pulled records that are not in the folder yet. Return the failures.
        """
        missing: Dict[Tuple[str, int], Tuple[str, int]] = {}
        for path in sorted((self.folder / "records").glob("*.jsonl")):
            for record in _read_records(path):
                for kind, number in uploads_of(record):
                    if not self._media_path(kind, number).exists():
                        missing[kind, number] = (record["type"], record["id"])
        self._thumbnails = ThumbnailWait()
        jobs = [(*upload, *owner) for upload, owner in missing.items()]
        with (
            reporter(progress=True, total=len(jobs), label="Files") as report,
            contextlib.closing(
                self.sg.map(
                    self._pull_file,
                    jobs,
                    workers=_FILES_AT_ONCE,
                    on_error="collect",
                    progress=lambda done, failed, _total: report(done, failed),
                )  # type: ignore[type-var] # it is a generator
            ) as results,
        ):
            return [result for result in results if isinstance(result, Failure)]

    def _media_path(self, kind: str, number: int) -> Path:
        return self.folder / "media" / kind / (str(number) if kind == "attachments" else f"{number}.jpg")

    def _pull_file(self, sg: SGExtended, job: Tuple[str, int, str, int]) -> None:
        kind, number, entity_type, entity_id = job
        target = str(self._media_path(kind, number))
        if kind == "attachments":
            sg.download_attachment({"type": "Attachment", "id": number}, target)
            return
        images = [name for name, data_type in self.plan.fields(entity_type).items() if data_type == "image"]
        entity: Any = sg.find_one(entity_type, [["id", "is", entity_id]], images) or {}
        for name in images:
            if isinstance(entity.get(name), str) and number == thumbnail_number(entity_type, entity_id, name):
                url = self._thumbnails.ready_value(sg, entity_type, entity_id, name, entity[name])
                if url is not None:
                    sg.download_attachment({"url": url}, target)
