"""
What a wrapper's hooks are told: a `Call` for each request that was made, a `Write` for each thing that is written.

It knows nothing of `SGExtended`: whoever has the three methods can watch a client.
"""

import logging
import time
from typing import Any, Dict, List, Optional, Protocol, Type

from attrs import field, frozen

from sgextended.client.credentials import without_secrets
from sgextended.concurrency.scoped_value import Block, ScopedValue
from sgextended.errors import ReadOnlyError
from sgextended.observe import trace

LOG = logging.getLogger("sgextended")

Row = Dict[str, Any]

#: The hooks by their names.
HOOKS = ("on_call", "before_write", "after_write")


@frozen(kw_only=True)
class Call:
    """
    One request that was made of the site or its storage, with all of its attempts.

    Attributes:
        rpc: Its name on the wire, such as ``"read"`` or ``"update"``; ``"upload_file"``, ``"put"`` and ``"download"``
            are transfers. For a client that was handed in: the name of the method.

        entity_type: What it was about, such as ``"Shot"``. None where that is nothing, or several.

        seconds: From the beginning of the first attempt to the end of the last, waits between them included; making
            Python values of the answer too, but not for pages that were fetched ahead.

        attempts: How often it was tried. 0: the time was up, or the site had asked to wait for longer, before it was.

        bytes_sent: Bytes of the request's body, those of each attempt; None for a client that was handed in.

        bytes_received: Bytes of the answers' bodies, unpacked; None for a client that was handed in.

        rows: Entities in a page that was read, or results of a batch. None for others, and for pages that were fetched
            ahead: nobody has looked into them yet.

        error: Class of what was raised, such as a ``Fault``, or None.
    """

    __module__ = "sgextended"

    rpc: str
    entity_type: Optional[str] = None
    seconds: float = 0.0
    attempts: int = 1
    bytes_sent: Optional[int] = None
    bytes_received: Optional[int] = None
    rows: Optional[int] = None
    error: Optional[Type[BaseException]] = None


@frozen(kw_only=True)
class Write:
    """
    One thing that is written: a call of a native method, or one request of a batch.

    Attributes:
        method: Name of the native method: ``"create"``, ``"update"``, ``"delete"``, ``"revive"``, ``"upload"``,
            ``"follow"``, ``"schema_field_create"`` and so on.

        entity_type: Its first argument, where that is an entity type.

        entity_id: Which entity. None for a create, and where there is none.

        data: Fields of a create or an update; of others the further arguments, by name.

        update_modes: How each field of an update that is a list is changed: ``"set"``, ``"add"`` or ``"remove"``.
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


class Watcher(Protocol):
    """
    Who is told: a wrapper.
    """

    def on_call(self, call: Call) -> None:
        """
        Be told of a request that was made.
        """

    def before_write(self, write: Write) -> Write:
        """
        Return what is to be written.
        """

    def after_write(self, write: Write, result: Any) -> None:
        """
        Be told of what was written.
        """


#: Whether a hook is running. What it asks of the site calls no hooks, so that it does not go round in circles.
_in_hook: "ScopedValue[bool]" = ScopedValue("sgextended_in_hook", default=False)

#: Return whether a hook is running.
is_in_hook = _in_hook.get


def in_hook() -> Block[None]:
    """
    Let a ``with`` block call no hooks.
    """
    return _in_hook.bind(True)


def tell(watcher: Watcher, call: Call) -> None:
    """
    Tell of a call. What goes wrong there is logged: the call itself has gone as it went.
    """
    for each in trace.current():
        each.add(call)
    if is_in_hook():
        return
    with in_hook():
        try:
            watcher.on_call(call)
        except Exception:
            LOG.exception("%s.on_call failed; the call that it was told of (%s) did not", type(watcher).__name__, call)


class RequestStats:
    """
    What is counted while a call is under way.
    """

    __slots__ = ("attempts", "received", "rows", "sent", "started")

    def __init__(self) -> None:
        self.attempts = self.sent = self.received = 0
        self.rows: Optional[int] = None
        self.started = time.monotonic()

    def call(self, rpc: str, entity_type: Optional[str], error: Optional[Type[BaseException]]) -> Call:
        """
        Return the record of the call, which is over.
        """
        return Call(
            rpc=rpc,
            entity_type=entity_type,
            seconds=time.monotonic() - self.started,
            attempts=self.attempts,
            bytes_sent=self.sent,
            bytes_received=self.received,
            rows=self.rows,
            error=error,
        )


def rows_in(rpc: str, results: Any) -> Optional[int]:
    """
    Return how many entities the results of a call hold, where that can be said.
    """
    if rpc == "read" and isinstance(results, dict):
        results = results.get("entities")
    return len(results) if rpc in ("read", "batch") and isinstance(results, list) else None


class Recorder(Protocol):
    """
    What stands between what a block writes and the site: a dry run, or what keeps what is needed to undo.
    """

    is_dry: bool  # whether nothing is sent

    def around(self, client: Any, writes: List[Write], send: "Send") -> Any:
        """
        Return what the writes of one call come to.

        Args:
            client: Whom to ask what is there now.

            writes: What is to be written.

            send: Sends it.
        """


class Send(Protocol):
    """
    One call that is ready to be sent.
    """

    @property
    def is_batch(self) -> bool:
        """
        Whether it has a result for each write.
        """

    def __call__(self, writes: Optional[List[Write]] = None) -> Any:
        """
        Send it, with these writes in the place of its own if they are given, and return what the site returns.
        """


class _Interrupted:
    """
    The recorder of a thread that was started in a dry run or undoable block whose end never ran.
    """

    is_dry = True

    def around(self, client: Any, writes: List[Write], send: Send) -> Any:  # noqa: ARG002 - as Recorder has it
        """
        Refuse the writes: the thread must not begin to write for real because the block has gone.

        Raises:
            ReadOnlyError: Always.
        """
        what = ", ".join(map(str, writes[:3])) + (", ..." if writes[3:] else "")
        msg = (
            f"{what}: refused. This thread or task was started in a dry run or undoable block, and an exception "
            "interrupted the end of that block. Nothing was sent. Start the work again."
        )
        raise ReadOnlyError(msg)


#: The recorder of the writes of the block that runs; None: writes are sent and not recorded.
RECORDER: "ScopedValue[Optional[Recorder]]" = ScopedValue("sgextended_recorder", None, elsewhere=_Interrupted())
