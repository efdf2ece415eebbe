"""
`UndoLog`: the old values of the writes of a block, kept in memory or in a file, and restored by `UndoLog.undo`.
"""

import contextlib
import datetime
import itertools
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Dict, List, Optional, Tuple, Union

from attrs import asdict, define, field, frozen

from sgextended.errors import CallError, ConfigurationError, OutcomeUnknown, PartialSuccessError
from sgextended.writes.dry_run import changed_fields, is_same, new_values, read_present_values
from sgextended.writes.write_events import Row, Send, Write

if TYPE_CHECKING:
    from os import PathLike

FORMAT = 1  # version of the lines

_log = logging.getLogger("sgextended")

#: The method that undoes a write without old values.
_OPPOSITE = {"create": "delete", "delete": "revive", "revive": "delete"}
#: Fields with a file: a path was written, but a URL is read.
_IMAGES = frozenset({"image", "filmstrip_image"})


@define(eq=False)
class UndoEntry:
    """
    One write that was sent, with its old and new values.

    Attributes:
        number: The number in the log, from 1.

        method: The native method, as in `Write`.

        entity_type: The type of the entity.

        entity_id: The id of the entity; None for a create with unknown outcome.

        old: The values of an update's fields before it.

        new: The values that were written; after the response, the values that the site returned.

        is_done: Whether the site has confirmed the write.

        has_failed: Whether the write was certainly not done.
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
class UndoResult:
    """
    The result of `UndoLog.undo`. It is true if everything was restored; ``str(result)`` is a summary.

    Attributes:
        done: The writes that were undone, the last write first.

        left: The writes that were not undone, each with the reason.
    """

    __module__ = "sgextended"

    done: List[UndoEntry]
    left: List[Tuple[UndoEntry, str]]

    def __bool__(self) -> bool:
        return not self.left

    def __str__(self) -> str:
        lines = [f"{len(self.done)} undone, {len(self.left)} not undone."]
        return "\n".join([*lines, *(f"{entry}: {reason}" for entry, reason in self.left)])


class UndoLog:
    """
    The writes of an `SGExtended.undoable` block, with their old values.

    Args:
        path: A new file for the log; each write is recorded before it is sent. None: the log is kept in memory only.

    Raises:
        ConfigurationError: The file exists already.
    """

    __module__ = "sgextended"

    is_dry = False

    def __init__(self, path: "Union[str, PathLike[str], None]" = None) -> None:
        self.entries: List[UndoEntry] = []
        self._numbers = itertools.count(1)
        self._path = path
        self._file: Optional[BinaryIO] = None
        if path is not None:
            try:
                # Unbuffered: each line is one system call, so that threads need no lock.
                self._file = Path(path).open("xb", buffering=0)  # noqa: SIM115 - until `close`
            except FileExistsError as error:
                msg = f"{path} exists already, and may hold another log. Pass the path of a new file."
                raise ConfigurationError(msg) from error
            self._append({"sgextended_undo": FORMAT})

    @classmethod
    def read(cls, path: "Union[str, PathLike[str]]") -> "UndoLog":
        """
        Return the log in a file, even if the process that wrote it died before its end.

        Args:
            path: The file that was passed to `SGExtended.undoable`.

        Raises:
            ConfigurationError: The file is not an undo log.
        """
        log = cls()
        entries: Dict[int, UndoEntry] = {}
        for number, line in enumerate(Path(path).read_bytes().splitlines(keepends=True), 1):
            try:
                row = json.loads(line, object_hook=_from_json)
                if number == 1:
                    row["sgextended_undo"]
                    continue
                entries[row["number"]] = UndoEntry(**row)
            except (ValueError, KeyError, TypeError) as error:
                if number > 1 and not line.endswith(b"\n"):
                    break  # the incomplete last line
                msg = f"{path} is not an undo log: line {number} cannot be read. Pass another file."
                raise ConfigurationError(msg) from error
        log.entries = [entries[number] for number in sorted(entries)]
        return log

    def close(self) -> None:
        """
        Close the file.
        """
        if self._file is not None:
            self._file.close()

    def _append(self, row: Any) -> None:
        if self._file is not None:
            line = json.dumps(row, default=_to_json, ensure_ascii=False).encode("utf-8") + b"\n"
            written = self._file.write(line)
            while written < len(line):  # the disk is full; a further write raises the error
                written += self._file.write(line[written:])

    def _record(self, entry: UndoEntry) -> None:
        self._append(asdict(entry, recurse=False))

    def around(self, client: Any, writes: List[Write], send: Send) -> Any:
        """
        Record the old values, send the call, and return its result; see `Recorder`.
        """
        present = read_present_values(client, changed_fields(writes))
        entries: List[UndoEntry] = []
        for write in writes:
            old = present.get((write.entity_type or "", write.entity_id or 0), {})
            is_update = write.method == "update"
            entry = UndoEntry(
                number=next(self._numbers),
                method=write.method,
                entity_type=write.entity_type,
                entity_id=write.entity_id,
                old={name: old.get(name) for name in write.data} if is_update and old else {},
                new=new_values(write, old) if is_update else dict(write.data) if write.method == "create" else {},
            )
            try:
                self._record(entry)
            except OSError as error:
                for earlier in entries:
                    earlier.has_failed = True
                msg = f"The undo log {self._path} cannot be written: {error.strerror or error}. Nothing was sent."
                raise OSError(error.errno, msg) from error
            self.entries.append(entry)
            entries.append(entry)
        try:
            result = send()
        except BaseException as error:
            made = getattr(error, "entity", None)  # an entity whose image could not be uploaded
            if isinstance(made, dict) and len(entries) == 1 and entries[0].entity_id is None:
                entries[0].entity_id = made.get("id")
            try:
                self._end(entries, None, failed=not _may_be_done(error))
            except OSError:  # a full disk; the error of the call is more important
                _log.warning("The undo log %s could not be written.", self._path, exc_info=True)
            raise
        try:
            self._end(entries, result if send.is_batch else [result], failed=False)
        except OSError as error:
            done = ", ".join(str(write) for write in writes)
            msg = (
                f"The site has done this: {done}. The result could not be recorded in the undo log {self._path}: "
                f"{error.strerror or error}. Free space there. Undo the writes with the log of this block, which is "
                "complete in memory."
            )
            raise PartialSuccessError(msg, entity=result if isinstance(result, dict) else None) from error
        return result

    def _end(self, entries: List[UndoEntry], results: Optional[List[Any]], *, failed: bool) -> None:
        for number, entry in enumerate(entries):
            entry.has_failed = failed
            if results is not None:
                result, entry.is_done = results[number], True
                if entry.method == "create":
                    entry.entity_id = result["id"]
                if isinstance(result, dict):
                    entry.new = {name: result.get(name, value) for name, value in entry.new.items()}
                if result is False:
                    entry.has_failed = True  # the site changed nothing
            self._record(entry)

    def undo(self, sg: Any) -> UndoResult:
        """
        Undo the writes of the log, the last one first.

        Only values that are still as they were written are restored.

        Args:
            sg: The client (SGExtended, Shotgun or Mockgun).

        Returns:
            The writes that were undone, and those that were not, with the reason: a value was changed later, the
            outcome of the write is unknown, or the method cannot be undone, such as an upload.
        """
        wanted: Dict[Tuple[str, int], List[str]] = {}
        for entry in self.entries:
            if entry.entity_type and entry.entity_id and entry.method in ("create", "update"):
                wanted.setdefault((entry.entity_type, entry.entity_id), []).extend(entry.new)
        present = read_present_values(sg, wanted)
        done: List[UndoEntry] = []
        left: List[Tuple[UndoEntry, str]] = []
        for entry in reversed([entry for entry in self.entries if not entry.has_failed]):
            try:
                reason = _undo(sg, entry, present)
                if reason is None and entry.method == "delete":  # the entity exists again
                    key = (entry.entity_type or "", entry.entity_id or 0)
                    present.update(read_present_values(sg, {key: wanted.get(key, [])}))
            except CallError as error:
                reason = str(error)
            if reason is None:
                done.append(entry)
            elif reason:
                left.append((entry, reason))
        return UndoResult(done, left)


def _may_be_done(error: BaseException) -> bool:
    """
    Return whether a write that raised this error may have been done.
    """
    return isinstance(error, (OutcomeUnknown, PartialSuccessError)) or not isinstance(error, Exception)


def _undo(sg: Any, entry: UndoEntry, present: Dict[Tuple[str, int], Row]) -> Optional[str]:
    """
    Undo one write. Return the reason if that is not possible, an empty text if there was nothing to undo.
    """
    if entry.method not in ("update", *_OPPOSITE) or entry.entity_type is None:
        return "this method cannot be undone."
    if entry.entity_id is None:
        return "it is unknown whether it was done. Check the site."
    row = present.get((entry.entity_type, entry.entity_id))
    if entry.method == "update":
        return _restore_fields(sg, entry, row)
    if entry.method == "create":
        if row is None:
            return "the entity is retired already."
        changed = [name for name in _plain(entry.new) if not is_same(row.get(name), entry.new[name])]
        if changed:
            return f"{', '.join(changed)} changed later, so the entity is not retired."
    if getattr(sg, _OPPOSITE[entry.method])(entry.entity_type, entry.entity_id):
        present.pop((entry.entity_type, entry.entity_id), None)
        return None
    return "it was undone already." if entry.is_done else ""


def _restore_fields(sg: Any, entry: UndoEntry, row: Optional[Row]) -> Optional[str]:
    if row is None:
        return "the entity does not exist any more."
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
    names = [name for name in changed if name not in _IMAGES]
    reason = f"{', '.join(names)} changed later" if names else "an image cannot be restored"
    return f"{reason}; restored: {', '.join(sorted(back)) or 'nothing'}."


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
