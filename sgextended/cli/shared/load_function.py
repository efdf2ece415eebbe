"""
Loading a function that is named on the command line: ``module:function``, or ``path/to/file.py:function``.
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
from sgextended.cli.usage_error import UsageError
from sgextended.errors import ConfigurationError
from sgextended.schema.site_schema import did_you_mean
from sgextended.workers.map import check_function


def load_function(spec: str) -> Callable[[Any, Any], Any]:
    """
    Return the function or `SGWorker` class that *spec* names. It can be called with ``(sg, entity)``.

    Modules in the working directory are found too. The module is imported under a name that other processes can import.

    Args:
        spec: ``module:function``, or ``path/to/file.py:function``.

    Raises:
        UsageError: There is no such function, or it cannot be called with ``(sg, entity)``.
    """
    where, colon, name = spec.rpartition(":")
    if not colon or not where or not name or len(where) == 1:  # C:\tools.py is a path without a function
        raise UsageError(f"{spec!r} does not name a function. Write module:function, or path/to/file.py:function.")
    function: Any = load_module(where)
    for part in name.split("."):
        if not hasattr(function, part):
            known = [each for each in dir(function) if callable(getattr(function, each)) and not each.startswith("_")]
            raise UsageError(f"{where} has no {name!r}.{did_you_mean(part, known)}")
        function = getattr(function, part)
    _check(function, spec)
    return function  # type: ignore[no-any-return]


def load_module(spec: str) -> ModuleType:
    """
    Return the module that *spec* names.

    Args:
        spec: ``package.module``, or ``path/to/file.py``.

    Raises:
        UsageError: There is no such module, or it cannot be imported.
    """
    return _load_file(Path(spec)) if spec.endswith(".py") or Path(spec).is_file() else _load_module(spec)


def _load_module(name: str) -> ModuleType:
    _add_to_path(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name + ".").startswith(error.name + "."):
            raise UsageError(_import_failure(name, error)) from error
        raise UsageError(
            f"There is no module {name!r}, neither in {Path.cwd()} nor on Python's path. "
            "Check the spelling, or run the command in the folder of the module."
        ) from error
    except Exception as error:
        raise UsageError(_import_failure(name, error)) from error


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"There is no file {str(path)!r} in {Path.cwd()}.")
    path = path.resolve()
    name = path.stem
    if not name.isidentifier():
        raise UsageError(
            f"{path.name!r} cannot be imported. The name of a module can have only letters, digits and _. "
            "Rename the file."
        )
    _add_to_path(path.parent)
    module = _load_module(name)
    loaded = getattr(module, "__file__", None)
    if loaded is None or Path(loaded).resolve() != path:
        other = f"the module {loaded}" if loaded else "a module that is built into Python"
        raise UsageError(f"{path.name!r} cannot be imported, because {other} has the same name. Rename the file.")
    return module


def _add_to_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _import_failure(name: str, error: Exception) -> str:
    """
    Return the message for a module that raised an error while it was imported, with the line that raised it.
    """
    import traceback  # noqa: PLC0415

    frames = [each for each in traceback.extract_tb(error.__traceback__) if "importlib" not in each.filename]
    at = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if len(frames) > 1 else ""
    return f"{name!r} cannot be imported: {type(error).__name__}: {error}{at}"


def file_to_upload(function: Callable[..., Any]) -> Optional[Path]:
    """
    Return the file to upload to a cluster so that its workers can import the function.

    Return None if the function is not in a module of one file, or if that file is installed: the workers have it.

    A folder below Python's own folder does not count as installed. A virtual environment can be the project folder
    itself, and a studio's tools can be below ``/usr``.
    """
    module = inspect.getmodule(function)
    path = Path(getattr(module, "__file__", None) or "")
    if module is None or path.suffix != ".py" or "." in module.__name__ or hasattr(module, "__path__"):
        return None
    installed = {sysconfig.get_path("stdlib"), *site.getsitepackages(), site.getusersitepackages()}
    installed -= set(site.PREFIXES)  # on Windows, getsitepackages() contains them
    return None if any(path.is_relative_to(folder) for folder in installed) else path


def _check(function: Any, spec: str) -> None:
    if not callable(function):
        raise UsageError(f"{spec} is not a function. It is {function!r:.80}. Name a function, or a class of SGWorker.")
    try:
        check_function(function.__call__ if _is_worker(function) else function)
    except ConfigurationError as error:
        raise UsageError(str(error)) from error
    try:
        signature = inspect.signature(function.__call__ if _is_worker(function) else function)
    except (TypeError, ValueError):  # a built-in function without a signature
        return
    try:
        signature.bind(None, None)  # sg, or the worker itself; and the entity
    except TypeError as error:
        raise UsageError(
            f"{spec}{signature} cannot be called with (sg, entity): {error}. Name a function that takes these two."
        ) from error


def _is_worker(function: Any) -> bool:
    return isinstance(function, type) and issubclass(function, SGWorker)
