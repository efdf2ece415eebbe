"""
sgextended: the thread-safe, fast and extensible object to use instead of ``shotgun_api3.Shotgun``.
"""

from typing import TYPE_CHECKING, Any, List

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
from sgextended.lazy import lazy_module
from sgextended.native import NativeClient
from sgextended.schema import SiteSchema
from sgextended.secret import Secret
from sgextended.site import Site

if TYPE_CHECKING:
    from sgextended.aio import AsyncSGExtended as AsyncSGExtended
    from sgextended.aio import CallCancelled as CallCancelled
    from sgextended.domain.record_classes import Link as Link
    from sgextended.plan import Plan as Plan
    from sgextended.plan import Planned as Planned
    from sgextended.pool import SGPool as SGPool
    from sgextended.registered import current as current
    from sgextended.registered import registered_class as registered_class
    from sgextended.trace_report import Trace as Trace
    from sgextended.undo import UndoLog as UndoLog
    from sgextended.undo import Undone as Undone
    from sgextended.workers import Failure as Failure

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


#: Names whose modules are imported when they are first read, so that the import of the package stays quick.
_LAZY = {
    name: lazy_module(module)
    for module, names in {
        "sgextended._version": ("__version__",),
        "sgextended.aio": ("AsyncSGExtended", "CallCancelled"),
        "sgextended.domain.record_classes": ("Link",),
        "sgextended.plan": ("Plan", "Planned"),
        "sgextended.pool": ("SGPool",),
        "sgextended.registered": ("current", "registered_class"),
        "sgextended.trace_report": ("Trace",),
        "sgextended.undo": ("UndoLog", "Undone"),
        "sgextended.workers": ("Failure",),
    }.items()
    for name in names
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(_LAZY[name], name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> List[str]:
    return sorted({*globals(), *_LAZY})
