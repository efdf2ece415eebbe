"""
``sgextended events``: prints the events of a site, and runs a studio's handlers of events.
"""

import contextlib
import csv
import datetime as dt
import functools
import inspect
import logging
import signal
import sys
import time
from pathlib import Path
from typing import Annotated, Any, Callable, Dict, Iterator, List, Optional

import typer

from sgextended import ConfigurationError, Event, EventRunner, SGExtended
from sgextended.cli.printing.cells import csv_cell, to_iso
from sgextended.cli.printing.log_lines import log_lines
from sgextended.cli.printing.terminal import to_json
from sgextended.cli.shared import output
from sgextended.cli.shared.entity_query import find_projects_by_name
from sgextended.cli.shared.executors import DaskOption, ExecutorKind, ProcessesOption
from sgextended.cli.shared.load_function import load_module
from sgextended.cli.shared.options import FormatOption, ProjectOption
from sgextended.cli.shared.output import plural
from sgextended.cli.shared.site_command import Connect, site_command
from sgextended.cli.usage_error import UsageError
from sgextended.events.handling.event_runner import retry_parked, states_in
from sgextended.events.handling.handlers import Handler, handlers_of

app: typer.Typer = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

#: The folder for the places of handlers without --places.
DEFAULT_PLACES = Path("sgextended-events")

_COLUMNS = ("id", "created_at", "event_type", "attribute_name", "entity", "old_value", "new_value", "user", "late")

_FromOption = Annotated[
    Optional[str],
    typer.Option("--from", metavar="ID|TIME|now", help="First event: its id, a time such as 2026-03-01T09:00, or now."),
]
_ModuleArgument = typer.Argument(
    metavar="MODULE", help="Module with handlers, or path/to/file.py. Modules in this folder are found."
)
_PlacesOption = Annotated[
    Path, typer.Option("--places", metavar="DIR", file_okay=False, help="Folder with the places of the handlers.")
]


@site_command
def show(
    connect: Connect,
    *,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for further events, until Ctrl-C.")] = False,
    start: _FromOption = None,
    event_type: Annotated[
        Optional[List[str]],
        typer.Option(
            "--type", metavar="NAME", help="Only events of this type, such as Shotgun_Task_Change or Shotgun_Task_*."
        ),
    ] = None,
    attribute: Annotated[
        Optional[List[str]], typer.Option("--attribute", metavar="FIELD", help="Only changes of this field.")
    ] = None,
    entity_type: Annotated[
        Optional[List[str]], typer.Option("--entity-type", metavar="TYPE", help="Only events of entities of this type.")
    ] = None,
    project: ProjectOption = None,
    checkpoint: Annotated[
        Optional[Path],
        typer.Option(
            metavar="FILE", dir_okay=False, help="Keep the place in the log in this file, and continue there."
        ),
    ] = None,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="Print events when they are visible, late ones after later ones.")
    ] = False,
    output_format: FormatOption = output.Format.TABLE,
) -> int:
    """
    Print the events of the site, one a line. Subcommands run a studio's handlers.

    With --follow it begins now, or at --from, and waits for further events. Without, it prints the events since --from.
    """
    if not follow and start is None and checkpoint is None:
        raise UsageError(
            "Which events? Give --follow to wait for new ones, or --from ID to print those that are there."
        )
    after = _after(start)
    sg = connect()
    stream = sg.events(
        event_type,
        attribute=attribute,
        entity_type=entity_type,
        project=find_projects_by_name(sg, project) if project else None,
        after=after,
        checkpoint=checkpoint,
        in_order=not at_once,
        follow=follow,
    )
    with _ending(stream.close) as ended:
        _print_events(stream, output_format)
    return ended()


