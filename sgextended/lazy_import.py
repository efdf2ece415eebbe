"""
Modules that are imported when one of their names is first used, so that ``import sgextended`` stays quick.

sgextended uses only this function to postpone imports of its own modules and of the standard library::

    if TYPE_CHECKING:
        from sgextended.workers import map as workers
    else:
        workers = lazy_module("sgextended.workers.map")

Type checkers, and tools that build frozen applications, follow the import under TYPE_CHECKING and find the module.

Calls also run in ``atexit`` handlers and in ``__del__`` at the end of the process, where an import may fail. So a
module that ``find``, ``create``, ``update``, ``delete`` or ``batch`` needs is imported in the ordinary way.
"""

import functools
import importlib
from typing import Any, List, Optional

#: Names that inspect, doctest, copy and pickle look up on any object. Looking them up does not import the module.
_PROBED = frozenset({"__wrapped__", "__deepcopy__", "__copy__", "__getstate__", "__setstate__", "__reduce_ex__"})


class LazyModule:
    """
    Stand for a module, and import it when one of its names is first read.

    Args:
        name: The full name of the module.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._module: Optional[Any] = None

    def __getattr__(self, name: str) -> Any:
        if name in _PROBED:
            raise AttributeError(name)
        module = self._module
        if module is None:
            # Two threads may both run this. The import system has a lock, and returns the same module to both.
            module = self._module = importlib.import_module(self._name)
        return getattr(module, name)

    def __dir__(self) -> List[str]:
        return dir(importlib.import_module(self._name))

    def __repr__(self) -> str:
        return f"<lazy module {self._name!r}>"


@functools.cache  # so that all users of a module share one stand-in
def lazy_module(name: str) -> Any:
    """
    Return the stand-in for a module; the module is imported when one of its names is first read.

    Args:
        name: The full name of the module, such as ``"sgextended.workers.map"``.
    """
    return LazyModule(name)
