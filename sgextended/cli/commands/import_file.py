"""
``sgextended import``: creates and changes entities by the rows of a CSV or xlsx file.

The whole file is checked before the first write. See ``domain/table_import`` for what a cell may hold.
"""

import contextlib
import sys
from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional, Sequence

import typer

from sgextended import SGExtended
from sgextended.cli.printing.cells import Lines
from sgextended.cli.shared import output
from sgextended.cli.shared.entity_query import find_projects_by_name, known_fields
from sgextended.cli.shared.options import FormatOption
from sgextended.cli.shared.run_items import INTERRUPTED
from sgextended.cli.shared.site_command import Connect, site_command
from sgextended.cli.usage_error import UsageError
from sgextended.domain.limits import BATCH_SIZE
from sgextended.domain.table_import.apply_import import ImportReport, apply_import, open_journal
from sgextended.domain.table_import.import_plan import plan_import
from sgextended.domain.table_import.plan_rows import (
    CHANGE,
    CREATE,
    DONE,
    REFUSED,
    UNCHANGED,
    ImportOptions,
    ImportPlan,
    PlannedRow,
)
from sgextended.domain.table_import.table_files import read_table
from sgextended.workers.journal import Journal
from sgextended.workers.progress import reporter

_COLUMNS = ("line", "action", "entity", "changes")
_CSV_COLUMNS = ("line", "action", "type", "id", "name", "field", "old", "new", "problem")
_MAX_TEXT = 60  # characters of a value in a table


@site_command
def command(
    connect: Connect,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A .csv or .xlsx file.", show_default=False)],
    entity_type: Annotated[
        str, typer.Argument(metavar="TYPE", help="Entity type of the rows, such as Shot.", show_default=False)
    ],
    *,
    key: Annotated[
        Optional[List[str]],
        typer.Option(
            "--key",
            metavar="FIELD,...",
            help="Fields that identify an entity, such as code: rows with the key of an existing entity change it, all "
            "others create one. Default: id if the file has that column; otherwise every row creates an entity.",
        ),
    ] = None,
    project: Annotated[
        Optional[str], typer.Option("--project", metavar="NAME", help="Project of all rows, if no column names it.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be written.")] = False,
    journal: Annotated[
        Optional[Path],
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="Record finished rows here. The same command resumes an interrupted import. Needs --key.",
        ),
    ] = None,
    skip_refused: Annotated[
        bool, typer.Option("--skip-refused", help="Import the valid rows although others are refused.")
    ] = False,
    mapped: Annotated[
        Optional[List[str]],
        typer.Option("--map", metavar="HEADER=FIELD", help="Field of a column whose header names none."),
    ] = None,
    ignored: Annotated[
        Optional[List[str]], typer.Option("--ignore", metavar="HEADER", help="Leave out this column.")
    ] = None,
    clear_empty: Annotated[
        bool, typer.Option("--clear-empty", help="Empty cells empty the fields. Without it they change nothing.")
    ] = False,
    sheet: Annotated[Optional[str], typer.Option(metavar="NAME", help="Sheet of an xlsx file. Default: first.")] = None,
    encoding: Annotated[
        Optional[str], typer.Option(metavar="NAME", help="Encoding of a CSV file. Default: UTF-8 or cp1252.")
    ] = None,
    delimiter: Annotated[
        Optional[str], typer.Option(metavar="CHARACTER", help="Delimiter of a CSV file. Default: found in line 1.")
    ] = None,
    output_format: FormatOption = output.Format.TABLE,
) -> int:
    """
    Create and change entities by the rows of a CSV or xlsx file.

    Headers are field names or labels. Cells have names of linked entities, labels or codes of statuses, dates as
    2026-12-01. Several links in a cell are separated by semicolons.

    All rows are checked before the first write. If one is refused, nothing is written. Use --dry-run first.
    """
    if not Path(file).exists() and Path(entity_type).is_file():  # typed in the other order
        file, entity_type = entity_type, file
    if not Path(file).is_file():
        raise UsageError(f"There is no file {file}. Give the file first, then the entity type.")
    renamed = _pairs(mapped or ())
    table = read_table(file, encoding=encoding, delimiter=delimiter, sheet=sheet)
    sg = connect()
    known_fields(sg.site_schema(), entity_type)  # a type that does not exist is a wrong command
    options = ImportOptions(
        key=[name.strip() for names in key or () for name in names.split(",") if name.strip()],
        project=None if project is None else find_projects_by_name(sg, [project])[0],
        renamed=renamed,
        ignored=ignored or (),
        clear_empty=clear_empty,
    )
    with contextlib.ExitStack() as stack:
        record = None
        if journal is not None and (not dry_run or journal.exists()):
            record = open_journal(journal)
            if not dry_run:
                stack.enter_context(record)
        plan = plan_import(sg, entity_type, table, options, is_done=None if record is None else record.has)
        if dry_run:
            _print_rows(plan.rows, {}, output_format)
            if output_format is not output.Format.TABLE:  # the table has them
                _print_refused(plan)
            sys.stderr.write(f"Nothing was written. The import would {_summary(plan)}.\n")
            return 1 if plan.with_action(REFUSED) else 0
        return _import(sg, plan, record, skip_refused=skip_refused, output_format=output_format)


