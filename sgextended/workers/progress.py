"""
The progress of a map: a bar on the terminal, or calls of a function.
"""

import contextlib
import os
import sys
import time
from typing import Any, Callable, Iterator, List, Optional, Union

Reporter = Callable[[int, int], object]
#: The type of ``progress=``: whether to show a bar, or a function that is called with (done, failed, total).
Progress = Union[bool, Callable[[int, int, Optional[int]], object], None]

_PAUSE = 0.2  # seconds between two lines of plain text
_WIDTH = 30  # characters of the plain bar


@contextlib.contextmanager
def reporter(progress: Progress, total: Optional[int], label: str = "") -> Iterator[Reporter]:
    """
    Yield a function to call with the numbers of done and failed items.

    Args:
        progress: True shows a bar, if stderr is a terminal; a function is called with (done, failed, total).

        total: The number of items; None if it is not known.

        label: What the bar counts. "": nothing is shown.
    """
    if callable(progress):
        yield lambda done, failed: progress(done, failed, total)
    elif progress and _is_terminal(sys.stderr):
        with _rich_bar(total, label) or _plain_bar(total, label) as report:
            yield report
    else:
        yield lambda _done, _failed: None


def _is_terminal(stream: Any) -> bool:
    # In a program with windows stderr may be None. In Maya and similar hosts it is an object with write() only.
    isatty = getattr(stream, "isatty", None)
    return isatty is not None and bool(isatty())


def _rich_bar(total: Optional[int], label: str) -> Any:
    try:
        from rich.console import Console  # noqa: PLC0415 - an extra
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415
        from rich.progress import Progress as RichProgress  # noqa: PLC0415
    except ImportError:
        return None

    @contextlib.contextmanager
    def bar() -> Iterator[Reporter]:
        failed = TextColumn("{task.fields[failed]}")
        columns: List[Any] = [BarColumn(), MofNCompleteColumn(), failed, TimeRemainingColumn()]
        if label:
            columns.insert(0, TextColumn("{task.description}", markup=False))
        shown = RichProgress(*columns, console=Console(stderr=True), transient=True)
        task = shown.add_task(label, total=total, failed="")
        pid = os.getpid()
        shown.start()
        try:
            yield lambda done, failed: shown.update(
                task, completed=done + failed, failed=f"{failed} failed" if failed else ""
            )
        finally:
            if os.getpid() == pid:  # a forked child has neither the thread of the bar nor its locks
                shown.stop()

    return bar()


@contextlib.contextmanager
def _plain_bar(total: Optional[int], label: str = "") -> Iterator[Reporter]:
    shown_at = 0.0

    def report(done: int, failed: int) -> None:
        nonlocal shown_at
        now = time.monotonic()
        if now - shown_at < _PAUSE and done + failed != total:
            return
        shown_at = now
        sys.stderr.write("\r" + (f"{label} " if label else "") + _line(done, failed, total))
        sys.stderr.flush()

    yield report
    sys.stderr.write("\r" + " " * 79 + "\r")
    sys.stderr.flush()


def _line(done: int, failed: int, total: Optional[int]) -> str:
    counts = f"{done + failed}" + (f"/{total}" if total is not None else "") + (f", {failed} failed" if failed else "")
    if not total:
        return counts
    filled = _WIDTH * (done + failed) // total
    return f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {counts}"
