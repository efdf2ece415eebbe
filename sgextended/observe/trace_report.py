"""
`Trace`: the recorded requests of a trace, their sums by request and by line of code, and reports of them.
"""

import itertools
import json
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Set, Tuple, Union

from attrs import define, field, frozen

if TYPE_CHECKING:
    from sgextended.observe.call_events import Call

#: Advice is given for a line that sends the same kind of request more often than this.
OFTEN = 20

_SHOWN = 15  # lines of the table

#: The advice for a line, by the name of the request.
_INSTEAD = {
    "read": "use one find with [field, 'in', [...]], or sg.find_by_ids",
    "summarize": "use sg.group_by once, or one summarize with a grouping",
    **dict.fromkeys(("create", "update", "delete", "revive"), "use one sg.batch"),
}


@frozen
class Line:
    """
    A line of code: its file, number and function.
    """

    file: str
    number: int
    function: str

    def __str__(self) -> str:
        return f"{Path(self.file).name}:{self.number} in {self.function}" if self.file else self.function


_UNKNOWN = Line("", 0, "a task without a line of its own")


@frozen
class MethodCall:
    """
    One call of a method of a wrapper, which may send several requests.
    """

    line: Line
    number: int


@frozen
class _Record:
    """
    One request: its event, the call of a wrapper's method that sent it, the time of its end, and its thread.
    """

    call: "Call"
    method_call: Optional[MethodCall]
    ended: float
    thread: int


@define
class Sum:
    """
    The sums of some requests.

    Attributes:
        method_calls: The number of calls of a wrapper's methods.

        calls: The number of requests. A find of several pages sends several.

        seconds: The sum of the seconds of all requests, although some may have been in flight at the same time.

        bytes: The number of bytes sent and received.

        failures: The number of requests that raised an exception.
    """

    method_calls: int = 0
    calls: int = 0
    seconds: float = 0.0
    bytes: int = 0
    failures: int = 0
    _numbers: Set[Optional[int]] = field(factory=set, repr=False)

    def add(self, record: _Record) -> None:
        """
        Add one request.
        """
        call = record.call
        self.calls += 1
        self.seconds += call.seconds
        self.bytes += (call.bytes_sent or 0) + (call.bytes_received or 0)
        self.failures += call.error is not None
        self._numbers.add(record.method_call.number if record.method_call else None)
        self.method_calls = len(self._numbers)

    def to_dict(self) -> Dict[str, Any]:
        """
        Return the sums as a dict for JSON.
        """
        return {
            "method_calls": self.method_calls,
            "calls": self.calls,
            "seconds": round(self.seconds, 6),
            "bytes": self.bytes,
            "failures": self.failures,
        }


class Trace:
    """
    The requests of a traced block. Its text is a table; see also `to_dict` and `write_chrome`.
    """

    __module__ = "sgextended"

    def __init__(self) -> None:
        self._records: List[_Record] = []

    def add(self, call: "Call", method_call: Optional[MethodCall]) -> None:
        """
        Record a finished request. Any thread may call this.
        """
        self._records.append(_Record(call, method_call, time.perf_counter(), threading.get_ident()))

    def by_rpc(self) -> Dict[str, Sum]:
        """
        Return the sums for each kind of request, such as ``"read Shot"``, the most seconds first.
        """
        return self._sums(lambda record: _kind(record.call))

    def by_line(self) -> Dict[Line, Sum]:
        """
        Return the sums for each line of the program, the most seconds first.
        """
        return self._sums(_line)

    def by_line_and_rpc(self) -> Dict[Tuple[Line, str], Sum]:
        """
        Return the sums for each line and kind of request, the most seconds first.
        """
        return self._sums(lambda record: (_line(record), _kind(record.call)))

    def _sums(self, key_of: Callable[[_Record], Any]) -> Dict[Any, Sum]:
        sums: Dict[Any, Sum] = {}
        for record in list(self._records):
            sums.setdefault(key_of(record), Sum()).add(record)
        return dict(sorted(sums.items(), key=lambda item: -item[1].seconds))

    @property
    def total(self) -> Sum:
        """
        The sums of all requests.
        """
        return next(iter(self._sums(lambda _record: None).values()), Sum())

    def advice(self) -> List[str]:
        """
        Return a sentence for each line that sends the same kind of request more than 20 times.
        """
        return [
            f"{line} called '{kind}' {cost.method_calls} times in {cost.seconds:.2f} s: "
            + _INSTEAD.get(kind.split()[0], "run several at the same time, with sg.map")
            for (line, kind), cost in self.by_line_and_rpc().items()
            if cost.method_calls > OFTEN
        ]

    def to_dict(self) -> Dict[str, Any]:
        """
        Return a dict for JSON: the total sums, the sums by request and by line, and the advice.
        """
        return {
            "total": self.total.to_dict(),
            "rpcs": {kind: cost.to_dict() for kind, cost in self.by_rpc().items()},
            "lines": [
                {"file": line.file, "line": line.number, "function": line.function, "rpc": kind, **cost.to_dict()}
                for (line, kind), cost in self.by_line_and_rpc().items()
            ],
            "advice": self.advice(),
        }

    def write_chrome(self, path: "Union[str, os.PathLike[str]]") -> None:
        """
        Write a file for chrome://tracing or https://ui.perfetto.dev. Each request is a bar in the row of its thread.
        """
        start = min((record.ended - record.call.seconds for record in self._records), default=0.0)
        events = [
            {
                "name": _kind(record.call),
                "cat": "sgextended",
                "ph": "X",
                "ts": round((record.ended - record.call.seconds - start) * 1e6),
                "dur": round(record.call.seconds * 1e6),
                "pid": os.getpid(),
                "tid": record.thread,
                "args": {
                    "line": str(_line(record)),
                    "attempts": record.call.attempts,
                    "bytes_sent": record.call.bytes_sent,
                    "bytes_received": record.call.bytes_received,
                    "rows": record.call.rows,
                    "error": record.call.error and record.call.error.__name__,
                },
            }
            for record in list(self._records)
        ]
        Path(path).write_text(json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}), encoding="utf-8")

    def __str__(self) -> str:
        rows = [
            (str(cost.method_calls), str(cost.calls), f"{cost.seconds:.3f}", _size(cost.bytes), kind, str(line))
            for (line, kind), cost in itertools.islice(self.by_line_and_rpc().items(), _SHOWN)
        ]
        head = ("called", "calls", "seconds", "bytes", "call", "line")
        widths = [max(len(row[column]) for row in (head, *rows)) for column in range(4)]
        kinds = max(len(row[4]) for row in (head, *rows))
        table = [
            "  ".join([*(cell.rjust(width) for cell, width in zip(row, widths)), row[4].ljust(kinds), row[5]])
            for row in (head, *rows)
        ]
        total, left = self.total, len(self.by_line_and_rpc()) - len(rows)
        more = [f"... and {left} more"] if left else []
        last = f"{total.calls} calls, {total.seconds:.3f} s, {_size(total.bytes)}"
        failed = f", {total.failures} failed" if total.failures else ""
        return "\n".join([*table, *more, last + failed, *self.advice()])

    def __repr__(self) -> str:
        return f"<Trace of {len(self._records)} calls>"


def _kind(call: "Call") -> str:
    return f"{call.rpc} {call.entity_type}" if call.entity_type else call.rpc


def _line(record: _Record) -> Line:
    return record.method_call.line if record.method_call else _UNKNOWN


def _size(number: int) -> str:
    for unit in ("B", "kB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number = number / 1000  # type: ignore[assignment]
    return f"{number:.1f} MB"
