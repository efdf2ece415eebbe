"""
``sgextended export``: writes all entities of a query to a file, in bounded memory. An interrupted export resumes.

Entities are written to ``FILE.part``, lowest id first. ``FILE.part.json`` records the query, and the id and byte up to
which the rows are complete. The same command truncates ``FILE.part`` to that byte and resumes after that id. When the
export is complete, the file is renamed to ``FILE``.
"""

import contextlib
import csv
import io
import json
import sys
from pathlib import Path
from typing import IO, Annotated, Any, Dict, Iterator, List, Mapping, Optional, Sequence

import typer
from attrs import asdict, define, frozen

from sgextended import SGExtended
from sgextended.cli.printing import parquet_writer
from sgextended.cli.printing.cells import LinkStyle, csv_cell, to_iso
from sgextended.cli.printing.excel import MAX_ROWS, require_openpyxl, write_excel
from sgextended.cli.printing.terminal import to_json
from sgextended.cli.shared import output
from sgextended.cli.shared.entity_query import Query
from sgextended.cli.shared.options import BomOption, FilterOption, LinksOption, ProjectOption, TypeArgument
from sgextended.cli.shared.run_items import INTERRUPTED
from sgextended.cli.shared.site_command import Connect, site_command
from sgextended.cli.usage_error import UsageError
from sgextended.errors import CallError
from sgextended.schema.site_schema import SiteSchema
from sgextended.workers.progress import reporter

#: The progress is saved after this many entities. Entities written after the last save are fetched again.
SAVE_INTERVAL = 500

_FILE_FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".xlsx": "xlsx"}


@site_command
def command(
    connect: Connect,
    entity_type: TypeArgument,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="File to write, with the suffix .csv, .xlsx, .jsonl or .parquet.", dir_okay=False
        ),
    ],
    *,
    filters: FilterOption = None,
    project: ProjectOption = None,
    fields: Annotated[
        Optional[str], typer.Option(metavar="FIELD,...", help="Fields to export. Default: all fields of the type.")
    ] = None,
    limit: Annotated[Optional[int], typer.Option(min=1, help="Maximum number of entities.")] = None,
    links: LinksOption = None,
    bom: BomOption = False,
) -> int:
    """
    Write all entities of a query to a file.

    The memory needed does not grow with the number of entities.

    To resume an interrupted export, run the same command again.
    """
    file_format = _check_file(file)
    if bom and file_format != "csv":
        raise UsageError("--bom is for CSV. Name a file that ends in .csv, or leave --bom out.")
    if links is not None and file_format in ("jsonl", "parquet"):
        raise UsageError("--links is for CSV and Excel files. Leave it out: this file has whole links.")
    query = Query(entity_type=entity_type, filters=filters, projects=project, fields=fields)
    sg = connect()
    schema = sg.site_schema()
    native = query.to_native(sg)
    export = ExportQuery(
        site=sg.site.url,
        entity_type=entity_type,
        filters=native.filters,
        columns=native.fields if fields is not None else schema.readable(entity_type),
        limit=limit,
        file_format=file_format,
        links=(links or LinkStyle.NAME).value,
        bom=bom,
    )
    with PartialFile.open(file, export) as part:
        try:
            part.fetch(sg)
        except (KeyboardInterrupt, *CallError) as error:
            part.save_progress()
            output.say(
                f"The export is not complete: {part.path} has {output.plural(part.count, 'row')} so far. "
                "Run the same command again to resume it."
            )
            if isinstance(error, KeyboardInterrupt):
                return INTERRUPTED
            raise
    complete = _convert(part, schema)
    complete.replace(file)
    part.remove()
    output.say(f"Wrote {output.plural(part.count, 'row')} to {file}.")
    if not part.count:
        query.explain_empty(sg, native)
    return 0


def _check_file(file: Path) -> str:
    """
    Return the format of a file. Raise an error if it cannot be written, before a request is sent.
    """
    file_format = _FILE_FORMATS.get(file.suffix.lower())
    if file_format is None:
        raise UsageError(f"{file.name} has no known suffix. Name a file that ends in .csv, .xlsx, .jsonl or .parquet.")
    if not file.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {file.absolute().parent}. Create it, or name another file.")
    if file_format == "parquet":
        parquet_writer.require_pyarrow()
    elif file_format == "xlsx":
        require_openpyxl()
    return file_format


def _convert(part: "PartialFile", schema: SiteSchema) -> Path:
    """
    Return the path of the complete export: *part* itself, or a file that is made from it.
    """
    export = part.export
    if export.file_format not in ("parquet", "xlsx"):
        return part.path
    types = {name: "text" if name == "type" else schema.field_type(export.entity_type, name) for name in export.columns}
    if export.file_format == "parquet":
        return parquet_writer.write_parquet(part.path, types)
    complete = part.path.with_name(part.path.name + ".xlsx")
    _write_excel(part, complete, types, LinkStyle(export.links))
    return complete


@frozen(kw_only=True)
class ExportQuery:
    """
    The query of an export and its file format. A run can resume only an export with the same values.

    Attributes:
        site: The address of the site.

        entity_type: The entity type.

        filters: Native filters.

        columns: The fields to export.

        limit: The maximum number of entities. None: all.

        file_format: "csv", "xlsx", "jsonl" or "parquet".

        links: How CSV and Excel show links: a value of `LinkStyle`.

        bom: Whether CSV begins with a byte order mark.
    """

    site: str
    entity_type: str
    filters: List[Any]
    columns: List[str]
    limit: Optional[int]
    file_format: str
    links: str = LinkStyle.NAME.value
    bom: bool = False


