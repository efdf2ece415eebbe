"""
Native methods that a wrapper overrides, and the client's own code that calls them.

On the official class an override reaches further than its own name: ``find_one`` calls ``find``. To have the same here,
the code of the client runs on a *view*: an instance of a subclass of its class, with the same attributes, whose
overridden methods call the wrapper.
"""

import functools
import operator
from types import FunctionType, MethodType
from typing import Any, Callable, Dict, Type

from shotgun_api3.shotgun import Shotgun

_FUNCTIONS = {name: value for name, value in vars(Shotgun).items() if isinstance(value, FunctionType)}

#: The methods that other methods of the installed ``Shotgun`` call.
NAMES = tuple(
    sorted(
        {name for function in _FUNCTIONS.values() for name in function.__code__.co_names if name in _FUNCTIONS}
        - {"__init__"}
    )
)
_NAMES = frozenset(NAMES)
#: Those of them that are private.
PRIVATE_NAMES = frozenset(name for name in NAMES if name.startswith("_"))
_methods_of = operator.attrgetter(*NAMES)


class Overrides:
    """
    The native methods that instances of a class override.

    Every look compares anew, so that a test may patch a class or an instance.

    Args:
        base: The class whose own methods are no overrides.
    """

    def __init__(self, base: type) -> None:
        self._methods = _methods_of(base)
        self._by_name = dict(zip(NAMES, self._methods))

    def any(self, wrapper: Any) -> bool:
        """
        Return whether a wrapper overrides a method that the client's code calls.
        """
        return bool(_methods_of(type(wrapper)) != self._methods or not _NAMES.isdisjoint(wrapper.__dict__))

    def has(self, wrapper: Any, name: str) -> bool:
        """
        Return whether a wrapper overrides one method.
        """
        return name in wrapper.__dict__ or getattr(type(wrapper), name) is not self._by_name[name]

    def has_private(self, wrapper: Any) -> bool:
        """
        Return whether a wrapper overrides a private method, such as ``_call_rpc``.
        """
        return any(self.has(wrapper, name) for name in NAMES if name.startswith("_"))


def view_of(client: Any, wrapper: Any, around: Callable[[], Any]) -> Any:
    """
    Return a view of a client, whose overridden methods call *wrapper*.

    Args:
        client: The client. The view shares its attributes.

        wrapper: Has the overrides, see `Overrides`, as ``wrapper.overrides``.

        around: Returns the context manager in which an override is called.
    """
    view = object.__new__(_view_class(type(client)))  # type: ignore[arg-type]  # a class is hashable
    object.__setattr__(view, "__dict__", client.__dict__)
    view._sgextended_wrapper, view._sgextended_around = wrapper, around
    return view


def own_method(client: Any, view: Any, name: str) -> Any:
    """
    Return an attribute of a client; one of its methods is bound to *view*, and begins with the client's own code.
    """
    if name in vars(client):
        return vars(client)[name]
    method = getattr(type(client), name, None)
    return MethodType(method, view) if isinstance(method, FunctionType) else getattr(view, name)


@functools.lru_cache(maxsize=64)
def _view_class(client_class: Type[Any]) -> Type[Any]:
    namespace: Dict[str, Any] = {
        "__slots__": ("_sgextended_around", "_sgextended_wrapper"),
        "__module__": client_class.__module__,
        "__qualname__": client_class.__qualname__,
        "client_class": client_class,
    }
    for name in NAMES:
        original = getattr(client_class, name, None)
        if isinstance(original, FunctionType):
            namespace[name] = _calling_the_wrapper(name, original)
    return type(client_class.__name__, (client_class,), namespace)


def _calling_the_wrapper(name: str, original: FunctionType) -> Callable[..., Any]:
    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        wrapper = self._sgextended_wrapper
        if not wrapper.overrides.has(wrapper, name):
            return original(self, *args, **kwargs)
        with self._sgextended_around():
            return getattr(wrapper, name)(*args, **kwargs)

    return method
