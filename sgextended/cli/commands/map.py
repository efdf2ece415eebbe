"""
``sgextended map``: any function over the entities of a query.
"""

import contextlib
import multiprocessing
import re
import signal
import sys
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from pathlib import Path
from typing import Annotated, Any, Callable, Dict, Iterator, Optional, Tuple

import typer
from attrs import frozen

from sgextended import Failure, SGExtended
from sgextended.cli import load_function as functions
from sgextended.cli import output
from sgextended.cli import run_items as work
from sgextended.cli.entity_query import NAMES, Query
from sgextended.cli.options import FilterOption, FormatOption, ProjectOption, TypeArgument
from sgextended.cli.site_command import Connect, asks
from sgextended.errors import ConfigurationError

#: Entities that are worked on at once, where nothing else is asked for.
WORKERS = 8
PATIENCE = 10.0  # seconds for a cluster to answer

_ADDRESS = re.compile(r"((tcp|tls|ucx|wss?)://)?[^/]+:\d+/?")


@asks
def command(
    connect: Connect,
    function: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:FUNCTION",
            help="What to call, with (sg, entity); also path/to/file.py:function. Modules of this folder are found.",
            show_default=False,
        ),
    ],
    entity_type: TypeArgument,
    filters: FilterOption = None,
    project: ProjectOption = None,
    fields: Annotated[
        Optional[str], typer.Option(metavar="FIELD,...", help="Fields that the function gets; else the names.")
    ] = None,
    limit: Annotated[Optional[int], typer.Option(min=1, help="RunOptions many of them at most.")] = None,
    workers: Annotated[
        Optional[int],
        typer.Option(
            min=1,
            max=256,
            help="RunOptions many are worked on at once; else 8, or what the cluster has.",
            show_default=False,
        ),
    ] = None,
    processes: Annotated[
        bool, typer.Option("--processes", help="Work in processes: for a function that computes much itself.")
    ] = False,
    dask: Annotated[
        Optional[str], typer.Option(metavar="ADDRESS", help="Work on a Dask cluster, such as tcp://farm:8786.")
    ] = None,
    journal: Annotated[
        Optional[Path],
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="Keep what is done, with its result; the same command goes on from there.",
        ),
    ] = None,
    output_format: FormatOption = output.Format.TABLE,
) -> int:
    """
    Call a function of yours for each entity of a query, on several workers.

    Results go to stdout; what is done and what failed goes to stderr. Exit status: 0 if all is done, 1 if something
    failed, 2 if the command is wrong, 130 after Ctrl-C.
    """
    return map_entities(
        connect,
        function,
        Query(entity_type=entity_type, filters=filters, projects=project, fields=fields),
        limit=limit,
        where=ExecutorKind(workers=workers, processes=processes, dask=dask),
        journal=journal,
        form=output_format,
    )


@frozen(kw_only=True)
class ExecutorKind:
    """
    Who does the work: threads, processes or a cluster.
    """

    workers: Optional[int] = None
    processes: bool = False
    dask: Optional[str] = None

    def check(self) -> None:
        """
        Refuse what nobody can be.

        Raises:
            UsageError: Two of them are asked for, or an address is none.
        """
        if self.processes and self.dask is not None:
            raise functions.UsageError("Give --processes or --dask, not both.")
        if self.dask is not None and not _ADDRESS.fullmatch(self.dask):
            raise functions.UsageError(
                f"--dask {self.dask!r}: give the address of a scheduler, such as tcp://farm:8786."
            )