@app.command("run")
@site_command
def run(
    connect: Connect,
    module: Annotated[str, _ModuleArgument],
    *,
    places: _PlacesOption = DEFAULT_PLACES,
    start: _FromOption = "now",
    processes: ProcessesOption = False,
    dask: DaskOption = None,
) -> int:
    """
    Run the handlers of a module, until Ctrl-C or SIGTERM.

    Handlers are functions and methods with the decorator @sgextended.on(...). Each continues where it ended last; a new
    one begins at --from. Failed events are parked and tried again: see 'sgextended events parked'.
    """
    after = _after(start)
    handlers = _handlers_in(module)
    kind = ExecutorKind(workers=sum(handler.workers for handler in handlers), processes=processes, dask=dask)
    kind.check()
    sg = connect()
    names = ", ".join(handler.name for handler in handlers)
    with (
        log_lines("sgextended", logging.StreamHandler(), "%(asctime)s %(levelname)s %(message)s"),
        kind.open([handler.function for handler in handlers]) as (executor, *_),
    ):
        runner = EventRunner(sg, handlers, places, after=after, executor=executor)
        with _ending(runner.close) as ended:
            runner.find_starts()  # whoever reads the line may rely on it that no later change is missed
            sys.stderr.write(f"Running {plural(len(handlers), 'handler')}: {names}. Places: {places}. Ctrl-C ends.\n")
            runner.run()
    counts = ", ".join(f"{name} {count}" for name, count in runner.handled.items())
    sys.stderr.write(f"Handled: {counts}.\n")
    parked = sum(len(state.parked) for state in states_in(places))
    if parked:
        sys.stderr.write(f"{plural(parked, 'event')} parked: see 'sgextended events parked --places {places}'.\n")
    return ended()


@app.command("replay")
@site_command
def replay(
    connect: Connect,
    module: Annotated[Optional[str], _ModuleArgument] = None,
    *,
    start: _FromOption = None,
    end: Annotated[
        Optional[int], typer.Option("--to", min=1, help="Id of the last event. Default: the newest.")
    ] = None,
    handler: Annotated[
        Optional[List[str]], typer.Option(metavar="NAME", help="Only this handler. Can be given several times.")
    ] = None,
    output_format: FormatOption = output.Format.TABLE,
) -> int:
    """
    Handle older events again: call the handlers of a module for the events since --from.

    The places of the handlers do not change. Without a module, the events are printed.

    Exit status: 0 if all events are handled, 1 if a handler failed for one, 2 if the command is not valid.
    """
    if start is None or start == "now":
        raise UsageError("Which events? Give --from with the id of the first event, or with a time.")
    after = _after(start)
    if module is None:
        sg = connect()
        stream = sg.events(after=after, follow=False)
        with _ending(stream.close) as ended:
            _print_events(_up_to(stream, end), output_format)
        return ended()
    handlers = _handlers_in(module)
    unknown = sorted(set(handler or ()) - {each.name for each in handlers})
    if unknown:
        known = ", ".join(each.name for each in handlers)
        raise UsageError(f"{module} has no handler {', '.join(map(repr, unknown))}. It has: {known}.")
    sg = connect()
    chosen = [each for each in handlers if not handler or each.name in handler]
    failed = sum(_replay(sg, each, after, end) for each in chosen)
    return 1 if failed else 0


@app.command("parked")
def parked(
    places: _PlacesOption = DEFAULT_PLACES,
    retry: Annotated[bool, typer.Option("--retry", help="Have the next run try all parked events at once.")] = False,
    output_format: FormatOption = output.Format.TABLE,
) -> None:
    """
    List the events whose handling has failed, for each handler.
    """
    if retry:
        sys.stderr.write(f"{plural(retry_parked(places), 'event')} will be tried again by the next run.\n")
    states = states_in(places)
    rows = [
        [state.name, each.id, each.event_type, each.entity, each.attempts, _moment(each.next_try), each.error]
        for state in states
        for each in state.parked
    ]
    if rows or output_format is not output.Format.TABLE:
        columns = ("handler", "event", "event_type", "entity", "attempts", "next_try", "error")
        output.print_rows(columns, [[_plain(value) for value in row] for row in rows], output_format)
    else:
        for state in states:
            sys.stdout.write(f"{state.name}: nothing is parked; all events up to {state.mark} are handled.\n")


def _without_subcommand(command: Callable[..., None]) -> Callable[..., None]:
    """
    Return a callback for typer that runs a command if no subcommand is given.
    """

    @functools.wraps(command)
    def callback(context: typer.Context, **options: Any) -> None:
        if context.invoked_subcommand is None:
            command(**options)

    signature = inspect.signature(command)
    own = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    callback.__signature__ = signature.replace(parameters=[own, *signature.parameters.values()])  # type: ignore[attr-defined]
    callback.__annotations__ = {**command.__annotations__, "context": typer.Context}
    return callback


app.callback(invoke_without_command=True)(_without_subcommand(show))


# --- Starts and ends


