"""
``SGExtended.current``: one wrapper for each thread and class, or the wrapper that a block has set.

It does not depend on `SGExtended`: the caller passes the class to create, and the classes that a block applies to.
"""

import os
import sys
import threading
from collections import deque
from types import MappingProxyType
from typing import Any, Callable, Deque, Dict, Iterable, List, Mapping, Optional, Tuple, Type, TypeVar

from sgextended.concurrency.close_quietly import close
from sgextended.concurrency.scoped_value import Block, ScopedValue

Wrapper = TypeVar("Wrapper")


#: The wrappers of ended threads, not closed yet: the id of their process, and the wrappers by class.
ENDED: "Deque[Tuple[int, Dict[Type[Any], Any]]]" = deque()


class _Made:
    """
    The wrappers that one thread has created, by class. They are closed after the thread has ended.
    """

    def __init__(self) -> None:
        self.wrappers: Dict[Type[Any], Any] = {}
        self.pid = os.getpid()

    def __del__(
        self,
        getpid: Callable[[], int] = os.getpid,
        is_finalizing: Callable[[], bool] = sys.is_finalizing,
        frame: Callable[[], Any] = sys._getframe,  # noqa: SLF001 - there is no public function
    ) -> None:
        # A forked child must not touch the locks of its parent, which threads of the parent may hold. At the end of
        # the process, modules that closing needs may be gone.
        if not self.wrappers or self.pid != getpid() or is_finalizing():
            return
        ENDED.append((self.pid, self.wrappers))
        # Closing takes locks. At the end of a thread (no outer frame) the thread holds none. The garbage collector may
        # call this in any thread and inside any code, also code that holds one of those locks: then it is left to the
        # next call.
        if frame().f_back is None:
            close_ended()


class _ThreadState(threading.local):
    def __init__(self) -> None:
        self.made = _Made()


_thread_state = _ThreadState()
_inherited: List[Any] = []
_set: "ScopedValue[Mapping[Type[Any], Any]]" = ScopedValue("sgextended_current", MappingProxyType({}))


def close_ended() -> None:
    """
    Close the wrappers in `ENDED`.
    """
    while ENDED:
        try:
            pid, wrappers = ENDED.popleft()
        except IndexError:  # another thread took the last ones
            return
        if pid != os.getpid():
            _inherited.append(wrappers)  # the parent's wrappers; see `current_of`
            continue
        for wrapper in wrappers.values():
            close(wrapper)


def current_of(cls: Type[Wrapper]) -> Wrapper:
    """
    Return the wrapper that a block has set for a class; without a block, this thread's own, created on first use.
    """
    close_ended()
    wrapper: Wrapper
    given = _set.get()
    if cls in given:
        wrapper = given[cls]
        return wrapper
    made = _thread_state.made
    if made.pid != os.getpid():
        _inherited.append(made)  # kept alive: collecting a wrapper could close the parent's connection
        made = _thread_state.made = _Made()
    if cls not in made.wrappers or made.wrappers[cls].is_closed:
        made.wrappers[cls] = cls()
    wrapper = made.wrappers[cls]
    return wrapper


def set_for(cls: Type[Wrapper]) -> Optional[Wrapper]:
    """
    Return the wrapper that a block has set for a class, or None.
    """
    return _set.get().get(cls)


def as_current(wrapper: Wrapper, classes: Iterable[Type[Any]]) -> Block[Wrapper]:
    """
    Return a ``with`` block in which `current_of` returns *wrapper* for these classes.
    """

    def begin(_held: object) -> Tuple[Mapping[Type[Any], Any], Wrapper]:
        return {**_set.get(), **dict.fromkeys(classes, wrapper)}, wrapper

    return Block(_set, begin)