@define(kw_only=True)
class PartialFile:
    """
    The file of an export that is not complete yet.

    Attributes:
        path: Path of the file.

        export: The query of the export.

        stream: The open file.

        count: Number of rows written.

        last_id: The id of the last row. 0 if there is none.
    """

    path: Path
    export: ExportQuery
    stream: IO[bytes]
    count: int = 0
    last_id: int = 0

    @classmethod
    @contextlib.contextmanager
    def open(cls, file: Path, export: ExportQuery) -> "Iterator[PartialFile]":
        """
        Open the file of an export: a new one, or that of an interrupted run, truncated to its complete rows.

        Args:
            file: The file that the export will write in the end.

            export: The query of the export.

        Raises:
            UsageError: The existing file belongs to another export, or is damaged; or it cannot be written.
        """
        path = file.with_name(file.name + ".part")
        progress = _load_progress(path, export)
        try:
            stream = path.open("r+b" if progress else "wb")
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}.") from error
        with stream:
            part = cls(path=path, export=export, stream=stream)
            if progress:
                stream.truncate(progress["size"])
                stream.seek(0, io.SEEK_END)
                part.count, part.last_id = progress["count"], progress["last_id"]
                output.say(f"Resuming after {output.plural(part.count, 'row')} in {path}.")
            elif export.file_format == "csv":
                stream.write((output.BYTE_ORDER_MARK if export.bom else "").encode() + _csv_line(export.columns))
            yield part

    def fetch(self, sg: SGExtended) -> None:
        """
        Fetch the missing entities and write them. Show a progress bar on a terminal.
        """
        export = self.export
        filters = [*export.filters, ["id", "greater_than", self.last_id]] if self.last_id else export.filters
        left = None if export.limit is None else export.limit - self.count
        if left == 0:
            return
        total = self.count + min(sg.count(export.entity_type, filters), left or sys.maxsize)
        line = self._csv_row if export.file_format == "csv" else self._json_row
        rows = sg.find_iter(export.entity_type, filters, export.columns, limit=left or 0)
        with reporter(True, total, export.entity_type) as report:
            for row in rows:
                self.stream.write(line(row))
                self.count, self.last_id = self.count + 1, row["id"]
                if not self.count % SAVE_INTERVAL:
                    self.save_progress()
                    report(self.count, 0)
        self.save_progress()

    def save_progress(self) -> None:
        """
        Record the query, and how many rows and bytes are complete.
        """
        self.stream.flush()
        state = {**asdict(self.export), "count": self.count, "last_id": self.last_id, "size": self.stream.tell()}
        progress_file = _progress_file_of(self.path)
        new = progress_file.with_name(progress_file.name + ".new")
        new.write_text(json.dumps(state), encoding="utf-8")
        new.replace(progress_file)

    def remove(self) -> None:
        """
        Remove the file and its progress record.
        """
        for path in (self.path, _progress_file_of(self.path)):
            path.unlink(missing_ok=True)

    def _csv_row(self, row: Dict[str, Any]) -> bytes:
        links = LinkStyle(self.export.links)
        return _csv_line([csv_cell(row[name], links) for name in self.export.columns])

    def _json_row(self, row: Dict[str, Any]) -> bytes:
        kept = {name: row[name] for name in self.export.columns}
        return to_json(kept, default=to_iso).encode() + b"\n"


def _progress_file_of(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _load_progress(path: Path, export: ExportQuery) -> Dict[str, Any]:
    """
    Return the progress record of an interrupted run. Return an empty dict if there is none.
    """
    progress_file = _progress_file_of(path)
    if not progress_file.exists() or not path.exists():
        return {}
    try:
        progress: Dict[str, Any] = json.loads(progress_file.read_text(encoding="utf-8"))
        same = {name: progress[name] for name in asdict(export)} == json.loads(json.dumps(asdict(export)))
        is_whole = progress["size"] <= path.stat().st_size
    except (ValueError, KeyError, TypeError):
        same = is_whole = False
    if not same or not is_whole:
        reason = "belongs to another query" if not same else "is damaged: it is shorter than it was"
        raise UsageError(f"The export cannot be resumed. {path} {reason}. Name another file, or delete this one.")
    return progress


def _csv_line(cells: Sequence[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def _write_excel(part: PartialFile, target: Path, types: Mapping[str, Optional[str]], links: LinkStyle) -> None:
    """
    Write the rows of a file of JSON lines to an Excel file.
    """
    export = part.export
    if part.count >= MAX_ROWS:
        raise UsageError(f"An Excel sheet has at most {MAX_ROWS} rows. Use --limit, or export to a .csv file.")
    with part.path.open(encoding="utf-8") as lines:
        rows = ([row[name] for name in export.columns] for row in map(json.loads, lines))
        written = write_excel(target, export.columns, rows, types=types, links=links, title=export.entity_type)
    if written.shortened:
        output.say(f"{output.plural(written.shortened, 'cell')} had more text than Excel can read. It was cut off.")
