"""
``sgextended pull``: the records of projects, from any site into a folder that a local site can serve.
"""

import contextlib
import json
import threading
from pathlib import Path
from typing import Annotated, Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

import typer
from attrs import define, field
from rich.console import Console

from sgextended import Failure, SGExtended
from sgextended.cli.load_function import UsageError
from sgextended.cli.output import plural
from sgextended.cli.project_names import find_named
from sgextended.cli.pull_plan import Part, Plan, Writer, moment, thumbnail_number, uploads_in
from sgextended.cli.site_command import Connect, asks
from sgextended.errors import ShotgunError
from sgextended.workers.progress import reporter

_FORMAT = 1  # of the folder: sgextended.localsite.demo.folder_dump
_WORKERS = 4  # types at once; each is read ahead
_FILES_AT_ONCE = 8
_IDS_AT_ONCE = 500

Report = Callable[[int, int], object]
_TOLD = 5  # failures are told at most


@asks
def command(
    connect: Connect,
    *,
    project: Annotated[List[str], typer.Option("--project", help="Name of a project; may be given several times.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", file_okay=False, help="Folder for the records.")
    ],
    entity: Annotated[
        Optional[List[str]],
        typer.Option(
            "--entity", metavar="TYPE", help="The only types to pull of the projects; may be given several times."
        ),
    ] = None,
    since: Annotated[
        Optional[str], typer.Option(metavar="DAY", help="Leave out what was not changed since, such as 2026-03-10.")
    ] = None,
    media: Annotated[bool, typer.Option("--media", help="Pull files and thumbnails too.")] = False,
    anonymous: Annotated[bool, typer.Option("--anonymous", help="Call persons by numbers instead of names.")] = False,
) -> int:
    """
    Copy the records of projects into a folder, which sgextended site --load serves.

    What they link to comes with them: people, steps, statuses. Passwords and keys stay on the site. A pull that was
    interrupted goes on when the same command is given again.
    """
    return pull(
        connect(),
        output,
        projects=project,
        entity_types=entity or None,
        since=since,
        media=media,
        anonymous=anonymous,
    )


def pull(
    sg: SGExtended,
    folder: Path,
    *,
    projects: Sequence[str],
    entity_types: Optional[Sequence[str]] = None,
    since: Optional[str] = None,
    media: bool = False,
    anonymous: bool = False,
) -> int:
    """
    Pull projects into *folder*, or go on with it, and say what came; return the exit status.

    Args:
        sg: Who asks the site.

        folder: Where to. One that a pull by the same words has left unfinished is finished.

        projects: Names of projects.

        entity_types: The only types to pull of the projects. None: all but logs.

        since: A day or time; what was not changed since is left out.

        media: Whether files and thumbnails are pulled too.

        anonymous: Whether names of persons are left out.

    Raises:
        UsageError: The folder holds something else, or a word names nothing.
    """
    found = find_named(sg, projects)
    plan = Plan(
        schema=sg.schema_read(),
        projects=[{"type": "Project", "id": project["id"]} for project in found],
        entity_types=None if entity_types is None else frozenset(entity_types),
        since=None if since is None else moment(since),
        is_anonymous=anonymous,
    )
    parts = list(plan.parts())
    asked = {
        "source": sg.site.url,
        "projects": [{"id": project["id"], "name": project["name"]} for project in found],
        "entity_types": None if entity_types is None else sorted(entity_types),
        "since": since,
        "media": media,
        "anonymous": anonymous,
    }
    _open(folder, asked)
    _write(folder / "schema.json", plan.schema)
    job = _Job(sg=sg, folder=folder, plan=plan)
    counts = job.pull(parts)
    failures = job.pull_media() if media else []
    console = Console(stderr=True, highlight=False)
    for refused in job.refused:
        console.print(refused, markup=False, soft_wrap=True)
    for failure in failures[:_TOLD]:
        told = f"A file could not be pulled: {failure.item}: {failure.error}"
        console.print(told, markup=False, soft_wrap=True)
    if failures:
        told = f"{plural(len(failures), 'file')} could not be pulled. The same command tries again."
        console.print(told, soft_wrap=True)
        return 1
    # Written last: a folder without it is not whole.
    _write(folder / "about.json", {"format": _FORMAT, "by": "pull", **asked})
    (folder / "pull.json").unlink()
    names = ", ".join(project["name"] for project in found)
    told = f"{plural(sum(counts.values()), 'record')} of {plural(len(counts), 'type')} of {names} are in {folder}."
    console.print(told, markup=False, soft_wrap=True)
    console.print(f"Serve them: sgextended site --load {folder}", markup=False, soft_wrap=True)
    return 0


