"""
The exceptions of sgextended: each is also what users of shotgun_api3 already catch.

Faults of the site (``shotgun_api3.Fault`` and the classes under it) pass unchanged and are not repeated here.
Every exception takes one positional message and survives pickling, so that a worker process can raise it.
"""

import ssl
from typing import Any, Dict, Optional, Sequence
from xmlrpc.client import ProtocolError  # the class that shotgun_api3 raises, and passes on as its own

# Passed on: what the official client raises, which transfers raise as well.
from shotgun_api3.shotgun import ShotgunError as ShotgunError  # noqa: PLC0414
from shotgun_api3.shotgun import ShotgunFileDownloadError as ShotgunFileDownloadError  # noqa: PLC0414


class SGExtendedError(Exception):
    """
    The base of every exception that sgextended raises by itself.
    """

    __module__ = "sgextended"


class ConfigurationError(SGExtendedError, ValueError):
    """
    A site or an option that cannot work; nothing was sent.
    """

    __module__ = "sgextended"


class InvalidArgumentError(SGExtendedError, ValueError):
    """
    What was asked for cannot be a filter; nothing was sent.
    """

    __module__ = "sgextended"


class ReadOnlyError(SGExtendedError, PermissionError):
    """
    Something was to be written where nothing may be; nothing was sent.
    """

    __module__ = "sgextended"


