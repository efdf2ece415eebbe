"""
`Lease`: one instance of an `SGPool`, leased for one ``with`` block.
"""

import functools
import os
from typing import TYPE_CHECKING, Any, Deque, Generic, List, Optional, Tuple, TypeVar
from weakref import ref

from sgextended.concurrency.scoped_value import DetachedMethod
from sgextended.errors import PoolError

Instance = TypeVar("Instance")


class Place:
    """
    A place in the queue of a pool. It lives as long as its lease, so an interruption cannot lose it.
    """

    __slots__ = ("__weakref__",)


class LeaseState(Generic[Instance]):
    """
    The state of a lease. It refers to the place weakly; see `DetachedMethod`.
    """

    pool: Any
    timeout: float
    unused: List[None]
    place: "ref[Place]"

    def __init__(self, pool: Any, timeout: float, place: Place) -> None:
        self.pool, self.timeout = pool, timeout
        self.unused = [None]  # the caller that pops it begins the block
        self.pid = 0
        self.number = 0  # in the queue
        self.held: List[Tuple[float, Instance]] = []  # the instance, with the time since when it is leased
        note = functools.partial(_note_forgotten, pool._forgotten, self.held)  # noqa: SLF001 - part of the pool
        self.place = ref(place, note)


def _begin(state: "LeaseState[Instance]") -> Instance:
    try:
        state.unused.pop()
    except IndexError:
        msg = "This lease was used before, and a lease is for one block. Call lease() again."
        raise PoolError(msg) from None
    state.pid = os.getpid()
    instance: Instance = state.pool._begin_lease(state)  # noqa: SLF001 - part of the pool
    return instance


def _end(state: "LeaseState[Any]", _kind: object, error: Optional[BaseException], _traceback: object) -> None:
    if state.held and state.pid == os.getpid():  # else the parent leased it before the fork, and owns it
        state.pool._end_lease(state, error)  # noqa: SLF001 - part of the pool


class Lease(Generic[Instance]):
    """
    A lease for one ``with`` block. The block may end in another thread than it began in.
    """

    parts: LeaseState[Instance]

    def __init__(self, pool: Any, timeout: float) -> None:
        self._place = Place()
        self.parts = LeaseState(pool, timeout, self._place)

    if TYPE_CHECKING:

        def __enter__(self) -> Instance: ...

        def __exit__(self, *_: object) -> None: ...
    else:
        __enter__ = DetachedMethod(_begin)
        __exit__ = DetachedMethod(_end)


def _note_forgotten(forgotten: Deque[List[Any]], held: List[Any], _gone: object) -> None:
    """
    Note that a place is gone whose lease has not ended. The garbage collector may end it right after this.

    The caller may still use the instance, so it is neither closed nor leased again. This is not a ``__del__`` of the
    lease: some programs keep an exception in ``__del__`` with its frame, and thereby the lease.
    """
    if held:
        forgotten.append(held)
