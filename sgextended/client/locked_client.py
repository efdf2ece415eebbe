"""
`LockedClient`: a lock around a client that is not thread-safe.
"""

import contextlib
import functools
import os
import threading
from types import FunctionType
from typing import Any, Iterator, List
from weakref import ref

from sgextended.client.foreign_faults import make_catchable
from sgextended.client.overrides import own_method, view_of
from sgextended.errors import ConfigurationError
from sgextended.schema.site_schema import SchemaCache


class LockedClient:
    """
    A wrapper around a client that is not thread-safe (a ``Shotgun`` or a ``Mockgun``). It allows one call at a time.

    All `LockedClient` around the same client share one lock. Attributes are read from and set on the client itself.
    """

    __slots__ = ("_shared",)

    def __init__(self, client: Any) -> None:
        object.__setattr__(self, "_shared", _shared_by(client))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # copy and pickle ask for these before there is a client
            raise AttributeError(name)
        shared = self._shared
        with shared.lock:
            value = getattr(shared.client, name)  # a property of Shotgun may send a request
        return _LockedMethod(shared, value) if callable(value) else value

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._shared.client, name, value)

    def with_overrides_of(self, wrapper: Any, name: str) -> Any:
        """
        Return an attribute of the client. Its own code calls the overrides of *wrapper*.
        """
        shared = self._shared
        client = shared.client
        if not isinstance(getattr(type(client), name, None), FunctionType):
            return getattr(self, name)
        return _LockedMethod(shared, own_method(client, view_of(client, wrapper, shared.unlocked), name))

    @property
    def schema_cache(self) -> SchemaCache:
        """
        The cached schema of the client, which all its `LockedClient` share.
        """
        cache: SchemaCache = self._shared.schema_cache
        return cache

    def clone(self) -> "LockedClient":
        """
        Return this object. The client cannot be copied, and its lock belongs to it.
        """
        return self

    def __dir__(self) -> List[str]:
        return dir(self._shared.client)

    def __repr__(self) -> str:
        return f"<{type(self._shared.client).__name__}, one call at a time>"

    def __reduce__(self) -> Any:
        msg = (
            f"A wrapped {type(self._shared.client).__name__} cannot be sent to another process or copied: it holds its "
            "key and its socket. Use SGExtended.from_shotgun(sg), or create the wrapper from a Site."
        )
        raise ConfigurationError(msg)


class _Shared:
    """
    A client, and the lock and schema cache that all its `LockedClient` share.
    """

    __slots__ = ("__weakref__", "client", "lock", "schema_cache")

    def __init__(self, client: Any) -> None:
        self.client = client
        self.lock = threading.RLock()
        self.schema_cache = SchemaCache()

    @contextlib.contextmanager
    def unlocked(self) -> Iterator[None]:
        """
        Release the lock in a ``with`` block, in which an override runs: it is foreign code.
        """
        self.lock.release()
        try:
            yield
        finally:
            self.lock.acquire()


class _LockedMethod:
    """
    A method of the client, which holds the lock during the call.
    """

    def __init__(self, shared: _Shared, method: Any) -> None:
        functools.update_wrapper(self, method)
        self._shared = shared

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self._shared.lock:
            try:
                return self.__wrapped__(*args, **kwargs)  # type: ignore[attr-defined]
            except Exception as error:
                make_catchable(error)
                raise


#: The shared objects of all clients, oldest first. For each client, the first living one is used.
_all_shared: "List[ref[_Shared]]" = []


def _shared_by(client: Any) -> _Shared:
    """
    Return the object that all `LockedClient` around a client share.
    """
    # There is no lock, since the garbage collector may run a finalizer here that also creates a wrapper. If two threads
    # add an entry, both use the first one.
    mine = _Shared(client)
    _all_shared.append(ref(mine))
    for each in list(_all_shared):
        shared = each()
        if shared is None:
            with contextlib.suppress(ValueError):  # another thread has removed it
                _all_shared.remove(each)
        # Compared by identity: a mock would record a use of its hash or equality as a call.
        elif shared.client is client:
            return shared
    return mine


def _renew_after_fork() -> None:
    for each in _all_shared:
        shared = each()
        if shared is not None:
            shared.lock = threading.RLock()  # a thread of the parent may hold the old one, and is not in the child
            shared.schema_cache = SchemaCache()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_after_fork)
