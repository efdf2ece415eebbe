"""
`ScopedValue`: a value for one ``with`` block, and never longer: a deadline, a dry run, a trace.

The code at the end of a block resets a plain context variable. If a signal handler raises an exception just before that
code, the code is skipped and the value stays set. So a `ScopedValue` has only a weak reference to its block: the value
is dead when the block object is gone, even if the end of the block did not run.
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
    An object for each thread. The id of a thread is not enough: a new thread may get the id of one that has ended.
    """

    def __init__(self) -> None:
        self.mark = object()


_here = _ThreadMark()


def thread_mark() -> object:
    """
    Return the object that identifies this thread.
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
    The state of one block in a context. All copies of the context share the entry.
    """

    __slots__ = ("held", "kept", "outer", "thread")

    def __init__(self, held: "weakref.ref[_Held]", outer: "Optional[_Entry]") -> None:
        self.held = held
        self.outer = outer
        self.kept = _GONE  # the value, once the block has ended normally
        self.thread = _here.mark


class _Scope:
    """
    The parts of a block that its methods need. It has only a weak reference to the value; see `DetachedMethod`.
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


class _BoundMethod(functools.partial):  # type: ignore[type-arg] # Python 3.9 does not support type arguments here
    """
    A bound method of a block. The ``with`` statement refers to this object, and so to the block.
    """

    block: Any


class DetachedMethod:
    """
    A method of a context manager whose frame refers to the attribute ``parts`` and not to the context manager.

    An exception that interrupts a plain method refers to its frame, and so to ``self``, for as long as the exception
    lives. The block would live as long, and its value would stay set.
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
        msg = "This context manager was used before, but it is for one with statement only. Create another one."
        raise RuntimeError(msg)
    value, given = scope.begin(scope.held)
    # The holder has no local variable here: an exception that refers to this frame would keep it alive.
    setattr(scope.held(), "value", value)  # noqa: B010
    entry = scope.entry = _Entry(scope.held, scope.variable._outer())  # noqa: SLF001 - same module
    scope.variable._variable.set(entry)  # noqa: SLF001 - same module
    return given


def _exit(scope: _Scope, *_: object) -> None:
    entry = scope.entry
    if entry is None:
        return
    scope.variable._leave(entry)  # noqa: SLF001 - same module
    # Only after _leave: if an entry that is still set kept its value, the value would apply after the block.
    value = entry.kept = getattr(scope.held(), "value", _GONE)
    if scope.end is not None:
        scope.end(value)


class Block(contextlib.ContextDecorator, Generic[Given]):
    """
    A context manager, and a decorator, in which a `ScopedValue` has a value.

    Args:
        variable: The variable.

        begin: Called at the start of the block, with a weak reference to an object that lives as long as the ``with``
            statement. Returns the value, and the object for ``as`` of the ``with`` statement.

        end: Called with the value at the end of the block. It is not called if an exception interrupts the end itself.
    """

    parts: Any

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

    After a normal end of the block, copies of its context still have the value: a thread or a task that was started in
    a dry run does not start to write when the block ends. If an exception interrupted the end of the block, the value
    is dead everywhere, and the value of the outer block applies again.

    Args:
        name: The name of the context variable, for messages of Python.

        default: The value outside of all blocks.

        elsewhere: The value in other threads after the end of a block was interrupted. By default it is the value of
            the outer block.
    """

    def __init__(self, name: str, default: Value, *, elsewhere: Value = _GONE) -> None:
        self._variable: ContextVar[Optional[_Entry]] = ContextVar(name, default=None)
        self._default, self._elsewhere = default, elsewhere

    def get(self) -> Value:
        """
        Return the value of the innermost block.
        """
        entry = self._variable.get()
        if entry is None:
            return self._default
        found, value = self._found(entry)
        if found is not entry:
            # A dead block of this thread. Threads that are started from now on do not belong to it.
            self._variable.set(found)
        return value

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
            # The holder is read first: an entry gets the value before the holder is deleted. It has no local variable
            # here, see `_enter`.
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
        # Dead entries are skipped; otherwise each interrupted block would make the chain longer.
        return self._found(self._variable.get())[0]

    def _leave(self, entry: _Entry) -> None:
        """
        Reset the variable to its value before a block.

        A block may end in another context than its own, for example if the garbage collector ends a generator. The
        values of such a context stay unchanged.
        """
        found = self._variable.get()
        while found is not None and found is not entry:
            found = found.outer
        if found is not None:
            self._variable.set(entry.outer)  # not ContextVar.reset, which fails in a copy of the context


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


#: A context manager that sets nothing. It may be used any number of times.
NO_BLOCK = NoBlock()
