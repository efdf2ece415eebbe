"""
The wrapper class that a studio has registered, by an entry point of its package or by an environment variable.
"""

import functools
import importlib
import importlib.metadata
import sys
from typing import Any, List, Type

from sgextended.environment import environment_variable
from sgextended.errors import ConfigurationError
from sgextended.extended import SGExtended
from sgextended.wrapper.current import set_for

#: The group of the entry point that names the class.
GROUP = "sgextended.wrappers"
#: The environment variable that names the class, as ``package.module:Class``. It takes precedence over entry points.
VARIABLE = "SGEXTENDED_CLASS"


def registered_class() -> Type[SGExtended]:
    """
    Return the wrapper class that a studio has registered, or `SGExtended` if there is none.

    The environment variable ``SGEXTENDED_CLASS`` names it, as ``package.module:Class``. Without the variable, the entry
    point of the group ``sgextended.wrappers`` in an installed package names it. The result is cached for the process.

    Raises:
        ConfigurationError: The class cannot be imported, is not a subclass of `SGExtended`, or several are registered.
    """
    named = environment_variable(VARIABLE)
    return _loaded(named, VARIABLE) if named else _from_entry_points()


def current() -> SGExtended:
    """
    Return this thread's wrapper of the registered class; see `registered_class`.

    In a block of `SGExtended.as_current` it is the wrapper of that block, whatever its class.
    """
    wrapper: Any = set_for(SGExtended)
    return wrapper if wrapper is not None else registered_class().current()


@functools.cache
def _from_entry_points() -> Type[SGExtended]:
    found = _entry_points()
    if not found:
        return SGExtended
    if len({each.value for each in found}) > 1:
        names = ", ".join(sorted(f"{each.name} = {each.value}" for each in found))
        msg = f"Several packages register a class ({names}). Set {VARIABLE} to one of them, as package.module:Class."
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
        msg = f"{source} names {named!r}, which is not a subclass of SGExtended. Name a subclass."
        raise ConfigurationError(msg)
    return found
