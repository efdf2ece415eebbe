"""
The hooks that a studio's class overrides: they are called for native, domain and forwarded calls.
"""

import functools
from typing import TYPE_CHECKING, Any, Callable, ClassVar, Dict, List, SupportsIndex, Tuple, Union
from weakref import ref

from sgextended.client.native_client import NativeClient
from sgextended.concurrency.scoped_value import Block
from sgextended.errors import ConfigurationError, ReadOnlyError
from sgextended.lazy_import import lazy_module
from sgextended.observe import trace
from sgextended.observe.call_events import Call
from sgextended.observe.watchers import does_nothing
from sgextended.site_address import recorded_site
from sgextended.wrapper.current import ENDED, close_ended
from sgextended.wrapper.native_overrides import NativeOverrides
from sgextended.writes.interception import READING, HookProxy, OverridingClient
from sgextended.writes.write_events import HOOKS, RECORDER, Write

if TYPE_CHECKING:
    import difflib
    from os import PathLike

    from sgextended.writes import dry_run as plans
    from sgextended.writes import undo
    from sgextended.writes.dry_run import Plan
    from sgextended.writes.undo import UndoLog
else:
    difflib = lazy_module("difflib")
    plans = lazy_module("sgextended.writes.dry_run")
    undo = lazy_module("sgextended.writes.undo")

