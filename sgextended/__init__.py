"""
sgextended: the thread-safe, fast and extensible object to use instead of ``shotgun_api3.Shotgun``.
"""

from typing import TYPE_CHECKING, Any

from sgextended.domain.record_classes import Link
from sgextended.errors import (
    AmbiguousError,
    BatchesFailed,
    CheckError,
    ClientClosed,
    ConfigurationError,
    FilterError,
    MapTimeout,
    NotFoundError,
    OutcomeUnknown,
    PartlyDone,
    PoolClosed,
    PoolError,
    PoolTimeout,
    ReadOnlyError,
    RecordError,
    SGExtendedError,
    StatusError,
    TLSError,
    TransportError,
    TransportTimeout,
    Unreachable,
    WorkerError,
    WorkerLost,
)
from sgextended.extended import SGExtended, SGWorker
from sgextended.hooks import Call, Write
from sgextended.http.proxy import Proxy
from sgextended.http.retry import RetryPolicy
from sgextended.native import NativeClient
from sgextended.plan import Plan, Planned
from sgextended.pool import SGPool
from sgextended.registered import current, registered_class
from sgextended.schema import SiteSchema
from sgextended.secret import Secret
from sgextended.site import Site
from sgextended.trace import Trace
from sgextended.undo import UndoLog, Undone
from sgextended.workers import Failure

if TYPE_CHECKING:
    from sgextended.aio import AsyncSGExtended as AsyncSGExtended
    from sgextended.aio import CallCancelled as CallCancelled

__all__ = [
    "AmbiguousError",
    "AsyncSGExtended",
    "BatchesFailed",
    "Call",
    "CallCancelled",
    "CheckError",
    "ClientClosed",
    "ConfigurationError",
    "Failure",
    "FilterError",
    "Link",
    "MapTimeout",
    "NativeClient",
    "NotFoundError",
    "OutcomeUnknown",
    "PartlyDone",
    "Plan",
    "Planned",
    "PoolClosed",
    "PoolError",
    "PoolTimeout",
    "Proxy",
    "ReadOnlyError",
    "RecordError",
    "RetryPolicy",
    "SGExtended",
    "SGExtendedError",
    "SGPool",
    "SGWorker",
    "Secret",
    "Site",
    "SiteSchema",
    "StatusError",
    "TLSError",
    "Trace",
    "TransportError",
    "TransportTimeout",
    "UndoLog",
    "Undone",
    "Unreachable",
    "WorkerError",
    "WorkerLost",
    "Write",
    "current",
    "registered_class",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from sgextended._version import __version__  # noqa: PLC0415 - lazy, as R2 asks

        return __version__
    if name in ("AsyncSGExtended", "CallCancelled"):
        from sgextended import aio  # noqa: PLC0415 - asyncio is imported by those who use it

        return getattr(aio, name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
