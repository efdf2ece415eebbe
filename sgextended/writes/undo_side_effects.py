"""
Restore the rows that a write has changed besides its own entity, and name those that cannot be restored.
"""

import re
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from sgextended.errors import CallError
from sgextended.writes.dry_run import is_same
from sgextended.writes.side_effects import CONNECTED, CONNECTIONS, Scope, State, by_key, key_of, look
from sgextended.writes.write_events import Row

#: The site reschedules tasks after each step, so that the rows are compared and restored again.
_ROUNDS = 4

_DATES = ("start_date", "due_date")
#: The fields whose write pins a task that depends on others. ``pinned`` is written with them, and only with them:
#: writing it schedules the task again.
_PINNING = ("start_date", "splits", "pinned")


#: The name of a row, and the name of one of its fields; an empty name for the row itself.
Place = Tuple[str, str]


def names(place: Place, entity: str) -> bool:
    """
    Return whether a place belongs to an entity, such as ``"Task 5"``, or to a connection of it.
    """
    return entity in re.findall(r"\w+ \d+", place[0])


class EarlierSteps:
    """
    The results of the earlier steps of one undo, which the later ones need.

    Attributes:
        left: The rows as those steps have left them, by their names.

        changed: The names of rows and fields that somebody has changed since the writes.

        new_ids: The ids of the connections that were created again, by their type and former id.
    """

    def __init__(self) -> None:
        self.left: Dict[str, Row] = {}
        self.changed: Set[Place] = set()
        self.new_ids: Dict[Tuple[str, int], int] = {}

    def has_left(self, kind: str, number: int, name: str, value: Any) -> bool:
        """
        Return whether a value of a field is the one that the earlier steps have left, so that nobody has changed it.
        """
        key = f"{kind} {number}"
        row = self.left.get(key, {})
        return name in row and (key, name) not in self.changed and is_same(row[name], value)

    def present_id(self, kind: str, number: int) -> int:
        """
        Return the present id of a row. For other rows than those connections, it is the given one.
        """
        while (kind, number) in self.new_ids:
            number = self.new_ids[kind, number]
        return number


