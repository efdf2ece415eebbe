"""
The hooks of a studio's own layer: methods to override, called for native, domain and forwarded
calls alike.
"""

import functools
from typing import TYPE_CHECKING, Any, Callable, Dict, List, SupportsIndex, Tuple, Union
from weakref import ref

from sgextended.concurrency.scoped_value import Block
from sgextended.errors import ConfigurationError, ReadOnlyError
from sgextended.lazy_import import lazy_module
from sgextended.observe import trace
from sgextended.observe.call_events import Call
from sgextended.wrapper.current import ENDED, close_ended
from sgextended.wrapper.native_overrides import NativeOverrides
from sgextended.writes.interception import READING, HookProxy
from sgextended.writes.write_events import HOOKS, RECORDER, Write

if TYPE_CHECKING:
    from os import PathLike

    from sgextended.writes import dry_run as plans
    from sgextended.writes import undo
    from sgextended.writes.dry_run import Plan
    from sgextended.writes.undo import UndoLog
else:
    plans = lazy_module("sgextended.writes.dry_run")
    undo = lazy_module("sgextended.writes.undo")

#: The dry runs of all threads, by the identity of their plan: an object that lives as long as the block, and the
#: wrapper. A block that was interrupted is no dry run any more, although its entry may still be here.
_dry_runs: "Dict[int, Tuple[ref[Any], ref[HooksMixin]]]" = {}


def _is_in_dry_run(sg: "HooksMixin") -> bool:
    """
    Return whether any thread is in a dry run of a wrapper.
    """
    if not _dry_runs:
        return False
    return any(held() is not None and wrapper() is sg for held, wrapper in _dry_runs.copy().values())


