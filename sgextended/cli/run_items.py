"""
One function over many items, as a command shows it: a bar meanwhile, and in the end what was done and what was not.
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
from sgextended.cli.output import plural
from sgextended.errors import CallError
from sgextended.workers.journal import name_of

INTERRUPTED = 130  # the exit status of what Ctrl-C has ended

_REASONS = 10  # are shown at most
_EXAMPLES = 3  # items for each of them
_LONGEST = 300  # characters of a reason

_log = logging.getLogger(__name__)


@frozen(kw_only=True)
class RunOptions:
    """
    RunOptions the work is done; see ``sg.map``.
    """

    workers: int
    executor: Optional[Executor] = None
    journal: Optional[Path] = None
    unit: str = "worker"

    @property
    def is_here(self) -> bool:
        """
        Whether this process does the work.
        """
        return self.executor is None


@define(kw_only=True)
class Outcome:
    """
    What came of the work: the results, the failures, and what it cost.

    Attributes:
        results: Each item that was worked on, with its result or its `Failure`, in the order of the items.

        total: RunOptions many items there are.

        ended_by: What has ended the work before its end: Ctrl-C, or a failure to read the items. None: nothing has.

        requests: Sent to the site by this process. None: others did the work.
    """

    how: RunOptions
    total: int
    results: List[Tuple[Any, Any]] = field(factory=list)
    ended_by: Optional[BaseException] = None
    seconds: float = 0.0
    requests: Optional[int] = 0

    @property
    def failures(self) -> List[Failure]:
        """
        What came of the items whose work failed.
        """
        return [result for _item, result in self.results if isinstance(result, Failure)]

    @property
    def done(self) -> List[Tuple[Any, Any]]:
        """
        The items whose work did not fail, with their results.
        """
        return [(item, result) for item, result in self.results if not isinstance(result, Failure)]

    @property
    def left(self) -> int:
        """
        RunOptions many items are not done, the failed ones included.
        """
        return max(self.total, len(self.results)) - len(self.done)

    @property
    def cost(self) -> str:
        """
        The price of the work, in words.
        """
        price = f"{self.seconds:.2f} s with {plural(self.how.workers, self.how.unit)}"
        return price if self.requests is None else f"{price}, {plural(self.requests, 'request')} to the site"

    @property
    def status(self) -> int:
        """
        The exit status that tells it: 0 where all is done, 1 where something failed, 130 after Ctrl-C.
        """
        if isinstance(self.ended_by, KeyboardInterrupt):
            return INTERRUPTED
        return 1 if self.ended_by is not None or self.failures else 0


class Meter:
    """
    What work costs, from when this is made.

    Args:
        sg: Who asks the site.
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
        Requests that this process has sent until now.
        """
        return self._sg.requests_sent - self._sent


Items = Union[Sequence[Any], "Counted"]


@frozen
class Counted:
    """
    Items that are not held in memory, and how many they are.
    """

    items: Iterator[Any]
    count: int

    def __iter__(self) -> Iterator[Any]:
        return self.items

    def __len__(self) -> int:
        return self.count


def run(
    sg: SGExtended, function: Callable[..., Any], items: Items, how: RunOptions, *, meter: Optional[Meter] = None
) -> Outcome:
    """
    Return what comes of ``function(sg, item)`` for each item; failures and Ctrl-C are part of it.

    A bar is shown on a terminal. The first Ctrl-C begins nothing more and lets what runs finish, the second ends the
    process.

    Args:
        sg: Whose clones the workers use.

        function: What is called, or a class of `SGWorker`.

        items: What to work on.

        how: Who does it.

        meter: Counts what it costs. None: from now on.
    """
    meter = meter or Meter(sg)
    outcome = Outcome(how=how, total=len(items))
    taken: Deque[Any] = deque()
    options: Dict[str, Any] = {
        "workers": how.workers,
        "executor": how.executor,
        "journal": how.journal,
        "on_error": "collect",
        "progress": True,
    }
    source = Counted(_noted(items, taken), len(items))
    try:
        with _interruptible():
            if inspect.isclass(function) and issubclass(function, SGWorker):
                results = function.map(source, site=sg.site, **options)
            else:
                results = sg.map(function, source, **options)
            with contextlib.closing(results):  # type: ignore[type-var] # it is a generator
                for result in results:
                    outcome.results.append((taken.popleft(), result))
    except (KeyboardInterrupt, BrokenExecutor, *CallError) as error:
        if isinstance(error, CallError) and not outcome.results and not taken:  # nothing was begun
            raise
        outcome.ended_by = error
    outcome.seconds, outcome.requests = meter.seconds, meter.requests if how.is_here else None
    for failure in outcome.failures[:1]:
        _log.debug("The first failure, on %s:", name_of(failure.item), exc_info=failure.error)
    return outcome


def _noted(items: Items, taken: Deque[Any]) -> Iterator[Any]:
    """
    Yield items, and keep those whose results are still to come.
    """
    for item in items:
        taken.append(item)
        yield item


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """
    Say what happens on Ctrl-C, and leave at once on the second one.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:  # the shell has started the command in the background
        yield
        return
    pressed = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal pressed
        if pressed:
            for child in multiprocessing.active_children():
                child.terminate()
            os._exit(INTERRUPTED)
        pressed = True
        # Not by sys.stderr, which may be in the middle of writing.
        os.write(2, b"\nStopping: what is under way is finished first. Ctrl-C again leaves at once.\n")
        raise KeyboardInterrupt

    is_set = False
    with contextlib.suppress(ValueError):  # this is not the main thread of Python, which alone gets signals
        signal.signal(signal.SIGINT, stop)
        is_set = True
    try:
        yield
    finally:
        if is_set:
            signal.signal(signal.SIGINT, before)


