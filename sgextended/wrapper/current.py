"""
``SGExtended.current``: the wrapper of each thread and class, and the one that a block sets in its place.

It knows nothing of `SGExtended`: it is told what to make, and which classes a wrapper stands for.
"""

import os
import sys
import threading
from collections import deque
from types import MappingProxyType
from typing import Any, Callable, Deque, Dict, Iterable, List, Mapping, Optional, Tuple, Type, TypeVar

from sgextended.concurrency.closing import close
from sgextended.concurrency.scoped_value import Block, ScopedValue

Wrapper = TypeVar("Wrapper")


#: The wrappers of threads that have ended: the process that made them, and they by class. See `close_ended`.
ENDED: "Deque[Tuple[int, Dict[Type[Any], Any]]]" = deque()


class _Made:
    """
    The wrappers that one thread has made, by class. They are closed when the thread has ended.
    """

    def __init__(self) -> None:
        self.wrappers: Dict[Type[Any], Any] = {}
        self.pid = os.getpid()

    def __del__(
        self,
        getpid: Callable[[], int] = os.getpid,
        is_finalizing: Callable[[], bool] = sys.is_finalizing,
        frame: Callable[[], Any] = sys._getframe,  # noqa: SLF001 - the way to see it
    ) -> None:
        # A forked child drops the threads of its parent, and must not touch the locks that they may hold. At the end
        # of the process there is nothing to close with.
        if not self.wrappers or self.pid != getpid() or is_finalizing():
            return
        ENDED.append((self.pid, self.wrappers))
        # Closing takes locks. At the end of its thread no code of the thread runs, so it holds none. The garbage
        # collector may be here in any thread and within any code, also code that holds one of those locks.
        if frame().f_back is None:
            close_ended()


class _OfThread(threading.local):
    def __init__(self) -> None:
        self.made = _Made()


_of_thread = _OfThread()
_inherited: List[Any] = []
_set: "ScopedValue[Mapping[Type[Any], Any]]" = ScopedValue("sgextended_current", MappingProxyType({}))


def close_ended() -> None:
    """
    Close the wrappers of threads that have ended, as far as that was left to the next call.
    """
    while ENDED:
        try:
            pid, wrappers = ENDED.popleft()
        except IndexError:  # another thread took the last ones
            return
        if pid != os.getpid():
            _inherited.append(wrappers)  # the parent's; see `current_of`
            continue
        for wrapper in wrappers.values():
            close(wrapper)


def current_of(cls: Type[Wrapper]) -> Wrapper:
    """
    Return the wrapper that a block has set for a class, else this thread's own, made without arguments on first use.
    """
    close_ended()
    wrapper: Wrapper
    given = _set.get()
    if cls in given:
        wrapper = given[cls]
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


def as_current(wrapper: Wrapper, classes: Iterable[Type[Any]]) -> Block[Wrapper]:
    """
    Have `current_of` return *wrapper* for some classes in a ``with`` block.
    """

    def begin(_held: object) -> Tuple[Mapping[Type[Any], Any], Wrapper]:
        return {**_set.get(), **dict.fromkeys(classes, wrapper)}, wrapper

    return Block(_set, begin)
