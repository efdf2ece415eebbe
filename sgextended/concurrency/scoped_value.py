"""
Values that hold for one ``with`` block, and never longer: deadlines, dry runs, traces.

A plain context variable is reset by the code at the end of the block. An exception that a signal handler raises at the
wrong instruction skips that code, and the value stays set. So a `ScopedValue` refers to its block weakly: a value is
dead when its block object is gone, whether or not the end of the block ran.
"""

import contextlib
import functools
import threading
import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Callable, Generic, Optional, Tuple, TypeVar

Value = TypeVar("Value")
Given = TypeVar("Given")

_GONE: Any = object()


class _ThreadMark(threading.local):
    """
    An object for each thread. The number of a thread would not do: a new thread may get that of one that has ended.
    """

    def __init__(self) -> None:
        self.mark = object()


_here = _ThreadMark()


def thread_mark() -> object:
    """
    Return the object that stands for this thread.
    """
    return _here.mark


class _Held:
    """
    Holds the value of a block for as long as the ``with`` statement lives.
    """

    __slots__ = ("__weakref__", "value")

    value: Any


Begin = Callable[["weakref.ref[_Held]"], Tuple[Any, Given]]


class _Entry:
    """
    What a context knows of one block. All copies of the context share the entry.
    """

    __slots__ = ("held", "kept", "outer", "thread")

    def __init__(self, held: "weakref.ref[_Held]", outer: "Optional[_Entry]") -> None:
        self.held = held
        self.outer = outer
        self.kept = _GONE  # the value, once the block has ended in order
        self.thread = _here.mark


class _Scope:
    """
    The parts of a block that its own methods need. It refers to the value weakly; see `DetachedMethod`.
    """

    __slots__ = ("begin", "end", "entry", "held", "variable")

    def __init__(
        self,
        variable: "ScopedValue[Any]",
        begin: "Begin[Any]",
        end: Optional[Callable[[Any], object]],
        held: "weakref.ref[_Held]",
    ) -> None:
        self.variable, self.begin, self.end, self.held = variable, begin, end, held
        self.entry: Optional[_Entry] = None


class _BoundMethod(functools.partial):  # type: ignore[type-arg] # Python 3.9 knows no arguments here at run time
    """
    A method of a block, bound to it. The ``with`` statement holds this object, and so the block.
    """

    block: Any


class DetachedMethod:
    """
    A method of a context manager whose frame refers to the attribute ``parts`` and not to the context manager.

    An exception that interrupts a plain method keeps its frame, and with it ``self``, for as long as somebody keeps
    the exception. The block would live for as long, and
    with it what it has set.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __get__(self, block: Any, owner: Any = None) -> Any:
        if block is None:  # contextlib.ExitStack looks the methods up on the class
            return self._of_class
        bound = _BoundMethod(self._function, block.parts)
        bound.block = block
        return bound

    def _of_class(self, block: Any, *args: Any) -> Any:
        return self.__get__(block)(*args)


def _enter(scope: _Scope) -> Any:
    if scope.entry is not None:
        msg = "This context manager was used before: it is for one with statement. Make another one."
        raise RuntimeError(msg)
    value, given = scope.begin(scope.held)
    # The holder has no name here: a frame that is kept by an exception would keep it alive.
    setattr(scope.held(), "value", value)  # noqa: B010
    entry = scope.entry = _Entry(scope.held, scope.variable._outer())  # noqa: SLF001 - same module
    scope.variable._variable.set(entry)  # noqa: SLF001 - same module
    return given


def _exit(scope: _Scope, *_: object) -> None:
    entry = scope.entry
    if entry is None:
        return
    scope.variable._leave(entry)  # noqa: SLF001 - same module
    # Only now: an entry that is still set here and keeps its value would be in force after the block.
    value = entry.kept = getattr(scope.held(), "value", _GONE)
    if scope.end is not None:
        scope.end(value)


class Block(contextlib.ContextDecorator, Generic[Given]):
    """
    A context manager, and a decorator, in which a `ScopedValue` has a value.

    Args:
        variable: The variable.

        begin: Called when the block begins, with a weak reference to an object that lives as long as the ``with``
            statement. Returns the value, and the object that the ``with`` statement gives to ``as``.

        end: Called with the value when the block has ended. It is not called when the block is interrupted at the
            wrong instruction.
    """

    def __init__(
        self,
        variable: "ScopedValue[Any]",
        begin: "Begin[Given]",
        end: Optional[Callable[[Any], object]] = None,
    ) -> None:
        self._held = _Held()
        self.parts = _Scope(variable, begin, end, weakref.ref(self._held))

    if TYPE_CHECKING:

        def __enter__(self) -> Given:
            """
            Begin the block.
            """

        def __exit__(self, *_: object) -> None:
            """
            End the block.
            """
    else:
        __enter__ = DetachedMethod(_enter)
        __exit__ = DetachedMethod(_exit)

    def _recreate_cm(self) -> "Block[Given]":
        # Called by contextlib for each call of a decorated function.
        return Block(self.parts.variable, self.parts.begin, self.parts.end)


class ScopedValue(Generic[Value]):
    """
    A context variable whose value is set for a ``with`` block.

    When the block has ended in order, a copy of its context still sees the value: a thread or a task that was started
    in a dry run does not begin to write when the block ends. When the block was interrupted so that its end did not
    run, the value is dead everywhere, and the one of the block around it is in force again.

    Args:
        name: For messages of Python.

        default: The value outside of all blocks.

        elsewhere: The value that other threads see once a block was interrupted so that its end did not run. Left
            out: they see the value of the block around it.
    """

    def __init__(self, name: str, default: Value, *, elsewhere: Value = _GONE) -> None:
        self._variable: ContextVar[Optional[_Entry]] = ContextVar(name, default=None)
        self._default, self._elsewhere = default, elsewhere

    def get(self) -> Value:
        """
        Return the value of the innermost block.
        """
        entry = self._variable.get()
        return self._default if entry is None else self._found(entry)[1]

    def bind(self, value: Value) -> "Block[None]":
        """
        Return a context manager in whose block the variable has a value.
        """
        return Block(self, lambda _held: (value, None))

    def _found(self, entry: Optional[_Entry]) -> Tuple[Optional[_Entry], Value]:
        """
        Return the innermost entry that has a value, and that value.
        """
        while entry is not None:
            # The holder first: an entry keeps the value before the holder goes. It has no name here, see `_enter`.
            value = getattr(entry.held(), "value", _GONE)
            if value is _GONE:
                value = entry.kept
            if value is _GONE and entry.thread is not _here.mark:
                value = self._elsewhere
            if value is not _GONE:
                return entry, value
            entry = entry.outer
        return None, self._default

    def _outer(self) -> Optional[_Entry]:
        # Dead entries are left out, or each interrupted block would make the chain longer for ever.
        return self._found(self._variable.get())[0]

    def _leave(self, entry: _Entry) -> None:
        """
        Set the variable to what was there before a block.

        A block may end in another context than it began in, as that of a generator which the garbage collector ends.
        Such a context has values of its own, which stay.
        """
        found = self._variable.get()
        while found is not None and found is not entry:
            found = found.outer
        if found is not None:
            self._variable.set(entry.outer)  # no reset: it fails in a copy of the context


class NoBlock(contextlib.ContextDecorator):
    """
    A context manager that does nothing.
    """

    def __enter__(self) -> None:
        """
        Begin the block.
        """

    def __exit__(self, *_: object) -> None:
        """
        End the block.
        """


#: Sets nothing. It may be used any number of times.
NO_BLOCK = NoBlock()