# --- The summary


def show_summary(outcome: Outcome, function: Callable[..., Any], *, may_keep: bool = True) -> None:
    """
    Say on stderr what was done, what was not and why, and how to go on with the rest.

    Args:
        outcome: What came of the work.

        function: What was called.

        may_keep: Whether the command has the option ``--journal``.
    """
    console = Console(stderr=True, highlight=False)
    if outcome.left:
        console.print(_to_table(outcome, function))
    price = f"{plural(len(outcome.done), 'item')} done in {outcome.cost}."
    console.print(Text(price))
    if outcome.ended_by is not None and not isinstance(outcome.ended_by, KeyboardInterrupt):
        ended = f"The work has ended early: {type(outcome.ended_by).__name__}: {outcome.ended_by}"
        console.print(Text(ended, "red"), soft_wrap=True)
    if outcome.left:
        console.print(
            Text(_way_on(outcome, may_keep=may_keep)), soft_wrap=True
        )  # a command that is broken cannot be copied


def _to_table(outcome: Outcome, function: Callable[..., Any]) -> Table:
    table = Table()
    table.add_column("Items", justify="right")
    table.add_column("Outcome", no_wrap=True)
    table.add_column("Reason", overflow="fold")
    table.add_column("Such as", overflow="fold")
    table.add_row(str(len(outcome.done)), Text("done", "green"), "", "")
    reasons = _reasons(outcome.failures, function)
    for reason, items in reasons[:_REASONS]:
        examples = ", ".join(map(name_of, items[:_EXAMPLES])) + (", ..." if len(items) > _EXAMPLES else "")
        table.add_row(str(len(items)), Text("failed", "red"), Text(reason), Text(examples))
    if len(reasons) > _REASONS:
        more = sum(len(items) for _reason, items in reasons[_REASONS:])
        told = f"{plural(len(reasons) - _REASONS, 'other reason')}"
        table.add_row(str(more), Text("failed", "red"), told, "")
    if outcome.left > len(outcome.failures):
        waiting = outcome.left - len(outcome.failures)
        table.add_row(str(waiting), Text("not done", "yellow"), _reason_of_the_rest(outcome), "")
    return table


def _reason_of_the_rest(outcome: Outcome) -> str:
    return "stopped by Ctrl-C" if isinstance(outcome.ended_by, KeyboardInterrupt) else "the work has ended early"


def _reasons(failures: Sequence[Failure], function: Callable[..., Any]) -> List[Tuple[str, List[Any]]]:
    """
    Return why items failed, the most frequent reason first, and the items of each.
    """
    groups: Dict[str, List[Any]] = {}
    for failure in failures:
        groups.setdefault(_reason(failure, function), []).append(failure.item)
    return sorted(groups.items(), key=lambda group: -len(group[1]))


def _reason(failure: Failure, function: Callable[..., Any]) -> str:
    """
    Return why an item failed, in words that are the same for other items that failed in the same way.
    """
    told = str(failure.error).strip().partition("\n")[0]
    item = failure.item if isinstance(failure.item, dict) else {}
    for key in ("id", "name", "code", "content"):
        if item.get(key):
            told = re.sub(rf"(?<!\w){re.escape(str(item[key]))}(?!\w)", f"<{key}>", told)
    told = told if len(told) <= _LONGEST else f"{told[:_LONGEST]}..."
    reason = type(failure.error).__name__ + (f": {told}" if told else "")
    return reason + _place(failure.error, function)


def _place(error: BaseException, function: Callable[..., Any]) -> str:
    """
    Return the line of the function's own file that has failed, where that is known: not from other processes.
    """
    try:
        file = inspect.getsourcefile(function)
    except TypeError:  # it is not written in Python
        return ""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f" ({Path(file).name}, line {lines[-1]})" if file and lines else ""


def _way_on(outcome: Outcome, *, may_keep: bool) -> str:
    left, journal = plural(outcome.left, "item"), outcome.how.journal
    if journal is not None:
        return f"{left} left. {journal} has what is done; the same command goes on with the rest:\n  {_typed()}"
    hint = " With --journal FILE it keeps what is done, and goes on with the rest when it is given again."
    return f"{left} left. Nothing was kept: the same command does all of them again.{hint if may_keep else ''}"


def _typed() -> str:
    words = ["sgextended", *sys.argv[1:]]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
