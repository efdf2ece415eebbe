"""
The journal of a map: a file with one line for each finished item, so that the next run does the rest.
"""

import contextlib
import json
import logging
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Callable, Dict, Optional, Union

from sgextended.errors import ConfigurationError
from sgextended.file_path import check_file_path
from sgextended.site_address import check_recorded_site

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from os import PathLike

FORMAT = 1  # version of the lines
BEGINNING = b'{"sgextended": '  # of the first line

_log = logging.getLogger("sgextended")


def name_of(item: object) -> str:
    """
    Return the name of an item for messages.
    """
    if isinstance(item, dict) and "type" in item and "id" in item:
        name = item.get("name") or item.get("code") or item.get("content")
        return f"{item['type']} {item['id']}" + (f" ({name})" if name else "")
    return f"{item!r:.80}"


def key_of(item: object) -> str:
    """
    Return the key of an item in the journal: ``Shot:123`` for an entity, the text of a text or a whole number.

    Raises:
        ConfigurationError: The item is of another kind.
    """
    if isinstance(item, dict) and "type" in item and "id" in item:
        return f"{item['type']}:{item['id']}"
    if isinstance(item, (str, int)):
        return str(item)
    msg = f"The journal has no key for {item!r:.80}. Pass key=, a function that returns a text for each item."
    raise ConfigurationError(msg)


class Journal:
    """
    A file of finished items, one JSON object a line.

    The first line names the function; each other line has the key and the result of one item. An incomplete last line,
    left by a process that died, is ignored and overwritten. Results are returned as JSON values; a value that JSON
    cannot represent, such as a datetime, is returned as its text.

    Args:
        path: The file. It is created if it does not exist.

        function: The function whose results the journal holds.

        key: Returns the unique text of an item. None: `key_of`.

        site: The site on which the function works; see `recorded_site`. None: unknown.

    Raises:
        ConfigurationError: The file is the journal of another function or for another site, or not a journal.
    """

    def __init__(
        self,
        path: Union[str, "PathLike[str]"],
        function: Callable[..., Any],
        key: Optional[Callable[[Any], str]] = None,
        site: Optional[str] = None,
    ) -> None:
        self._path = Path(path)
        self._site = site
        self._key_of = key or key_of
        self._function_name = f"{function.__module__}:{getattr(function, '__qualname__', type(function).__qualname__)}"
        self._file: Optional[IO[bytes]] = None
        self._results: Dict[str, Any] = {}
        self._end = self._lines = 0
        check_file_path(self._path, "journal")
        if self._path.exists():
            self._read()

    def _open(self, mode: str, buffering: int = -1) -> IO[bytes]:
        try:
            return self._path.open(mode, buffering)
        except OSError as error:
            msg = f"The journal {self._path} cannot be opened: {error.strerror}. Pass another file."
            raise ConfigurationError(msg) from error

    def _read(self) -> None:
        """
        Read the lines after those that were read before.
        """
        with self._open("rb") as lines:
            lines.seek(self._end)
            for line in lines:
                is_whole = line.endswith(b"\n")
                if not is_whole and (self._lines or line.startswith(BEGINNING[: len(line)])):
                    return  # the incomplete last line
                try:
                    self._load(json.loads(line))
                except (ValueError, KeyError, TypeError) as error:
                    if isinstance(error, ConfigurationError):
                        raise
                    msg = f"{self._path} is not a journal: line {self._lines + 1} cannot be read. Pass another file."
                    raise ConfigurationError(msg) from error
                self._lines += 1
                self._end += len(line)

    def _load(self, entry: Dict[str, Any]) -> None:
        if self._lines:
            self._results[entry["key"]] = entry["result"]
        elif entry["function"] != self._function_name:
            msg = (
                f"{self._path} is the journal of {entry['function']}, not of {self._function_name}. Pass another file "
                "for this function."
            )
            raise ConfigurationError(msg)
        else:
            check_recorded_site(f"The journal {self._path}", entry.get("site"), self._site)

    def key(self, item: Any) -> str:
        """
        Return the unique text of an item.

        Raises:
            ConfigurationError: There is none, or ``key=`` did not return a text.
        """
        key = self._key_of(item)
        if not isinstance(key, str):
            msg = f"key= returned {key!r:.80} for {name_of(item)}. It must return a text."
            raise ConfigurationError(msg)
        return key

    def has(self, key: str) -> bool:
        """
        Return whether an earlier run finished the item with this key.
        """
        return key in self._results

    def result(self, key: str) -> Any:
        """
        Return the result of an item from an earlier run.
        """
        return self._results[key]

    def record(self, key: str, result: Any) -> None:
        """
        Append a finished item.

        Raises:
            TypeError, ValueError: JSON cannot represent the result; nothing was written.

            OSError: The line could not be written; the file has only complete lines.
        """
        self._append({"key": key, "result": result})

    def _append(self, entry: Dict[str, Any]) -> None:
        assert self._file is not None
        # Python keeps bytes of file names that are not UTF-8 as lone surrogates. JSON must return the same name.
        line = json.dumps(entry, default=str, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        written = 0
        try:
            # One write, so that only a dying process leaves an incomplete line. A second write raises the error.
            while written < len(line):
                written += self._file.write(line[written:])
        except OSError as error:
            self._cut()
            msg = (
                f"The journal {self._path} cannot be written: {error.strerror or error}. It has all items that were "
                "recorded before. Free space there, and run again with it"
            )
            raise OSError(error.errno, msg) from error
        except BaseException:
            self._cut()  # no line may follow an incomplete one
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
            if os.fstat(file.fileno()).st_size < self._end:  # the file was deleted and created anew
                self._end = self._lines = 0
                self._results.clear()
            self._read()  # lines that another run has appended
            self._cut()
            if not self._end:
                site = {} if self._site is None else {"site": self._site}
                self._append({"sgextended": FORMAT, "function": self._function_name, **site})
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
    Lock the file against a second run, if the system supports locks.
    """
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        msg = f"Another run is writing to the journal {path}. Wait for its end, or pass another file."
        raise ConfigurationError(msg) from error
    except OSError:  # for example a network drive without locks
        _log.debug("%s cannot be locked.", path, exc_info=True)


def _unlock(file: IO[bytes]) -> None:
    # Closing is not enough: a process that was forked in between still has the file, and would keep the lock.
    if fcntl is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_UN)
