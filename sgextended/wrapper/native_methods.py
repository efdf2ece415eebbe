"""
Every name of the installed ``shotgun_api3.Shotgun``, carried out by the private client.

`SGExtended` is a subclass of ``Shotgun`` by name, so that ``isinstance(sg, Shotgun)`` is true. None of the code of
``Shotgun`` runs on it: each of its methods, public and private, is defined here again and calls the client.
"""

import functools
from types import FunctionType
from typing import Any, Callable

from shotgun_api3.shotgun import Shotgun

#: Attributes that ``Shotgun`` sets on its instances.
ATTRIBUTES = ("_connection", "_server_caps", "_user_agents", "base_url", "client_caps", "config")


class NativeMethods(Shotgun):
    """
    The native names, forwarded to the private client.
    """

    _sg: Any
    _client: Any

    def __init__(self) -> None:
        pass  # that of Shotgun is the client's


def _method(name: str, original: FunctionType) -> Callable[..., Any]:
    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(self, NativeMethods):
            msg = f"{name} is a method of instances. Write sg = SGExtended(url, name, key), then sg.{name}(...)."
            raise TypeError(msg)
        return getattr(self._sg, name)(*args, **kwargs)

    method.__module__, method.__qualname__ = "sgextended", f"SGExtended.{name}"
    return method


def _attribute(name: str, doc: Any = None) -> property:
    def read(self: Any) -> Any:
        if "_client" not in self.__dict__:  # a half-built instance
            raise AttributeError(name)
        return getattr(self._sg, name)

    def write(self: Any, value: Any) -> None:
        setattr(self._client, name, value)

    return property(read, write, doc=doc)


# Each name as the class has it, not as an instance reads it. inspect.getattr_static would cost time at import.
_values = {name: value for base in reversed(Shotgun.__mro__) for name, value in vars(base).items()}
for _name, _value in _values.items():
    if _name.startswith("__"):
        continue
    if isinstance(_value, FunctionType):
        setattr(NativeMethods, _name, _method(_name, _value))
    elif isinstance(_value, property):
        setattr(NativeMethods, _name, _attribute(_name, _value.__doc__))
for _name in ATTRIBUTES:
    setattr(NativeMethods, _name, _attribute(_name))
