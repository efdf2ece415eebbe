"""
Functions that are named on the command line: ``module:function``, or ``path/to/file.py:function``.
"""

import importlib
import importlib.util
import inspect
import site
import sys
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Optional

from sgextended import SGWorker
from sgextended.errors import ConfigurationError
from sgextended.schema.site_schema import did_you_mean
from sgextended.workers.map import check_function


class UsageError(Exception):
    """
    What was typed cannot work; nothing was sent. The message says what to type instead.
    """


def load(spec: str) -> Callable[[Any, Any], Any]:
    """
    Return the function that a word names, or the `SGWorker`; it can be called with an *sg* and an entity.

    Modules are looked for in the working directory too. The module keeps a name under which other processes import it.

    Raises:
        UsageError: There is no such function.
    """
    where, colon, name = spec.rpartition(":")
    if not colon or not where or not name or len(where) == 1:  # C:\tools.py is a path without a function
        raise UsageError(f"{spec!r} names no function: write module:function, or path/to/file.py:function.")
    module = _load_file(Path(where)) if where.endswith(".py") or Path(where).is_file() else _load_module(where)
    function: Any = module
    for part in name.split("."):
        if not hasattr(function, part):
            known = [each for each in dir(function) if callable(getattr(function, each)) and not each.startswith("_")]
            raise UsageError(f"{where} has no {name!r}.{did_you_mean(part, known)}")
        function = getattr(function, part)
    _check(function, spec)
    return function  # type: ignore[no-any-return]


def _load_module(name: str) -> ModuleType:
    _look_in(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name + ".").startswith(error.name + "."):
            raise UsageError(_broken(name, error)) from error
        raise UsageError(
            f"There is no module {name!r}: not here in {Path.cwd()}, nor in what Python imports."
        ) from error
    except Exception as error:
        raise UsageError(_broken(name, error)) from error


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"There is no file {str(path)!r} in {Path.cwd()}.")
    path = path.resolve()
    name = path.stem
    if not name.isidentifier():
        raise UsageError(f"{path.name!r} cannot be imported: a module's name has letters, digits and _ only.")
    _look_in(path.parent)
    module = _load_module(name)
    loaded = getattr(module, "__file__", None)
    if loaded is None or Path(loaded).resolve() != path:
        raise UsageError(f"{path.name!r} has the name of another module, {loaded or 'which is built in'}: rename it.")
    return module


def _look_in(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _broken(name: str, error: Exception) -> str:
    """
    Return how to say that a module fails while it is imported, with the line that does.
    """
    import traceback  # noqa: PLC0415

    frames = [each for each in traceback.extract_tb(error.__traceback__) if "importlib" not in each.filename]
    at = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if len(frames) > 1 else ""
    return f"{name!r} cannot be imported: {type(error).__name__}: {error}{at}"


def file_of(function: Callable[..., Any]) -> Optional[Path]:
    """
    Return the file of a function whose whole module is one file that was not installed; None for all others.

    A folder within that of Python is not what was installed: a virtual environment may stand in the project's own, and
    a studio's tools below ``/usr``.
    """
    module = inspect.getmodule(function)
    path = Path(getattr(module, "__file__", None) or "")
    if module is None or path.suffix != ".py" or "." in module.__name__ or hasattr(module, "__path__"):
        return None
    installed = {sysconfig.get_path("stdlib"), *site.getsitepackages(), site.getusersitepackages()}
    installed -= set(site.PREFIXES)  # are among them on Windows
    return None if any(path.is_relative_to(folder) for folder in installed) else path


def _check(function: Any, spec: str) -> None:
    if not callable(function):
        raise UsageError(f"{spec} cannot be called: it is {function!r:.80}.")
    try:
        check_function(function.__call__ if _is_worker(function) else function)
    except ConfigurationError as error:
        raise UsageError(str(error)) from error
    try:
        signature = inspect.signature(function.__call__ if _is_worker(function) else function)
    except (TypeError, ValueError):  # a function that Python knows nothing of
        return
    try:
        signature.bind(None, None)  # the sg or the worker itself, and the entity
    except TypeError as error:
        raise UsageError(f"{spec}{signature} cannot be called with (sg, entity): {error}.") from error


def _is_worker(function: Any) -> bool:
    return isinstance(function, type) and issubclass(function, SGWorker)