class SideEffects:
    """
    The side effects of one call, while it is undone.

    Args:
        sg: The client.

        record: What the undo log has about the call; see `Observation`.

        earlier: The results of the earlier steps of the same undo.
    """

    def __init__(self, sg: Any, record: Row, earlier: EarlierSteps) -> None:
        self._sg, self._earlier = sg, earlier
        self._scope = Scope(**record["scope"])
        self._known: List[State] = [state for state in (record["before"], record["after"]) if state is not None]
        self._before, self._after = (by_key(state) if state else {} for state in (record["before"], record["after"]))
        self._members = {
            f"{kind} {number}" for state in self._known for kind, ids in state["members"].items() for number in ids
        }
        self.lines: List[str] = []
        self._kept: Set[str] = set()  # names of connections that belong to a field that was changed later
        self._named: Set[Place] = set()  # rows and fields that the caller names itself
        self._failures: Dict[str, str] = {}
        self._present_tasks: Set[int] = set()
        self._present = self._look()
        made = set(_tasks_of(record["after"])) - set(_tasks_of(record["before"]))
        self._tasks_before = {*(record["before"] or {}).get("tasks", ()), *made}

    def _look(self) -> Dict[str, Row]:
        state = look(self._sg, self._scope, self._known)
        self._present_tasks = self._present_tasks or set(state["tasks"])
        self._members.update(f"{kind} {number}" for kind, ids in state["members"].items() for number in ids)
        return by_key(state)

    def _is_member(self, key: str, row: Row) -> bool:
        return row["type"] in CONNECTIONS or key in self._members

    def keep(self, entity_type: str, entity_id: int, names: List[str]) -> None:
        """
        Leave the connections of multi-entity fields as they are, because the fields were changed later. Add no lines
        for these fields.

        Args:
            entity_type: The type of the entity with the fields.

            entity_id: The id of the entity.

            names: The fields that were changed later.
        """
        self._named |= {(f"{entity_type} {entity_id}", name) for name in names}
        own = {"type": entity_type, "id": entity_id}
        for name in names:
            kind, end = CONNECTED.get((entity_type, name), ("", ""))
            for rows in (self._before, self._after, self._present):
                self._kept |= {key for key, row in rows.items() if row["type"] == kind and is_same(row.get(end), own)}

    def restore(self) -> Dict[Place, str]:
        """
        Restore the rows, as far as nobody has changed them since. Add a line to ``lines`` for each that somebody has.

        Returns:
            A line for each row or field that is not as before.
        """
        target = self._target()
        current, seen = self._look(), None
        for _round in range(_ROUNDS):
            different = self._differences(target, current)
            if not different or different == seen:
                break
            seen = different
            self._step(target, current)
            current = self._look()
        differences = self._differences(target, current)
        self._earlier.left.update(current)
        return differences

    def covers(self, place: Place) -> bool:
        """
        Return whether the state before the write says how a row or a field was.
        """
        key, name = place
        return key in self._after if key not in self._before else not name or name in self._before[key]

    def _target(self) -> Dict[str, Row]:
        """
        Return the rows as they shall be: as before the write, except where somebody has changed them since.
        """
        target: Dict[str, Row] = {}
        for key in dict.fromkeys([*self._before, *self._after, *self._present]):
            before, after, present = (rows.get(key) for rows in (self._before, self._after, self._present))
            if key in self._kept:
                wanted = present
            elif before is not None and after is not None:
                wanted = self._merged(key, before, after, present)
            elif before is not None:  # the write has removed it
                wanted = present or before
            elif after is not None:  # the write has made it, or it belongs to a task that was retired
                wanted = self._kept_if_changed(key, after, present)
            else:
                wanted = present
            if wanted is not None:
                target[key] = wanted
        return target

    def _merged(self, key: str, before: Row, after: Row, present: Optional[Row]) -> Optional[Row]:
        if present is None:
            if self._is_member(key, before):
                self.lines.append(f"{key} was removed later.")
            return None
        merged = dict(before)
        for name, value in after.items():
            if name == "id" or is_same(present.get(name), before.get(name)):
                continue
            if not self._is_unchanged(key, name, value, present):
                merged[name] = present.get(name)
                if not is_same(before.get(name), value) and (key, name) not in self._named:
                    self.lines.append(f"{key}: {name} changed later.")
        return merged

    def _kept_if_changed(self, key: str, after: Row, present: Optional[Row]) -> Optional[Row]:
        if present is None or not self._is_member(key, after) or not _touches(after, self._tasks_before):
            return present
        changed = [name for name in after if name != "id" and not self._is_unchanged(key, name, after[name], present)]
        if not changed:
            return None
        self.lines.append(f"{key}: {', '.join(changed)} changed later, so it is not removed.")
        return present

    def _is_unchanged(self, key: str, name: str, value: Any, present: Row) -> bool:
        if (key, name) in self._earlier.changed:
            return False
        left = self._earlier.left.get(key, {})
        if is_same(present.get(name), value) or (name in left and is_same(present.get(name), left[name])):
            return True
        self._earlier.changed.add((key, name))
        return False

    def _differences(self, target: Dict[str, Row], current: Dict[str, Row]) -> Dict[Place, str]:
        """
        Return a line for each difference.
        """
        lines: Dict[Place, str] = {}
        for key, wanted in target.items():
            row = current.get(key)
            why = f" {self._failures[key]}" if key in self._failures else ""
            if row is not None:
                lines.update({
                    (key, name): f"{key}: {name} is {_text(row.get(name))}, and was {_text(wanted.get(name))}.{why}"
                    for name in wanted
                    if name != "id" and not is_same(row.get(name), wanted.get(name))
                })  # fmt: skip
            elif self._is_member(key, wanted):
                lines[key, ""] = f"{key} does not exist any more.{why}"
        for row in self._extra(target, current):
            why = f" {self._failures[key_of(row)]}" if key_of(row) in self._failures else ""
            lines[key_of(row), ""] = f"{key_of(row)} still exists.{why}"
        return lines

    def _extra(self, target: Dict[str, Row], current: Dict[str, Row]) -> List[Row]:
        """
        Return the rows that shall not exist. They are of the write, or of the undo.
        """
        return [
            row
            for key, row in current.items()
            if key not in target and self._is_member(key, row) and _touches(row, self._present_tasks)
        ]

    def _step(self, target: Dict[str, Row], current: Dict[str, Row]) -> None:
        self._failures = {}
        extra = self._extra(target, current)
        gone = [row for key, row in target.items() if key not in current and self._is_member(key, row)]
        for row in sorted(extra, key=_tasks_last):
            self._try(row, self._sg.delete, row["type"], row["id"])
        for row in sorted(gone, key=_tasks_last, reverse=True):
            self._try(row, self._bring_back, row)
        for key, wanted in sorted(target.items(), key=lambda item: _tasks_last(item[1])):
            data = _data(wanted, current[key]) if key in current else {}
            if data:
                self._try(wanted, self._sg.update, wanted["type"], current[key]["id"], data)

    def _try(self, row: Row, call: Callable[..., Any], *args: Any) -> None:
        try:
            call(*args)
        except CallError as error:
            self._failures[key_of(row)] = str(error)

    def _bring_back(self, row: Row) -> None:
        kind, number = row["type"], self._earlier.present_id(row["type"], row["id"])
        if self._sg.find(kind, [["id", "is", number]], [], retired_only=True):
            self._sg.revive(kind, number)
        elif kind in CONNECTIONS:
            data = {name: value for name, value in row.items() if name not in ("type", "id")}
            self._earlier.new_ids[kind, number] = self._sg.create(kind, data)["id"]


def _tasks_of(state: Optional[State]) -> List[int]:
    found: List[int] = state["members"].get("Task", []) if state else []
    return found


def _touches(row: Row, tasks: Set[int]) -> bool:
    """
    Return whether a dependency belongs to one of the tasks. It would be in a state that has their dependencies, so its
    absence there shows that it is new. Other rows are complete in each state.
    """
    if row["type"] != "TaskDependency":
        return True
    return any((row.get(end) or {}).get("id") in tasks for end in CONNECTIONS["TaskDependency"][0])


def _tasks_last(row: Row) -> bool:
    return bool(row["type"] == "Task")


def _data(wanted: Row, row: Row) -> Row:
    """
    Return the fields to write so that a row is as wanted.

    The duration is not written together with dates, which it may contradict.
    """
    data = {
        name: wanted[name]
        for name in wanted
        if name not in ("type", "id") and not is_same(row.get(name), wanted.get(name))
    }
    if row["type"] != "Task":
        return data
    if "start_date" in data:
        data["due_date"] = wanted.get("due_date")
    if not set(data).isdisjoint(_DATES):
        data.pop("duration", None)
    if not set(data).isdisjoint(_PINNING):
        data["pinned"] = bool(wanted.get("pinned"))
    return data


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return f"{value.get('type')} {value.get('id')}" if "id" in value else str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    return str(value)
