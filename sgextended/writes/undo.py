"""
What is needed to set back what a block has written: kept while it writes, in a file too, and used afterwards.
"""

import contextlib
import datetime
import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Dict, List, Optional, Tuple, Union

from attrs import asdict, define, field, frozen

from sgextended.errors import CallError, ConfigurationError, OutcomeUnknown, PartialSuccessError
from sgextended.writes.dry_run import fields_of, is_same, new_values, values_there
from sgextended.writes.write_events import Row, Send, Write

if TYPE_CHECKING:
    from os import PathLike

FORM = 1  # of the lines

#: What sets back a write that has no old values.
_OPPOSITE = {"create": "delete", "delete": "revive", "revive": "delete"}
#: Fields that hold a file: a path was written, and an address is read.
_IMAGES = frozenset({"image", "filmstrip_image"})


@define(eq=False)
class Entry:
    """
    One write that was sent: what was there before it, and what the site made of it.

    Attributes:
        number: Which one of the log, from 1.

        method: As `Write` has it, and so the next two.

        entity_type: Its type.

        entity_id: Its id; None for a create whose outcome is not known.

        old: The fields of an update as they were.

        new: The fields as they were written; as the site gave them back, once it has.

        is_done: Whether the site has answered that it is done.

        has_failed: Whether it surely was not done.
    """

    __module__ = "sgextended"

    number: int
    method: str
    entity_type: Optional[str] = None
    entity_id: Optional[int] = None
    old: Row = field(factory=dict)
    new: Row = field(factory=dict)
    is_done: bool = False
    has_failed: bool = False

    def __str__(self) -> str:
        return str(Write(method=self.method, entity_type=self.entity_type, entity_id=self.entity_id))


@frozen
class Undone:
    """
    What came of an undo; its text says it.

    Attributes:
        done: What was set back, the last write first.

        left: What was not, each with the reason.
    """

    __module__ = "sgextended"

    done: List[Entry]
    left: List[Tuple[Entry, str]]

    def __bool__(self) -> bool:
        return not self.left

    def __str__(self) -> str:
        lines = [f"{len(self.done)} set back, {len(self.left)} left."]
        return "\n".join([*lines, *(f"{entry}: {why}" for entry, why in self.left)])


class UndoLog:
    """
    What a block has written, and what is needed to set it back.

    Args:
        path: A file to keep it in as well; each write is put down before it is sent. It must not be there yet.
    """

    __module__ = "sgextended"

    is_dry = False

    def __init__(self, path: "Union[str, PathLike[str], None]" = None) -> None:
        self.entries: List[Entry] = []
        self._numbers = itertools.count(1)
        self._file: Optional[BinaryIO] = None
        if path is not None:
            try:
                # Unbuffered: each line is one write to the system, so that threads need no lock.
                self._file = Path(path).open("xb", buffering=0)  # noqa: SIM115 - until `close`
            except FileExistsError as error:
                msg = f"{path} is there already: name a new file, so that what it may hold is not lost."
                raise ConfigurationError(msg) from error
            self._append({"sgextended_undo": FORM})

    @classmethod
    def read(cls, path: "Union[str, PathLike[str]]") -> "UndoLog":
        """
        Return the log that was kept in a file; also when the process that wrote it has ended in the middle.

        Raises:
            ConfigurationError: It is no such file.
        """
        log = cls()
        entries: Dict[int, Entry] = {}
        for number, line in enumerate(Path(path).read_bytes().splitlines(keepends=True), 1):
            try:
                told = json.loads(line, object_hook=_from_json)
                if number == 1:
                    told["sgextended_undo"]
                    continue
                entries[told["number"]] = Entry(**told)
            except (ValueError, KeyError, TypeError) as error:
                if number > 1 and not line.endswith(b"\n"):
                    break  # torn
                msg = f"{path} is no undo log: line {number} cannot be read. Name another file."
                raise ConfigurationError(msg) from error
        log.entries = [entries[number] for number in sorted(entries)]
        return log

    def close(self) -> None:
        """
        Close the file.
        """
        if self._file is not None:
            self._file.close()

    def _append(self, told: Any) -> None:
        if self._file is not None:
            line = json.dumps(told, default=_to_json, ensure_ascii=False).encode("utf-8") + b"\n"
            written = self._file.write(line)
            while written < len(line):  # the disk is full, or nearly so: the next write raises
                written += self._file.write(line[written:])

    def _note(self, entry: Entry) -> None:
        self._append(asdict(entry, recurse=False))

    def around(self, client: Any, writes: List[Write], send: Send) -> Any:
        """
        Send a call, and keep what is needed to set it back.
        """
        there = values_there(client, fields_of(writes))
        entries = []
        for write in writes:
            old = there.get((write.entity_type or "", write.entity_id or 0), {})
            is_update = write.method == "update"
            entry = Entry(
                number=next(self._numbers),
                method=write.method,
                entity_type=write.entity_type,
                entity_id=write.entity_id,
                old={name: old.get(name) for name in write.data} if is_update and old else {},
                new=new_values(write, old) if is_update else dict(write.data) if write.method == "create" else {},
            )
            self.entries.append(entry)
            entries.append(entry)
            self._note(entry)
        try:
            result = send()
        except BaseException as error:
            made = getattr(error, "entity", None)  # a create whose image could not be uploaded
            if isinstance(made, dict) and len(entries) == 1 and entries[0].entity_id is None:
                entries[0].entity_id = made.get("id")
            self._end(entries, None, failed=not _may_be_done(error))
            raise
        self._end(entries, result if send.is_batch else [result], failed=False)
        return result

    def _end(self, entries: List[Entry], results: Optional[List[Any]], *, failed: bool) -> None:
        for number, entry in enumerate(entries):
            entry.has_failed = failed
            if results is not None:
                result, entry.is_done = results[number], True
                if entry.method == "create":
                    entry.entity_id = result["id"]
                if isinstance(result, dict):
                    entry.new = {name: result.get(name, value) for name, value in entry.new.items()}
                if result is False:
                    entry.has_failed = True  # it was so before
            self._note(entry)

    def undo(self, sg: Any) -> Undone:
        """
        Set back what was written, the last first, as far as it still is as it was written.

        Returns:
            What was set back, and what was not, with the reasons: somebody has changed it since, its outcome is not
            known, or there is no way back, as for uploads.
        """
        wanted: Dict[Tuple[str, int], List[str]] = {}
        for entry in self.entries:
            if entry.entity_type and entry.entity_id and entry.method in ("create", "update"):
                wanted.setdefault((entry.entity_type, entry.entity_id), []).extend(entry.new)
        there = values_there(sg, wanted)
        done: List[Entry] = []
        left: List[Tuple[Entry, str]] = []
        for entry in reversed([entry for entry in self.entries if not entry.has_failed]):
            try:
                why = _set_back(sg, entry, there)
                if why is None and entry.method == "delete":  # it is there again
                    key = (entry.entity_type or "", entry.entity_id or 0)
                    there.update(values_there(sg, {key: wanted.get(key, [])}))
            except CallError as error:
                why = str(error)
            if why is None:
                done.append(entry)
            elif why:
                left.append((entry, why))
        return Undone(done, left)


