"""
Calling one function for many items, with a progress bar, and a summary of what is done and what is not.
"""

import contextlib
import inspect
import logging
import multiprocessing
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import traceback
from collections import deque
from concurrent.futures import BrokenExecutor, Executor
from pathlib import Path
from typing import Any, Callable, Deque, Dict, Iterator, List, Optional, Sequence, Tuple, Union

from attrs import define, field, frozen
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sgextended import Failure, SGExtended, SGWorker
from sgextended.cli.printing.terminal import one_line, several_lines
from sgextended.cli.shared.output import plural
from sgextended.errors import CallError
from sgextended.schema.name_fields import NAME_FIELDS, OTHER_NAME_FIELDS
from sgextended.workers.journal import name_of
from sgextended.workers.progress import reporter

INTERRUPTED = 130  # the exit status of a command that Ctrl-C has stopped

_MAX_REASONS = 10  # lines in the summary
_MAX_EXAMPLES = 3  # items named in each line
_MAX_REASON_LENGTH = 300  # characters

_log = logging.getLogger(__name__)


@frozen(kw_only=True)
class RunOptions:
    """
    How the items are processed; see ``sg.map``.

    Attributes:
        workers: How many items are processed at the same time.

        executor: The executor that calls the function. None: threads of this process.

        journal: The file that records finished items. None: no record.

        unit: What one worker is called in messages, such as "process".

        label: The label of the progress bar.
    """

    workers: int
    executor: Optional[Executor] = None
    journal: Optional[Path] = None
    unit: str = "worker"
    label: str = "Items"

    @property
    def in_this_process(self) -> bool:
        """
        Whether this process calls the function itself.
        """
        return self.executor is None


@define(kw_only=True)
class Outcome:
    """
    The outcome of a run: the results, the failures, and the cost.

    Attributes:
        options: The options of the run.

        total: How many items there are.

        results: Each finished item with its result or its `Failure`, in the order of the items.

        ended_by: The exception that stopped the run early: Ctrl-C, or an error while the items were read. None: the
            run was complete.

        seconds: How long the run took.

        requests: How many requests this process sent to the site. None: other processes did the work.
    """

    options: RunOptions
    total: int
    results: List[Tuple[Any, Any]] = field(factory=list)
    ended_by: Optional[BaseException] = None
    seconds: float = 0.0
    requests: Optional[int] = 0

    @property
    def failures(self) -> List[Failure]:
        """
        The failures of the items whose call raised an exception.
        """
        return [result for _item, result in self.results if isinstance(result, Failure)]

    @property
    def done(self) -> List[Tuple[Any, Any]]:
        """
        The items whose call succeeded, with their results.
        """
        return [(item, result) for item, result in self.results if not isinstance(result, Failure)]

    @property
    def remaining(self) -> int:
        """
        How many items are not done, including the failed ones.
        """
        return max(self.total, len(self.results)) - len(self.done)

    @property
    def cost(self) -> str:
        """
        The time, the number of workers and the number of requests, as text.
        """
        cost = f"{self.seconds:.2f} s with {plural(self.options.workers, self.options.unit)}"
        return cost if self.requests is None else f"{cost}, {plural(self.requests, 'request')} to the site"

    @property
    def exit_status(self) -> int:
        """
        The exit status of the command: 0 if all items are done, 1 if something failed, 130 after Ctrl-C.
        """
        if isinstance(self.ended_by, KeyboardInterrupt):
            return INTERRUPTED
        return 1 if self.ended_by is not None or self.failures else 0


class CostMeter:
    """
    Measures seconds and requests, from its creation on.

    Args:
        sg: The client whose requests are counted.
    """

    def __init__(self, sg: SGExtended) -> None:
        self._sg = sg
        self._started, self._sent = time.perf_counter(), sg.requests_sent

    @property
    def seconds(self) -> float:
        """
        Seconds until now.
        """
        return time.perf_counter() - self._started

    @property
    def requests(self) -> int:
        """
        Number of requests that this process has sent until now.
        """
        return self._sg.requests_sent - self._sent


