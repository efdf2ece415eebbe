"""
Dry runs: the writes of a block are recorded with old and new values instead of sent, and can be applied later.
"""

import itertools
from typing import Any, Dict, Iterator, List, Optional, Tuple

from attrs import define, evolve, frozen

from sgextended.errors import ConfigurationError
from sgextended.writes.write_events import Row, Send, Write

#: The largest number of ids in one request.
CHUNK = 500

_COLUMN_WIDTH = 40  # characters, at most

Key = Tuple[str, int]


def read_present_values(client: Any, wanted: Dict[Key, List[str]]) -> Dict[Key, Row]:
    """
    Read entities from the site and return their rows, by type and id. Entities that do not exist are left out.

    Args:
        client: The client.

        wanted: The fields to read, by type and id.
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


def changed_fields(writes: List[Write]) -> Dict[Key, List[str]]:
    """
    Return the fields that updates change, by type and id; for deletes an empty list.
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
    Return the values of an update's fields after the update, with its update modes applied to the old values.
    """
    return {name: _changed(value, old.get(name), write.update_modes.get(name)) for name, value in write.data.items()}


def _changed(value: Any, old: Any, mode: Any) -> Any:
    if mode not in ("add", "remove"):
        return value
    kept = [each for each in old or () if not any(is_same(each, other) for other in value)]
    return [*kept, *value] if mode == "add" else kept


def is_same(one: Any, other: Any) -> bool:
    """
    Return whether two values of a field are equal. Links are compared by type and id only.
    """
    return bool(comparable(one) == comparable(other))


def comparable(value: Any) -> Any:
    """
    Return a form of a value in which equal values compare equal.
    """
    if isinstance(value, dict) and "type" in value and "id" in value:
        return value["type"], value["id"]
    if isinstance(value, list):
        return sorted((comparable(each) for each in value), key=repr)
    return None if value == "" else value


@frozen(kw_only=True)
class PlannedWrite:
    """
    One write of a `Plan`.

    Attributes:
        write: The write.

        old: The values of the fields before the write; None if the entity does not exist.

        new: The values of the fields after the write.
    """

    __module__ = "sgextended"

    write: Write
    old: Optional[Row]
    new: Row


@define(eq=False)
class _PlannedCall:
    """
    One call of a plan, with one or more writes.
    """

    send: Send
    planned: List[PlannedWrite]
    placeholders: List[Any]  # for each write: its negative id, or the result that the dry run returned


class Plan:
    """
    The writes of a dry run.

    Its length is the number of writes, iterating yields a `PlannedWrite` for each, and ``str(plan)`` is a table.

    Attributes:
        applied: The number of calls that `apply` has sent.
    """

    __module__ = "sgextended"

    is_dry = True
    applied: int

    def __init__(self) -> None:
        self.applied = 0
        self._calls: List[_PlannedCall] = []
        self._ids = itertools.count(-1, -1)
        self._real_ids: Dict[int, int] = {}

    def around(self, client: Any, writes: List[Write], send: Send) -> Any:
        """
        Record a call, and return placeholder results; see `Recorder`.
        """
        present = read_present_values(client, changed_fields(writes))
        planned, results, placeholders = [], [], []
        for write in writes:
            old = present.get((write.entity_type or "", write.entity_id or 0))
            new = new_values(write, old or {}) if write.method == "update" else write.data
            planned.append(PlannedWrite(write=write, old=old, new=new))
            result = self._result(write, new)
            placeholders.append(result["id"] if write.method == "create" else result)
            results.append(result)
        self._calls.append(_PlannedCall(send, planned, placeholders))  # one atomic step, so that no lock is needed
        return results if send.is_batch else results[0]

    def _result(self, write: Write, new: Row) -> Any:
        if write.method == "create":
            return {**new, "type": write.entity_type, "id": next(self._ids)}
        if write.method == "update":
            return {**new, "type": write.entity_type, "id": write.entity_id}
        if write.method in ("delete", "revive"):
            return True
        return next(self._ids) if write.method.startswith("upload") else None

    def __iter__(self) -> Iterator[PlannedWrite]:
        return iter([planned for call in self._calls for planned in call.planned])

    def __len__(self) -> int:
        return sum(len(call.planned) for call in self._calls)

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        rows = [("write", "field", "old", "new"), *itertools.chain.from_iterable(map(_rows_of, self))]
        cut = [[_cut(cell) for cell in row] for row in rows]
        widths = [max(len(row[column]) for row in cut) for column in range(4)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in cut]
        return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])

    def apply(self) -> List[Any]:
        """
        Send the planned calls in order, and return the result of each.

        The negative ids are replaced by the ids of the created entities, also in links. `before_write` was called in
        the dry run, so only `after_write` is called. If a call fails, calling `apply` again resumes with that call. If
        its outcome is unknown, check the site first.

        Raises:
            ConfigurationError: All calls were applied before.
        """
        if self._calls and self.applied == len(self._calls):
            msg = f"All {len(self)} writes of this plan were applied before. They are not sent twice."
            raise ConfigurationError(msg)
        results = []
        for call in self._calls[self.applied :]:
            result = call.send([self._with_real_ids(planned.write) for planned in call.planned])
            for placeholder, each in zip(call.placeholders, result if call.send.is_batch else [result]):
                if isinstance(placeholder, int) and not isinstance(placeholder, bool):
                    self._real_ids[placeholder] = each["id"] if isinstance(each, dict) else each
            self.applied += 1
            results.append(result)
        return results

    def _with_real_ids(self, write: Write) -> Write:
        return evolve(
            write,
            data=self._replace_ids(write.data),
            entity_id=self._real_ids.get(write.entity_id or 0, write.entity_id),
        )

    def _replace_ids(self, value: Any) -> Any:
        if isinstance(value, dict):
            new = {name: self._replace_ids(each) for name, each in value.items()}
            if "type" in new and new.get("id") in self._real_ids:
                new["id"] = self._real_ids[new["id"]]
            return new
        return [self._replace_ids(each) for each in value] if isinstance(value, list) else value


def _rows_of(planned: PlannedWrite) -> List[Tuple[str, str, str, str]]:
    write, old = planned.write, planned.old
    if write.method == "delete" or not planned.new:
        return [(str(write), "", "" if old or write.method != "delete" else "(not found)", "")]
    missing = "(not found)" if write.method == "update" and old is None and (write.entity_id or 0) > 0 else ""
    rows: List[Tuple[str, str, str, str]] = []
    for name, value in planned.new.items():
        before = missing or (_text(old.get(name)) if old else "")
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
    return line if len(line) <= _COLUMN_WIDTH else line[: _COLUMN_WIDTH - 3] + "..."
