"""
`on`: marks a function or a method as the handler of events, and finds the handlers of modules and classes.
"""

import inspect
import re
from types import ModuleType
from typing import Any, Callable, Iterable, Iterator, List, Optional, Sequence, TypeVar

from attrs import evolve, frozen

from sgextended.domain.arguments import Links, Names
from sgextended.errors import ConfigurationError
from sgextended.events.log.event_filter import EventFilter

Function = TypeVar("Function", bound=Callable[..., Any])

_MARK = "__sg_handlers__"
#: The characters of a name, which is also the name of a file.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@frozen(kw_only=True)
class Handler:
    """
    A function that handles events.

    Attributes:
        name: Names the handler in reports, and its place in the log.

        function: Called with the worker's wrapper and an event. For a method it is called with the instance as the
            wrapper.

        owner: The class of the wrapper if the handler is a method, or None.

        filter: The events that it handles.

        workers: The number of events that it handles at the same time.

        in_order: Whether events begin in the order of their ids; see `SGExtended.events`.
    """

    name: str
    function: Callable[[Any, Any], Any]
    owner: Optional[type] = None
    filter: EventFilter
    workers: int = 1
    in_order: bool = True


def on(
    event_type: Names = None,
    *,
    attribute: Names = None,
    project: Links = None,
    entity_type: Names = None,
    filters: Optional[Iterable[Any]] = None,
    workers: int = 1,
    in_order: bool = True,
    name: Optional[str] = None,
) -> Callable[[Function], Function]:
    """
    Return a decorator that marks a function, or a method of a studio's class, as the handler of events.

    The function is called with the wrapper and the `Event`; a method with the event. It stays an ordinary function.
    `EventRunner` and ``sgextended events run`` call the handlers.

    Args:
        event_type: As for `SGExtended.events`.

        attribute: As for `SGExtended.events`.

        project: As for `SGExtended.events`.

        entity_type: As for `SGExtended.events`.

        filters: As for `SGExtended.events`.

        workers: The number of events that the handler handles at the same time, each in a thread with a wrapper of its
            own. With several, a later event may be finished before an earlier one.

        in_order: As for `SGExtended.events`.

        name: Names the handler in reports, and its place in the log. None: the name of the function; of a method, with
            the name of the class. A handler with another name begins anew.

    Raises:
        InvalidArgumentError: An argument is not valid.

        ConfigurationError: The name or the number of workers is not valid.
    """
    wanted = EventFilter.of(event_type, attribute, project, entity_type, filters)
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        msg = f"workers={workers!r} is not valid. Pass a whole number of at least 1."
        raise ConfigurationError(msg)
    if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
        msg = (
            f"name={name!r:.80} is not valid, as it is also the name of a file. Use letters, digits, '_', '-' and '.'."
        )
        raise ConfigurationError(msg)

    def mark(function: Function) -> Function:
        is_plain = inspect.isfunction(function) and not inspect.isgeneratorfunction(function)
        if not is_plain or inspect.iscoroutinefunction(function):
            msg = f"{function!r:.80} cannot handle events. Use @on on an ordinary function or method."
            raise ConfigurationError(msg)
        handler = Handler(
            name=name or function.__name__, function=function, filter=wanted, workers=workers, in_order=in_order
        )
        is_named = name is not None
        function.__dict__.setdefault(_MARK, []).append((handler, is_named))
        return function

    return mark


def handlers_of(*sources: Any) -> List[Handler]:
    """
    Return the handlers of modules, of studio's classes, and of functions.

    Args:
        sources: Modules, of which all marked functions and methods are found; classes with marked methods; and marked
            functions. A base class is left out if a class that inherits from it is found.

    Raises:
        ConfigurationError: There are none, or two have the same name.
    """
    handlers: List[Handler] = []
    for handler in _marked(sources):
        # A module and a class of it may both be given, and a module may have a function under two names.
        if handler not in handlers:
            handlers.append(handler)
    names = [handler.name for handler in handlers]
    for name in names:
        if names.count(name) > 1:
            msg = f"Several handlers have the name {name!r}. Give each a name of its own: @on(..., name='...')."
            raise ConfigurationError(msg)
    if not handlers:
        given = ", ".join(getattr(source, "__name__", repr(source)) for source in sources) or "nothing"
        msg = f"There are no handlers in {given}. Mark functions with @sgextended.on(...)."
        raise ConfigurationError(msg)
    return handlers


def _marked(sources: Sequence[Any]) -> Iterator[Handler]:
    values = [
        value
        for source in sources
        for value in (list(vars(source).values()) if isinstance(source, ModuleType) else [source])
    ]
    for value in values:
        if isinstance(value, Handler):
            yield value
        elif inspect.isfunction(value):
            for handler, _is_named in vars(value).get(_MARK, ()):
                yield handler
    classes = [value for value in values if isinstance(value, type)]
    for owner in dict.fromkeys(classes):
        if not any(other is not owner and issubclass(other, owner) for other in classes):
            yield from _of_class(owner)


def _of_class(owner: type) -> List[Handler]:
    found = []
    for name in dir(owner):
        marked = inspect.getattr_static(owner, name, None)
        for handler, is_named in getattr(marked, "__dict__", {}).get(_MARK, ()) if inspect.isfunction(marked) else ():
            shown = handler.name if is_named else f"{owner.__name__}.{name}"
            found.append(evolve(handler, name=shown, owner=owner))
    return found