Items = Union[Sequence[Any], "CountedItems"]


@frozen
class CountedItems:
    """
    An iterator over items whose number is known. The items are not held in memory.
    """

    items: Iterator[Any]
    count: int

    def __iter__(self) -> Iterator[Any]:
        return self.items

    def __len__(self) -> int:
        return self.count


def run(
    sg: SGExtended,
    function: Callable[..., Any],
    items: Items,
    options: RunOptions,
    *,
    meter: Optional[CostMeter] = None,
) -> Outcome:
    """
    Call ``function(sg, item)`` for each item and return the outcome, which includes failures and Ctrl-C.

    On a terminal a progress bar is shown. After the first Ctrl-C no more calls are started, and the calls in progress
    finish. The second Ctrl-C ends the process at once.

    Args:
        sg: The client. Each worker gets a copy of it.

        function: The function, or a class of `SGWorker`.

        items: The items.

        options: How the items are processed.

        meter: Measures the cost. None: measure this call alone.
    """
    meter = meter or CostMeter(sg)
    outcome = Outcome(options=options, total=len(items))
    pending: Deque[Any] = deque()
    map_options: Dict[str, Any] = {
        "workers": options.workers,
        "executor": options.executor,
        "journal": options.journal,
        "on_error": "collect",
    }
    source = CountedItems(_recorded(items, pending), len(items))
    try:
        with _handle_ctrl_c(), reporter(True, len(items), options.label) as report:
            map_options["progress"] = lambda done, failed, _total: report(done, failed)
            if inspect.isclass(function) and issubclass(function, SGWorker):
                results = function.map(source, site=sg.site, **map_options)
            else:
                results = sg.map(function, source, **map_options)
            with contextlib.closing(results):  # type: ignore[type-var] # it is a generator
                for result in results:
                    outcome.results.append((pending.popleft(), result))
    except (KeyboardInterrupt, BrokenExecutor, *CallError) as error:
        if isinstance(error, CallError) and not outcome.results and not pending:  # no call was started
            raise
        outcome.ended_by = error
    outcome.seconds, outcome.requests = meter.seconds, meter.requests if options.in_this_process else None
    for failure in outcome.failures[:1]:
        _log.debug("The first failure, on %s:", name_of(failure.item), exc_info=failure.error)
    return outcome


def _recorded(items: Items, pending: Deque[Any]) -> Iterator[Any]:
    """
    Yield items, and append each to *pending* until its result arrives.
    """
    for item in items:
        pending.append(item)
        yield item


