"""
``SGExtended.current``: the wrapper of each thread and class, and the one that a block sets in its place.

It knows nothing of `SGExtended`: it is told what to make, and which classes a wrapper stands for.
"""

import os
import sys
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Type, TypeVar

from sgextended.closing import close

Wrapper = TypeVar("Wrapper")


class _Made:
    """
    What one thread has made, by class. The thread's locals go with it, and this closes then what it holds.
    """

    def __init__(self) -> None:
        self.wrappers: Dict[Type[Any], Any] = {}
        self.pid = os.getpid()

    def __del__(
        self, getpid: Callable[[], int] = os.getpid, is_finalizing: Callable[[], bool] = sys.is_finalizing
    ) -> None:
        # A forked child drops the threads of its parent, and must not touch the locks that they may hold. At the end
        # of the process there is nothing to close with.
        if self.pid == getpid() and not is_finalizing():
            for wrapper in self.wrappers.values():
                close(wrapper)


class _OfThread(threading.local):
    def __init__(self) -> None:
        self.made = _Made()


_of_thread = _OfThread()
_inherited: List[_Made] = []
_set: "ContextVar[Mapping[Type[Any], Any]]" = ContextVar("sgextended_current", default=MappingProxyType({}))


def current_of(cls: Type[Wrapper]) -> Wrapper:
    """
    Return the wrapper that a block has set for a class, else this thread's own, made without arguments on first use.
    """
    wrapper: Wrapper
    if cls in _set.get():
        wrapper = _set.get()[cls]
        return wrapper
    made = _of_thread.made
    if made.pid != os.getpid():
        _inherited.append(made)  # kept alive on purpose: collecting a wrapper could end the parent's connection
        made = _of_thread.made = _Made()
    if cls not in made.wrappers or made.wrappers[cls].is_closed:
        made.wrappers[cls] = cls()
    wrapper = made.wrappers[cls]
    return wrapper


def set_for(cls: Type[Wrapper]) -> Optional[Wrapper]:
    """
    Return the wrapper that a block has set for a class; None outside of one.
    """
    return _set.get().get(cls)


@contextmanager
def as_current(wrapper: Wrapper, classes: Iterable[Type[Any]]) -> Iterator[Wrapper]:
    """
    Have `current_of` return *wrapper* for some classes in a ``with`` block.
    """
    token = _set.set({**_set.get(), **dict.fromkeys(classes, wrapper)})
    try:
        yield wrapper
    finally:
        _set.reset(token)
