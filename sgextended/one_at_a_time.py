"""
`OneAtATime`: a client that is not ours to make safe, lent to one call at a time.
"""

import functools
import os
import threading
from typing import Any, List
from weakref import WeakValueDictionary

from sgextended.errors import ConfigurationError
from sgextended.schema import KeptSchema


class OneAtATime:
    """
    A client that is not ours to make safe (a ``Shotgun``, a ``Mockgun``), lent to one call at a time.

    All `OneAtATime` around the same client share one lock. Attributes are read and set on the client itself.
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
    def kept_schema(self) -> KeptSchema:
        """
        What is known of the client's schema, for all who use it.
        """
        kept: KeptSchema = self._lent.kept_schema
        return kept

    def clone(self) -> "OneAtATime":
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
            "holds its key and its socket. Use SGExtended.adopt(sg), or build the wrapper from a Site."
        )
        raise ConfigurationError(msg)


class _Lent:
    """
    A client that is not ours, and the lock that all who use it share.
    """

    __slots__ = ("__weakref__", "client", "kept_schema", "lock")

    def __init__(self, client: Any) -> None:
        self.client = client
        self.lock = threading.RLock()
        self.kept_schema = KeptSchema()


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


# By identity: a client's own hash and equality are not asked, since a mock would note that as a call.
_all_lent: "WeakValueDictionary[int, _Lent]" = WeakValueDictionary()
_lent_guard = threading.RLock()  # the garbage collector may make or drop a wrapper in a thread that holds it


def _lent_of(client: Any) -> _Lent:
    with _lent_guard:
        lent = _all_lent.get(id(client))
        if lent is None:
            lent = _all_lent[id(client)] = _Lent(client)
        return lent


def _renew_after_fork() -> None:
    _lent_guard.release()
    for lent in _all_lent.values():
        lent.lock = threading.RLock()  # a thread of the parent may hold the old one for ever, as seen from here
        lent.kept_schema = KeptSchema()  # as may its locks


if hasattr(os, "register_at_fork"):
    # Whoever forks holds the guard meanwhile, so that the child finds it free.
    os.register_at_fork(
        before=_lent_guard.acquire, after_in_parent=_lent_guard.release, after_in_child=_renew_after_fork
    )
