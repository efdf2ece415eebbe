"""
``sgextended map``: calls a function for each entity of a query, in threads, in processes or on a Dask cluster.
"""

from pathlib import Path
from typing import Annotated, Any, Dict, Optional, Tuple

import typer

from sgextended import Failure
from sgextended.cli.shared import output, run_items
from sgextended.cli.shared.entity_query import Query
from sgextended.cli.shared.executors import DaskOption, ExecutorKind, ProcessesOption
from sgextended.cli.shared.load_function import load_function
from sgextended.cli.shared.options import FilterOption, FormatOption, ProjectOption, TypeArgument
from sgextended.cli.shared.site_command import Connect, site_command
from sgextended.schema.name_fields import NAME_FIELDS


@site_command
def command(
    connect: Connect,
    function: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:FUNCTION",
            help="Function to call with (sg, entity). Also path/to/file.py:function. Modules in this folder are found.",
            show_default=False,
        ),
    ],
    entity_type: TypeArgument,
    filters: FilterOption = None,
    project: ProjectOption = None,
    fields: Annotated[
        Optional[str],
        typer.Option(metavar="FIELD,...", help="Fields of the entity that the function gets. Default: id and name."),
    ] = None,
    limit: Annotated[Optional[int], typer.Option(min=1, help="Maximum number of entities.")] = None,
    workers: Annotated[
        Optional[int],
        typer.Option(
            min=1,
            max=256,
            help="Number of entities to process at the same time. Default: 8, or all threads of the cluster.",
            show_default=False,
        ),
    ] = None,
    processes: ProcessesOption = False,
    dask: DaskOption = None,
    journal: Annotated[
        Optional[Path],
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="Record finished entities and their results in this file. The same command then resumes the run.",
        ),
    ] = None,
    output_format: FormatOption = output.Format.TABLE,
) -> int:
    """
    Call a Python function for each entity of a query, with several workers.

    Results go to stdout; progress and failures go to stderr.

    Exit status: 0 if all entities are done, 1 if something failed, 2 if the command is not valid, 130 after Ctrl-C.
    """
    return map_entities(
        connect,
        function,
        Query(entity_type=entity_type, filters=filters, projects=project, fields=fields),
        limit=limit,
        executor_kind=ExecutorKind(workers=workers, processes=processes, dask=dask),
        journal=journal,
        output_format=output_format,
    )


def map_entities(
    connect: Connect,
    spec: str,
    query: Query,
    *,
    limit: Optional[int],
    executor_kind: ExecutorKind,
    journal: Optional[Path],
    output_format: output.Format,
) -> int:
    """
    Call a function for each entity of a query, print the results and a summary, and return the exit status.

    Args:
        connect: Returns the client. It is called after the other arguments are checked.

        spec: The name of the function; see `load_function`.

        query: The query for the entities.

        limit: The maximum number of entities. None: all.

        executor_kind: Where the function runs.

        journal: The file that records finished entities, or None.

        output_format: The format of the results.

    Raises:
        UsageError: There is no such function, or *executor_kind* is not valid.

        InvalidArgumentError: A filter has a value that its field cannot hold.

        ConfigurationError: No Dask scheduler responds at the address.

        NotFoundError: The site has no such type, field or project.
    """
    executor_kind.check()
    function = load_function(spec)
    sg = connect()
    meter = run_items.CostMeter(sg)
    native = query.to_native(sg)
    count = sg.count(native.entity_type, native.filters)
    count = count if limit is None else min(count, limit)
    entities = sg.find_iter(native.entity_type, native.filters, native.fields, limit=limit or 0) if count else iter(())
    with executor_kind.open([function], needed=bool(count)) as (executor, workers, unit):
        options = run_items.RunOptions(
            workers=workers, executor=executor, journal=journal, unit=unit, label=query.entity_type
        )
        outcome = run_items.run(sg, function, run_items.CountedItems(entities, count), options, meter=meter)
    _print_results(outcome, output_format)
    if not outcome.total:
        query.explain_empty(sg, native, f"No {query.entity_type} matches the query: there is nothing to do.")
    else:
        run_items.show_summary(outcome, function)
    return outcome.exit_status


# --- The results


def _print_results(outcome: run_items.Outcome, output_format: output.Format) -> None:
    rows = [(item, *_result_and_error(result)) for item, result in outcome.results]
    if output_format is output.Format.JSON:
        output.print_json([{**_type_id_name(item), "result": result, "error": error} for item, result, error in rows])
        return
    if output_format is output.Format.TABLE:
        rows = [row for row in rows if row[2] is None]  # the summary shows the failures
        if all(result is None for _item, result, _error in rows):  # a function without a result: print no table
            return
    own_columns = ["type", "id", "name"] + (["error"] if output_format is output.Format.CSV else [])
    columns, cells = output.result_columns([result for _item, result, _error in rows], own_columns)
    table = [
        [*_type_id_name(item).values(), *cell, *([error] if output_format is output.Format.CSV else [])]
        for (item, _result, error), cell in zip(rows, cells)
    ]
    names = [*own_columns[:3], *columns, *own_columns[3:]]
    output.print_rows(names, table, output_format)


def _result_and_error(result: Any) -> Tuple[Any, Optional[str]]:
    if isinstance(result, Failure):
        return None, f"{type(result.error).__name__}: {result.error}"
    return result, None


def _type_id_name(entity: Dict[str, Any]) -> Dict[str, Any]:
    name = next((entity[field] for field in NAME_FIELDS if entity.get(field)), None)
    return {"type": entity["type"], "id": entity["id"], "name": name}