@contextlib.contextmanager
def _handle_ctrl_c() -> Iterator[None]:
    """
    Within the block, print a message and raise KeyboardInterrupt on the first Ctrl-C. Exit at once on the second.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:  # the shell started the command in the background
        yield
        return
    was_pressed = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal was_pressed
        if was_pressed:
            for child in multiprocessing.active_children():
                child.terminate()
            os._exit(INTERRUPTED)
        was_pressed = True
        # os.write, because the signal may have interrupted a write to sys.stderr.
        os.write(2, b"\nStopping. The calls in progress will finish first. Press Ctrl-C again to exit at once.\n")
        raise KeyboardInterrupt

    is_set = False
    with contextlib.suppress(ValueError):  # not in the main thread, which alone can set signal handlers
        signal.signal(signal.SIGINT, stop)
        is_set = True
    try:
        yield
    finally:
        if is_set:
            signal.signal(signal.SIGINT, before)


# --- The summary


def show_summary(outcome: Outcome, function: Callable[..., Any], *, has_journal_option: bool = True) -> None:
    """
    Print on stderr which items are done, which are not and why, and how to process the remaining ones.

    Args:
        outcome: The outcome of the run.

        function: The function that was called.

        has_journal_option: Whether the command has the option ``--journal``.
    """
    console = Console(stderr=True, highlight=False)
    if outcome.remaining:
        console.print(_to_table(outcome, function))
    console.print(Text(f"{plural(len(outcome.done), 'item')} done in {outcome.cost}."))
    if outcome.ended_by is not None and not isinstance(outcome.ended_by, KeyboardInterrupt):
        message = f"The run stopped early: {type(outcome.ended_by).__name__}: {outcome.ended_by}"
        console.print(Text(several_lines(message), "red"), soft_wrap=True)
    if outcome.remaining:
        next_step = _next_step(outcome, has_journal_option=has_journal_option)
        console.print(Text(next_step), soft_wrap=True)  # soft_wrap, so that the command in it can be copied


def _to_table(outcome: Outcome, function: Callable[..., Any]) -> Table:
    table = Table()
    table.add_column("Items", justify="right")
    table.add_column("Outcome", no_wrap=True)
    table.add_column("Reason", overflow="fold")
    table.add_column("Examples", overflow="fold")
    table.add_row(str(len(outcome.done)), Text("done", "green"), "", "")
    reasons = _reasons(outcome.failures, function)
    for reason, items in reasons[:_MAX_REASONS]:
        examples = ", ".join(map(name_of, items[:_MAX_EXAMPLES])) + (", ..." if len(items) > _MAX_EXAMPLES else "")
        table.add_row(str(len(items)), Text("failed", "red"), Text(one_line(reason)), Text(one_line(examples)))
    if len(reasons) > _MAX_REASONS:
        count = sum(len(items) for _reason, items in reasons[_MAX_REASONS:])
        others = plural(len(reasons) - _MAX_REASONS, "other reason")
        table.add_row(str(count), Text("failed", "red"), others, "")
    if outcome.remaining > len(outcome.failures):
        not_started = outcome.remaining - len(outcome.failures)
        reason = "stopped by Ctrl-C" if isinstance(outcome.ended_by, KeyboardInterrupt) else "the run stopped early"
        table.add_row(str(not_started), Text("not done", "yellow"), reason, "")
    return table


def _reasons(failures: Sequence[Failure], function: Callable[..., Any]) -> List[Tuple[str, List[Any]]]:
    """
    Return each reason for a failure with its items, the most frequent reason first.
    """
    groups: Dict[str, List[Any]] = {}
    for failure in failures:
        groups.setdefault(_reason(failure, function), []).append(failure.item)
    return sorted(groups.items(), key=lambda group: -len(group[1]))


def _reason(failure: Failure, function: Callable[..., Any]) -> str:
    """
    Return why an item failed. Replace its id and name by placeholders, so that items that failed alike are grouped.
    """
    message = str(failure.error).strip().partition("\n")[0]
    item = failure.item if isinstance(failure.item, dict) else {}
    for key in ("id", *NAME_FIELDS, *OTHER_NAME_FIELDS):
        if item.get(key):
            message = re.sub(rf"(?<!\w){re.escape(str(item[key]))}(?!\w)", f"<{key}>", message)
    message = message if len(message) <= _MAX_REASON_LENGTH else f"{message[:_MAX_REASON_LENGTH]}..."
    reason = type(failure.error).__name__ + (f": {message}" if message else "")
    return reason + _place(failure.error, function)


def _place(error: BaseException, function: Callable[..., Any]) -> str:
    """
    Return the line in the function's own file that raised the error. Return "" for an error from another process.
    """
    try:
        file = inspect.getsourcefile(function)
    except TypeError:  # it is not written in Python
        return ""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f" ({Path(file).name}, line {lines[-1]})" if file and lines else ""


def _next_step(outcome: Outcome, *, has_journal_option: bool) -> str:
    remaining, journal = plural(outcome.remaining, "item"), outcome.options.journal
    if journal is not None:
        return (
            f"Not done: {remaining}. {journal} records the items that are done. To process the remaining items, run "
            f"the same command again:\n  {_typed_command()}"
        )
    hint = " Use --journal FILE to record finished items, so that a second run processes only the remaining ones."
    return (
        f"Not done: {remaining}. No record of the finished items was kept: the same command processes all items again."
        f"{hint if has_journal_option else ''}"
    )


def _typed_command() -> str:
    words = ["sgextended", *sys.argv[1:]]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
