"""
``sgextended export``: all entities of a query in a file, in bounded memory; what was interrupted goes on where it was.

Entities come lowest id first. They are written to ``FILE.part``; ``FILE.part.json`` says which query it is, and up to
which id and byte it is whole. The same command cuts off what is not whole and goes on after that id. The file gets its
name when all is there.
"""

import contextlib
import csv
import datetime as dt
import io
import json
import sys
from pathlib import Path
from typing import IO, Annotated, Any, Dict, Iterator, List, Optional, Sequence

import typer
from attrs import asdict, define, frozen

from sgextended import SGExtended
from sgextended.cli import output
from sgextended.cli import parquet_writer as parquet
from sgextended.cli.entity_query import Query
from sgextended.cli.load_function import UsageError
from sgextended.cli.options import FilterOption, ProjectOption, TypeArgument
from sgextended.cli.run_items import INTERRUPTED
from sgextended.cli.site_command import Connect, asks
from sgextended.errors import CallError
from sgextended.schema.site_schema import SiteSchema
from sgextended.workers.progress import reporter

#: Entities between two notes of how far it is; what was written after the last one is asked for again.
STEP = 500

_FORMS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


@asks
def command(
    connect: Connect,
    entity_type: TypeArgument,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to: a .csv, .jsonl or .parquet file.", dir_okay=False)
    ],
    *,
    filters: FilterOption = None,
    project: ProjectOption = None,
    fields: Annotated[
        Optional[str], typer.Option(metavar="FIELD,...", help="Fields to export; else all that the type has.")
    ] = None,
    limit: Annotated[Optional[int], typer.Option(min=1, help="RunOptions many at most.")] = None,
) -> int:
    """
    Write all entities of a query to a file.

    The memory that it takes does not grow with their number. Interrupted, the same command goes on where it was.
    """
    form = _FORMS.get(file.suffix.lower())
    if form is None:
        raise UsageError(f"{file.name}: a file that ends in .csv, .jsonl or .parquet is expected.")
    if not file.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {file.absolute().parent}.")
    if form == "parquet":
        parquet.check()
    query = Query(entity_type=entity_type, filters=filters, projects=project, fields=fields)
    sg = connect()
    schema = SiteSchema(sg)
    asked = query.to_native(sg)
    export = Export(
        site=sg.site.url,
        entity_type=entity_type,
        filters=asked.filters,
        columns=asked.fields if fields is not None else schema.readable(entity_type),
        limit=limit,
        form=form,
    )
    with Part.open(file, export) as part:
        try:
            part.fetch(sg)
        except (KeyboardInterrupt, *CallError) as error:
            part.note()
            sys.stderr.write(f"{output.plural(part.count, 'row')} in {part.path}: the same command goes on there.\n")
            if isinstance(error, KeyboardInterrupt):
                return INTERRUPTED
            raise
    whole = part.path
    if form == "parquet":
        types = {name: "text" if name == "type" else schema.field_type(entity_type, name) for name in export.columns}
        whole = parquet.converted(part.path, types)
    whole.replace(file)
    part.forget()
    sys.stderr.write(f"{output.plural(part.count, 'row')} in {file}.\n")
    return 0


@frozen(kw_only=True)
class Export:
    """
    What is exported, from where, and in which form: what two runs must have in common.
    """

    site: str
    entity_type: str
    filters: List[Any]
    columns: List[str]
    limit: Optional[int]
    form: str


@define(kw_only=True)
class Part:
    """
    A file that is not whole yet.

    Attributes:
        count: Rows in it that are noted, and no more than these are kept when it is opened again.

        last_id: The id of the last of them.
    """

    path: Path
    export: Export
    stream: IO[bytes]
    count: int = 0
    last_id: int = 0

    @classmethod
    @contextlib.contextmanager
    def open(cls, file: Path, export: Export) -> "Iterator[Part]":
        """
        Begin a file, or go on with what is there of it.

        Raises:
            UsageError: What is there belongs to another export, or is broken.
        """
        path = file.with_name(file.name + ".part")
        noted = _noted(path, export)
        try:
            stream = path.open("r+b" if noted else "wb")
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}.") from error
        with stream:
            part = cls(path=path, export=export, stream=stream)
            if noted:
                stream.truncate(noted["size"])
                stream.seek(0, io.SEEK_END)
                part.count, part.last_id = noted["count"], noted["last_id"]
                sys.stderr.write(f"Going on after {output.plural(part.count, 'row')} that are in {path}.\n")
            elif export.form == "csv":
                stream.write(_csv_line(export.columns))
            yield part

    def fetch(self, sg: SGExtended) -> None:
        """
        Write the entities that are still missing, with a bar on a terminal meanwhile.
        """
        export = self.export
        filters = [*export.filters, ["id", "greater_than", self.last_id]] if self.last_id else export.filters
        left = None if export.limit is None else export.limit - self.count
        if left == 0:
            return
        total = self.count + min(sg.count(export.entity_type, filters), left or sys.maxsize)
        line = self._csv_row if export.form == "csv" else self._json_row
        rows = sg.find_iter(export.entity_type, filters, export.columns, limit=left or 0)
        with reporter(True, total) as report:
            for row in rows:
                self.stream.write(line(row))
                self.count, self.last_id = self.count + 1, row["id"]
                if not self.count % STEP:
                    self.note()
                    report(self.count, 0)
        self.note()

    def note(self) -> None:
        """
        Note how far it is.
        """
        self.stream.flush()
        state = {**asdict(self.export), "count": self.count, "last_id": self.last_id, "size": self.stream.tell()}
        note = _note_of(self.path)
        new = note.with_name(note.name + ".new")
        new.write_text(json.dumps(state), encoding="utf-8")
        new.replace(note)

    def forget(self) -> None:
        """
        Remove what is needed no more.
        """
        for path in (self.path, _note_of(self.path)):
            path.unlink(missing_ok=True)

    def _csv_row(self, row: Dict[str, Any]) -> bytes:
        return _csv_line([output.cell(_plain(row[name])) for name in self.export.columns])

    def _json_row(self, row: Dict[str, Any]) -> bytes:
        kept = {name: row[name] for name in self.export.columns}
        return json.dumps(kept, ensure_ascii=False, default=_plain).encode() + b"\n"


def _note_of(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _noted(path: Path, export: Export) -> Dict[str, Any]:
    """
    Return how far an earlier run has come; nothing where there was none.
    """
    note = _note_of(path)
    if not note.exists() or not path.exists():
        return {}
    try:
        noted: Dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
        same = {name: noted[name] for name in asdict(export)} == json.loads(json.dumps(asdict(export)))
        is_whole = noted["size"] <= path.stat().st_size
    except (ValueError, KeyError, TypeError):
        same = is_whole = False
    if not same or not is_whole:
        why = "belongs to another query" if not same else "is shorter than it was"
        raise UsageError(f"{path} {why}: give another file, or delete it to begin anew.")
    return noted


def _csv_line(cells: Sequence[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, (dt.date, dt.datetime)) else value
