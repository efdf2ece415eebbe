"""
The journal of a map: what is done already, one line for each finished item, so that the next run does the rest.
"""

import contextlib
import json
import logging
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Callable, Dict, Optional, Union

from sgextended.errors import ConfigurationError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from os import PathLike

FORM = 1  # of the lines
BEGINNING = b'{"sgextended": '  # of the first one

_log = logging.getLogger("sgextended")


def name_of(item: object) -> str:
    """
    Return how messages call an item.
    """
    if isinstance(item, dict) and "type" in item and "id" in item:
        name = item.get("name") or item.get("code") or item.get("content")
        return f"{item['type']} {item['id']}" + (f" ({name})" if name else "")
    return f"{item!r:.80}"


def key_of(item: object) -> str:
    """
    Return what tells an item from all others: ``Shot:123`` for an entity, its text for a text or a number.

    Raises:
        ConfigurationError: Nothing does.
    """
    if isinstance(item, dict) and "type" in item and "id" in item:
        return f"{item['type']}:{item['id']}"
    if isinstance(item, (str, int)):
        return str(item)
    msg = f"The journal cannot tell {item!r:.80} from other items: give key=, a function that returns a text for each."
    raise ConfigurationError(msg)


class Journal:
    """
    A file of finished items, in the lines of JSON.

    The first line says whose it is; each of the others has the key and the result of one item. A last line that was
    torn, because the process ended in the middle of it, is left out and overwritten. Results come back as JSON gives
    them; what JSON has no form for, such as a datetime, comes back as its text.

    Args:
        path: The file. It is made if it is not there.

        function: Whose results it holds.

        key: Returns the text that tells an item from all others. None: `key_of`.

    Raises:
        ConfigurationError: It is the journal of another function, or no journal.
    """

    def __init__(
        self,
        path: Union[str, "PathLike[str]"],
        function: Callable[..., Any],
        key: Optional[Callable[[Any], str]] = None,
    ) -> None:
        self._path = Path(path)
        self._key_of = key or key_of
        self._whose = f"{function.__module__}:{getattr(function, '__qualname__', type(function).__qualname__)}"
        self._file: Optional[IO[bytes]] = None
        self._results: Dict[str, Any] = {}
        self._end = self._lines = 0
        if not self._path.parent.is_dir():
            msg = f"There is no folder {self._path.parent} for the journal {self._path.name}: make it, or name another."
            raise ConfigurationError(msg)
        if self._path.exists():
            self._read()

    def _open(self, mode: str, buffering: int = -1) -> IO[bytes]:
        try:
            return self._path.open(mode, buffering)
        except OSError as error:
            msg = f"{self._path} can be no journal: {error.strerror}. Name another file."
            raise ConfigurationError(msg) from error

    def _read(self) -> None:
        """
        Read on from where an earlier reading has ended.
        """
        with self._open("rb") as lines:
            lines.seek(self._end)
            for line in lines:
                is_whole = line.endswith(b"\n")
                if not is_whole and (self._lines or line.startswith(BEGINNING[: len(line)])):
                    return  # torn: it is the last
                try:
                    self._take(json.loads(line))
                except (ValueError, KeyError, TypeError) as error:
                    if isinstance(error, ConfigurationError):
                        raise
                    msg = f"{self._path} is no journal: line {self._lines + 1} cannot be read. Name another file."
                    raise ConfigurationError(msg) from error
                self._lines += 1
                self._end += len(line)

    def _take(self, entry: Dict[str, Any]) -> None:
        if self._lines:
            self._results[entry["key"]] = entry["result"]
        elif entry["function"] != self._whose:
            msg = (
                f"{self._path} is the journal of {entry['function']}, not of {self._whose}: name another file for this "
                "one."
            )
            raise ConfigurationError(msg)

    def key(self, item: Any) -> str:
        """
        Return the text that tells an item from all others.

        Raises:
            ConfigurationError: There is none.
        """
        key = self._key_of(item)
        if not isinstance(key, str):
            msg = f"key= has returned {key!r:.80} for {name_of(item)}: it must return a text."
            raise ConfigurationError(msg)
        return key

    def has(self, key: str) -> bool:
        """
        Tell whether an item was done in an earlier run.
        """
        return key in self._results

    def result(self, key: str) -> Any:
        """
        Return what came of an item in an earlier run.
        """
        return self._results[key]

    def note(self, key: str, result: Any) -> None:
        """
        Append an item that is done.

        Raises:
            TypeError, ValueError: JSON has no form for the result; nothing was written.

            OSError: It could not be written; what stands in the file is whole.
        """
        self._append({"key": key, "result": result})

    def _append(self, entry: Dict[str, Any]) -> None:
        assert self._file is not None
        # Names of files may have bytes that are no UTF-8, which Python keeps as lone surrogates; JSON gives them back.
        line = json.dumps(entry, default=str, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        written = 0
        try:
            # In one write, so that a line is torn by the end of the process alone; more of them only say what is wrong.
            while written < len(line):
                written += self._file.write(line[written:])
        except BaseException:
            self._cut()  # a torn line must not stand before others
            raise
        self._end += len(line)

    def _cut(self) -> None:
        assert self._file is not None
        self._file.truncate(self._end)
        self._file.seek(self._end)

    def __enter__(self) -> "Journal":  # noqa: PYI034 - typing.Self came with Python 3.11
        self._file = file = self._open("r+b" if self._path.exists() else "w+b", 0)
        try:
            _lock(file, self._path)
            if os.fstat(file.fileno()).st_size < self._end:  # it was deleted meanwhile, and is another one
                self._end = self._lines = 0
                self._results.clear()
            self._read()  # what another run has appended since
            self._cut()
            if not self._end:
                self._append({"sgextended": FORM, "function": self._whose})
        except BaseException:
            file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        assert self._file is not None
        _unlock(self._file)
        self._file.close()


def _lock(file: IO[bytes], path: Path) -> None:
    """
    Keep a second run from writing into the same journal, where the system knows locks.
    """
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        msg = f"Another run writes into the journal {path}: wait for it, or name another file."
        raise ConfigurationError(msg) from error
    except OSError:  # a network drive, say, that knows none
        _log.debug("%s cannot be locked.", path, exc_info=True)


def _unlock(file: IO[bytes]) -> None:
    # By itself it would stay as long as processes have the file that were forked meanwhile.
    if fcntl is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_UN)