def _after(start: Optional[str]) -> Any:
    """
    Return the start for a value of --from. An id names the first event, so the loop begins after the one before.
    """
    if start is None or start == "now":
        return "now"
    if start.isdecimal():
        return max(int(start) - 1, 0)
    try:
        return dt.datetime.fromisoformat(start)
    except ValueError as error:
        raise UsageError(f"--from {start!r} is neither an id, nor a time such as 2026-03-01T09:00, nor now.") from error


@contextlib.contextmanager
def _ending(close: Callable[[], None]) -> Iterator[Callable[[], int]]:
    """
    Call *close* when SIGTERM or Ctrl-C arrives in the block. Yield a function that returns the exit status.
    """
    received: List[int] = []

    def end(number: int, _frame: object) -> None:
        signal.signal(number, previous[number])  # a second one ends the process at once
        received.append(number)
        close()

    previous: Dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in previous:
        signal.signal(number, end)
    try:
        yield lambda: 130 if signal.SIGINT in received else 0
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _up_to(events: Iterator[Event], end: Optional[int]) -> Iterator[Event]:
    for event in events:
        if end is not None and event.id > end:
            return
        yield event


# --- Handlers


def _handlers_in(module: str) -> List[Handler]:
    loaded = load_module(module)
    try:
        return handlers_of(loaded)
    except ConfigurationError as error:
        raise UsageError(str(error)) from error


def _replay(sg: SGExtended, handler: Handler, after: Any, end: Optional[int]) -> int:
    """
    Call a handler for the events of a part of the log. Return the number of failures.
    """
    owner: Any = handler.owner
    wrapper: Any = sg if owner is None or isinstance(sg, owner) else owner(sg=sg)
    wanted = handler.filter
    stream = sg.events(filters=wanted.conditions, after=after, follow=False)
    handled = failed = 0
    with _ending(stream.close), wrapper.as_current():
        for event in filter(wanted.matches, _up_to(stream, end)):
            error = _error_of(handler, wrapper, event)
            if error is None:
                handled += 1
            else:
                failed += 1
                sys.stderr.write(f"{handler.name} failed for event {event.id}: {type(error).__name__}: {error}\n")
    sys.stderr.write(f"{handler.name}: {handled} handled, {failed} failed.\n")
    return failed


def _error_of(handler: Handler, wrapper: Any, event: Event) -> Optional[Exception]:
    try:
        handler.function(wrapper, event)
    except Exception as error:  # noqa: BLE001 - reported; the other events are handled
        return error
    return None


# --- Printing


def _print_events(events: Iterator[Event], output_format: output.Format) -> None:
    """
    Print events as they come: a line for people, a JSON object a line, or CSV.
    """
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if output_format is output.Format.CSV:
        writer.writerow(_COLUMNS)
    for event in events:
        values = {name: getattr(event, name) for name in _COLUMNS}
        if output_format is output.Format.JSON:
            more = {"project": event.project, "added": event.added, "removed": event.removed, "meta": event.meta}
            sys.stdout.write(to_json({**values, **more}, default=to_iso) + "\n")
        elif output_format is output.Format.CSV:
            writer.writerow([csv_cell(value) for value in values.values()])
        else:
            sys.stdout.write(_line(event) + "\n")
        sys.stdout.flush()


def _line(event: Event) -> str:
    parts: List[str] = [
        str(event.id),
        "" if event.created_at is None else event.created_at.isoformat(),
        event.event_type or "-",
        _link(event.entity),
        event.attribute_name or "",
    ]
    if event.added or event.removed:
        parts += [f"+{_link(link)}" for link in event.added] + [f"-{_link(link)}" for link in event.removed]
    elif event.attribute_name:
        parts.append(f"{_plain(event.old_value)} -> {_plain(event.new_value)}")
    if event.user:
        parts.append(f"by {event.user.get('name') or _link(event.user)}")
    if event.late:
        parts.append("(late)")
    # A name may hold characters that would control the terminal.
    return "".join(each if each.isprintable() else " " for each in "  ".join(part for part in parts if part))


def _link(link: Optional[Dict[str, Any]]) -> str:
    if link is None:
        return ""
    name = f" ({link['name']})" if link.get("name") else ""
    return f"{link['type']}:{link['id']}{name}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict) and "type" in value and "id" in value:
        return _link(value)
    return value


def _moment(seconds: Optional[float]) -> str:
    if seconds is None:
        return "not by itself"
    return "now" if seconds <= time.time() else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