def map_entities(
    make_sg: Callable[[], SGExtended],
    spec: str,
    query: Query,
    *,
    limit: Optional[int],
    where: ExecutorKind,
    journal: Optional[Path],
    form: output.Format,
) -> int:
    """
    Call a function for each entity of a query, print what came of it, and return the exit status.

    Args:
        make_sg: Makes whose clones the workers use, once nothing is wrong with what was typed.

        spec: Names the function, see `functions.load`.

        query: Which entities.

        limit: RunOptions many of them at most. None: all.

        where: Who does the work.

        journal: File of what is done, or None.

        form: RunOptions the results are printed.

    Raises:
        UsageError: There is no such function, or nobody to do it.

        InvalidArgumentError: A field holds no such values.

        NotFoundError: The site has no such type, field or project.
    """
    where.check()
    function = functions.load(spec)
    sg = make_sg()
    meter = work.Meter(sg)
    native = query.to_native(sg)
    found = sg.count(native.entity_type, native.filters)
    found = found if limit is None else min(found, limit)
    entities = sg.find_iter(native.entity_type, native.filters, native.fields, limit=limit or 0) if found else iter(())
    with _executor(where, function, needed=bool(found)) as (executor, workers, unit):
        how = work.RunOptions(workers=workers, executor=executor, journal=journal, unit=unit)
        outcome = work.run(sg, function, work.Counted(entities, found), how, meter=meter)
    _print_results(outcome, form)
    if not outcome.total:
        sys.stderr.write(f"No {query.entity_type} matches: there is nothing to do.\n")
    else:
        work.show_summary(outcome, function)
    return outcome.status


# --- Who does it


@contextlib.contextmanager
def _executor(
    where: ExecutorKind, function: Callable[..., Any], *, needed: bool
) -> Iterator[Tuple[Optional[Executor], int, str]]:
    """
    Give what runs the work, None for threads; how many do it at once, and what they are.
    """
    workers = where.workers or WORKERS
    if not needed:
        yield None, workers, "worker"
    elif where.dask is not None:
        with _cluster(where.dask, function) as client:
            threads = sum(client.nthreads().values())
            with client.get_executor() as executor:
                yield executor, where.workers or max(threads, 1), "Dask worker"
    elif where.processes:
        # Forking a process that has threads is not safe, so it is spawn wherever we are.
        context = multiprocessing.get_context("spawn")
        with _Processes(workers, mp_context=context, initializer=_leave_interrupts) as executor:
            yield executor, workers, "process"
    else:
        yield None, workers, "worker"


class _Processes(ProcessPoolExecutor):
    """
    Processes that Ctrl-C does not reach, not even while they start: they inherit what is blocked here for that moment.
    """

    def submit(self, *args: Any, **kwargs: Any) -> "Future[Any]":
        if not hasattr(signal, "pthread_sigmask"):  # Windows
            return super().submit(*args, **kwargs)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(*args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leave_interrupts() -> None:
    """
    Let Ctrl-C be the business of the process that has started this one; a terminal tells both.
    """
    with contextlib.suppress(ValueError):  # where the work is not done in the main thread of Python, no Ctrl-C comes
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextlib.contextmanager
def _cluster(address: str, function: Callable[..., Any]) -> Iterator[Any]:
    import distributed  # noqa: PLC0415 - an extra

    try:
        client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
    except OSError as error:
        msg = f"No Dask scheduler answers at {address}: {error}"
        raise ConfigurationError(msg) from error
    with client:
        file = functions.file_of(function)
        if file is not None:
            client.upload_file(str(file))  # the workers have no such file
        yield client


# --- The results


def _print_results(outcome: work.Outcome, form: output.Format) -> None:
    rows = [(item, *_split(result)) for item, result in outcome.results]
    if form is output.Format.JSON:
        output.print_json([{**_identity(item), "result": result, "error": error} for item, result, error in rows])
        return
    if form is output.Format.TABLE:
        rows = [row for row in rows if row[2] is None]  # the summary has the others
        if all(result is None for _item, result, _error in rows):  # it was called for what it does
            return
    beside = ["type", "id", "name"] + (["error"] if form is output.Format.CSV else [])
    columns, cells = output.spread([result for _item, result, _error in rows], beside)
    table = [
        [*_identity(item).values(), *cell, *([error] if form is output.Format.CSV else [])]
        for (item, _result, error), cell in zip(rows, cells)
    ]
    names = [*beside[:3], *columns, *beside[3:]]
    (output.print_csv if form is output.Format.CSV else output.print_table)(names, table)


def _split(result: Any) -> Tuple[Any, Optional[str]]:
    if isinstance(result, Failure):
        return None, f"{type(result.error).__name__}: {result.error}"
    return result, None


def _identity(entity: Dict[str, Any]) -> Dict[str, Any]:
    name = next((entity[field] for field in NAMES if entity.get(field)), None)
    return {"type": entity["type"], "id": entity["id"], "name": name}