class HooksMixin(NativeOverrides):
    """
    What a wrapper calls around what it asks and writes; without an override it calls nothing.
    """

    __module__ = "sgextended"

    _client: Any
    _read_only: bool

    @property
    def _sg(self) -> Any:
        """
        The private client, as the hooks see it.
        """
        if ENDED:
            close_ended()
        client = self._client
        if trace.current():
            trace.record_method_call()
            return HookProxy(client, self)
        return HookProxy(client, self) if self._has_hooks() else client

    @_sg.setter
    def _sg(self, client: Any) -> None:
        self._client = client  # a test may set another

    def _has_hooks(self) -> bool:
        # Asked each time, so that a test may set one on the class or the instance.
        own, base = type(self), HooksMixin
        return (
            own.on_call is not base.on_call
            or own.before_write is not base.before_write
            or own.after_write is not base.after_write
            or not self.__dict__.keys().isdisjoint(HOOKS)
            or self._read_only
            or RECORDER.get() is not None
            or _is_in_dry_run(self)
        )

    def _forwarded(self, name: str) -> Any:
        """
        Return what a name of the client is; a method that writes asks anew, when it is called, what stands around it.
        """
        value = getattr(self._sg, name)
        return value if name in READING or not callable(value) else _Forwarded(self, name, value)

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        if RECORDER.get() is not None:
            msg = (
                f"{self!r} cannot go to another process while a block records what it writes (dry_run, undoable): "
                "nobody would record there. Use threads, or leave the block first."
            )
            raise ConfigurationError(msg)
        return super().__reduce_ex__(protocol)

    def check_that_it_may_write(self, writes: List[Write]) -> None:
        """
        Refuse what is to be written where this wrapper is read-only.

        Raises:
            ReadOnlyError: It is, or another thread is in a dry run of it.
        """
        what = ", ".join(map(str, writes[:3])) + (", ..." if writes[3:] else "")
        if self._read_only:
            msg = f"{what}: refused, since {self!r} was made with read_only=True. Nothing was sent."
            raise ReadOnlyError(msg)
        if RECORDER.get() is None and _is_in_dry_run(self):
            msg = (
                f"{what}: refused, since another thread is in a dry run of {self!r}, and nobody can tell whether this "
                "belongs to it. Use sg.map for threads of a dry run, and sg.clone() for work beside it."
            )
            raise ReadOnlyError(msg)

    def dry_run(self) -> "Block[Plan]":
        """
        Put down what a ``with`` block would write, instead of sending it: the block is given the `Plan`.

        It holds for this thread, for the threads of `map`, and for every wrapper that writes there. What reads, reads
        the site as it is. A create returns its fields with an id below 0, which stands for the one that it will have;
        an update returns the values as they would be, delete and revive True, an upload an id below 0, anything else
        None. What was worked out from what was read, such as the number of a publish, is applied as it was planned.
        Other threads that write with this wrapper meanwhile are refused, as nobody knows which they belong to.

        ``print(plan)`` shows it as a table, ``plan.apply()`` writes it, after the block.

        Raises:
            ConfigurationError: A wrapper is sent to another process in the block, or a journal is given there, which
                would hold as done what is only planned.
        """

        def begin(held: "ref[Any]") -> "Tuple[Plan, Plan]":
            _refuse_if_recorded()
            for key, (other, _wrapper) in _dry_runs.copy().items():
                if other() is None:  # it was interrupted
                    _dry_runs.pop(key, None)
            plan = plans.Plan()
            _dry_runs[id(plan)] = (held, ref(self))
            return plan, plan

        return Block(RECORDER, begin, lambda plan: _dry_runs.pop(id(plan), None))

    def undoable(self, path: "Union[str, PathLike[str], None]" = None) -> "Block[UndoLog]":
        """
        Keep what is needed to set back what a ``with`` block writes: the block is given the `UndoLog`.

        It holds for this thread, for the threads of `map`, and for every wrapper that writes there. Each write costs a
        read of the values that it changes. ``log.undo(sg)`` sets them back, and says what it could not set back.

        Args:
            path: A new file to keep it in as well: ``UndoLog.read(path).undo(sg)`` works in another process, also when
                this one has died.

        Raises:
            ConfigurationError: The file is there already, or a wrapper is sent to another process in the block.
        """

        def begin(_held: object) -> "Tuple[UndoLog, UndoLog]":
            _refuse_if_recorded()
            log = undo.UndoLog(path)
            return log, log

        return Block(RECORDER, begin, lambda log: log.close())

    def on_call(self, call: Call) -> None:
        """
        Be told of each request that this wrapper has made of the site or its storage: to measure, log or trace it.

        It is called when the call is over, well or not, in the thread that made it: pages that `find` fetches ahead and
        parts of a file have threads of their own. So several calls of it may run at the same time. What goes wrong in
        it is logged, and changes nothing for whoever asked. What a hook asks of the site itself calls no hooks; and
        the site's version, which a process asks once for all of its wrappers, is told to none.

        Args:
            call: Which call, how long it took, how much went and came, and how it ended. No secret is in it.
        """

    def before_write(self, write: Write) -> Write:
        """
        Return what is to be written, before anything is sent: *write* itself, or ``attrs.evolve(write, data=...)``.

        Raise to refuse it. It is called in the thread of the caller, for each thing that is written: each create,
        update, delete, revive, upload or other native method that is not known to read, and each request of a batch. A
        batch in which one is refused is not sent.

        Args:
            write: What is to be written. Its data is a copy of what the caller gave.
        """
        return write

    def after_write(self, write: Write, result: Any) -> None:
        """
        Be told of what was written, once the site has done it. After a failure it is not called; see `on_call`.

        What goes wrong in it is raised as `PartialSuccessError`, since the write itself is done.

        Args:
            write: What was written, as `before_write` has left it.

            result: What the native method returned; for a request of a batch, what that request returned.
        """


class _Forwarded:
    """
    A method of the client that writes, as the wrapper hands it out.
    """

    def __init__(self, sg: HooksMixin, name: str, method: Callable[..., Any]) -> None:
        functools.update_wrapper(self, method)
        self._sg, self._name = sg, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return getattr(self._sg._sg, self._name)(*args, **kwargs)  # noqa: SLF001 - part of the wrapper


def _refuse_if_recorded() -> None:
    if RECORDER.get() is not None:
        msg = "A dry run or an undoable block is under way here already: leave it first."
        raise ConfigurationError(msg)
