"""
The dry run: what a block would write is put down instead of sent, with old and new values, and can be applied.
"""

import itertools
from typing import Any, Dict, Iterator, List, Optional, Tuple

from attrs import define, evolve, frozen

from sgextended.errors import ConfigurationError
from sgextended.writes.write_events import Row, Send, Write

#: Ids that are asked for at a time.
CHUNK = 500

_WIDEST = 40  # characters of a column

Key = Tuple[str, int]


def values_there(client: Any, wanted: Dict[Key, List[str]]) -> Dict[Key, Row]:
    """
    Return what is on the site now: the rows of these entities with these fields, by type and id.
    """
    found: Dict[Key, Row] = {}
    for entity_type in sorted({entity_type for entity_type, _id in wanted}):
        ids = sorted(entity_id for each, entity_id in wanted if each == entity_type and entity_id > 0)
        for start in range(0, len(ids), CHUNK):
            some = ids[start : start + CHUNK]
            fields = sorted({name for entity_id in some for name in wanted[entity_type, entity_id]})
            rows = client.find(entity_type, [["id", "in", some]], fields)
            found.update({(entity_type, row["id"]): row for row in rows})
    return found


def fields_of(writes: List[Write]) -> Dict[Key, List[str]]:
    """
    Return which fields of which entities are to be changed or retired.
    """
    wanted: Dict[Key, List[str]] = {}
    for write in writes:
        if write.method in ("update", "delete") and write.entity_type and write.entity_id:
            wanted.setdefault((write.entity_type, write.entity_id), []).extend(
                write.data if write.method == "update" else ()
            )
    return wanted


def new_values(write: Write, old: Row) -> Row:
    """
    Return what the fields of an update come to.
    """
    return {name: _changed(value, old.get(name), write.update_modes.get(name)) for name, value in write.data.items()}


def _changed(value: Any, old: Any, mode: Any) -> Any:
    if mode not in ("add", "remove"):
        return value
    kept = [each for each in old or () if not any(is_same(each, other) for other in value)]
    return [*kept, *value] if mode == "add" else kept


def is_same(one: Any, other: Any) -> bool:
    """
    Tell whether two values of a field are the same; links are by type and id, whatever else is known of them.
    """
    return bool(comparable(one) == comparable(other))


def comparable(value: Any) -> Any:
    """
    Return what two values have in common that are the same.
    """
    if isinstance(value, dict) and "type" in value and "id" in value:
        return value["type"], value["id"]
    if isinstance(value, list):
        return sorted((comparable(each) for each in value), key=repr)
    return None if value == "" else value


@frozen(kw_only=True)
class Planned:
    """
    One write of a plan.

    Attributes:
        write: What would be written.

        old: The fields as they were; None where there was no such entity.

        new: The fields as they would be.
    """

    __module__ = "sgextended"

    write: Write
    old: Optional[Row]
    new: Row


@define(eq=False)
class _Step:
    """
    One call of a plan.
    """

    send: Send
    planned: List[Planned]
    made: List[int]  # the ids that stand for what it would create


class Plan:
    """
    What a block would write: it has a length, gives a `Planned` for each write, and its text is a table.

    Attributes:
        applied: How many calls have been sent by `apply`.
    """

    __module__ = "sgextended"

    is_dry = True

    def __init__(self) -> None:
        self.applied = 0
        self._steps: List[_Step] = []
        self._ids = itertools.count(-1, -1)
        self._real: Dict[int, int] = {}

    def around(self, client: Any, writes: List[Write], send: Send) -> Any:
        """
        Put a call down, and return what stands for its result.
        """
        there = values_there(client, fields_of(writes))
        planned, results, made = [], [], []
        for write in writes:
            old = there.get((write.entity_type or "", write.entity_id or 0))
            new = new_values(write, old or {}) if write.method == "update" else write.data
            planned.append(Planned(write=write, old=old, new=new))
            result = self._result(write, new)
            made.append(result["id"] if write.method == "create" else result)
            results.append(result)
        self._steps.append(_Step(send, planned, made))  # at once, so that no lock is needed
        return results if send.is_batch else results[0]

    def _result(self, write: Write, new: Row) -> Any:
        if write.method == "create":
            return {**new, "type": write.entity_type, "id": next(self._ids)}
        if write.method == "update":
            return {**new, "type": write.entity_type, "id": write.entity_id}
        if write.method in ("delete", "revive"):
            return True
        return next(self._ids) if write.method.startswith("upload") else None

    def __iter__(self) -> Iterator[Planned]:
        return iter([planned for step in self._steps for planned in step.planned])

    def __len__(self) -> int:
        return sum(len(step.planned) for step in self._steps)

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        rows = [("what", "field", "old", "new"), *itertools.chain.from_iterable(map(_rows_of, self))]
        cut = [[_cut(cell) for cell in row] for row in rows]
        widths = [max(len(row[column]) for row in cut) for column in range(4)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in cut]
        return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])

    def apply(self) -> List[Any]:
        """
        Write what was planned, call by call, and return what each returned.

        The ids that stood for what would be created become the true ones, in links too. `before_write` has spoken
        already; `after_write` is called. After a failure, the same again goes on with the call that failed: look first
        where its outcome is unknown.

        Raises:
            ConfigurationError: All of it was applied before.
        """
        if self._steps and self.applied == len(self._steps):
            msg = f"All {len(self)} writes of this plan have been applied: they are not written twice."
            raise ConfigurationError(msg)
        results = []
        for step in self._steps[self.applied :]:
            result = step.send([self._with_real_ids(planned.write) for planned in step.planned])
            for stand_in, done in zip(step.made, result if step.send.is_batch else [result]):
                if isinstance(stand_in, int) and not isinstance(stand_in, bool):
                    self._real[stand_in] = done["id"] if isinstance(done, dict) else done
            self.applied += 1
            results.append(result)
        return results

    def _with_real_ids(self, write: Write) -> Write:
        return evolve(
            write, data=self._real_in(write.data), entity_id=self._real.get(write.entity_id or 0, write.entity_id)
        )

    def _real_in(self, value: Any) -> Any:
        if isinstance(value, dict):
            new = {name: self._real_in(each) for name, each in value.items()}
            if "type" in new and new.get("id") in self._real:
                new["id"] = self._real[new["id"]]
            return new
        return [self._real_in(each) for each in value] if isinstance(value, list) else value


def _rows_of(planned: Planned) -> List[Tuple[str, str, str, str]]:
    write, old = planned.write, planned.old
    if write.method == "delete" or not planned.new:
        return [(str(write), "", "" if old or write.method != "delete" else "(not there)", "")]
    gone = "(not there)" if write.method == "update" and old is None and (write.entity_id or 0) > 0 else ""
    rows: List[Tuple[str, str, str, str]] = []
    for name, value in planned.new.items():
        before = gone or (_text(old.get(name)) if old else "")
        rows.append((str(write) if not rows else "", name, before, _text(value)))
    return rows


def _text(value: Any) -> str:
    if isinstance(value, dict) and "type" in value:
        return str(value.get("name") or f"{value['type']} {value.get('id')}")
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return "" if value is None else str(value)


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDEST else line[: _WIDEST - 3] + "..."