def _open(folder: Path, asked: Mapping[str, Any]) -> None:
    """
    Make a folder ready for a pull, or see that it has begun with this very one.
    """
    note = folder / "pull.json"
    if note.is_file():
        if json.loads(note.read_text(encoding="utf-8")) != asked:
            raise UsageError(f"{folder} has a part of another pull. Give the same words as then, or another folder.")
    elif folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty. Name a folder that does not exist yet.")
    for name in ("records", "media/attachments", "media/thumbnails"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    _write(note, asked)


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _records(path: Path) -> Iterator[Dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _size(sg: SGExtended, part: Part) -> int:
    return sg.count(part.entity_type, part.filters)


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"


@define(kw_only=True, eq=False)
class _Job:
    """
    One pull at work.

    Attributes:
        refused: What the site would not show, in words.
    """

    sg: SGExtended
    folder: Path
    plan: Plan
    refused: List[str] = field(factory=list, init=False)
    _links: Dict[str, Set[int]] = field(factory=dict, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)
    _done: int = field(default=0, init=False)

    def pull(self, parts: Sequence[Part]) -> Dict[str, int]:
        """
        Pull the records of *parts*, and then what they link to; return how many of each type there are.
        """
        sizes = list(self.sg.map(_size, parts, workers=_FILES_AT_ONCE, on_error="collect"))
        for part, size in zip(parts, sizes):
            # A site describes types that it shows to nobody, or not to this caller.
            if isinstance(size, Failure):
                if not isinstance(size.error, ShotgunError) or part.entity_type in (self.plan.entity_types or ()):
                    raise size.error
                self.refused.append(f"{part.entity_type} is left out: {size.error}")
        wanted = [part for part, size in zip(parts, sizes) if size and not isinstance(size, Failure)]
        total = sum(size for size in sizes if isinstance(size, int))
        with reporter(progress=True, total=total) as report:
            counts = self._map(self._pull_part, wanted, report)
        # These come by their projects, or whole; the others when something links to them.
        seen: Dict[str, Set[int]] = {part.entity_type: set() for part in parts}
        while True:
            begun = set(seen)
            more = self._linked(seen, {part.entity_type for part in parts})
            if not more:
                return counts
            with reporter(progress=True, total=sum(len(ids) for _type, ids in more)) as report:
                linked = [(entity_type, ids, entity_type in begun) for entity_type, ids in more]
                for entity_type, count in self._map(self._pull_linked, linked, report).items():
                    counts[entity_type] = counts.get(entity_type, 0) + count

    def _map(self, function: Callable[..., Tuple[str, int]], items: Sequence[Any], report: Report) -> Dict[str, int]:
        self._done = 0
        return dict(self.sg.map(lambda sg, item: function(sg, item, report), items, workers=_WORKERS))

    def _linked(self, seen: Dict[str, Set[int]], pulled: Set[str]) -> List[Tuple[str, List[int]]]:
        """
        Return what is linked to and not there yet, by type; *seen* is what was looked at, and grows.
        """
        found = []
        for entity_type in sorted(set(self._links) - pulled):
            new = self._links[entity_type] - seen.get(entity_type, set())
            if new and self.plan.linked(entity_type, []) is not None:
                seen.setdefault(entity_type, set()).update(new)
                found.append((entity_type, sorted(new)))
        return found

    def _pull_part(self, sg: SGExtended, part: Part, report: Report) -> Tuple[str, int]:
        """
        Pull the records of one part into the file of its type, after those that an earlier run has left there.
        """
        whole = self.folder / "records" / f"{part.entity_type}.jsonl"
        begun = whole.with_suffix(".part")
        writer = Writer(part, is_anonymous=self.plan.is_anonymous)
        if whole.exists():
            count = self._count(_records(whole), writer, report)
        else:
            last, count = self._resume(begun, writer, report)
            filters = [*part.filters, ["id", "greater_than", last]] if last else part.filters
            with begun.open("a", encoding="utf-8", newline="\n") as file:
                for entity in sg.find_iter(part.entity_type, filters, list(part.fields)):
                    file.write(_line(writer.line(entity)))
                    count += 1
                    self._tell(report)
            begun.replace(whole)
        self._remember(writer)
        return part.entity_type, count

    def _pull_linked(self, sg: SGExtended, job: Tuple[str, List[int], bool], report: Report) -> Tuple[str, int]:
        """
        Pull records by their ids; those of a type are few enough to be pulled anew by each run.
        """
        entity_type, ids, is_more = job
        count = 0
        path = self.folder / "records" / f"{entity_type}.jsonl"
        with path.open("a" if is_more else "w", encoding="utf-8", newline="\n") as file:
            for at in range(0, len(ids), _IDS_AT_ONCE):
                part = self.plan.linked(entity_type, ids[at : at + _IDS_AT_ONCE])
                assert part is not None
                writer = Writer(part, is_anonymous=self.plan.is_anonymous)
                for entity in sg.find_iter(entity_type, part.filters, list(part.fields)):
                    file.write(_line(writer.line(entity)))
                    count += 1
                    self._tell(report)
                self._remember(writer)
        return entity_type, count

    def _remember(self, writer: Writer) -> None:
        with self._lock:
            for entity_type, ids in writer.links.items():
                self._links.setdefault(entity_type, set()).update(ids)

    def _resume(self, begun: Path, writer: Writer, report: Report) -> Tuple[int, int]:
        """
        Return the last id that an earlier run has written whole, and how many records; half a line is cut off.
        """
        if not begun.exists():
            return 0, 0
        text = begun.read_bytes()
        begun.write_bytes(text[: text.rfind(b"\n") + 1])
        records = list(_records(begun))
        return (records[-1]["id"] if records else 0), self._count(iter(records), writer, report)

    def _count(self, records: Iterator[Dict[str, Any]], writer: Writer, report: Report) -> int:
        count = 0
        for count, record in enumerate(records, start=1):  # noqa: B007 - the last one counts
            writer.note(record)
            self._tell(report)
        return count

    def _tell(self, report: Report) -> None:
        with self._lock:
            self._done += 1
            report(self._done, 0)

    # --- Files

    def pull_media(self) -> List[Failure]:
        """
        Pull the files of the records that are there, those that are missing; return what failed.
        """
        wanted: Dict[Tuple[str, int], Tuple[str, int]] = {}
        for path in sorted((self.folder / "records").glob("*.jsonl")):
            for record in _records(path):
                for kind, number in uploads_in(record):
                    if not self._file(kind, number).exists():
                        wanted[kind, number] = (record["type"], record["id"])
        jobs = [(*what, *of) for what, of in wanted.items()]
        answers = self.sg.map(self._pull_file, jobs, workers=_FILES_AT_ONCE, on_error="collect", progress=True)
        with contextlib.closing(answers):  # type: ignore[type-var] # it is a generator
            return [answer for answer in answers if isinstance(answer, Failure)]

    def _file(self, kind: str, number: int) -> Path:
        return self.folder / "media" / kind / (str(number) if kind == "attachments" else f"{number}.jpg")

    def _pull_file(self, sg: SGExtended, job: Tuple[str, int, str, int]) -> None:
        kind, number, entity_type, entity_id = job
        target = str(self._file(kind, number))
        if kind == "attachments":
            sg.download_attachment({"type": "Attachment", "id": number}, target)
            return
        images = [name for name, data_type in self.plan.fields(entity_type).items() if data_type == "image"]
        entity: Any = sg.find_one(entity_type, [["id", "is", entity_id]], images) or {}
        for name in images:
            if isinstance(entity.get(name), str) and number == thumbnail_number(entity_type, entity_id, name):
                sg.download_attachment({"url": entity[name]}, target)