def _import(
    sg: SGExtended, plan: ImportPlan, journal: Optional[Journal], *, skip_refused: bool, output_format: output.Format
) -> int:
    """
    Write a plan, print what was written, and return the exit status.
    """
    refused = plan.with_action(REFUSED)
    _print_refused(plan)
    if refused and not skip_refused:
        sys.stderr.write(
            f"Nothing was written, because {output.plural(len(refused), 'row')} of {len(plan.rows)} "
            f"{'is' if len(refused) == 1 else 'are'} refused. Correct the file, or use --skip-refused to import the "
            "other rows.\n"
        )
        return 1
    to_write = plan.with_action(CREATE, CHANGE)
    with reporter(True, len(to_write)) as report:
        result = apply_import(
            sg, plan, journal=journal, skip_refused=skip_refused, batch_size=BATCH_SIZE, report=report
        )
    written = sorted((row for row, _entity in result.written), key=lambda row: row.line)
    entities = {row.line: entity for row, entity in result.written}
    _print_rows(written, entities, output_format)
    _print_end(plan, result, has_journal=journal is not None)
    if isinstance(result.error, KeyboardInterrupt):
        return INTERRUPTED
    return 1 if result.error is not None or refused else 0


def _pairs(texts: Sequence[str]) -> Dict[str, str]:
    pairs = {}
    for text in texts:
        header, equals, field = text.rpartition("=")
        if not equals or not header.strip() or not field.strip():
            raise UsageError(f"--map {text!r} does not have the form HEADER=FIELD, such as --map 'Frames=sg_cut_out'.")
        pairs[" ".join(header.split())] = field.strip()
    return pairs


# --- Printing


def _print_rows(rows: Sequence[PlannedRow], entities: Dict[int, Any], output_format: output.Format) -> None:
    if output_format is output.Format.JSON:
        output.print_json([_to_json(row, entities.get(row.line)) for row in rows])
    elif output_format is output.Format.CSV:
        output.print_csv(_CSV_COLUMNS, [each for row in rows for each in _to_csv(row, entities.get(row.line))])
    elif rows:
        output.print_table(_COLUMNS, [_to_cells(row, entities.get(row.line)) for row in rows])


def _to_cells(row: PlannedRow, written: Any) -> List[Any]:
    """
    Return the cells of a table for a row. The last has a line for each change or problem.
    """
    entity = row.entity or written
    known = f"{row.name} ({entity['type']}:{entity['id']})".strip() if entity else row.name
    changes = [f"{name}: {_shown(row.old.get(name))} -> {_shown(value)}" for name, value in sorted(row.data.items())]
    if row.action == CREATE:
        changes = [f"{name}: {_shown(value)}" for name, value in sorted(row.data.items())]
    return [row.line, row.action, known, Lines(row.problems or changes)]


def _to_csv(row: PlannedRow, written: Any) -> List[List[Any]]:
    entity = row.entity or written or {}
    beginning = [row.line, row.action, entity.get("type"), entity.get("id"), row.name]
    changes = [[name, row.old.get(name), value, None] for name, value in sorted(row.data.items())]
    problems = [[None, None, None, each] for each in row.problems]
    return [[*beginning, *each] for each in [*changes, *problems] or [[None] * 4]]


def _to_json(row: PlannedRow, written: Any) -> Dict[str, Any]:
    entity = row.entity or written or {}
    return {
        "line": row.line,
        "action": row.action,
        "name": row.name,
        "type": entity.get("type"),
        "id": entity.get("id"),
        "old": row.old,
        "new": row.data,
        "problems": list(row.problems),
    }


def _shown(value: Any) -> str:
    """
    Return a value as people know it: links by their names.
    """
    if value is None or value in ("", []):
        return "(empty)"
    if isinstance(value, list):
        return ", ".join(_shown(each) for each in value)
    if isinstance(value, dict):
        return str(value.get("name") or value.get("url") or f"{value.get('type')}:{value.get('id')}")
    text = " ".join(str(value).split())
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}..."


def _print_refused(plan: ImportPlan) -> None:
    for row in plan.with_action(REFUSED):
        for problem in row.problems:
            text = "".join(letter if letter.isprintable() else " " for letter in f"line {row.line}: {problem}")
            sys.stderr.write(f"{text}\n")


def _summary(plan: ImportPlan) -> str:
    parts = [f"create {len(plan.with_action(CREATE))}", f"change {len(plan.with_action(CHANGE))}"]
    parts.append(f"leave {len(plan.with_action(UNCHANGED))} unchanged")
    if plan.with_action(DONE):
        parts.append(f"skip {len(plan.with_action(DONE))} that the journal records as done")
    if plan.with_action(REFUSED):
        parts.append(f"refuse {len(plan.with_action(REFUSED))}")
    return ", ".join(parts)


def _print_end(plan: ImportPlan, result: ImportReport, *, has_journal: bool) -> None:
    created = sum(row.action == CREATE for row, _entity in result.written)
    parts = [f"{created} created", f"{len(result.written) - created} changed"]
    parts.append(f"{len(plan.with_action(UNCHANGED))} unchanged")
    for words, rows in (
        ("done before", plan.with_action(DONE)),
        ("refused", plan.with_action(REFUSED)),
        ("not written", result.not_written),
    ):
        parts += [f"{len(rows)} {words}"] if rows else []
    sys.stderr.write(f"{', '.join(parts)}.\n")
    if result.error is None:
        return
    if isinstance(result.error, KeyboardInterrupt):
        sys.stderr.write("The import was interrupted.\n")
    else:
        sys.stderr.write(f"The import stopped: {str(result.error).strip() or type(result.error).__name__}\n")
    if result.uncertain:
        lines = f"{result.uncertain[0].line} to {result.uncertain[-1].line}"
        sys.stderr.write(f"It is not known whether the rows of lines {lines} were written.\n")
    if plan.identified_by or has_journal:
        sys.stderr.write("The same command imports the rest: rows that were written are found by their key.\n")
    else:
        sys.stderr.write(
            "Without --key, the same command would create the written rows again. Remove them from the file first.\n"
        )
