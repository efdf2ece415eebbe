"""
`LockedClient`: a client that is not ours to make safe, lent to one call at a time.
"""

import contextlib
import functools
import os
import threading
from typing import Any, List
from weakref import ref

from sgextended.errors import ConfigurationError
from sgextended.schema.site_schema import SchemaCache


class LockedClient:
    """
    A client that is not ours to make safe (a ``Shotgun``, a ``Mockgun``), lent to one call at a time.

    All `LockedClient` around the same client share one lock. Attributes are read and set on the client itself.
    """

    __slots__ = ("_lent",)

    def __init__(self, client: Any) -> None:
        object.__setattr__(self, "_lent", _lent_of(client))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # copy and pickle ask for these before there is a client
            raise AttributeError(name)
        lent = self._lent
        with lent.lock:
            value = getattr(lent.client, name)  # a property of Shotgun may send a request
        return _Locked(lent, value) if callable(value) else value

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._lent.client, name, value)

    @property
    def schema_cache(self) -> SchemaCache:
        """
        What is known of the client's schema, for all who use it.
        """
        kept: SchemaCache = self._lent.schema_cache
        return kept

    def clone(self) -> "LockedClient":
        """
        Return itself: there is one such client, and its lock goes with it.
        """
        return self

    def __dir__(self) -> List[str]:
        return dir(self._lent.client)

    def __repr__(self) -> str:
        return f"<{type(self._lent.client).__name__}, one call at a time>"

    def __reduce__(self) -> Any:
        msg = (
            f"A {type(self._lent.client).__name__} that was handed in cannot be sent to another process or copied: it "
            "holds its key and its socket. Use SGExtended.from_shotgun(sg), or build the wrapper from a Site."
        )
        raise ConfigurationError(msg)


class _Lent:
    """
    A client that is not ours, and the lock that all who use it share.
    """

    __slots__ = ("__weakref__", "client", "lock", "schema_cache")

    def __init__(self, client: Any) -> None:
        self.client = client
        self.lock = threading.RLock()
        self.schema_cache = SchemaCache()


class _Locked:
    """
    A method of a client that is lent to one call at a time.
    """

    def __init__(self, lent: _Lent, method: Any) -> None:
        functools.update_wrapper(self, method)
        self._lent = lent

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self._lent.lock:
            return self.__wrapped__(*args, **kwargs)  # type: ignore[attr-defined]


#: The clients that are lent, in the order in which they came. For each client, the first living one counts.
_all_lent: "List[ref[_Lent]]" = []


def _lent_of(client: Any) -> _Lent:
    """
    Return what all `LockedClient` around a client share.
    """
    # No lock, since the garbage collector may run a finalizer here that makes a wrapper too. A thread that came later
    # finds the entry of the first one in front of its own.
    mine = _Lent(client)
    _all_lent.append(ref(mine))
    for each in list(_all_lent):
        lent = each()
        if lent is None:
            with contextlib.suppress(ValueError):  # another thread has removed it
                _all_lent.remove(each)
        # By identity: a mock would record a use of its hash or equality as a call.
        elif lent.client is client:
            return lent
    return mine


def _renew_after_fork() -> None:
    for each in _all_lent:
        lent = each()
        if lent is not None:
            lent.lock = threading.RLock()  # a thread of the parent may hold the old one, and is not in the child
            lent.schema_cache = SchemaCache()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_after_fork)
