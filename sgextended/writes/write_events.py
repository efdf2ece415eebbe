"""
Write events: a `Write` describes one change before it is sent; a `Recorder` intercepts the writes of a block.
"""

from typing import Any, Dict, List, Optional, Protocol

from attrs import field, frozen

from sgextended.concurrency.scoped_value import ScopedValue
from sgextended.errors import ReadOnlyError
from sgextended.observe.watchers import Watcher
from sgextended.secret import without_secrets

Row = Dict[str, Any]

#: The names of the hooks, which a subclass of `SGExtended` overrides.
HOOKS = ("on_call", "before_write", "after_write")


@frozen(kw_only=True)
class Write:
    """
    One write: a call of a native method, or one request of a batch.

    Attributes:
        method: The name of the native method: ``"create"``, ``"update"``, ``"delete"``, ``"revive"``, ``"upload"``,
            ``"follow"``, ``"schema_field_create"`` and so on.

        entity_type: The first argument of the method, if it is an entity type; else None.

        entity_id: The id of the entity. None for a create, and for methods without an entity.

        data: The fields of a create or an update. For other methods: the remaining arguments, by name.

        update_modes: The update mode of each multi-entity field of an update: ``"set"``, ``"add"`` or ``"remove"``.
    """

    __module__ = "sgextended"

    method: str
    entity_type: Optional[str] = None
    entity_id: Optional[int] = None
    data: Row = field(factory=dict, repr=lambda data: repr(without_secrets(data)))
    update_modes: Row = field(factory=dict)

    def __str__(self) -> str:
        about = [str(each) for each in (self.entity_type, self.entity_id) if each is not None]
        return " ".join([self.method, *about])


class WriteWatcher(Watcher, Protocol):
    """
    An object that is called before and after each write, such as a wrapper.
    """

    def before_write(self, write: Write) -> Write:
        """
        Return the write to send: the given one, or a copy with other data.
        """

    def after_write(self, write: Write, result: Any) -> None:
        """
        Receive a write that the server has applied, and its result.
        """


class Recorder(Protocol):
    """
    An object that receives the writes of a block instead of the site: a dry run or an undo log.
    """

    is_dry: bool  # whether no write is sent

    def around(self, client: Any, writes: List[Write], send: "Send") -> Any:
        """
        Record the writes of one call, send them unless this is a dry run, and return the result of the call.

        Args:
            client: The client, for reading the present values.

            writes: The writes of the call.

            send: The call, which sends the writes when it is called.
        """


class Send(Protocol):
    """
    One call that is ready to be sent.
    """

    @property
    def is_batch(self) -> bool:
        """
        Whether the call returns a list with one result for each write.
        """

    def __call__(self, writes: Optional[List[Write]] = None) -> Any:
        """
        Send the call and return its result. If *writes* are given, send them instead of the call's own writes.
        """


class _Interrupted:
    """
    The recorder of a thread that was started in a dry run or undoable block whose end was interrupted.
    """

    is_dry = True

    def around(self, client: Any, writes: List[Write], send: Send) -> Any:  # noqa: ARG002 - as Recorder has it
        """
        Refuse the writes. The block is gone, but the thread was started to write inside it, not directly to the site.

        Raises:
            ReadOnlyError: Always.
        """
        what = ", ".join(map(str, writes[:3])) + (", ..." if writes[3:] else "")
        msg = (
            f"{what}: refused. This thread or task was started in a dry run or undoable block, and an exception "
            "interrupted the end of that block. Nothing was sent. Start the work again."
        )
        raise ReadOnlyError(msg)


#: The recorder of the current block. None: writes are sent and not recorded.
RECORDER: "ScopedValue[Optional[Recorder]]" = ScopedValue("sgextended_recorder", None, elsewhere=_Interrupted())
