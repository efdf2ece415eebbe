"""
Errors of clients that come from another copy of ``shotgun_api3``.

Toolkit brings a copy of its own, whose ``Fault`` is another class. An ``except shotgun_api3.Fault`` does not catch it.
Here such an error gets a class that is both.
"""

import functools
from typing import Any, Tuple, Type

from shotgun_api3 import shotgun

_FAMILY = {
    name: value
    for name, value in vars(shotgun).items()
    if isinstance(value, type) and issubclass(value, shotgun.ShotgunError)
}


def make_catchable(error: BaseException) -> None:
    """
    Make an error of a foreign client an instance of the installed ``shotgun_api3``'s class of the same name, too.
    """
    if isinstance(error, shotgun.ShotgunError):
        return
    for base in type(error).__mro__:
        ours = _FAMILY.get(base.__name__)
        if ours is not None and "shotgun" in base.__module__:
            error.__class__ = _both(type(error), ours)  # type: ignore[arg-type]  # classes are hashable
            return


@functools.lru_cache(maxsize=64)
def _both(theirs: Type[BaseException], ours: Type[BaseException]) -> Any:
    return type(theirs.__name__, (theirs, ours), {"__module__": theirs.__module__, "__reduce__": _reduce})


def _reduce(error: BaseException) -> Tuple[Any, ...]:
    return _restore, (*type(error).__bases__, error.args, vars(error).copy())


def _restore(theirs: Any, ours: Any, args: Tuple[Any, ...], state: Any) -> BaseException:
    error: BaseException = _both(theirs, ours)(*args)
    vars(error).update(state)
    return error