class SchemaError(SGExtendedError, ValueError):
    """
    What was asked for does not fit the site's schema; nothing was sent.

    Attributes:
        problems: What does not fit: list of `sgextended.schema.validation.Problem`, each with its place and a message.
    """

    __module__ = "sgextended"

    def __init__(self, message: str, *, problems: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.problems = list(problems)


class RecordError(SGExtendedError, ValueError):
    """
    An entity and the class of a record do not fit each other.

    Attributes:
        entity: The entity, as ``type`` and ``id``. None: it is not about one.

        problems: What does not fit, one sentence for each attribute.
    """

    __module__ = "sgextended"

    def __init__(self, message: str, *, entity: Optional[Dict[str, Any]] = None, problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.entity = entity
        self.problems = list(problems)


class NotFoundError(SGExtendedError, LookupError):
    """
    Something that was asked for by name or id is not on the site.
    """

    __module__ = "sgextended"


class AmbiguousError(SGExtendedError, LookupError):
    """
    Exactly one entity was asked for, and several are meant by it.

    Attributes:
        found: What was found, as the site gave it; the first few, where there are many.
    """

    __module__ = "sgextended"

    def __init__(self, message: str, *, found: Sequence[Dict[str, Any]] = ()) -> None:
        super().__init__(message)
        self.found = list(found)


class WorkerError(SGExtendedError, RuntimeError):
    """
    The work on one item failed; the failure itself is the ``__cause__``.
    """

    __module__ = "sgextended"

    def __init__(self, message: str, *, item: Any = None) -> None:
        super().__init__(message)
        self.item = item


class WorkerLost(WorkerError):
    """
    The worker of one item was lost, and nobody knows whether the item was done; it is not begun again.
    """

    __module__ = "sgextended"


class PartialSuccessError(SGExtendedError, ShotgunError):
    """
    A call of several steps has failed after the first; the failure itself is the ``__cause__``.

    Attributes:
        entity: What the first step left on the site, with ``type`` and ``id``: the new or changed entity of a create or
            update with an image, the Attachment of a thumbnail that could not be shared.
    """

    __module__ = "sgextended"

    def __init__(self, message: str, *, entity: Any = None) -> None:
        super().__init__(message)
        self.entity = entity


class BatchesFailed(SGExtendedError, ShotgunError):
    """
    Of many writes some were not done, or nobody knows; the others were.

    Attributes:
        report: What came of each batch.
    """

    __module__ = "sgextended"

    def __init__(self, message: str, *, report: Any = None) -> None:
        super().__init__(message)
        self.report = report


class PoolError(SGExtendedError):
    """
    The base of what a pool of connections or of instances may raise.
    """

    __module__ = "sgextended"


class PoolClosed(PoolError, RuntimeError):
    """
    The pool was closed and lends nothing any more.
    """

    __module__ = "sgextended"


class PoolTimeout(PoolError, TimeoutError):
    """
    Nothing came free in the pool before the time was up; nothing was sent.
    """

    __module__ = "sgextended"

    def __init__(self, message: str, *, pool: Optional[str] = None, waited: Optional[float] = None) -> None:
        super().__init__(message)
        self.pool = pool
        self.waited = waited  # seconds


class MapTimeout(SGExtendedError, TimeoutError):
    """
    The work on many items was not done in time.

    Attributes:
        done: How many items are done.

        failed: How many failed.
    """

    __module__ = "sgextended"

    def __init__(self, message: str, *, done: int = 0, failed: int = 0) -> None:
        super().__init__(message)
        self.done = done
        self.failed = failed


class ClientClosed(SGExtendedError, RuntimeError):
    """
    The client was closed, and is used again; nothing was sent.
    """

    __module__ = "sgextended"


class TransportError(SGExtendedError, ConnectionError):
    """
    No usable answer came from the site.

    Attributes:
        sent: False when the request surely never reached the site as a whole, so that nothing was done there.

        rpc: Name of the call on the wire, such as ``"read"``. None before it is known.

        entity_type: What the call was about, such as ``"Shot"``. None where that is nothing, or several.

        attempts: How often the request was tried.

        elapsed: Seconds from the first attempt to the failure, the waits between attempts included.

        lasting: True when another attempt would fail in the same way, as with a certificate that is not trusted.
    """

    __module__ = "sgextended"

    entity_type: Optional[str] = None
    elapsed: float = 0.0

    def __init__(
        self, message: str, *, sent: bool = True, rpc: Optional[str] = None, attempts: int = 1, lasting: bool = False
    ) -> None:
        super().__init__(message)
        self.sent = sent
        self.lasting = lasting
        self.rpc = rpc
        self.attempts = attempts


class Unreachable(TransportError, ConnectionRefusedError):
    """
    No connection to the site, or to its proxy, could be made; nothing was sent.
    """

    __module__ = "sgextended"


class TransportTimeout(TransportError, TimeoutError):
    """
    Connecting or reading took longer than the site's time limit.
    """

    __module__ = "sgextended"


class TLSError(TransportError, ssl.SSLError):
    """
    The TLS connection could not be made or broke.
    """

    __module__ = "sgextended"

    __str__ = Exception.__str__  # SSLError's shows the tuple of arguments


class HTTPStatusError(TransportError, ProtocolError):
    """
    The server answered with an HTTP status instead of an answer.

    Attributes:
        errcode: The HTTP status, as ``shotgun_api3.ProtocolError`` has it.

        errmsg: The text that came with it.

        headers: Headers of the answer, names in lower case; without cookies, which may hold a session.

        retry_after: Seconds that the server asked to wait, or None.
    """

    __module__ = "sgextended"

    def __init__(
        self,
        message: str,
        *,
        url: str = "",
        errcode: int = 0,
        errmsg: str = "",
        headers: Any = None,
        retry_after: Optional[float] = None,
        sent: bool = True,
        rpc: Optional[str] = None,
        attempts: int = 1,
    ) -> None:
        TransportError.__init__(self, message, sent=sent, rpc=rpc, attempts=attempts)
        self.url = url
        self.errcode = errcode
        self.errmsg = errmsg
        self.headers = {name: value for name, value in (headers or {}).items() if name.lower() != "set-cookie"}
        self.retry_after = retry_after

    __repr__ = Exception.__repr__  # ProtocolError's shows its fields instead of the message


class OutcomeUnknown(TransportError):
    """
    A write was sent, and no answer tells whether the site did it.

    After a create, look on the site before you write again, with ``sg.reconcile(error)``: sending it once more may do
    it twice. An update or a delete may be sent again without harm, as it was, until the attempts were used up.

    Attributes:
        data: What was to be written: the fields of a create, the requests of a batch; values that look like secrets are
            left out. None for other calls.

        sent_at: When it was sent, as seconds since the epoch on the clock of this machine.

        clock_ahead: By how many seconds the site's clock was seen to be ahead of this machine's.
    """

    __module__ = "sgextended"

    data: Any = None
    sent_at: float = 0.0
    clock_ahead: float = 0.0


#: What a call may raise besides a programming error: ours, and the site's faults.
CallError = (SGExtendedError, ShotgunError)
