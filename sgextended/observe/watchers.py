"""
Watchers: objects such as a wrapper, whose ``on_call`` method receives each finished request of a client.
"""

import logging
from typing import Any, Callable, Protocol, Set, TypeVar

from sgextended.concurrency.scoped_value import Block, ScopedValue
from sgextended.observe import trace
from sgextended.observe.call_events import Call

LOG = logging.getLogger("sgextended")


Hook = TypeVar("Hook", bound=Callable[..., Any])

#: The ids of the functions that `does_nothing` marks. A mark on the function would be copied by ``functools.wraps``.
_DOING_NOTHING: Set[int] = set()


def does_nothing(hook: Hook) -> Hook:
    """
    Mark a method as a hook that does nothing, so that it is not called.
    """
    _DOING_NOTHING.add(id(hook))
    return hook


def is_overridden(hook: Callable[..., Any]) -> bool:
    """
    Return whether a hook does something; see `does_nothing`.
    """
    return id(getattr(hook, "__func__", None)) not in _DOING_NOTHING


class Watcher(Protocol):
    """
    An object that is notified of each request, such as a wrapper.
    """

    def on_call(self, call: Call) -> None:
        """
        Receive a finished request.
        """


#: Whether a hook is running. Requests that a hook sends call no hooks; this prevents endless recursion.
_in_hook: "ScopedValue[bool]" = ScopedValue("sgextended_in_hook", default=False)

#: Return whether a hook is running.
is_in_hook: Callable[[], bool] = _in_hook.get


def in_hook() -> Block[None]:
    """
    Return a context manager in whose block no hooks are called.
    """
    return _in_hook.bind(True)


def notify(watcher: Watcher, call: Call) -> None:
    """
    Add a finished request to the active traces and pass it to the watcher.

    An exception of ``on_call`` is logged, not raised: it does not change the result of the request.
    """
    for each in trace.current():
        each.add(call, trace.current_method_call())
    if not is_overridden(watcher.on_call) or is_in_hook():
        return
    with in_hook():
        try:
            watcher.on_call(call)
        except Exception:
            LOG.exception(
                "%s.on_call raised an exception. The request that it received (%s) is not affected.",
                type(watcher).__name__,
                call,
            )
