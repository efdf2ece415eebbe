"""
sgextended: the thread-safe, fast and extensible object to use instead of ``shotgun_api3.Shotgun``.
"""

from typing import TYPE_CHECKING, Any, List

from sgextended.client.native_client import NativeClient
from sgextended.errors import (
    AmbiguousError,
    BatchesFailed,
    BrokenResponse,
    CertificateError,
    ClientClosed,
    ConfigurationError,
    ConnectionLost,
    ForkedProcessError,
    HTTPStatusError,
    InvalidArgumentError,
    InvalidJSON,
    MapTimeout,
    NotFoundError,
    OutcomeUnknown,
    OutcomeUnknownStatus,
    PartialSuccessError,
    PoolClosed,
    PoolError,
    PoolTimeout,
    ProxyError,
    ReadOnlyError,
    RecordError,
    SchemaError,
    SessionExpired,
    SGExtendedError,
    SignatureError,
    ThumbnailNotReady,
    TLSError,
    TransportError,
    TransportTimeout,
    UnknownHost,
    Unreachable,
    WorkerError,
    WorkerLost,
)
from sgextended.events.event_stream import EventStream
from sgextended.extended import SGExtended
from sgextended.http.proxy import Proxy
from sgextended.http.retry import RetryPolicy
from sgextended.lazy_import import lazy_module
from sgextended.observe.call_events import Call
from sgextended.schema.site_schema import SiteSchema
from sgextended.secret import Secret
from sgextended.site_settings import Site
from sgextended.writes.write_events import Write

if TYPE_CHECKING:
    from sgextended.aio import AsyncSGExtended as AsyncSGExtended
    from sgextended.aio import CallCancelled as CallCancelled
    from sgextended.domain.typed.record_classes import Link as Link
    from sgextended.events.action_menu import ActionMenu as ActionMenu
    from sgextended.events.event import Event as Event
    from sgextended.events.handling.event_runner import EventRunner as EventRunner
    from sgextended.events.handling.event_runner import HandlerState as HandlerState
    from sgextended.events.handling.handlers import on as on
    from sgextended.events.handling.parked_events import Parked as Parked
    from sgextended.events.webhook import Webhook as Webhook
    from sgextended.observe.trace_report import Trace as Trace
    from sgextended.sg_worker import SGWorker as SGWorker
    from sgextended.studio_class import current as current
    from sgextended.studio_class import registered_class as registered_class
    from sgextended.workers.map_options import Failure as Failure
    from sgextended.workers.pool.instance_pool import SGPool as SGPool
    from sgextended.writes.dry_run import Plan as Plan
    from sgextended.writes.dry_run import PlannedWrite as PlannedWrite
    from sgextended.writes.undo import UndoEntry as UndoEntry
    from sgextended.writes.undo import UndoLog as UndoLog
    from sgextended.writes.undo import UndoResult as UndoResult

__all__ = [
    "ActionMenu",
    "AmbiguousError",
    "AsyncSGExtended",
    "BatchesFailed",
    "BrokenResponse",
    "Call",
    "CallCancelled",
    "CertificateError",
    "ClientClosed",
    "ConfigurationError",
    "ConnectionLost",
    "Event",
    "EventRunner",
    "EventStream",
    "Failure",
    "ForkedProcessError",
    "HTTPStatusError",
    "HandlerState",
    "InvalidArgumentError",
    "InvalidJSON",
    "Link",
    "MapTimeout",
    "NativeClient",
    "NotFoundError",
    "OutcomeUnknown",
    "OutcomeUnknownStatus",
    "Parked",
    "PartialSuccessError",
    "Plan",
    "PlannedWrite",
    "PoolClosed",
    "PoolError",
    "PoolTimeout",
    "Proxy",
    "ProxyError",
    "ReadOnlyError",
    "RecordError",
    "RetryPolicy",
    "SGExtended",
    "SGExtendedError",
    "SGPool",
    "SGWorker",
    "SchemaError",
    "Secret",
    "SessionExpired",
    "SignatureError",
    "Site",
    "SiteSchema",
    "TLSError",
    "ThumbnailNotReady",
    "Trace",
    "TransportError",
    "TransportTimeout",
    "UndoEntry",
    "UndoLog",
    "UndoResult",
    "UnknownHost",
    "Unreachable",
    "Webhook",
    "WorkerError",
    "WorkerLost",
    "Write",
    "current",
    "on",
    "registered_class",
]


#: Names whose modules are imported on first use, so that the import of the package stays fast.
_LAZY = {
    name: lazy_module(module)
    for module, names in {
        "sgextended._version": ("__version__",),
        "sgextended.aio": ("AsyncSGExtended", "CallCancelled"),
        "sgextended.domain.typed.record_classes": ("Link",),
        "sgextended.events.action_menu": ("ActionMenu",),
        "sgextended.events.event": ("Event",),
        "sgextended.sg_worker": ("SGWorker",),
        "sgextended.events.handling.event_runner": ("EventRunner", "HandlerState"),
        "sgextended.events.handling.handlers": ("on",),
        "sgextended.events.handling.parked_events": ("Parked",),
        "sgextended.events.webhook": ("Webhook",),
        "sgextended.writes.dry_run": ("Plan", "PlannedWrite"),
        "sgextended.workers.pool.instance_pool": ("SGPool",),
        "sgextended.studio_class": ("current", "registered_class"),
        "sgextended.observe.trace_report": ("Trace",),
        "sgextended.writes.undo": ("UndoEntry", "UndoLog", "UndoResult"),
        "sgextended.workers.map_options": ("Failure",),
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
