"""
``sgextended find``: shows the entities of a query.
"""

import itertools
import sys
from pathlib import Path
from typing import Annotated, Any, Dict, Iterator, Optional

import typer

from sgextended import SGExtended
from sgextended.cli.printing.cells import LinkStyle
from sgextended.cli.printing.excel import require_openpyxl, write_excel
from sgextended.cli.shared import output
from sgextended.cli.shared.entity_query import NativeQuery, Query
from sgextended.cli.shared.options import (
    BomOption,
    FieldsOption,
    FilterOption,
    FormatOption,
    LinksOption,
    ProjectOption,
    RetiredOption,
    TypeArgument,
    XlsxOption,
)
from sgextended.cli.shared.site_command import Connect, site_command
from sgextended.cli.usage_error import UsageError
from sgextended.workers.progress import reporter

#: How many entities are shown without --limit.
DEFAULT_LIMIT = 100
#: A find of more entities than this shows a progress bar.
LONG_FIND = 500


@site_command
def command(
    connect: Connect,
    entity_type: TypeArgument,
    *,
    filters: FilterOption = None,
    project: ProjectOption = None,
    fields: FieldsOption = None,
    order: Annotated[
        Optional[str],
        typer.Option(metavar="FIELD,...", help="Sort by these fields; -FIELD sorts in descending order. Default: id."),
    ] = None,
    limit: Annotated[
        Optional[int],
        typer.Option(
            min=0,
            help=f"Maximum number of entities; 0 shows all. Default: {DEFAULT_LIMIT}, or all in an Excel file.",
            show_default=False,
        ),
    ] = None,
    retired: RetiredOption = False,
    output_format: FormatOption = output.Format.TABLE,
    links: LinksOption = None,
    bom: BomOption = False,
    xlsx: XlsxOption = None,
) -> int:
    """
    Find entities and show them.
    """
    query = Query(entity_type=entity_type, filters=filters, projects=project, fields=fields, order=order)
    output.check_options(output_format, links=links, bom=bom, is_excel=xlsx is not None)
    if xlsx is not None:
        check_excel_file(xlsx)
    if limit is None:
        limit = DEFAULT_LIMIT if xlsx is None else 0
    sg = connect()
    native = query.to_native(sg)
    # One more than the limit, to know whether there are more.
    rows = sg.find_iter(
        native.entity_type,
        native.filters,
        native.fields,
        native.order or None,
        limit=limit + 1 if limit else 0,
        retired_only=retired,
    )
    first = list(itertools.islice(rows, 1))
    shown: Iterator[Dict[str, Any]] = itertools.islice(itertools.chain(first, rows), limit or None)
    # The lines of CSV on a terminal would break the bar.
    if not retired and not (output_format is output.Format.CSV and sys.stdout.isatty()):
        shown = _with_progress(sg, native, shown, limit)
    if xlsx is not None:
        _write_excel(sg, xlsx, native, shown, links)
    elif output_format is output.Format.JSON:
        output.print_json(list(shown))
    elif first or output_format is output.Format.CSV:
        values = ([row[field] for field in native.fields] for row in shown)
        output.print_rows(native.fields, values, output_format, links=links, bom=bom)
    if not first:
        query.explain_empty(sg, native)
    elif limit and next(rows, None) is not None:
        output.say(f"Only the first {limit} are shown; there are more. To see more, use --limit; --limit 0 shows all.")
    return 0


def _with_progress(
    sg: SGExtended, native: NativeQuery, rows: Iterator[Dict[str, Any]], limit: int
) -> Iterator[Dict[str, Any]]:
    """
    Yield rows. On a terminal, show how many of them have arrived, if there are many.
    """
    if not sys.stderr.isatty() or 0 < limit <= LONG_FIND:
        yield from rows
        return
    total = sg.count(native.entity_type, native.filters)
    total = min(total, limit) if limit else total
    if total <= LONG_FIND:
        yield from rows
        return
    with reporter(True, total, native.entity_type) as report:
        for number, row in enumerate(rows, start=1):
            report(number, 0)
            yield row


def check_excel_file(file: Path) -> None:
    """
    Raise an error if an Excel file cannot be written, before a request is sent.

    Raises:
        UsageError: The name has another suffix, or the folder does not exist.

        ModuleNotFoundError: The extra ``xlsx`` is not installed.
    """
    if file.suffix.lower() != ".xlsx":
        raise UsageError(f"{file.name} is not the name of an Excel file. Name a file that ends in .xlsx.")
    if not file.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {file.absolute().parent}. Create it, or name another file.")
    require_openpyxl()


def _write_excel(
    sg: SGExtended,
    file: Path,
    native: NativeQuery,
    rows: Iterator[Dict[str, Any]],
    links: Optional[LinkStyle],
) -> None:
    schema = sg.site_schema()
    types = {name: None if name == "type" else schema.field_type(native.entity_type, name) for name in native.fields}
    values = ([row[name] for name in native.fields] for row in rows)
    written = write_excel(
        file, native.fields, values, types=types, links=links or LinkStyle.NAME, title=native.entity_type
    )
    output.say(f"Wrote {output.plural(written.rows, 'row')} to {file}.")
    if written.shortened:
        output.say(f"{output.plural(written.shortened, 'cell')} had more text than Excel can read. It was cut off.")
