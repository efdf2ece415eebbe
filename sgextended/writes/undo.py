"""
`UndoLog`: the old values of the writes of a block, kept in memory or in a file, and restored by `UndoLog.undo`.
"""

import contextlib
import datetime
import itertools
import json
import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Dict, Iterable, List, Optional, Tuple, Union

from attrs import asdict, define, field, frozen

from sgextended.concurrency.forked import require_own
from sgextended.errors import CallError, ConfigurationError, OutcomeUnknown, PartialSuccessError
from sgextended.site_address import check_recorded_site, recorded_site
from sgextended.writes.dry_run import changed_fields, is_same, new_values, read_present_values
from sgextended.writes.side_effects import CONNECTED, Observation, Scope, makes_tasks
from sgextended.writes.undo_side_effects import EarlierSteps, SideEffects, names
from sgextended.writes.write_events import Row, Send, Write

if TYPE_CHECKING:
    from os import PathLike

FORMAT = 2  # version of the lines; in version 1, entries have no side effects

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

        call: The number of the first entry of the same call, which is another one in a batch only.

        side_effects: In the first entry of a call: the other rows that the call may have changed, before and after it.
            None: the call changes nothing besides its own entities.
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
    call: int = 0
    side_effects: Optional[Row] = None

    def __str__(self) -> str:
        return str(Write(method=self.method, entity_type=self.entity_type, entity_id=self.entity_id))


@frozen
class UndoResult:
    """
    The result of `UndoLog.undo`. It is true if everything was restored; ``str(result)`` is a summary.

    Attributes:
        done: The writes that were undone, the last write first.

        left: The writes that were not undone, or not wholly, each with the reason: one item for each value or entity
            that is not as it was. It includes what the site changed by itself, such as the dates of other tasks.
    """

    __module__ = "sgextended"

    done: List[UndoEntry]
    left: List[Tuple[UndoEntry, str]]

    def __bool__(self) -> bool:
        return not self.left

    def __str__(self) -> str:
        left = {id(entry) for entry, _reason in self.left}
        lines = [f"{len(self.done)} undone, {len(left)} not undone."]
        return "\n".join([*lines, *(f"{entry}: {reason}" for entry, reason in self.left)])