#: The dry runs of all threads, by the id of their plan: a reference to an object that lives as long as the block, and
#: one to the wrapper. An interrupted block leaves its entry here; the dead reference shows that it has ended.
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
    The hooks of a wrapper, dry runs and undo. Hooks that are not overridden are not called.
    """

    _client: Any
    _read_only: bool
    overrides: ClassVar[Any]

    @property
    def _sg(self) -> Any:
        """
        The client for the next call: the private client, in a `HookProxy` if the call has hooks.
        """
        if ENDED:
            close_ended()
        client = self._client
        if trace.current():
            trace.record_method_call()
            return HookProxy(client, self)
        if self._has_hooks():
            return HookProxy(client, self)
        return OverridingClient(client, self) if self.overrides.any(self) else client

    @_sg.setter
    def _sg(self, client: Any) -> None:
        self._client = client  # tests replace it

    def _has_hooks(self) -> bool:
        # Computed each time, because tests set hooks on the class or the instance.
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
        Return an attribute of the client. A write method looks up the active dry run or undo block when it is called,
        not when it is read.
        """
        try:
            value = getattr(self._sg, name)
        except AttributeError as error:
            if hasattr(type(self._client), name):
                raise  # the attribute exists, and computing it failed
            raise _unknown_name(self, name) from (None if isinstance(self._client, NativeClient) else error)
        return value if name in READING or not callable(value) else _Forwarded(self, name, value)

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        if RECORDER.get() is not None:
            msg = (
                f"{self!r} cannot be sent to another process inside a dry_run or undoable block: the block could not "
                "record the writes of that process. Use threads, or leave the block first."
            )
            raise ConfigurationError(msg)
        return super().__reduce_ex__(protocol)

    def raise_if_read_only(self, writes: List[Write]) -> None:
        """
        Refuse writes that this wrapper does not allow.

        Args:
            writes: The writes of one call.

        Raises:
            ReadOnlyError: The wrapper is read-only, or another thread is in a dry run of it.
        """
        names = ", ".join(map(str, writes[:3])) + (", ..." if writes[3:] else "")
        if self._read_only:
            msg = (
                f"{names}: refused, because {self!r} was created with read_only=True. Nothing was sent. Use a wrapper "
                "without read_only to write."
            )
            raise ReadOnlyError(msg)
        if RECORDER.get() is None and _is_in_dry_run(self):
            msg = (
                f"{names}: refused, because another thread is in a dry run of {self!r}, to which the write may belong. "
                "Use sg.map for the threads of a dry run, and sg.clone() for writes outside it."
            )
            raise ReadOnlyError(msg)

    def dry_run(self) -> "Block[Plan]":
        """
        Return a ``with`` block that records its writes instead of sending them; it yields the `Plan`.

        It applies to this thread, to the threads of `map`, and to every wrapper that writes in them. Reads return the
        present state of the site. A create returns its fields with a negative id, which stands for the future one. An
        update returns the values that it would set; delete and revive return True; an upload returns a negative id; any
        other method returns None. A value that was computed from a read, such as the number of a publish, is applied
        as it was planned. If other threads write with this wrapper, their writes are refused, because they may belong
        to the dry run or not.

        After the block, ``print(plan)`` shows a table, and ``plan.apply()`` sends the writes.

        Raises:
            ConfigurationError: In the block, a wrapper is sent to another process, or `map` is given a journal, which
                would record planned items as done. Or such a block is active already.
        """

        def begin(held: "ref[Any]") -> "Tuple[Plan, Plan]":
            _refuse_if_recorded()
            for key, (other, _wrapper) in _dry_runs.copy().items():
                if other() is None:  # its end was interrupted
                    _dry_runs.pop(key, None)
            plan = plans.Plan()
            _dry_runs[id(plan)] = (held, ref(self))
            return plan, plan

        return Block(RECORDER, begin, lambda plan: _dry_runs.pop(id(plan), None))

    def undoable(self, path: "Union[str, PathLike[str], None]" = None) -> "Block[UndoLog]":
        """
        Return a ``with`` block that records how to undo its writes; it yields the `UndoLog`.

        It applies to this thread, to the threads of `map`, and to every wrapper that writes in them. Each write costs
        one additional read of the values that it changes. Writes with side effects, such as those of the schedule and
        of task templates, cost further reads before and after them. ``log.undo(sg)`` restores the values and the side
        effects, and returns which it could not restore.

        Args:
            path: A new file for the log. With it, ``UndoLog.read(path).undo(sg)`` works in another process, also after
                this process has died. None: the log is kept in memory only.

        Raises:
            ConfigurationError: The file exists already, or a wrapper is sent to another process in the block. Or such
                a block is active already.
        """

        def begin(_held: object) -> "Tuple[UndoLog, UndoLog]":
            _refuse_if_recorded()
            log = undo.UndoLog(path, site=recorded_site(self.base_url))
            return log, log

        return Block(RECORDER, begin, lambda log: log.close())

    @does_nothing
    def on_call(self, call: Call) -> None:
        """
        Receive each request of this wrapper to the site or its file storage: to measure, log or trace it.

        It is called after the request has succeeded or failed, in the thread that sent it. Prefetched pages and parts
        of a file have threads of their own, so several calls may run at the same time. An exception in it is logged,
        and does not change the result of the request. Requests that a hook sends call no hooks. The request for the
        site's version, which all wrappers of a process share, calls no hook.

        Args:
            call: The request: its name, duration, bytes, attempts and error. It contains no secrets.
        """

    @does_nothing
    def before_write(self, write: Write) -> Write:
        """
        Return the write to send: *write* itself, or ``attrs.evolve(write, data=...)``. Raise to refuse it.

        It is called before anything is sent, in the thread of the caller. It is called for each create, update, delete,
        revive, upload and any other native method that is not on the read-only list, and for each request of a batch.
        If one request of a batch is refused, the batch is not sent.

        Args:
            write: The write. Its data is a copy of the caller's data.
        """
        return write

    @does_nothing
    def after_write(self, write: Write, result: Any) -> None:
        """
        Receive each write after the site has applied it. A failed write does not call it; see `on_call`.

        An exception in it is raised as `PartialSuccessError`, because the write itself was done.

        Args:
            write: The write, as `before_write` returned it.

            result: The result of the native method; for a request of a batch, the result of that request.
        """


def _unknown_name(sg: HooksMixin, name: str) -> AttributeError:
    """
    Return the error of a name that neither the wrapper nor its client has.
    """
    near = difflib.get_close_matches(name, [each for each in dir(sg) if not each.startswith("_")], 1)
    hint = f" Did you mean: {near[0]!r}?" if near else ""
    return AttributeError(f"{type(sg).__name__!r} object has no attribute {name!r}.{hint}")


class _Forwarded:
    """
    A write method of the client, as the wrapper returns it.
    """

    def __init__(self, sg: HooksMixin, name: str, method: Callable[..., Any]) -> None:
        functools.update_wrapper(self, method)
        self._sg, self._name = sg, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return getattr(self._sg._sg, self._name)(*args, **kwargs)  # noqa: SLF001 - part of the wrapper


def _refuse_if_recorded() -> None:
    if RECORDER.get() is not None:
        msg = "A dry run or an undoable block is active in this thread or task already. Leave it first."
        raise ConfigurationError(msg)