def _may_be_done(error: BaseException) -> bool:
    """
    Tell whether a write that failed so may be done nevertheless.
    """
    return isinstance(error, (OutcomeUnknown, PartialSuccessError)) or not isinstance(error, Exception)


def _set_back(sg: Any, entry: Entry, there: Dict[Tuple[str, int], Row]) -> Optional[str]:
    """
    Set one write back; return why not, an empty text if there was nothing to set back.
    """
    if entry.method not in ("update", *_OPPOSITE) or entry.entity_type is None:
        return "there is no way back from it."
    if entry.entity_id is None:
        return "nobody knows whether it was done: look for it on the site."
    row = there.get((entry.entity_type, entry.entity_id))
    if entry.method == "update":
        return _set_fields_back(sg, entry, row)
    if entry.method == "create":
        if row is None:
            return "it is retired already."
        changed = [name for name in _plain(entry.new) if not is_same(row.get(name), entry.new[name])]
        if changed:
            return f"somebody has changed {', '.join(changed)} since: it is left."
    if getattr(sg, _OPPOSITE[entry.method])(entry.entity_type, entry.entity_id):
        there.pop((entry.entity_type, entry.entity_id), None)
        return None
    return "it was set back by somebody already." if entry.is_done else ""


def _set_fields_back(sg: Any, entry: Entry, row: Optional[Row]) -> Optional[str]:
    if row is None:
        return "it is not there any more."
    assert entry.entity_type is not None
    assert entry.entity_id is not None
    still = {name for name in _plain(entry.new) if is_same(row.get(name), entry.new[name])}
    changed = [name for name in entry.new if name not in still and not is_same(row.get(name), entry.old.get(name))]
    back = {name: entry.old.get(name) for name in still if not is_same(row.get(name), entry.old.get(name))}
    if back:
        sg.update(entry.entity_type, entry.entity_id, back)
        row.update(back)
    if not changed:
        return None if back or still else ""
    whose = [name for name in changed if name not in _IMAGES]
    why = f"somebody has changed {', '.join(whose)} since" if whose else "an image cannot be set back"
    return f"{why}; {', '.join(sorted(back)) or 'nothing'} was set back."


def _plain(fields: Row) -> List[str]:
    return [name for name in fields if name not in _IMAGES]


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return {"$datetime": value.isoformat()}
    if isinstance(value, datetime.date):
        return value.isoformat()
    return str(value)


def _from_json(found: Dict[str, Any]) -> Any:
    if set(found) == {"$datetime"}:
        with contextlib.suppress(ValueError):
            return datetime.datetime.fromisoformat(found["$datetime"])
    return found