class UndoLog:
    """
    The writes of an `SGExtended.undoable` block, with their old values.

    Args:
        path: A new file for the log; each write is recorded before it is sent. None: the log is kept in memory only.

        site: The site of the writes. None: unknown.

    Raises:
        ConfigurationError: The file exists already.
    """

    __module__ = "sgextended"

    is_dry = False

    def __init__(self, path: "Union[str, PathLike[str], None]" = None, *, site: Optional[str] = None) -> None:
        self.site = site
        self.entries: List[UndoEntry] = []
        self._numbers = itertools.count(1)
        self._path, self._pid = path, os.getpid()
        self._lock, self._size = threading.RLock(), 0  # the end of the last complete line
        self._file: Optional[BinaryIO] = None
        if path is not None:
            try:
                # Unbuffered: a process that dies has written its lines.
                self._file = Path(path).open("xb", buffering=0)  # noqa: SIM115 - until `close`
            except FileExistsError as error:
                msg = f"{path} exists already, and may hold another log. Pass the path of a new file."
                raise ConfigurationError(msg) from error
            self._append({"sgextended_undo": FORMAT, **({} if site is None else {"site": site})})

    @classmethod
    def read(cls, path: "Union[str, PathLike[str]]") -> "UndoLog":
        """
        Return the log in a file, even if the process that wrote it died before its end.

        Args:
            path: The file that was passed to `SGExtended.undoable`.

        Raises:
            ConfigurationError: The file is not an undo log, or was written by a newer version.
        """
        log = cls()
        version: Any = None
        entries: Dict[int, UndoEntry] = {}
        for number, line in enumerate(Path(path).read_bytes().splitlines(keepends=True), 1):
            try:
                row = json.loads(line, object_hook=_from_json)
                if number == 1:
                    version, log.site = row["sgextended_undo"], row.get("site")
                    continue
                entry = UndoEntry(**row)
                entry.call = entry.call or entry.number  # the former format has no calls
                entries[entry.number] = entry
            except (ValueError, KeyError, TypeError) as error:
                if number > 1 and not line.endswith(b"\n"):
                    break  # the incomplete last line
                msg = f"{path} is not an undo log: line {number} cannot be read. Pass another file."
                raise ConfigurationError(msg) from error
        if version not in range(1, FORMAT + 1):
            msg = (
                f"{path} was written by another version of sgextended: its format is {version!r}, and this version "
                f"reads {FORMAT}. Undo it with the version that wrote it."
            )
            raise ConfigurationError(msg)
        log.entries = [entries[number] for number in sorted(entries)]
        return log

    def __getstate__(self) -> Row:  # a pickle has the writes, not the file
        return {"site": self.site, "entries": list(self.entries)}

    def __setstate__(self, state: Row) -> None:
        UndoLog.__init__(self, site=state["site"])
        self.entries = state["entries"]

    def close(self) -> None:
        """
        Close the file.
        """
        if self._file is not None:
            self._file.close()

    def _append(self, row: Any) -> None:
        if self._file is not None:
            line = json.dumps(row, default=_to_json, ensure_ascii=False).encode("utf-8") + b"\n"
            with self._lock:
                try:
                    written = 0
                    while written < len(line):  # if the disk is full, a further write raises the error
                        written += self._file.write(line[written:])
                except BaseException:
                    with contextlib.suppress(OSError):
                        self._file.truncate(self._size)  # no line may follow an incomplete one
                        self._file.seek(self._size)
                    raise
                self._size += len(line)

    def _record(self, entry: UndoEntry) -> None:
        self._append(asdict(entry, recurse=False))

    def around(self, client: Any, writes: List[Write], send: Send) -> Any:
        """
        Record the old values, send the call, and return its result; see `Recorder`.
        """
        require_own(self._pid, "This undoable block")  # the log would not have the writes of a forked child
        present = read_present_values(client, changed_fields(writes))
        observation = Observation.begin(client, writes)
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
            entry.call = entries[0].call if entries else entry.number
            if observation is not None and not entries:
                entry.side_effects = observation.record
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
                if isinstance(error, PartialSuccessError):
                    self._observe_end(client, writes, entries, observation)
            except OSError:  # a full disk; the error of the call is more important
                _log.warning("The undo log %s could not be written.", self._path, exc_info=True)
            raise
        try:
            self._end(entries, result if send.is_batch else [result], failed=False)
            self._observe_end(client, writes, entries, observation)
        except OSError as error:
            done = ", ".join(str(write) for write in writes)
            msg = (
                f"The site has done this: {done}. The result could not be recorded in the undo log {self._path}: "
                f"{error.strerror or error}. Free space there. Undo the writes with the log of this block, which is "
                "complete in memory."
            )
            raise PartialSuccessError(msg, entity=result if isinstance(result, dict) else None) from error
        return result

    def _observe_end(
        self, client: Any, writes: List[Write], entries: List[UndoEntry], observation: Optional[Observation]
    ) -> None:
        if observation is not None:
            observation.end(client, writes, [entry.entity_id for entry in entries])
            self._record(entries[0])

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

        Only values that are still as they were written are restored. So are the side effects of a write: dependencies
        with their type and offset, the dates and ``pinned`` of tasks, the tasks that a template has made or changed,
        and entities that were retired together with another. They are read again at the end. Values that the site does
        not take back are in the result.

        Args:
            sg: The client (SGExtended, Shotgun or Mockgun).

        Returns:
            The writes that were undone, and those that were not, with the reason: a value was changed later, the
            outcome of the write is unknown, or the method cannot be undone, such as an upload.

        Raises:
            ConfigurationError: The client is for another site than the writes of the log. Nothing was sent.
        """
        check_recorded_site("This undo log", self.site, recorded_site(getattr(sg, "base_url", None)))
        return _Undoing(sg, self.entries).run()


def _may_be_done(error: BaseException) -> bool:
    """
    Return whether a write that raised this error may have been done.
    """
    return isinstance(error, (OutcomeUnknown, PartialSuccessError)) or not isinstance(error, Exception)


class _Undoing:
    """
    The undo of the entries of one log.
    """

    def __init__(self, sg: Any, entries: List[UndoEntry]) -> None:
        self._sg, self._entries = sg, entries
        self._wanted: Dict[Tuple[str, int], List[str]] = {}
        for entry in entries:
            if entry.entity_type and entry.entity_id and entry.method in ("create", "update"):
                self._wanted.setdefault((entry.entity_type, entry.entity_id), []).extend(entry.new)
        self._present = read_present_values(sg, self._wanted)
        self._records = {entry.call: entry.side_effects for entry in entries if entry.side_effects}
        self._effects: Dict[int, SideEffects] = {}
        self._earlier = EarlierSteps()
        self._tried: Dict[int, List[UndoEntry]] = {}
        self._done: List[UndoEntry] = []
        self._left: List[Tuple[UndoEntry, str]] = []
        self._different: Dict[Tuple[str, str], Tuple[UndoEntry, str]] = {}  # rows and fields that are not as before

    def run(self) -> UndoResult:
        """
        Undo the entries, the last one first, and return the result.
        """
        for entry in reversed(self._entries):
            self._run_one(entry)
        self._left += self._different.values()
        left = {id(entry) for entry, _reason in self._left}
        return UndoResult([entry for entry in self._done if id(entry) not in left], self._left)

    def _run_one(self, entry: UndoEntry) -> None:
        try:
            self._prepare(entry)
            if not entry.has_failed:
                self._undo_entry(entry)
            if entry.number == entry.call and entry.call in self._tried:
                self._undo_side_effects(entry)
        except CallError as error:
            self._left.append((entry, str(error)))

    def _prepare(self, entry: UndoEntry) -> None:
        """
        Read the side effects of a call before its first entry is undone.
        """
        record = self._records.get(entry.call)
        if record and record["before"] and record["after"] and entry.call not in self._effects and not entry.has_failed:
            self._effects[entry.call] = SideEffects(self._sg, record, self._earlier)

    def _undo_entry(self, entry: UndoEntry) -> None:
        try:
            reason = self._undo(entry)
        except CallError as error:
            reason = str(error)
        if reason is None:
            self._done.append(entry)
            if entry.method == "delete":  # the entity exists again
                self._read_again([(entry.entity_type or "", entry.entity_id or 0)])
        elif reason:
            self._left.append((entry, reason))
        if entry.method != "create" or (entry.entity_type, entry.entity_id) not in self._present:
            self._tried.setdefault(entry.call, []).append(entry)

    def _undo_side_effects(self, entry: UndoEntry) -> None:
        """
        Restore the side effects of the call that an entry is the first one of, or say that they are unknown.
        """
        effects = self._effects.get(entry.call)
        if effects is not None:
            different = effects.restore()
            self._left += [(entry, line) for line in effects.lines]
            # What a later write has found is not what was before the block.
            self._different = {place: each for place, each in self._different.items() if not effects.covers(place)}
            self._different.update({place: (entry, line) for place, line in different.items()})
            self._read_again(self._wanted)
            return
        writes = [_write_of(each) for each in self._tried[entry.call]]
        if Scope.of(writes) or any(map(makes_tasks, writes)):
            error = (entry.side_effects or {}).get("error")
            why = f"the site refused to show them: {error}" if error else "the log does not have them."
            self._left.append((entry, f"its effects on other entities and on the schedule are unknown: {why}"))

    def _read_again(self, keys: Iterable[Tuple[str, int]]) -> None:
        wanted: Dict[Tuple[str, int], List[str]] = {}
        old: Dict[Tuple[str, int], Tuple[str, int]] = {}
        for key in keys:
            self._present.pop(key, None)
            now = (key[0], self._earlier.present_id(*key))
            wanted[now], old[now] = self._wanted.get(key, []), key
        self._present.update({old[now]: row for now, row in read_present_values(self._sg, wanted).items()})

    def _undo(self, entry: UndoEntry) -> Optional[str]:
        """
        Undo one write. Return the reason if that is not possible, an empty text if there was nothing to undo.
        """
        if entry.method not in ("update", *_OPPOSITE) or entry.entity_type is None:
            return "this method cannot be undone."
        if entry.entity_id is None:
            return "it is unknown whether it was done. Check the site."
        number = self._earlier.present_id(entry.entity_type, entry.entity_id)
        row = self._present.get((entry.entity_type, entry.entity_id))
        if entry.method == "update":
            return self._restore_fields(entry, row, number)
        if entry.method == "create":
            if row is None:
                return "the entity is retired already."
            changed = [name for name in _plain(entry.new) if not self._is_unchanged(entry, name, row)]
            if changed:
                return f"{', '.join(changed)} changed later, so the entity is not retired."
        if getattr(self._sg, _OPPOSITE[entry.method])(entry.entity_type, number):
            self._present.pop((entry.entity_type, entry.entity_id), None)
            if entry.method == "create":  # nothing of it is missing any more
                gone = f"{entry.entity_type} {number}"
                self._different = {place: each for place, each in self._different.items() if not names(place, gone)}
            return None
        return "it was undone already." if entry.is_done else ""

    def _is_unchanged(self, entry: UndoEntry, name: str, row: Row) -> bool:
        """
        Return whether a field has the value that an entry wrote, or that the undo of a later entry has left.
        """
        if is_same(row.get(name), entry.new[name]):
            return True
        return self._earlier.has_left(entry.entity_type or "", entry.entity_id or 0, name, row.get(name))

    def _restore_fields(self, entry: UndoEntry, row: Optional[Row], number: int) -> Optional[str]:
        if row is None:
            return "the entity does not exist any more."
        assert entry.entity_type is not None
        still = {name for name in _plain(entry.new) if self._is_unchanged(entry, name, row)}
        changed = [name for name in entry.new if name not in still and not is_same(row.get(name), entry.old.get(name))]
        back = {name: entry.old.get(name) for name in still if not is_same(row.get(name), entry.old.get(name))}
        restored = sorted(back)
        effects = self._effects.get(entry.call)
        if effects is not None:  # it restores the connections, with their properties
            back = {name: value for name, value in back.items() if (entry.entity_type, name) not in CONNECTED}
            effects.keep(entry.entity_type, number, changed)
        if back:
            result = self._sg.update(entry.entity_type, number, back)
            row.update(back)
            refused = _not_taken(back, result) if effects is None else ""
            if refused:
                return refused
        if not changed:
            return None if restored or still else ""
        names = [name for name in changed if name not in _IMAGES]
        reason = f"{', '.join(names)} changed later" if names else "an image cannot be restored"
        return f"{reason}; restored: {', '.join(restored) or 'nothing'}."


def _not_taken(data: Row, result: Any) -> str:
    """
    Return a text about the fields that the site did not set to the values that were sent; an empty text if it did.
    """
    found = result if isinstance(result, dict) else {}
    names = [name for name in _plain(data) if name in found and not is_same(found[name], data[name])]
    return ", ".join(f"{name} is {found[name]!r}, and was {data[name]!r}" for name in names)


def _write_of(entry: UndoEntry) -> Write:
    return Write(method=entry.method, entity_type=entry.entity_type, entity_id=entry.entity_id, data=entry.new)


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
