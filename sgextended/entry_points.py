"""
The class of wrappers that a studio has registered: by an entry point of its package, or by an environment variable.
"""

import functools
import importlib
import importlib.metadata
import os
import sys
from typing import Any, List, Type

from sgextended.errors import ConfigurationError
from sgextended.extended import SGExtended
from sgextended.wrapper.current import set_for

#: The group of entry points in which a package names its class.
GROUP = "sgextended.wrappers"
#: The variable that names a class as ``package.module:Class``; it goes before entry points.
VARIABLE = "SGEXTENDED_CLASS"


def registered_class() -> Type[SGExtended]:
    """
    Return the class that a studio has registered; `SGExtended` where there is none.

    It is what the variable ``SGEXTENDED_CLASS`` names, as ``package.module:Class``, or else the one entry point of the
    group ``sgextended.wrappers`` that the installed packages have. What was looked up is kept for the process.

    Raises:
        ConfigurationError: It cannot be imported, is no subclass of `SGExtended`, or there are several.
    """
    named = os.environ.get(VARIABLE)
    return _loaded(named, VARIABLE) if named else _from_entry_points()


def current() -> SGExtended:
    """
    Return this thread's wrapper of the class that the studio has registered: ``SGExtended.current()`` where there is
    none. In the block of `as_current` it is the wrapper that was set there, of whatever class.
    """
    there: Any = set_for(SGExtended)
    return there if there is not None else registered_class().current()


@functools.cache
def _from_entry_points() -> Type[SGExtended]:
    found = _entry_points()
    if not found:
        return SGExtended
    if len({each.value for each in found}) > 1:
        names = ", ".join(sorted(f"{each.name} = {each.value}" for each in found))
        msg = f"Several packages register a class ({names}). Name one in {VARIABLE}, as package.module:Class."
        raise ConfigurationError(msg)
    return _loaded(found[0].value, f"the entry point {found[0].name!r} of {GROUP}")


def _entry_points() -> "List[importlib.metadata.EntryPoint]":
    if sys.version_info >= (3, 10):
        return list(importlib.metadata.entry_points(group=GROUP))
    return list(importlib.metadata.entry_points().get(GROUP, ()))


@functools.cache
def _loaded(named: str, source: str) -> Type[SGExtended]:
    module, colon, name = named.partition(":")
    try:
        found: Any = importlib.import_module(module) if colon and name else None
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:
        msg = f"{source} names {named!r}, which cannot be loaded: {error!r}. Write package.module:Class."
        raise ConfigurationError(msg) from error
    if not (isinstance(found, type) and issubclass(found, SGExtended)):
        msg = f"{source} names {named!r}, which is no subclass of SGExtended."
        raise ConfigurationError(msg)
    return found
