"""
The journal of a map: what is done already, one line for each finished item, so that the next run does the rest.
"""

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Callable, Dict, Optional, Union

from sgextended.errors import ConfigurationError

if TYPE_CHECKING:
    from os import PathLike

FORM = 1  # of the lines


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
        self._key = key or key_of
        self._whose = f"{function.__module__}:{getattr(function, '__qualname__', type(function).__qualname__)}"
        self._file: Optional[BinaryIO] = None
        self._results: Dict[str, Any] = {}
        self._end = 0
        if self._path.exists():
            self._read()

    def _read(self) -> None:
        whose = None
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    entry = json.loads(line)
                    if number == 1:
                        whose = entry["function"]
                    else:
                        self._results[entry["key"]] = entry["result"]
                except (ValueError, KeyError, TypeError) as error:
                    if not line.endswith(b"\n"):
                        return  # torn: it was the last
                    msg = f"{self._path} is no journal: line {number} cannot be read. Name another file."
                    raise ConfigurationError(msg) from error
                if not line.endswith(b"\n"):
                    self._results.pop(entry.get("key"), None)  # whole by chance, but nobody knows
                    return
                self._end += len(line)
        if whose not in (None, self._whose):
            msg = f"{self._path} is the journal of {whose}, not of {self._whose}: name another file for this one."
            raise ConfigurationError(msg)

    def has(self, item: Any) -> bool:
        """
        Tell whether an item was done in an earlier run.
        """
        return self._key(item) in self._results

    def result(self, item: Any) -> Any:
        """
        Return what came of an item in an earlier run.
        """
        return self._results[self._key(item)]

    def note(self, item: Any, result: Any) -> None:
        """
        Append an item that is done.
        """
        self._append({"key": self._key(item), "result": result})

    def _append(self, entry: Dict[str, Any]) -> None:
        assert self._file is not None
        # In one write, so that a line is torn by the end of the process alone.
        self._file.write(json.dumps(entry, default=str, ensure_ascii=False).encode("utf-8") + b"\n")
        self._file.flush()

    def __enter__(self) -> "Journal":  # noqa: PYI034 - typing.Self came with Python 3.11
        self._file = self._path.open("r+b" if self._path.exists() else "w+b")
        _lock(self._file, self._path)
        self._file.truncate(self._end)
        self._file.seek(self._end)
        if not self._end:
            self._append({"sgextended": FORM, "function": self._whose})
        return self

    def __exit__(self, *_: object) -> None:
        assert self._file is not None
        self._file.close()


def _lock(file: BinaryIO, path: Path) -> None:
    """
    Keep a second run from writing into the same journal, where the system knows locks.
    """
    with contextlib.suppress(ImportError):
        import fcntl  # noqa: PLC0415 - not on Windows

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            msg = f"Another run writes into the journal {path}: wait for it, or name another file."
            raise ConfigurationError(msg) from error
